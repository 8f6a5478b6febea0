"""What must be true before a move: one statement each, pure, with the fact groups it reads and where it is met.

A need never looks at who asks: permission is the move's. `meet` names the place that meets it: a section's kind, or one
of dossier, panel, votes:<matter>, reviews, incidents, decision, clock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sandbox.rules import panels
from sandbox.rules.cadence import TIERS, end_of_working_days, local_day
from sandbox.rules.dossier import MANDATORY_SAFEGUARDS, bars_simplified, dimensions_missing, required_sections
from sandbox.rules.evaluation import evaluation
from sandbox.rules.facts import Facts, parse_day
from sandbox.rules.lifecycle import NEEDS_NO_REVIEW, NEEDS_RETROSPECTIVE, Cause, Move
from sandbox.rules.panels import CONSTITUENCIES, REREVIEWERS
from sandbox.rules.voting import approved, in_favour, members, quorum, seated, settled, signed
from sandbox.words import Word, word

NOTICE_DAYS, KILL_SWITCH_DAYS, OPINION_DAYS, APPEAL_DAYS, STOPPED_DAYS = 7, 30, 30, 30, 14
DAY_LIMIT_WITH_EXTENSION = 360
SILENT_WORKING_DAYS = 10
IDLE = {"admitted": (90, 3), "correction": (60, 3)}
"""Days without a step, and reminders that must have been sent, before a lapse."""
EXTERNAL_CAUSES = (Cause.VOLUNTARY, Cause.END_DATE_REACHED)


@dataclass(frozen=True, slots=True)
class Need:
    """A named statement about the facts. `lacks` says what is missing where that is more than the statement itself."""

    name: str
    holds: Callable[[Facts], bool]
    reads: tuple[str, ...]
    holder: str
    meet: str
    lacks: Callable[[Facts], Sequence[Word]] | None = None

    def said(self, facts: Facts) -> Word:
        """The statement, and in one more sentence what is missing."""
        stated, lacks = word(f"need.{self.name}"), self.lacks(facts) if self.lacks else ()
        return word("need.lacking", need=stated, lack=panels.said(lacks)) if lacks else stated


def all_yes(body: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Every named answer is yes."""
    return bool(body) and all(body.get(name) is True for name in names)


def dossier_complete(facts: Facts) -> bool:
    """Every section that the procedure asks for is filed and the commitment is signed."""
    wanted = required_sections(facts.trial.simplified)
    signed = all_yes(facts.body("commitment"), ("conflicts_declared", "commitment_signed"))
    return signed and all(facts.section(kind) for kind in wanted)


def eligible(facts: Facts) -> bool:
    """Five ticks, not on the open market, not prohibited."""
    return all_yes(facts.body("eligibility"), (
        "in_scope", "novel", "public_benefit", "sandbox_needed", "ready_to_test", "not_on_market", "not_prohibited",
    ))


def tier_set(facts: Facts) -> bool:
    """Tier, listed question and environment have answers."""
    trial = facts.trial
    return None not in (trial.tier, trial.listed, trial.environment)


def panel_in_favour(facts: Facts) -> bool:
    """Quorum and two thirds of the first panel, which knows what its tier asks, one external; or, in the simplified
    procedure, an ethics committee's approval that a regulator has looked at."""
    if by_committee(facts) and approved(facts, "ethics_approval"):
        return True
    votes = seated(facts, "review", facts.cast("ethics", version=facts.trial.dossier_version))
    knowing = panels.knowing(facts.trial.tier, members(facts, "review"))
    return knowing and in_favour(votes, quorum(facts)) and any(vote.external for vote in votes)


def by_committee(facts: Facts) -> bool:
    """An ethics committee's approval is filed that can stand for the panel: given by now, and the trial is one for the
    simplified procedure. Of R2 that shows once its data are assessed."""
    given, trial = parse_day(facts.body("ethics_approval").get("approved_on")), facts.trial
    data = facts.body("data_assessment")
    barred = bars_simplified(trial.tier, listed=trial.listed, exposure=facts.body("exposure"), data=data)
    known = trial.tier == "R1" or bool(data)
    return trial.simplified and known and not barred and given is not None \
        and given <= local_day(facts.now, facts.place.zone)


