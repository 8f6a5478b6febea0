"""Batches by API: every line or none, or the good ones; each named by line and field; repeated, nothing is added."""

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from api_answers import Checked
from cast import START, Cast
from flask import Flask

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.store.batches import BATCHES
from sandbox.store.feedback import FEEDBACK
from sandbox.store.trials import COUNTERS, TRIALS
from sandbox.web.front import make_app

NDJSON, CSV = "application/x-ndjson", "text/csv"
HOUR = timedelta(hours=1)


@pytest.fixture(name="trial")
def pilot(program: Program, cast: Cast, clock: Shifted) -> str:
    """A trial of Hai Rui that agreed on few events of any harm, a week later."""
    acts = program.acts
    scenario = acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "Delivery by night"}).id
    proposed = acts.do("adopt_trial", cast.lin, {"trials": [{
        "title": "Pilot", "scenario_id": scenario, "organisation": "海睿", "tier": "R3", "rate_per_day": 100.0,
        "limits": [{"indicator": "harm_any", "per_exposure": 0.01}], "unverified": "Everything", "source_key": "one"}]})
    decided = acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision)
    clock.forward(START + timedelta(days=7))
    return str(decided.trials["one"])


@pytest.fixture
def app(program: Program) -> Flask:
    return make_app(program)


@pytest.fixture
def fang(program: Program, cast: Cast, app: Flask) -> Checked:
    token = program.acts.do("issue_token", cast.fang, {"name": "machine", "scopes": ["read", "file"]}).secret
    return Checked(app, token)


def report(place: int, **more: Any) -> dict[str, Any]:
    """The place-th hour of the trial's first days, at one of ten sites."""
    start = START + (place // 10) * HOUR
    return {"period_start": start.isoformat(), "period_end": (start + HOUR).isoformat(), "exposures": 10.0,
            "site": f"Gate {place % 10}", **more}


def ndjson(reports: list[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, reports)).encode()


def post(client: Checked, trial: str, body: bytes, query: str = "", kind: str = NDJSON, **headers: str) -> Any:
    response = client.send("POST", f"/trials/{trial}/feedback{query}", body, kind, **headers)
    return response.status_code, response.get_json()


def kept(program: Program, trial: str) -> dict[str, Any]:
    """What counts: reports and exposures by rows, by the trial and by its counters."""
    with program.reading() as connection:
        rows = connection.execute(sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(FEEDBACK.c.exposures), 0.0))
                                  .where(FEEDBACK.c.trial_id == trial)).one()
        row = connection.execute(sa.select(TRIALS.c.reports, TRIALS.c.used_volume).where(TRIALS.c.id == trial)).one()
        counted = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(COUNTERS.c.exposures), 0.0)).where(
            COUNTERS.c.trial_id == trial, COUNTERS.c.indicator == "harm_any")).scalar_one()
    assert tuple(rows) == tuple(row) and counted == row.used_volume
    return {"reports": rows[0], "exposures": rows[1]}


def test_a_batch_is_one_act_and_every_line_has_its_id(program: Program, fang: Checked, trial: str):
    status, answer = post(fang, trial, ndjson([report(place, events={"override": 1}) for place in range(25)]))
    assert (status, answer["lines"], answer["kept"], answer["refused"]) == (201, 25, 25, 0)
    assert [one["line"] for one in answer["results"]] == list(range(1, 26))
    assert len({one["id"] for one in answer["results"]}) == 25
    assert kept(program, trial) == {"reports": 25, "exposures": 250.0}
    assert fang.get(f"/trials/{trial}/timeline")["items"][0]["name"] == "file_batch"
    assert answer["next_due_at"] is not None


BAD = [
    (3, {"exposures": -1}, "exposures", "greater_than_equal"),
    (5, {"events": {"harm_S4": "one"}}, "events.harm_S4", "int_type"),
    (7, {"events": {"harms": 1}}, "events.harms", "unknown_event"),
    (8, {"period_end": START.isoformat(), "period_start": START.isoformat()}, "period_end", "period_backwards"),
    (11, {"surprise": 1}, "surprise", "extra_forbidden"),
]


def spoilt() -> list[dict[str, Any]]:
    lines = [report(place) for place in range(20)]
    for line, change, _, _ in BAD:
        lines[line - 1] |= change
    return lines


