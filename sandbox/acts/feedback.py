"""Usage feedback (使用反馈): filed, corrected, imported from before adoption. Counted and assessed in the same act."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as PydanticField

from sandbox.acts.act import Act, Done, act
from sandbox.acts.light import CAPS, add, assess, count, limits_of
from sandbox.acts.moves import trip
from sandbox.acts.refusals import Invalid, Refused, invalid
from sandbox.acts.schedule import arm_feedback, next_report_due
from sandbox.rules.lifecycle import RUNNING, Cause
from sandbox.store.batches import KEPT
from sandbox.store.engine import Statement
from sandbox.store.feedback import (
    CORRECTIONS,
    FEEDBACK,
    CorrectionDecision,
    CorrectionFields,
    CorrectionState,
    FeedbackFields,
    ImportedReport,
    site_key_of,
)
from sandbox.store.fields import Fields
from sandbox.store.incidents import INCIDENTS, ImportedEvent, IncidentState
from sandbox.store.types import Instant, Whole, once_each
from sandbox.words import word

TAKES_REPORTS = ("trial", "tune", "suspended", "retrospective", "exit_review", "winding_down")
EVENTS = frozenset(("harm_S1", "harm_S2", "harm_S3", "harm_S4", "complaint", "override", "error"))
USED = {"used_volume": "exposures", "used_people": "people_new", "used_hours": "hours", "used_money": "money"}

_before = (
    sa.select(FEEDBACK.c.period_end)
    .where(FEEDBACK.c.trial_id == sa.bindparam("trial_id"), FEEDBACK.c.epoch > 0, KEPT,
           FEEDBACK.c.period_start < sa.bindparam("period_end", type_=Instant),
           FEEDBACK.c.site_key == sa.bindparam("site"))
    .order_by(FEEDBACK.c.period_start.desc()).limit(sa.literal_column("1")).subquery())
_overlaps = Statement(sa.select(sa.literal_column("1")).select_from(_before).where(
    _before.c.period_end > sa.bindparam("period_start", type_=Instant)))
"""Reports of one site never overlap, so only the last that begins before this one ends can."""


class Filed(Done):
    """The report's id, the light and state after it, and when the next one is due."""

    id: str
    light: str
    state: str
    next_due_at: datetime | None = None


@act(on="trial")
def file_feedback(act: Act, given: FeedbackFields) -> Filed:
    """Add one period's report. Exposures count at once; the light is re-assessed in this transaction."""
    if act.trial["state"] not in TAKES_REPORTS:
        raise Refused("no_exposure_allowed", state=act.trial["state"])
    _check_period(act, given)
    _check_events(act, given)
    owed = next_report_due(act) if act.trial["state"] in RUNNING else None
    report = _keep(act, given)
    count(act, report, act.trial["epoch"])
    use(act, report)
    trip_by_rule(act, given)
    light = assess(act)
    due = next_report_due(act) if act.trial["state"] in RUNNING else None
    if due != owed:  # a second report of one day moves no deadline
        arm_feedback(act)
    return Filed(id=report["id"], light=light.value, state=act.trial["state"], next_due_at=due)


def _check_events(act: Act, given: FeedbackFields) -> None:
    """Only events that the contract or the trial's plan names are taken: one that is misspelt would count nowhere."""
    unknown = set(given.events) - EVENTS
    unknown = unknown - set(limits_of(act)) if unknown else unknown
    if unknown:
        raise Invalid(*((("events", name), word("error.unknown_event")) for name in sorted(unknown)))


def trip_by_rule(act: Act, given: FeedbackFields) -> None:
    """What stops a trial without statistics: another model version, or an S1 told in a report."""
    if not same_version(given.model_version, act.trial["model_version"]):
        trip(act, Cause.UNSAFE_VERSION)
    if given.events.get("harm_S1"):
        trip(act, Cause.GRAVE_INCIDENT)