def lacks_of_review(facts: Facts) -> Sequence[Word]:
    """What the first panel lacks; where a committee's approval is to stand for it, that a regulator approves that."""
    return (word("lack.ethics_approval"),) if by_committee(facts) else lacks_of("review")(facts)


def listed(facts: Facts) -> bool:
    """The trial is on one of the three lists, or the regulator's own."""
    return facts.trial.listed is True


def not_listed(facts: Facts) -> bool:
    """Not listed, and the officer signed that answer."""
    return facts.trial.listed is False and facts.body("tier").get("listing_signed") is True


def rereview_in_favour(facts: Facts) -> bool:
    """Five or more independent re-reviewers who know what the tier asks, two thirds in favour; no person or body of the
    first review among them."""
    votes = seated(facts, "rereview", facts.cast("rereview", version=facts.trial.dossier_version))
    first = facts.cast("ethics")
    before = {vote.person for vote in first} | {vote.body for vote in first if vote.body}
    knowing = panels.knowing(facts.trial.tier, members(facts, "rereview"))
    return knowing and in_favour(votes, REREVIEWERS) \
        and not any(v.person in before or v.body in before for v in votes)


def reasons_given(facts: Facts) -> bool:
    """Reasons, basis and appeal notice, written in the present state."""
    return facts.body("reasons", since=facts.trial.state_since).get("appeal_notice") is True


def plan_locked(facts: Facts) -> bool:
    """Firm and regulator both signed this version of the plan."""
    return {"firm", "regulator"} <= signed(facts, "plan")


def exposure_limited(facts: Facts) -> bool:
    """Every dimension has a value or a reason why it does not apply, and a regulator approved them as they stand; once
    a plan is in force, as it says."""
    if facts.terms is not None:
        return not dimensions_missing(facts.terms)
    body = facts.body("exposure")
    return bool(body) and not dimensions_missing(body) and approved(facts, "exposure")


def safeguards_in_place(facts: Facts) -> bool:
    """Each medium risk has a safeguard with an owner; the four mandatory ones stand; the kill switch was tested.
    Outside the simplified procedure the risks are told."""
    risks = facts.body("risks").get("risks", ())
    told = facts.trial.simplified or bool(risks)
    guarded = all(r.get("safeguard") and r.get("owner") for r in risks if r["likelihood"] * r["severity"] >= 6)
    tested = parse_day(facts.body("kill_switch").get("tested_on"))
    # A local day may be a day ahead of UTC's.
    recent = tested is not None and -1 <= (facts.now.date() - tested).days <= KILL_SWITCH_DAYS
    return told and guarded and recent and all_yes(facts.body("safeguards"), MANDATORY_SAFEGUARDS)


def panel_assigned(facts: Facts) -> bool:
    """The running panel has all three constituencies, the tier's quorum and what it must know, accepted and without
    conflict."""
    return not lacks_of("running")(facts)


def lacks_of(panel: str) -> Callable[[Facts], Sequence[Word]]:
    """What a panel of the trial still lacks, as phrases."""
    return lambda facts: panels.lacking(panel, facts.trial.tier, members(facts, panel))


def lacks_of_fresh(facts: Facts) -> Sequence[Word]:
    """The same of the panel that an appeal is for."""
    panel = panel_of_appeal(facts)
    return panels.lacking(panel, facts.trial.tier, members(facts, panel, facts.trial.panel_no + 1))


def panel_of_appeal(facts: Facts) -> str:
    """Which panel looks at the decision again."""
    return "running" if facts.trial.state == "terminated" else "review"


