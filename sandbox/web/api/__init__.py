"""The API: everything that pages can do, for programs, under /api/v1; described completely by its own document."""

from functools import cache, partial

from flask import Blueprint, Flask, Response, request

from sandbox.web.api import (
    accounts,
    allegations,
    annual,
    batches,
    changes,
    clocks,
    corrective,
    decisions,
    duty,
    feedback,
    files,
    guidance,
    imports,
    incidents,
    lights,
    log,
    messages,
    openapi,
    panel,
    permits,
    receipts,
    registers,
    reporting,
    reviews,
    scenarios,
    sections,
    timetable,
    trials,
    withdrawals,
    workload,
)
from sandbox.web.api.endpoint import Endpoint, view_of

PREFIX = "/api/v1"
ENDPOINTS: tuple[Endpoint, ...] = (
    *trials.rows, *sections.rows, *panel.rows, *feedback.rows, *reporting.rows, *receipts.rows, *incidents.rows,
    *withdrawals.rows, *clocks.rows, *annual.rows, *guidance.rows, *corrective.rows, *changes.rows, *allegations.rows,
    *files.rows, *reviews.rows, *timetable.rows, *log.rows, *scenarios.rows, *decisions.rows, *duty.rows,
    *workload.rows, *accounts.rows, *messages.rows, *imports.rows, *permits.rows, *registers.rows, *batches.rows,
    *lights.rows,
)


def enter(app: Flask) -> None:
    """Register every endpoint and the document that describes them."""
    blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
    for endpoint in ENDPOINTS:
        blueprint.add_url_rule(endpoint.path, endpoint.name, view_of(endpoint), methods=[endpoint.method])
    document = cache(partial(openapi.rendered, ENDPOINTS))
    blueprint.add_url_rule("/openapi.json", "openapi", lambda: Response(document(), mimetype="application/json"))
    blueprint.after_app_request(no_content)
    app.register_blueprint(blueprint)


def no_content(response: Response) -> Response:
    """An answer of the API loads nothing, and says the same bytes to whoever asks the same."""
    if request.path.startswith(PREFIX):
        response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    return response
