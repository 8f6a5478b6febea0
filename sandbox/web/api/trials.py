"""Trials by API: list, apply, read, change, move; the light explained; taking over a pilot that already runs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.acts.adoption import AdoptGiven, AdoptionFields
from sandbox.acts.feedback import ImportGiven
from sandbox.reads import risk as lights
from sandbox.reads import trials as reads
from sandbox.rules.lifecycle import Stage
from sandbox.rules.needs import NEEDS
from sandbox.rules.risk import Light
from sandbox.store.trials import MoveFields, StateCode, TrialChange
from sandbox.web.api.asking import Paged, Text
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Finite, Listing, Shape, listed, whole
from sandbox.web.reader import actor, program, said, t
from sandbox.words import Word

rows = Rows("trials")


class TrialLine(Shape):
    """One trial in a list."""

    id: str
    title: str
    title_hant: str | None
    title_en: str | None
    organisation_id: str
    organisation: str
    scenario_id: str
    scenario: str
    state: str
    state_since: datetime
    stage: str
    light: str
    tier: str | None
    adopted: bool
    starts_at: datetime | None
    ends_at: datetime | None
    used_volume: float
    cap_volume: float | None
    unit: str
    reports: int
    incidents: int
    version: int


class Cap(Shape):
    """One capped dimension of exposure; `share` is null where nothing may be used at all."""

    dimension: str
    used: float
    cap: float
    share: Finite


class Suspension(Shape):
    """Why a stopped trial is stopped."""

    id: str
    cause: str
    other_causes: list[str]
    left: str
    at: datetime
    reason: str | None


class Trial(TrialLine):
    """One trial. `relation` is how the caller stands to it; `version` is its ETag."""

    relation: str
    left: str | None
    simplified: bool
    listed: bool | None
    environment: str | None
    unverified: str | None
    model_version: str | None
    round: int
    epoch: int
    running_since: datetime | None
    covered_until: datetime | None
    day_limit: int
    feedback_days: int | None
    review_days: int | None
    caps: list[Cap]
    suspension: Suspension | None
    created_at: datetime


class TrialQuery(Paged):
    """Filters of the list; `q` looks into number, titles and the firm's name."""

    state: StateCode | None = None
    stage: Stage | None = None
    firm: Text | None = None
    scenario: Text | None = None
    light: Light | None = None
    q: Text | None = None


@rows.shows("/trials")
def trials(connection: sa.Connection, query: TrialQuery) -> Listing[TrialLine]:
    """Trials that the caller may see, newest number first."""
    chosen = reads.TrialFilter(**query.model_dump(exclude={"cursor", "limit"}))
    found = reads.trials(connection, actor(), chosen, query.cursor, query.limit)
    return listed(found, lambda line: TrialLine(**{name: getattr(line, name) for name in TrialLine.model_fields}))


def trial_row(connection: sa.Connection, trial_id: str) -> dict[str, Any]:
    """The trial with the caller's relation to it. Raises NotFound."""
    found: dict[str, Any] = seen(reads.trial(connection, actor(), trial_id))
    return found


@rows.shows("/trials/<id>", versioned=True)
def trial(connection: sa.Connection, id: str) -> Trial:
    """One trial: state, times, tier, what of its caps is used, and why it is stopped when it is."""
    row = trial_row(connection, id)
    stop = reads.suspension(connection, row)
    return Trial.of(row, relation=row["relation"].value, caps=_caps(row), suspension=stop and Suspension.of(
        stop, other_causes=stop["other_causes"].split()))


def _caps(row: Mapping[Any, Any]) -> list[Cap]:
    return [Cap(**cap) for cap in lights.caps(row)]


rows.does("POST", "/trials", "apply", created=True, example={
    "title": "夜间配送", "title_en": "Delivery by night", "scenario_id": "sc_19c0f3a1d0a1b2c3d4e5f"})
rows.does("PATCH", "/trials/<id>", "change_trial", on="id", bodies=(TrialChange,), given=lambda body, ids: body,
          versioned=True, example={"title": "夜间配送(二期)"})


# Moves


class NeedLine(Shape):
    """A need that does not hold: what must be true, who can see to it, and where (`meet`: a section's kind, or one of
    panel, votes:<matter>, reviews, feedback, incidents, decision, clock)."""

    need: str
    message: str
    holder: str
    meet: str


class MoveLine(Shape):
    """A move from the present state. `permitted`: the caller is one of those who make it; `decision`: one already waits
    for a second regulator."""

    name: str
    label: str
    target: str
    by: list[str]
    four_eyes: bool
    permitted: bool
    unmet: list[NeedLine]
    decision: str | None


@rows.shows("/trials/<id>/moves")
def moves(connection: sa.Connection, id: str) -> Listing[MoveLine]:
    """What can happen next, who may do it, and every need that is not met."""
    row = trial_row(connection, id)
    return whole(reads.next_moves(connection, row, row["relation"], program().clock(), program().settings.place), _move)


def _move(found: reads.NextMove) -> MoveLine:
    move = found.move
    return MoveLine(name=move.name, label=t(f"move.{move.name}"), target=move.target, by=[one.value for one in move.by],
                    four_eyes=move.four_eyes, permitted=found.permitted, decision=found.decision,
                    unmet=[_need(name, sentence) for name, sentence in found.unmet.items()])


def _need(name: str, sentence: Word) -> NeedLine:
    return NeedLine(need=name, message=said(sentence), holder=NEEDS[name].holder, meet=NEEDS[name].meet)


rows.does("POST", "/trials/<id>/moves/<name>", "make_move", on="id", bodies=(MoveFields,),
          given=lambda body, ids: {**body, "move": ids["name"]}, example={"reason": "The dossier is complete."})


# Adoption


def _adopt(body: dict[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """One pilot, or several. One alone is validated here, so that its fields are named as they were sent."""
    if "trials" in body:
        return body
    AdoptionFields.model_validate(body)
    return {"trials": [body]}


rows.does("POST", "/trials/adopt", "adopt_trial", bodies=(AdoptionFields, AdoptGiven), given=_adopt, example={
    "title": "Night bus", "scenario_id": "sc_19c0f3a1d0a1b2c3d4e5f", "organisation": "海睿", "tier": "R2",
    "rate_per_day": 400.0, "limits": [{"indicator": "harm_S3", "per_exposure": 0.001}],
    "unverified": "Records before March were kept on paper.", "source_key": "permit-17"})
rows.does("POST", "/trials/<id>/imports", "import_feedback", on="id", bodies=(ImportGiven,))