def consent_approved(facts: Facts) -> bool:
    """Approved text with the five items and a tested way out; or an approved legal ground for no consent."""
    body = facts.body("consent")
    items = all_yes(body, ("nature", "conditions", "rights", "reversal", "contact"))
    return bool(body) and (bool(body.get("legal_ground")) or (items and body.get("withdrawal_tested") is True)) \
        and approved(facts, "consent")


def redress_arranged(facts: Facts) -> bool:
    """A mechanism with amount and contact."""
    return bool(facts.body("redress"))


def exit_plan_approved(facts: Facts) -> bool:
    """The early-exit plan was approved."""
    return approved(facts, "exit_plan")


def public_notice_given(facts: Facts) -> bool:
    """Published at least seven days ago, objections answered."""
    body = facts.body("notice")
    published = parse_day(body.get("published_on"))
    return published is not None and body.get("objections_answered") is True \
        and facts.now.date() - published >= timedelta(days=NOTICE_DAYS)


def schedules_made(facts: Facts) -> bool:
    """Intervals for feedback and review exist and none is wider than the tier or the statutory cap allows."""
    body, tier = facts.body("schedules"), TIERS.get(facts.trial.tier or "")
    return bool(body) and tier is not None and not any((
        (body.get("first_review_day") or 0) > tier.first_day, (body.get("review_every_days") or 0) > tier.every_days,
        (body.get("feedback_every_days") or 0) > tier.feedback_days,
    ))


def filings_recorded(facts: Facts) -> bool:
    """Each filing is done, due with a date, or not required with a reason; none is past its date."""
    filings = facts.body("filings").get("filings", ())
    due = [parse_day(f.get("due_on")) for f in filings if f["status"] == "due"]
    return bool(filings) and all(day is not None and day >= facts.now.date() for day in due)


def data_assessed(facts: Facts) -> bool:
    """An impact assessment is named wherever personal data is used."""
    body = facts.body("data_assessment")
    return bool(body) and (body.get("personal_data") is False or bool(body.get("assessment")))


def corrective_plan(facts: Facts) -> bool:
    """A plan filed since the trial last went on running."""
    return bool(facts.body("corrective_plan", since=facts.trial.running_since).get("items"))


def corrective_items_done(facts: Facts) -> bool:
    """Every mandatory corrective item found done by another than who did it; retest passed, since tuning began."""
    retest = facts.body("retest", since=facts.trial.tune_since)
    return retest.get("retest_passed") is True and all(item.verified_at for item in facts.items if item.mandatory)


def recent_panel_opinion(facts: Facts) -> bool:
    """The running panel gave its opinion on going on, with quorum, within thirty days; of a stop without those whose
    review led to it."""
    since = max(facts.now - timedelta(days=OPINION_DAYS), facts.trial.state_since)
    led = facts.suspension.reviewers if facts.suspension else ()
    votes = [v for v in seated(facts, "running", facts.cast("opinion")) if v.at >= since and v.person not in led]
    return in_favour(votes, quorum(facts))


def cause_mitigated(facts: Facts) -> bool:
    """Mitigation verified by an officer or a member of the running panel, not the doer; a voluntary pause or an end
    date alone needs none. Whatever the cause, no critical corrective item is over seven days late: the trial would stop
    for it again."""
    stop = facts.suspension
    if stop is not None and stop.critical_late:
        return False
    if stop is not None and all(cause in EXTERNAL_CAUSES for cause in stop.causes):
        return True
    section = facts.section("mitigation")
    if stop is None or section is None or section.at < stop.at:
        return False
    within = str(section.body["residual_tier"]) <= (facts.trial.tier or "R1")
    verified = facts.cast("verify", subject="mitigation", version=section.version)
    return within and settled(verified, section, facts.seats("running"))


def emergency_review_held(facts: Facts) -> bool:
    """This suspension's emergency review is held; not asked for a voluntary or administrative cause."""
    stop = facts.suspension
    if stop is None:
        return False
    exempt = all(cause in NEEDS_NO_REVIEW for cause in stop.causes)
    return exempt or any(r.suspension == stop.id and r.held_at is not None for r in facts.reviews)


