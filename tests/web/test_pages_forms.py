"""Forms in the browser: what is wrong stands beside its field with what was typed, drafts are kept, twice is once."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cast import Cast
from desk import Application, Desks, Page, desks
from tree import tree
from visitor import text_of

from sandbox.acts.refusals import Invalid
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads import records, trials
from sandbox.reads.board import own_tasks
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.rules.questions import asked
from sandbox.words import say, word

DAY = timedelta(days=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def at(program: Program) -> Desks:
    return desks(program)


@pytest.fixture
def made(program: Program, cast: Cast) -> Application:
    return Application(program, cast)


@pytest.fixture
def running(program: Program, cast: Cast, made: Application) -> str:
    """A running trial of Hai Rui with a limit on serious harm."""
    pilot = {"title": "夜间配送", "scenario_id": made.scenario, "organisation": "海睿", "tier": "R3",
             "rate_per_day": 100.0, "limits": [{"indicator": "harm_serious", "per_exposure": 0.001}],
             "unverified": "The permits", "source_key": "night"}
    proposed = program.acts.do("adopt_trial", cast.lin, {"trials": [pilot]})
    decided = program.acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision)
    return str(decided.trials["night"])


def row(program: Program, trial: str) -> dict[str, Any]:
    with program.reading() as connection:
        return trials.trial(connection, SYSTEM_ACTOR, trial) or {}


def section(program: Program, who: Any, trial: str, kind: str) -> trials.SectionState:
    with program.reading() as connection:
        return trials.sections(connection, who, trials.trial(connection, who, trial) or {})[kind]


def reports(program: Program, trial: str) -> list[dict[str, Any]]:
    with program.reading() as connection:
        return list(records.feedback(connection, SYSTEM_ACTOR, trial).items)


def beside(html: str, field: str) -> str:
    """The error that stands beside a field."""
    found = re.search(rf'id="{field}-e">(.*?)</p>', html, re.DOTALL)
    return text_of(found.group(1)) if found else ""


# Sections


def test_an_error_stands_beside_its_field_and_what_was_typed_is_kept(at: Desks, made: Application, cast: Cast) -> None:
    made.drafted()
    answer = at(cast.fang).send(f"/trials/{made.trial}/sections/exposure?lang=en", {
        "rate_per_day": "many", "days": "400", "regions": "Two districts"})
    assert answer.status_code == 422
    assert "must be a number" in beside(answer.text, "f-rate_per_day")
    assert "360" in beside(answer.text, "f-days")
    assert 'value="many"' in answer.text and 'value="400"' in answer.text and "Two districts" in answer.text
    assert Page(answer.text).faults() == [] and "<title>Error - " in answer.text


def test_a_rule_over_the_whole_form_stands_beside_the_field_that_mends_it(
        at: Desks, made: Application, cast: Cast) -> None:
    made.drafted()
    answer = at(cast.fang).send(f"/trials/{made.trial}/sections/exposure?lang=en", {"rate_per_day": "5", "days": "200"})
    assert beside(answer.text, "f-long_ground")


def test_errors_in_rows_name_the_row(at: Desks, made: Application, cast: Cast) -> None:
    made.drafted()
    given = {"filings-0-filing": "Algorithm", "filings-0-status": "due", "filings-3-filing": "Security",
             "filings-3-status": "done", "filings-3-number": "x" * 300}
    answer = at(cast.fang).send(f"/trials/{made.trial}/sections/filings?lang=en", given)
    assert beside(answer.text, "f-filings-1-number") and 'value="Security"' in answer.text
    given.update({"filings-3-number": "S-1"})
    answer = at(cast.fang).send(f"/trials/{made.trial}/sections/filings?lang=en", given)
    assert beside(answer.text, "f-filings").startswith("Error: Line 1:")


def test_a_draft_is_kept_as_it_was_typed_and_filing_removes_it(
        at: Desks, made: Application, cast: Cast, program: Program) -> None:
    made.drafted()
    path = f"/trials/{made.trial}/sections/risks"
    sent = {"risks-0-risk": "Wrong number", "risks-0-likelihood": "often", "draft": "1"}
    assert at(cast.fang).send(path, sent).status_code == 303
    assert 'value="often"' in at(cast.fang).get(path).text
    assert section(program, cast.fang, made.trial, "risks").version == 1
    good = {"risks-0-risk": "Wrong number", "risks-0-likelihood": "1", "risks-0-severity": "2"}
    assert at(cast.fang).send(path, good).location == f"/trials/{made.trial}/dossier"
    kept = section(program, cast.fang, made.trial, "risks")
    assert (kept.version, kept.draft) == (2, None)


def test_a_form_sent_twice_is_filed_once(at: Desks, made: Application, cast: Cast, program: Program) -> None:
    made.drafted()
    path = f"/trials/{made.trial}/sections/governance"
    hidden = Page(at(cast.fang).get(path).text).fields
    given = {**hidden, "data_flow": "None leaves", "responsibility": "The head", "transparency": "Announced"}
    assert [at(cast.fang).post(path, given).status_code for _ in range(2)] == [303, 303]
    assert section(program, cast.fang, made.trial, "governance").version == 2
    other = at(cast.fang).post(path, {**given, "data_flow": "All of it"})
    assert other.status_code == 422 and "All of it" in other.text
    assert Page(other.text).fields["idempotency_key"] != hidden["idempotency_key"]


def test_a_section_changed_by_someone_else_is_not_overwritten(
        at: Desks, made: Application, cast: Cast, program: Program) -> None:
    made.drafted()
    path = f"/trials/{made.trial}/sections/governance"
    hidden = Page(at(cast.fang).get(path).text).fields
    made.file("governance")
    answer = at(cast.fang).post(path, {**hidden, "data_flow": "Mine", "responsibility": "Me", "transparency": "Yes"})
    assert answer.status_code == 422 and "Mine" in answer.text and 'class="err-sum"' in answer.text
    assert section(program, cast.fang, made.trial, "governance").version == 2


def test_who_may_not_write_a_section_reads_it(at: Desks, made: Application, cast: Cast) -> None:
    made.accepted()
    page = at(cast.lin).get(f"/trials/{made.trial}/sections/plan?lang=en").text
    assert "<textarea" not in page and "Written by Firm" in text_of(page) and "Serious harm" in text_of(page)


def test_a_section_that_is_not_ones_own_is_refused(at: Desks, made: Application, cast: Cast) -> None:
    made.accepted()
    at(cast.lin).get("/trials")
    assert at(cast.lin).post(f"/trials/{made.trial}/sections/plan", {"objectives": "x"}).status_code == 403


# Moves


def test_a_refused_move_tells_every_unmet_need_and_keeps_the_reason(
        at: Desks, made: Application, cast: Cast, program: Program) -> None:
    made.admitted()
    answer = at(cast.lin).send(f"/trials/{made.trial}/moves/start_trial?lang=en", {"reason": "It is time"})
    assert answer.status_code == 409 and "It is time" in answer.text
    with program.reading() as connection:
        trial = trials.trial(connection, cast.lin, made.trial) or {}
        found = trials.next_moves(connection, trial, trial["relation"], program.clock(), program.settings.place)
    unmet = next(one.unmet for one in found if one.move.name == "start_trial")
    assert answer.text.count("Held by:") == len(unmet) > 5
    assert f"/trials/{made.trial}/sections/redress" in answer.text
    assert row(program, made.trial)["state"] == "admitted"


def test_a_move_that_takes_two_says_who_must_confirm_it_and_until_when(
        at: Desks, made: Application, cast: Cast, program: Program) -> None:
    made.judged()
    answer = at(cast.lin).send(f"/trials/{made.trial}/moves/admit?lang=en", {"reason": "In favour"})
    assert answer.location == f"/trials/{made.trial}"
    said = text_of(at(cast.lin).get(answer.location).text)
    assert "Another regulator has to confirm it by 5 Mar 24:00" in said
    assert row(program, made.trial)["state"] == "ethics_review"


def test_one_person_stops_a_trial_with_one_form(at: Desks, cast: Cast, program: Program, running: str) -> None:
    assert at(cast.fang).send(f"/trials/{running}/moves/suspend", {}).location == f"/trials/{running}"
    assert row(program, running)["state"] == "suspended"
    assert "Paused by the firm itself" in text_of(at(cast.fang).get(f"/trials/{running}?lang=en").text)


def test_a_move_that_is_not_possible_from_here_is_said_so(at: Desks, cast: Cast, running: str) -> None:
    assert at(cast.lin).get(f"/trials/{running}/moves/accept").status_code == 409
    assert at(cast.lin).get(f"/trials/{running}/moves/fly").status_code == 404


# Feedback


def period(clock: Shifted, days: int = 1) -> dict[str, str]:
    """A period that ends now, as a browser in Shanghai sends it."""
    end: datetime = clock().astimezone(SHANGHAI)
    return {"period_start": f"{end - days * DAY:%Y-%m-%dT%H:%M}", "period_end": f"{end:%Y-%m-%dT%H:%M}"}


@pytest.fixture
def later(clock: Shifted) -> Shifted:
    """A week after the trial started."""
    clock.forward(clock() + 7 * DAY)
    return clock


def test_checking_says_what_would_follow_and_keeps_nothing(
        at: Desks, cast: Cast, program: Program, running: str, later: Shifted) -> None:
    path = f"/trials/{running}/feedback/new?lang=en"
    answer = at(cast.fang).send(path, {**period(later), "exposures": "120", "draft": "1"})
    assert answer.status_code == 200 and "nothing was kept" in text_of(answer.text) and 'value="120"' in answer.text
    assert reports(program, running) == [] and row(program, running)["used_volume"] == 0
    answer = at(cast.fang).send(path, {**period(later), "exposures": "120", "event_2": "9", "draft": "1"})
    assert "Filing this would pause the trial" in text_of(answer.text)
    assert row(program, running)["state"] == "trial"


def test_a_report_is_filed_from_its_grid_and_answered_with_a_receipt(
        at: Desks, cast: Cast, program: Program, running: str, later: Shifted) -> None:
    path = f"/trials/{running}/feedback/new?lang=en"
    answer = at(cast.fang).send(path, {**period(later), "exposures": "120", "event_3": "2", "event_4": "1"})
    assert answer.location == f"/trials/{running}"
    filed = reports(program, running)[0]
    assert (filed["exposures"], filed["events"]) == (120, {"harm_S4": 2, "complaint": 1})
    assert f"{filed['period_end']:%H%M}" == f"{later():%H%M}"
    assert "Receipt: log entry" in text_of(at(cast.fang).get(answer.location).text)


@pytest.mark.parametrize("hours", [3, 20, 24 * 3 + 1, 24 * 9])
def test_the_period_that_stands_in_the_form_can_be_filed_as_it_is(
        at: Desks, cast: Cast, program: Program, running: str, clock: Shifted, hours: int) -> None:
    clock.forward(clock() + timedelta(hours=hours, seconds=31))
    path = f"/trials/{running}/feedback/new?lang=en"
    form = tree(at(cast.fang).get(path).text)
    given = {name: form.one("input", name=name).attrs["value"] for name in ("period_start", "period_end")}
    assert at(cast.fang).send(path, {**given, "exposures": "50"}).status_code == 303
    filed = reports(program, running)[0]
    assert filed["period_start"] < filed["period_end"] <= clock()
    assert hours < 20 or f"{filed['period_end'].astimezone(SHANGHAI):%H:%M}" == "00:00"


def test_a_report_sent_twice_counts_once(
        at: Desks, cast: Cast, program: Program, running: str, later: Shifted) -> None:
    path = f"/trials/{running}/feedback/new"
    given = {**Page(at(cast.fang).get(path).text).fields, **period(later), "exposures": "50"}
    assert [at(cast.fang).post(path, given).status_code for _ in range(3)] == [303] * 3
    assert len(reports(program, running)) == 1 and row(program, running)["used_volume"] == 50


@pytest.mark.parametrize(("field", "value", "beside_field"), [
    ("exposures", "", "f-exposures"), ("exposures", "nan", "f-exposures"), ("exposures", "-1", "f-exposures"),
    ("event_0", "one", "f-event_0"), ("event_4", "-2", "f-event_4"), ("event_6", "9" * 30, "f-event_6"),
    ("period_start", "2026-02-30T10:00", "f-period_start"), ("period_end", "2031-01-01T00:00", "f-period_end"),
    ("period_end", "2020-01-01T00:00", "f-period_end"), ("people_new", "1.5", "f-people_new"),
])
def test_what_is_wrong_with_a_report_stands_beside_its_field_and_nothing_is_kept(
        at: Desks, cast: Cast, program: Program, running: str, later: Shifted, field: str, value: str,
        beside_field: str) -> None:
    given = {**period(later), "exposures": "10", field: value}
    answer = at(cast.fang).send(f"/trials/{running}/feedback/new?lang=en", given)
    assert answer.status_code == 422 and beside(answer.text, beside_field), text_of(answer.text)[:400]
    assert reports(program, running) == []


def test_a_nil_report_counts_as_a_report(
        at: Desks, cast: Cast, program: Program, running: str, later: Shifted) -> None:
    assert at(cast.fang).send(f"/trials/{running}/feedback/new", {**period(later), "nil": "1"}).status_code == 303
    assert reports(program, running)[0]["nil"] is True


def test_a_softening_correction_waits_for_an_officer_and_then_counts(
        at: Desks, cast: Cast, program: Program, running: str, later: Shifted) -> None:
    at(cast.fang).send(f"/trials/{running}/feedback/new", {**period(later), "exposures": "100", "event_4": "3"})
    report = reports(program, running)[0]["id"]
    answer = at(cast.fang).send(f"/feedback/{report}/correct", {"exposures": "100", "event_4": "1", "reason": "Twice"})
    assert answer.location == f"/feedback/{report}"
    with program.reading() as connection:
        waiting = records.corrections_waiting(connection, cast.lin)[0]["id"]
    page = text_of(at(cast.lin).get(f"/corrections/{waiting}?lang=en").text)
    assert "Complaints = 3" in page and "Complaints = 1" in page
    assert at(cast.lin).send(f"/corrections/{waiting}", {"accept": "1", "reason": "The log"}).status_code == 303
    assert reports(program, running)[0]["events"] == {"complaint": 1}


def test_a_correction_without_a_reason_is_told_so(
        at: Desks, cast: Cast, program: Program, running: str, later: Shifted) -> None:
    at(cast.fang).send(f"/trials/{running}/feedback/new", {**period(later), "exposures": "100"})
    report = reports(program, running)[0]["id"]
    answer = at(cast.fang).send(f"/feedback/{report}/correct", {"exposures": "x"})
    assert beside(answer.text, "f-reason") and beside(answer.text, "f-exposures")


def test_a_months_rate_without_exposures_is_undefined_never_zero(
        at: Desks, cast: Cast, program: Program, running: str) -> None:
    start = "2025-12-01T00:00:00+08:00"
    program.acts.do("import_feedback", cast.lin, {
        "reports": [{"period_start": start, "period_end": "2026-01-01T00:00:00+08:00", "source_key": "r"}],
        "events": [{"kind": "event", "severity": "S3", "indicator": "harm_serious", "occurred_at": start,
                    "source_key": "e"}]}, running)
    page = text_of(at(cast.lin).get(f"/trials/{running}/feedback?lang=en").text)
    assert "Record from before adoption" in page and "2025-12" in page and "rate undefined" in page


# Incidents


def test_a_grave_incident_stops_the_trial_and_the_next_page_says_so(
        at: Desks, cast: Cast, program: Program, running: str, later: Shifted) -> None:
    when = f"{later().astimezone(SHANGHAI) - DAY:%Y-%m-%dT%H:%M}"
    answer = at(cast.fang).send(f"/trials/{running}/incidents/new?lang=en", {
        "kind": "incident", "severity": "S1", "occurred_at": when, "description": "A fall"})
    assert answer.location.startswith("/incidents/in_")
    assert "The trial is paused: stop the system now" in text_of(at(cast.fang).get(answer.location).text)
    assert row(program, running)["state"] == "suspended"


def test_an_incident_needs_its_class_and_a_time_that_has_been(
        at: Desks, cast: Cast, running: str, later: Shifted) -> None:
    given, path = {"kind": "incident", "occurred_at": "2030-01-01T00:00"}, f"/trials/{running}/incidents/new"
    assert "Severity needed for an incident" in text_of(at(cast.fang).get(f"{path}?lang=en").text)
    answer = at(cast.fang).send(f"{path}?lang=en", given, path)
    assert answer.status_code == 422 and beside(answer.text, "f-severity")
    assert "The severity is missing" in answer.text


def test_an_incident_is_amended_and_its_earlier_version_stays(
        at: Desks, cast: Cast, program: Program, running: str, later: Shifted) -> None:
    made = program.acts.do("file_incident", cast.fang, {
        "kind": "incident", "severity": "S3", "occurred_at": (later() - DAY).isoformat(), "description": "First",
    }, running)
    answer = at(cast.fang).send(f"/incidents/{made.id}/amend", {"state": "mitigated", "mitigation": "Barrier set"})
    page = text_of(at(cast.fang).get(f"{answer.location}?lang=en").text)
    assert "Barrier set" in page and "Earlier versions" in page and "First" in page
    milder = at(cast.fang).send(f"/incidents/{made.id}/amend", {"severity": "S4"})
    assert milder.status_code == 422 and 'class="err-sum"' in milder.text


# Reviews


@pytest.fixture
def review(program: Program, cast: Cast, running: str) -> str:
    """An open review with Rui and Shen on the panel."""
    for who in (cast.rui, cast.shen):
        seat = program.acts.do("assign_reviewer", cast.lin, {"account_id": who.id, "panel": "running"}, running).id
        program.acts.do("answer_assignment", who, {"conflict": False, "accepted": True}, seat)
    return str(program.acts.do("call_review", cast.lin, {"reason": "A look"}, running).id)


def test_opinions_are_sealed_until_the_conclusion_is_signed(
        at: Desks, cast: Cast, program: Program, review: str) -> None:
    given = {"recommendation": "continue", "reason": "Rui finds it sound",
             **{f"finding_{one}": "fine" for one in asked("R3")}}
    assert at(cast.rui).send(f"/reviews/{review}", given, to=f"/reviews/{review}/opinion").status_code == 303
    assert "Rui finds it sound" in at(cast.rui).get(f"/reviews/{review}").text
    assert "Rui finds it sound" not in at(cast.shen).get(f"/reviews/{review}").text
    assert "Rui finds it sound" not in at(cast.lin).get(f"/reviews/{review}").text
    assert "1 opinion received" in text_of(at(cast.lin).get(f"/reviews/{review}?lang=en").text)
    done = {"recommendation": "continue", "conclusion": "Goes on", "stand_in": "1"}
    assert at(cast.lin).send(f"/reviews/{review}", done, to=f"/reviews/{review}/conclusion").status_code == 303
    for who in (cast.shen, cast.lin):
        assert "Rui finds it sound" in at(who).get(f"/reviews/{review}").text


def test_an_opinion_without_a_reason_is_told_so_and_keeps_the_choice(at: Desks, cast: Cast, review: str) -> None:
    answer = at(cast.rui).send(f"/reviews/{review}", {"recommendation": "tune"}, to=f"/reviews/{review}/opinion")
    assert answer.status_code == 422 and beside(answer.text, "o-reason")
    assert re.search(r'value="tune" checked', answer.text) and Page(answer.text).faults() == []


@pytest.mark.parametrize(("language", "required"), [
    ("zh_Hans", "此项必填，请填写。"), ("zh_Hant", "此項必填，請填寫。"), ("en", "This is required: fill it in.")])
def test_an_empty_opinion_is_told_beside_each_question_that_it_is_required(
        at: Desks, cast: Cast, review: str, language: str, required: str) -> None:
    path = f"/reviews/{review}"
    at(cast.rui).get(f"{path}?lang={language}")
    page = at(cast.rui).send(path, {}, to=f"{path}/opinion").text
    for name in (*(f"finding_{code}" for code in asked("R3")), "recommendation", "reason"):
        assert required in str(beside(page, f"o-{name}")), name
    said = text_of(page)
    assert "cannot_judge" not in said
    assert [code for code in asked("R3") if said.count(say(word(f"question.{code}"), language)) != 2] == []


def test_a_conclusion_can_be_signed_only_once_its_quorum_is_in(
        at: Desks, cast: Cast, program: Program, running: str, review: str) -> None:
    fine = {"conflict": False, "recommendation": "continue", "reason": "Fine", "answers": []}
    program.acts.do("give_opinion", cast.rui, fine, review)
    with program.reading() as connection:
        waiting = own_tasks(connection, cast.lin, program.clock(), running)
        silent = records.silent_on(connection, [review])[review]
    assert [one.kind for one in waiting].index("await") == len(waiting) - 1
    assert (waiting[-1].have, waiting[-1].needed) == (1, 5) and silent == ["Shen"]
    said = text_of(at(cast.lin).get("/?lang=en").text)
    assert "1 of 5 opinions are in" in said and "It waits for Shen." in said
    assert "Sign the conclusion" not in said
    page = at(cast.lin).get(f"/reviews/{review}?lang=en").text
    assert "Hold it as a stand-in check" in page and "Sign the conclusion" not in page
    for who in (cast.mei, *cast.reviewers[:2]):
        seat = program.acts.do("assign_reviewer", cast.lin, {"account_id": who.id, "panel": "running"}, running).id
        program.acts.do("answer_assignment", who, {"conflict": False, "accepted": True}, seat)
    for who in (cast.shen, cast.mei, *cast.reviewers[:2]):
        program.acts.do("give_opinion", who, fine, review)
    with program.reading() as connection:
        assert "conclude" in [one.kind for one in own_tasks(connection, cast.lin, program.clock(), running)]
    assert "Sign the conclusion" in at(cast.lin).get(f"/reviews/{review}?lang=en").text


def test_the_set_of_questions_follows_the_scenario_and_each_keeps_its_last_answer(
        at: Desks, cast: Cast, program: Program, running: str, review: str) -> None:
    given = {"recommendation": "continue", "reason": "Fine", **{f"finding_{one}": "concern" for one in asked("R3")},
             **{f"note_{one}": "Which" for one in asked("R3")}}
    at(cast.rui).send(f"/reviews/{review}", given, to=f"/reviews/{review}/opinion")
    acts, scenario = program.acts, row(program, running)["scenario_id"]
    done = {"recommendation": "continue", "conclusion": "Goes on", "stand_in": True}
    acts.do("conclude_review", cast.lin, done, review)
    for template, n in (("credit_check", 3), (None, 5)):
        acts.do("change_scenario", cast.lin, {"scenario_id": scenario, "template": template})
        following = acts.do("call_review", cast.lin, {"reason": "Another look"}, running).id
        page = at(cast.rui).get(f"/reviews/{following}?lang=en").text
        assert [code for code in asked("R3", template) if f'name="finding_{code}"' not in page] == []
        assert text_of(page).count("Last asked on 2 Mar: A concern: 1.") == n
        sent = {**given, **{f"finding_{one}": "fine" for one in asked("R3", template)}}
        assert at(cast.rui).send(f"/reviews/{following}", sent, to=f"/reviews/{following}/opinion").status_code == 303
    other = [{"question": "refusals_explained", "finding": "fine"}]
    with pytest.raises(Invalid, match="answers"):
        acts.do("give_opinion", cast.rui, {"conflict": False, "recommendation": "tune", "reason": "No",
                                           "answers": other}, following)


def test_a_conclusion_before_any_opinion_is_refused_in_words(at: Desks, cast: Cast, review: str) -> None:
    done = {"recommendation": "continue", "conclusion": "Goes on"}
    answer = at(cast.lin).send(f"/reviews/{review}", done, to=f"/reviews/{review}/conclusion")
    assert answer.status_code == 422 and 'class="err-sum"' in answer.text and "Goes on" in answer.text


def test_a_firm_reads_a_review_and_decides_nothing_in_it(at: Desks, cast: Cast, review: str) -> None:
    page = at(cast.fang).get(f"/reviews/{review}").text
    assert f"/reviews/{review}/opinion" not in page and f"/reviews/{review}/conclusion" not in page
    assert at(cast.fang).post(f"/reviews/{review}/conclusion", {"recommendation": "continue"}).status_code == 403


def test_a_review_is_called_with_a_reason(at: Desks, cast: Cast, running: str) -> None:
    assert beside(at(cast.lin).send(f"/trials/{running}/reviews/new").text, "f-reason")
    answer = at(cast.lin).send(f"/trials/{running}/reviews/new", {"reason": "New law"})
    assert answer.location.startswith("/reviews/rv_")


# The door


def test_a_form_without_its_token_does_nothing(at: Desks, cast: Cast, program: Program, running: str) -> None:
    desk = at(cast.fang)
    desk.token = "not the token"
    assert desk.post(f"/trials/{running}/moves/suspend", {}).status_code == 400
    assert row(program, running)["state"] == "trial"


def test_an_overlong_key_is_refused(at: Desks, cast: Cast, running: str) -> None:
    at(cast.fang).get(f"/trials/{running}/moves/suspend")
    answer = at(cast.fang).post(f"/trials/{running}/moves/suspend", {"idempotency_key": "k" * 500})
    assert answer.status_code == 400


def test_a_slip_is_held_and_said_where_it_can_be_put_right(
        at: Desks, cast: Cast, program: Program, adopted: Callable[..., list[str]], later: Shifted) -> None:
    pinned = adopted(1, model_version="1")[0]
    later.forward(later() + timedelta(hours=3))
    start = later() - timedelta(hours=2)
    times = {name: (start + n * timedelta(hours=1)).astimezone(program.settings.zone).strftime("%Y-%m-%dT%H:%M")
             for n, name in enumerate(("period_start", "period_end"))}
    sent = {**times, "exposures": "10", "model_version": "2"}
    answer = at(cast.fang).send(f"/trials/{pinned}/feedback/new", sent)
    assert answer.location.startswith("/held/")
    page = text_of(at(cast.fang).get(f"{answer.location}?lang=en").text)
    assert "The model version is not the one that the plan pins" in page and "Take it back" in page
    assert "Take it back" not in text_of(at(cast.lin).get(f"{answer.location}?lang=en").text)
    assert at(cast.fang).send(answer.location, {"draft": "1", "reason": "A slip"}).status_code == 303
    assert "not yet due" in text_of(at(cast.lin).get(f"/trials/{pinned}/feedback?lang=en").text)
