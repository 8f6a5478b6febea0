"""What people and machines do by API alone: apply, be admitted, run, report, review, decide. Every answer is held
against the document (`api_answers`)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from api_answers import Checked
from api_samples import sample
from api_world import World, city  # noqa: F401 the fixture `world`
from cast import START

from sandbox.store.sections import SECTIONS

DAY = timedelta(days=1)
TODAY = (START + 10 * DAY).date().isoformat()
DOSSIER: dict[str, dict[str, Any]] = {
    "parties": {}, "system": {"entry_trl": 4}, "protection": {}, "governance": {}, "commitment": {},
    "risks": {"risks": [{"risk": "A collision", "likelihood": 3, "severity": 4, "safeguard": "Stops", "owner": "Ops"}]},
    "plan": {"metrics": [{"name": "wait", "pass_line": 3.0, "higher_is_better": False}],
             "limits": [{"indicator": "harm_any", "per_exposure": 0.01}]},
    "exposure": {"volume": 9000.0, "people": 500, "rate_per_day": 300.0, "days": 120, "regions": "East",
                 "sites": "Gate 3", "starts_on": TODAY, "autonomy": "human_can_stop", "data_classes": "None",
                 "vulnerable_groups": "Children: not served", "money": 0.0, "model_version": "1.0"},
}
BEFORE_START: dict[str, dict[str, Any]] = {
    "safeguards": {}, "kill_switch": {"tested_on": TODAY}, "redress": {}, "exit_plan": {},
    "data_assessment": {"assessment": "PIA 7"},
    "filings": {"filings": [{"filing": "Algorithm", "status": "not_required", "reason": "No public service"}]},
    "consent": dict.fromkeys(("nature", "conditions", "rights", "reversal", "contact", "withdrawal_tested"), True),
}


def iso(days: float) -> str:
    """So many days after START."""
    return (START + days * DAY).isoformat()


def report(first: float, last: float, **more: Any) -> dict[str, Any]:
    return {"period_start": iso(first), "period_end": iso(last), "exposures": 500.0, **more}


def file(client: Checked, trial: str, kind: str, **more: Any) -> dict[str, Any]:
    """File a section: the plainest body that fits, with these values."""
    body = {**sample({"$ref": f"#/components/schemas/{SECTIONS[kind].fields.__name__}"}), **more}
    filed: dict[str, Any] = client.post(f"/trials/{trial}/sections/{kind}", body, method="PUT")
    return filed


def seat_all(world: World, trial: str, panel: str) -> None:
    """Rui, Shen and Mei sit on the panel."""
    cast = world.cast
    for name, who in (("rui", cast.rui), ("shen", cast.shen), ("mei", cast.mei)):
        seat = world.client("lin").post(f"/trials/{trial}/panel", {"account_id": who.id, "panel": panel}, 201)
        world.client(name).post(f"/panel/{seat['id']}/answer", {"conflict": False, "accepted": True})


def pilot(world: World, key: str, tier: str = "R3") -> str:
    """A fresh running trial of Fang's firm, taken over by API."""
    firm = world.body(world.cast.fang)
    proposed = world.client("lin").post("/trials/adopt", {
        "title": f"Pilot {key}", "scenario_id": world.hers["open"], "organisation": firm, "tier": tier,
        "rate_per_day": 500.0, "limits": [{"indicator": "harm_any", "per_exposure": 0.01}], "source_key": key,
        "unverified": "Everything before"}, 202)
    decided = world.client("zhou").post(f"/decisions/{proposed['decision']}/votes", {"value": "for"})
    return str(decided["trials"][key])


@pytest.fixture(scope="module")
def admitted(world: World) -> str:
    """A trial that a firm, a panel and two regulators brought to its admission by API."""
    fang, lin = world.client("fang"), world.client("lin")
    made = fang.post("/trials", {"title": "夜间配送", "title_en": "Night", "scenario_id": world.hers["open"]}, 201)
    trial = str(made["id"])
    for kind, more in DOSSIER.items():
        file(fang, trial, kind, **more)
    assert fang.post(f"/trials/{trial}/moves/submit")["state"] == "submitted"
    file(lin, trial, "eligibility")
    file(lin, trial, "tier", tier="R2", listed=False, environment="E1")
    lin.post(f"/trials/{trial}/moves/accept", {"reason": "Complete"})
    seat_all(world, trial, "review")
    for name in ("rui", "shen", "mei"):
        world.client(name).post(f"/trials/{trial}/votes", {"matter": "ethics", "value": "for"}, 201)
    proposed = lin.post(f"/trials/{trial}/moves/admit", status=202)
    decided = world.client("zhou").post(f"/decisions/{proposed['decision']}/votes", {"value": "for"})
    assert (decided["outcome"], decided["state"], decided["move"]) == ("confirmed", "admitted", "admit")
    return trial


