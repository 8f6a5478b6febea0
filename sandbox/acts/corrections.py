"""Corrections of feedback: the old version stays; what softens the record counts only on an officer's evidence."""

from collections.abc import Mapping
from typing import Any

from sandbox.acts.act import Act, Done, act
from sandbox.acts.extra_reviews import look_at_measures
from sandbox.acts.feedback import check_named, trip_by_rule
from sandbox.acts.itemising import look_at_grave, tells_of_grave
from sandbox.acts.light import assess, count
from sandbox.acts.places import recount_places
from sandbox.acts.refusals import Refused
from sandbox.acts.usage import use
from sandbox.store.clocks import ClockOutcome
from sandbox.store.feedback import (
    CORRECTIONS,
    FEEDBACK,
    CorrectionDecision,
    CorrectionFields,
    CorrectionState,
    FeedbackFields,
)


class Corrected(Done):
    """The correction's id and whether it counts already."""

    id: str
    state: str
    light: str


@act(on="feedback")
def correct_feedback(act: Act, given: CorrectionFields) -> Corrected:
    """Say what a report should have been. One that softens the record waits for an officer, or a firm clears itself."""
    old, new = act.row(FEEDBACK, act.object_id or ""), given.report
    if old["retracted"]:
        raise Refused("retracted")
    if old["epoch"] == 0 or (old["period_start"], old["period_end"], old["site"]) \
            != (new.period_start, new.period_end, new.site):
        raise Refused("other_period")
    softer = softens(old, new)
    correction = act.id("co")
    check_named(act, new)
    act.insert(CORRECTIONS, {
        "id": correction, "trial_id": act.trial["id"], "feedback_id": old["id"], "before": _as_given(old).plain(),
        "version": None if softer else old["version"] + 1,
        "state": (CorrectionState.WAITING if softer else CorrectionState.APPLIED).value, "after": new.plain(),
        "reason": given.reason, "author_id": act.actor.id, "at": act.now,
    })
    if not softer:
        _apply(act, old, new)
    return Corrected(id=correction, state="waiting" if softer else "applied", light=act.trial["light"])


def _as_given(report: Mapping[str, Any]) -> FeedbackFields:
    """A kept report as it would be given."""
    return FeedbackFields.model_validate({name: report[name] for name in FeedbackFields.model_fields})


def softens(old: Mapping[str, Any], new: FeedbackFields) -> bool:
    """Fewer events or people, another denominator, group, distribution, measure, version or region, less used of a cap,
    or words taken away: each can lower the evidence, make room or make light of what was told, so only what adds
    events, people, measures or words counts at once."""
    fewer = any(new.events.get(name, 0) < number for name, number in (old["events"] or {}).items())
    less = any((getattr(new, name) or 0) < (old[name] or 0) for name in ("people", "people_new", "hours", "money"))
    plain, was = new.plain(), _as_given(old).plain()
    unsaid = any(plain["metrics"].get(name) != value for name, value in was["metrics"].items()) \
        or (was["narrative"] or "") not in (plain["narrative"] or "")
    other = any(plain[name] != was[name] for name in (
        "exposures", "reviewed", "labelled", "groups", "distributions", "model_version", "region"))
    return fewer or less or unsaid or other


@act(on="correction")
def decide_correction(act: Act, given: CorrectionDecision) -> Corrected:
    """An officer accepts a softening correction on evidence, or refuses it; only then does it count."""
    correction = act.row(CORRECTIONS, act.object_id or "")
    if correction["state"] != CorrectionState.WAITING:
        raise Refused("already_decided")
    report = act.row(FEEDBACK, correction["feedback_id"])
    if given.accept and (report["retracted"] or _as_given(report).plain() != correction["before"]):
        raise Refused("changed_since")
    state = (CorrectionState.APPLIED if given.accept else CorrectionState.REFUSED).value
    act.update(CORRECTIONS, correction["id"], state=state, decided_by=act.actor.id, decided_at=act.now,
               decision_reason=given.reason, version=report["version"] + 1 if given.accept else None)
    if given.accept:
        _apply(act, report, FeedbackFields.model_validate(correction["after"]))
    return Corrected(id=correction["id"], state=state, light=act.trial["light"])


def _apply(act: Act, old: Mapping[str, Any], new: FeedbackFields) -> None:
    """Take the old report off the counters and put the new one on; the row shows the corrected figures."""
    count(act, old, old["epoch"], sign=-1)
    use(act, old, sign=-1)
    after = {**new.plain(), "period_start": new.period_start, "period_end": new.period_end}
    act.update(FEEDBACK, old["id"], **after, version=old["version"] + 1)
    count(act, after, old["epoch"])
    use(act, after)
    if old["region"] != new.region:
        recount_places(act)
    trip_by_rule(act, new)
    if tells_of_grave(old["events"], new.events):
        look_at_grave(act, old["id"], ClockOutcome.VOID)
    look_at_measures(act, new.metrics, new.site)
    assess(act)
