"""The permit's rules: who may go on, for how long that may be believed, and the same times for everyone who asks."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.cadence import TIERS
from sandbox.rules.lifecycle import STATES, Cause
from sandbox.rules.permit import (
    HOUR,
    STEPS,
    UNTESTED,
    VALIDITY,
    fallback_tested,
    issue_times,
    standing,
    validity,
)
from sandbox.words import LOCALES, say

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(("tier", "hours", "untested"), [("R1", 72, 1), ("R2", 72, 1), ("R3", 24, 1), ("R4", 1, .25)])
def test_a_permit_holds_as_long_as_its_tier_says_and_less_while_nothing_shows_that_it_stops(tier, hours, untested):
    assert validity(tier, True) == hours * HOUR
    assert validity(tier, False) == untested * HOUR


def test_every_tier_has_its_validity_and_none_is_longer_without_a_test():
    assert VALIDITY.keys() == UNTESTED.keys() == set(TIERS)
    assert all(UNTESTED[tier] <= VALIDITY[tier] for tier in VALIDITY)


def test_an_application_without_a_tier_is_answered_as_the_strictest():
    assert validity(None, True) == VALIDITY["R4"]


@pytest.mark.parametrize(("fallback", "days_ago", "tested"), [
    ("By hand", 0, True), ("By hand", 38, True), ("By hand", 39, False), ("By hand", None, False), (None, 3, False)])
def test_a_fallback_counts_while_it_is_named_and_its_test_is_recent(fallback, days_ago, tested):
    today = date(2026, 3, 2)
    assert fallback_tested(fallback, None if days_ago is None else today - timedelta(days=days_ago), today) is tested


@pytest.mark.parametrize("state", STATES)
def test_only_where_people_may_meet_the_system_is_there_a_permit(state):
    found = standing(state, NOW - DAY, NOW + DAY, None, NOW)
    assert found.active is (state in ("trial", "tune", "exit_review"))
    assert (found.cause is None) is found.active


@pytest.mark.parametrize("cause", [*Cause, "not_started", "winding_down", "ended"])
def test_every_cause_has_a_sentence_in_every_language(cause):
    found = standing("suspended", NOW, None, str(cause), NOW)
    assert all(say(found.sentence, locale) for locale in LOCALES)


def test_a_stopped_trial_says_its_cause():
    assert standing("suspended", NOW, NOW + DAY, "risk_red", NOW).cause == "risk_red"
    assert standing("retrospective", NOW, NOW + DAY, "cap_exceeded", NOW).cause == "cap_exceeded"


def test_a_trial_past_its_end_has_no_permit_even_before_the_clock_has_stopped_it():
    assert standing("trial", NOW - DAY, NOW, None, NOW) == standing("tune", NOW - DAY, NOW, None, NOW)
    assert standing("trial", NOW - DAY, NOW, None, NOW).cause == Cause.END_DATE_REACHED
    assert standing("trial", NOW - DAY, NOW + timedelta(seconds=1), None, NOW).active


def test_use_goes_on_sixty_days_in_the_exit_evaluation():
    assert standing("exit_review", NOW - 59 * DAY, NOW - DAY, None, NOW).until == NOW + DAY
    assert standing("exit_review", NOW - 60 * DAY, NOW - DAY, None, NOW).cause == Cause.END_DATE_REACHED


LASTS = st.sampled_from(sorted({*VALIDITY.values(), *UNTESTED.values()}))
INSTANTS = st.integers(0, 365 * 86400 * 10**6).map(lambda passed: NOW + timedelta(microseconds=passed))


@given(INSTANTS, LASTS, st.timedeltas(timedelta(0), 400 * DAY), st.timedeltas(timedelta(seconds=1), 90 * DAY))
def test_what_is_issued_holds_now_begins_no_earlier_than_its_state_and_ends_no_later_than_the_trial(now, lasts, ago,
                                                                                                    left):
    issued, expires = issue_times(now, now - ago, lasts, now + left)
    assert now - ago <= issued <= now < expires <= now + left
    assert expires - issued <= lasts
    assert expires == now + left or expires - now >= lasts * (STEPS - 1) / STEPS


@given(INSTANTS, LASTS, st.floats(0, 1, exclude_max=True))
def test_whoever_asks_within_one_step_gets_the_same_times(now, lasts, part):
    long_ago = now - 400 * DAY
    first = issue_times(now, long_ago, lasts, None)
    step = lasts / STEPS
    within = first[0] + min(part * step, step - timedelta.resolution)
    assert issue_times(within, long_ago, lasts, None) == first
    assert issue_times(first[0] + step, long_ago, lasts, None)[0] == first[0] + step
