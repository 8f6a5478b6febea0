"""Measure every claim on this machine: `python bench/run.py [--quick | --full]`. Exits 1 when one fails.

Figures are ratios of two things measured in turn in the same run; the sync rate and the load beside them say how far
to trust them. The last line is the whole as JSON.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a file, it finds the house it stands in

from bench import assessment, group_commit
from bench.claim import watched

SECONDS = {"quick": 1.0, "full": 10.0}
"""How long each round of each way lasts."""


def main() -> int:
    """Run, print, and say by the exit code whether every claim holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", dest="length", action="store_const", const="quick", default="quick",
                        help="under three minutes (the default)")
    length.add_argument("--full", dest="length", action="store_const", const="full", help="up to an hour")
    seconds = SECONDS[parser.parse_args().length]
    claims, machine = watched(lambda: [*group_commit.claims(seconds), *assessment.claims()])
    print("claim | ours | limit | ratio | target | PASS or FAIL")
    for claim in claims:
        print(claim.line())
    print(machine.line())
    print(json.dumps({"claims": [claim.plain() for claim in claims], "machine": {**asdict(machine),
                                                                               "noisy": machine.noisy}}))
    return 0 if all(claim.passes for claim in claims) else 1


if __name__ == "__main__":
    sys.exit(main())
