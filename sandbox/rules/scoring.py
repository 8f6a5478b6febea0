"""The composite evaluation (综合评价) at exit: reviewers' sheets and the trial's record in, points and a result out.

All arithmetic is exact; a total is rounded half-up to 0.1 once, after adding, and that rounded figure decides.

HEADS, ITEMS                        what is scored, with the most points each can bring
Sheet(person, constituency, items)  one reviewer's points; None is "cannot judge" (无法判断)
Record(...)                         what the trial's records say by themselves
missing_constituencies(sheets), unjudged(sheets), enough_scorers(sheets, tier)     whether scoring is complete
evaluate(sheets, record)            -> Evaluation: heads, total, by constituency, spread, discussion_needed, graduates
process_points(sheets, record)      过程贡献 alone, for a trial that winds down
result(evaluation, findings)        -> Result; result_of_wind_down(process, diligent) without an evaluation
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from sandbox.rules.access import Constituency

Points = int | Decimal

GRADUATION_TOTAL = Decimal(75)
GRADUATION_TRL = 7
COMPLETION_TOTAL = Decimal(60)
PROCESS_TOTAL = Decimal(18)
SPREAD_LIMIT = Decimal(20)
ENTRY_TRL = 4
# What a test environment can prove at most; level 9 is reached beyond the sandbox only.
TRL_CEILINGS = MappingProxyType({"E0": 4, "E1": 5, "E2": 6, "E3": 8})
SCORERS = MappingProxyType({"R1": 3, "R2": 3, "R3": 5, "R4": 5})


class Head(StrEnum):
    """The three heads (技术成熟度、路径创新、过程贡献)."""

    MATURITY = "maturity"
    PATH = "path"
    PROCESS = "process"


class Gate(StrEnum):
    """What must hold before points count; one that fails stops graduation."""

    LEGALITY = "legality"
    DATA_SECURITY = "data_security"
    RISK_CONTROL = "risk_control"
    BUSINESS_CONTINUITY = "business_continuity"
    NO_GRAVE_INCIDENT_OPEN = "no_grave_incident_open"
    REDRESS_PAID = "redress_paid"


class Result(StrEnum):
    """What the evaluation comes to; termination is no result, it needs a ground of its own."""

    STANDARDISE = "standardise"
    TUNE = "tune"
    COMPLETE = "complete"
    FAILURE = "failure"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the sheet; `automatic` lines come from the Record, the others from the panel."""

    id: str
    head: Head
    most: int
    automatic: bool


ITEMS = (
    Item("trl", Head.MATURITY, 25, automatic=True),
    Item("gain", Head.MATURITY, 10, automatic=True),
    Item("metrics", Head.MATURITY, 5, automatic=True),
    Item("new_route", Head.PATH, 10, automatic=False),
    Item("fit", Head.PATH, 10, automatic=False),
    Item("reuse", Head.PATH, 10, automatic=False),
    Item("feedback_on_time", Head.PROCESS, 6, automatic=True),
    Item("feedback_complete", Head.PROCESS, 4, automatic=True),
    Item("incidents_told", Head.PROCESS, 6, automatic=True),
    Item("corrective_on_time", Head.PROCESS, 5, automatic=True),
    Item("candour", Head.PROCESS, 3, automatic=False),
    Item("outputs", Head.PROCESS, 3, automatic=False),
    Item("guidance", Head.PROCESS, 3, automatic=False),
)
HEADS: Mapping[Head, int] = MappingProxyType(
    {head: sum(item.most for item in ITEMS if item.head is head) for head in Head}
)
PANEL_MOST: Mapping[str, int] = MappingProxyType({item.id: item.most for item in ITEMS if not item.automatic})


