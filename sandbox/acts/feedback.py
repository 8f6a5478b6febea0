"""Usage feedback (使用反馈): filed, imported from before adoption. Counted and assessed in the same act."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as PydanticField

from sandbox.acts.act import Act, Done, act
from sandbox.acts.coverage import deadlines, next_report_due, recount, schedule_of, tell
from sandbox.acts.drift import check_distributions
from sandbox.acts.extra_reviews import look_at_measures
from sandbox.acts.holding import HeldBack, hold_back, put_right
from sandbox.acts.itemising import look_at_grave, tells_of_grave
from sandbox.acts.light import add, assess, count, epoch_told, limits_of
from sandbox.acts.moves import trip
from sandbox.acts.places import known_sites
from sandbox.acts.plan_versions import is_agreed, is_pinned
from sandbox.acts.refusals import Invalid, Refused, invalid
from sandbox.acts.schedule import rearm
from sandbox.acts.usage import use
from sandbox.rules.lifecycle import RUNNING, Cause
from sandbox.rules.reporting import Span, came_late
from sandbox.store.batches import COUNTS
from sandbox.store.coverage import NO_USE, NoUseState
from sandbox.store.engine import Statement
from sandbox.store.feedback import FEEDBACK, FeedbackFields, ImportedReport, site_key_of
from sandbox.store.fields import Fields
from sandbox.store.incidents import INCIDENTS, ImportedEvent, IncidentState
from sandbox.store.types import Instant, Whole, once_each
from sandbox.words import word

TAKES_REPORTS = ("trial", "tune", "suspended", "retrospective", "exit_review", "winding_down")
EVENTS = frozenset(("harm_S1", "harm_S2", "harm_S3", "harm_S4", "complaint", "override", "error"))

_before = (
    sa.select(FEEDBACK.c.period_end)
    .where(FEEDBACK.c.trial_id == sa.bindparam("trial_id"), FEEDBACK.c.epoch > 0, COUNTS,
           FEEDBACK.c.period_start < sa.bindparam("period_end", type_=Instant),
           FEEDBACK.c.site_key == sa.bindparam("site"))
    .order_by(FEEDBACK.c.period_start.desc()).limit(sa.literal_column("1")).subquery())
_overlaps = Statement(sa.select(sa.literal_column("1")).select_from(_before).where(
    _before.c.period_end > sa.bindparam("period_start", type_=Instant)))
"""Reports of one site never overlap, so only the last that begins before this one ends can."""


class Filed(Done):
    """The report's id, the light and state after it, and when the next one is due. Where it is `held` it does not count
    yet, and the id is that of the held filing."""

    id: str
    light: str
    state: str
    next_due_at: datetime | None = None
    held: HeldBack | None = None


@act(on="trial")
def file_feedback(act: Act, given: FeedbackFields) -> Filed:
    """Add one period's report. Exposures count at once; the light is re-assessed in this transaction. One that would
    stop the trial and is implausible is held for a day instead: it counts unless it is put right."""
    check_report(act, given)
    held = hold_back(act, given, take_report)
    if held:
        due = next_report_due(act) if act.trial["state"] in RUNNING else None
        return Filed(id=held.id, light=act.trial["light"], state=act.trial["state"], next_due_at=due, held=held)
    put_right(act, given)
    return take_report(act, given)


def check_report(act: Act, given: FeedbackFields) -> None:
    """Whether the trial takes a report of this period, with these events."""
    if act.trial["state"] not in TAKES_REPORTS:
        raise Refused("no_exposure_allowed", state=act.trial["state"])
    _check_period(act, given)
    check_named(act, given)


def take_report(act: Act, given: FeedbackFields, **more: Any) -> Filed:
    """Keep a checked report and let it count."""
    before = deadlines(act)
    report = _keep(act, given, **more)
    tell(act, (report["period_start"], report["period_end"]))
    replace_plans(act, report)
    count(act, report, report["epoch"])
    use(act, report)
    act.change_trial(reports=act.trial["reports"] + 1)
    trip_by_rule(act, given)
    if tells_of_grave(given.events):
        look_at_grave(act, report["id"])
    look_at_measures(act, report["metrics"], given.site)
    light = assess(act)
    due = rearm(act, before)
    return Filed(id=report["id"], light=light.value, state=act.trial["state"], next_due_at=due)


def check_named(act: Act, given: FeedbackFields) -> None:
    """Only events and distributions that the contract or the trial's plan names are taken: one that is misspelt would
    count nowhere."""
    unknown = set(given.events) - EVENTS
    unknown = unknown - set(limits_of(act)) if unknown else unknown
    if unknown:
        raise Invalid(*((("events", name), word("error.unknown_event")) for name in sorted(unknown)))
    check_distributions(act, given.distributions)


def trip_by_rule(act: Act, given: FeedbackFields) -> None:
    """What stops a trial without statistics: another model version, a place that was not agreed, an S1 in a report. Pin
    and places are those of the report's own time."""
    if not is_pinned(act, given.model_version, given.period_start, given.period_end):
        trip(act, Cause.UNSAFE_VERSION)
    if not is_agreed(act, given.region, given.site, given.period_start, given.period_end):
        trip(act, Cause.CAP_EXCEEDED)
    if given.events.get("harm_S1"):
        trip(act, Cause.GRAVE_INCIDENT)


