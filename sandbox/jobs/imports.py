"""Taking over a record kept elsewhere: files and a mapping in, adopted trials with their past out.

The proposal is pure (`rules/intake`); what is kept goes through two acts: `adopt_trial`, which waits for a second
regulator, and `import_feedback` per trial. Repeated, neither adds anything.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from sandbox.acts.adoption import AdoptGiven, AdoptionFields
from sandbox.acts.feedback import Imported, ImportGiven
from sandbox.jobs.program import Program
from sandbox.reads.records import source_keys
from sandbox.rules.access import Actor
from sandbox.rules.intake import (
    BadMapping,
    Event,
    Period,
    Proposal,
    Remark,
    Trial,
    propose,
    tables_for,
)
from sandbox.rules.intake import (
    Mapping as IntakeMapping,
)
from sandbox.store.dossier import AgreedFields, LimitRow
from sandbox.store.feedback import ImportedReport
from sandbox.store.incidents import ImportedEvent, IncidentKind
from sandbox.store.scenarios import ScenarioFields, ScenarioStatus
from sandbox.store.trials import Tier
from sandbox.words import Word, word

CHUNK = 2000
DAYS_IN_MONTH = 30.0
ANY_LIMIT = {"indicator": "harm_any", "per_exposure": 1.0}
"""Stands for the limits of the record where the mapping states none."""
PACE = 1.5
"""Without a stated rate, exposures per day may be half as many again as in the busiest month on record."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the city states for every trial it takes over, beside what its mapping agrees."""

    scenario_id: str | None = None
    tier: Tier = Tier.R3
    days: int = 180


class ImportReport(BaseModel):
    """What an import took, merged or refused. `decision` waits for a second regulator; then the same call again."""

    model_config = ConfigDict(frozen=True)

    mapping: str
    unit: str
    trials: int
    exposures: float
    events: int
    periods: int
    undefined: tuple[str, ...]
    decision: str | None
    adopted: int
    kept_reports: int
    kept_events: int
    repeated: int
    refused: tuple[dict[str, Any], ...]
    noted: tuple[dict[str, Any], ...]


Remarked = dict[str, Any]


class LinesRefused(Exception):
    """Files that cannot be taken as they are: nothing of them is kept, and each line in the way is named."""

    def __init__(self, remarks: Sequence[Remark]) -> None:
        super().__init__(f"{len(remarks)} refused")
        self.remarks = tuple(remarks)


def run_import(program: Program, actor: Actor, mapping: IntakeMapping, files: Iterable[tuple[str, bytes]],
               terms: Terms, *, dry_run: bool = False) -> tuple[ImportReport, tuple[Word, ...]]:
    """Read, propose, adopt, keep. Returns the report and its refused and noted lines as words, refused first.

    Raises LinesRefused where there is no trial in the files, and what the acts raise; nothing of a trial is kept before
    a second regulator has adopted it."""
    stated = _stated(mapping)
    tables = [table for name, content in files for table in tables_for(mapping, content, name)]
    proposal = propose(mapping, tables)
    unreadable, fitting = _fitting(proposal)
    if proposal.refused and not proposal.trials:
        raise LinesRefused(proposal.refused)
    if dry_run or not proposal.trials:
        return _report(proposal, unreadable), _words(proposal, unreadable)
    adoption = AdoptGiven(trials=[_adoption(proposal, one, terms, stated, _scenario(program, actor, mapping, terms))
                                  for one in proposal.trials])
    adopted = program.acts.do("adopt_trial", actor, adoption)
    kept = [] if adopted.decision else list(_keep(program, actor, proposal.mapping, fitting, adopted.trials))
    report = _report(proposal, unreadable, decision=adopted.decision, adopted=len(adopted.trials), kept=kept)
    return report, _words(proposal, unreadable)


def import_confirmed(program: Program, first: Actor, second: Actor | None, mapping: IntakeMapping,
                     files: Sequence[tuple[str, bytes]], terms: Terms) -> tuple[ImportReport, tuple[Word, ...]]:
    """An import by one regulator; where a second is at hand their vote adopts, and the record is kept at once."""
    report, remarks = run_import(program, first, mapping, files, terms)
    if report.decision is None or second is None:
        return report, remarks
    program.acts.do("vote_on_decision", second, {"value": "for"}, report.decision)
    return run_import(program, first, mapping, files, terms)


def _scenario(program: Program, actor: Actor, mapping: IntakeMapping, terms: Terms) -> str:
    """The stated scenario, or one made for this record: closed, since nobody applies to the past."""
    if terms.scenario_id:
        return terms.scenario_id
    key = f"import-scenario:{mapping.name}"
    given = ScenarioFields(title=mapping.name, description=mapping.title or mapping.name, unit=mapping.unit,
                           status=ScenarioStatus.CLOSED)
    return str(program.acts.do("publish_scenario", actor, given, key=key).id)


def _stated(mapping: IntakeMapping) -> dict[str, Any]:
    """What the mapping agrees of every trial, as the fields take it. Raises BadMapping with each wrong place."""
    try:
        whole = AgreedFields.model_validate({"limits": [ANY_LIMIT], **mapping.agreed, "unit": mapping.unit})
    except ValidationError as error:
        raise BadMapping(*(word(
            "intake.mapping_unknown_key" if one["type"] == "extra_forbidden" else "intake.mapping_wrong_value",
            where="/agreed/" + "/".join(map(str, one["loc"]))) for one in error.errors(include_url=False))) from error
    return {name: getattr(whole, name) for name in mapping.agreed}


