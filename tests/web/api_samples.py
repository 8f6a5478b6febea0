"""Bodies that the API takes, made from their JSON schema and, where a schema cannot know, from the world."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from api_answers import the_document
from api_world import REGISTER, World
from cast import START

from sandbox.web.api import ENDPOINTS
from sandbox.web.api.endpoint import Endpoint

DAY = timedelta(days=1)
ACTING = [endpoint for endpoint in ENDPOINTS if endpoint.bodies]
"""Endpoints that take a JSON body."""
WHO = {"apply": "fang", "change_trial": "fang", "file_section": "fang", "cast_vote": "fang", "file_feedback": "fang",
       "correct_feedback": "fang", "plan_no_use": "fang", "withdraw_no_use": "fang",
       "record_withdrawal": "fang", "confirm_deletion": "fang",
       "withdraw_filing": "fang", "retract_feedback": "fang", "retract_incident": "fang", "decide_retraction": "rui",
        "file_incident": "fang", "update_incident": "fang", "issue_token": "fang",
       "file_final_report": "fang", "finish_corrective_item": "fang", "meet_clock": "fang", "cite_entry": "fang",
       "withdraw_citation": "fang", "revoke_token": "fang", "retry_delivery": "fang",
       "answer_assignment": "rui", "give_opinion": "rui", "ask_recusal": "fang",
       "file_change": "fang", "withdraw_change": "fang",
       "change_account": "ada"}
"""Who may do the act; a regulator where nobody is named."""
OBJECT = {"change_trial": "draft", "resume_clock": "paused", "verify_corrective_item": "finished",
          "answer_assignment": "offered", "recuse_reviewer": "leaving", "withdraw_filing": "refiled",
          "dismiss_allegation": "hearsay", "pause_clock": "pausable", "describe_reviewer": "reviewer",
          "ask_recusal": "doubted", "withdraw_change": "asked"}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without references, and of several kinds the first that is not null."""
    while True:
        if "$ref" in schema:
            schema = the_document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = next(kind for kind in schema["anyOf"] if kind != {"type": "null"})
        else:
            return schema


def sample(schema: dict[str, Any]) -> Any:
    """The plainest value that fits: what is required and nothing more."""
    schema = resolved(schema)
    match schema.get("type"):
        case "object":
            return {name: sample(schema["properties"][name]) for name in schema.get("required", ())}
        case "array":
            return [sample(schema["items"])] * schema.get("minItems", 0)
        case "boolean":
            return True
        case "integer":
            return schema.get("minimum", 0)
        case "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 0.5)
    if "enum" in schema:
        return schema["enum"][0]
    times = {"date-time": START.isoformat(), "date": START.date().isoformat()}
    return times.get(schema.get("format", ""), text(schema))


