"""Reviews beside the schedule (临时评审), each for a cause of EXTRAS: called once, or joined to one due in time."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.schedule import plan_review
from sandbox.rules.cadence import EXTRAS, days_after
from sandbox.rules.epoch import Finding
from sandbox.rules.measures import CROSSINGS, AlarmLine, crossings
from sandbox.rules.reviewing import Sitting
from sandbox.store.batches import COUNTS
from sandbox.store.feedback import FEEDBACK, site_key_of
from sandbox.store.reviews import REVIEWS, ReviewKind, ReviewState

REVIEWABLE = ("trial", "tune", "suspended", "retrospective", "exit_review")
LOOKED_BACK = 200
"""Reports of a site in which crossings of a line are looked for beside those that came in together."""
MOST_OF_A_BATCH = 5_000
COMPLAINTS_OVER = math.log(5.0)
"""Log evidence at which complaints are over their line, and what it must have grown by to be a cause again."""


def call_extra(act: Act, causes: Sequence[str]) -> None:
    """A review for these causes, which are of one kind: its own, or one that is open already and looks at them too."""
    row = EXTRAS[causes[0]]
    due = days_after(act.now, row.within_days, act.zone)
    found = _open_in_time(act, due) if row.joins else _open_yellow(act, due)
    if found is None:
        plan_review(act, ReviewKind(row.kind), due, open_now=True, reason=" ".join(causes))
        return
    known = (found.reason or "").split()
    reason = " ".join(dict.fromkeys((*known, *causes)))
    kind = row.kind if found.kind == ReviewKind.EVENT else found.kind
    if (reason, kind) != (found.reason, found.kind):
        act.update(REVIEWS, found.id, reason=reason, kind=kind)


def _open(act: Act, *which: Any) -> Any:
    query = sa.select(REVIEWS.c.id, REVIEWS.c.kind, REVIEWS.c.reason).where(
        REVIEWS.c.trial_id == act.trial["id"], REVIEWS.c.state == ReviewState.OPEN, *which)
    return act.connection.execute(query.order_by(REVIEWS.c.due_at, REVIEWS.c.id).limit(1)).first()


def _open_in_time(act: Act, due: datetime) -> Any:
    """A review on which the whole panel sits until then. One that a regulator called has a reason in words."""
    return _open(act, REVIEWS.c.sitting == Sitting.FULL, REVIEWS.c.kind != ReviewKind.CALLED, REVIEWS.c.due_at <= due)


def _open_yellow(act: Act, due: datetime) -> Any:
    """The open look at a yellow light, or one at an event that is due in time and becomes it."""
    return _open(act, REVIEWS.c.kind == ReviewKind.YELLOW) or _open(
        act, REVIEWS.c.kind == ReviewKind.EVENT, REVIEWS.c.due_at <= due)


# Complaints


def look_at_complaints(act: Act, findings: Iterable[Finding]) -> None:
    """Complaints over the line that the plan agrees: a cause once their own evidence has reached five, whatever the
    light says, and again when it is five times as much."""
    found = next((one.log_e for one in findings if one.indicator == "complaint"), 0.0)
    before = act.trial["complaint_log_e"]
    if act.trial["state"] in REVIEWABLE and found >= (before or 0.0) + COMPLAINTS_OVER:
        act.change_trial(complaint_log_e=found)
        call_extra(act, ["complaints"])


# Measures


def look_at_measures(act: Act, metrics: Mapping[str, float], site: str | None) -> None:
    """Whether a measure that a report tells beyond its alarm line has crossed it for the second time since the panel
    last looked. Only the site's last reports are looked at."""
    lines = _lines(act, metrics)
    beyond = {name: line for name, line in lines.items() if line.beyond(metrics[name])}
    if beyond:
        _look(act, site_key_of(site), beyond, LOOKED_BACK)


def look_at_measures_of(act: Act, batch_id: str) -> None:
    """The same of a batch, site by site."""
    lines = _lines(act, act.trial["alarm_lines"])
    told = sa.select(FEEDBACK.c.site_key, sa.func.count().label("n")).where(FEEDBACK.c.batch_id == batch_id)
    for site in act.connection.execute(told.group_by(FEEDBACK.c.site_key)).all() if lines else ():
        _look(act, site.site_key, lines, min(site.n + LOOKED_BACK, MOST_OF_A_BATCH))


def _lines(act: Act, names: Iterable[str]) -> dict[str, AlarmLine]:
    agreed = act.trial["alarm_lines"]
    return {name: AlarmLine(*agreed[name]) for name in names if name in agreed}


def _look(act: Act, site: str, lines: Mapping[str, AlarmLine], most: int) -> None:
    if act.trial["state"] not in REVIEWABLE:
        return
    told = act.connection.execute(sa.select(FEEDBACK.c.period_end, FEEDBACK.c.metrics).where(
        FEEDBACK.c.trial_id == act.trial["id"], FEEDBACK.c.site_key == site, FEEDBACK.c.epoch > 0, COUNTS,
    ).order_by(FEEDBACK.c.period_start.desc()).limit(most)).all()[::-1]
    since = _looked_at_measures(act)
    for name, line in lines.items():
        found = crossings([row.metrics.get(name) for row in told], line)
        if sum(since is None or told[place].period_end > since for place in found) >= CROSSINGS:
            call_extra(act, ["alarm_crossed"])
            return


def _looked_at_measures(act: Act) -> datetime | None:
    """When a review for a measure was last held, or called while it is open."""
    query = sa.select(sa.func.max(sa.func.coalesce(REVIEWS.c.held_at, REVIEWS.c.opened_at))).where(
        REVIEWS.c.trial_id == act.trial["id"], REVIEWS.c.reason.contains("alarm_crossed", autoescape=True),
        REVIEWS.c.kind != ReviewKind.CALLED)
    return act.connection.execute(query).scalar()
