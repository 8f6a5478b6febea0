"""When a message may arrive: not in the recipient's quiet hours, nor on a day off for those who ask."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from sandbox.rules.working_days import Calendar, is_working

DAY = timedelta(days=1)
DIGEST_HOUR = 8


@dataclass(frozen=True, slots=True)
class Quiet:
    """One person's hours: quiet from one full hour until another, also over midnight; none where they are the same."""

    starts: int = 22
    ends: int = 7
    working_days: bool = False

    def covers(self, hour: int) -> bool:
        """Whether the hour is quiet."""
        if self.starts <= self.ends:
            return self.starts <= hour < self.ends
        return hour >= self.starts or hour < self.ends


def may_arrive(at: datetime, quiet: Quiet, zone: tzinfo, calendar: Calendar) -> datetime:
    """The first instant from `at` on that is neither quiet nor, where that is asked, on a day off; in UTC."""
    local = at.astimezone(zone)
    while True:
        if quiet.working_days and not is_working(local.date(), calendar):
            local = datetime.combine(local.date() + DAY, time(), zone)
        elif quiet.covers(local.hour):
            day = local.date() + DAY * (quiet.ends <= local.hour)
            local = datetime.combine(day, time(quiet.ends), zone)
        else:
            return local.astimezone(UTC)


def next_digest(at: datetime, zone: tzinfo) -> datetime:
    """The next full DIGEST_HOUR after `at`, at which what has gathered is told in one; in UTC."""
    local = at.astimezone(zone)
    day = local.date() + DAY * (local.hour >= DIGEST_HOUR)
    return datetime.combine(day, time(DIGEST_HOUR), zone).astimezone(UTC)