def test_a_trial_is_brought_from_its_application_to_running_by_api_alone(world: World, admitted: str) -> None:
    fang, lin, zhou = world.client("fang"), world.client("lin"), world.client("zhou")
    for kind, more in BEFORE_START.items():
        file(fang, admitted, kind, **more)
    file(lin, admitted, "notice", published_on=START.date().isoformat(), objections_answered=True)
    file(lin, admitted, "schedules")
    seat_all(world, admitted, "running")
    for client in (fang, lin):
        client.post(f"/trials/{admitted}/votes", {"matter": "sign", "subject": "plan", "value": "for"}, 201)
    lacking = lin.post(f"/trials/{admitted}/moves/start_trial", status=409)["unmet"]
    assert {need["need"] for need in lacking} == {"exposure_limited", "consent_approved", "exit_plan_approved"}
    for subject in ("exposure", "consent", "exit_plan"):
        zhou.post(f"/trials/{admitted}/votes", {"matter": "approve", "subject": subject, "value": "for"}, 201)
    assert lin.post(f"/trials/{admitted}/moves/start_trial")["outcome"] == "made"
    assert fang.get(f"/trials/{admitted}")["caps"][0] == {
        "dimension": "volume", "used": 0.0, "cap": 9000.0, "share": 0.0}


# Moves and decisions


def test_a_move_that_lacks_something_names_every_need_and_the_list_says_the_same(world: World) -> None:
    client, trial = world.client("fang"), world.hers["draft"]
    refused = client.post(f"/trials/{trial}/moves/submit", status=409)
    listed = next(move for move in client.get(f"/trials/{trial}/moves")["items"] if move["name"] == "submit")
    assert refused["unmet"] == listed["unmet"] and listed["permitted"]
    assert refused["unmet"][0].keys() == {"need", "message", "holder", "meet"}


def test_a_move_says_who_makes_it_and_whether_that_is_the_caller(world: World) -> None:
    path = f"/trials/{world.hers['running']}/moves"
    permitted = {name: {move["name"] for move in world.client(name).get(path)["items"] if move["permitted"]}
                 for name in ("fang", "rui", "di")}
    assert permitted == {"fang": {"suspend", "open_exit_review", "wind_down"}, "rui": set(), "di": set()}
    assert world.client("rui").post(f"{path}/suspend", status=403)["code"] == "not_permitted"
    assert world.client("fang").post(f"{path}/begin_tuning", status=403)["code"] == "not_your_move"


def test_a_move_that_does_not_leave_this_state_names_those_that_do(world: World) -> None:
    refused = world.client("lin").post(f"/trials/{world.hers['running']}/moves/admit", status=409)
    assert refused["code"] == "not_from_here" and "suspend" in refused["moves"]


def test_nobody_confirms_their_own_proposal_and_nobody_decides_twice(world: World) -> None:
    trial, lin, zhou = pilot(world, "four eyes"), world.client("lin"), world.client("zhou")
    file(world.client("fang"), trial, "exit_plan")
    lin.post(f"/trials/{trial}/moves/suspend", {"reason": "A look at the brakes"})
    file(lin, trial, "void", reason="The sensor was wrong, the brakes were not.")
    proposed = lin.post(f"/trials/{trial}/moves/void_suspension", status=202)
    assert lin.post(f"/trials/{trial}/moves/void_suspension", status=202)["decision"] == proposed["decision"]
    path = f"/decisions/{proposed['decision']}"
    assert lin.post(f"{path}/votes", {"value": "for"}, 403)["code"] == "own_proposal"
    assert path.rpartition("/")[2] in [one["id"] for one in zhou.get("/decisions?outcome=waiting")["items"]]
    assert zhou.post(f"{path}/votes", {"value": "for"})["state"] == "trial"
    assert zhou.post(f"{path}/votes", {"value": "for"}, 409)["code"] == "already_decided"
    assert zhou.get(path)["voted_by"] == world.cast.zhou.id


