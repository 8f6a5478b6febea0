"""What an import would add: trials, their months, their events; and every line refused or worth naming.

A proposal decides nothing and keeps nothing.
"""

from collections.abc import Mapping as Names
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sandbox.rules.intake.table import Remark


@dataclass(frozen=True, slots=True)
class Trial:
    """One permit. The organisation is the name seen most, `aliases` are its other spellings in order of appearance."""

    key: str
    title: str
    organisation: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """One month of one permit, from `starts` up to and not including `ends`, both in the mapping's zone.

    `exposures` is None when the lists give no number for the month. `events` holds what was declared or, where no list
    declares, what was itemised; an indicator is absent, not zero, when no list spoke of it.
    """

    permit: str
    month: date
    starts: datetime
    ends: datetime
    exposures: Decimal | None
    events: Names[str, int]

    @property
    def undefined(self) -> bool:
        """Something happened on no known exposures: the rate is not a number, and not zero."""
        return not self.exposures and any(self.events.values())


@dataclass(frozen=True, slots=True)
class Event:
    """One row of an incident list. `key` is the same at every import of the row, and differs for rows alike in all."""

    key: str
    permit: str
    indicator: str
    occurred_on: date
    occurred_at: datetime | None
    month: date
    description: str
    details: tuple[tuple[str, str], ...]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """Trials by key, periods by permit and month, events and remarks in the order of the files."""

    mapping: str
    unit: str
    trials: tuple[Trial, ...]
    periods: tuple[Period, ...]
    events: tuple[Event, ...]
    refused: tuple[Remark, ...]
    noted: tuple[Remark, ...]

    @property
    def exposures(self) -> Decimal:
        """The sum of all that the lists give."""
        return sum((period.exposures or Decimal(0) for period in self.periods), Decimal(0))

    @property
    def undefined(self) -> tuple[Period, ...]:
        """The periods whose rate is undefined."""
        return tuple(period for period in self.periods if period.undefined)