def _check_period(act: Act, given: FeedbackFields) -> None:
    if given.period_end > act.now:
        raise invalid("period_end", "in_future")
    first = act.trial["starts_at"].astimezone(act.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if given.period_start < first:
        raise invalid("period_start", "before_start")
    if _overlaps.run(act.connection, {"trial_id": act.trial["id"], "period_start": given.period_start,
                                      "period_end": given.period_end, "site": site_key_of(given.site)}).fetchone():
        raise invalid("period_start", "overlaps")


def _keep(act: Act, given: FeedbackFields, **more: Any) -> dict[str, Any]:
    report = {**given.plain(), "period_start": given.period_start, "period_end": given.period_end, "id": act.id("fb"),
              "trial_id": act.trial["id"], "epoch": act.trial["epoch"], "author_id": act.actor.id, "at": act.now,
              "source_key": None, "site_key": site_key_of(given.site), "seq": act.seq, **more}
    act.insert(FEEDBACK, report)
    return report


def use(act: Act, report: Mapping[str, Any], sign: int = 1) -> None:
    """Exposure used against the caps, and how far reports reach."""
    used = {column: act.trial[column] + sign * report[name] for column, name in USED.items() if report.get(name)}
    covered = act.trial["covered_until"]
    reach = report["period_end"] if covered is None or report["period_end"] > covered else covered
    act.change_trial(**used, reports=act.trial["reports"] + sign, covered_until=reach)


def same_version(reported: str | None, pinned: str | None) -> bool:
    """Whether a reported model version is the pinned one; case, spaces and a leading v do not matter."""
    return reported is None or pinned is None or _normal(reported) == _normal(pinned)


def _normal(version: str) -> str:
    return version.strip().lower().replace(" ", "").removeprefix("v")


class Corrected(Done):
    """The correction's id and whether it counts already."""

    id: str
    state: str
    light: str


@act(on="feedback")
def correct_feedback(act: Act, given: CorrectionFields) -> Corrected:
    """Say what a report should have been. One that softens the record waits for an officer, or a firm clears itself."""
    old = act.row(FEEDBACK, act.object_id or "")
    new = given.report
    if old["epoch"] != act.trial["epoch"] or (old["period_start"], old["period_end"], old["site"]) \
            != (new.period_start, new.period_end, new.site):
        raise Refused("other_period")
    softer = softens(old, new)
    correction = act.id("co")
    _check_events(act, new)
    act.insert(CORRECTIONS, {
        "id": correction, "trial_id": act.trial["id"], "feedback_id": old["id"],
        "before": _as_given(old).plain(),
        "state": (CorrectionState.WAITING if softer else CorrectionState.APPLIED).value, "after": new.plain(),
        "reason": given.reason, "author_id": act.actor.id, "at": act.now,
    })
    if not softer:
        _apply(act, old, new)
    return Corrected(id=correction, state="waiting" if softer else "applied", light=act.trial["light"])


def _as_given(report: Mapping[str, Any]) -> FeedbackFields:
    """A kept report as it would be given."""
    return FeedbackFields.model_validate({name: report[name] for name in FeedbackFields.model_fields})


def softens(old: Mapping[str, Any], new: FeedbackFields) -> bool:
    """Fewer events, another denominator, group or version, or less used of a cap: each can lower the evidence or make
    room, so only what adds events or words counts at once."""
    fewer = any(new.events.get(name, 0) < number for name, number in (old["events"] or {}).items())
    less = any((getattr(new, name) or 0) < (old[name] or 0) for name in ("people_new", "hours", "money"))
    plain, was = new.plain(), _as_given(old).plain()
    other = any(plain[name] != was[name] for name in ("exposures", "reviewed", "labelled", "groups", "model_version"))
    return fewer or less or other


@act(on="correction")
def decide_correction(act: Act, given: CorrectionDecision) -> Corrected:
    """An officer accepts a softening correction on evidence, or refuses it; only then does it count."""
    correction = act.row(CORRECTIONS, act.object_id or "")
    if correction["state"] != CorrectionState.WAITING:
        raise Refused("already_decided")
    report = act.row(FEEDBACK, correction["feedback_id"])
    if given.accept and _as_given(report).plain() != correction["before"]:
        raise Refused("changed_since")
    state = (CorrectionState.APPLIED if given.accept else CorrectionState.REFUSED).value
    act.update(CORRECTIONS, correction["id"], state=state, decided_by=act.actor.id)
    if given.accept:
        _apply(act, report, FeedbackFields.model_validate(correction["after"]))
    return Corrected(id=correction["id"], state=state, light=act.trial["light"])


def _apply(act: Act, old: Mapping[str, Any], new: FeedbackFields) -> None:
    """Take the old report off the counters and put the new one on; the row shows the corrected figures."""
    count(act, old, old["epoch"], sign=-1)
    use(act, old, sign=-1)
    after = {**new.plain(), "period_start": new.period_start, "period_end": new.period_end}
    act.update(FEEDBACK, old["id"], **after)
    count(act, after, old["epoch"])
    use(act, after)
    trip_by_rule(act, new)
    assess(act)


class ImportGiven(Fields):
    """A chunk of a past record: reports of periods before adoption and itemised events."""

    reports: Annotated[list[ImportedReport], PydanticField(max_length=5000), once_each("source_key")] = []
    events: Annotated[list[ImportedEvent], PydanticField(max_length=5000), once_each("source_key")] = []


class Imported(Done):
    """What was kept, and what had been kept before."""

    reports: Whole
    events: Whole
    repeated: Whole


@act(on="trial")
def import_feedback(act: Act, given: ImportGiven) -> Imported:
    """The record before adoption: epoch 0, shown and replayed, never a cause of suspension. Lines kept before stay."""
    if not act.trial["adopted"]:
        raise Refused("not_adopted")
    known = _known_keys(act)
    reports = [r for r in given.reports if r.source_key not in known]
    events = [e for e in given.events if e.source_key not in known]
    late = [i for i, r in enumerate(given.reports) if r.period_end > act.trial["starts_at"]]
    if late:
        raise invalid("reports", "after_adoption", n=len(late))
    for report in reports:
        count(act, _keep(act, report, epoch=0, source_key=report.source_key), 0)
    for event in events:
        act.insert(INCIDENTS, {**event.plain(), "occurred_at": event.occurred_at, "aware_at": event.aware_at,
                               "id": act.id("in"), "trial_id": act.trial["id"], "epoch": 0, "at": act.now,
                               "state": IncidentState.CLOSED.value, "author_id": act.actor.id, "version": 1})
        if event.indicator:
            add(act, 0, event.indicator, at=event.occurred_at, itemised=1)
    act.change_trial(reports=act.trial["reports"] + len(reports), incidents=act.trial["incidents"] + len(events))
    return Imported(reports=len(reports), events=len(events),
                    repeated=len(given.reports) + len(given.events) - len(reports) - len(events))


def _known_keys(act: Act) -> set[str]:
    keys: set[str] = set()
    for table in (FEEDBACK, INCIDENTS):
        query = sa.select(table.c.source_key).where(table.c.trial_id == act.trial["id"],
                                                    table.c.source_key.is_not(None))
        keys.update(act.connection.execute(query).scalars())
    return keys


assert {column for column, _ in CAPS} == set(USED)