def test_one_bad_line_refuses_an_atomic_batch_and_every_fault_is_named(program: Program, fang: Checked, trial: str):
    status, problem = post(fang, trial, ndjson(spoilt()))
    assert (status, problem["code"], problem["lines"], problem["refused"]) == (422, "batch_refused", 20, len(BAD))
    assert [(one["line"], one["field"], one["code"]) for one in problem["errors"]] == [
        (line, field, code) for line, _, field, code in BAD]
    assert kept(program, trial)["reports"] == 0
    with program.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(BATCHES)).scalar_one() == 0


def test_faults_are_told_in_the_readers_language(app: Flask, fang: Checked, trial: str):
    answers = {}
    for language in ("en", "zh-Hans", "zh-Hant"):
        fang.headers["Accept-Language"] = language
        answers[language] = post(fang, trial, ndjson(spoilt()))[1]["errors"][0]["message"]
    assert answers == {"en": "Too small: enter 0 or more.", "zh-Hans": answers["zh-Hans"],
                       "zh-Hant": answers["zh-Hant"]}
    assert len(set(answers.values())) == 3


def test_a_partial_batch_keeps_the_good_lines_and_tells_of_each(program: Program, fang: Checked, trial: str):
    status, answer = post(fang, trial, ndjson(spoilt()), "?partial=1")
    assert (status, answer["kept"], answer["refused"]) == (201, 15, 5)
    outcomes = {one["line"]: one["outcome"] for one in answer["results"]}
    assert [line for line, outcome in outcomes.items() if outcome == "refused"] == [line for line, *_ in BAD]
    assert kept(program, trial)["reports"] == 15
    paged = fang.get(f"/batches/{answer['id']}/lines?limit=7")
    rest = fang.get(f"/batches/{answer['id']}/lines?limit=200&cursor={paged['next']}")
    assert [one["line"] for one in paged["items"] + rest["items"]] == list(range(1, 21))
    assert fang.get(f"/batches/{answer['id']}")["kept"] == 15
    assert [one["id"] for one in fang.get(f"/trials/{trial}/batches")["items"]] == [answer["id"]]


def test_a_partial_batch_without_a_good_line_is_refused(fang: Checked, trial: str):
    assert post(fang, trial, ndjson([report(0, exposures=-1)]), "?partial=1")[0] == 422


def test_a_repeated_key_gets_the_same_answer_and_another_body_none(program: Program, fang: Checked, trial: str):
    body = ndjson(spoilt())
    first = post(fang, trial, body, "?partial=1", Idempotency_Key="march")
    assert post(fang, trial, body, "?partial=1", Idempotency_Key="march") == first
    assert kept(program, trial)["reports"] == 15
    for other, query in ((ndjson([report(30)]), "?partial=1"), (body, "")):
        status, problem = post(fang, trial, other, query, Idempotency_Key="march")
        assert (status, problem["code"]) == (422, "key_reused")


def test_a_line_whose_key_was_kept_before_adds_nothing(program: Program, fang: Checked, trial: str):
    lines = [report(place, key=f"row {place}") for place in range(6)]
    first = post(fang, trial, ndjson(lines[:4]))[1]
    status, answer = post(fang, trial, ndjson(lines))
    assert (status, answer["kept"], answer["repeated"]) == (201, 2, 4)
    assert [one["id"] for one in answer["results"]][:4] == [one["id"] for one in first["results"]]
    status, again = post(fang, trial, ndjson(lines))
    assert (status, again["id"], again["kept"], again["repeated"]) == (200, None, 0, 6)
    assert [one["outcome"] for one in again["results"]] == ["repeated"] * 6
    assert kept(program, trial)["reports"] == 6
    changed = [{**lines[0], "exposures": 11.0}, {**report(50), "key": "x"}, {**report(51), "key": "x"}]
    errors = post(fang, trial, ndjson(changed))[1]["errors"]
    assert [(one["line"], one["field"], one["code"]) for one in errors] == [
        (1, "key", "key_reused"), (3, "key", "key_twice")]


def test_periods_that_overlap_are_named_by_line(fang: Checked, trial: str):
    post(fang, trial, ndjson([report(0), report(11)]))
    whole = {**report(300), "site": None}
    lines = [report(0), report(1), report(1), report(21), whole, report(301), {**report(2), "site": "ＧＡＴＥ　2"},
             report(2)]
    errors = post(fang, trial, ndjson(lines))[1]["errors"]
    assert [(one["line"], one["code"]) for one in errors] == [
        (1, "overlaps"), (3, "overlaps_line"), (6, "overlaps_line"), (8, "overlaps_line")]


