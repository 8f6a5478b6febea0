"""Outcomes by group (群体差异) as reports arrive: each report is a block, its bet fixed by the blocks before it.

What is compared are the attributes that the plan names, each against the reference it names; a plan without any takes
every attribute, against the largest group of the first block that has two. A group joins when it is first told of.
Favourable outcomes are compared as a ratio; true and false positives, where labels exist, as a difference.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.rules.disparity import GAP, Both, Side, after, both, joined, together
from sandbox.store.batches import KEPT
from sandbox.store.engine import Statement
from sandbox.store.evidence import STATES
from sandbox.store.feedback import FEEDBACK
from sandbox.store.trials import LIMITS

INDICATOR = "disparity"
TESTS = {"favourable": ("favourable", "n"), "true_positives": ("true_positives", "positives"),
         "false_positives": ("false_positives", "negatives")}
"""What is compared: the field that counts, and its denominator."""
MOST = 500
"""So many comparisons an epoch keeps; `full` says that there were more."""

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
        _keep(act, epoch, taken_in(body or begun(references(act), limit(act)), report["groups"]))


def forget_groups(act: Act, epoch: int) -> None:
    """A report was taken back or corrected: everything is compared anew, in order of arrival, at the assessment."""
    _keep(act, epoch, {})


def recompare(act: Act, epoch: int) -> None:
    """All reports of an epoch, in the order in which they arrived."""
    body = begun(references(act), limit(act))
    rows = act.connection.execute(sa.select(FEEDBACK.c.groups).where(
        FEEDBACK.c.trial_id == act.trial["id"], FEEDBACK.c.epoch == epoch, KEPT).order_by(
        FEEDBACK.c.at, FEEDBACK.c.id))
    for groups in rows.scalars():
        if groups:
            body = taken_in(body, groups)
    _keep(act, epoch, body)


def references(act: Act) -> dict[str, str]:
    """The attributes that the plan names, each with its reference."""
    found = act.connection.execute(sa.select(LIMITS.c.terms).where(
        LIMITS.c.trial_id == act.trial["id"], LIMITS.c.indicator == INDICATOR)).scalar()
    return {attribute: row["reference"] for attribute, row in ((found or {}).get("attributes") or {}).items()}


def limit(act: Act) -> float:
    """The agreed ratio of favourable outcomes."""
    return float(act.connection.execute(sa.select(LIMITS.c.per_exposure).where(
        LIMITS.c.trial_id == act.trial["id"], LIMITS.c.indicator == INDICATOR)).scalar_one())


def begun(named: Mapping[str, str], ratio: float) -> dict[str, Any]:
    """Comparisons before any block."""
    return {"log_e": 0.0, "ratio": ratio, "named": bool(named), "references": dict(named), "sides": {}, "stakes": {},
            "full": False}


def taken_in(body: dict[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The comparisons after one more block. What is told of for the first time joins before the block counts; of a
    group that the block leaves out only the reference's outcomes are added."""
    blocks = _by_attribute(rows)
    against = body["references"] if body["named"] else {**_largest(blocks), **body["references"]}
    body = _with_joined({**body, "references": against}, blocks)
    sides: dict[str, list[list[float]]] = dict(body["sides"])
    for key in sides:
        attribute, group, reference, test = key.split("\t")
        if groups := blocks.get(attribute):
            block = (*_counts(groups.get(group), test), *_counts(groups.get(reference), test))
            sides[key] = _flat(after(_pair(sides[key], test, body["ratio"]), block))
    return {**body, "sides": sides, "log_e": _together(sides, body)}


def _with_joined(body: dict[str, Any], blocks: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The comparisons with those that the block is the first to tell of."""
    sides, stakes = body["sides"], body["stakes"]
    fresh = ["\t".join((attribute, group, reference, test)) for attribute, reference in body["references"].items()
             for group, row in sorted(blocks.get(attribute, {}).items()) if group != reference
             for test, (field, _) in TESTS.items() if row.get(field) is not None]
    fresh = [key for key in fresh if key not in sides]
    room = fresh[:MOST - len(sides)]
    before, each = joined(list(stakes.values()), body["log_e"], len(room)) if room else (list(stakes.values()), 0.0)
    new = {key: _flat(_pair(None, key.rsplit("\t", 1)[1], body["ratio"])) for key in room}
    return {**body, "sides": {**sides, **new}, "full": body["full"] or len(room) < len(fresh),
            "stakes": {**dict(zip(stakes, before, strict=True)), **dict.fromkeys(room, each)}}


def _together(sides: Mapping[str, list[list[float]]], body: Mapping[str, Any]) -> float:
    pairs = [_pair(flat, key.rsplit("\t", 1)[1], body["ratio"]) for key, flat in sides.items()]
    return together([body["stakes"][key] for key in sides], pairs)


def _by_attribute(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Mapping[str, Any]]]:
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["attribute"], {})[row["group"]] = row
    return found


def _largest(blocks: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, str]:
    """Of each attribute with two groups the largest."""
    return {attribute: max(sorted(groups), key=lambda group: groups[group]["n"])
            for attribute, groups in blocks.items() if len(groups) > 1}


def _counts(row: Mapping[str, Any] | None, test: str) -> tuple[int, int]:
    hit, whole = (row.get(name) or 0 for name in TESTS[test]) if row else (0, 0)
    return min(hit, whole), whole


def _pair(flat: list[list[float]] | None, test: str, ratio_bound: float) -> Both:
    ratio = test == "favourable"
    bound = ratio_bound if ratio else GAP
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
