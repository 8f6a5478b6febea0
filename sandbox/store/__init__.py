"""What is kept: fields and tables by noun, column types, the engine and its one write door, facts, and the log."""
