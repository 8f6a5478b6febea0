"""A small invented city (演示数据), made by acts at past instants; its steps also walk trials in tests."""
