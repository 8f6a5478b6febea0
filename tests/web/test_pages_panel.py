"""Panels, seats and votes in the browser: who sits, who may vote on what, and what each of them may read."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from cast import Cast
from desk import Application, Desks, Page, desks
from visitor import text_of

from sandbox.acts.refusals import Refused
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads import trials
from sandbox.rules.access import Actor
from sandbox.rules.lifecycle import STATES
from sandbox.store.votes import MATTERS
from sandbox.web.pages.panel import SITTING

HOUR = timedelta(hours=1)
LANGUAGES = ("zh_Hans", "zh_Hant", "en")


@pytest.fixture
def at(program: Program) -> Desks:
    return desks(program)


@pytest.fixture
def made(program: Program, cast: Cast) -> Application:
    """Fang's application at ethics review."""
    return Application(program, cast).accepted()


def seats(made: Application) -> list[dict[str, object]]:
    with made.program.reading() as connection:
        return list(trials.panel(connection, made.trial))


def votes(made: Application) -> list[tuple[object, ...]]:
    with made.program.reading() as connection:
        return [(one["matter"], one["subject"], one["value"], one["account_id"])
                for one in trials.votes(connection, made.trial)]


# The panel


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_sees_the_trial_sees_its_panel(at: Desks, cast: Cast, made: Application, language: str) -> None:
    made.seat(cast.rui)
    for who in (cast.lin, cast.fang, cast.rui):
        page = at(who).get(f"/trials/{made.trial}/panel?lang={language}")
        assert page.status_code == 200 and "Rui" in page.text and "Guild" in page.text


def test_a_panel_of_a_trial_not_seen_is_missing(at: Desks, cast: Cast, made: Application) -> None:
    for who in (cast.gao, cast.shen, cast.di):
        for path in ("panel", "votes/ethics"):
            assert at(who).get(f"/trials/{made.trial}/{path}").status_code == 404
    assert at(cast.ada).get(f"/trials/{made.trial}/panel").status_code == 403


def test_a_department_reads_the_sides_and_no_names(at: Desks, cast: Cast, made: Application, program: Program) -> None:
    made.scenario = program.acts.do("publish_scenario", cast.di, {"title": "Led", "description": "x"}).id
    made.accepted()
    made.seat(cast.rui)
    page = at(cast.di).get(f"/trials/{made.trial}/panel?lang=en")
    assert "Industry experts" in page.text and "Rui" not in page.text and "Guild" not in page.text


def test_what_a_panel_lacks_is_said_before_who_sits_on_it(at: Desks, cast: Cast, made: Application) -> None:
    made.seat(cast.rui)
    page = text_of(at(cast.lin).get(f"/trials/{made.trial}/panel?lang=en").text)
    assert "First review panel: 2 things missing" in page and "Quorum of 3: 1 accepted" in page
    for who in (cast.shen, cast.mei):
        made.seat(who)
    assert "First review panel: complete" in text_of(at(cast.lin).get(f"/trials/{made.trial}/panel").text)


def test_a_running_panel_names_the_sides_that_are_missing(at: Desks, cast: Cast, made: Application) -> None:
    for who in (cast.rui, cast.shen, cast.mei):
        made.seat(who)
        made.do("cast_vote", who, made.trial, matter="ethics", value="for")
    waits = made.move("admit", cast.lin).decision
    made.do("vote_on_decision", cast.zhou, waits, value="for")
    made.seat(cast.rui, "running")
    page = text_of(at(cast.fang).get(f"/trials/{made.trial}/panel?lang=en").text)
    assert "Still missing: Research institutes and Market and user side" in page


def test_every_state_knows_which_panel_it_asks_for_or_that_it_asks_for_none() -> None:
    over = {code for code, state in STATES.items() if state.final}
    assert set(STATES) - set(SITTING) == {"draft", "correction"} | over - {"declined", "terminated"}


