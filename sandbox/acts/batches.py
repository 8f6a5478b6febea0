"""Batches (批量反馈): many reports as one act. Their rows came in before, in slices that nobody sees; this act makes
them count, all at once: counters, caps, light, deadlines. Its leaf holds the root of the lines."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as PydanticField

from sandbox.acts.act import Act, Done, act
from sandbox.acts.coverage import deadlines, tell
from sandbox.acts.extra_reviews import look_at_measures_of
from sandbox.acts.feedback import TAKES_REPORTS, check_report, replace_plans, trip_by_rule
from sandbox.acts.groups import forget_groups
from sandbox.acts.holding import keep_held, put_right_by_batch, stopped_for
from sandbox.acts.itemising import look_at_grave, tells_of_grave
from sandbox.acts.light import assess, count
from sandbox.acts.places import use_places
from sandbox.acts.refusals import Invalid, Refused
from sandbox.acts.schedule import drop_due, put_due, rearm
from sandbox.acts.usage import use
from sandbox.store.batches import BATCHES, KEPT, BatchState, drop_slice, insert_notes
from sandbox.store.distributions import Distributions
from sandbox.store.dues import DueKind
from sandbox.store.engine import Statement
from sandbox.store.feedback import FEEDBACK, FeedbackFields
from sandbox.store.fields import Fields
from sandbox.store.log import LOG
from sandbox.store.types import Code, Flag, Short, Time, Whole

OTHERS = ("file_batch", "import_feedback", "correct_feedback", "decide_correction")
"""Acts, besides filing one report, after which a period may be taken that was free."""


class SliceRow(Fields):
    """A slice of the batch: its first line, how many it has, the root of their leaves in hex."""

    first: Whole
    size: Whole
    root: Short


Total = Annotated[float, PydanticField(ge=0, le=10**18, allow_inf_nan=False)]
"""Many lines together come to more than one may say."""
MANY = PydanticField(max_length=1_000_000)
"""More than a file of the permitted size has lines."""


class Sum(Fields):
    """The lines of one reporting period and epoch added up, as counters and caps take them."""

    epoch: Whole
    period_start: Time
    period_end: Time
    exposures: Total
    people: Whole = 0
    people_new: Whole = 0
    hours: Total = 0.0
    money: Total = 0.0
    reviewed: Whole = 0
    labelled: Whole = 0
    events: Annotated[dict[Code, Whole], PydanticField(max_length=200)] = {}
    distributions: Distributions = []


class SpanRow(Fields):
    """Time that lines tell of without a gap."""

    period_start: Time
    period_end: Time


class PlaceRow(Fields):
    """Where lines say that it was."""

    region: Short | None = None
    site: Short | None = None


class HeldLine(Fields):
    """A line to be held back: what it says, why it is doubted, and the key and seal it was sent with (the seal in
    hex)."""

    line: Whole
    report: FeedbackFields
    doubts: Annotated[list[Code], PydanticField(max_length=10)]
    key: Short | None = None
    seal: Short | None = None


class BatchGiven(Fields):
    """What is to count. `sent` is the digest of what was sent: a repeated key compares it, and whether a part is
    enough; everything else follows from them. `sums` are the lines added up, one a reporting period and epoch; `odd`
    stands for every line that may stop the trial by rule; `held` are the lines that would stop it and are implausible,
    `causes` what for; `seen` is how far the log was read when periods were
    compared."""

    sent: Short
    partial: Flag = False
    batch_id: Short | None = None
    lines: Whole
    kept: Whole
    refused: Whole = 0
    repeated: Whole = 0
    root: Short
    slices: Annotated[list[SliceRow], PydanticField(max_length=1000)] = []
    sums: Annotated[list[Sum], MANY]
    odd: Annotated[list[FeedbackFields], MANY] = []
    told: Annotated[list[SpanRow], MANY] = []
    places: Annotated[list[PlaceRow], MANY] = []
    held: Annotated[list[HeldLine], PydanticField(max_length=1000)] = []
    causes: Annotated[list[Code], PydanticField(max_length=20)] = []
    groups: Flag = False
    epoch: Whole
    seen: Whole

    def marked(self) -> dict[str, Any]:
        """What was sent, and not what it was called on its way in: the same batch again is the same given."""
        return {"sent": self.sent, "partial": self.partial}


class BatchFiled(Done):
    """The batch's id, how many of its lines were kept, refused, kept before and held back, the root of the kept ones,
    and what stands after them: the light, the state, and what the trial is suspended for."""

    id: str | None
    lines: Whole
    kept: Whole
    refused: Whole
    repeated: Whole
    held: Whole = 0
    root: str | None
    light: str
    state: str
    causes: list[str] = []
    next_due_at: datetime | None = None


@act(on="trial")
def file_batch(act: Act, given: BatchGiven) -> BatchFiled:
    """Let a batch of reports count. Raises Refused("overtaken") when another report took one of its periods meanwhile:
    then the lines have to be compared anew."""
    if act.trial["state"] not in TAKES_REPORTS:
        raise Refused("no_exposure_allowed", state=act.trial["state"])
    if given.batch_id:
        _check_receiving(act, given)
        _keep(act, given)
    owed, before = deadlines(act), act.trial["reports"]
    for one in given.sums:
        count(act, one.model_dump(), one.epoch)
        use(act, one.model_dump())
    for place in given.places:
        use_places(act, place.plain())
    act.change_trial(reports=before + given.kept)
    _tell(act, given)
    if given.groups:  # blocks are compared one by one in the order of their arrival, not added up
        for epoch in {one.epoch for one in given.sums}:
            forget_groups(act, epoch)
    for report in given.odd:
        trip_by_rule(act, report)
    if given.batch_id and tells_of_grave(*(one.events for one in given.sums)):
        look_at_grave(act, given.batch_id)
    if given.batch_id:
        look_at_measures_of(act, given.batch_id)
    light = assess(act)
    if given.batch_id:
        put_right_by_batch(act, given.batch_id)
        _hold(act, given)
    due = rearm(act, owed)
    return BatchFiled(id=given.batch_id, lines=given.lines, kept=given.kept, refused=given.refused,
                      repeated=given.repeated, held=len(given.held), root=given.root, light=light.value,
                      state=act.trial["state"], causes=list(stopped_for(act)), next_due_at=due)


def _hold(act: Act, given: BatchGiven) -> None:
    """Keep the implausible lines as held filings. Raises Refused("overtaken") where one has had its day, or no longer
    fits what was filed meanwhile."""
    for one in given.held:
        try:
            check_report(act, one.report)
        except Invalid as error:
            raise Refused("overtaken") from error
        held = keep_held(act, one.report, one.doubts, given.causes, source_key=one.key,
                         seal=bytes.fromhex(one.seal) if one.seal else None)
        if held is None:
            raise Refused("overtaken")
        insert_notes(act.connection, [{"batch_id": given.batch_id, "line": one.line, "number": 0, "field": "",
                                       "code": "held", "given": {}, "report_id": held.id}])


def _tell(act: Act, given: BatchGiven) -> None:
    """Deadlines follow what is told; plans not to use end where a line tells of use."""
    tell(act, *((one.period_start, one.period_end) for one in given.told))
    last = act.trial["no_use_until"]
    if last is None or not given.told or last <= min(one.period_start for one in given.told):
        return
    used = sa.select(FEEDBACK.c.id, FEEDBACK.c.period_start, FEEDBACK.c.period_end, FEEDBACK.c.exposures,
                     FEEDBACK.c.events).where(FEEDBACK.c.batch_id == given.batch_id, FEEDBACK.c.exposures > 0,
                                              FEEDBACK.c.period_start < last).order_by(FEEDBACK.c.period_start)
    for report in act.connection.execute(used).mappings().all():
        replace_plans(act, dict(report))


def _keep(act: Act, given: BatchGiven) -> None:
    batch_id = given.batch_id or ""
    act.lines = {"root": given.root, "size": given.kept}
    act.update(BATCHES, batch_id, state=BatchState.KEPT.value, root=given.root, seq=act.seq, lines=given.lines,
               kept=given.kept, refused=given.refused, repeated=given.repeated, held=len(given.held),
               slices=[[one.first, one.size, one.root] for one in given.slices])
    drop_due(act, DueKind.DROP_BATCH, batch_id)


def _check_receiving(act: Act, given: BatchGiven) -> None:
    """The batch is this person's, came in whole, and nothing was filed meanwhile for one of its periods."""
    batch = act.row(BATCHES, given.batch_id or "")
    mine = (batch["state"], batch["author_id"], batch["trial_id"]) == (
        BatchState.RECEIVING, act.actor.id, act.trial["id"])
    if not mine or given.epoch != act.trial["epoch"] or overtaken(act, given):
        raise Refused("overtaken")


