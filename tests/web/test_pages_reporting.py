"""Pages of truth over time: what waits to be checked, what is taken back, what is planned; in each language."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from api_world import World, city  # noqa: F401 the fixture `world`
from cast import START, Cast, adopt
from desk import Desk
from desk import desks as pages_of
from visitor import give_password, text_of

from sandbox.acts.act import Acts
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads import board, records, report_history, reporting
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.store.scope import seen_trial
from sandbox.words import LOCALES

DAY = timedelta(days=1)
SITES = iter(f"Site {n}" for n in range(100))


@pytest.fixture(scope="module")
def desks(world: World) -> Iterator[dict[str, Desk]]:
    """Browsers of Lin, of Fang, of Rui, who sits on Fang's panel, and of Di, whose department leads the scenario."""
    found = {}
    for name in ("lin", "fang", "rui", "di"):
        found[name] = Desk(world.app)
        assert found[name].sign_in(give_password(world.program, getattr(world.cast, name))).status_code == 302
    yield found


@pytest.fixture
def filed(world: World) -> str:
    """A report of a site of its own."""
    return str(world.acts.do("file_feedback", world.cast.fang, {
        "period_start": START.isoformat(), "period_end": (START + DAY).isoformat(), "exposures": 10.0,
        "site": next(SITES)}, on=world.hers["running"]).id)


def waiting(world: World, who: str, kind: str) -> list[board.Task]:
    actor: Any = getattr(world.cast, who)
    with world.program.reading() as connection:
        return [one for one in board.own_tasks(connection, actor, world.program.clock()) if one.kind == kind]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_is_sound_in_every_language(world: World, desks: dict[str, Desk], filed: str, locale: str):
    for path in (f"/feedback/{filed}", f"/retractions/{world.hers['retractions']}",
                 f"/feedback/{world.hers['feedback']}", "/"):
        for who in desks:
            assert desks[who].get(f"{path}?lang={locale}").status_code == 200, path
    for path in (f"/feedback/{filed}/retract", f"/incidents/{world.hers['incidents']}/retract"):
        assert desks["fang"].get(f"{path}?lang={locale}").status_code == 200
        assert desks["lin"].get(f"{path}?lang={locale}").status_code == 403


def test_a_held_filing_waits_for_the_firm_and_for_an_officer_until_it_counts(world: World, desks: dict[str, Desk]):
    held, theirs = world.hers["held"], world.theirs["held"]
    hers, all_of = ({one.object_id: one for one in waiting(world, who, "held")} for who in ("fang", "lin"))
    assert held in hers and theirs not in hers and {held, theirs} <= all_of.keys()
    assert waiting(world, "rui", "held") == []
    assert hers[held].due_at == START + 9 * DAY
    for who in ("fang", "lin"):
        page = desks[who].get("/?lang=en").text
        assert f"/held/{held}" in page and "Check a held filing" in text_of(page)
        assert held in [one["object_id"] for one in world.client(who).get("/me")["tasks"] if one["kind"] == "held"]
    world.acts.do("withdraw_filing", world.cast.gao, {}, on=theirs)
    assert {one.object_id for one in waiting(world, "lin", "held")} == all_of.keys() - {theirs}


def test_a_retraction_waits_for_those_of_the_panel_and_is_decided_there(world: World, desks: dict[str, Desk],
                                                                       filed: str):
    sent = desks["fang"].send(f"/feedback/{filed}/retract?lang=en", {"why": "spurious", "reason": "A test run"})
    there = sent.location
    assert there.startswith("/retractions/") and there in desks["fang"].get(f"/feedback/{filed}").text
    assert f"/feedback/{filed}/retract" not in desks["fang"].get(f"/feedback/{filed}").text
    tasks = waiting(world, "rui", "retraction")
    assert there.rsplit("/")[-1] in {one.object_id for one in tasks}
    assert world.theirs["retractions"] not in {one.object_id for one in tasks}
    assert waiting(world, "lin", "retraction") == waiting(world, "fang", "retraction") == []
    assert "Decide on a retraction: It did not happen" in text_of(desks["rui"].get("/?lang=en").text)
    for who in ("fang", "lin"):
        assert 'name="accept"' not in desks[who].get(there).text
    assert desks["rui"].send(there, {"accept": "1"}).status_code == 422
    assert desks["rui"].send(there, {"accept": "1", "reason": "Seen in the log"}).status_code == 303
    assert "counts nowhere" in text_of(desks["fang"].get(f"/feedback/{filed}?lang=en").text)
    assert "Seen in the log" in desks["fang"].get(there).text
    assert f"/feedback/{filed}/retract" not in desks["fang"].get(f"/feedback/{filed}").text
    assert there.rsplit("/")[-1] not in {one.object_id for one in waiting(world, "rui", "retraction")}


