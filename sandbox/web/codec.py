"""Between a form and a given: fields of a class as the form macro wants them, and form data as plain values.

One codec for every form: blank is None, an unchecked box is False, local times get the jurisdiction's zone, repeated
rows (`items-0-owner`) become lists. Validation is Pydantic's; a value that cannot be read is passed on as it is, so the
error beside the field is the same sentence that the API gives.
"""

import re
import types
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from sandbox.words import Word, has_word, word

LONG = 300
"""Text that may be longer than this gets a box of several lines."""


def kind_of(annotation: Any) -> tuple[str, Any]:
    """The kind of input of an annotation, and the enum or row class it holds."""
    annotation = _bare(annotation)
    if annotation is AwareDatetime:  # Pydantic's own class, no datetime itself
        return "datetime", datetime
    origin = get_origin(annotation)
    if origin is list:
        inner = _bare(get_args(annotation)[0])
        return ("choices", inner) if _is(inner, StrEnum) else ("rows", inner) if _is(inner, BaseModel) \
            else ("counts", inner) if _is(inner, int) else ("lines", inner)
    if origin is dict:
        return "pairs", get_args(annotation)[1]
    for base, kind in ((StrEnum, "choice"), (bool, "checkbox"), (int, "integer"), (float, "number"),
                       (datetime, "datetime"), (date, "date")):
        if _is(annotation, base):
            return kind, annotation
    return "text", annotation


def kind_in(info: FieldInfo) -> tuple[str, Any]:
    """The kind of input of a class's field: as `kind_of`, and a yes or no that decides is no box to be left empty."""
    return ("answer", bool) if "answer" in info.metadata else kind_of(info.annotation)


def _is(annotation: Any, base: type) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, base)


def _bare(annotation: Any) -> Any:
    """Without Annotated and without `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = next(one for one in get_args(annotation) if one is not type(None))
        else:
            return annotation


def label(name: str, model: type[BaseModel] | None = None) -> Word:
    """A field's label; where two classes mean different things by one name, that of the class."""
    own = f"field.{model.__name__}.{name}" if model else ""
    return word(own if model and has_word(own, "en") else f"field.{name}")