def test_a_draft_says_that_no_panel_is_needed_yet(at: Desks, cast: Cast, program: Program) -> None:
    made = Application(program, cast).drafted()
    assert "No panel is needed" in at(cast.fang).get(f"/trials/{made.trial}/panel?lang=en").text


# Offering a seat


def test_a_regulator_offers_a_seat(at: Desks, cast: Cast, made: Application) -> None:
    path = f"/trials/{made.trial}/panel"
    gone = at(cast.lin).send(path, {"account_id": cast.rui.id, "panel": "review"})
    assert gone.status_code == 303 and gone.location == path
    assert [(one["name"], one["panel"], one["accepted"]) for one in seats(made)] == [("Rui", "review", None)]
    assert "Answer awaited" in at(cast.lin).get(f"{path}?lang=en").text


def test_every_reviewer_can_be_chosen_and_nobody_else(at: Desks, cast: Cast, made: Application) -> None:
    page = at(cast.lin).get(f"/trials/{made.trial}/panel").text
    assert all(who.id in page for who in (cast.rui, cast.shen, cast.mei, *cast.reviewers))
    assert cast.fang.id not in page and cast.zhou.id not in page


def test_nobody_but_a_regulator_offers_a_seat(at: Desks, cast: Cast, made: Application) -> None:
    made.seat(cast.rui)
    for who in (cast.fang, cast.rui):
        assert 'name="account_id"' not in at(who).get(f"/trials/{made.trial}/panel").text
        assert at(who).post(f"/trials/{made.trial}/panel", {"account_id": cast.mei.id, "panel": "review"}
                            ).status_code == 403


def test_the_same_reviewer_is_not_offered_a_panel_twice(at: Desks, cast: Cast, made: Application) -> None:
    made.seat(cast.rui)
    again = at(cast.lin).send(f"/trials/{made.trial}/panel", {"account_id": cast.rui.id, "panel": "review"})
    assert again.status_code == 422 and "f-errors" in Page(again.text).ids and len(seats(made)) == 1


def test_a_seat_needs_somebody_to_sit_on_it(at: Desks, cast: Cast, made: Application) -> None:
    again = at(cast.lin).send(f"/trials/{made.trial}/panel", {"account_id": "", "panel": "review"})
    assert again.status_code == 422 and "f-account_id-e" in Page(again.text).ids


# Answering it


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_conflict_question_comes_first(at: Desks, cast: Cast, made: Application, language: str) -> None:
    seat = made.seat(cast.rui, answered=False)
    assert f"/seats/{seat}" in Page(at(cast.rui).get(f"/trials/{made.trial}/panel").text).links
    page = at(cast.rui).get(f"/seats/{seat}?lang={language}").text
    assert page.index('name="conflict"') < page.index('name="accepted"')
    assert "checked" not in page


def test_accepting_a_seat_leads_to_the_panel(at: Desks, cast: Cast, made: Application) -> None:
    seat = made.seat(cast.rui, answered=False)
    gone = at(cast.rui).send(f"/seats/{seat}", {"conflict": "no", "accepted": "yes", "statement": "Gladly"})
    assert gone.location == f"/trials/{made.trial}/panel"
    assert [(one["accepted"], one["statement"]) for one in seats(made)] == [(True, "Gladly")]


@pytest.mark.parametrize("given", [{"conflict": "yes"}, {"conflict": "yes", "accepted": "yes"},
                                   {"conflict": "no", "accepted": "no"}])
def test_a_conflict_or_a_refusal_closes_the_trial(at: Desks, cast: Cast, made: Application,
                                                 given: dict[str, str]) -> None:
    seat = made.seat(cast.rui, answered=False)
    assert at(cast.rui).send(f"/seats/{seat}", given).location == "/"
    assert [one["accepted"] for one in seats(made)] == [False]
    for path in (f"/seats/{seat}", f"/trials/{made.trial}/panel"):
        assert at(cast.rui).get(path).status_code == 404


