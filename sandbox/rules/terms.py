"""Which terms of a plan were in force when: what happened is judged by those of its own time.

in_turn(rows)                           versions out of (instant, terms), oldest first
pinned(version, versions, start, end)   whether a model version was pinned then, or shortly before
rolling_out(versions)                   former model versions, and until when each may still be used
placed(region, site, versions, …)       whether both places were agreed on then
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.rules.cadence import DAY
from sandbox.rules.places import Agreed, agreed
from sandbox.rules.reporting import same_version

ROLL_OUT = 7 * DAY
"""How long after a change of the pin the version before it may still be told of: it was agreed on, and nothing is
rolled out everywhere at once."""


@dataclass(frozen=True, slots=True)
class Version:
    """What a version of the terms says of a single report, and until when it was in force (None: it still is). The
    first counts from the beginning of time: a trial's first day has hours before its start."""

    since: datetime | None
    until: datetime | None
    model_version: str | None
    regions: Agreed
    sites: Agreed


def in_turn(rows: Iterable[tuple[datetime, Mapping[str, Any]]]) -> tuple[Version, ...]:
    """The versions that follow each other from these instants on."""
    begun = list(rows)
    until = [at for at, _ in begun[1:]] + [None]
    return tuple(Version(at if place else None, over, terms.get("model_version"), agreed(terms.get("regions")),
                         agreed(terms.get("sites")))
                 for place, ((at, terms), over) in enumerate(zip(begun, until, strict=True)))


def pinned(version: str | None, versions: Sequence[Version], start: datetime, end: datetime) -> bool:
    """Whether this model version was the pinned one at some instant of that time, or shortly before it."""
    return any(same_version(version, one.model_version) for one in _during(versions, start - ROLL_OUT, end))


def rolling_out(versions: Sequence[Version]) -> tuple[tuple[str, datetime], ...]:
    """Every model version that was pinned before the one that is, and the end of its time of rolling out, in turn. One
    that is pinned again is former no more, and of two times of the same version the later counts."""
    now = versions[-1].model_version if versions else None
    if now is None:
        return ()
    found: dict[str, datetime] = {}
    for one in versions:
        if one.until is not None and one.model_version and not same_version(one.model_version, now):
            found[one.model_version] = one.until + ROLL_OUT
    return tuple(sorted(found.items(), key=lambda item: item[1]))


def placed(region: str | None, site: str | None, versions: Sequence[Version], start: datetime, end: datetime) -> bool:
    """Whether both places were agreed on at some instant of that time."""
    during = list(_during(versions, start, end))
    return (not region or any(one.regions.allows(region) for one in during)) \
        and (not site or any(one.sites.allows(site) for one in during))


def _during(versions: Sequence[Version], start: datetime, end: datetime) -> Iterator[Version]:
    return (one for one in versions
            if (one.since is None or one.since < end) and (one.until is None or one.until > start))
