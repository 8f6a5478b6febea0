"""The bench measures what it says: each way of filing keeps exactly what it accepted, and a claim passes or fails."""

from pathlib import Path

import pytest

from bench import group_commit, log
from bench.city import city, report
from bench.claim import Claim, Machine, Run, median_ratio, percentile
from sandbox.store.feedback import FeedbackFields


def test_both_ways_of_filing_keep_exactly_what_they_accept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(group_commit, "CALLERS", (2,))
    monkeypatch.setattr(group_commit, "ROUNDS", 2)
    claims = group_commit.claims(0.2)
    assert [claim.name.split(",")[0] for claim in claims] == ["2 callers filing"] * 3
    assert all(claim.ours > 0 and claim.ratio > 0 for claim in claims)


def test_the_truth_is_looked_at_and_a_lost_filing_would_be_seen(tmp_path: Path):
    with city(tmp_path, 1) as one:
        file = group_commit.through_the_door(one)
        for place in range(3):
            file(one.trials[0], place)
        group_commit.check(one, {one.trials[0]: 3})
        with pytest.raises(AssertionError):
            group_commit.check(one, {one.trials[0]: 4})


def test_the_bench_of_the_log_checks_a_check_that_would_see_a_change(tmp_path: Path):
    claims = log.claims(Run(0.1, 1, log.SLICE, "sqlite", tmp_path))
    assert [claim.unit for claim in claims] == ["/s", "s", "us"] and all(claim.ours > 0 for claim in claims)


def test_the_reports_of_a_trial_follow_each_other():
    first, second = (FeedbackFields.model_validate(report(place)) for place in (0, 1))
    assert first.period_end == second.period_start


@pytest.mark.parametrize(("claim", "passes"), [
    (Claim("more", 80, 10, 8.0, 8.0, "/s"), True), (Claim("more", 79, 10, 7.9, 8.0, "/s"), False),
    (Claim("less", 100, None, 100.0, 100.0, "ms", at_most=True), True),
    (Claim("less", 101, None, 101.0, 100.0, "ms", at_most=True), False),
])
def test_a_claim_passes_on_the_right_side_of_its_target(claim: Claim, passes: bool):
    assert claim.passes is passes
    assert claim.line().endswith("PASS" if passes else "FAIL")


def test_a_round_that_the_machine_spoiled_spoils_no_other():
    assert median_ratio([(10, 1), (9, 1), (0.1, 1)]) == 9
    assert percentile(list(range(100)), 0.99) == 99


def test_a_busy_machine_or_a_changing_disk_is_called_noisy():
    assert Machine((3.1, 1.0), (100, 100)).noisy
    assert Machine((0.1, 0.2), (100, 201)).noisy
    assert not Machine((0.1, 0.2), (100, 199)).noisy
