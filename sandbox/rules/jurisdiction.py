"""Where the sandbox stands: whose procedure it follows, in which zone its days end, and whose working days count."""

from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

from sandbox.rules.working_days import Calendar


class Profile(StrEnum):
    """Whose law and words: a Chinese city's, or those of an authority under the AI Act."""

    CN_CITY = "cn-city"
    EU_AUTHORITY = "eu-authority"


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """One sandbox's place: fields and clocks by profile, 24:00 by zone, working days by calendar. `tacit`: whether a
    plan that nobody decided in its time is approved (AI Act Art. 60(4)(b))."""

    profile: Profile
    zone: tzinfo
    calendar: Calendar
    tacit: bool = False


CITY = Jurisdiction(Profile.CN_CITY, ZoneInfo("Asia/Shanghai"), Calendar("CN"))
"""What the settings say unless they are told otherwise."""
