"""How the program is, for supervisors and Prometheus. Nothing here names a person, a trial or a setting."""

import time

from flask import Flask, Response, g, jsonify, request

from sandbox.jobs import health
from sandbox.web.reader import program


def enter(app: Flask) -> None:
    """Register the three addresses, and count every request."""
    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)
    app.add_url_rule("/metrics", "metrics", metrics)
    app.before_request(begin)
    app.after_request(counted)


def healthz() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


def readyz() -> tuple[Response, int]:
    """Writes reach the disk and the clock ticks; 503 when not."""
    found = health.readiness(program())
    answer = jsonify({"ready": found.ready, "writable": found.writable, "tick_age_s": found.tick_age_s})
    return answer, 200 if found.ready else 503


def metrics() -> Response:
    """Everything counted in this process."""
    return Response(health.metrics(program()), content_type=health.CONTENT_TYPE)


def begin() -> None:
    """The monotonic instant at which the request arrived."""
    g.arrived = time.monotonic()


def counted(response: Response) -> Response:
    """One more request, by endpoint, method and status."""
    seconds = time.monotonic() - g.get("arrived", time.monotonic())
    health.count_request(request.endpoint, request.method, response.status_code, seconds)
    return response
