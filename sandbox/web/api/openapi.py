"""The OpenAPI 3.1 document, made from the same table as the routes."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from sandbox.acts.holding import HeldBack
from sandbox.rules.access import PERMISSIONS, Permission
from sandbox.web.api.asking import LONGEST_KEY
from sandbox.web.api.endpoint import JSON, Endpoint
from sandbox.web.problems import FieldError

SCHEMAS = "#/components/schemas/{model}"
PROBLEM_JSON = "application/problem+json"
Use = Literal["validation", "serialization"]
Schemas = Mapping[Any, dict[str, Any]]


class UnmetNeed(BaseModel):
    """A need that does not hold: what must be true, who can see to it, and where."""

    need: str
    message: str
    holder: str
    meet: str


class Problem(BaseModel):
    """Why not (RFC 9457). `code` is stable and `type` ends in it; `title` and messages are in the reader's language.

    The rest belongs to the case: `errors` per field, `unmet` needs of a move, `reasons` of a refusal, and the state,
    version, kind or name that stood in the way; of a permit that is refused the `cause` out of a closed list, and the
    signed `statement` that says so."""

    type: str
    code: str
    status: int
    title: str
    errors: list[FieldError] | None = None
    unmet: list[UnmetNeed] | None = None
    reasons: list[str] | None = None
    move: str | None = None
    moves: list[str] | None = None
    state: str | None = None
    kind: str | None = None
    matter: str | None = None
    panel: str | None = None
    outcome: str | None = None
    version: int | None = None
    scopes: list[str] | None = None
    lines: int | None = None
    refused: int | None = None
    faults: int | None = None
    cause: str | None = None
    statement: str | None = None
    held: HeldBack | None = None


WHY: Mapping[int, str] = {
    400: "The request cannot be read: body, header or parameter, each named.",
    401: "Nobody known: no token, or one that is expired or revoked.",
    403: "Known, and not permitted.",
    404: "Not there, or not yours: the same answer.",
    409: "Not now: the state of things does not allow it. For a move, every unmet need.",
    412: "Changed since it was read: read it again.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "Not valid: every field that is wrong; or the key came before with another body.",
    503: "The storage is busy or its answer unknown: repeat the request with the same key.",
}
HEADERS: Mapping[int, str] = {401: "WWW-Authenticate", 503: "Retry-After"}
LANGUAGE = {"name": "Accept-Language", "in": "header", "schema": {"type": "string"},
            "description": "Language of messages: zh-Hans, zh-Hant or en.", "example": "en"}
KEY = {"name": "Idempotency-Key", "in": "header",
       "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
       "description": "Chosen by the caller. Sent again with the same body, the stored answer comes back; with another "
       "body, 422."}
MATCH = {"name": "If-Match", "in": "header", "schema": {"type": "string", "pattern": '^"[0-9]{1,9}"$'},
         "example": '"3"', "description": "The ETag that was read. When it has changed since, nothing is done and 412 "
         "is answered."}
BYTES = {"type": "string", "format": "binary"}
NONE_MATCH = {"name": "If-None-Match", "in": "header", "schema": {"type": "string"},
              "description": "The ETag of the answer that the caller has. Unchanged, 304 comes without a body."}
LINES = "One report a line, each with an optional `key`; in CSV the heading names fields, counts as `events.harm_S1`."
FILE_LIST = {"type": "array", "items": {"type": "string", "format": "binary"}, "description": "CSV, XLSX or JSON."}
FILES = {"required": True, "content": {"multipart/form-data": {"schema": {
    "type": "object", "required": ["files"], "properties": {"files": FILE_LIST}}}}}
ETAG = {"ETag": {"description": "The version, quoted.", "schema": {"type": "string"}}}
TAGS: Mapping[str, str] = {
    "permits": "Permits for gateways, and the keys that sign them.",
    "trials": "Trials: apply, read, move, the light, taking over.", "sections": "The record of a trial in parts.",
    "panel": "Seats and votes.", "feedback": "Usage feedback and its corrections.",
    "receipts": "Proofs that a filing stands in the log.",
    "incidents": "Incidents, near misses, complaints, with what follows from each.",
    "withdrawals": "Consent taken back: how many people, and that their data are deleted.",
    "guidance": "New law and guidance.",
    "annual": "The sandbox's own yearly reports.",
    "clocks": "Statutory and agreed time limits that run.", "corrective": "What is to be put right, done and verified.",
    "allegations": "What others say happened; for regulators alone.", "files": "Evidence files.",
    "changes": "Stage adjustment: requests for a change of a plan, and its versions.", "reviews": "Risk checks.",
    "log": "What happened, with proofs.", "scenarios": "Limited scenarios and their limits.",
    "imports": "Records kept elsewhere, taken over with a mapping.",
    "registers": "Lists that others keep: entries, history, names, citations.",
    "decisions": "What waits for a second person.", "accounts": "People, bodies, invitations, tokens.",
}


def rendered(endpoints: Iterable[Endpoint]) -> str:
    """The document as JSON text."""
    return json.dumps(document(tuple(endpoints)), ensure_ascii=False)


def document(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    """The whole document."""
    schemas, definitions = models_json_schema(list(_models(endpoints)), ref_template=SCHEMAS)
    components = {name: schema for name, schema in definitions["$defs"].items() if name not in _queries(endpoints)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ethics sandbox", "version": "1", "description": ABOUT},
        "servers": [{"url": "/api/v1"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [{"token": []}, {"session": []}],
        "paths": _paths(endpoints, schemas, definitions["$defs"]),
        "components": {
            "schemas": components,
            "responses": {f"Problem{status}": _problem(status) for status in WHY},
            "parameters": {"AcceptLanguage": LANGUAGE, "IdempotencyKey": KEY, "IfMatch": MATCH,
                           "IfNoneMatch": NONE_MATCH},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of your account (POST /tokens)."},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-sandbox", "description":
                            "A signed-in browser; it reads only (named sandbox where the address is plain http)."},
            },
        },
    }


ABOUT = """What the pages of the sandbox do, for programs.