# Sections


def test_a_section_says_what_asks_for_it_who_writes_it_and_its_schema(world: World) -> None:
    sections = {one["kind"]: one for one in world.client("fang").get(
        f"/trials/{world.hers['draft']}/sections")["items"]}
    assert sections.keys() == SECTIONS.keys()
    assert (sections["parties"]["required_for"], sections["parties"]["by"]) == (["submit"], ["owner"])
    assert sections["parties"]["writable"] and not sections["tier"]["writable"]
    assert not sections["mitigation"]["required"]
    assert sections["plan"]["schema"]["required"]


def test_a_section_is_guarded_by_the_version_that_was_read(world: World, admitted: str) -> None:
    fang, path = world.client("fang"), f"/trials/{world.hers['draft']}/sections/parties"
    assert fang.send("GET", path).headers["ETag"] == '"0"'
    body = {"sponsor_name": "海睿", "sponsor_code": "X1", "contact": "Fang"}
    first = fang.send("PUT", path, body, If_Match='"0"')
    assert (first.status_code, first.headers["ETag"]) == (200, '"1"')
    assert fang.post(path, body, 412, "PUT", If_Match='"0"')["version"] == 1
    assert fang.post(path, {**body, "contact": "Gao"}, method="PUT", If_Match='"1"')["version"] == 2
    assert fang.get(path)["body"]["contact"] == "Gao"


def test_a_section_that_is_not_theirs_to_write_is_refused(world: World) -> None:
    path = f"/trials/{world.hers['draft']}/sections"
    assert world.client("fang").post(f"{path}/tier", {}, 403, "PUT")["code"] == "not_your_section"
    assert world.client("fang").send("PUT", f"{path}/nonsense", {}).status_code == 404
    assert world.client("fang").send("GET", f"{path}/nonsense").status_code == 404


# Feedback, incidents, the light


def test_a_report_is_filed_corrected_and_the_softening_correction_decided(world: World) -> None:
    trial, fang, lin = pilot(world, "reports"), world.client("fang"), world.client("lin")
    world.clock.forward(START + 14 * DAY)
    filed = fang.post(f"/trials/{trial}/feedback", report(10, 13, events={"harm_S4": 2}), 201)
    assert filed["light"] == "green" and filed["receipt"]["leaf"] and filed["next_due_at"].endswith("Z")
    softer = {"report": report(10, 13, events={"harm_S4": 1}), "reason": "Counted twice"}
    correction = fang.post(f"/feedback/{filed['id']}/corrections", softer, 201)
    assert correction["state"] == "waiting"
    decided = lin.post(f"/corrections/{correction['id']}/decision", {"accept": True, "reason": "Seen"})
    assert decided["state"] == "applied"
    found = fang.get(f"/feedback/{filed['id']}")
    assert found["events"] == {"harm_S4": 1}
    assert [one["before"]["events"] for one in found["corrections"]] == [{"harm_S4": 2}]
    assert [one["id"] for one in fang.get(f"/trials/{trial}/feedback")["items"]] == [filed["id"]]


def test_overlapping_and_future_periods_are_named(world: World) -> None:
    fang, path = world.client("fang"), f"/trials/{world.hers['running']}/feedback"
    for body, code in ((report(3, 4), "overlaps"), (report(-30, -29), "before_start"), (report(7, 400), "in_future")):
        assert fang.post(path, body, 422)["errors"][0]["code"] == code


def test_the_light_is_explained_with_its_indicators_and_headroom(world: World) -> None:
    found = world.client("fang").get(f"/trials/{world.hers['running']}/risk")
    line = found["indicators"][0]
    assert (line["indicator"], line["events"], line["limit"]) == ("harm_any", 4, 0.01)
    assert line["exposures"] >= 2000.0 and line["rate"] == 4 / line["exposures"]
    assert line["interval"]["low"] < line["rate"] < line["interval"]["high"]
    assert 0 < found["headroom"]["yellow"] < found["headroom"]["red"]
    assert found["caps"][0]["share"] == line["exposures"] / 1e6


