"""How a no is said: every refusal of an act as a problem document (RFC 9457) or a page, in the reader's language."""

import sqlite3
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
import structlog
from flask import Flask, Response, jsonify, render_template, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

from sandbox.acts.refusals import Invalid, KeyReused, NotFound, NotPermitted, Refused, Stale, Unmet
from sandbox.jobs.batches import BatchRefused, TooManyLines
from sandbox.jobs.imports import LinesRefused
from sandbox.papers.signing import KeyMissing
from sandbox.reads.pages import BadCursor
from sandbox.rules.guards import need_named
from sandbox.rules.intake import BadMapping
from sandbox.store.door import Busy, Unknown
from sandbox.store.faults import Fault, faults_of
from sandbox.web import reader
from sandbox.words import Word, say_at_least, word

log = structlog.get_logger()
BASE = "/problems/"
MOST_LINES = 1000
"""Lines of a file that one answer names."""


class FieldError(BaseModel):
    """One thing that is wrong, and where: `field` is a path in the body, a header or a parameter, empty for the body as
    a whole; `line` and `column` where the text itself cannot be read."""

    field: str
    code: str
    message: str
    line: int | None = None
    column: int | None = None


class Malformed(Exception):
    """A request that cannot be read as what it should be. Each error names its place: a field's path, a header, a
    parameter, and line and column where there are some."""

    def __init__(self, code: str, *errors: tuple[str, Word], status: int = 400, **place: int) -> None:
        self.code, self.errors, self.status, self.place = code, errors, status, place
        super().__init__(code)


def said(what: Word) -> str:
    """A word in the reader's language. What is already going wrong is told all the same where a value is missing:
    without it, and the log has the bug."""
    try:
        return reader.said(what)
    except (KeyError, TypeError, ValueError):
        log.exception("unsayable", key=what.key, path=request.path)
        return say_at_least(what, reader.locale(), reader.program().settings.zone)


def problem(status: int, code: str, title: Word, **more: Any) -> tuple[int, dict[str, Any]]:
    """The document: stable `type` and `code`, a title in the reader's language, and what belongs to the case."""
    return status, {"type": f"{BASE}{code}", "code": code, "status": status, "title": said(title), **more}


def field_errors(error: ValidationError) -> list[dict[str, Any]]:
    """Pydantic's errors by field path, each as a word of ours; the value given is never repeated."""
    return [{"field": one.field, "code": one.code, "message": said(one.word)} for one in faults_of(error)]


def told(fault: Fault, line: int | None = None) -> FieldError:
    """A fault in the reader's language."""
    return FieldError(field=fault.field, code=fault.code, message=said(fault.word), line=line)


def of_exception(error: Exception) -> tuple[int, dict[str, Any]]:
    """The problem document of any exception that an act, a read or Flask can raise."""
    for kind, make in MAKERS:
        if isinstance(error, kind):
            return make(error)
    log.exception("bug", path=request.path)
    return problem(500, "bug", word("problem.bug"))


def _refused(status: int) -> Callable[[Any], tuple[int, dict[str, Any]]]:
    def make(error: Refused) -> tuple[int, dict[str, Any]]:
        return problem(status, error.code, error.title, reasons=[said(reason) for reason in error.reasons],
                       **error.details)

    return make


def _unmet(error: Unmet) -> tuple[int, dict[str, Any]]:
    needs = [{"need": name, "message": said(sentence), "holder": need_named(name).holder,
              "meet": need_named(name).meet} for name, sentence in error.needs.items()]
    return problem(409, "needs_unmet", word("refused.needs_unmet", n=len(needs)), move=error.move, unmet=needs)


def _invalid(error: Invalid) -> tuple[int, dict[str, Any]]:
    errors = [{"field": ".".join(map(str, path)), "code": why.key.removeprefix("error."), "message": said(why)}
              for path, why in error.errors]
    return problem(422, "invalid", word("problem.invalid", n=len(errors)), errors=errors)


def _validation(error: ValidationError) -> tuple[int, dict[str, Any]]:
    errors = field_errors(error)
    return problem(422, "invalid", word("problem.invalid", n=len(errors)), errors=errors)


def _batch(error: BatchRefused) -> tuple[int, dict[str, Any]]:
    errors = [told(fault, line).model_dump(exclude_none=True) for line, fault in error.faults]
    return problem(422, "batch_refused", word("problem.batch_refused", n=error.refused, lines=error.lines),
                   errors=errors, lines=error.lines, refused=error.refused, faults=error.number)


def _malformed(error: Malformed) -> tuple[int, dict[str, Any]]:
    errors = [{"field": field, "code": why.key.removeprefix("error."), "message": said(why), **error.place}
              for field, why in error.errors]
    return problem(error.status, error.code, word(f"problem.{error.code}"), errors=errors)


