"""The edges of each need: how votes round, what a day counts, which version and which panel an answer belongs to."""

from dataclasses import replace

import pytest

from sandbox.rules.dossier import DIMENSIONS, ORDINARY, SIMPLIFIED
from sandbox.rules.facts import Item, ReviewFacts, parse_day
from sandbox.rules.lifecycle import ROWS
from tests.rules.facts_met import (
    BODIES,
    DAY,
    NOW,
    Change,
    dated,
    filed,
    group,
    holds,
    in_force,
    items,
    proof,
    says,
    seats,
    trial,
    vote,
    voted,
    without,
)


@pytest.mark.parametrize("kind", ORDINARY)
def test_an_ordinary_dossier_lacks_each_section_it_lacks(kind):
    assert not holds("dossier_complete", without(kind))


@pytest.mark.parametrize("kind", ORDINARY)
def test_a_simplified_dossier_asks_for_fewer_sections(kind):
    assert holds("dossier_complete", trial(simplified=True), without(kind)) is (kind not in SIMPLIFIED)


def test_a_commitment_that_is_not_signed_leaves_the_dossier_incomplete():
    assert not holds("dossier_complete", says("commitment", commitment_signed=False))


@pytest.mark.parametrize("name", ["eligible", "diligent", "gates_passed"])
def test_a_list_of_ticks_not_yet_filed_is_not_all_yes(name):
    kind = {"eligible": "eligibility", "diligent": "diligence", "gates_passed": "gates"}[name]
    assert not holds(name, without(kind))


@pytest.mark.parametrize("against", range(6))
def test_two_thirds_are_rounded_up_to_whole_votes(against):
    extra = tuple(vote("ethics", person) for person in ("ge", "he"))
    five = [group("panel", lambda found: tuple(replace(s, panel_no=1) for s in found)),
            group("votes", lambda found: (*found, *extra)), voted("ethics", *["against"] * against)]
    assert holds("panel_in_favour", *five) is (against <= 1)


def test_abstentions_are_not_counted_towards_the_quorum():
    assert not holds("panel_in_favour", voted("ethics", "abstain"))


def test_an_abstention_beyond_the_quorum_is_counted_neither_for_nor_against():
    more = group("panel", lambda found: tuple(replace(s, panel_no=1) for s in found))
    assert holds("panel_in_favour", more, group("votes", lambda f: (*f, vote("ethics", "ge", "abstain"))))


def test_a_panel_without_an_external_member_is_not_in_favour():
    assert not holds("panel_in_favour", voted("ethics", external=False))


def test_the_vote_of_a_recused_reviewer_does_not_count():
    assert not holds("panel_in_favour", seats("review", people=1, recused=True))


def test_a_reviewer_with_a_conflict_has_no_vote():
    assert not holds("panel_in_favour", seats("review", people=1, conflict=True))


def test_a_resubmission_opens_a_new_round_in_which_earlier_votes_do_not_count():
    assert not holds("panel_in_favour", trial(round=2))
    assert not holds("panel_in_favour", trial(dossier_version=2))


def test_the_last_word_of_a_person_counts():
    changed_mind = [vote("ethics", person, "against", at=NOW) for person in ("yu", "shi")]
    assert not holds("panel_in_favour", group("votes", lambda found: (*found, *changed_mind)))


def test_the_strictest_quorum_is_asked_while_no_tier_is_set():
    assert not holds("panel_in_favour", trial(tier=None))


def committees(day: str = "2026-05-01", *, seen: bool = True) -> list[Change]:
    """A city hospital's committee approved the trial, of whose panel nobody voted; and a regulator looked at it."""
    filing = filed("ethics_approval", {"committee": "City hospital", "number": "7", "approved_on": day})
    looked = (vote("approve", "lin", role="regulator", subject="ethics_approval"),) if seen else ()
    return [voted("ethics", None, None, None), trial(listed=False),
            group("sections", lambda found: {**found, "ethics_approval": (filing,)}),
            group("votes", lambda found: (*found, *looked))]


