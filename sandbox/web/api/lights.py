"""The light by API: explained, as of a past instant, a yellow cleared, a late red decided."""

from datetime import datetime

import sqlalchemy as sa

from sandbox.acts.replays import LateRedGiven
from sandbox.acts.reviews import ClearGiven
from sandbox.reads import assessments
from sandbox.reads import drift as drifts
from sandbox.reads import risk as lights
from sandbox.rules.access import Role
from sandbox.store.types import Time
from sandbox.web.api.asking import Filtered
from sandbox.web.api.endpoint import Rows
from sandbox.web.api.shapes import Finite, Shape
from sandbox.web.api.trials import Cap, trial_row
from sandbox.web.reader import actor, program

rows = Rows("lights")


class Interval(Shape):
    """Bounds of a rate at 95 %."""

    low: Finite
    high: Finite


class IndicatorLine(Shape):
    """One indicator: events (declared or itemised, whichever is more in each period), exposures, agreed limit, rate
    with interval (null without exposures), evidence as natural logarithm, and its share of the whole evidence.
    Alleged events are not among the events: they can turn the light yellow, never red; null for all but regulators."""

    indicator: str
    events: int
    declared: int
    itemised: int
    alleged: int | None
    exposures: float
    unreported: float
    limit: float
    weight: float
    rate: Finite
    interval: Interval | None
    log_e: Finite
    share: Finite
    early: bool


class GroupLine(Shape):
    """Two groups compared. `test` is favourable (the ratio of the rates), true_positives or false_positives (their
    difference), or predictive (the difference of precision, which is no part of the light: its `log_e` is null);
    `value` is null while either group has too few outcomes to say."""

    attribute: str
    group: str
    reference: str
    test: str
    rate: Finite
    reference_rate: Finite
    n: int
    reference_n: int
    value: Finite
    log_e: Finite


class UntoldGroups(Shape):
    """An attribute that the plan compares, of which no report has told both the reference and another group."""

    attribute: str
    reference: str


class DriftPeriod(Shape):
    """One reporting period of the epoch. `index` is the population stability index; up to `bound` it is what the
    sample's size explains (null without cases). `looked_at` is null while the period is open: it is judged once it has
    closed, and again when its counts change."""

    number: int
    ends: datetime
    cases: int
    index: float
    bound: Finite
    drifted: bool
    enough: bool
    looked_at: datetime | None


class DriftLine(Shape):
    """A watched distribution against its reference. Drift turns the light yellow, never red; `needed` is how many cases
    a period needs for a large shift (0.25) to be told from chance, null where the reference is too small."""

    name: str
    cut: str
    reference: int
    needed: int | None
    periods: list[DriftPeriod]


class Headroom(Shape):
    """Further events that turn the light; null where no number of them can."""

    yellow: int | None
    red: int | None


class KnownLine(Shape):
    """One indicator of a past instant: events and exposures as counted then, and its evidence."""

    indicator: str
    events: int
    exposures: Finite
    log_e: Finite


class Known(Shape):
    """The light of a past instant. `path_log_e` is the most that the evidence had been in the epoch by then."""

    at: datetime
    light: str
    epoch: int
    log_e: Finite
    path_log_e: Finite
    yellow: Finite
    red: Finite
    engine: str
    indicators: list[KnownLine]


class LateRed(Shape):
    """A replay that was over red in a past period although the evidence is not now; or, `s2`, so many S2 incidents in a
    closed epoch as the budget bears. An officer decides."""

    id: str
    epoch: int
    period: int
    log_e: Finite
    s2: int | None
    at: datetime
    due_at: datetime
    state: str
    reason: str | None


class Risk(Shape):
    """The light and what is behind it: evidence against its thresholds (natural logarithms), headroom, indicators,
    groups, drift, caps, and what was never verified here. Asked `as_of` a past instant, `then` is the light as it was
    known at that instant, word for word, and `now` the same instant by everything told since; the rest is the
    present."""

    as_of: datetime
    light: str
    epoch: int
    log_e: Finite
    yellow: Finite
    red: Finite
    headroom: Headroom
    budget: int | None
    indicators: list[IndicatorLine]
    groups: list[GroupLine]
    groups_untold: list[UntoldGroups]
    groups_full: bool
    drift: list[DriftLine]
    late_reds: list[LateRed]
    caps: list[Cap]
    unverified: str | None
    then: Known | None = None
    now: Known | None = None


class RiskQuery(Filtered):
    """At which instant; now when nothing is said."""

    as_of: Time | None = None


@rows.shows("/trials/<id>/risk")
def risk(connection: sa.Connection, id: str, query: RiskQuery) -> Risk:
    """The light of a trial, explained; at a past instant as known then and as known now."""
    row, now, zone = trial_row(connection, id), program().clock(), program().settings.zone
    found, as_of = lights.risk(connection, row, now, zone, officer=actor().role is Role.REGULATOR), query.as_of
    past = {} if as_of is None or row["starts_at"] is None else {
        "then": _known(assessments.known_then(connection, row, as_of)),
        "now": _known(assessments.known_now(connection, row, min(as_of, now), zone))}
    return Risk(
        as_of=as_of or now, light=found.light, epoch=found.epoch, log_e=found.log_e, yellow=found.yellow,
        red=found.red, headroom=Headroom(yellow=found.headroom.yellow, red=found.headroom.red), budget=found.budget,
        indicators=[_indicator(line) for line in found.indicators],
        groups=[GroupLine(**{name: getattr(line, name) for name in GroupLine.model_fields})
                for line in found.groups.lines],
        groups_untold=[UntoldGroups(attribute=name, reference=of) for name, of in found.groups.untold],
        groups_full=found.groups.full,
        drift=[_drift(line) for line in drifts.drift(connection, row, now, zone)],
        late_reds=[LateRed.of(one) for one in assessments.late_reds(connection, id)],
        caps=[Cap(**cap) for cap in found.caps], unverified=found.unverified, **past)


def _drift(line: drifts.DriftLine) -> DriftLine:
    periods = [DriftPeriod(number=one.number, ends=one.ends, cases=one.look.cases, index=one.look.index,
                           bound=one.look.bound, drifted=one.look.drifted, enough=one.look.enough,
                           looked_at=one.looked_at) for one in line.periods]
    return DriftLine(name=line.name, cut=line.cut, reference=line.reference, needed=line.needed, periods=periods)


def _known(found: assessments.Known | None) -> Known | None:
    if found is None:
        return None
    plain = {name: getattr(found, name) for name in Known.model_fields if name != "indicators"}
    return Known(**plain, indicators=[KnownLine(**line) for line in found.indicators])


def _indicator(line: lights.IndicatorLine) -> IndicatorLine:
    interval = Interval(low=line.interval.low, high=line.interval.high) if line.interval else None
    plain = {name: getattr(line, name) for name in IndicatorLine.model_fields if name != "interval"}
    return IndicatorLine(**plain, interval=interval)


rows.does("POST", "/trials/<id>/clear-yellow", "clear_yellow", on="id", bodies=(ClearGiven,), example={
    "reason": "Two complaints about the same crossing; the route was changed."})
rows.does("POST", "/trials/<id>/late-reds", "decide_late_red", on="id", bodies=(LateRedGiven,), example={
    "late_red": "lr_19c0f3a1d0a1b2c3d4e5f", "stop": True, "reason": "The excess of March had not been repaired."})
