"""Stage adjustment (阶段调整): a firm asks for a change of a running trial's plan, and a regulator decides it.

Running goes on under the old version until then. What narrows is accepted as it is filed; what widens takes the panel
and two regulators. Nothing here touches evidence: counters, epochs and agreed limits stand as they are.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, Made, act
from sandbox.acts.adjusting import adjust
from sandbox.acts.clocks import end_clock, start_clock
from sandbox.acts.open_changes import end_change, open_changes, proposals
from sandbox.acts.places import used_places
from sandbox.acts.plan_versions import terms_in_force
from sandbox.acts.proposals import propose
from sandbox.acts.refusals import Invalid, Refused, Unmet, invalid
from sandbox.acts.schedule import notify, plan_review
from sandbox.rules.cadence import DAY, EXTRAS, days_after, end_of_day, local_day
from sandbox.rules.changes import (
    BESIDE_THE_ADVICE,
    KINDS,
    ChangeKind,
    Difference,
    Kind,
    Standing,
    differences,
    faults,
    terms_after,
)
from sandbox.rules.facts import Decision
from sandbox.rules.guards import SECOND, lacking
from sandbox.store.batches import COUNTS
from sandbox.store.change_facts import change_facts
from sandbox.store.changes import ASKED, CHANGES, ChangeDecision, ChangeState
from sandbox.store.clocks import CLOCKS, ClockOutcome
from sandbox.store.facts import trial_facts
from sandbox.store.feedback import FEEDBACK
from sandbox.store.fields import Fields
from sandbox.store.reviews import REVIEWS, ReviewKind
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.sections import SECTION_ROWS
from sandbox.store.types import Raw
from sandbox.words import Word, word

CODE = re.compile(r"[A-Za-z0-9_.:-]+")
"""Metrics that reports can name; others stand in the results alone."""


class ChangeGiven(Fields):
    """The class of a change, and what is filed for it: its own fields."""

    kind: ChangeKind
    body: Raw


class ChangeFiled(Made):
    """How the request stands, by when it is decided, the review called for it, and the plan version it made."""

    state: str
    decide_by: datetime | None = None
    review_id: str | None = None
    plan_version: int | None = None


@act(on="trial")
def file_change(act: Act, given: ChangeGiven) -> ChangeFiled:
    """File a request. One that only narrows is accepted in this act, and holds at once. Every reason why it is not of
    the class it is filed as is told by its field."""
    kind = _open(act, given.kind)
    body = ASKED[kind.id].model_validate(given.body)
    asked, terms = body.plain(), terms_in_force(act)
    found = differences(terms, asked_terms(act, kind.id, asked), used_places(act))
    wrong = faults(kind.id, terms, found, standing(act, terms, asked))
    if wrong:
        raise Invalid(*(((field,) if field else (), why) for field, why in wrong))
    _check_alone(act, found)
    _check_day(act, asked)
    change = {"id": act.id("cr"), "trial_id": act.trial["id"], "kind": kind.id.value, "asked": asked,
              "differences": [asdict(one) for one in found], "plan_version": act.trial["plan_version"],
              "state": ChangeState.FILED.value, "author_id": act.actor.id, "at": act.now}
    act.insert(CHANGES, {**change, "decided_at": None})
    return _accepted_at_once(act, change) if kind.at_once else _wait(act, change)


def _open(act: Act, kind: ChangeKind) -> Kind:
    """The class, which is filed and decided as the trial stands now. Raises Refused."""
    if not KINDS[kind].is_open(act.trial["state"], act.trial["left"]):
        raise Refused("not_in_this_state", kind=kind.value, state=act.trial["state"])
    return KINDS[kind]


def asked_terms(act: Act, kind: ChangeKind, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is filed, as terms of a plan; what was left out is no change."""
    if kind is ChangeKind.A7:
        return {"corrective_plan": asked["items"]}
    if kind is ChangeKind.A6:
        ends = local_day(act.trial["ends_at"], act.zone) + (asked["more_days"] - 1) * DAY
        return {"ends_at": end_of_day(ends, act.zone).isoformat()}
    return {name: asked[name] for name in KINDS[kind].terms if asked.get(name) not in (None, [])}