def retrospective_complete(facts: Facts) -> bool:
    """The report is filed since the suspension and both sides stand by that version: one by filing it, the other by its
    signature; or the regulator alone after the firm stayed away."""
    stop = facts.suspension
    section = facts.section("retrospective")
    if stop is None or section is None or section.at < stop.at:
        return False
    sides = {section.role} | signed(facts, "retrospective")
    return "regulator" in sides and ("firm" in sides or _silent_since(facts, facts.trial.state_since))


def _silent_since(facts: Facts, at: datetime) -> bool:
    """Whether ten working days of the sandbox's own calendar have gone by."""
    return facts.now >= end_of_working_days(at, SILENT_WORKING_DAYS, facts.place)


def evidence_sufficient(facts: Facts) -> bool:
    """Every plan metric measured, feedback nearly complete, every review that fell due held."""
    metrics = {row["name"] for row in facts.body("plan").get("metrics", ())}
    measured = {row["name"] for row in facts.body("results").get("metrics", ())}
    proof = facts.proof
    enough = proof.reports_filed >= min(ceil(0.9 * proof.reports_due), proof.reports_due - 1)
    held = all(r.held_at is not None for r in facts.reviews if r.due_at <= facts.now)
    return bool(metrics) and metrics <= measured and enough and held


def score_reached(facts: Facts) -> bool:
    """The composite score meets the graduation line and every gate passes."""
    scored = evaluation(facts)
    return gates_passed(facts) and scored is not None and scored.graduates


def nothing_open(facts: Facts) -> bool:
    """No open S1 or S2 incident and none that a report counts without itemising, no clock overdue, no complaint
    unanswered past its limit."""
    proof = facts.proof
    return not (proof.open_grave or proof.unitemised or proof.overdue_clocks or proof.late_complaints)


def exit_report_countersigned(facts: Facts) -> bool:
    """The exit report is filed, and the firm itself answered it, or a regulator records that it is silent or gone."""
    report, answer = facts.section("exit_report"), facts.section("countersignature")
    if report is None or answer is None or answer.at < report.at:
        return False
    said = answer.body["answer"]
    waited = said != "silent" or _silent_since(facts, report.at)
    return waited and answer.role == ("firm" if said in ("countersigned", "objected") else "regulator")


def all_constituencies_scored(facts: Facts) -> bool:
    """A sheet from each of the three constituencies; each weighs a third."""
    seats = {seat.person: seat.constituency for seat in facts.seats("running")}
    return {seats.get(s.author) for s in facts.sections.get("score", ())} >= set(CONSTITUENCIES)


def two_regulators(facts: Facts) -> bool:
    """Proposed by one regulator and confirmed by another; a voluntary pause with no other cause needs one."""
    stop = facts.suspension
    if facts.trial.state == "suspended" and stop is not None and stop.causes == (Cause.VOLUNTARY,):
        return True
    decision = facts.decision
    return decision is not None and decision.confirmed_by not in (None, decision.proposed_by)


def time_left(facts: Facts) -> bool:
    """Fewer days used than allowed, at most one extension, and the end date not passed."""
    trial = facts.trial
    allowed = max(trial.day_limit, DAY_LIMIT_WITH_EXTENSION if trial.extension_count else 0)
    open_end = trial.ends_at is None or facts.now < trial.ends_at
    return trial.days_used(facts.now) < allowed and trial.extension_count <= 1 and open_end


def wound_down(facts: Facts) -> bool:
    """Every item of the checklist is done, or recorded as lawful or not verifiable with reason and owner; a regulator
    filed or signed it as it stands."""
    filed, items = facts.section("wind_down"), facts.body("wind_down")
    looked_at = filed is not None and "regulator" in {filed.role} | signed(facts, "wind_down")
    return looked_at and all(
        items[f"{name}_status"] == "done" or items.get(f"{name}_reason")
        for name in ("users_told", "access_closed", "recall", "outputs_reversed", "data_deleted", "complaints_closed")
    )