def test_an_ethics_approval_stands_for_the_panel_in_the_simplified_procedure_only():
    assert holds("panel_in_favour", trial(simplified=True), *committees())
    assert not holds("panel_in_favour", *committees())
    assert holds("panel_in_favour", trial(simplified=True, tier="R1"), *committees(), without("data_assessment"))
    assert not holds("panel_in_favour", trial(simplified=True), voted("ethics", None, None, None))


@pytest.mark.parametrize("change", [
    trial(tier="R3"), trial(tier="R4"), trial(tier=None), trial(listed=True), says("data_assessment", minors=True),
    says("data_assessment", sensitive_data=True), without("data_assessment"), says("exposure", money=5.0),
    says("exposure", autonomy="no_human"),
])
def test_no_approval_stands_for_the_panel_where_the_procedure_is_not_for_the_trial(change):
    assert not holds("panel_in_favour", trial(simplified=True), *committees(), change)


def test_an_ethics_approval_is_of_a_day_gone_by_and_a_regulator_has_looked_at_it():
    assert not holds("panel_in_favour", trial(simplified=True), *committees("2031-01-01"))
    assert not holds("panel_in_favour", trial(simplified=True), *committees(seen=False))


def test_outside_the_simplified_procedure_a_start_asks_for_the_risks():
    assert not holds("safeguards_in_place", without("risks"))
    assert holds("safeguards_in_place", without("risks"), trial(simplified=True))


def test_the_answer_that_a_trial_is_not_listed_must_be_signed():
    assert not holds("not_listed", says("tier", listing_signed=False))


def test_a_question_not_answered_is_neither_listed_nor_not_listed():
    assert not holds("listed", trial(listed=None))
    assert not holds("not_listed", trial(listed=None))


def test_a_rereview_takes_five_people():
    assert not holds("rereview_in_favour", voted("rereview", None))


def test_nobody_of_the_first_review_rereviews_in_person_or_by_their_body():
    person = [group("votes", lambda found: (*found, vote("ethics", "ai")))]
    body = [group("votes", lambda found: (*found, vote("ethics", "someone", body="body of ai")))]
    assert not holds("rereview_in_favour", *person)
    assert not holds("rereview_in_favour", *body)


def test_five_people_of_one_body_are_no_re_review():
    of_one = group("votes", lambda found: tuple(replace(one, body="guild") for one in found))
    assert not holds("rereview_in_favour", of_one)


def test_a_body_that_sends_many_does_not_outvote_the_others():
    crowd = tuple(vote("ethics", person, body="guild") for person in ("ge", "he", "ji"))
    votes = [group("panel", lambda found: tuple(replace(s, panel_no=1) for s in found)),
             group("votes", lambda found: (*found, *crowd))]
    assert holds("panel_in_favour", *votes)
    assert not holds("panel_in_favour", *votes, voted("ethics", "against", "against"))


def test_reviewers_who_belong_to_no_body_are_not_of_one_body():
    nowhere = group("votes", lambda found: tuple(replace(one, body="") for one in found))
    assert holds("rereview_in_favour", nowhere)


def test_reasons_given_for_an_earlier_return_do_not_serve_again():
    assert not holds("reasons_given", dated("reasons", NOW - 6 * DAY))


def test_a_signature_under_an_earlier_version_of_the_plan_locks_nothing():
    assert not holds("plan_locked", voted("sign", version=2))


def test_a_plan_that_is_not_filed_is_not_locked():
    assert not holds("plan_locked", without("plan"))


def test_two_signatures_of_one_side_do_not_lock_the_plan():
    assert not holds("plan_locked", voted("sign", role="firm"))


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_each_dimension_has_a_value_or_a_reason(dimension):
    silent = says("exposure", **{dimension: None}, not_applicable=[
        row for row in BODIES["exposure"]["not_applicable"] if row["dimension"] != dimension])
    reason = {"dimension": dimension, "reason": "Nothing of it"}
    excused = says("exposure", **{dimension: None}, not_applicable=[*BODIES["exposure"]["not_applicable"], reason])
    assert not holds("exposure_limited", silent)
    assert holds("exposure_limited", excused)