def standing(act: Act, terms: Mapping[str, Any], asked: Mapping[str, Any], at: datetime | None = None) -> Standing:
    """How the trial stands, for judging what was asked at an instant, or is asked now."""
    trial, scenario = act.trial, act.row(SCENARIOS, act.trial["scenario_id"])
    used = {name: trial[f"used_{name}"] for name in ("people", "volume", "hours", "money", "regions", "sites")}
    return Standing(
        act.now, at or act.now, used, _measured(act, terms) if asked.get("metrics") else frozenset(),
        {"people": scenario["max_people"], "volume": scenario["max_volume"]},
        trial["extension_count"], trial_facts(trial).days_used(act.now), trial["day_limit"], trial["ends_at"],
        asked.get("regression_passed", True))


def _measured(act: Act, terms: Mapping[str, Any]) -> frozenset[str]:
    """Agreed metrics of which a report, or results in any version, have said a value."""
    results = act.connection.execute(sa.select(SECTION_ROWS.c.body).where(
        SECTION_ROWS.c.trial_id == act.trial["id"], SECTION_ROWS.c.kind == "results")).scalars()
    found = {row["name"] for body in results for row in body["metrics"]}
    return frozenset(row["name"] for row in terms.get("metrics") or () if any(
        name in found or _is_told(act, name) for name in (row["name"], row.get("told_as"))))


def _is_told(act: Act, name: str | None) -> bool:
    """Whether a report has told a measure under this name."""
    if name is None or not CODE.fullmatch(name):
        return False
    told = sa.select(FEEDBACK.c.id).where(FEEDBACK.c.trial_id == act.trial["id"], COUNTS,
                                          FEEDBACK.c.metrics[name].as_string().is_not(None))
    return act.connection.execute(told.limit(1)).first() is not None


def _check_alone(act: Act, found: tuple[Difference, ...]) -> None:
    """Of one term one request waits at a time; which one is said."""
    waiting = {row["term"]: change["id"] for change in open_changes(act) for row in change["differences"]}
    twice = [((one.term,), word("error.asked_already", change=waiting[one.term])) for one in found
             if one.term in waiting]
    if twice:
        raise Invalid(*twice)


def _check_day(act: Act, asked: Mapping[str, Any]) -> None:
    """What is notified has happened, and while the trial ran."""
    told = asked.get("changed_on")
    if told and date.fromisoformat(told) > local_day(act.now, act.zone):
        raise invalid("changed_on", "in_future")


def _accepted_at_once(act: Act, change: dict[str, Any]) -> ChangeFiled:
    version = adjust(act, change)
    end_change(act, change, ChangeState.ACCEPTED, leads_to=version)
    return ChangeFiled(id=change["id"], state=ChangeState.ACCEPTED.value, plan_version=version)


def _wait(act: Act, change: dict[str, Any]) -> ChangeFiled:
    """Its clock runs, those who decide are told, and where the class asks for it a review is called, once."""
    kind = KINDS[ChangeKind(change["kind"])]
    clock = act.row(CLOCKS, start_clock(act, f"D11.{kind.id}", change["id"], act.now))
    review = None
    extra = EXTRAS.get(f"change_{kind.id}")
    if extra:  # one of its own, since the decision rests on it
        review = plan_review(act, ReviewKind(extra.kind), days_after(act.now, extra.within_days, act.zone),
                             open_now=True, reason=extra.cause)
    act.update(CHANGES, change["id"], decide_by=clock["due_at"], review_id=review)
    if change["asked"].get("changed_on"):
        _notified(act, change)
    act.change_trial()
    notify(act, "change_filed", role="regulator", dedupe=change["id"], object=change["id"], change=kind.id.value,
           until=clock["due_at"].isoformat())
    return ChangeFiled(id=change["id"], state=ChangeState.FILED.value, decide_by=clock["due_at"], review_id=review)


def _notified(act: Act, change: Mapping[str, Any]) -> None:
    """An administrative change is to be notified in time: the filing is the notice, and regulators are told where it
    comes late."""
    happened = end_of_day(date.fromisoformat(change["asked"]["changed_on"]) - DAY, act.zone)
    clock = act.row(CLOCKS, start_clock(act, "D11.A1.notice", change["id"], min(happened, act.now)))
    end_clock(act, clock["id"], ClockOutcome.DONE, act.now)
    if clock["due_at"] < act.now:
        notify(act, "clock_missed", role="regulator", dedupe=clock["id"], clock=clock["key"])


class WithdrawChange(Fields):
    """Nothing needs to be said to take a request back."""