def _lines(error: LinesRefused) -> tuple[int, dict[str, Any]]:
    errors = [{"field": one.field, "code": one.code.key.removeprefix("intake."), "message": said(one.word),
               "line": one.line} for one in error.remarks[:MOST_LINES]]
    return problem(422, "lines_refused", word("problem.lines_refused", n=len(error.remarks)), errors=errors)


def _mapping(error: BadMapping) -> tuple[int, dict[str, Any]]:
    return problem(422, "bad_mapping", word("problem.bad_mapping"), reasons=[said(one) for one in error.reasons])


def _storage(error: Exception) -> tuple[int, dict[str, Any]]:
    code = "busy" if isinstance(error, Busy) else "storage_unknown"
    log.warning("storage", code=code, cause=repr(error.__cause__ or error))
    return problem(503, code, word(f"problem.{code}"))


def _key_missing(error: Exception) -> tuple[int, dict[str, Any]]:
    log.error("signing_key_missing", key=str(error))
    return problem(503, "key_missing", word("problem.key_missing"))


def _http(error: HTTPException) -> tuple[int, dict[str, Any]]:
    status = error.code or 500
    code = HTTP_CODES.get(status, "http")
    return problem(status, code, word(f"problem.{code}"))


HTTP_CODES = {400: "bad_request", 401: "unauthenticated", 403: "not_permitted", 404: "not_found",
              405: "method_not_allowed", 413: "too_large", 415: "unsupported_type", 429: "too_many"}
STORAGE = (Busy, Unknown, sqlite3.OperationalError, sa.exc.OperationalError, sa.exc.TimeoutError)
MAKERS: tuple[tuple[Any, Callable[[Any], tuple[int, dict[str, Any]]]], ...] = (
    (NotFound, lambda _: problem(404, "not_found", word("problem.not_found"))),
    (BadCursor, lambda _: problem(400, "bad_cursor", word("problem.bad_cursor"))),
    (BatchRefused, _batch),
    (TooManyLines, lambda error: problem(413, "too_many_lines", word("problem.too_many_lines", limit=error.limit))),
    (Malformed, _malformed), (NotPermitted, _refused(403)), (Unmet, _unmet), (Stale, _refused(412)),
    (KeyReused, _refused(422)),
    (LinesRefused, _lines), (BadMapping, _mapping), (KeyMissing, _key_missing), (Refused, _refused(409)),
    (Invalid, _invalid), (ValidationError, _validation), (STORAGE, _storage), (HTTPException, _http),
)
RETRY_AFTER_S = "2"


def confirm_required(done: Any) -> Response:
    """A filing that was kept and does not count yet: the consequence in words, and what to do about it."""
    held = done.held
    reasons = [said(word(f"held.{code}")) for code in (*held.doubts, *held.causes)]
    title = word("refused.confirm_required", at=held.applies_at.isoformat())
    status, document = problem(409, "confirm_required", title, reasons=reasons, state=done.state,
                               held=held.model_dump(mode="json"))
    return _document(status, document)


def wants_document() -> bool:
    """Whether the caller is a program: an API path, or JSON asked for before HTML."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return request.path.startswith(("/api/", "/testing/")) or best == "application/json"


def answer(error: Exception) -> Response:
    """The response to an exception, keeping the headers that HTTP asks for. Where that cannot be made, a bug is told
    with as little as can be."""
    try:
        return _answered(error)
    except Exception:
        log.exception("bug", path=request.path)
        status, document = problem(500, "bug", word("problem.bug"))
        plain = Response(document["title"], status, mimetype="text/plain")
        return _document(status, document) if wants_document() else plain


def _answered(error: Exception) -> Response:
    status, document = of_exception(error)
    if wants_document():
        response = _document(status, document)
    else:
        response = Response(render_template("problem.html", problem=document), status, mimetype="text/html")
    if isinstance(error, HTTPException):
        kept = ("Allow", "Retry-After", "WWW-Authenticate", "Location")
        response.headers.extend((name, value) for name, value in error.get_headers() if name in kept)
    if status == 401:
        response.headers.setdefault("WWW-Authenticate", "Bearer")
    if status == 503:
        response.headers.setdefault("Retry-After", RETRY_AFTER_S)
    return response


def _document(status: int, document: dict[str, Any]) -> Response:
    response = jsonify(document)
    response.status_code, response.mimetype = status, "application/problem+json"
    return response


def handle_problems(app: Flask) -> None:
    """Every exception of a request becomes an answer; what is not foreseen is logged whole and told as a bug."""
    app.register_error_handler(Exception, answer)