def test_a_reviewer_is_named_to_those_who_know_the_panel_alone(world: World, desks: dict[str, Desk], filed: str):
    asked = world.acts.do("retract_feedback", world.cast.fang, {"why": "spurious", "reason": "A test"}, on=filed).id
    world.acts.do("decide_retraction", world.cast.rui, {"accept": False, "reason": "It was real"}, on=asked)
    for who, name in (("lin", "Rui"), ("fang", "Rui"), ("di", "Reviewer")):
        page = text_of(desks[who].get(f"/retractions/{asked}?lang=en").text)
        assert f"Decided by {name} " in page and "It was real" in page, who


def test_an_incident_is_taken_back_by_form_and_shows_it(world: World, desks: dict[str, Desk]):
    trial = world.hers["running"]
    one = world.acts.do("file_incident", world.cast.fang, {"severity": "S4", "occurred_at": START.isoformat()},
                        on=trial).id
    assert world.client("lin").get(f"/incidents/{one}")["retracted"] is False
    there = desks["fang"].send(f"/incidents/{one}/retract", {"why": "spurious", "reason": "Another device"}).location
    assert desks["rui"].send(there, {"accept": "1", "reason": "Seen"}).status_code == 303
    assert world.client("lin").get(f"/incidents/{one}")["retracted"] is True
    assert "taken back" in text_of(desks["lin"].get(f"/incidents/{one}?lang=en").text)


def test_a_duplicate_names_the_other_beside_its_field(desks: dict[str, Desk], filed: str):
    answer = desks["fang"].send(f"/feedback/{filed}/retract?lang=en", {"why": "duplicate", "reason": "Twice"})
    assert answer.status_code == 422 and 'id="f-duplicate_of-e"' in answer.text


def test_another_firm_s_retraction_has_no_page(world: World, desks: dict[str, Desk]):
    for path in (f"/retractions/{world.theirs['retractions']}", f"/feedback/{world.theirs['feedback']}/retract",
                 f"/incidents/{world.theirs['incidents']}/retract"):
        assert desks["fang"].get(path).status_code == 404, path


# Declared and itemised


@pytest.fixture
def compared(program: Program, cast: Cast, acts: Acts, clock: Shifted) -> str:
    """A trial of two reporting periods: in the first two serious harms are declared and one is itemised."""
    trial = adopt(program, cast, 1)[0]
    first = START + 7 * DAY + timedelta(hours=15)
    acts.do("file_incident", cast.fang, {"severity": "S3", "occurred_at": START.isoformat()}, on=trial)
    clock.forward(first - timedelta(hours=1))
    acts.do("file_feedback", cast.fang, {
        "period_start": START.isoformat(), "period_end": (first - timedelta(hours=2)).isoformat(), "exposures": 5000.0,
        "events": {"harm_S3": 2}}, on=trial)
    return trial


def counts_of(program: Program, trial: str) -> list[tuple[int, str, int, int, bool]]:
    with program.reading() as connection:
        row = seen_trial(connection, SYSTEM_ACTOR, trial) or {}
        found = reporting.compared(connection, [row], program.settings.zone, program.clock())
    return [(number, one.indicator, one.declared, one.itemised, one.differs)
            for (_, number), many in found.items() for one in many]


def test_a_period_that_is_over_says_where_its_counts_differ(
        program: Program, cast: Cast, acts: Acts, clock: Shifted, compared: str):
    assert counts_of(program, compared) == [(1, "harm_S3", 2, 1, False)]  # it is not over yet
    clock.forward(clock() + timedelta(hours=2))
    assert counts_of(program, compared) == [(1, "harm_S3", 2, 1, True)]
    acts.do("file_incident", cast.fang, {"severity": "S3", "occurred_at": START.isoformat()}, on=compared)
    assert counts_of(program, compared) == [(1, "harm_S3", 2, 2, False)]


def test_an_incident_in_a_nil_period_differs_and_in_an_untold_one_does_not(
        program: Program, cast: Cast, acts: Acts, clock: Shifted):
    nil, silent = adopt(program, cast, 2)
    end = START + 7 * DAY + timedelta(hours=15)
    clock.forward(START + 8 * DAY)
    for trial in (nil, silent):
        acts.do("file_incident", cast.fang, {"severity": "S3", "occurred_at": START.isoformat()}, on=trial)
    assert counts_of(program, nil) == counts_of(program, silent) == [(1, "harm_S3", 0, 1, False)]
    acts.do("file_feedback", cast.fang, {"period_start": START.isoformat(), "period_end": end.isoformat(), "nil": True},
            on=nil)
    assert counts_of(program, nil) == [(1, "harm_S3", 0, 1, True)]
    assert counts_of(program, silent) == [(1, "harm_S3", 0, 1, False)]