def text(schema: dict[str, Any]) -> str:
    """Text that fits the patterns we have: a mail address, a dimension, a code, or anything."""
    pattern = schema.get("pattern", "")
    plain = "people" if "people" in pattern else "new@people.example" if "@" in pattern else "text"
    return plain * (1 + schema.get("minLength", 0) // len(plain))


def schema_of(endpoint: Endpoint) -> dict[str, Any]:
    """The schema of an endpoint's body."""
    for operations in the_document()["paths"].values():
        for operation in operations.values():
            if operation["operationId"] == endpoint.name:
                found: dict[str, Any] = operation["requestBody"]["content"]["application/json"]["schema"]
                return found
    raise LookupError(endpoint.name)


def sample_body(endpoint: Endpoint, world: World) -> Any:
    """A body that the endpoint takes."""
    made = {} if endpoint.name in KINDS else sample(schema_of(endpoint))
    return {**made, **BODIES[endpoint.name](world)}


def who(world: World, endpoint: Endpoint) -> Any:
    return world.client(WHO.get(endpoint.name, "lin"))


KINDS = {"file_section": "results", "section": "results", "file_change": "A1"}
"""The kind that is in the path."""


def address(world: World, endpoint: Endpoint, kind: str | None = None) -> str:
    object_id = world.hers.get(OBJECT.get(endpoint.name, noun(endpoint)), "")
    return filled(endpoint, object_id, kind)


def noun(endpoint: Endpoint) -> str:
    """What the path's object is."""
    return "entries" if endpoint.path.endswith("/entries/<id>") else endpoint.path.split("/")[1]


def filled(endpoint: Endpoint, object_id: str, kind: str | None = None) -> str:
    """The path about this object; a name that is not the object itself is that of a register or of a move."""
    named = {"entries": REGISTER, "registers": object_id}.get(noun(endpoint), "suspend")
    path = endpoint.path.replace("<id>", object_id).replace("<name>", named)
    return path.replace("<kind>", kind or KINDS.get(endpoint.name, ""))


def _report(world: World) -> dict[str, Any]:
    """The next report: what is left of the first period."""
    return {"period_start": (START + 7 * DAY).isoformat(), "period_end": (START + 7.5 * DAY).isoformat(),
            "exposures": 100.0}


def _plain(world: World) -> dict[str, Any]:
    return {}


BODIES: dict[str, Callable[[World], dict[str, Any]]] = {
    "apply": lambda world: {"scenario_id": world.hers["open"]},
    "change_trial": lambda world: {"title": "Another name"},
    "make_move": _plain,
    "clear_yellow": _plain,
    "decide_late_red": _plain,
    "file_change": lambda world: {"reason": "A new clerk", "contact": "Desk 4", "changed_on": START.date().isoformat()},
    "withdraw_change": _plain,
    "decide_change": lambda world: {"accept": False},
    "adopt_trial": lambda world: {
        "title": "Pilot", "scenario_id": world.hers["open"], "organisation": "New Firm", "tier": "R2",
        "rate_per_day": 10.0, "limits": [{"indicator": "complaint", "per_exposure": 0.1}], "unverified": "Everything"},
    "import_feedback": lambda world: {"reports": [{
        "period_start": (START - 9 * DAY).isoformat(), "period_end": (START - 8 * DAY).isoformat(), "exposures": 5.0,
        "source_key": "line 1"}], "events": [{
            "severity": "S4", "occurred_at": (START - 9 * DAY).isoformat(), "source_key": "line 2"}]},
    "file_section": lambda world: {"metrics": [{"name": "wait", "value": 3.0}], "summary": "As planned"},
    "assign_reviewer": lambda world: {"account_id": world.cast.mei.id, "panel": "running"},
    "answer_assignment": lambda world: {"conflict": False, "accepted": True},
    "recuse_reviewer": _plain,
    "ask_recusal": _plain,
    "name_deputy": lambda world: {"account_id": world.cast.reviewers[3].id},
    "decide_recusal": _plain,
    "cast_vote": lambda world: {"matter": "sign", "subject": "plan", "value": "for"},
    "file_feedback": _report,
    "correct_feedback": lambda world: {"report": {
        "period_start": START.isoformat(), "period_end": (START + 7 * DAY).isoformat(), "exposures": 1000.0,
        "events": {"harm_S4": 3}, "site": "First street"}},
    "decide_correction": _plain,
    "plan_no_use": lambda world: {"period_start": (START + 25 * DAY).isoformat(),
                                  "period_end": (START + 26 * DAY).isoformat()},
    "withdraw_no_use": _plain,
    "confirm_filing": _plain,
    "withdraw_filing": _plain,
    "retract_feedback": lambda world: {"why": "spurious"},
    "retract_incident": lambda world: {"why": "spurious"},
    "decide_retraction": _plain,
    "file_incident": lambda world: {"kind": "incident", "severity": "S4", "occurred_at": START.isoformat()},
    "update_incident": lambda world: {"description": "Seen again on the recording"},
    "file_final_report": _plain,
    "record_withdrawal": lambda world: {"withdrawn_at": START.isoformat()},
    "confirm_deletion": _plain,
    "file_annual_report": _plain,
    "record_guidance": _plain,
    "meet_clock": _plain,
    "pause_clock": _plain,
    "resume_clock": _plain,
    "add_corrective_item": lambda world: {"due_on": (START + 30 * DAY).date().isoformat()},
    "change_corrective_item": lambda world: {"critical": True},
    "finish_corrective_item": _plain,
    "verify_corrective_item": _plain,
    "enter_allegation": lambda world: {"severity": "S3"},
    "confirm_allegation": lambda world: {"kind": "near_miss"},
    "dismiss_allegation": _plain,
    "call_review": _plain,
    "give_opinion": lambda world: {"conflict": False, "answers": []},
    "conclude_review": lambda world: {"stand_in": True},
    "reschedule_review": lambda world: {"due_at": (START + 13 * DAY).isoformat()},
    "publish_scenario": _plain,
    "change_scenario": lambda world: {"max_days": 90},
    "vote_on_decision": _plain,
    "release_hold": _plain,
    "change_account": lambda world: {"locale": "en"},
    "set_duty": lambda world: {"officer_id": world.cast.lin.id, "deputy_id": world.cast.zhou.id,
                               "starts_at": (START + 20 * DAY).isoformat(),
                               "ends_at": (START + 27 * DAY).isoformat()},
    "withdraw_duty": _plain,
    "set_fee": lambda world: {"review_kind": "called", "valid_from": (START + 30 * DAY).date().isoformat()},
    "acknowledge_alarm": _plain,
    "describe_reviewer": lambda world: {"expertise": ["ai"]},
    "invite": lambda world: {"role": "reviewer", "constituency": "market",
                             "organisation_id": world.hers["organisations"]},
    "register_organisation": lambda world: {"name": "New Body"},
    "join_alias": lambda world: {"name": "Another Name"},
    "open_register": lambda world: {"name": "another"},
    "enter_entry": _plain,
    "decide_alias": lambda world: {"same": False},
    "cite_entry": lambda world: {"entry_id": world.hers["entries"]},
    "withdraw_citation": _plain,
    "issue_token": lambda world: {"scopes": ["read"]},
    "revoke_token": _plain,
    "set_channels": lambda world: {"feishu": "a-robots-key-1", "quiet_from": 21},
    "try_channels": _plain,
    "retry_delivery": _plain,
    "renew_calendar": _plain,
    "rotate_key": _plain,
}
