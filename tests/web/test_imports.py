"""The Californian record by API: two regulators, the totals, nothing added by a repetition, the months on the page."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from cast import Cast
from desk import Desk, desks
from flask import Flask
from visitor import text_of
from werkzeug.test import TestResponse

from sandbox.jobs.program import Program
from sandbox.rules.access import Actor
from sandbox.web.front import make_app

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ADDRESS = "/api/v1/imports/california-test-drives"
needs_record = pytest.mark.skipif(not DATA.is_dir(), reason="the records of California are not in ../shared/data")


@pytest.fixture
def app(program: Program) -> Flask:
    return make_app(program)


def bearing(program: Program, who: Actor) -> dict[str, str]:
    token = program.acts.do("issue_token", who, {"name": "import", "scopes": ["read", "file", "decide"]}).secret
    return {"Authorization": f"Bearer {token}", "Accept-Language": "en"}


def send(app: Flask, headers: dict[str, str], query: str = "") -> TestResponse:
    files = [(io.BytesIO(path.read_bytes()), path.name) for path in sorted(DATA.glob("ca_dmv_2021*.csv"))]
    return app.test_client().post(ADDRESS + query, headers=headers, data={"files": files})


def totals(answer: Any) -> tuple[Any, ...]:
    return tuple(answer[name] for name in ("trials", "exposures", "events", "adopted", "kept_events", "repeated"))


@needs_record
def test_the_record_comes_in_once_after_a_second_regulator_and_its_months_are_on_the_page(
        app: Flask, program: Program, cast: Cast) -> None:
    lin, zhou = bearing(program, cast.lin), bearing(program, cast.zhou)
    assert totals(send(app, lin, "?dry_run=1").get_json()) == (26, 4_091_105.1, 2676, 0, 0, 0)
    waits = send(app, lin)
    assert waits.status_code == 202
    voted = app.test_client().post(f"/api/v1/decisions/{waits.get_json()['decision']}/votes", headers=zhou,
                                   json={"value": "for"})
    assert voted.status_code == 200
    first, again = send(app, lin).get_json(), send(app, lin).get_json()
    assert totals(first) == (26, 4_091_105.1, 2676, 26, 2676, 0)
    assert totals(again) == (26, 4_091_105.1, 2676, 26, 0, 2676 + 314)
    assert sum("2020-12" in line and "2021-11" in line for line in first["lines"]) == 9
    permit = app.test_client().get("/api/v1/trials?q=AIMOTIVE", headers=lin).get_json()["items"][0]["id"]
    months = desks(program)(cast.lin).get(f"/trials/{permit}/feedback?lang=en").text
    shown = re.findall(r">(20\d\d-\d\d)</span>", months)
    assert shown[:13] == ["2021-12", *(f"2021-{month:02}" for month in range(11, 0, -1)), "2020-12"]
    assert months.count("rate undefined") == 1 and "382 per 10,000 miles" in months


def test_a_mapping_that_nobody_delivered_is_missing(app: Flask, program: Program, cast: Cast) -> None:
    answer = app.test_client().post("/api/v1/imports/none", headers=bearing(program, cast.lin), data={
        "files": [(io.BytesIO(b"a,b"), "list.csv")]})
    assert answer.status_code == 404


def test_a_firm_imports_nothing(app: Flask, program: Program, cast: Cast) -> None:
    assert send(app, bearing(program, cast.fang)).status_code == 403


def upload(desk: Desk, *pressed: str) -> str:
    """Send the two files by the page; what it says."""
    files = {name: (io.BytesIO(path.read_bytes()), path.name) for name, path in zip(
        ("record", "second_record"), sorted(DATA.glob("ca_dmv_2021*.csv")), strict=True)}
    return text_of(desk.send("/adopt/record?lang=en", {"mapping": "california-test-drives", **files,
                                                       **dict.fromkeys(pressed, "1")}, "/adopt/record").text)


@needs_record
def test_the_record_comes_in_by_the_browser_with_the_same_totals(program: Program, cast: Cast) -> None:
    at = desks(program)
    holds = "Trials 26 Exposures 4,091,105.1 miles Events 2,676 Months on record 314"
    checked = upload(at(cast.lin), "draft")
    assert "Nothing is kept yet." in checked and holds in checked
    assert holds in upload(at(cast.lin))
    with program.reading() as connection:
        decision = connection.exec_driver_sql("SELECT id FROM decisions").scalar_one()
    program.acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=decision)
    first, again = upload(at(cast.lin)), upload(at(cast.lin))
    assert f"{holds} Reports kept now 314 Events kept now 2,676 Kept before 0" in first
    assert f"{holds} Reports kept now 0 Events kept now 0 Kept before 2,990" in again


def test_a_record_needs_a_mapping_and_a_file(program: Program, cast: Cast) -> None:
    answer = desks(program)(cast.lin).send("/adopt/record", {"mapping": "none"})
    assert answer.status_code == 422 and answer.text.count('class="err"') == 2