def test_the_difference_stands_on_the_board_and_beside_the_trial_s_periods(
        program: Program, cast: Cast, clock: Shifted, compared: str):
    assert "incidents differ" not in text_of(pages_of(program)(cast.lin).get("/?lang=en").text)
    clock.forward(clock() + timedelta(hours=2))
    at = pages_of(program)
    assert "Declared counts and itemised incidents differ" in text_of(at(cast.lin).get("/?lang=en").text)
    page = text_of(at(cast.fang).get(f"/trials/{compared}/feedback?lang=en").text)
    assert "2 declared, 1 itemised" in page


@pytest.mark.parametrize("locale", LOCALES)
def test_a_trial_that_limits_disparity_has_its_pages_and_says_which_groups_nobody_told_of(
        program: Program, cast: Cast, acts: Acts, clock: Shifted, locale: str):
    """Its denominator is a list of groups, of which no month has a rate."""
    trial, = adopt(program, cast, 1, limits=[{"indicator": "disparity", "per_exposure": 0.8}], compared=[
        {"attribute": "district", "reference": "north"}, {"attribute": "age", "reference": "young"}])
    clock.forward(START + 2 * DAY)
    acts.do("file_feedback", cast.fang, {
        "period_start": START.isoformat(), "period_end": (START + DAY).isoformat(), "exposures": 100.0, "groups": [
            {"attribute": "district", "group": group, "n": 50, "favourable": 40} for group in ("north", "south")]},
        on=trial)
    for who in (cast.lin, cast.fang):
        desk = pages_of(program)(who)
        assert desk.get(f"/trials/{trial}/feedback?lang={locale}").status_code == 200
        page = text_of(desk.get(f"/trials/{trial}?lang={locale}").text)
        assert "young" in page and ("has told of both the reference (young)" in page) is (locale == "en")


def test_each_period_has_its_counts_by_api(world: World):
    found = world.client("fang").get(f"/trials/{world.hers['running']}/periods")["items"]
    counts = {one["number"]: one["counts"] for one in found}
    assert counts[1] == [{"indicator": "harm_any", "declared": 4, "itemised": 1, "differs": True}]


def test_the_list_says_what_came_late_and_where_counts_differ(
        program: Program, cast: Cast, acts: Acts, clock: Shifted, compared: str):
    first = START + 7 * DAY + timedelta(hours=15)
    clock.forward(first + DAY)
    told = {"period_end": first.isoformat(), "exposures": 5.0}
    in_time = acts.do("file_feedback", cast.fang, {
        **told, "period_start": (first - timedelta(hours=1)).isoformat()}, on=compared).id
    clock.forward(first + DAY + timedelta(seconds=1))
    late = acts.do("file_feedback", cast.fang, {
        **told, "period_start": (first - 2 * timedelta(hours=1)).isoformat(),
        "period_end": (first - timedelta(hours=1)).isoformat()}, on=compared).id
    at = pages_of(program)(cast.fang)

    def shown(query: str) -> set[str]:
        return set(re.findall(r"/feedback/(fb_\w+)", at.get(f"/feedback?trial={compared}{query}").text))

    assert shown("&late=1") == {late} and in_time in shown("") and len(shown("")) == 3
    assert shown("&differs=1") == shown("")
    page = text_of(at.get(f"/feedback?trial={compared}&lang=en").text)
    assert page.count("came late") == 2 and page.count("Declared counts and itemised incidents differ") == 3
    assert late in at.get(f"/feedback?trial={compared}&late=1&export=csv").text
    acts.do("file_incident", cast.fang, {"severity": "S3", "occurred_at": START.isoformat()}, on=compared)
    assert shown("&differs=1") == set() and shown("&trial=ES-0000&differs=1") != {late}


def test_a_list_by_api_is_narrowed_to_what_came_late_or_differs(world: World, filed: str):
    fang, path = world.client("fang"), f"/trials/{world.hers['running']}/feedback"
    everything = fang.get(path)["items"]
    late, differs = ([one["id"] for one in fang.get(f"{path}?{name}=1")["items"]] for name in ("late", "differs"))
    assert late == [one["id"] for one in everything if one["late"]] and filed in late
    assert differs == [one["id"] for one in everything if one["differs"]] and differs
    assert fang.get(f"/feedback/{filed}")["late"] is True