_filed = Statement(sa.select(FEEDBACK.c.site_key, FEEDBACK.c.period_start, FEEDBACK.c.period_end).where(
    FEEDBACK.c.trial_id == sa.bindparam("trial_id"), FEEDBACK.c.seq >= sa.bindparam("seen"), KEPT))
_last = (
    sa.select(FEEDBACK.c.period_end).where(
        FEEDBACK.c.trial_id == sa.bindparam("trial_id"), FEEDBACK.c.site_key == sa.bindparam("site"),
        FEEDBACK.c.period_start < sa.bindparam("ends"), FEEDBACK.c.batch_id == sa.bindparam("batch"))
    .order_by(FEEDBACK.c.period_start.desc()).limit(sa.literal_column("1")).subquery())
_meets = Statement(sa.select(sa.literal_column("1")).select_from(_last).where(
    _last.c.period_end > sa.bindparam("starts")))


def overtaken(act: Act, given: BatchGiven) -> bool:
    """Whether a report that was filed since the lines were compared may share time with one of them: one of a site
    with a line of that site or of the whole trial, one of the whole trial with any. Whatever else was done to reports
    (another batch, a correction) sends the batch back to be compared again."""
    trial_id = act.trial["id"]
    if act.connection.execute(sa.select(LOG.c.seq).where(
            LOG.c.trial_id == trial_id, LOG.c.seq >= given.seen, LOG.c.act.in_(OTHERS)).limit(1)).first():
        return True
    batch = {"trial_id": trial_id, "batch": given.batch_id}
    for site, starts, ends in act.transaction.run(_filed, trial_id=trial_id, seen=given.seen).fetchall():
        if not site or any(act.transaction.run(_meets, **batch, site=one, starts=starts, ends=ends).fetchone()
                           for one in (site, "")):
            return True
    return False


def drop_batch(act: Act, due: Mapping[str, Any]) -> None:
    """Nobody went on with a batch that was coming in: it is taken back, a slice at a time."""
    if drop_slice(act.connection, due["object_id"]):
        put_due(act, DueKind.DROP_BATCH, due["object_id"], act.now, due["trial_id"])
