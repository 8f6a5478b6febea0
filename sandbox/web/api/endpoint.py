"""The table of endpoints. A row says method, path, what it reads or which act it does, and what it answers; routes,
guards and the OpenAPI document are made from it, so none of them can know more or less than the others.

Whoever asks is refused in one order: not known (401), not there or not theirs (404), not permitted (403), not readable
or not valid (400, 413, 415, 422), not now (409, 412). A stranger therefore learns nothing from how wrong a body is.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, TypeVar, get_args, get_type_hints

from flask import Response, request
from pydantic import BaseModel, RootModel, ValidationError

from sandbox.acts.act import ACTS
from sandbox.acts.refusals import NotFound
from sandbox.rules.access import Actor, Scope
from sandbox.store.fields import Fields
from sandbox.web.api import asking
from sandbox.web.api.asking import Doing, Query
from sandbox.web.guard import guard
from sandbox.web.problems import Malformed, confirm_required
from sandbox.web.reader import actor, program

JSON = "application/json"
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
R = TypeVar("R", bound=Callable[..., Any])
Reach = Callable[[Any, Actor, str], Any]
Upload = Callable[..., BaseModel]
Given = Callable[[dict[str, Any], Mapping[str, str]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Stream:
    """Another kind of body of an act's endpoint: read as it arrives, by a function that does an act of its own."""

    types: tuple[str, ...]
    act: str
    take: Callable[[Mapping[str, str]], Response]
    answer: type[BaseModel]
    query: type[Query]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row. `name` is the operation's id: an act's own name, or the read's.

    `on` is the path's variable that is the act's object; `reach` finds an object that belongs to no trial, narrowed to
    the actor; `given` makes the act's given out of the body and the path; `bodies` are the classes a body may be of.
    `scope` is what a token needs for a read; `cached` gives its answer an ETag out of its content, and 304 to whom
    has it; `refuses` is of a read that may say "not now" (409). `stream` takes bodies of other types than JSON.
    `upload` takes files (name and content, path's variables as keywords) instead of a body, and does the act itself.
    `serve` answers by itself: what comes with a `form` and one file, or goes out as something else than JSON (`media`).
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    answer: Any
    query: type[Query] = Query
    read: Callable[..., Any] | None = None
    act: str | None = None
    on: str | None = None
    bodies: tuple[type[Fields], ...] = ()
    given: Given | None = None
    reach: Reach | None = None
    created: bool = False
    versioned: bool = False
    example: Mapping[str, Any] | None = None
    upload: Upload | None = None
    serve: Callable[["Endpoint", Mapping[str, str]], Response] | None = None
    form: type[Fields] | None = None
    media: str = JSON
    scope: Scope = Scope.READ
    cached: bool = False
    refuses: bool = False
    stream: Stream | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """The names in the path, in order."""
        return tuple(re.findall(r"<(\w+)>", self.path))

    @property
    def proposes(self) -> bool:
        """Whether the answer, or one of the kinds that it may be of, may be a decision that waits (202)."""
        kinds = get_args(self.answer.model_fields["root"].annotation) if issubclass(self.answer, RootModel) else ()
        return self.act is not None and any("decision" in kind.model_fields for kind in kinds or (self.answer,))


class Rows(list[Endpoint]):
    """The endpoints of one noun, which is their tag in the document."""

    def __init__(self, tag: str) -> None:
        super().__init__()
        self.tag = tag

    def shows(self, path: str, **more: Any) -> Callable[[R], R]:
        """A GET. The function takes the connection, the path's variables by name and, if it has one, a `query`; its
        annotations say which parameters there are and what is answered, its docstring what it is."""

        def enter(read: R) -> R:
            hints = get_type_hints(read, include_extras=True)
            query = hints["query"] if "query" in signature(read).parameters else Query
            self.append(Endpoint("GET", path, read.__name__, self.tag, read.__doc__ or "", hints["return"], query, read,
                                 **more))
            return read

        return enter

    def does(self, method: str, path: str, act: str, *, bodies: tuple[type[Fields], ...] = (), **more: Any) -> None:
        """An act. Without `bodies` the body is the act's own given."""
        kind = ACTS[act]
        stream: Stream | None = more.get("stream")
        self.append(Endpoint(method, path, act, self.tag, kind.function.__doc__ or "", kind.done,
                             stream.query if stream else Doing, act=act, bodies=bodies or (kind.given,), **more))


def view_of(endpoint: Endpoint) -> Callable[..., Response]:
    """The guarded view of a row."""
    serve = endpoint.serve or (_take if endpoint.upload else _do if endpoint.act else _show)

    def view(**ids: str) -> Response:
        if not all(map(ID.fullmatch, ids.values())):
            raise NotFound
        return serve(endpoint, ids)

    view.__name__ = endpoint.name
    return guard(view, act=endpoint.act, by_act=endpoint.act is not None and endpoint.upload is None,
                 scope=endpoint.scope)


def _show(endpoint: Endpoint, ids: Mapping[str, str]) -> Response:
    assert endpoint.read is not None
    query = asking.asked(endpoint.query)
    with program().reading() as connection:
        found = endpoint.read(connection, **ids, **({} if endpoint.query is Query else {"query": query}))
    return answered(endpoint, found, 200)


def _do(endpoint: Endpoint, ids: Mapping[str, str]) -> Response:
    """Narrow, permit, read, validate, act. What is wrong with the request itself is told only to whom the act is
    permitted; Acts.do sees to the same order for what it validates."""
    assert endpoint.act is not None
    if endpoint.stream and request.mimetype in endpoint.stream.types:
        return endpoint.stream.take(ids)
    if endpoint.reach:
        with program().reading() as connection:
            seen(endpoint.reach(connection, actor(), ids[endpoint.variables[0]]))
    on = ids[endpoint.on] if endpoint.on else None
    acts = program().acts
    try:
        key, dry_run = asking.key(), asking.asked(Doing).dry_run is not None
        data = _given(endpoint, ids)
    except (Malformed, ValidationError):
        acts.permit(endpoint.act, actor(), on)
        raise
    done = acts.do(endpoint.act, actor(), data, on, key=key, dry_run=dry_run)
    if getattr(done, "held", None) and not dry_run:
        return confirm_required(done)
    return answered(endpoint, done, _status(endpoint, done, dry_run))


def _take(endpoint: Endpoint, ids: Mapping[str, str]) -> Response:
    """Files and what they become; the guard has seen that the act is permitted."""
    assert endpoint.upload is not None
    query, files = asking.asked(endpoint.query), asking.files()
    done = endpoint.upload(files, query, **ids)
    return answered(endpoint, done, 202 if getattr(done, "decision", None) else 200)


def _given(endpoint: Endpoint, ids: Mapping[str, str]) -> dict[str, Any]:
    """The act's given. A body whose class is not the act's own is validated here, before the path adds to it."""
    body = asking.body()
    if endpoint.given:
        if len(endpoint.bodies) == 1:
            endpoint.bodies[0].model_validate(body)
        body = endpoint.given(body, ids)
    return {**body, "version": asking.version()} if endpoint.versioned else body


def _status(endpoint: Endpoint, done: Any, dry_run: bool) -> int:
    if dry_run:
        return 200
    return 202 if getattr(done, "decision", None) else 201 if endpoint.created else 200


def answered(endpoint: Endpoint, found: BaseModel, status: int) -> Response:
    """What was found or done, as JSON."""
    response = Response(found.model_dump_json(by_alias=True), status, mimetype=JSON)
    if endpoint.versioned:
        response.set_etag(str(found.version))  # type: ignore[attr-defined]
    if endpoint.cached:
        response.add_etag()
        response.headers["Cache-Control"] = "private, no-cache"
        response.make_conditional(request)
    return response


def seen(row: Any) -> Any:
    """What a narrowed read found. Raises NotFound: what is not theirs is not there."""
    if row is None:
        raise NotFound
    return row
