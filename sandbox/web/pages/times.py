"""Times as people say them: short days, ends of days, and what is left or late, with its urgency."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from babel import Locale
from babel.dates import format_date

from sandbox.web.reader import locale, program, t

SOON = timedelta(days=4)
IN_HOURS = timedelta(hours=72)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SHORT = {"zh_Hans": ("M 月 d 日", "y 年 M 月 d 日"), "zh_Hant": ("M 月 d 日", "y 年 M 月 d 日"),
         "en": ("d MMM", "d MMM y")}


@dataclass(frozen=True, slots=True)
class Due:
    """A due time in words; `urgency` is late, soon or nothing."""

    text: str
    urgency: str = ""


def now() -> datetime:
    """The program's instant."""
    return program().clock()


def day(at: datetime | date) -> str:
    """A day in the jurisdiction's zone, without its year while that is this year."""
    zone = program().settings.zone
    local = at.astimezone(zone).date() if isinstance(at, datetime) else at
    shapes = SHORT[locale()]
    pattern = shapes[0] if local.year == now().astimezone(zone).year else shapes[1]
    return format_date(local, pattern, locale=Locale.parse("en_GB" if locale() == "en" else locale()))


def last_day(at: datetime) -> date:
    """The last day before an end at 24:00, whole, for papers that are kept for years."""
    return whole_day(at - timedelta.resolution)


def whole_day(at: datetime) -> date:
    """The day in the jurisdiction's zone, said with its year."""
    return at.astimezone(program().settings.zone).date()


def moment(at: datetime) -> str:
    """Day and time; midnight is said as 24:00 of the day that ends."""
    local = at.astimezone(program().settings.zone)
    if local.time() == time():
        return t("page.time.moment", day=day(at - HOUR), time="24:00")
    return t("page.time.moment", day=day(at), time=local.strftime("%H:%M"))


def remaining(at: datetime) -> Due:
    """What is left until then, or how late it is, rounded down; hours up to three days, minutes up to two hours."""
    gap = at - now()
    if gap < timedelta(0):
        late = -gap
        return Due(_counted("late", late, 2 * DAY), "late")
    return Due(_counted("left", gap, IN_HOURS), "soon" if gap <= SOON else "")


def _counted(key: str, gap: timedelta, in_hours: timedelta) -> str:
    if gap < 2 * HOUR:
        return t(f"page.time.{key}_minutes", n=int(gap / MINUTE))
    if gap < in_hours:
        return t(f"page.time.{key}_hours", n=int(gap / HOUR))
    return t(f"page.time.{key}_days", n=int(gap / DAY))


def took(gap: timedelta) -> str:
    """How long something took: in minutes below an hour, in days from three on."""
    if gap < HOUR:
        return t("page.took.minutes", n=gap // MINUTE)
    return t("page.took.hours", n=gap // HOUR) if gap < IN_HOURS else t("page.took.days", n=gap // DAY)


def due(at: datetime) -> Due:
    """Until when, and what is left of it."""
    left = remaining(at)
    key = "page.time.was_due" if left.urgency == "late" else "page.time.due"
    return Due(t(key, moment=moment(at), left=left.text), left.urgency)


def due_day(at: datetime) -> Due:
    """Only the day while there is time; what is left when there is little."""
    left = remaining(at)
    return left if left.urgency else Due(day(at - HOUR))
