"""The permit by API: what a gateway is told of a trial that runs, stops, ends or is not its own."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_answers import Checked
from cast import Cast, adopt, enter_cast
from conftest import running, settings_in, still
from desk import Application, desks
from flask import Flask
from joserfc import jwt
from joserfc.jwk import KeySet

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.jobs.schema import prepare
from sandbox.rules.access import SYSTEM_ACTOR, Actor
from sandbox.store.keys import private_file
from sandbox.web.front import make_app

HOUR = timedelta(hours=1)


@pytest.fixture
def app(program: Program) -> Flask:
    return make_app(program)


@pytest.fixture
def gateway(program: Program, app: Flask) -> Callable[..., Checked]:
    """`gateway(cast.fang)`: a machine with a token of that account that may ask for permits and nothing else."""
    def enter(who: Actor, *scopes: str) -> Checked:
        given = {"name": "gateway", "scopes": list(scopes) or ["permit"], "days": 365}
        return Checked(app, program.acts.do("issue_token", who, given).secret)

    return enter


@pytest.fixture
def trial(adopted: Callable[..., list[str]]) -> str:
    return adopted(1)[0]


def claims(app: Flask, token: str) -> dict[str, Any]:
    """What is signed, checked with the published keys."""
    keys = KeySet.import_key_set(app.test_client().get("/.well-known/jwks.json").get_json())
    found = jwt.decode(token, keys, algorithms=["EdDSA"])
    assert found.header["typ"] == "permit+jwt"
    return dict(found.claims)


def test_a_running_trial_has_a_permit_that_says_what_it_may(app: Flask, cast: Cast, trial: str, program: Program,
                                                           gateway: Any):
    answer = gateway(cast.fang).get(f"/trials/{trial}/permit")
    said = claims(app, answer["permit"])
    assert said | {"trial": trial, "sub": trial, "state": "trial", "active": True, "cause": None, "tier": "R3",
                   "plan_version": 1, "new_people": True, "iss": program.settings.public_url} == said
    assert said["stop"] == {"behaviour": "immediate", "drain_hours": None, "until": None, "fallback_tested": False}
    assert (answer["active"], answer["state"], answer["serial"]) == (True, "trial", said["serial"])
    now = program.clock().timestamp()
    assert said["iat"] <= now < said["exp"] == datetime.fromisoformat(answer["expires"]).timestamp()


def test_what_is_left_of_each_cap_is_in_the_permit_and_a_report_lowers_it(app: Flask, cast: Cast, program: Program,
                                                                         clock: Shifted, gateway: Any):
    scenario = program.acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "By night"}).id
    proposed = program.acts.do("adopt_trial", cast.lin, {"trials": [{
        "title": "Pilot", "scenario_id": scenario, "organisation": "海睿", "tier": "R2", "rate_per_day": 100.0,
        "volume": 1000.0, "people": 50, "model_version": "2.1", "unverified": "Everything", "source_key": "one",
        "limits": [{"indicator": "complaint", "per_exposure": 0.1}]}]})
    trial = program.acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision).trials["one"]
    client, start = gateway(cast.fang), clock()
    before = claims(app, client.get(f"/trials/{trial}/permit")["permit"])
    assert (before["caps_left"], before["model_version"]) == ({"volume": 1000.0, "people": 50}, "2.1")
    clock.forward(start + 24 * HOUR)
    program.acts.do("file_feedback", cast.fang, {
        "period_start": start.isoformat(), "period_end": (start + 24 * HOUR).isoformat(), "exposures": 100.0,
        "people_new": 8}, on=trial)
    after = claims(app, client.get(f"/trials/{trial}/permit")["permit"])
    assert after["caps_left"] == {"volume": 900.0, "people": 42}
    assert after["serial"] > before["serial"]


def test_a_former_model_version_stands_on_the_paper_and_in_the_signed_permit_for_its_week(
        app: Flask, cast: Cast, program: Program, clock: Shifted, gateway: Any) -> None:
    trial, = adopt(program, cast, 1, model_version="1.0")
    asked = program.acts.do("file_change", cast.fang, {"kind": "A5", "body": {
        "model_version": "2.0", "regression": "All passed", "regression_passed": True, "reason": "Fewer"}}, trial)
    program.acts.do("decide_change", cast.lin, {"accept": True, "reason": "Good"}, asked.id)
    client, start = gateway(cast.fang), clock()
    said = claims(app, client.get(f"/trials/{trial}/permit")["permit"])
    until = int((start + 7 * 24 * HOUR).timestamp())
    assert (said["model_version"], said["former_versions"]) == ("2.0", [{"version": "1.0", "until": until}])
    paper = f"/trials/{trial}/permit?lang=en"
    assert "the former 1.0 may still be used to" in desks(program)(cast.lin).get(paper).text
    clock.forward(start + 7 * 24 * HOUR)
    assert "the former" not in desks(program)(cast.lin).get(paper).text


def test_a_permit_that_did_not_change_is_not_sent_again(cast: Cast, trial: str, clock: Shifted, gateway: Any):
    client, path = gateway(cast.fang), f"/trials/{trial}/permit"
    first = client.send("GET", path)
    assert first.headers["Cache-Control"] == "private, no-cache"
    etag = first.headers["ETag"]
    again = client.send("GET", path, If_None_Match=etag)
    assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", etag)
    clock.forward(clock() + HOUR / 4)
    renewed = client.send("GET", path, If_None_Match=etag)
    assert renewed.status_code == 200
    assert renewed.get_json()["expires"] > first.get_json()["expires"]


def test_a_tested_fallback_lengthens_the_permit_until_its_test_is_too_old(app: Flask, cast: Cast, program: Program,
                                                                         clock: Shifted, gateway: Any):
    trial = Application(program, cast).started(clock).trial
    client = gateway(cast.fang)
    said = claims(app, client.get(f"/trials/{trial}/permit")["permit"])
    assert (said["tier"], said["stop"]["fallback_tested"], said["exp"] - said["iat"]) == ("R2", True, 72 * 3600)
    clock.forward(clock() + timedelta(days=39))
    assert claims(app, client.get(f"/trials/{trial}/permit")["permit"])["stop"]["fallback_tested"] is False


def test_a_stopped_trial_that_drains_says_until_when_open_cases_may_be_finished(
        app: Flask, cast: Cast, program: Program, clock: Shifted, gateway: Any):
    made = Application(program, cast).started(clock, stop_behaviour="drain", drain_hours=6)
    trial = made.trial
    client, path = gateway(cast.fang), f"/trials/{trial}/permit"
    runs = claims(app, client.get(path)["permit"])["stop"]
    assert (runs["behaviour"], runs["drain_hours"], runs["until"]) == ("drain", 6, None)
    made.move("suspend", cast.fang)
    stopped = claims(app, client.post(path, status=409, method="GET")["statement"])["stop"]
    assert stopped["until"] == int((clock() + 6 * HOUR).timestamp())


@pytest.fixture
def on_postgresql(postgres: Callable[[], str], tmp_path: Path) -> Iterator[Program]:
    """A program on a real PostgreSQL with nobody in it."""
    settings = settings_in(tmp_path).model_copy(update={"database_url": postgres()})
    prepare(settings)
    yield from running(settings, still())


def test_permits_codes_and_marks_are_the_same_on_postgresql(on_postgresql: Program):
    program, acts = on_postgresql, on_postgresql.acts
    cast = enter_cast(program)
    trial, app = adopt(program, cast, 1)[0], make_app(program)
    token = acts.do("issue_token", cast.fang, {"name": "all", "scopes": ["read"]}).secret
    client, anyone = Checked(app, token), app.test_client()
    sheet = anyone.get(f"/trials/{trial}/permit", headers={"Authorization": f"Bearer {token}"}).text
    code = re.search(r"/public/verify/([0-9A-Z-]{14})", sheet)
    assert code and claims(app, client.get(f"/trials/{trial}/permit")["permit"])["active"]
    marks = [anyone.get(one, headers={"Authorization": f"Bearer {token}"}).get_json()["mark"]
             for one in ("/board/live", f"/trials/{trial}/live")]
    acts.do("make_move", cast.lin, {"move": "suspend"}, on=trial)
    assert client.post(f"/trials/{trial}/permit", status=409, method="GET")["cause"] == "regulator"
    assert marks != [anyone.get(one, headers={"Authorization": f"Bearer {token}"}).get_json()["mark"]
                     for one in ("/board/live", f"/trials/{trial}/live")]
    for path in (f"/public/verify/{code[1]}", f"/public/trials/{trial}"):
        assert anyone.get(path, headers={"Accept": "application/json"}).get_json()["standing"] == "paused"
    assert len(anyone.get("/public/trials?format=json").get_json()["items"]) == 1
    retired = acts.do("rotate_key", SYSTEM_ACTOR, {}).id
    assert [key["kid"] == retired for key in anyone.get("/.well-known/jwks.json").get_json()["keys"]].count(True) == 1


def test_a_suspended_trial_is_refused_at_the_next_poll_with_its_cause_and_a_signed_no(
        app: Flask, cast: Cast, trial: str, program: Program, gateway: Any):
    client, path = gateway(cast.fang), f"/trials/{trial}/permit"
    allowed = client.send("GET", path)
    program.acts.do("make_move", cast.lin, {"move": "suspend", "reason": "A look at the brakes"}, on=trial)
    refused = client.send("GET", path, If_None_Match=allowed.headers["ETag"])
    problem = refused.get_json()
    assert (refused.status_code, problem["code"], problem["state"], problem["cause"]) \
        == (409, "no_permit", "suspended", "regulator")
    assert problem["reasons"] == ["Paused by the regulator. Not a finding of fault. No statement about harm."]
    said, before = claims(app, problem["statement"]), claims(app, allowed.get_json()["permit"])
    assert (said["active"], said["state"], said["cause"]) == (False, "suspended", "regulator")
    assert said["serial"] > before["serial"]
    assert said["iat"] >= before["iat"]
    assert "brakes" not in refused.get_data(as_text=True)


def test_a_trial_that_may_go_on_again_has_a_newer_permit(app: Flask, cast: Cast, trial: str, program: Program,
                                                        clock: Shifted, gateway: Any):
    client, path = gateway(cast.fang), f"/trials/{trial}/permit"
    program.acts.do("make_move", cast.fang, {"move": "suspend"}, on=trial)
    no = claims(app, client.post(path, status=409, method="GET")["statement"])
    clock.forward(clock() + timedelta(seconds=90))
    program.acts.do("file_section", cast.fang, {"kind": "mitigation", "body": {
        "cause": "Ours", "mitigation": "Mended", "residual_tier": "R3"}}, on=trial)
    program.acts.do("cast_vote", cast.lin, {"matter": "verify", "subject": "mitigation", "value": "for"}, on=trial)
    moved = program.acts.do("make_move", cast.lin, {"move": "lift_suspension"}, on=trial)
    if moved.decision:
        program.acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=moved.decision)
    yes = claims(app, client.get(path)["permit"])
    assert yes["active"] and yes["serial"] > no["serial"] and yes["iat"] >= no["iat"]


def test_a_trial_past_its_end_is_refused_before_the_clock_has_seen_it(cast: Cast, trial: str, program: Program,
                                                                     clock: Shifted, gateway: Any):
    client = gateway(cast.fang)
    end = datetime.fromisoformat(gateway(cast.fang, "read").get(f"/trials/{trial}")["ends_at"])
    clock.forward(end - timedelta(minutes=1))
    assert datetime.fromisoformat(client.get(f"/trials/{trial}/permit")["expires"]) == end
    clock.forward(end)
    assert client.post(f"/trials/{trial}/permit", status=409, method="GET")["cause"] == "end_date_reached"


def test_an_application_has_no_permit_yet(cast: Cast, program: Program, trial: str, gateway: Any):
    scenario = program.acts.do("publish_scenario", cast.lin, {"title": "Roads", "description": "By day"}).id
    draft = program.acts.do("apply", cast.fang, {"title": "Next", "scenario_id": scenario}).id
    assert gateway(cast.fang).post(f"/trials/{draft}/permit", status=409, method="GET")["cause"] == "not_started"


def test_a_gateways_token_asks_for_permits_of_its_firm_and_does_nothing_else(cast: Cast, trial: str, gateway: Any):
    client = gateway(cast.fang)
    assert client.send("GET", f"/trials/{trial}/permit").status_code == 200
    assert client.send("GET", f"/trials/{trial}").status_code == 403
    assert client.send("GET", "/me").status_code == 403
    assert client.send("POST", f"/trials/{trial}/feedback", {}).status_code == 403
    stranger = gateway(cast.gao)
    assert stranger.send("GET", f"/trials/{trial}/permit").get_data() \
        == stranger.send("GET", "/trials/ES-9999/permit").get_data()
    assert stranger.send("GET", f"/trials/{trial}/permit").status_code == 404


def test_a_token_that_files_but_does_not_read_asks_for_no_permit(cast: Cast, trial: str, gateway: Any):
    assert gateway(cast.fang, "read").send("GET", f"/trials/{trial}/permit").status_code == 200
    assert gateway(cast.fang, "file", "decide").send("GET", f"/trials/{trial}/permit").status_code == 403


def test_who_may_read_may_hand_on_the_asking_for_permits(program: Program, cast: Cast, app: Flask, gateway: Any):
    client = gateway(cast.fang, "read", "decide")
    assert client.post("/tokens", {"name": "gate", "scopes": ["permit"]}, status=201)["secret"]
    refused = client.post("/tokens", {"name": "gate", "scopes": ["file"]}, status=403)
    assert refused["scopes"] == ["file"]


def test_where_the_key_is_missing_nothing_is_signed_and_the_answer_says_to_come_again(
        cast: Cast, trial: str, program: Program, gateway: Any):
    client = gateway(cast.fang)
    key = client.get(f"/trials/{trial}/permit")["key_id"]
    private_file(program.settings.key_folder, key).unlink()
    refused = client.send("GET", f"/trials/{trial}/permit")
    assert (refused.status_code, refused.get_json()["code"]) == (503, "key_missing")
    assert refused.headers["Retry-After"]


def test_the_keys_are_published_to_be_kept_for_minutes_and_hold_no_private_half(app: Flask):
    found = app.test_client().get("/.well-known/jwks.json")
    assert found.headers["Cache-Control"] == "public, max-age=300"
    (key,) = found.get_json()["keys"]
    assert key.keys() == {"kty", "crv", "alg", "use", "kid", "x", "purpose"}
    again = app.test_client().get("/.well-known/jwks.json", headers={"If-None-Match": found.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")


@pytest.mark.parametrize(("language", "named"), [("zh_Hans", "轮换签名密钥"), ("zh_Hant", "輪換簽名密鑰"),
                                                 ("en", "Retire the signing key")])
def test_a_second_regulator_confirms_a_rotation_on_its_page(app: Flask, program: Program, cast: Cast, language: str,
                                                           named: str):
    (old,) = app.test_client().get("/.well-known/jwks.json").get_json()["keys"]
    decision = program.acts.do("rotate_key", cast.lin, {"reason": "Yearly"}).decision
    zhou = desks(program)(cast.zhou)
    assert named in zhou.get(f"/?lang={language}").text
    assert named in zhou.get(f"/decisions/{decision}?lang={language}").text
    assert zhou.send(f"/decisions/{decision}", {"value": "for"}).status_code == 303
    keys = app.test_client().get("/.well-known/jwks.json").get_json()["keys"]
    assert {key["kid"]: "retired" in key for key in keys}[old["kid"]] and len(keys) == 2