def test_a_cap_of_zero_is_a_value():
    assert holds("exposure_limited", says("exposure", people=0, money=0.0))


@pytest.mark.parametrize(("likelihood", "severity", "guarded"), [(2, 3, False), (5, 1, True), (1, 5, True)])
def test_a_risk_of_six_or_more_needs_a_safeguard_with_an_owner(likelihood, severity, guarded):
    bare = {"risk": "Fire", "likelihood": likelihood, "severity": severity}
    assert holds("safeguards_in_place", says("risks", risks=[bare])) is guarded
    assert holds("safeguards_in_place", says("risks", risks=[{**bare, "safeguard": "Alarm"}])) is guarded


@pytest.mark.parametrize(("days_ago", "recent"), [(0, True), (30, True), (31, False), (-2, False)])
def test_a_kill_switch_test_is_good_for_thirty_days_and_cannot_lie_ahead(days_ago, recent):
    tested = (NOW - days_ago * DAY).date().isoformat()
    assert holds("safeguards_in_place", says("kill_switch", tested_on=tested)) is recent


def test_a_kill_switch_tested_today_where_today_is_already_tomorrow_counts():
    assert holds("safeguards_in_place", says("kill_switch", tested_on=(NOW + DAY).date().isoformat()))


# Before a start


@pytest.mark.parametrize("change", [
    seats("running", people=1, recused=True), seats("running", people=1, constituency="research"),
    seats("running", people=1, conflict=True), seats("running", people=1, accepted=False), trial(tier="R3"),
])
def test_a_panel_is_assigned_when_quorum_and_every_side_are_seated(change):
    assert holds("panel_assigned")
    assert not holds("panel_assigned", change)


@pytest.mark.parametrize("item", ["nature", "conditions", "rights", "reversal", "contact"])
def test_a_consent_text_has_all_five_items_or_a_legal_ground(item):
    assert not holds("consent_approved", says("consent", **{item: False}))
    assert holds("consent_approved", says("consent", **{item: False}, legal_ground="Article 13"))


@pytest.mark.parametrize("change", [
    voted("approve", "against", "against"), voted("approve", role="reviewer"), voted("approve", version=2),
    voted("approve", person="fang"),
])
def test_a_text_is_approved_by_a_regulator_who_did_not_write_it_in_the_version_that_stands(change):
    assert not holds("consent_approved", change)
    assert not holds("exit_plan_approved", change)


@pytest.mark.parametrize(("days_ago", "given"), [(7, True), (6, False), (-7, False)])
def test_a_public_notice_stands_for_seven_days_before_the_start(days_ago, given):
    assert holds("public_notice_given", says("notice", published_on=(NOW - days_ago * DAY).date().isoformat())) is given


@pytest.mark.parametrize("field", ["first_review_day", "review_every_days", "feedback_every_days"])
def test_a_blank_schedule_is_the_tiers_own_and_a_wider_one_is_refused(field):
    assert holds("schedules_made", says("schedules", **{field: None}))
    assert holds("schedules_made", says("schedules", **{field: 1}))
    assert not holds("schedules_made", says("schedules", **{field: 366}))


@pytest.mark.parametrize(("filing", "recorded"), [
    ({"status": "done", "number": "7"}, True), ({"status": "not_required", "reason": "No public use"}, True),
    ({"status": "due", "due_on": "2026-09-01"}, True), ({"status": "due", "due_on": "2026-08-31"}, False),
])
def test_a_filing_is_done_or_due_or_not_required_and_never_past_its_date(filing, recorded):
    assert holds("filings_recorded", says("filings", filings=[{"filing": "Algorithm", **filing}])) is recorded


