"""What supervisors and Prometheus see."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sandbox.jobs.program import Program
from sandbox.jobs.tick import tick
from sandbox.web.front import make_app


@pytest.fixture
def app(program: Program) -> Flask:
    return make_app(program)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


def test_the_process_answers_whoever_asks(client: FlaskClient) -> None:
    assert (client.get("/healthz").status_code, client.get("/healthz").get_json()) == (200, {"status": "ok"})


def test_it_is_not_ready_before_the_clock_has_ticked_and_ready_after(program: Program, client: FlaskClient) -> None:
    before = client.get("/readyz")
    assert (before.status_code, before.get_json()) == (503, {"ready": False, "writable": True, "tick_age_s": None})
    tick(program)
    after = client.get("/readyz")
    assert (after.status_code, after.get_json()) == (200, {"ready": True, "writable": True, "tick_age_s": 0.0})


def test_requests_are_counted_by_endpoint_and_never_by_address(client: FlaskClient) -> None:
    client.get("/api/v1/trials/ES-0001-secret")
    client.get("/no/such/address")
    text = client.get("/metrics").get_data(as_text=True)
    assert 'sandbox_requests_total{endpoint="api.trial",method="GET",status="401"}' in text
    assert 'endpoint="unknown"' in text
    assert "secret" not in text and "such" not in text
