"""What a caller sends, read strictly: JSON without its traps, and the few headers and parameters that mean something.

Lenient readers of JSON take the last of two equal names, NaN and lone surrogates; each would be kept as something that
nobody wrote. Every refusal names its place.
"""

import json
import re
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import IO, Annotated, Any

from flask import request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from sandbox.store.faults import faults_of
from sandbox.store.types import plain_text
from sandbox.web.problems import Malformed
from sandbox.words import word

MOST_BYTES = 8 * 1024 * 1024
MOST_FILES_BYTES = 24 * 1024 * 1024
DEEPEST = 12
LONGEST_KEY = 200
DIGITS = 18
"""More digits than any number here has; cut to these it is still far too large, and is refused by its field's name."""
ETAG = re.compile(r'"(\d{1,9})"')


class Query(BaseModel):
    """Parameters of an address. Names that are not declared are refused: a filter misspelt would show everything."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


Text = Annotated[str, BeforeValidator(plain_text), Field(max_length=200)]


class Filtered(Query):
    """What narrows a list; a parameter left blank does not, as in a form that was not filled in."""

    @model_validator(mode="before")
    @classmethod
    def _given(cls, sent: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in sent.items() if value.strip()}


class Paged(Filtered):
    """A list comes in pages: `next` of one page is the `cursor` of the following."""

    cursor: Annotated[str | None, Field(max_length=500)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Doing(Query):
    """What every act takes."""

    dry_run: Annotated[str | None, Field(pattern="^1$")] = None


def asked(kind: type[Query]) -> Any:
    """The parameters of the address. Raises Malformed naming each that is wrong."""
    if not request.query_string:
        return _asked(kind, {})
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        raise Malformed("bad_parameter", *((name, word("error.repeated")) for name in repeated))
    return _asked(kind, request.args.to_dict())


def _asked(kind: type[Query], sent: dict[str, str]) -> Any:
    try:
        return kind.model_validate(sent)
    except ValidationError as error:
        raise Malformed("bad_parameter", *((one.field, one.word) for one in faults_of(error))) from error


def key() -> str | None:
    """The Idempotency-Key, if one is sent."""
    sent = request.headers.get("Idempotency-Key")
    if sent is not None and not (sent.strip() and len(sent) <= LONGEST_KEY and sent.isascii() and sent.isprintable()):
        raise Malformed("bad_header", ("Idempotency-Key", word("error.key", max_length=LONGEST_KEY)))
    return sent


def version() -> int | None:
    """The version that the caller read, out of If-Match."""
    sent = request.headers.get("If-Match")
    if sent is None or sent.strip() == "*":
        return None
    found = ETAG.fullmatch(sent.strip())
    if found is None:
        raise Malformed("bad_header", ("If-Match", word("error.etag")))
    return int(found[1])


def body() -> dict[str, Any]:
    """The JSON object that was sent; no body at all counts as an empty one. Raises Malformed."""
    raw = sent()
    if not raw:
        return {}
    if request.mimetype != "application/json":
        raise Malformed("unsupported_type", ("Content-Type", word("error.content_type")), status=415)
    return read_object(raw)


def files() -> Iterator[tuple[str, bytes]]:
    """The files of a multipart body, under the name `files`, in the order they were sent. They lie on disk, and each is
    read when it is asked for. Raises Malformed."""
    request.max_content_length = MOST_FILES_BYTES
    if request.mimetype != "multipart/form-data":
        raise Malformed("unsupported_type", ("Content-Type", word("error.multipart")), status=415)
    try:
        sent = request.files.getlist("files")
    except RequestEntityTooLarge as error:
        most = word("error.body_too_large", max_length=MOST_FILES_BYTES)
        raise Malformed("too_large", ("files", most), status=413) from error
    if not sent:
        raise Malformed("bad_request", ("files", word("error.missing")))
    return one_by_one(sent)


def one_by_one(sent: Iterable[FileStorage]) -> Iterator[tuple[str, bytes]]:
    """Names and contents, no more than one of them in memory."""
    return ((one.filename or "", one.read()) for one in sent)


def attached(name: str) -> bytes | None:
    """A file that may come beside `files` under a name of its own."""
    found = request.files.get(name)
    return found.read() if found else None


def file_and_form() -> tuple[tuple[str, IO[bytes]], dict[str, str]]:
    """The one file of a multipart body, under the name `file`, as a stream on disk, and the fields beside it. Raises
    Malformed."""
    request.max_content_length = MOST_FILES_BYTES
    if request.mimetype != "multipart/form-data":
        raise Malformed("unsupported_type", ("Content-Type", word("error.multipart")), status=415)
    try:
        files, fields = request.files, request.form
    except RequestEntityTooLarge as error:
        most = word("error.body_too_large", max_length=MOST_FILES_BYTES)
        raise Malformed("too_large", ("file", most), status=413) from error
    sent = files.getlist("file")
    if len(sent) != 1 or len(files) != 1:
        raise Malformed("bad_request", ("file", word("error.one_file")))
    repeated = [name for name, values in fields.lists() if len(values) > 1]
    if repeated:
        raise Malformed("bad_request", *((name, word("error.repeated")) for name in repeated))
    return (sent[0].filename or "", sent[0].stream), {name: value for name, value in fields.items() if value.strip()}


def sent() -> bytes:
    """The body's bytes. One whose length is not told beforehand comes cut at the limit, so that much is too much."""
    request.max_content_length = MOST_BYTES
    too_large = Malformed("too_large", ("", word("error.body_too_large", max_length=MOST_BYTES)), status=413)
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise too_large from error
    if len(raw) >= MOST_BYTES:
        raise too_large
    return raw