def field_dicts(model: type[BaseModel], say: Any, leave_out: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The fields of a class for the form macro, words said by `say`."""
    return [_field(model, name, info, say) for name, info in model.model_fields.items() if name not in leave_out]


def _field(model: type[BaseModel], name: str, info: FieldInfo, say: Any) -> dict[str, Any]:
    kind, inner = kind_in(info)
    most = _limit(info)
    if kind == "text" and (most is None or most > LONG):
        kind = "longtext"
    found: dict[str, Any] = {"name": name, "label": say(label(name, model)), "kind": kind, "max_length": most,
                             "required": info.is_required()}
    helps = [key for key in (f"help.{model.__name__}.{name}", f"help.{name}") if has_word(key, "en")]
    if helps:
        found["help"] = say(word(helps[0]))
    if not info.is_required() and has_word(f"when.{model.__name__}.{name}", "en"):
        found["when"] = say(word(f"when.{model.__name__}.{name}"))
    if kind == "answer":
        found.update(kind="choice", label=say(word(f"answer.{name}")), choices=[
            {"value": value, "label": say(word(f"answer.{name}.{said}"))} for value, said in ANSWERS])
    elif kind in ("choice", "choices"):
        found["choices"] = [{"value": item.value, "label": say(choice(item))} for item in inner]
    elif kind == "rows":
        found["columns"] = field_dicts(inner, say)
    elif kind in ("pairs", "lines"):
        found["kind"] = "longtext"
    elif kind == "counts":
        found.update(kind="text", max_length=None)
    elif kind == "number":
        found["step"] = "any"
    return found


def _limit(info: FieldInfo) -> int | None:
    for piece in (*info.metadata, *getattr(info.annotation, "__metadata__", ())):
        found = getattr(piece, "max_length", None)
        if found is not None:
            return int(found)
        for inner in getattr(piece, "metadata", ()):
            if getattr(inner, "max_length", None) is not None:
                return int(inner.max_length)
    for one in get_args(info.annotation):
        for piece in getattr(one, "__metadata__", ()):
            for inner in (piece, *getattr(piece, "metadata", ())):
                if getattr(inner, "max_length", None) is not None:
                    return int(inner.max_length)
    return None


def choice(item: StrEnum) -> Word:
    """The word of an enum's value; one that several enums share may have one of its own."""
    own = f"choice.{type(item).__name__}.{item.value}"
    return word(own if has_word(own, "en") else f"choice.{item.value}")


def from_form(model: type[BaseModel], form: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Form data (a MultiDict) as plain values for `model_validate`; names the class does not have are left alone."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        kind, inner = kind_in(info)
        if kind == "rows":
            found[name] = _rows(name, inner, form, zone)
        elif kind == "choices":
            found[name] = form.getlist(name) if hasattr(form, "getlist") else form.get(name, [])
        elif kind == "checkbox":
            found[name] = form.get(name) in ("1", "on", "true")
        elif (value := read(kind, form.get(name), zone)) is not None:
            found[name] = value
    return found


def _rows(name: str, inner: type[BaseModel], form: Mapping[str, Any], zone: ZoneInfo) -> list[dict[str, Any]]:
    places = sorted({int(part[1]) for key in form if (part := key.split("-"))[0] == name and len(part) == 3
                     and part[1].isdigit() and len(part[1]) < 4})
    rows = []
    for place in places:
        cells = {column: form.get(f"{name}-{place}-{column}", "") for column in inner.model_fields}
        typed = {column for column, value in cells.items() if value.strip()}
        boxes = {c for c, i in inner.model_fields.items() if kind_of(i.annotation)[0] == "checkbox"}
        if typed - boxes:
            rows.append(from_form(inner, cells, zone))
    return rows


def read(kind: str, raw: Any, zone: ZoneInfo) -> Any:
    """One typed value; what cannot be read is returned as it was typed, for Pydantic to refuse by name."""
    if raw is None or not str(raw).strip():
        return None
    text = str(raw).strip()
    try:
        return READERS[kind](text, zone) if kind in READERS else text
    except ValueError:
        return text


def _local(text: str, zone: ZoneInfo) -> str:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()


def _pairs(text: str, _zone: ZoneInfo) -> dict[str, Any]:
    """`name = number` lines, as in a counts box."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, mark, number = line.partition("=")
        if not mark:
            raise ValueError(line)
        value = float(number)
        found[name.strip()] = int(value) if value.is_integer() else value
    return found


def _counts(text: str, _zone: ZoneInfo) -> list[int]:
    """Whole numbers in a row, with commas or spaces between them."""
    return [int(one) for one in re.split(r"[\s,，、;；]+", text.strip(" ,，、;；"))]


ANSWERS = (("1", "yes"), ("0", "no"))
READERS: dict[str, Any] = {
    "answer": lambda text, _: {value: value == "1" for value, _ in ANSWERS}.get(text, text),
    "integer": lambda text, _: int(text.replace(",", "")), "number": lambda text, _: float(text.replace(",", "")),
    "datetime": _local, "pairs": _pairs, "lines": lambda text, _: text.splitlines(), "counts": _counts,
}


def to_form(model: type[BaseModel], values: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Plain values as strings in input format, for showing a kept body in a form."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        kind, inner = kind_in(info)
        value = values.get(name)
        if value is None:
            continue
        if kind == "rows":
            found[name] = [to_form(inner, row, zone) for row in value]
        elif kind in ("checkbox", "answer"):
            found[name] = "1" if value else "0" if kind == "answer" else ""
        elif kind == "choices":
            found[name] = list(value)
        elif kind == "pairs":
            found[name] = "\n".join(f"{key} = {number}" for key, number in value.items())
        elif kind == "lines":
            found[name] = "\n".join(value)
        elif kind == "counts":
            found[name] = ", ".join(map(str, value))
        elif kind == "datetime":
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            found[name] = moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M")
        elif isinstance(value, float) and value.is_integer():
            found[name] = str(int(value))
        else:
            found[name] = str(value)
    return found


def placed(errors: list[tuple[tuple[str | int, ...], str]]) -> dict[str, list[str]]:
    """Errors by the form's own names: `items.0.owner` stands at `items-0-owner`, a rule over the whole at ''."""
    found: dict[str, list[str]] = {}
    for path, sentence in errors:
        found.setdefault("-".join(map(str, path)), []).append(sentence)
    return found
