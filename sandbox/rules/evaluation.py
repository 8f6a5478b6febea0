"""From a trial's facts to its composite evaluation: the panel's sheets and the record, put before `scoring`."""

from sandbox.rules.access import Constituency
from sandbox.rules.facts import Facts
from sandbox.rules.scoring import (
    PANEL_MOST,
    TRL_CEILINGS,
    Evaluation,
    Record,
    Sheet,
    enough_scorers,
    evaluate,
    missing_constituencies,
    unjudged,
)


def sheets_of(facts: Facts) -> tuple[Sheet, ...]:
    """The score sheets of people who hold a seat on the running panel."""
    sides = {seat.person: Constituency(seat.constituency) for seat in facts.seats("running")}
    return tuple(
        Sheet(section.author, sides[section.author], {item: section.body.get(item) for item in PANEL_MOST})
        for section in facts.sections.get("score", ()) if section.author in sides
    )


def exit_trl(facts: Facts) -> int | None:
    """The lower median of the panel's levels, never above what the environment can prove."""
    seated = {seat.person for seat in facts.seats("running")}
    levels = sorted(level for section in facts.sections.get("score", ())
                    if section.author in seated and (level := section.body.get("exit_trl")))
    return min(levels[(len(levels) - 1) // 2], TRL_CEILINGS[facts.trial.environment or "E3"]) if levels else None


def record_of(facts: Facts) -> Record | None:
    """What the record says by itself; None while no exit level is given."""
    level, proof = exit_trl(facts), facts.proof
    if level is None:
        return None
    return Record(
        entry_trl=facts.body("system").get("entry_trl", level), exit_trl=level, metrics_met=metrics_met(facts),
        feedback_on_time=proof.reports_on_time,
        feedback_complete=(min(proof.reports_filed, proof.reports_due), proof.reports_due),
        incidents_told=proof.incidents_told, corrective_on_time=corrective_on_time(facts),
    )


def metrics_met(facts: Facts) -> tuple[int, int]:
    """Plan metrics whose measured value reaches the pass line, of all."""
    measured = {row["name"]: row["value"] for row in facts.body("results").get("metrics", ())}
    lines = facts.body("plan").get("metrics", ())
    met = sum(
        (measured[line["name"]] >= line["pass_line"]) if line.get("higher_is_better", True)
        else (measured[line["name"]] <= line["pass_line"])
        for line in lines if line["name"] in measured
    )
    return met, len(lines)


def corrective_on_time(facts: Facts) -> tuple[int, int]:
    """Corrective items closed and done by their date, of all."""
    return sum(item.on_time for item in facts.items), len(facts.items)


def evaluation(facts: Facts) -> Evaluation | None:
    """The composite evaluation, or None while sheets, sides or items are missing."""
    sheets, record = sheets_of(facts), record_of(facts)
    complete = not missing_constituencies(sheets) and not unjudged(sheets)
    if record is None or not complete or not enough_scorers(sheets, facts.trial.tier or "R4"):
        return None
    return evaluate(sheets, record)
