"""A form on its way: made from its Fields class, read, done, and shown again with what was typed and what is wrong."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from flask import flash, redirect, request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from sandbox.acts.refusals import Invalid, KeyReused, NotPermitted, Refused, Unmet
from sandbox.store.faults import code_of, errors_of, word_of
from sandbox.web.codec import field_dicts, from_form, kind_of, placed, to_form
from sandbox.web.pages.shapes import Form, FormPage, Plain, render
from sandbox.web.reader import actor, program, said, t
from sandbox.words import Word

T = TypeVar("T")
LONGEST_KEY = 200
ROW_PARTS = 2
STANDS_AT = {
    "long_ground": "long_ground", "drain_hours": "drain_hours", "period_backwards": "period_end",
    "nil_with_numbers": "nil",
    "exposures_missing": "exposures", "severity_missing": "severity", "aware_before": "aware_at",
    "appeal_ground": "new_facts", "one_origin": "incident_id",
}
"""Rules over a whole form: the field beside which each is said."""


def key() -> str:
    """The form's idempotency key: the one that came with it, or a fresh one."""
    sent = request.form.get("idempotency_key", "")
    if len(sent) > LONGEST_KEY:
        raise BadRequest
    return sent or secrets.token_urlsafe(18)


def form_of(model: type[BaseModel], action: str, submit: str, *, values: Mapping[str, Any] | None = None,
            leave_out: tuple[str, ...] = (), **more: Any) -> Form:
    """An empty form of a class with its defaults, or one with a kept body."""
    start = defaults(model) if values is None else values
    fields = field_dicts(model, said, leave_out)
    return Form(fields=fields, action=action, submit=submit, key=key(), zone=program().settings.timezone,
                values=with_fresh_rows(model, fields, to_form(model, start, program().settings.zone)), **more)


def defaults(model: type[BaseModel]) -> dict[str, Any]:
    """The declared defaults that are worth showing."""
    given = {name: info.get_default(call_default_factory=True) for name, info in model.model_fields.items()
             if not info.is_required()}
    return {name: value for name, value in given.items() if value not in (None, [], {})}


def with_fresh_rows(model: type[BaseModel], fields: list[Plain], values: Plain) -> Plain:
    """In rows that are added, a box that is ticked by default is seen ticked."""
    for one in fields:
        kind, inner = kind_of(model.model_fields[one["name"]].annotation)
        ticked = {name: "1" for name, value in defaults(inner).items() if value is True} if kind == "rows" else {}
        if ticked:
            values[one["name"]] = [*values.get(one["name"], []), ticked, ticked]
            one["blank"] = 1
    return values


def typed(fields: list[Plain], sent: MultiDict[str, str]) -> Plain:
    """What stands in the form, as it was typed; rows that are blank are left out, as the codec leaves them out."""
    found: Plain = {}
    for one in flat(fields):
        name = one["name"]
        if one["kind"] == "rows":
            found[name] = _typed_rows(one, sent)
        elif one["kind"] == "choices":
            found[name] = sent.getlist(name)
        else:
            found[name] = sent.get(name, "")
    return found


def flat(fields: list[Plain]) -> list[Plain]:
    """The fields without their groups."""
    return [inner for one in fields for inner in (one["fields"] if one["kind"] == "group" else [one])]


def _typed_rows(rows: Plain, sent: MultiDict[str, str]) -> list[Plain]:
    names = [column["name"] for column in rows["columns"]]
    boxes = {column["name"] for column in rows["columns"] if column["kind"] == "checkbox"}
    places = sorted({int(parts[1]) for name in sent if (parts := name.split("-"))[0] == rows["name"]
                     and len(parts) == 3 and parts[1].isdigit() and len(parts[1]) < 4})
    found = [{name: sent.get(f"{rows['name']}-{place}-{name}", "") for name in names} for place in places]
    return [row for row in found if any(value.strip() for name, value in row.items() if name not in boxes)]


def read(model: type[BaseModel]) -> dict[str, Any]:
    """The posted form as plain values for an act."""
    return from_form(model, request.form, program().settings.zone)


def do(name: str, data: Mapping[str, Any], on: str | None = None, *, dry_run: bool = False) -> Any:
    """Do an act as the signed-in person, once per form however often it is sent."""
    return program().acts.do(name, actor(), data, on, key=None if dry_run else key(), dry_run=dry_run)


def tried(doing: Callable[[], T], form: Form) -> tuple[T | None, Form]:
    """What was done; or None, and the form with what was typed and every error beside its field.

    What this person may never do or may not see is raised, since no form can put it right, and so are unmet needs."""
    try:
        return doing(), form
    except ValidationError as error:
        found = [(tuple(one["loc"]), code_of(one), word_of(one)) for one in errors_of(error)]
        return None, with_errors(form, found)
    except Invalid as error:
        return None, with_errors(form, [(path, why.key.removeprefix("error."), why) for path, why in error.errors])
    except (NotPermitted, Unmet):
        raise
    except KeyReused as error:
        return None, replace(again(form, {"": [said(one) for one in error.reasons]}), key=secrets.token_urlsafe(18))
    except Refused as error:
        return None, again(form, {"": [said(one) for one in error.reasons]})


def with_errors(form: Form, found: list[tuple[tuple[str | int, ...], str, Word]]) -> Form:
    """The form as it was typed, with errors placed by its own names."""
    return again(form, placed([_stand(form, path, code, said(why)) for path, code, why in found]))


def _stand(form: Form, path: tuple[str | int, ...], code: str, sentence: str) -> tuple[tuple[str | int, ...], str]:
    """Where an error is said: beside its field; a rule over a row at its rows, one over the form where people look."""
    names = {one["name"]: one for one in flat(form.fields)}
    while path and path[0] not in names and len(path) > 1:
        begins = (".".join(map(str, path[:end])) for end in range(len(path), 0, -1))
        named = next((one for one in begins if one in form.places), None)
        path = path[1:] if named is None else (form.places[named],)
    if not path or path[0] not in names:
        place = STANDS_AT.get(code, "")
        return ((place,) if place in names else ("",)), sentence
    if names[str(path[0])]["kind"] != "rows":
        return path[:1], sentence
    if len(path) == ROW_PARTS:
        return path[:1], t("error.line", line=int(path[1]) + 1, error=sentence)
    return path[:3], sentence


def again(form: Form, errors: dict[str, list[str]]) -> Form:
    """The form as it was typed, with these errors by its own names."""
    return replace(form, values=typed(form.fields, request.form), errors=errors)


def gone(url: str, text: str, kind: str = "good") -> Response:
    """On to the next page, with a sentence of what was done."""
    flash(text, kind)
    return redirect(url, 303)


def asked(form: Form, act: str, model: type[BaseModel], on: str | None, *, title: str, sub: str, over: list[Plain],
          done: tuple[str | Callable[[Any], str], str], given: Mapping[str, Any] | None = None,
          aside: tuple[Plain, ...] = ()) -> Any:
    """A page that is the form of one act: shown, shown again with what is wrong, or done and gone on from. `done` says
    where to (an address, or one made from what was done) and the sentence to say there."""
    if request.method == "POST":
        made, form = tried(lambda: do(act, {**read(model), **(given or {})}, on), form)
        if made is not None:
            url, text = done
            return gone(url(made) if callable(url) else url, text)
    return render(FormPage(title=title, over=over, sub=sub, form=form, errors=form.errors, aside=aside),
                  422 if form.errors else 200)