@pytest.mark.parametrize(("given", "wrong"), [({}, {"f-conflict-e", "f-accepted-e"}),
                                              ({"conflict": "no"}, {"f-accepted-e"}),
                                              ({"accepted": "yes"}, {"f-conflict-e"})])
def test_neither_question_is_answered_by_silence(at: Desks, cast: Cast, made: Application, given: dict[str, str],
                                                wrong: set[str]) -> None:
    seat = made.seat(cast.rui, answered=False)
    again = at(cast.rui).send(f"/seats/{seat}", {**given, "statement": "Well"})
    errors = {one for one in Page(again.text).ids if one.endswith("-e")}
    assert again.status_code == 422 and errors == wrong and "Well" in again.text
    assert [one["accepted"] for one in seats(made)] == [None]


def test_a_seat_is_its_holders_and_the_regulators_to_read(at: Desks, cast: Cast, made: Application) -> None:
    made.seat(cast.shen)
    seat = made.seat(cast.rui)
    assert [at(who).get(f"/seats/{seat}").status_code for who in (cast.rui, cast.lin, cast.shen, cast.mei, cast.fang)
            ] == [200, 200, 404, 404, 403]
    assert at(cast.shen).post(f"/seats/{seat}", {"conflict": "no", "accepted": "yes"}).status_code == 404
    assert at(cast.shen).post(f"/seats/{seat}/recusal", {"reason": "Envy"}).status_code == 404


# Ending it


def test_a_reviewer_leaves_and_sees_the_trial_no_more(at: Desks, cast: Cast, made: Application) -> None:
    seat = made.seat(cast.rui)
    gone = at(cast.rui).send(f"/seats/{seat}", {"reason": "New shares"}, to=f"/seats/{seat}/recusal")
    assert gone.location == "/" and at(cast.rui).get(f"/trials/{made.trial}/panel").status_code == 404
    assert [one["statement"] for one in seats(made)] == ["New shares"]


def test_a_regulator_ends_a_seat_with_a_reason(at: Desks, cast: Cast, made: Application) -> None:
    seat = made.seat(cast.rui)
    path = f"/seats/{seat}"
    again = at(cast.lin).send(path, {"reason": " "}, to=f"{path}/recusal")
    assert again.status_code == 422 and "f-reason-e" in Page(again.text).ids
    gone = at(cast.lin).send(path, {"reason": "Works for the firm"}, to=f"{path}/recusal")
    assert gone.location == f"/trials/{made.trial}/panel"
    page = at(cast.lin).get(f"{path}?lang=en").text
    assert "Works for the firm" in page and 'name="reason"' not in page


# Votes


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_matter_has_a_page_for_whoever_sees_the_trial(at: Desks, cast: Cast, made: Application,
                                                           language: str) -> None:
    made.seat(cast.rui)
    for who in (cast.lin, cast.fang, cast.rui):
        for matter in MATTERS:
            assert at(who).get(f"/trials/{made.trial}/votes/{matter}?lang={language}").status_code == 200


def test_a_matter_or_a_subject_that_does_not_exist_is_not_found(at: Desks, cast: Cast, made: Application) -> None:
    for path in ("votes/lottery", "votes/approve?subject=plan", "votes/ethics?subject=plan"):
        assert at(cast.lin).get(f"/trials/{made.trial}/{path}").status_code == 404


def test_a_member_of_the_panel_reads_the_application_and_votes(at: Desks, cast: Cast, made: Application) -> None:
    made.seat(cast.rui)
    path = f"/trials/{made.trial}/votes/ethics"
    page = at(cast.rui).get(f"{path}?lang=en").text
    assert f"/trials/{made.trial}/sections/risks" in Page(page).links and "Version 1 of the application" in page
    gone = at(cast.rui).send(path, {"value": "for", "reason": "Sound"})
    assert gone.location == f"/trials/{made.trial}/panel"
    assert votes(made) == [("ethics", None, "for", cast.rui.id)]


