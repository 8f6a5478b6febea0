"""Stage adjustment (阶段调整): the classes A1 to A7 of a change, and what a change of each term of a plan amounts to.

A plan's *terms* are plain values by name: limits, places, autonomy, data, environment, pin, end, metrics, contacts.

KINDS                                   rows of Kind: which terms a class may touch, in which states, who decides
terms_after(terms, changed)             the terms as they would stand
differences(terms, asked)               what is asked for that is not so already, and which way each goes
faults(kind, terms, asked, standing)    why it is not of the class it is filed as, or cannot be: one word per field
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sandbox.rules.cadence import DAY
from sandbox.rules.dossier import dimensions_missing
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.places import agreed, key_of
from sandbox.words import Word, word


class ChangeKind(StrEnum):
    """The class of a change."""

    A1 = "A1"
    A2 = "A2"
    A3 = "A3"
    A4 = "A4"
    A5 = "A5"
    A6 = "A6"
    A7 = "A7"


class Way(StrEnum):
    """Where a change of one term leads: to less than was agreed, to more, or neither."""

    NARROWER = "narrower"
    WIDER = "wider"
    OTHER = "other"


ENVIRONMENTS = ("E0", "E1", "E2", "E3")
AUTONOMY = ("advice", "human_approves", "human_can_stop", "no_human")
"""From the least to the most."""


def _cap(before: Any, after: Any) -> Way:
    """A cap where there was none is narrower; one is never taken away."""
    return Way.NARROWER if before is None or after < before else Way.WIDER


def _places(before: str | None, after: str | None, used: frozenset[str] = frozenset()) -> Way:
    """Fewer of the same places, or a smaller number of any. Another place is more, however few there are; where a
    number was agreed the places that were used count in it beside those that are named now."""
    was, will = agreed(before), agreed(after)
    if not was.names and was.most is None:
        return Way.NARROWER
    if was.names:
        return Way.NARROWER if will.names and all(was.allows(name) for name in will.names) else Way.WIDER
    number = len(used | {key_of(name) for name in will.names}) if will.names else will.most
    return Way.NARROWER if number is not None and number <= (was.most or 0) else Way.WIDER


def _ladder(*steps: str) -> Callable[[Any, Any], Way]:
    def way(before: str | None, after: str) -> Way:
        lower = before in steps and steps.index(after) < steps.index(before)
        return Way.NARROWER if lower else Way.WIDER

    return way


def _more(before: Any, after: Any) -> Way:
    """More whichever way it goes: of a higher rate more happens in a day, of a lower one silence is borne longer; and
    words that name who or what is kept out say more the shorter they are."""
    return Way.WIDER


def _other(before: Any, after: Any) -> Way:
    return Way.OTHER


TERMS: Mapping[str, Callable[[Any, Any], Way]] = MappingProxyType({
    "people": _cap, "volume": _cap, "hours": _cap, "money": _cap, "rate_per_day": _more,
    "regions": _places, "sites": _places, "data_classes": _more, "vulnerable_groups": _more,
    "autonomy": _ladder(*AUTONOMY), "environment": _ladder(*ENVIRONMENTS), "not_applicable": _other,
    "risks": _other,
    "model_version": _other, "ends_at": _other, "objectives": _other, "methods": _other, "metrics": _other,
    "sponsor_name": _other, "contact": _other, "complaint_contact": _other, "redress_contact": _other,
    "corrective_plan": _other,
})
"""Every term that can be changed, and how a change of it is judged. What the light is agreed on (limits, weights,
chances, groups, baselines, background rate) is none: it stands as it was frozen at the start."""
NOTHING: tuple[Any, ...] = (None, "", [])
CAPPED = MappingProxyType({"people": "people", "volume": "volume", "hours": "hours", "money": "money"})
"""Terms whose use is counted, by the name of what is used."""
NARROWED = ("people", "volume", "hours", "money", "regions", "sites", "autonomy", "environment")
"""Terms of which it can be told that they came to be less."""
STOPPED = ("suspended", "retrospective")


@dataclass(frozen=True, slots=True)
class Kind:
    """One class: the terms that it may touch, the states in which it is filed, and the guards of its acceptance; one
    that nobody has to decide is accepted as it is filed. The classes that call a review stand in `cadence.EXTRAS`."""

    id: ChangeKind
    terms: tuple[str, ...]
    states: tuple[str, ...] = ("trial", "tune", "suspended", "retrospective")
    guards: tuple[str, ...] = ()

    @property
    def at_once(self) -> bool:
        """Whether nobody has to decide it."""
        return self.id is ChangeKind.A2

    def is_open(self, state: str, left: str | None) -> bool:
        """Whether it is filed and decided as the trial stands. Stopped out of its exit review a trial is past that."""
        return state in self.states and (state not in STOPPED or left in RUNNING)


_PANEL = ("change_advised", "second_regulator")
KINDS: Mapping[ChangeKind, Kind] = MappingProxyType({row.id: row for row in (
    Kind(ChangeKind.A1, ("sponsor_name", "contact", "complaint_contact", "redress_contact")),
    Kind(ChangeKind.A2, NARROWED),
    Kind(ChangeKind.A3, ("objectives", "methods", "metrics", "risks")),
    Kind(ChangeKind.A4, (*NARROWED, "data_classes", "vulnerable_groups", "rate_per_day", "not_applicable", "risks"),
         guards=("limits_stated", "safeguards_in_place", "last_review_green", "nothing_grave_open", *_PANEL)),
    Kind(ChangeKind.A5, ("model_version",)),
    Kind(ChangeKind.A6, ("ends_at",), guards=("time_left",)),
    Kind(ChangeKind.A7, ("corrective_plan",), states=("trial", "suspended", "retrospective")),
)})


BESIDE_THE_ADVICE = (ChangeKind.A1, ChangeKind.A2)
"""Names and addresses, and less of what was agreed: what a panel advised on another request holds beside them."""


def guards_of(kind: ChangeKind, *, behaves_otherwise: bool = False) -> tuple[str, ...]:
    """What must be true for a change of this class to be accepted, besides an officer's word. A widening rests on the
    panel's advice and takes two regulators, and so does a model whose class of behaviour is another."""
    return (*KINDS[kind].guards, *(_PANEL if kind is ChangeKind.A5 and behaves_otherwise else ()))