def failure_form_complete(facts: Facts) -> bool:
    """The failure filing form is complete."""
    return bool(facts.body("failure_form"))


def diligent(facts: Facts) -> bool:
    """Four facts established by the regulator, the direction found reasonable by two thirds of the panel."""
    ticks = all_yes(facts.body("diligence"), ("records_complete", "plan_followed", "told_in_time", "honest"))
    return ticks and in_favour(seated(facts, "running", facts.cast("diligence")), quorum(facts))


def ground_chosen(facts: Facts) -> bool:
    """A ground for termination is on file."""
    return bool(facts.body("termination"))


def appeal_valid(facts: Facts) -> bool:
    """The first appeal, within thirty days of the decision, with new facts or an error of procedure."""
    appeal = facts.section("appeal")
    return appeal is not None and facts.trial.appeals == 0 \
        and timedelta(0) <= appeal.at - facts.trial.state_since <= timedelta(days=APPEAL_DAYS)


def fresh_panel(facts: Facts) -> bool:
    """A new panel is whole, and nobody of an earlier one is on it."""
    before = {seat.person for seat in facts.panel if seat.panel_no <= facts.trial.panel_no}
    fresh = facts.seats(panel_of_appeal(facts), facts.trial.panel_no + 1)
    return not lacks_of_fresh(facts) and not any(seat.person in before for seat in fresh)


def cause_void(facts: Facts) -> bool:
    """The reason why the cause did not exist is written since the stop, and the firm was told."""
    stop = facts.suspension
    return stop is not None and facts.body("void", since=stop.at).get("firm_told") is True


def left_trial(facts: Facts) -> bool:
    """The suspension left from trial."""
    return facts.suspension is not None and facts.suspension.left == "trial"


def left_tune(facts: Facts) -> bool:
    """The suspension left from tune."""
    return facts.suspension is not None and facts.suspension.left == "tune"


def gates_passed(facts: Facts) -> bool:
    """All gates of the evaluation pass and no S1 or S2 is open."""
    gates = ("legality", "data_security", "risk_control", "business_continuity", "redress_paid")
    return all_yes(facts.body("gates"), gates) and not facts.proof.open_grave


def lift_allowed(facts: Facts) -> bool:
    """No grave cause or breach of plan, stopped for at most fourteen days, left from trial."""
    stop = facts.suspension
    return stop is not None and stop.left == "trial" and not set(stop.causes) & set(NEEDS_RETROSPECTIVE) \
        and facts.now - stop.at <= timedelta(days=STOPPED_DAYS)


def cause_external(facts: Facts) -> bool:
    """The cause is shown to lie outside the system under test."""
    stop = facts.suspension
    return stop is not None and bool(facts.body("external_cause", since=stop.at))


def idle_long(facts: Facts) -> bool:
    """Nothing happened for as long as the state allows, and every reminder was sent."""
    days, reminders = IDLE.get(facts.trial.state, (None, 0))
    return days is not None and facts.now - facts.trial.state_since >= timedelta(days=days) \
        and facts.reminders.sent >= reminders


def need(holds: Callable[[Facts], bool], *reads: str, holder: str, meet: str,
         lacks: Callable[[Facts], Sequence[Word]] | None = None) -> Need:
    """A row of NEEDS; its name is the function's."""
    return Need(holds.__name__, holds, reads, holder, meet, lacks)