def test_a_yellow_light_calls_a_review_and_is_cleared_by_a_reviewer(world: World) -> None:
    trial, fang = pilot(world, "yellow"), world.client("fang")
    seat_all(world, trial, "running")
    world.clock.forward(START + 16 * DAY)
    fang.post(f"/trials/{trial}/feedback", report(14, 15), 201)
    yellow = fang.get(f"/trials/{trial}/risk")["headroom"]["yellow"]
    filed = fang.post(f"/trials/{trial}/feedback", report(15, 16, exposures=500.0, events={"harm_S4": yellow}), 201)
    assert (filed["light"], filed["state"]) == ("yellow", "trial")
    assert [one["kind"] for one in fang.get(f"/trials/{trial}/reviews?state=open")["items"]] == ["yellow"]
    world.client("mei").post(f"/trials/{trial}/clear-yellow", {"reason": "One crossing, since closed"})
    assert fang.get(f"/trials/{trial}")["light"] == "green"


def test_the_gravest_incident_stops_the_trial_in_the_same_answer(world: World) -> None:
    trial, fang = pilot(world, "grave"), world.client("fang")
    filed = fang.post(f"/trials/{trial}/incidents", {"severity": "S1", "occurred_at": iso(10)}, 201)
    assert filed["state"] == "suspended"
    stop = fang.get(f"/trials/{trial}")["suspension"]
    assert (stop["cause"], stop["left"]) == ("grave_incident", "trial")
    assert fang.post(f"/incidents/{filed['id']}/updates", {"severity": "S4"}, 409)["code"] == "milder_by_officer"
    fang.post(f"/incidents/{filed['id']}/updates", {"state": "mitigated", "mitigation": "The route is closed"})
    found = fang.get(f"/incidents/{filed['id']}")
    assert (found["state"], found["version"], len(found["versions"])) == ("mitigated", 2, 1)
    assert [one["id"] for one in fang.get(f"/trials/{trial}/incidents?severity=S1")["items"]] == [filed["id"]]
    assert fang.get(f"/trials/{trial}/incidents?state=open")["items"] == []


# Reviews and the panel


def test_opinions_are_sealed_until_all_are_in_and_the_panel_has_its_quorum(world: World) -> None:
    trial, lin = pilot(world, "reviews", "R2"), world.client("lin")
    seat_all(world, trial, "running")
    review = lin.post(f"/trials/{trial}/reviews", {"reason": "A second look"}, 201)["id"]
    path, opinion = f"/reviews/{review}", {"conflict": False, "recommendation": "continue", "reason": "Fine"}
    for name in ("rui", "shen"):
        world.client(name).post(f"{path}/opinions", opinion, 201)
    assert lin.post(f"{path}/conclusion", {"recommendation": "continue", "conclusion": "-"}, 409)["code"] \
        == "quorum_missing"
    sealed = {name: world.client(name).get(path) for name in ("rui", "mei", "lin", "fang")}
    assert {name: len(one["opinions"]) for name, one in sealed.items()} == {"rui": 1, "mei": 0, "lin": 0, "fang": 0}
    assert {one["opinions_given"] for one in sealed.values()} == {2}
    world.client("mei").post(f"{path}/opinions", {**opinion, "recommendation": "suspend"}, 201)
    assert len(world.client("rui").get(path)["opinions"]) == 3
    refused = lin.post(f"{path}/conclusion", {"recommendation": "tune", "conclusion": "Improve it"}, 422)
    assert [one["field"] for one in refused["errors"]] == ["departure"]
    lin.post(f"{path}/conclusion", {"recommendation": "tune", "conclusion": "Improve", "departure": "One grave word"})
    held = world.client("fang").get(path)
    assert (held["advised"], held["recommendation"]) == ("continue", "tune")
    assert {one["name"] for one in held["opinions"]} == {"Rui", "Shen", "Mei"}
    assert {one["name"] for one in world.client("di").get(path)["opinions"]} == {None}
    assert world.client("mei").post(f"{path}/opinions", opinion, 409)["code"] == "review_not_open"