def test_a_vote_has_to_be_one_of_three(at: Desks, cast: Cast, made: Application) -> None:
    made.seat(cast.rui)
    again = at(cast.rui).send(f"/trials/{made.trial}/votes/ethics", {"reason": "Hm"})
    assert again.status_code == 422 and "f-value-e" in Page(again.text).ids and "Hm" in again.text
    assert votes(made) == []


def test_votes_are_sealed_from_each_other_counted_for_the_firm_and_open_to_regulators(
        at: Desks, cast: Cast, made: Application) -> None:
    for who, reason in ((cast.rui, "Sound"), (cast.shen, "Thin evidence")):
        made.seat(who)
        value = "for" if who is cast.rui else "against"
        made.do("cast_vote", who, made.trial, matter="ethics", value=value, reason=reason)

    def read(who: Actor) -> str:
        return text_of(at(who).get(f"/trials/{made.trial}/votes/ethics?lang=en").text)

    officer, firm, member = read(cast.lin), read(cast.fang), read(cast.rui)
    assert "1 for, 1 against" in officer and "Thin evidence" in officer and "Shen" in officer
    assert "1 for, 1 against" in firm and "Thin evidence" not in firm and "Shen" not in firm
    assert "1 for" not in member and "Sound" in member and "Thin evidence" not in member
    panel = text_of(at(cast.rui).get(f"/trials/{made.trial}/panel?lang=en").text)
    assert "You voted: For" in panel and "1 against" not in panel


def test_only_the_last_vote_of_a_person_is_counted(at: Desks, cast: Cast, made: Application, clock: Shifted) -> None:
    made.seat(cast.rui)
    for value in ("against", "for"):
        made.do("cast_vote", cast.rui, made.trial, matter="ethics", value=value)
        clock.forward(clock() + HOUR)
    assert "1 for, 0 against" in at(cast.lin).get(f"/trials/{made.trial}/votes/ethics?lang=en").text


def test_the_vote_of_an_ended_seat_is_not_counted(at: Desks, cast: Cast, made: Application) -> None:
    seat = made.seat(cast.rui)
    made.do("cast_vote", cast.rui, made.trial, matter="ethics", value="for")
    made.do("recuse_reviewer", cast.lin, seat, reason="Shares")
    assert "0 for, 0 against" in at(cast.lin).get(f"/trials/{made.trial}/votes/ethics?lang=en").text


@pytest.mark.parametrize(("who", "matter", "why"), [
    ("lin", "ethics", "voted on by: Reviewer"), ("fang", "approve", "voted on by: Regulator"),
    ("rui", "opinion", "not voted on now"), ("mei", "ethics", "accepted a seat"),
    ("lin", "approve?subject=consent", "has not been filed"),
])
def test_whoever_cannot_vote_is_told_why(at: Desks, cast: Cast, made: Application, who: str, matter: str,
                                        why: str) -> None:
    made.seat(cast.rui)
    made.seat(cast.mei, answered=False)
    page = at(getattr(cast, who)).get(f"/trials/{made.trial}/votes/{matter}", headers={"Accept-Language": "en"})
    assert why in page.text and 'name="value"' not in page.text


def test_an_unanswered_invitation_is_offered_where_it_stands_in_the_way(at: Desks, cast: Cast,
                                                                       made: Application) -> None:
    seat = made.seat(cast.mei, answered=False)
    assert f"/seats/{seat}" in Page(at(cast.mei).get(f"/trials/{made.trial}/votes/ethics").text).links


def test_a_section_is_read_where_it_is_voted_on(at: Desks, cast: Cast, made: Application) -> None:
    made.file("consent")
    made.file("exit_plan")
    path = f"/trials/{made.trial}/votes/approve"
    page = at(cast.lin).get(f"{path}?lang=en")
    assert "本服务正在试用智能辅助" in page.text and "人工流程始终保留" not in page.text
    assert f"{path}?subject=exit_plan" in Page(page.text).links
    gone = at(cast.lin).send(f"{path}?subject=exit_plan", {"value": "for"}, to=f"{path}?subject=exit_plan")
    assert gone.location == f"/trials/{made.trial}/sections/exit_plan"
    assert votes(made) == [("approve", "exit_plan", "for", cast.lin.id)]