def _check_period(act: Act, given: FeedbackFields) -> None:
    if given.period_end > act.now:
        raise invalid("period_end", "in_future")
    first = act.trial["starts_at"].astimezone(act.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if given.period_start < first:
        raise invalid("period_start", "before_start")
    across = schedule_of(act).spans_two((given.period_start, given.period_end))
    if across is not None:
        raise invalid("period_end", "spans_periods", at=across.astimezone(act.zone).strftime("%Y-%m-%d %H:%M"))
    if overlaps(act, (given.period_start, given.period_end), given.site):
        raise invalid("period_start", "overlaps")


def overlaps(act: Act, span: Span, site: str | None = None) -> bool:
    """Whether a report that counts tells of the same time: of the same site, or one of the two of the whole trial."""
    sites = ("", *((site_key_of(site),) if site else known_sites(act)))
    of = {"trial_id": act.trial["id"], "period_start": span[0], "period_end": span[1]}
    return any(_overlaps.run(act.connection, {**of, "site": site}).fetchone() for site in sites)


def _keep(act: Act, given: FeedbackFields, **more: Any) -> dict[str, Any]:
    plan = schedule_of(act)
    due_at = plan.deadline(plan.ends_in(given.period_end))
    report = {**given.plain(), "period_start": given.period_start, "period_end": given.period_end, "id": act.id("fb"),
              "trial_id": act.trial["id"], "epoch": epoch_told(act, given.period_end), "author_id": act.actor.id,
              "at": act.now, "site_key": site_key_of(given.site), "source_key": None, "seq": act.seq,
              "due_at": due_at, **more}
    report["late"] = came_late(report["at"], report["due_at"])
    act.insert(FEEDBACK, report)
    return report


def replace_plans(act: Act, report: Mapping[str, Any]) -> None:
    """A report of use shows that a plan not to use did not hold: it ends where the use began."""
    last = act.trial["no_use_until"]
    if last is None or last <= report["period_start"] or not (report["exposures"] or report["events"]):
        return
    plans = act.connection.execute(sa.select(NO_USE.c.id, NO_USE.c.period_start).where(
        NO_USE.c.trial_id == act.trial["id"], NO_USE.c.state == NoUseState.STANDS,
        NO_USE.c.period_start < report["period_end"], NO_USE.c.holds_until > report["period_start"])).all()
    for plan in plans:
        act.update(NO_USE, plan.id, state=NoUseState.REPLACED.value, replaced_by=report["id"],
                   holds_until=max(plan.period_start, report["period_start"]))
    if plans:
        recount(act)


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
        count(act, _keep(act, report, epoch=0, due_at=None, source_key=report.source_key), 0)
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
