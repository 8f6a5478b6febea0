"""What an accepted change does: the next version of the plan, and everything that follows it, in the same act."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.clocks import algorithm_filed, start_clock, time_exit
from sandbox.acts.effects import caps
from sandbox.acts.light import assess
from sandbox.acts.limits import expect_rate
from sandbox.acts.moves import carry_out
from sandbox.acts.plan_versions import KEPT_IN, keep_version, terms_in_force
from sandbox.acts.schedule import arm_feedback, arm_running
from sandbox.rules.cadence import DAY
from sandbox.rules.changes import ChangeKind, terms_after
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.lifecycle import ROWS, RUNNING
from sandbox.rules.measures import alarm_lines
from sandbox.store.sections import SECTION_ROWS, SECTIONS
from sandbox.store.votes import VOTES, Value

FILED_DATA = (ChangeKind.A1, ChangeKind.A4, ChangeKind.A5)
"""Classes that change what an algorithm's filing says."""
CAPS = ("people", "volume", "hours", "money", "regions", "sites")
REDUCED = {"people": "cap_people", "volume": "cap_volume"}
"""What tuning reduces, by its term."""


def adjust(act: Act, change: Mapping[str, Any], officers: tuple[str, ...] = ()) -> int:
    """Let the differences of a request take effect; the number of the plan version that they make. `officers` are those
    who approved it. Evidence is not touched."""
    changed = {row["term"]: row["after"] for row in change["differences"]}
    terms = terms_after(terms_in_force(act), changed)
    exposed = any(KEPT_IN.get(term, (("", ""),))[0][0] == "exposure" for term in changed)
    _refile(act, change, {**changed, **({"not_applicable": terms["not_applicable"]} if exposed else {})}, officers)
    version = keep_version(act, terms, change=change["id"])
    for name, follow in FOLLOWS.items():
        if name in changed:
            follow(act, terms)
    if set(CAPS) & set(changed):
        act.change_trial(**_caps(act, terms, changed, lower=change["kind"] == ChangeKind.A2))
    if change["kind"] == ChangeKind.A4:  # a widening makes the procedure an ordinary one
        act.change_trial(simplified=False)
    if change["kind"] in FILED_DATA and algorithm_filed(act) and act.place.profile in KNOWN["C06"].profiles:
        start_clock(act, "C06", change["id"], act.now)
    if act.trial["state"] in RUNNING and set(CAPS) & set(changed):
        assess(act)
    if change["kind"] == ChangeKind.A7:
        row = ROWS["begin_tuning", act.trial["state"]]
        act.caused(row.name, lambda sub: carry_out(sub, row, change["asked"]["reason"]))
    return version


def _refile(act: Act, change: Mapping[str, Any], changed: Mapping[str, Any], officers: tuple[str, ...]) -> None:
    """The sections that say otherwise now, in a new version each, filed by whoever asked; the exposure is approved by
    those who granted it. A pilot that was taken over has no sections."""
    bodies: dict[str, dict[str, Any]] = {}
    for term, after in changed.items():
        for kind, field in KEPT_IN.get(term, ()):
            bodies.setdefault(kind, {})[field] = after
    for kind, body in bodies.items():
        before = _base(act, kind)
        if before is not None and any(before.get(field) != after for field, after in body.items()):
            version = _file(act, change, kind, {**before, **body})
            if kind == "exposure":
                act.change_trial(exposure_version=version)
                for officer in officers:
                    _approve(act, version, officer)
    if "corrective_plan" in changed:
        _file(act, change, "corrective_plan", {"items": changed["corrective_plan"]})


def _base(act: Act, kind: str) -> dict[str, Any] | None:
    """What a section says in the version that is in force: of the exposure not what the firm has filed since. A risk
    register is whole by itself, though there was none before."""
    query = sa.select(SECTION_ROWS.c.body).where(SECTION_ROWS.c.trial_id == act.trial["id"],
                                                 SECTION_ROWS.c.kind == kind)
    query = query.where(SECTION_ROWS.c.version == act.trial["exposure_version"]) if kind == "exposure" else query
    found: dict[str, Any] | None = act.connection.execute(
        query.order_by(SECTION_ROWS.c.version.desc()).limit(1)).scalar()
    return found or ({} if kind == "risks" else None)


def _file(act: Act, change: Mapping[str, Any], kind: str, body: Mapping[str, Any]) -> int:
    last = act.connection.execute(sa.select(sa.func.max(SECTION_ROWS.c.version)).where(
        SECTION_ROWS.c.trial_id == act.trial["id"], SECTION_ROWS.c.kind == kind)).scalar() or 0
    kept = SECTIONS[kind].fields.model_validate(body).plain()
    act.insert(SECTION_ROWS, {"id": act.id("se"), "trial_id": act.trial["id"], "kind": kind, "version": last + 1,
                              "body": kept, "author_id": change["author_id"], "role": "firm", "at": act.now})
    return int(last) + 1


def _approve(act: Act, version: int, officer: str) -> None:
    act.insert(VOTES, {"id": act.id("vo"), "trial_id": act.trial["id"], "round": act.trial["round"],
                       "version": version, "account_id": officer, "organisation_id": None, "role": "regulator",
                       "constituency": None, "external": False, "at": act.now, "matter": "approve",
                       "subject": "exposure", "value": Value.FOR.value, "reason": act.reason})


# What follows a term


def _caps(act: Act, terms: Mapping[str, Any], changed: Mapping[str, Any], *, lower: bool) -> dict[str, Any]:
    """The caps as columns. What tuning reduced stays so whatever else is changed, until the trial goes on: while it is
    tuned, and of a narrowing always, the lower one holds and the higher one waits."""
    full, trial = caps(terms), act.trial
    lower = lower or "tune" in (trial["state"], trial["left"])
    for term, name in REDUCED.items():
        before = trial[name]
        if term not in changed:
            full[name] = before
        elif lower and before is not None:
            full[name] = min(full[name], before)
    return full


def _pin(act: Act, terms: Mapping[str, Any]) -> None:
    act.change_trial(model_version=terms["model_version"])


def _environment(act: Act, terms: Mapping[str, Any]) -> None:
    act.change_trial(environment=terms["environment"])


def _extend(act: Act, terms: Mapping[str, Any]) -> None:
    """Another end, and as many days more to run; what falls due at the end moves with it."""
    ends, before = datetime.fromisoformat(terms["ends_at"]), act.trial["ends_at"]
    act.change_trial(ends_at=ends, day_limit=act.trial["day_limit"] + round((ends - before) / DAY),
                     extension_count=act.trial["extension_count"] + 1)
    arm_running(act)
    time_exit(act)


def _measures(act: Act, terms: Mapping[str, Any]) -> None:
    """What a report tells of a measure is held against the alarm lines that are agreed now."""
    act.change_trial(alarm_lines=alarm_lines(terms["metrics"]))


def _rate(act: Act, terms: Mapping[str, Any]) -> None:
    """Silence is borne for as long as the rate allows."""
    expect_rate(act, terms["rate_per_day"])
    if act.trial["state"] in RUNNING:
        arm_feedback(act)


FOLLOWS: Mapping[str, Callable[[Act, Mapping[str, Any]], None]] = {
    "model_version": _pin, "environment": _environment, "ends_at": _extend, "rate_per_day": _rate,
    "metrics": _measures,
}
"""Terms that are columns of the trial beside the caps."""