Times are ISO 8601 with a zone and are answered in UTC; ids are text. A list is `{"items": [...], "next": cursor}`:
send `next` as `cursor` for the following page. A parameter that is not documented is refused. Every POST, PUT and
PATCH takes `?dry_run=1`, which answers 200 with what would be answered and keeps nothing; and an `Idempotency-Key`, but
for files, which add nothing when they are sent again anyway."""


def _models(endpoints: tuple[Endpoint, ...]) -> Iterator[tuple[type[BaseModel], Use]]:
    yield Problem, "serialization"
    for endpoint in endpoints:
        yield endpoint.answer, "serialization"
        if endpoint.stream:
            yield endpoint.stream.answer, "serialization"
        yield endpoint.query, "validation"
        for body in endpoint.bodies:
            yield body, "validation"


def _queries(endpoints: tuple[Endpoint, ...]) -> set[str]:
    return {endpoint.query.__name__ for endpoint in endpoints}


def _paths(endpoints: tuple[Endpoint, ...], schemas: Schemas, definitions: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {"/openapi.json": {"get": {
        "operationId": "openapi", "summary": "This document.", "security": [],
        "responses": {"200": {"description": "OpenAPI 3.1.", "content": {JSON: {"schema": {"type": "object"}}}}}}}}
    for endpoint in endpoints:
        path = re.sub(r"<(\w+)>", r"{\1}", endpoint.path)
        operation = _operation(endpoint, schemas, definitions)
        paths.setdefault(path, {})[endpoint.method.lower()] = operation
    return paths


def _operation(endpoint: Endpoint, schemas: Schemas, definitions: dict[str, Any]) -> dict[str, Any]:
    permission = PERMISSIONS[endpoint.act] if endpoint.act else None
    summary, _, more = " ".join(endpoint.summary.split()).partition(". ")
    return {
        "operationId": endpoint.name, "tags": [endpoint.tag], "summary": f"{summary.rstrip('.')}.",
        **({"security": [{"token": []}]} if endpoint.act else {}),
        **({"description": more} if more else {}), **_who(permission, endpoint),
        "parameters": list(_parameters(endpoint, definitions)),
        **({"requestBody": _body(endpoint, schemas)} if endpoint.bodies else {}),
        **({"requestBody": FILES} if endpoint.upload else {}),
        **({"requestBody": _form(endpoint.form)} if endpoint.form else {}),
        "responses": _responses(endpoint, schemas),
    }


def _who(permission: Permission | None, endpoint: Endpoint) -> dict[str, Any]:
    """Who may, as the table of permissions has it: roles, relations to the trial, the scope a token needs."""
    if permission is None:
        return {"x-scope": endpoint.scope.value}
    return {"x-act": permission.act, "x-scope": permission.scope.value, "x-roles": [r.value for r in permission.roles],
            "x-relations": [relation.value for relation in permission.relations]}


def _parameters(endpoint: Endpoint, definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in endpoint.variables:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name, schema in definitions[endpoint.query.__name__].get("properties", {}).items():
        yield {"name": name, "in": "query", "required": False, "schema": _without_null(schema)}
    keyed, versioned = bool(endpoint.bodies or endpoint.form), endpoint.act is not None and endpoint.versioned
    for name, has in (("IdempotencyKey", keyed), ("IfMatch", versioned), ("IfNoneMatch", endpoint.cached),
                      ("AcceptLanguage", True)):
        if has:
            yield {"$ref": f"#/components/parameters/{name}"}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is text or not there: null is no value of it."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    plain = {name: value for name, value in schema.items() if name not in ("anyOf", "title", "default")}
    return {**plain, **kinds[0]} if kinds else {**schema}


def _body(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    kinds = [schemas[body, "validation"] for body in endpoint.bodies]
    required = all(any(field.is_required() for field in body.model_fields.values()) for body in endpoint.bodies)
    content = {"schema": kinds[0] if len(kinds) == 1 else {"anyOf": kinds}}
    streamed = endpoint.stream.types if endpoint.stream else ()
    return {"required": required, "content": {JSON: {
        **content, **({"example": endpoint.example} if endpoint.example is not None else {})},
        **{kind: {"schema": {"type": "string", "description": LINES}} for kind in streamed}}}


def _form(form: type[BaseModel]) -> dict[str, Any]:
    """One file, and the fields of the form beside it."""
    schema = form.model_json_schema()
    fields = {"type": "object", "required": ["file", *schema.get("required", ())],
              "properties": {"file": BYTES, **schema["properties"]}}
    return {"required": True, "content": {"multipart/form-data": {"schema": fields}}}


def _responses(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    kind: dict[str, Any] = schemas[endpoint.answer, "serialization"] if endpoint.media == JSON else BYTES
    if endpoint.stream:
        kind = {"anyOf": [kind, schemas[endpoint.stream.answer, "serialization"]]}
    good = {"content": {endpoint.media: {"schema": kind}},
            **({"headers": ETAG} if endpoint.versioned or endpoint.cached else {})}
    found = {"200": {"description": "Done, or what a dry run would have done." if endpoint.act else "Found.", **good}}
    if endpoint.created:
        found["201"] = {"description": "Made.", **good}
    if endpoint.proposes:
        found["202"] = {"description": "Proposed: `decision` waits for another regulator's vote.", **good}
    if endpoint.cached:
        found["304"] = {"description": "Unchanged: what If-None-Match names still holds."}
    return found | {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in _refusals(endpoint)}


def _refusals(endpoint: Endpoint) -> tuple[int, ...]:
    missing = (404,) if endpoint.variables else ()
    if endpoint.act is None:
        return (400, 401, 403, *missing, *((409,) if endpoint.refuses else ()), 503)
    stale = (412,) if endpoint.versioned else ()
    return (400, 401, 403, *(missing or (404,)), 409, *stale, 413, 415, 422, 503)


def _problem(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": WHY[status], "content": {
        PROBLEM_JSON: {"schema": {"$ref": SCHEMAS.format(model=Problem.__name__)}}}}
    if status in HEADERS:
        answer["headers"] = {HEADERS[status]: {"schema": {"type": "string"}}}
    return answer