def test_a_version_that_the_voter_did_not_see_is_not_voted_on(at: Desks, cast: Cast, made: Application) -> None:
    made.file("consent")
    path = f"/trials/{made.trial}/votes/approve?subject=consent"
    hidden = Page(at(cast.lin).get(f"{path}&lang=en").text).fields
    made.file("consent", text="Quite another text")
    again = at(cast.lin).post(path, {**hidden, "value": "for"})
    assert again.status_code == 422 and "Quite another text" in again.text and votes(made) == []
    assert at(cast.lin).post(path, {**Page(again.text).fields, "value": "for"}).status_code == 303


def test_firm_and_regulator_sign_the_same_plan(at: Desks, cast: Cast, program: Program) -> None:
    made = Application(program, cast).admitted()
    path = f"/trials/{made.trial}/votes/sign"
    for who in (cast.fang, cast.lin):
        assert at(who).send(path, {"value": "for"}, to=f"{path}?subject=plan").status_code == 303
    assert [one[:3] for one in votes(made) if one[0] == "sign"] == [("sign", "plan", "for")] * 2
    assert "2 for, 0 against" in at(cast.fang).get(f"{path}?lang=en").text


def test_a_vote_from_outside_its_panel_is_refused_by_the_act(at: Desks, cast: Cast, made: Application) -> None:
    path = f"/trials/{made.trial}/votes/ethics"
    hidden = Page(at(cast.lin).get(path).text).fields
    assert at(cast.lin).post(path, {**hidden, "version": "1", "value": "for"}).status_code == 403
    assert votes(made) == []


def test_a_form_without_its_token_does_nothing(at: Desks, cast: Cast, made: Application) -> None:
    made.seat(cast.rui)
    desk = at(cast.rui)
    desk.token = ""
    assert desk.post(f"/trials/{made.trial}/votes/ethics", {"version": "1", "value": "for"}).status_code == 400
    assert votes(made) == []


# What a panel must know


def test_a_move_is_refused_with_one_sentence_of_what_the_panel_lacks_until_that_is_put_right(
        at: Desks, cast: Cast, made: Application) -> None:
    for who in (cast.rui, cast.mei, cast.reviewers[1]):  # the trade, ethics, law: nobody knows the algorithm
        made.seat(who)
        made.do("cast_vote", who, made.trial, matter="ethics", value="for")
    page = text_of(at(cast.lin).get(f"/trials/{made.trial}/moves/admit?lang=en").text)
    assert "Still missing: an expert in AI." in page
    path = f"/reviewers/{cast.reviewers[1].id}/description"
    blank = at(cast.lin).send(path, {"constituency": "research", "expertise": ["law", "ai"]})
    assert blank.status_code == 422 and "f-reason-e" in Page(blank.text).ids
    gone = at(cast.lin).send(path, {"constituency": "research", "expertise": ["law", "ai"], "reason": "Has taught it"})
    assert gone.status_code == 303
    assert made.move("admit", cast.lin).outcome == "proposed"


def test_only_reviewers_are_described_and_only_by_those_who_keep_accounts(at: Desks, cast: Cast) -> None:
    path = f"/reviewers/{cast.rui.id}/description"
    assert [at(who).get(path).status_code for who in (cast.lin, cast.ada, cast.rui, cast.fang)] == [200, 200, 403, 403]
    assert at(cast.ada).get(f"/reviewers/{cast.fang.id}/description").status_code == 404


# Recusal asked by the firm


