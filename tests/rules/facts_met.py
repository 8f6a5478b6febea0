"""Facts in which every need of a move holds, and small changes to them; shared by the tests of the needs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.rules.facts import (
    Decision,
    Facts,
    Item,
    Proof,
    Reminders,
    ReviewFacts,
    Seat,
    Section,
    Suspension,
    TrialFacts,
    Vote,
)
from sandbox.rules.lifecycle import MOVES, RUNNING, Move
from sandbox.rules.needs import NEEDS

NOW = datetime(2026, 9, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ASKED = [(row, name) for row in MOVES for name in row.needs]
DONE = {f"{item}_status": "done" for item in ("users_told", "access_closed", "recall", "outputs_reversed",
                                              "data_deleted", "complaints_closed")}
SHEET = {"exit_trl": 8, "new_route": 9, "fit": 9, "reuse": 9, "candour": 3, "outputs": 3, "guidance": 3}
BODIES: dict[str, dict[str, Any]] = {
    "parties": {"sponsor_name": "海睿", "sponsor_code": "91440300MA5", "contact": "Fang"},
    "system": {"purpose": "Triage of calls", "out_of_scope": "Diagnosis", "algorithm_kind": "ranking",
               "model_name": "Ranker", "model_version": "1.4", "training_data": "Own", "entry_trl": 5,
               "known_limits": "Dialects", "autonomy": "human_approves"},
    "risks": {"risks": [{"risk": "Missed call", "likelihood": 2, "severity": 3, "safeguard": "Second ear",
                         "owner": "Duty officer"}, {"risk": "Delay", "likelihood": 5, "severity": 1}]},
    "plan": {"objectives": "Shorter waits", "methods": "Compare", "stop_rules": "Any S1",
             "metrics": [{"name": "recall", "pass_line": 0.9},
                         {"name": "minutes", "pass_line": 4, "higher_is_better": False}],
             "limits": [{"indicator": "harm_any", "per_exposure": 0.01}]},
    "exposure": {"people": 500, "volume": 9000, "rate_per_day": 100, "regions": "Futian", "sites": "Two halls",
                 "starts_on": "2026-07-03", "days": 120, "autonomy": "human_approves", "data_classes": "Voice",
                 "vulnerable_groups": "None", "model_version": "1.4",
                 "not_applicable": [{"dimension": "money", "reason": "Nothing is paid"}]},
    "protection": {}, "governance": {},
    "commitment": {"conflicts": "None", "conflicts_declared": True, "commitment_signed": True, "signatory": "Fang"},
    "eligibility": {**dict.fromkeys(("in_scope", "novel", "public_benefit", "sandbox_needed", "ready_to_test",
                                     "not_on_market", "not_prohibited"), True), "note": "All five"},
    "tier": {"tier": "R2", "listed": False, "listing_signed": True, "environment": "E3"},
    "reasons": {"reasons": "The data sheet is missing from the dossier.", "basis": "incomplete",
                "appeal_notice": True},
    "safeguards": {"human_override": True, "output_reversal": True, "kill_switch": True, "complaint_channel": True,
                   "description": "Each on one page"},
    "kill_switch": {"tested_on": "2026-08-20", "tested_by": "Fang", "result": "Stopped in 2 s"},
    "consent": {"text": "You talk to a machine", "nature": True, "conditions": True, "rights": True,
                "reversal": True, "contact": True, "withdrawal_tested": True},
    "redress": {"mechanism": "Insurance", "amount": 100000, "contact": "Fang"},
    "exit_plan": {"user_notice": "Letter", "recall": "None", "data_deletion": "30 days", "continuity": "Old line"},
    "notice": {"published_on": "2026-08-20", "address": "https://example.org/notice", "objections_answered": True},
    "schedules": {"first_review_day": 30, "review_every_days": 60, "feedback_every_days": 14},
    "filings": {"filings": [{"filing": "Algorithm", "status": "due", "due_on": "2026-09-20"}]},
    "data_assessment": {"personal_data": True, "assessment": "PIA 7"},
    "corrective_plan": {"items": [{"item": "Threshold", "owner": "Fang", "due_on": "2026-09-10",
                                   "acceptance_test": "Retest"}]},
    "retest": {"retest_passed": True, "retest": "On 500 calls"},
    "mitigation": {"cause": "Drift", "mitigation": "Pinned", "residual_tier": "R2"},
    "void": {"reason": "The report counted the same calls twice.", "adviser": "Shen", "firm_told": True},
    "retrospective": {"events": "…", "causes": "…", "plan_missed": "…", "safeguards_worked": "…", "decision": "…",
                      "lessons": "…"},
    "external_cause": {"cause": "Power cut", "evidence": "Grid log"},
    "results": {"metrics": [{"name": "recall", "value": 0.95}, {"name": "minutes", "value": 3.5}], "summary": "Met"},
    "gates": dict.fromkeys(("legality", "data_security", "risk_control", "business_continuity", "redress_paid"), True),
    "exit_report": {"activities": "…", "results": "…", "learning": "…", "safeguards": "…", "residual_risk": "…"},
    "countersignature": {"answer": "countersigned"},
    "wind_down": {**DONE, "owner": "Fang"},
    "failure_form": {"classes": ["technical"], "root_causes": "…", "known_not_to_work": "…", "path_taken": "…",
                     "harm_and_redress": "…", "spent": 10, "reusable_outputs": "…", "advice_to_teams": "…",
                     "advice_to_rules": "…", "statement": "…", "public_summary": "…"},
    "diligence": {**dict.fromkeys(("records_complete", "plan_followed", "told_in_time", "honest"), True),
                  "note": "…"},
    "termination": {"ground": "breach", "facts": "Ran past the cap for nine days."},
    "appeal": {"new_facts": "The sheet had been sent in June."},
}
PANELS = {("review", 1): ("yu", "shi", "tan"), ("rereview", 1): ("ai", "bo", "ce", "du", "en"),
          ("running", 1): ("rui", "shen", "mei"), ("review", 2): ("ge", "he", "ji"), ("running", 2): ("ke", "li", "mu")}
KNOWLEDGE = (("trade",), ("ai",), ("law", "ethics"))
SIDES = ("industry", "research", "market", "industry", "research")


def filed(kind: str, body: dict[str, Any], author: str = "fang", role: str = "firm") -> Section:
    return Section(kind, 1, body, author, NOW - 2 * DAY, role)


def vote(matter: str, person: str, value: str = "for", **more: Any) -> Vote:
    given = {"role": "reviewer", "round": 1, "version": 1, "body": f"body of {person}", "constituency": None,
             "at": NOW - DAY, "external": True, **more}
    return Vote(matter=matter, person=person, value=value, **given)


def panel() -> tuple[Seat, ...]:
    return tuple(
        Seat(person, f"body of {person}", side, name, number, True, conflict=False, recused=False, external=True,
             expertise=KNOWLEDGE[place % 3])
        for (name, number), people in PANELS.items()
        for place, (person, side) in enumerate(zip(people, SIDES, strict=False)))


def votes() -> tuple[Vote, ...]:
    on_panel = {"ethics": "review", "rereview": "rereview", "opinion": "running", "diligence": "running"}
    cast = [vote(matter, person) for matter, name in on_panel.items() for person in PANELS[name, 1]]
    cast += [vote("sign", "fang", role="firm", subject="plan"), vote("sign", "lin", role="regulator", subject="plan")]
    cast += [vote("sign", "lin", role="regulator", subject=kind) for kind in ("retrospective", "wind_down")]
    cast += [vote("approve", "lin", role="regulator", subject=kind) for kind in ("consent", "exit_plan", "exposure")]
    return (*cast, vote("verify", "lin", role="regulator", subject="mitigation"))


def met(row: Move) -> Facts:
    """Facts in the state that the move leaves, in which every one of its needs holds."""
    since = NOW - (100 if row.name == "lapse" else 5) * DAY
    trial = TrialFacts(
        "ES-0001", row.source, since, left="trial", tier="R2", listed="listed" in row.needs, environment="E3", round=1,
        dossier_version=1, starts_at=NOW - 60 * DAY, running_since=NOW - 60 * DAY, tune_since=NOW - 10 * DAY,
        ends_at=NOW + 60 * DAY, organisation="hairui")
    sections = {kind: (filed(kind, body),) for kind, body in BODIES.items()}
    sections["score"] = tuple(filed("score", SHEET, person) for person in PANELS["running", 1])
    return Facts(NOW, trial, {
        "sections": sections, "votes": votes(), "panel": panel(), "decision": Decision("lin", "zhou"),
        "reviews": (ReviewFacts("periodic", NOW - 30 * DAY, NOW - 31 * DAY),
                    ReviewFacts("emergency", NOW - 2 * DAY, NOW - 3 * DAY, "su")),
        "suspension": Suspension("su", "regulator", "tune" if "left_tune" in row.needs else "trial", NOW - 5 * DAY),
        "proof": Proof(10, 10, (10, 10), (1, 1)), "reminders": Reminders(3),
        "terms": BODIES["exposure"] if row.source in RUNNING else None,
        "items": (Item(True, NOW + DAY, NOW - DAY, NOW - DAY),),
    })


Change = Callable[[Facts], Facts]


def trial(**columns: Any) -> Change:
    return lambda facts: replace(facts, trial=replace(facts.trial, **columns))


def group(name: str, change: Callable[[Any], Any]) -> Change:
    return lambda facts: replace(facts, groups={**facts.groups, name: change(facts.groups[name])})


def in_force(**answers: Any) -> Change:
    """A plan in force, if there is one, that says otherwise."""
    return group("terms", lambda found: found and {**found, **answers})


def without(kind: str) -> Change:
    return group("sections", lambda found: {other: row for other, row in found.items() if other != kind})


def says(kind: str, **answers: Any) -> Change:
    """The section with other answers, from everyone who wrote one."""
    return group("sections", lambda found: {
        **found, kind: tuple(replace(row, body={**row.body, **answers}) for row in found[kind])})


def dated(kind: str, at: datetime) -> Change:
    return group("sections", lambda found: {**found, kind: tuple(replace(row, at=at) for row in found[kind])})


def stop(**columns: Any) -> Change:
    return group("suspension", lambda found: replace(found, **columns))


def proof(**counts: Any) -> Change:
    return group("proof", lambda found: replace(found, **counts))


def items(*found: Item) -> Change:
    return group("items", lambda _: found)


def seats(name: str, number: int = 1, people: int | None = None, **columns: Any) -> Change:
    """So many seats of a panel (all of them unless said) changed."""
    changed = PANELS[name, number][:people]
    return group("panel", lambda found: tuple(
        replace(s, **columns) if (s.panel, s.panel_no) == (name, number) and s.person in changed else s for s in found))


def voted(matter: str, *values: str | None, **columns: Any) -> Change:
    """The first votes on a matter with these values instead (None: not cast); each with other columns."""

    def change(found: tuple[Vote, ...]) -> tuple[Vote, ...]:
        mine = [one for one in found if one.matter == matter]
        said = [*values, *(one.value for one in mine[len(values):])]
        changed = [replace(one, value=value, **columns) for one, value in zip(mine, said, strict=False) if value]
        return (*(one for one in found if one.matter != matter), *changed)

    return group("votes", change)


def holds(name: str, *changes: Change, row: Move | None = None) -> bool:
    """Whether a need holds in the facts that meet the first move that asks it, after these changes."""
    facts = met(row or next(move for move, asked in ASKED if asked == name))
    for change in changes:
        facts = change(facts)
    return NEEDS[name].holds(facts)
