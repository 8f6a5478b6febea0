"""Reports and incidents put straight into their tables, where it takes very many of them and no act is looked at."""

from datetime import datetime, timedelta
from typing import Any

from sandbox.jobs.program import Program
from sandbox.store.bulk import add_rows
from sandbox.store.feedback import FEEDBACK
from sandbox.store.fields import defaults_of
from sandbox.store.incidents import INCIDENTS


def report(trial: str, place: int, start: datetime, **values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(FEEDBACK.c.keys()), **defaults_of(FEEDBACK), "id": f"fb_{place:06}", "trial_id": trial,
            "period_start": start, "period_end": start + timedelta(hours=1), "at": start, "author_id": "ac_fang",
            "epoch": 1, "exposures": 10.0, "events": {}, "groups": [], "metrics": {}, **values}


def incident(trial: str, place: int, at: datetime, severity: str, **values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(INCIDENTS.c.keys()), **defaults_of(INCIDENTS), "id": f"in_{place:06}", "trial_id": trial,
            "occurred_at": at, "at": at, "severity": severity, "kind": "incident", "state": "open", "epoch": 1,
            "author_id": "ac_fang", **values}


def kept(program: Program, reports: list[dict[str, Any]], incidents: list[dict[str, Any]]) -> None:
    with program.writer.begin() as connection:
        add_rows(connection, FEEDBACK, reports)
        add_rows(connection, INCIDENTS, incidents)