def test_a_dry_run_says_what_would_happen_and_keeps_nothing(program: Program, fang: Checked, trial: str):
    status, answer = post(fang, trial, ndjson(spoilt()), "?partial=1&dry_run=1")
    assert (status, answer["id"], answer["kept"], answer["refused"], answer["receipt"]) == (200, None, 15, 5, None)
    assert [one["line"] for one in answer["results"]] == [line for line, *_ in BAD]
    assert kept(program, trial)["reports"] == 0


def test_a_csv_says_the_same_as_json(program: Program, fang: Checked, trial: str):
    heading = "period_start,period_end,site,exposures,events.harm_S4,metrics.wait,nil,key\n"
    rows = [f"{one['period_start']},{one['period_end']},{one['site']},10,{place % 2},1.5,,k{place}\n"
            for place, one in enumerate(map(report, range(4)))]
    nothing = report(200)
    rows.append(f"{nothing['period_start']},{nothing['period_end']},\"Gate, far\",,0,,true,\n")
    body = ("\ufeff" + heading + "".join(rows)).encode()
    status, answer = post(fang, trial, body, kind=CSV)
    assert (status, answer["kept"]) == (201, 5)
    found = {one["source_key"]: one for one in fang.get(f"/trials/{trial}/feedback")["items"]}
    assert (found["k1"]["events"], found["k0"]["events"], found["k0"]["metrics"]) == ({"harm_S4": 1}, {}, {"wait": 1.5})
    assert (found[None]["nil"], found[None]["site"]) == (True, "Gate, far")
    assert [one["line"] for one in answer["results"]] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(("body", "faults"), [
    (b"period_start,exposure\n", [(1, "exposure", "unknown_column")]),
    (b"exposures,exposures\n", [(1, "exposures", "repeated")]),
    (b"", [(1, "", "missing")]),
    (b'period_start,exposures\n"2026', [(2, "", "broken_csv")]),
    (b"site,exposures\n\xff\xfe,1\n", [(2, "", "string_unicode")]),
    (b"site,exposures\na,1,2\n", [(2, "", "ragged")]),
    (b"site,exposures\na,12 bags\n", [(2, "period_start", "missing"), (2, "period_end", "missing"),
                                      (2, "exposures", "float_type")]),
])
def test_a_csv_that_cannot_be_read_names_the_line(fang: Checked, trial: str, body: bytes, faults: list[Any]):
    errors = post(fang, trial, body, kind=CSV)[1]["errors"]
    assert [(one["line"], one["field"], one["code"]) for one in errors] == faults


@pytest.mark.parametrize(("line", "code"), [
    (b'{"nil": true, "nil": true}', "repeated"), (b'{"nil" :true,"nil":true}', "repeated"), (b"[1]", "json_object"),
    (b'{"exposures": NaN}', "finite_number"), (b"{", "json_invalid"), (b'{"site": "\\ud800"}', "string_unicode"),
    (b'{"site": "' + b"x" * 300_000 + b'"}', "line_too_long"),
])
def test_a_line_that_is_no_sound_json_is_named(fang: Checked, trial: str, line: bytes, code: str):
    errors = post(fang, trial, ndjson([report(0)]) + b"\n\n" + line)[1]["errors"]
    assert [(one["line"], one["code"]) for one in errors] == [(3, code)]


def test_a_batch_that_turns_the_light_red_suspends_in_the_same_act(program: Program, fang: Checked, trial: str):
    answer = post(fang, trial, ndjson([report(place, events={"harm_S3": 5}) for place in range(20)]))[1]
    assert (answer["light"], answer["state"], answer["next_due_at"]) == ("red", "suspended", None)
    names = [one["name"] for one in fang.get(f"/trials/{trial}/timeline")["items"]]
    assert names[:2] == ["suspend", "file_batch"]


def test_an_s1_on_one_line_suspends(fang: Checked, trial: str):
    assert post(fang, trial, ndjson([report(0), report(1, events={"harm_S1": 1})]))[1]["state"] == "suspended"


def test_strangers_are_refused_before_their_lines_are_read(app: Flask, program: Program, cast: Cast, trial: str):
    for who, expected in ((cast.gao, 404), (cast.lin, 403)):
        token = program.acts.do("issue_token", who, {"name": "machine", "scopes": ["read", "file"]}).secret
        assert post(Checked(app, token), trial, b"{")[0] == expected
    assert post(Checked(app), trial, b"{")[0] == 401