def test_a_review_is_moved_earlier_by_its_panel_and_later_by_the_regulator_alone(world: World) -> None:
    trial, lin = pilot(world, "dates", "R2"), world.client("lin")
    seat_all(world, trial, "running")
    review = lin.get(f"/trials/{trial}/reviews")["items"][0]
    path, due = f"/reviews/{review['id']}", datetime.fromisoformat(review["due_at"])

    def to(days: int) -> dict[str, str]:
        return {"due_at": (due + timedelta(days=days)).isoformat(), "reason": "We travel that week"}

    refused = world.client("rui").post(f"{path}/date", to(3), 422)
    assert [one["code"] for one in refused["errors"]] == ["later_by_officer"]
    world.client("rui").post(f"{path}/date", to(-3))
    lin.post(f"{path}/date", to(5))
    assert [one["code"] for one in lin.post(f"{path}/date", to(400), 422)["errors"]] == ["past_cap"]
    assert [one["code"] for one in lin.post(f"{path}/date", to(-400), 422)["errors"]] == ["in_past"]
    moved = lin.get(path)
    assert datetime.fromisoformat(moved["due_at"]) == due + timedelta(days=5)
    assert {one["role"] for one in moved["moved"]} == {"reviewer", "regulator"}


def test_a_department_sees_sides_not_names_and_a_firm_no_statements(world: World) -> None:
    path = f"/trials/{world.hers['running']}/panel"
    seats = {name: world.client(name).get(path)["items"] for name in ("lin", "fang", "di")}
    seated = {"Chu", "Dai", "Han", "Rui", "Shen"}
    assert {one["name"] for one in seats["lin"]} == {one["name"] for one in seats["fang"]} == seated
    assert {one["name"] for one in seats["di"]} == {one["account_id"] for one in seats["di"]} == {None}
    assert "Shares in the firm" in {one["statement"] for one in seats["lin"]}
    assert {one["statement"] for one in seats["fang"] + seats["di"]} == {None}


def test_a_recused_reviewer_has_lost_the_trial_with_the_answer(world: World) -> None:
    trial = pilot(world, "recusal")
    offer = {"account_id": world.cast.mei.id, "panel": "running"}
    seat = world.client("lin").post(f"/trials/{trial}/panel", offer, 201)
    mei = world.client("mei")
    assert mei.get(f"/trials/{trial}")["relation"] == "seated"
    mei.post(f"/panel/{seat['id']}/recusal", {"reason": "A cousin works there"})
    assert mei.send("GET", f"/trials/{trial}").status_code == 404


def test_a_request_for_a_recusal_that_comes_too_late_says_until_when(world: World) -> None:
    trial, fang = pilot(world, "late recusal"), world.client("fang", "en")
    offer = {"account_id": world.cast.rui.id, "panel": "running"}
    seat = world.client("lin").post(f"/trials/{trial}/panel", offer, 201)
    world.client("rui").post(f"/panel/{seat['id']}/answer", {"conflict": False, "accepted": True})
    world.clock.forward(world.clock() + timedelta(days=10))
    late = fang.post(f"/panel/{seat['id']}/recusal-request", {"reason": "A competitor"}, 409)
    assert late["code"] == "recusal_too_late" and "{" not in late["title"]
    assert late["reasons"] == [late["title"]] and "(by " in late["title"]


# Taking over


def test_a_past_record_is_imported_once(world: World) -> None:
    trial, lin = pilot(world, "imports"), world.client("lin")
    record = {"reports": [{**report(-60 + day, -59 + day), "source_key": f"r{day}"} for day in range(3)],
              "events": [{"kind": "event", "indicator": "harm_S4", "occurred_at": iso(-60), "source_key": "e0"}]}
    assert kept(lin.post(f"/trials/{trial}/imports", record)) == (3, 1, 0)
    assert kept(lin.post(f"/trials/{trial}/imports", record)) == (0, 0, 4)
    found = lin.get(f"/trials/{trial}/feedback")["items"]
    assert len(found) == 3 and {one["epoch"] for one in found} == {0}
    assert world.client("fang").get(f"/trials/{trial}")["state"] == "trial"


def kept(answer: dict[str, Any]) -> tuple[int, int, int]:
    return answer["reports"], answer["events"], answer["repeated"]


# People