@dataclass(frozen=True, slots=True)
class Difference:
    """One term as it is and as it would be."""

    term: str
    before: Any
    after: Any
    way: Way


def differences(terms: Mapping[str, Any], asked: Mapping[str, Any],
                used: Mapping[str, frozenset[str]] = MappingProxyType({})) -> tuple[Difference, ...]:
    """What is asked for that is not so already, in the table's order. `used` are the keys of the places used."""
    return tuple(Difference(name, terms.get(name), asked[name], _way(name, terms, asked[name], used))
                 for name, way in TERMS.items()
                 if name in asked and _as_meant(way, terms.get(name)) != _as_meant(way, asked[name]))


def _way(name: str, terms: Mapping[str, Any], after: Any, used: Mapping[str, frozenset[str]]) -> Way:
    """Any of what the plan says there is nothing of is more."""
    before = terms.get(name)
    if before in NOTHING and name in {row["dimension"] for row in terms.get("not_applicable") or ()}:
        return Way.WIDER
    return _places(before, after, used.get(name, frozenset())) if TERMS[name] is _places else TERMS[name](before, after)


def _as_meant(way: Any, value: Any) -> Any:
    """A value without its spelling: a list of places in another order, or with other commas, is the same."""
    if way is _places:
        return {key_of(name) for name in agreed(value).names}, agreed(value).most
    return value or None if isinstance(value, str | list) else value