# The history of a report


def test_a_report_s_history_has_every_version_with_its_reason_and_what_was_refused(
        program: Program, cast: Cast, acts: Acts, clock: Shifted):
    trial = adopt(program, cast, 1)[0]
    clock.forward(START + 2 * DAY)
    told = {"period_start": START.isoformat(), "period_end": (START + DAY).isoformat(), "exposures": 100.0}
    report = acts.do("file_feedback", cast.fang, {**told, "events": {"complaint": 2}}, on=trial).id

    def correct(complaints: int, why: str, **decision: Any) -> str:
        clock.forward(clock() + timedelta(minutes=1))
        asked = acts.do("correct_feedback", cast.fang, {
            "report": {**told, "events": {"complaint": complaints}}, "reason": why}, on=report)
        if decision:
            acts.do("decide_correction", cast.lin, decision, on=asked.id)
        return str(asked.id)

    refused = correct(0, "None of them was ours", accept=False, reason="Two letters are on file")
    added = correct(5, "Three more letters")
    lowered = correct(4, "One came twice", accept=True, reason="Same letter")
    with program.reading() as connection:
        found = report_history.history(connection, records.report(connection, cast.fang, report) or {})
    assert [(one.id, one.version, one.state) for one in found] == [
        (None, 1, None), (refused, None, "refused"), (added, 2, "applied"), (lowered, 3, "applied")]
    assert [one.changed for one in found[2:]] == [
        (("events", {"complaint": 2}, {"complaint": 5}),), (("events", {"complaint": 5}, {"complaint": 4}),)]
    assert found[0].after["events"] == {"complaint": 2}  # type: ignore[index]
    at = pages_of(program)
    for locale in LOCALES:
        assert at(cast.fang).get(f"/feedback/{report}/history?lang={locale}").status_code == 200
    page = text_of(at(cast.fang).get(f"/feedback/{report}/history?lang=en").text)
    places = [page.index(one) for one in ("Version 3", "One came twice", "Same letter", "Version 2",
                                          "Three more letters", "Two letters are on file", "Version 1")]
    assert places == sorted(places) and "Complaints = 5" in page
    assert at(cast.gao).get(f"/feedback/{report}/history").status_code == 404


def test_a_report_s_history_by_api_says_the_same(world: World, filed: str):
    fang = world.client("fang")
    asked = fang.post(f"/feedback/{filed}/retraction", {"why": "spurious", "reason": "A test run"}, 201)["id"]
    first, second = fang.get(f"/feedback/{filed}/history")["items"]
    assert (first["kind"], first["version"], first["report"]["exposures"]) == ("filed", 1, 10.0)
    assert (second["kind"], second["id"], second["ground"], second["reason"]) == (
        "retraction", asked, "spurious", "A test run")


# No use planned


def test_no_use_is_planned_and_ended_on_pages(program: Program, cast: Cast, clock: Shifted):
    trial = adopt(program, cast, 1)[0]
    at, path = pages_of(program), f"/trials/{trial}/no-use"
    when = {"period_start": "2026-03-10T00:00", "period_end": "2026-03-20T00:00", "reason": "The ward is closed"}
    assert "Plan no use" not in at(cast.lin).get(f"{path}?lang=en").text
    wrong = at(cast.fang).send(f"{path}/new?lang=en", {**when, "period_start": "2026-02-01T00:00"})
    assert wrong.status_code == 422 and "it begins today at the earliest" in text_of(wrong.text)
    assert at(cast.fang).send(f"{path}/new", when).location == path
    page = at(cast.fang).get(f"{path}?lang=en").text
    assert "The ward is closed" in page and "End this plan" not in text_of(at(cast.lin).get(f"{path}?lang=en").text)
    end = re.search(r"/no-use/nu_\w+/end", page)
    assert end is not None
    clock.forward(clock() + 10 * DAY)
    at = pages_of(program)  # they were signed out meanwhile
    for who, status in ((cast.lin, 403), (cast.gao, 404)):
        assert at(who).get(end[0]).status_code == status
    for locale in LOCALES:
        for one in (path, f"{path}/new", end[0], f"/trials/{trial}/feedback"):
            assert at(cast.fang).get(f"{one}?lang={locale}").status_code == 200
    assert at(cast.fang).send(end[0]).location == path
    page = text_of(at(cast.fang).get(f"{path}?lang=en").text)
    assert "taken back" in page and "in truth until" in page and "End this plan" not in page
    again = at(cast.fang).send(end[0])
    assert again.status_code == 422 and "This plan is over" in text_of(at(cast.fang).send(f"{end[0]}?lang=en").text)