def read_object(raw: bytes) -> dict[str, Any]:
    """Bytes as one JSON object (RFC 8259, and I-JSON's rules on names, numbers and text). Raises Malformed."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_Pairs, parse_int=_whole)
    except UnicodeDecodeError as error:
        raise _at("string_unicode", *_place(raw, error.start)) from error
    except json.JSONDecodeError as error:
        raise _at("json_invalid", error.lineno, error.colno) from error
    except RecursionError as error:
        raise Malformed("bad_json", ("", word("error.too_deep"))) from error
    if not isinstance(value, _Pairs):
        raise _at("json_object", *_place(raw, len(raw) - len(raw.lstrip())))
    found: dict[str, Any] = _checked(value, ())
    return found


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written, equal names and all."""


def _whole(text: str) -> int:
    return int(text[:DIGITS + 1] if len(text) > DIGITS else text)


def _place(raw: bytes, offset: int) -> tuple[int, int]:
    before = raw[:offset]
    return before.count(b"\n") + 1, offset - before.rfind(b"\n")


def _at(code: str, line: int, column: int) -> Malformed:
    return Malformed("bad_json", ("", word(f"error.{code}")), line=line, column=column)


def _checked(value: Any, path: tuple[str | int, ...]) -> Any:
    if len(path) > DEEPEST:
        raise _of(path[:DEEPEST], "too_deep")
    if isinstance(value, _Pairs):
        return _object(value, path)
    if isinstance(value, list):
        return [_checked(one, (*path, place)) for place, one in enumerate(value)]
    if isinstance(value, float) and not isfinite(value):
        raise _of(path, "finite_number")
    if isinstance(value, str) and not _unicode(value):
        raise _of(path, "string_unicode")
    return value


def _object(pairs: _Pairs, path: tuple[str | int, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if not _unicode(name):
            raise _of((*path, name.encode("ascii", "backslashreplace").decode()), "string_unicode")
        if name in found:
            raise _of((*path, name), "repeated")
        found[name] = _checked(value, (*path, name))
    return found


def _unicode(text: str) -> bool:
    """JSON's escapes can write half of a surrogate pair, which is no character."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _of(path: tuple[str | int, ...], code: str) -> Malformed:
    return Malformed("bad_json", (".".join(map(str, path)), word(f"error.{code}")))