def test_no_assessment_is_asked_where_no_personal_data_is_used():
    assert holds("data_assessed", says("data_assessment", personal_data=False, assessment=None))


# While it runs


def test_a_corrective_plan_of_an_earlier_tuning_does_not_serve_again():
    assert not holds("corrective_plan", trial(running_since=NOW - DAY))


@pytest.mark.parametrize("state", [{}, {"done_at": NOW}])
def test_every_mandatory_item_is_found_done_by_another_person(state):
    closed = Item(True, NOW, done_at=NOW, verified_at=NOW)
    assert not holds("corrective_items_done", items(Item(True, NOW, **state)))
    assert holds("corrective_items_done", items(closed, Item(False, NOW, **state)))


def test_the_exposure_that_stands_is_the_one_an_officer_approved():
    assert not holds("exposure_limited", voted("approve", "for", "for", "against"))
    assert not holds("exposure_limited", voted("approve", subject="consent"))
    assert not holds("exposure_limited", voted("approve", version=0))


def test_once_a_plan_is_in_force_exposure_is_limited_as_it_says_and_not_as_a_section():
    resuming = ROWS["resume_trial", "tune"]
    assert holds("exposure_limited", says("exposure", sites=None), voted("approve", version=0), row=resuming)
    assert not holds("exposure_limited", in_force(sites=None), row=resuming)


def test_a_retest_of_an_earlier_tuning_does_not_serve_again():
    assert not holds("corrective_items_done", trial(tune_since=NOW - DAY))


@pytest.mark.parametrize(("days_ago", "recent"), [(30, True), (31, False)])
def test_a_panels_opinion_is_good_for_thirty_days(days_ago, recent):
    assert holds("recent_panel_opinion", trial(state_since=NOW - 60 * DAY),
                 voted("opinion", at=NOW - days_ago * DAY)) is recent


def test_an_opinion_from_before_this_state_says_nothing_about_leaving_it():
    assert not holds("recent_panel_opinion", trial(state_since=NOW), voted("opinion", at=NOW - DAY))


@pytest.mark.parametrize(("filed_of", "enough"), [
    ((0, 0), True), ((0, 1), True), ((0, 2), False), ((1, 2), True), ((8, 10), False), ((9, 10), True),
    ((17, 20), False), ((18, 20), True), ((18, 21), False), ((19, 21), True),
])
def test_nine_tenths_of_the_feedback_or_all_but_one_report_is_enough(filed_of, enough):
    count, due = filed_of
    assert holds("evidence_sufficient", proof(reports_filed=count, reports_due=due)) is enough


def test_every_metric_of_the_plan_is_measured_and_every_review_that_fell_due_is_held():
    missed = ReviewFacts("periodic", NOW, None)
    ahead = ReviewFacts("periodic", NOW + DAY, None)
    assert not holds("evidence_sufficient", says("results", metrics=[{"name": "recall", "value": 1}]))
    assert not holds("evidence_sufficient", group("reviews", lambda found: (*found, missed)))
    assert holds("evidence_sufficient", group("reviews", lambda found: (*found, ahead)))


def test_a_trial_whose_plan_has_no_metric_has_shown_nothing():
    assert not holds("evidence_sufficient", says("plan", metrics=[]))


# The end


@pytest.mark.parametrize("count", ["open_grave", "unitemised", "overdue_clocks", "late_complaints"])
def test_each_thing_still_open_stands_in_the_way_of_a_norm(count):
    assert not holds("nothing_open", proof(**{count: 1}))


def test_an_open_grave_incident_fails_the_gates_and_the_score():
    assert not holds("gates_passed", proof(open_grave=1))
    assert not holds("score_reached", proof(open_grave=1))


def test_a_score_without_gates_reaches_nothing():
    assert not holds("score_reached", says("gates", legality=False))


