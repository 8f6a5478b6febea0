"""Reports and time by API: a held filing is a 409 with its consequence, and where each period stands is told."""

from datetime import timedelta

from api_world import World, city  # noqa: F401 the fixture `world`
from cast import START

DAY = timedelta(days=1)


def report(version: str = "2.4.1", site: str = "Sixth street") -> dict[str, object]:
    return {"period_start": START.isoformat(), "period_end": (START + DAY).isoformat(), "exposures": 10.0,
            "site": site, "model_version": version}


def test_a_filing_that_is_held_answers_that_it_waits_to_be_confirmed(world: World) -> None:
    fang, path = world.client("fang"), f"/trials/{world.hers['running']}/feedback"
    said = fang.post(path, report("9"), 409, Idempotency_Key="held-1")
    assert (said["code"], said["held"]["doubts"], said["held"]["causes"]) == (
        "confirm_required", ["other_version"], ["unsafe_version"])
    assert "pause the trial" in said["title"] and len(said["reasons"]) == 2
    assert fang.post(path, report("9"), 409, Idempotency_Key="held-1") == said
    assert fang.post(f"{path}?dry_run=1", report("9"), 200)["held"]["causes"] == ["unsafe_version"]
    seen = world.client("lin").get(f"/held/{said['held']['id']}")
    assert (seen["state"], seen["body"]["model_version"]) == ("waiting", "9")
    done = fang.post(f"/held/{said['held']['id']}/withdrawal", {"reason": "A typing error"})
    assert done["state"] == "trial"
    states = fang.get(f"/trials/{world.hers['running']}/held?state=withdrawn")["items"]
    assert [one["id"] for one in states] == [said["held"]["id"]]


def test_each_period_says_where_its_reporting_stands_and_what_is_untold(world: World) -> None:
    found = world.client("fang").get(f"/trials/{world.hers['running']}/periods")["items"]
    assert [(one["number"], one["standing"]) for one in found] == [(2, "not_due"), (1, "missing")]
    assert found[1]["untold"][0]["start"] == (START + 7 * DAY).isoformat().replace("+00:00", "Z")


def test_a_report_is_taken_back_by_the_word_of_a_reviewer(world: World) -> None:
    fang, rui = world.client("fang"), world.client("rui")
    filed = fang.post(f"/trials/{world.hers['running']}/feedback", report(site="Fifth street"), 201)["id"]
    asked = fang.post(f"/feedback/{filed}/retraction", {"why": "spurious", "reason": "A test run"}, 201)
    assert rui.get(f"/retractions/{asked['id']}")["state"] == "waiting"
    rui.post(f"/retractions/{asked['id']}/decision", {"accept": True, "reason": "Seen in the log"})
    assert fang.get(f"/feedback/{filed}")["retracted"] is True