def test_the_firm_asks_for_a_recusal_and_a_regulator_decides_it(at: Desks, cast: Cast, made: Application) -> None:
    seat = made.seat(cast.rui, answered=False)
    path = f"/seats/{seat}/recusal-request"
    assert path in Page(at(cast.fang).get(f"/trials/{made.trial}/panel").text).links
    for language in LANGUAGES:
        assert at(cast.fang).get(f"{path}?lang={language}").status_code == 200
    assert "f-reason-e" in Page(at(cast.fang).send(path, {"reason": ""}).text).ids
    assert at(cast.fang).send(path, {"reason": "Holds shares"}).status_code == 303
    assert at(cast.rui).get(f"/trials/{made.trial}/panel").status_code == 404
    asked = text_of(at(cast.fang).get(f"/trials/{made.trial}/panel?lang=en").text)
    assert "Recusal asked, undecided" in asked and "Waits for a decision: Holds shares" in asked
    task, = {one for one in Page(at(cast.lin).get("/").text).links if one.startswith("/recusals/")}
    for language in LANGUAGES:
        assert "Holds shares" in at(cast.lin).get(f"{task}?lang={language}").text
    sent = at(cast.lin).send(task, {"ruling": "refused", "reason": "Sold long ago"})
    assert sent.status_code == 303 and "Sold long ago" in at(cast.lin).get(task).text
    assert "The reviewer stays: Sold long ago" in text_of(at(cast.fang).get(f"/trials/{made.trial}/panel?lang=en").text)
    assert at(cast.rui).get(f"/trials/{made.trial}/panel").status_code == 200
    assert [at(who).get(path).status_code for who in (cast.gao, cast.rui)] == [404, 403]


def test_a_request_that_comes_too_late_is_told_until_when_it_could_be_made(
        at: Desks, cast: Cast, made: Application, clock: Shifted) -> None:
    path = f"/seats/{made.seat(cast.rui)}/recusal-request"
    clock.forward(clock() + 30 * 24 * HOUR)
    sent = at(cast.fang).send(f"{path}?lang=en", {"reason": "Holds shares"})
    assert sent.status_code == 422
    assert re.search(r"within three working days of the offer \(by \d+ March 2026, 24:00\)", text_of(sent.text))


# Nobody judges twice


def test_no_body_reviews_and_re_reviews_and_nobody_of_a_panel_sits_on_its_appeals(cast: Cast,
                                                                                 made: Application) -> None:
    made.seat(cast.rui)
    with pytest.raises(Refused, match="double_role_of_body"):
        made.do("assign_reviewer", cast.lin, made.trial, account_id=cast.reviewers[0].id, panel="rereview")
    with pytest.raises(Refused, match="double_role"):
        made.do("assign_reviewer", cast.lin, made.trial, account_id=cast.rui.id, panel="rereview")
    made.file("reasons", cast.lin)
    made.move("decline", cast.lin)
    with pytest.raises(Refused, match="earlier_panel"):
        made.do("assign_reviewer", cast.lin, made.trial, account_id=cast.rui.id, panel="review")
    assert made.do("assign_reviewer", cast.lin, made.trial, account_id=cast.reviewers[0].id, panel="review").id


def test_a_member_of_the_running_panel_names_a_deputy_on_their_seat(at: Desks, cast: Cast, program: Program,
                                                                   adopted: Callable[..., list[str]]) -> None:
    trial, = adopted(1)
    seat = program.acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running"}, on=trial).id
    path = f"/seats/{seat}/deputy"
    assert path not in Page(at(cast.rui).get(f"/seats/{seat}").text).links
    program.acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, on=seat)
    assert path in Page(at(cast.rui).get(f"/seats/{seat}").text).links
    for language in LANGUAGES:
        page = at(cast.rui).get(f"{path}?lang={language}")
        assert cast.mei.id in page.text and cast.rui.id not in page.text
    assert at(cast.rui).send(path, {"account_id": cast.mei.id}).location == f"/trials/{trial}/panel"
    assert "deputy of Rui" in text_of(at(cast.fang).get(f"/trials/{trial}/panel?lang=en").text)
    assert at(cast.rui).send(path, {"account_id": cast.shen.id}).status_code == 422
    assert [at(who).get(path).status_code for who in (cast.lin, cast.mei, cast.fang)] == [200, 404, 403]