NEEDS = {row.name: row for row in (
    need(dossier_complete, "sections", holder="firm", meet="dossier"),
    need(eligible, "sections", holder="regulator", meet="eligibility"),
    need(tier_set, holder="regulator", meet="tier"),
    need(panel_in_favour, "sections", "votes", "panel", holder="reviewer", meet="votes:ethics",
         lacks=lacks_of_review),
    need(listed, holder="regulator", meet="tier"),
    need(not_listed, "sections", holder="regulator", meet="tier"),
    need(rereview_in_favour, "votes", "panel", holder="reviewer", meet="votes:rereview", lacks=lacks_of("rereview")),
    need(reasons_given, "sections", holder="regulator", meet="reasons"),
    need(plan_locked, "sections", "votes", holder="firm", meet="votes:sign"),
    need(exposure_limited, "terms", "sections", "votes", holder="firm", meet="exposure"),
    need(safeguards_in_place, "sections", holder="firm", meet="safeguards"),
    need(panel_assigned, "panel", holder="regulator", meet="panel", lacks=lacks_of("running")),
    need(consent_approved, "sections", "votes", holder="firm", meet="consent"),
    need(redress_arranged, "sections", holder="firm", meet="redress"),
    need(exit_plan_approved, "sections", "votes", holder="firm", meet="exit_plan"),
    need(public_notice_given, "sections", holder="regulator", meet="notice"),
    need(schedules_made, "sections", holder="regulator", meet="schedules"),
    need(filings_recorded, "sections", holder="firm", meet="filings"),
    need(data_assessed, "sections", holder="firm", meet="data_assessment"),
    need(corrective_plan, "sections", holder="firm", meet="corrective_plan"),
    need(corrective_items_done, "sections", "items", holder="firm", meet="corrective_items"),
    need(recent_panel_opinion, "votes", "panel", "suspension", holder="reviewer", meet="votes:opinion"),
    need(cause_mitigated, "sections", "votes", "panel", "suspension", holder="firm", meet="mitigation"),
    need(emergency_review_held, "reviews", "suspension", holder="reviewer", meet="reviews"),
    need(retrospective_complete, "sections", "votes", "suspension", holder="firm", meet="retrospective"),
    need(evidence_sufficient, "sections", "reviews", "proof", holder="firm", meet="results"),
    need(score_reached, "sections", "panel", "proof", "items", holder="reviewer", meet="score"),
    need(nothing_open, "proof", holder="firm", meet="incidents"),
    need(exit_report_countersigned, "sections", holder="firm", meet="countersignature"),
    need(all_constituencies_scored, "sections", "panel", holder="reviewer", meet="score"),
    need(two_regulators, "suspension", "decision", holder="regulator", meet="decision"),
    need(time_left, holder="regulator", meet="clock"),
    need(wound_down, "sections", "votes", holder="firm", meet="wind_down"),
    need(failure_form_complete, "sections", holder="firm", meet="failure_form"),
    need(diligent, "sections", "votes", "panel", holder="reviewer", meet="votes:diligence"),
    need(ground_chosen, "sections", holder="regulator", meet="termination"),
    need(appeal_valid, "sections", holder="firm", meet="appeal"),
    need(cause_void, "sections", "suspension", holder="regulator", meet="void"),
    need(left_trial, "suspension", holder="regulator", meet="clock"),
    need(left_tune, "suspension", holder="regulator", meet="clock"),
    need(gates_passed, "sections", "proof", holder="regulator", meet="gates"),
    need(lift_allowed, "suspension", holder="regulator", meet="clock"),
    need(cause_external, "sections", "suspension", holder="regulator", meet="external_cause"),
    need(fresh_panel, "panel", holder="regulator", meet="panel", lacks=lacks_of_fresh),
    need(idle_long, "reminders", holder="system", meet="clock"),
)}


def groups_for(moves: Iterable[Move]) -> frozenset[str]:
    """The fact groups that the needs of these moves read."""
    return frozenset(group for move in moves for name in move.needs for group in NEEDS[name].reads)


def unmet(move: Move, facts: Facts) -> dict[str, Word]:
    """Every need of the move that does not hold, in the table's order, each with its sentence."""
    return {name: NEEDS[name].said(facts) for name in move.needs if not NEEDS[name].holds(facts)}