@act(on="change")
def withdraw_change(act: Act, given: WithdrawChange) -> ChangeFiled:
    """Take back a request that is not decided: nothing comes of it."""
    change = _waiting(act, act.object_id or "")
    end_change(act, change, ChangeState.WITHDRAWN)
    act.change_trial()
    return ChangeFiled(id=change["id"], state=ChangeState.WITHDRAWN.value)


def _waiting(act: Act, change_id: str) -> dict[str, Any]:
    change = act.row(CHANGES, change_id)
    if change["state"] != ChangeState.FILED:
        raise Refused("already_decided", state=change["state"])
    return change


class ChangeDecided(Done):
    """How the request stands, the plan version that it made, and the decision that waits where it takes two."""

    id: str
    state: str
    plan_version: int | None = None
    decision: str | None = None


@act(on="change")
def decide_change(act: Act, given: ChangeDecision) -> ChangeDecided:
    """Accept or refuse a request. Accepted, the next plan version is in force in this act; what takes the panel is
    proposed, and another regulator's vote does it. Raises Unmet with everything that does not hold."""
    change = _waiting(act, act.object_id or "")
    act.reason = given.reason
    if not given.accept:
        end_change(act, change, ChangeState.REFUSED, given.reason)
        act.change_trial()
        return ChangeDecided(id=change["id"], state=ChangeState.REFUSED.value)
    if _lacking(act, change):
        waits = proposals(act, change)  # asked again while it waits, the same one is named
        decision = waits[0] if waits else propose(act, "decide_change", {"change": change["id"], **given.plain()})
        return ChangeDecided(id=change["id"], state=change["state"], decision=decision)
    return accept_change(act, change, given.reason, (act.actor.id,))


def accept_change(act: Act, change: Mapping[str, Any], reason: str, officers: tuple[str, ...]) -> ChangeDecided:
    """The request is granted: the next version of the plan is in force."""
    version = adjust(act, change, officers)
    end_change(act, change, ChangeState.ACCEPTED, reason, leads_to=version, decided_by=officers[-1])
    return ChangeDecided(id=change["id"], state=ChangeState.ACCEPTED.value, plan_version=version)


def confirm_change(act: Act, decision: Mapping[str, Any]) -> dict[str, Any]:
    """What the second regulator's vote does: everything is looked at again first."""
    change = _waiting(act, decision["given"]["change"])
    _lacking(act, change, Decision(decision["proposed_by"], act.actor.id))
    officers, reason = (decision["proposed_by"], act.actor.id), decision["given"]["reason"]

    def accepted(sub: Act) -> ChangeDecided:
        sub.object_id, sub.reason = change["id"], reason
        return accept_change(sub, change, reason, officers)

    act.caused("decide_change", accepted)
    return {"change": change["id"]}


def _lacking(act: Act, change: Mapping[str, Any], decision: Decision | None = None) -> dict[str, Word]:
    """What another regulator's vote alone would meet. Raises Unmet with everything that does not hold where it is more
    than that, Refused where the plan is no longer what the request would change."""
    kind = _open(act, ChangeKind(change["kind"])).id
    terms, asked = terms_in_force(act), {row["term"]: row["after"] for row in change["differences"]}
    if any(terms.get(row["term"]) != row["before"] for row in change["differences"]):
        raise Refused("changed_since")
    found = differences(terms, asked, used_places(act))
    wrong = faults(kind, terms, found, standing(act, terms, change["asked"], change["at"]))
    if wrong:
        raise Refused("change_no_longer", *(why for _, why in wrong))
    _check_advice(act, change)
    names, facts = change_facts(act.connection, act.trial, change, terms_after(terms, asked), act.now, act.place,
                                decision)
    missing = lacking(names, facts)
    if set(missing) - SECOND:
        raise Unmet("decide_change", missing)
    return missing


def _check_advice(act: Act, change: Mapping[str, Any]) -> None:
    """A panel advised on the plan as it stood: once another request was granted its advice is about another plan."""
    held = act.row(REVIEWS, change["review_id"])["held_at"] if change["review_id"] else None
    if held is None:
        return
    since = sa.select(CHANGES.c.id).where(
        CHANGES.c.trial_id == act.trial["id"], CHANGES.c.state == ChangeState.ACCEPTED,
        CHANGES.c.kind.not_in(BESIDE_THE_ADVICE), CHANGES.c.decided_at >= held)
    if act.connection.execute(since.limit(1)).first():
        raise Refused("advice_outdated")
