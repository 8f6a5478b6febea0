"""The permit (运行凭证): whether a trial may be used now, for how long that may be believed, and why not when not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from sandbox.rules.lifecycle import RUNNING, STATES, Cause, Stage
from sandbox.words import Word, word

HOUR = timedelta(hours=1)
VALIDITY: Mapping[str, timedelta] = MappingProxyType({
    "R1": 72 * HOUR, "R2": 72 * HOUR, "R3": 24 * HOUR, "R4": HOUR})
"""How long a permit may be believed without asking again, so that our own outage stops no trial."""
UNTESTED: Mapping[str, timedelta] = MappingProxyType({
    "R1": HOUR, "R2": HOUR, "R3": HOUR, "R4": HOUR / 4})
"""The same while no recent test shows that the fallback works: the longer a system may run unseen, the surer it must be
that it can be stopped."""
TESTED_WITHIN = timedelta(days=38)
"""As long as the kill switch's own clock allows between two tests."""
STEPS = 12
"""A permit is made anew this often within its validity: who asks gets one with at least eleven twelfths of it left."""
EXIT_DAYS = 60
"""Use goes on this long in the exit evaluation, without new people."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the trial may be used, until when at most, and the cause from a closed list when it may not."""

    active: bool
    until: datetime | None = None
    cause: str | None = None

    @property
    def sentence(self) -> Word:
        """The cause as one sentence that says nothing about harm."""
        return word(f"cause.{self.cause}" if self.cause in set(Cause) else f"permit.{self.cause or 'active'}")


def standing(state: str, since: datetime, ends_at: datetime | None, cause: str | None, now: datetime) -> Standing:
    """How a trial stands at an instant. `since` is when it came into its state, `cause` why it is stopped."""
    if not STATES[state].exposed:
        return Standing(False, cause=cause or _why_not(state))
    until = ends_at if state in RUNNING else since + timedelta(days=EXIT_DAYS)
    if until is not None and now >= until:
        return Standing(False, cause=Cause.END_DATE_REACHED.value)
    return Standing(True, until)


def _why_not(state: str) -> str:
    if STATES[state].final:
        return "ended"
    return "not_started" if STATES[state].stage is Stage.ENCOURAGE else "winding_down"


def fallback_tested(fallback: str | None, tested_on: date | None, today: date) -> bool:
    """Whether what replaces the system is named, and a test of the stop is no older than its clock allows."""
    return bool(fallback) and tested_on is not None and today - tested_on <= TESTED_WITHIN


def validity(tier: str | None, tested: bool) -> timedelta:
    """How long a permit holds; a trial without a tier yet has none to hold, and is answered as the strictest."""
    return (VALIDITY if tested else UNTESTED)[tier or "R4"]


def issue_times(now: datetime, since: datetime, lasts: timedelta, until: datetime | None) -> tuple[datetime, datetime]:
    """When the permit of this moment was issued and when it expires: the same for every caller and every process until
    the next step, never before the trial came into its state, never past its end."""
    step = lasts / STEPS
    issued = max(EPOCH + (now - EPOCH) // step * step, since)
    return issued, min(issued + lasts, until) if until else issued + lasts


def new_people(state: str) -> bool:
    """Whether people who have not met the system may do so now."""
    return state in RUNNING
