"""What anyone may read: trials that have started, by number or by the code on their permit. No light is known here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.reads.trials import suspension
from sandbox.rules.permit import Standing, standing
from sandbox.rules.publication import FEWEST, PUBLISHED, cause_published_at, manner, sentence
from sandbox.store.organisations import ORGANISATIONS, OrganisationKind
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.sections import SECTION_ROWS, in_force
from sandbox.store.trials import TRIALS
from sandbox.words import Word

CAPS = (("volume", "cap_volume", "used_volume"), ("people", "cap_people", "used_people"))
COLUMNS = (
    *(TRIALS.c[name] for name in (
        "id", "title", "title_hant", "title_en", "state", "state_since", "starts_at", "ends_at", "day_limit", "unit",
        "model_version", "plan_version", "exposure_version", "adopted", "unverified", "verify_code", "suspension_id",
        "organisation_id", "cap_volume", "cap_people", "used_volume", "used_people")),
    ORGANISATIONS.c.name.label("organisation"), ORGANISATIONS.c.code.label("organisation_code"),
    SCENARIOS.c.title.label("scenario"), SCENARIOS.c.title_hant.label("scenario_hant"),
    SCENARIOS.c.title_en.label("scenario_en"),
)


@dataclass(frozen=True, slots=True)
class PublicTrial:
    """One trial as anyone may know it. `cause` is None while it is not public yet; `told` holds the published fields of
    the firm's papers; `counts` what is agreed and, from ten up, what is used of it."""

    row: Mapping[str, Any]
    manner: str
    cause: str | None
    sentence: Word
    told: Mapping[str, str]
    counts: tuple[dict[str, Any], ...]


def _started() -> sa.Select[Any]:
    return sa.select(*COLUMNS).join(ORGANISATIONS, ORGANISATIONS.c.id == TRIALS.c.organisation_id).join(
        SCENARIOS, SCENARIOS.c.id == TRIALS.c.scenario_id).where(TRIALS.c.verify_code.is_not(None))


def by_code(connection: sa.Connection, code: str, now: datetime, zone: tzinfo) -> PublicTrial | None:
    """The trial that a permit's code belongs to, or None."""
    return _one(connection, TRIALS.c.verify_code == code, now, zone)


def by_number(connection: sa.Connection, trial_id: str, now: datetime, zone: tzinfo) -> PublicTrial | None:
    """A trial that has started, by its number, or None."""
    return _one(connection, TRIALS.c.id == trial_id, now, zone)


def _one(connection: sa.Connection, which: sa.ColumnElement[bool], now: datetime, zone: tzinfo) -> PublicTrial | None:
    row = connection.execute(_started().where(which)).mappings().first()
    if row is None:
        return None
    stopped = suspension(connection, row)
    return _public(row, stopped, _told(connection, row), now, zone)


def _public(row: Mapping[Any, Any], stopped: Mapping[str, Any] | None, told: Mapping[str, str], now: datetime,
            zone: tzinfo) -> PublicTrial:
    stands = standing(row["state"], row["state_since"], row["ends_at"], stopped["cause"] if stopped else None, now)
    later = cause_published_at(stopped["at"], zone) if stopped else None
    return PublicTrial(dict(row), manner(row["state"], stands), _cause(stands, later, now),
                       sentence(stands, later, now, zone), told, tuple(_counts(row)))


def _cause(stands: Standing, later: datetime | None, now: datetime) -> str | None:
    return None if later is not None and now < later else stands.cause


def _counts(row: Mapping[Any, Any]) -> list[dict[str, Any]]:
    return [{"dimension": name, "agreed": row[cap], "used": row[used] if row[used] >= FEWEST else None}
            for name, cap, used in CAPS if row[cap] is not None]


def _told(connection: sa.Connection, row: Mapping[Any, Any]) -> dict[str, str]:
    """The published fields by their names, of the last version of each section."""
    query = sa.select(SECTION_ROWS.c.kind, SECTION_ROWS.c.body).where(
        SECTION_ROWS.c.trial_id == row["id"], SECTION_ROWS.c.kind.in_(PUBLISHED),
        in_force(row)).order_by(SECTION_ROWS.c.version)
    bodies = {one.kind: one.body for one in connection.execute(query)}
    return {name: bodies[kind][name] for kind, names in PUBLISHED.items() if kind in bodies
            for name in names if bodies[kind].get(name)}


@dataclass(frozen=True, slots=True)
class PublicLine:
    """One trial in the public list."""

    row: Mapping[str, Any]
    manner: str


def register(connection: sa.Connection, now: datetime, cursor: str | None = None, limit: int = 50,
             q: str | None = None) -> Page[PublicLine]:
    """Trials that have started, newest number first. `q` looks into number, titles and the firm's name."""
    query = _started()
    if q:
        columns = (TRIALS.c.id, TRIALS.c.title, TRIALS.c.title_hant, TRIALS.c.title_en, ORGANISATIONS.c.name)
        query = query.where(sa.or_(*(column.icontains(q, autoescape=True) for column in columns)))
    return keyset(connection, query, TRIALS.c.id, cursor, lambda row: _line(row, now), limit)


def _line(row: Mapping[Any, Any], now: datetime) -> PublicLine:
    return PublicLine(dict(row), manner(row["state"], standing(row["state"], row["state_since"], row["ends_at"], None,
                                                              now)))


def office(connection: sa.Connection) -> str:
    """The name of the authority that keeps this sandbox: the first that was entered."""
    found = connection.execute(sa.select(ORGANISATIONS.c.name).where(
        ORGANISATIONS.c.kind == OrganisationKind.AUTHORITY).order_by(ORGANISATIONS.c.id).limit(1)).scalar()
    return found or ""