@pytest.mark.parametrize(("answer", "role", "days", "countersigned"), [
    ("countersigned", "firm", 2, True), ("objected", "firm", 2, True), ("dissolved", "regulator", 2, True),
    ("silent", "regulator", 14, False), ("silent", "regulator", 15, True),
    ("countersigned", "regulator", 2, False), ("dissolved", "firm", 2, False), ("silent", "firm", 15, False),
])
def test_the_firm_answers_itself_and_a_regulator_records_that_it_is_silent_for_ten_working_days_or_gone(
        answer, role, days, countersigned):
    answered = replace(filed("countersignature", {"answer": answer}, role=role), at=NOW - days * DAY)
    assert holds("exit_report_countersigned", dated("exit_report", NOW - days * DAY), group(
        "sections", lambda found: {**found, "countersignature": (answered,)})) is countersigned


def test_an_answer_to_an_earlier_report_does_not_answer_this_one():
    assert not holds("exit_report_countersigned", dated("exit_report", NOW - DAY))


def test_a_sheet_from_someone_without_a_seat_speaks_for_no_side():
    assert not holds("all_constituencies_scored", seats("running", people=1, recused=True))


@pytest.mark.parametrize("item", ["users_told", "access_closed", "recall", "outputs_reversed", "data_deleted",
                                  "complaints_closed"])
def test_what_is_not_done_at_the_end_has_a_reason(item):
    kept = {f"{item}_status": "lawfully_kept"}
    assert not holds("wound_down", says("wind_down", **kept))
    assert holds("wound_down", says("wind_down", **kept, **{f"{item}_reason": "Six years by law"}))


def test_the_direction_was_reasonable_when_two_thirds_of_the_panel_say_so():
    assert holds("diligent", voted("diligence", "against"))
    assert not holds("diligent", voted("diligence", "against", "against"))


@pytest.mark.parametrize(("days", "valid"), [(0, True), (30, True), (31, False), (-1, False)])
def test_an_appeal_is_filed_within_thirty_days_of_the_decision(days, valid):
    assert holds("appeal_valid", trial(state_since=NOW - 40 * DAY), dated("appeal", NOW - (40 - days) * DAY)) is valid


def test_a_fresh_panel_has_a_quorum_and_nobody_of_the_former():
    declined = ROWS["reopen_on_appeal", "declined"]
    assert holds("fresh_panel", row=declined)
    assert not holds("fresh_panel", seats("review", 2, 1, accepted=None), row=declined)
    assert not holds("fresh_panel", seats("review", 2, 1, person="shi"), row=declined)
    assert not holds("fresh_panel", seats("review", 2, 1, person="rui"), row=declined)


def test_a_terminated_trial_is_looked_at_by_a_fresh_running_panel():
    terminated = ROWS["reopen_on_appeal", "terminated"]
    assert holds("fresh_panel", seats("review", 2, accepted=False), row=terminated)
    assert not holds("fresh_panel", seats("running", 2, accepted=False), row=terminated)


@pytest.mark.parametrize(("state", "days", "idle"), [
    ("correction", 60, True), ("correction", 59, False), ("admitted", 90, True), ("admitted", 89, False),
])
def test_an_application_lapses_when_nobody_moved_for_long_and_was_reminded(state, days, idle):
    row = ROWS["lapse", state]
    assert holds("idle_long", trial(state_since=NOW - days * DAY), row=row) is idle


def test_nothing_lapses_in_a_state_that_may_last():
    assert not holds("idle_long", trial(state="trial"), row=ROWS["lapse", "admitted"])


@pytest.mark.parametrize("need", ["cause_mitigated", "emergency_review_held", "retrospective_complete", "cause_void",
                                  "cause_external", "left_trial", "left_tune", "lift_allowed"])
def test_what_is_said_of_a_stop_is_not_true_without_one(need):
    assert not holds(need, group("suspension", lambda found: None))


def test_a_day_kept_as_text_or_as_a_day_is_the_same_day_and_anything_else_is_none():
    assert parse_day("2026-09-01") == parse_day("2026-09-01T09:00:00Z") == parse_day(NOW.date()) == NOW.date()
    assert parse_day(None) is None
