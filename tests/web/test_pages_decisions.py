"""Decisions and holds in the browser: what waits for a second regulator, the vote, and lateness that waits."""

import json
from datetime import timedelta

import pytest
from cast import START, Cast, adopt
from desk import Application, Desks, Page, desks
from visitor import text_of

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads import board, trials
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.store.dues import HoldKind

HOUR = timedelta(hours=1)


@pytest.fixture
def at(program: Program) -> Desks:
    return desks(program)


@pytest.fixture
def made(program: Program, cast: Cast) -> Application:
    return Application(program, cast)


@pytest.fixture
def decision(made: Application) -> str:
    """Lin proposed to admit Fang's trial."""
    return made.proposed()


def state(program: Program, trial: str) -> str:
    with program.reading() as connection:
        return str((trials.trial(connection, SYSTEM_ACTOR, trial) or {})["state"])


def outcome(program: Program, cast: Cast, decision: str) -> str:
    with program.reading() as connection:
        return str((board.decision(connection, cast.lin, decision) or {})["outcome"])


# Who opens what


@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant", "en"])
def test_regulators_read_decisions_in_each_language(at: Desks, cast: Cast, decision: str, language: str) -> None:
    for who in (cast.lin, cast.zhou):
        for path in ("/decisions", f"/decisions/{decision}"):
            assert at(who).get(f"{path}?lang={language}").status_code == 200


@pytest.mark.parametrize("who", ["fang", "rui", "di", "ada"])
def test_decisions_and_holds_are_for_regulators(at: Desks, cast: Cast, decision: str, who: str) -> None:
    for path in ("/decisions", f"/decisions/{decision}", "/holds/ho_00000000000aaaaaaaaaa"):
        assert at(getattr(cast, who)).get(path).status_code == 403
    assert at(getattr(cast, who)).post(f"/decisions/{decision}", {"value": "for"}).status_code == 403


def test_a_decision_that_does_not_exist_is_not_found(at: Desks, cast: Cast) -> None:
    assert at(cast.lin).get("/decisions/de_none").status_code == 404
    assert at(cast.lin).get("/holds/ho_none").status_code == 404


# The list


def test_what_waits_stands_before_what_is_decided(at: Desks, cast: Cast, made: Application, decision: str) -> None:
    adopt(made.program, cast, 1)
    page = at(cast.zhou).get("/decisions?lang=en").text
    assert page.index("Admit the trial") < page.index("Take over 1 pilot")
    assert "Take over" not in at(cast.zhou).get("/decisions?outcome=waiting").text
    assert "Admit" not in at(cast.zhou).get("/decisions?outcome=confirmed").text


def test_the_list_finds_a_decision_by_its_trial(at: Desks, cast: Cast, made: Application, decision: str) -> None:
    assert f"/decisions/{decision}" in Page(at(cast.lin).get(f"/decisions?q={made.trial}").text).links
    assert f"/decisions/{decision}" not in Page(at(cast.lin).get("/decisions?q=nothing").text).links


def test_the_list_exports_what_is_filtered(at: Desks, cast: Cast, made: Application, decision: str) -> None:
    adopt(made.program, cast, 1)
    rows = json.loads(at(cast.lin).get("/decisions?outcome=waiting&export=json").text)
    assert [(row["trial"], row["proposed_by"]) for row in rows] == [(made.trial, "Lin")]


# The vote


def test_the_second_regulator_sees_what_would_be_done_and_every_need(at: Desks, cast: Cast, decision: str) -> None:
    page = text_of(at(cast.zhou).get(f"/decisions/{decision}?lang=en").text)
    for part in ("Admit the trial", "Street sweeping", "Lin", "The panel is in favour", "Every condition is met",
                 "From “Ethics and eligibility review” to “Admitted, not started”"):
        assert part in page


def test_the_proposer_is_told_that_another_has_to_vote(at: Desks, cast: Cast, decision: str) -> None:
    page = at(cast.lin).get(f"/decisions/{decision}?lang=en")
    assert "another regulator has to vote" in page.text and 'name="value"' not in page.text
    assert at(cast.lin).post(f"/decisions/{decision}", {"value": "for"}).status_code == 403


def test_confirming_makes_the_move(at: Desks, cast: Cast, made: Application, decision: str) -> None:
    gone = at(cast.zhou).send(f"/decisions/{decision}", {"value": "for", "reason": "Checked"})
    assert gone.status_code == 303 and gone.location == f"/trials/{made.trial}"
    assert state(made.program, made.trial) == "admitted"
    page = text_of(at(cast.lin).get(f"/decisions/{decision}?lang=en").text)
    assert "Zhou" in page and "Checked" in page and "Confirmed and done" in page


def test_refusing_leaves_everything_as_it_is(at: Desks, cast: Cast, made: Application, decision: str) -> None:
    gone = at(cast.zhou).send(f"/decisions/{decision}", {"value": "against", "reason": "Not yet"})
    assert gone.location == "/decisions"
    assert (state(made.program, made.trial), outcome(made.program, cast, decision)) == ("ethics_review", "refused")


def test_a_vote_has_to_say_which(at: Desks, cast: Cast, made: Application, decision: str) -> None:
    again = at(cast.zhou).send(f"/decisions/{decision}", {"reason": "Well thought over"})
    assert again.status_code == 422 and "f-value-e" in Page(again.text).ids and "Well thought over" in again.text
    assert outcome(made.program, cast, decision) == "waiting"