@dataclass(frozen=True, slots=True)
class Sheet:
    """One reviewer's points by panel item; an item left out or None is not judged and not counted.

    Raises ValueError for an item the panel does not score, or points outside its range.
    """

    person: str
    constituency: Constituency
    items: Mapping[str, Points | None]

    def __post_init__(self) -> None:
        for item, points in self.items.items():
            if item not in PANEL_MOST:
                raise ValueError(f"the panel does not score {item}")
            if points is not None and not 0 <= points <= PANEL_MOST[item]:
                raise ValueError(f"{item}: {points} is not within 0 to {PANEL_MOST[item]}")

    @property
    def judged(self) -> frozenset[str]:
        return frozenset(item for item, points in self.items.items() if points is not None)


@dataclass(frozen=True, slots=True)
class Record:
    """What is counted without asking anyone; each pair is (kept, of how many). Levels are TRL 1 to 9.

    Raises ValueError for a count above its whole or a level that does not exist.
    """

    entry_trl: int
    exit_trl: int
    metrics_met: tuple[int, int]
    feedback_on_time: tuple[int, int]
    feedback_complete: tuple[int, int]
    incidents_told: tuple[int, int]
    corrective_on_time: tuple[int, int]

    def __post_init__(self) -> None:
        if not (1 <= self.entry_trl <= 9 and 1 <= self.exit_trl <= 9):
            raise ValueError(f"no such level: {self.entry_trl} or {self.exit_trl}")
        pairs = (self.metrics_met, self.feedback_on_time, self.feedback_complete, self.incidents_told)
        for kept, whole in (*pairs, self.corrective_on_time):
            if not 0 <= kept <= whole:
                raise ValueError(f"{kept} of {whole}")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The points, each figure rounded by itself, so that heads need not add up to the total by a tenth.

    `by_constituency` is the total had only that side judged; an item it did not judge stands at the panel's mean, so
    that silence makes no difference between sides. `spread` is the largest difference.
    """

    heads: Mapping[Head, Decimal]
    total: Decimal
    by_constituency: Mapping[Constituency, Decimal]
    spread: Decimal
    exit_trl: int

    @property
    def discussion_needed(self) -> bool:
        """Whether the sides are so far apart that a discussion round is compulsory."""
        return self.spread > SPREAD_LIMIT

    @property
    def graduates(self) -> bool:
        """Whether the graduation line is reached, the gates aside."""
        return self.total >= GRADUATION_TOTAL and self.exit_trl >= GRADUATION_TRL


@dataclass(frozen=True, slots=True)
class Findings:
    """What the result needs besides points. `beyond_repair` are the failed gates that time cannot mend."""

    time_left: bool
    diligent: bool
    failed_gates: frozenset[Gate] = field(default_factory=frozenset)
    beyond_repair: frozenset[Gate] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if not self.beyond_repair <= self.failed_gates:
            raise ValueError("only a failed gate can be beyond repair")


# Whether scoring is complete


def missing_constituencies(sheets: Iterable[Sheet]) -> frozenset[Constituency]:
    """The sides from which no sheet judges anything yet."""
    return frozenset(Constituency) - {sheet.constituency for sheet in sheets if sheet.judged}


def unjudged(sheets: Iterable[Sheet], head: Head | None = None) -> frozenset[str]:
    """Panel items (of one head, where given) that nobody judged; while there are any, nothing can be evaluated."""
    wanted = frozenset(item.id for item in ITEMS if not item.automatic and head in (None, item.head))
    return wanted.difference(*(sheet.judged for sheet in sheets))


def enough_scorers(sheets: Iterable[Sheet], tier: str) -> bool:
    """Whether as many people judged something as the tier asks for: five for R3 and R4, otherwise three."""
    return len({sheet.person for sheet in sheets if sheet.judged}) >= SCORERS[tier]


# Points


def evaluate(sheets: Sequence[Sheet], record: Record) -> Evaluation:
    """The composite evaluation: each item's mean within a constituency, then the mean of those that judged it.

    Raises ValueError while a panel item is judged by nobody.
    """
    points = _points(sheets, record, HEADS)
    total = _rounded(sum(points.values()))
    sides = {side: _rounded(sum(_side(side, sheets, points).values())) for side in Constituency}
    return Evaluation(
        heads=MappingProxyType({head: _rounded(_of_head(points, head)) for head in Head}),
        total=total,
        by_constituency=MappingProxyType(sides),
        spread=max(sides.values()) - min(sides.values()),
        exit_trl=record.exit_trl,
    )


def process_points(sheets: Sequence[Sheet], record: Record) -> Decimal:
    """过程贡献 alone, which a trial that winds down is scored for. Raises ValueError as `evaluate` does."""
    return _rounded(_of_head(_points(sheets, record, (Head.PROCESS,)), Head.PROCESS))


def automatic_points(record: Record) -> Mapping[str, Fraction]:
    """The items that need no judgement, exact; where there was nothing to count they bring full points."""
    return {
        "trl": Fraction(25 * (record.exit_trl - 1), 8),
        "gain": Fraction(min(10, 5 * max(0, record.exit_trl - record.entry_trl))),
        "metrics": _share(5, record.metrics_met),
        "feedback_on_time": _share(6, record.feedback_on_time),
        "feedback_complete": _share(4, record.feedback_complete),
        "incidents_told": _share(6, record.incidents_told),
        "corrective_on_time": _share(5, record.corrective_on_time),
    }


# The result


def result(evaluation: Evaluation, findings: Findings) -> Result:
    """What the evaluation comes to, top down: the first line that fits."""
    gates_pass = not findings.failed_gates
    if gates_pass and evaluation.graduates:
        return Result.STANDARDISE
    enough = evaluation.total >= COMPLETION_TOTAL
    if enough and findings.time_left and not findings.beyond_repair:
        return Result.TUNE
    if enough and gates_pass:
        return Result.COMPLETE
    return result_of_wind_down(evaluation.heads[Head.PROCESS], findings.diligent)


def result_of_wind_down(process: Decimal, diligent: bool) -> Result:
    """A failure on record without fault (失败备案) for those who worked with care; otherwise a neutral leaving."""
    return Result.FAILURE if diligent and process >= PROCESS_TOTAL else Result.WITHDRAW


# Arithmetic


def _points(sheets: Sequence[Sheet], record: Record, heads: Collection[Head]) -> dict[str, Fraction]:
    automatic = automatic_points(record)
    wanted = [item for item in ITEMS if item.head in heads]
    return {item.id: automatic[item.id] if item.automatic else _panel_mean(item.id, sheets) for item in wanted}


def _panel_mean(item: str, sheets: Sequence[Sheet]) -> Fraction:
    means = [_side_mean(item, side, sheets) for side in Constituency]
    judged = [mean for mean in means if mean is not None]
    if not judged:
        raise ValueError(f"nobody judged {item}")
    return _mean(judged)


def _side_mean(item: str, side: Constituency, sheets: Sequence[Sheet]) -> Fraction | None:
    given = [sheet.items.get(item) for sheet in sheets if sheet.constituency is side]
    judged = [Fraction(points) for points in given if points is not None]
    return _mean(judged) if judged else None


def _side(side: Constituency, sheets: Sequence[Sheet], points: Mapping[str, Fraction]) -> dict[str, Fraction]:
    own = {item: _side_mean(item, side, sheets) for item in PANEL_MOST}
    return {**points, **{item: mean for item, mean in own.items() if mean is not None}}


def _of_head(points: Mapping[str, Fraction], head: Head) -> Fraction:
    return sum((points[item.id] for item in ITEMS if item.head is head), Fraction(0))


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def _share(most: int, counted: tuple[int, int]) -> Fraction:
    kept, whole = counted
    return Fraction(most * kept, whole) if whole else Fraction(most)


def _rounded(points: Fraction | int) -> Decimal:
    """Half-up to 0.1, from the exact sum."""
    return Decimal(math.floor(points * 10 + Fraction(1, 2))) / 10