def terms_after(terms: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The terms as they would stand: why a dimension has no limit is dropped where it comes to have one, and what was
    said of others stays."""
    stated = {row["dimension"]: row for row in (*(terms.get("not_applicable") or ()),
                                                *(changed.get("not_applicable") or ()))}
    will = {**terms, **changed}
    return {**will, "not_applicable": [row for name, row in stated.items() if will.get(name) in NOTHING]}


# What cannot be filed

EXTENSION_MOST, EXTENDED_MOST = 180, 360
AHEAD_DAYS = 30
"""An extension is asked for so many days before the end."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the trial stands for which a change was asked, and when: what is used of the caps, metrics with a known
    result, what a scenario allows at most, its days and its end."""

    now: datetime
    asked_at: datetime
    used: Mapping[str, float]
    measured: frozenset[str] = frozenset()
    most: Mapping[str, float | None] = field(default_factory=dict)
    extensions: int = 0
    days_used: float = 0.0
    day_limit: int = 180
    ends_at: datetime | None = None
    regression_passed: bool = True


Fault = tuple[str, Word]


def faults(kind: ChangeKind, terms: Mapping[str, Any], found: tuple[Difference, ...],
           standing: Standing) -> tuple[Fault, ...]:
    """Everything that speaks against filing these differences as this class, each by its field."""
    if not found:
        return (("", word("error.nothing_changes")),)
    return (*_over_scenario(found, standing), *_FAULTS.get(kind, _none)(terms, found, standing))


def _none(terms: Mapping[str, Any], found: tuple[Difference, ...], standing: Standing) -> tuple[Fault, ...]:
    return ()


def _over_scenario(found: Iterable[Difference], standing: Standing) -> list[Fault]:
    return [(one.term, word("error.over_scenario", most=most)) for one in found
            if one.term in CAPPED and (most := standing.most.get(one.term)) is not None and one.after > most]


def _no_narrowing(terms: Mapping[str, Any], found: tuple[Difference, ...], standing: Standing) -> tuple[Fault, ...]:
    """Anything wider makes it a widening; a cap below what is used would be a breach by itself."""
    wider = [(one.term, word("error.wider_than_agreed")) for one in found if one.way is Way.WIDER]
    return (*wider, *_below_used(found, standing))


def _below_used(found: Iterable[Difference], standing: Standing) -> list[Fault]:
    below = [(one.term, word("error.below_used", used=standing.used[one.term])) for one in found
             if one.term in CAPPED and one.after < standing.used[one.term]]
    return below + [(one.term, word("error.below_used", used=int(used))) for one in found
                    if one.term in ("regions", "sites") and (most := agreed(one.after).most) is not None
                    and most < (used := standing.used[one.term])]


def _no_widening(terms: Mapping[str, Any], found: tuple[Difference, ...], standing: Standing) -> tuple[Fault, ...]:
    """Something must be wider, the environment by one step at most; whoever asks for more states every limit."""
    told = [] if any(one.way is Way.WIDER for one in found) else [("", word("error.nothing_wider"))]
    step = [(one.term, word("error.one_step_up")) for one in found if one.term == "environment"
            and one.way is Way.WIDER and not _one_step(one.before, one.after)]
    missing = dimensions_missing(terms_after(terms, {one.term: one.after for one in found}))
    silent = [("not_applicable", word("error.limits_not_stated", what=[word(f"field.{name}") for name in missing]))]
    return (*told, *step, *_below_used(found, standing), *(silent if missing else ()))


def _one_step(before: str | None, after: str) -> bool:
    return before in ENVIRONMENTS and ENVIRONMENTS.index(after) - ENVIRONMENTS.index(before) == 1


def _no_method(terms: Mapping[str, Any], found: tuple[Difference, ...], standing: Standing) -> tuple[Fault, ...]:
    """A metric stays as it was agreed once a result of it is known: it is neither dropped nor measured otherwise. The
    risk register is added to; what it says stays."""
    for one in found:
        if one.term == "risks" and any(row not in one.after for row in one.before or ()):
            return (("risks", word("error.risk_altered")),)
        if one.term == "metrics":
            will = {row["name"]: row for row in one.after}
            moved = [row["name"] for row in one.before or () if row["name"] in standing.measured
                     and will.get(row["name"]) != row]
            if moved:
                return (("metrics", word("error.metric_known", names=", ".join(moved))),)
    return ()


def _no_model(terms: Mapping[str, Any], found: tuple[Difference, ...], standing: Standing) -> tuple[Fault, ...]:
    return () if standing.regression_passed else (("regression_passed", word("error.regression_failed")),)


def _no_extension(terms: Mapping[str, Any], found: tuple[Difference, ...], standing: Standing) -> tuple[Fault, ...]:
    """Once, by 180 days at most, 360 in all, and asked for thirty days before the end. What a scenario allows an
    application to ask for at first does not count."""
    ends, until = standing.ends_at, datetime.fromisoformat(found[0].after)
    if ends is None or standing.asked_at > ends - AHEAD_DAYS * DAY:
        return (("more_days", word("error.extension_too_late", n=AHEAD_DAYS)),)
    if standing.extensions:
        return (("more_days", word("error.extended_before")),)
    most = max(standing.day_limit, EXTENDED_MOST)
    if standing.days_used + (until - standing.now) / DAY > most:
        return (("more_days", word("error.too_long_in_all", n=most)),)
    return ()


_FAULTS: Mapping[ChangeKind, Callable[[Mapping[str, Any], tuple[Difference, ...], Standing], tuple[Fault, ...]]] = \
    MappingProxyType({ChangeKind.A2: _no_narrowing, ChangeKind.A3: _no_method, ChangeKind.A4: _no_widening,
                      ChangeKind.A5: _no_model, ChangeKind.A6: _no_extension})