def _adoption(proposal: Proposal, trial: Trial, terms: Terms, stated: Mapping[str, Any],
              scenario_id: str) -> AdoptionFields:
    periods = [one for one in proposal.periods if one.permit == trial.key]
    return AdoptionFields(
        title=trial.title[:200], scenario_id=scenario_id, organisation=trial.organisation, aliases=list(trial.aliases),
        tier=terms.tier, days=terms.days, rate_per_day=_pace(periods),
        **{**stated, "unit": proposal.unit, "limits": _limits(periods, stated.get("limits", ()))},
        source_key=f"{proposal.mapping}:{trial.key}",
        unverified="Adopted with its own record; exposures, events and limits were not verified here.",
    )


def _pace(periods: Iterable[Period]) -> float:
    busiest = max((float(one.exposures or 0) for one in periods), default=0.0)
    return max(busiest / DAYS_IN_MONTH * PACE, 1.0)


def _limits(periods: Sequence[Period], stated: Sequence[LimitRow]) -> list[LimitRow]:
    """The stated limits, and of each other indicator on record the trial's own past rate (at least one event in all its
    exposures)."""
    exposures = sum(float(one.exposures or 0) for one in periods)
    known = {one.indicator for one in stated}
    counted = {name: sum(one.events.get(name, 0) for one in periods)
               for name in dict.fromkeys(name for one in periods for name in one.events) if name not in known}
    return [*stated, *(LimitRow(indicator=name, per_exposure=min(1.0, max(k, 1) / max(exposures, 1.0)))
                       for name, k in counted.items())]


@dataclass(frozen=True, slots=True)
class Fitting:
    """What passes the program's own fields, by permit."""

    reports: dict[str, list[ImportedReport]]
    events: dict[str, list[ImportedEvent]]


def _fitting(proposal: Proposal) -> tuple[tuple[Remark, ...], Fitting]:
    """Reports and events that the fields take; each event that they do not is refused by its line."""
    fitting = Fitting({}, {})
    refused = []
    for period in proposal.periods:
        fitting.reports.setdefault(period.permit, []).append(ImportedReport(
            period_start=period.starts, period_end=period.ends, events=dict(period.events),
            exposures=None if period.exposures is None else float(period.exposures),
            source_key=f"{proposal.mapping}:{period.month:%Y-%m}"))
    for event in proposal.events:
        try:
            fitting.events.setdefault(event.permit, []).append(_event(event))
        except ValidationError as error:
            refused.append(Remark(event.file, event.line, str(error.errors()[0]["loc"][0]),
                                  word("intake.does_not_fit"), ""))
    return tuple(refused), fitting


def _event(event: Event) -> ImportedEvent:
    details = "; ".join(f"{name}: {value}" for name, value in event.details if value)
    return ImportedEvent(
        kind=IncidentKind.EVENT, indicator=event.indicator, occurred_at=event.occurred_at or _noon(event),
        description="\n".join(filter(None, (event.description, details))), source_key=event.key)


def _noon(event: Event) -> datetime:
    """Lists give days, not hours: noon keeps the day the same in every zone near it."""
    return datetime.combine(event.occurred_on, time(12), UTC)


def _keep(program: Program, actor: Actor, name: str, fitting: Fitting,
          trials: Mapping[str, str]) -> Iterator[Imported]:
    """What is not kept yet, in chunks of one act each; a trial whose record is complete gets no act at all."""
    for source_key, trial_id in trials.items():
        permit = source_key.removeprefix(f"{name}:")
        with program.reading() as connection:
            known = source_keys(connection, actor, trial_id)
        given = fitting.reports.get(permit, []), fitting.events.get(permit, [])
        reports = [one for one in given[0] if one.source_key not in known]
        events = [one for one in given[1] if one.source_key not in known]
        yield Imported(reports=0, events=0, repeated=len(given[0]) + len(given[1]) - len(reports) - len(events))
        for start in range(0, max(len(reports), len(events)), CHUNK):
            chunk = ImportGiven(reports=reports[start:start + CHUNK], events=events[start:start + CHUNK])
            yield program.acts.do("import_feedback", actor, chunk, trial_id)


def _report(proposal: Proposal, unreadable: Sequence[Remark], decision: str | None = None, adopted: int = 0,
            kept: Sequence[Any] = ()) -> ImportReport:
    return ImportReport(
        mapping=proposal.mapping, unit=proposal.unit, trials=len(proposal.trials),
        exposures=round(float(proposal.exposures), 1), events=len(proposal.events) - len(unreadable),
        periods=len(proposal.periods), decision=decision, adopted=adopted,
        undefined=tuple(f"{one.permit} {one.month:%Y-%m}" for one in proposal.undefined),
        kept_reports=sum(one.reports for one in kept), kept_events=sum(one.events for one in kept),
        repeated=sum(one.repeated for one in kept),
        refused=tuple(map(plain_remark, (*proposal.refused, *unreadable))),
        noted=tuple(map(plain_remark, proposal.noted)),
    )


def plain_remark(remark: Remark) -> Remarked:
    """A remark as a report has it."""
    return {"file": remark.file, "line": remark.line, "field": remark.field, "code": remark.code.key,
            "value": remark.value}


def _words(proposal: Proposal, unreadable: Sequence[Remark]) -> tuple[Word, ...]:
    return tuple(remark.word for remark in (*proposal.refused, *unreadable, *proposal.noted))