def test_an_administrator_enters_a_body_and_invites_people_to_it(world: World) -> None:
    ada = world.client("ada")
    body = ada.post("/organisations", {"name": "Night Lines", "kind": "firm"}, 201)["id"]
    ada.post(f"/organisations/{body}/aliases", {"name": "夜线"})
    assert ada.get(f"/organisations/{body}")["aliases"] == ["夜线"]
    assert [one["id"] for one in ada.get("/organisations?q=夜线")["items"]] == [body]
    invited = ada.post("/invitations", {"email": "nia@night.example", "name": "Nia", "role": "firm",
                                        "organisation_id": body}, 201)
    assert invited["secret"] and invited["decision"] is None
    assert "nia@night.example" in [one["email"] for one in ada.get("/invitations")["items"]]
    taken = world.client("lin").post("/organisations", {"name": "夜线", "kind": "firm"}, 422)
    assert taken["errors"][0]["field"] == "name"


def test_disabling_an_account_ends_its_tokens_with_the_answer(world: World) -> None:
    han = world.client("fei")
    who = han.get("/me")["id"]
    world.client("ada").post(f"/accounts/{who}", {"active": False}, method="PATCH")
    assert han.send("GET", "/me").status_code == 401
    assert world.client("ada").get(f"/accounts/{who}")["active"] is False


def test_me_says_who_i_am_what_i_may_and_what_waits(world: World) -> None:
    rui = world.client("rui").get("/me")
    assert (rui["role"], rui["constituency"], rui["organisation"]) == ("reviewer", "industry", "Guild")
    assert world.client("reads").get("/me")["scopes"] == ["read"]
    assert ("seat", world.hers["running"]) in [(task["kind"], task["trial_id"]) for task in rui["tasks"]]
    assert "await" in [task["kind"] for task in world.client("lin").get("/me")["tasks"]]


def test_a_token_is_never_wider_than_its_maker_and_ends_when_it_is_revoked(world: World) -> None:
    narrow = world.client("narrow")
    assert narrow.post("/tokens", {"name": "wider", "scopes": ["read", "file", "decide"]}, 403)["scopes"] == ["file"]
    made = world.client("gao").post("/tokens", {"name": "machine", "scopes": ["read"]}, 201)
    machine = Checked(world.app, made["secret"])
    assert machine.get("/trials")["items"]
    assert world.client("fang").post(f"/tokens/{made['id']}/revocation", status=404)["code"] == "not_found"
    world.client("gao").post(f"/tokens/{made['id']}/revocation")
    assert machine.send("GET", "/trials").status_code == 401


def test_a_hold_is_released_by_a_person(world: World) -> None:
    lin, hold = world.client("lin"), world.hers["holds"]
    assert [one["id"] for one in lin.get("/holds")["items"]] == [hold]
    assert world.client("fang").get("/holds")["items"] == []
    lin.post(f"/holds/{hold}/release", {"proceed": False})
    assert lin.get("/holds")["items"] == []
    assert lin.post(f"/holds/{hold}/release", {}, 409)["code"] == "already_decided"


def test_a_scenario_is_changed_in_part_and_guarded_by_its_version(world: World) -> None:
    di, path = world.client("di"), f"/scenarios/{world.hers['scenarios']}"
    before = di.get(path)
    changed = di.send("PATCH", path, {"max_days": 90, "max_people": None}, If_Match=f'"{before["version"]}"')
    assert (changed.status_code, changed.headers["ETag"]) == (200, f'"{before["version"] + 1}"')
    after = di.get(path)
    assert (after["max_days"], after["max_people"], after["title"]) == (90, None, before["title"])
    assert di.post(path, {"max_days": 80}, 412, "PATCH", If_Match='"1"')["code"] == "changed_since"
    assert di.post(path, {"title": None}, 422, "PATCH")["errors"][0]["field"] == "title"
    assert world.client("fang").post(f"/scenarios/{world.hers['open']}", {"max_days": 80}, 403, "PATCH")


def test_an_application_is_renamed_while_it_is_a_draft(world: World) -> None:
    fang, path = world.client("fang"), f"/trials/{world.hers['draft']}"
    fang.post(path, {"title": "Another name", "title_en": "Another"}, method="PATCH")
    fang.post(path, {"title_en": None}, method="PATCH")
    assert (fang.get(path)["title"], fang.get(path)["title_en"]) == ("Another name", None)
    assert fang.post(path, {"title": None}, 422, "PATCH")["errors"][0]["field"] == "title"
    running = f"/trials/{world.hers['running']}"
    assert fang.post(running, {"title": "x"}, 409, "PATCH")["code"] == "not_in_this_state"