def test_a_need_that_no_longer_holds_keeps_the_decision_waiting(at: Desks, cast: Cast, made: Application,
                                                               decision: str, clock: Shifted) -> None:
    clock.forward(START + HOUR)
    made.do("cast_vote", cast.rui, made.trial, matter="ethics", value="against")
    made.do("cast_vote", cast.shen, made.trial, matter="ethics", value="against")
    desk = at(cast.zhou)
    assert "2 conditions are not met" in desk.get(f"/decisions/{decision}?lang=en").text
    again = desk.send(f"/decisions/{decision}", {"value": "for", "reason": "Still"})
    assert again.status_code == 422 and "Still" in again.text and "/panel" in again.text
    assert outcome(made.program, cast, decision) == "waiting"


def test_a_trial_that_went_elsewhere_leaves_its_decision_behind(at: Desks, cast: Cast, made: Application,
                                                               decision: str) -> None:
    made.move("withdraw", cast.fang)
    desk = at(cast.zhou)
    assert "can no longer be taken" in desk.get(f"/decisions/{decision}?lang=en").text
    assert desk.send(f"/decisions/{decision}", {"value": "for"}).status_code == 422


def test_a_proposal_runs_out_before_the_clock_has_said_so(at: Desks, cast: Cast, decision: str, clock: Shifted) -> None:
    clock.forward(START + timedelta(days=20))
    page = at(cast.zhou).get(f"/decisions/{decision}?lang=en")
    assert "Expired, not done" in page.text and 'name="value"' not in page.text
    assert outcome(at.program, cast, decision) == "waiting"


def test_confirming_a_takeover_names_the_pilots(at: Desks, cast: Cast, made: Application) -> None:
    pilot = {"title": "人流预警", "scenario_id": made.scenario, "organisation": "海睿", "tier": "R3",
             "rate_per_day": 10.0, "limits": [{"indicator": "harm_S3", "per_exposure": 0.001}], "volume": 900.0,
             "unverified": "All of it"}
    waits = made.do("adopt_trial", cast.lin, trials=[pilot]).decision
    page = text_of(at(cast.zhou).get(f"/decisions/{waits}?lang=en").text)
    for part in ("人流预警", "海睿", "All of it", "at most 900 uses in all", "at most 10 per 10,000"):
        assert part in page
    gone = at(cast.zhou).send(f"/decisions/{waits}", {"value": "for"})
    assert "1 pilot was taken over" in at(cast.zhou).get(gone.location).text
    assert at(cast.fang).get("/trials/ES-0001").status_code == 200


def test_a_confirmed_invitation_gives_its_link_to_the_administrator_and_never_to_the_voter(
        at: Desks, cast: Cast, made: Application) -> None:
    given = {"email": "third@city.example", "name": "Wu", "role": "regulator",
             "organisation_id": cast.lin.organisation_id}
    waits = made.do("invite", cast.ada, **given).decision
    desk = at(cast.zhou)
    assert "third@city.example" in desk.get(f"/decisions/{waits}?lang=en").text
    assert "/invitation/" not in desk.send(f"/decisions/{waits}", {"value": "for"}).text
    assert made.do("invite", cast.ada, **given).secret


# Holds


def held(made: Application, kind: HoldKind, *named: str) -> str:
    now = made.program.clock()
    return str(made.do("note_clock", SYSTEM_ACTOR, kind=kind.value, since=(now - 7 * HOUR).isoformat(),
                       until=now.isoformat(), trials=list(named)).id)


@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant", "en"])
@pytest.mark.parametrize("kind", list(HoldKind))
def test_a_hold_says_why_lateness_waits(at: Desks, cast: Cast, made: Application, kind: HoldKind,
                                        language: str) -> None:
    waits = held(made, kind, *adopt(made.program, cast, 1))
    page = at(cast.lin).get(f"/holds/{waits}?lang={language}")
    assert "Pilot 0" in page.text


def test_a_hold_names_what_each_late_trial_would_be_stopped_for(at: Desks, cast: Cast, made: Application,
                                                               clock: Shifted) -> None:
    trial, = adopt(made.program, cast, 1)
    clock.forward(START + timedelta(days=25))
    page = text_of(at(cast.lin).get(f"/holds/{held(made, HoldKind.GAP)}?lang=en").text)
    assert trial in page and "feedback was missing" in page


@pytest.mark.parametrize(("choice", "proceed"), [("move", False), ("stand", True)])
def test_a_hold_is_released_one_way_or_the_other(at: Desks, cast: Cast, made: Application, choice: str,
                                                proceed: bool) -> None:
    waits = held(made, HoldKind.GAP)
    assert at(cast.lin).send(f"/holds/{waits}", {"proceed": choice}).location == "/"
    with made.program.reading() as connection:
        row = board.hold(connection, cast.lin, waits) or {}
    assert (row["proceed"], row["released_by"]) == (proceed, cast.lin.id)
    page = at(cast.lin).get(f"/holds/{waits}?lang=en")
    assert "Released by" in page.text and 'name="proceed"' not in page.text


def test_neither_way_is_taken_for_granted(at: Desks, cast: Cast, made: Application) -> None:
    waits = held(made, HoldKind.MASS)
    again = at(cast.lin).send(f"/holds/{waits}")
    assert again.status_code == 422 and "f-proceed-e" in Page(again.text).ids
    with made.program.reading() as connection:
        assert (board.hold(connection, cast.lin, waits) or {})["released_at"] is None


def test_what_changed_since_a_proposal_is_named_and_has_to_be_proposed_again(
        at: Desks, cast: Cast, made: Application, decision: str) -> None:
    made.file("tier", cast.lin, environment="E2")
    page = at(cast.zhou).get(f"/decisions/{decision}?lang=en")
    assert "Changed since it was proposed: the test environment" in text_of(page.text)
    assert f"/trials/{made.trial}/moves/admit" in Page(page.text).links
    assert at(cast.zhou).send(f"/decisions/{decision}", {"value": "for"}).status_code != 303
    assert outcome(made.program, cast, decision) == "waiting"
