"""Outcomes by group (群体差异) as reports arrive: each report is a block, its bet fixed by the blocks before it.

What is compared is fixed when the first block arrives: the groups that the plan names, or those of that block, each
against one reference. Favourable outcomes as a ratio; true and false positives, where labels exist, as a difference.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.rules.disparity import GAP, Both, Side, after, both, mean
from sandbox.store.batches import KEPT
from sandbox.store.engine import Statement
from sandbox.store.evidence import STATES
from sandbox.store.feedback import FEEDBACK
from sandbox.store.trials import LIMITS

INDICATOR = "disparity"
TESTS = {"favourable": ("favourable", "n"), "true_positives": ("true_positives", "positives"),
         "false_positives": ("false_positives", "negatives")}
"""What is compared: the field that counts, and its denominator."""

_body = Statement(sa.select(STATES.c.groups).where(
    STATES.c.trial_id == sa.bindparam("trial_id"), STATES.c.epoch == sa.bindparam("epoch"),
    STATES.c.indicator == sa.bindparam("indicator")))
_write = Statement(sa.text(
    "INSERT INTO states (trial_id, epoch, indicator, closed, events, exposures, chain, groups) "
    "VALUES (:trial_id, :epoch, :indicator, 0, 0, 0.0, '', :groups) "
    "ON CONFLICT (trial_id, epoch, indicator) DO UPDATE SET groups = excluded.groups").bindparams(
        sa.bindparam("groups", type_=STATES.c.groups.type)))


def compare(act: Act, report: Mapping[str, Any], epoch: int) -> None:
    """Add a report that has just arrived to the comparisons of its epoch."""
    found = _body.run(act.connection, _key(act, epoch)).fetchone()
    body = found and (orjson.loads(found[0]) if isinstance(found[0], str | bytes) else found[0])
    if body != {}:
        _keep(act, epoch, taken_in(body or begun(terms(act), limit(act)), report["groups"]))


def forget_groups(act: Act, epoch: int) -> None:
    """A report was taken back or corrected: everything is compared anew, in order of arrival, at the assessment."""
    _keep(act, epoch, {})


def recompare(act: Act, epoch: int) -> None:
    """All reports of an epoch, in the order in which they arrived."""
    body = begun(terms(act), limit(act))
    rows = act.connection.execute(sa.select(FEEDBACK.c.groups).where(
        FEEDBACK.c.trial_id == act.trial["id"], FEEDBACK.c.epoch == epoch, KEPT).order_by(
        FEEDBACK.c.at, FEEDBACK.c.id))
    for groups in rows.scalars():
        if groups:
            body = taken_in(body, groups)
    _keep(act, epoch, body)


def terms(act: Act) -> dict[str, Any]:
    """What the plan says of groups: by attribute the reference and the groups; empty where it names none."""
    found = act.connection.execute(sa.select(LIMITS.c.terms).where(
        LIMITS.c.trial_id == act.trial["id"], LIMITS.c.indicator == INDICATOR)).scalar()
    return found or {}


def limit(act: Act) -> float:
    """The agreed ratio of favourable outcomes."""
    return float(act.connection.execute(sa.select(LIMITS.c.per_exposure).where(
        LIMITS.c.trial_id == act.trial["id"], LIMITS.c.indicator == INDICATOR)).scalar_one())


def begun(named: Mapping[str, Any], ratio: float) -> dict[str, Any]:
    """Comparisons before any block."""
    return {"log_e": 0.0, "ratio": ratio, "gap": named.get("gap", GAP), "named": named.get("attributes", {}),
            "sides": {}}


def taken_in(body: dict[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The comparisons after one more block. Those of the first block stand for good: one that joined later would
    change what the mean is of."""
    blocks = _by_attribute(rows)
    first = not body["sides"]
    sides: dict[str, list[list[float]]] = dict(body["sides"])
    for attribute, groups in blocks.items():
        reference = _reference(body["named"].get(attribute), groups)
        for group, test in _compared(groups, reference, body["named"].get(attribute)):
            key = "\t".join((attribute, group, reference, test))
            if first or key in sides:
                pair = _pair(sides.get(key), test, body)
                sides[key] = _flat(after(pair, (*_counts(groups.get(group), test), *_counts(groups[reference], test))))
    pairs = [_pair(flat, key.rsplit("\t", 1)[1], body) for key, flat in sides.items()]
    return {**body, "sides": sides, "log_e": mean(pairs)}


def _by_attribute(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Mapping[str, Any]]]:
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["attribute"], {})[row["group"]] = row
    return found


def _reference(named: Mapping[str, Any] | None, groups: Mapping[str, Mapping[str, Any]]) -> str:
    """The group the plan names, otherwise the largest of the block."""
    if named and named["reference"] in groups:
        return str(named["reference"])
    return max(sorted(groups), key=lambda group: groups[group]["n"])


def _compared(groups: Mapping[str, Mapping[str, Any]], reference: str,
              named: Mapping[str, Any] | None) -> Iterable[tuple[str, str]]:
    others = (named or {}).get("groups") or sorted(groups)
    for group in others:
        for test, (field, _) in TESTS.items():
            if group != reference and groups[reference].get(field) is not None:
                yield group, test


def _counts(row: Mapping[str, Any] | None, test: str) -> tuple[int, int]:
    hit, whole = (row.get(name) or 0 for name in TESTS[test]) if row else (0, 0)
    return min(hit, whole), whole


def _pair(flat: list[list[float]] | None, test: str, body: Mapping[str, Any]) -> Both:
    ratio = test == "favourable"
    bound = body["ratio"] if ratio else body["gap"]
    if flat is None:
        return both(ratio, bound)
    one, other = [Side(ratio, bound, int(x_a), int(n_a), int(x_b), int(n_b), log)
                  for x_a, n_a, x_b, n_b, log in flat]
    return one, other


def _flat(pair: Both) -> list[list[float]]:
    return [[side.x_a, side.n_a, side.x_b, side.n_b, side.log_e] for side in pair]


def _key(act: Act, epoch: int) -> dict[str, Any]:
    return {"trial_id": act.trial["id"], "epoch": epoch, "indicator": INDICATOR}


def _keep(act: Act, epoch: int, body: dict[str, Any]) -> None:
    _write.run(act.connection, {**_key(act, epoch), "groups": body})
