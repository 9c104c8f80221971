"""An AWS that forgets or rewrites one value of each write: every value of every kind, at three intervals."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos import wire
from tests.chaos.forks import Broken
from tests.forgetful.run import Case, Stage, sweep
from tests.forgetful.stacks import STACKS, write
from tests.whole.support.environment import use_simulated_aws

INTERVALS = (10.0, 60.0, 300.0)  # seconds


def main() -> int:
    """Run every case, or a sample; return 1 if one failed."""
    options = argparse.ArgumentParser(prog="python -m tests.forgetful", description=__doc__)
    options.add_argument("--stack", action="append", choices=sorted(STACKS), help="default: all")
    options.add_argument("--interval", action="append", type=float, help="seconds; default: 10, 60 and 300")
    options.add_argument("--only", default="", help="run the cases with this text in their name")
    options.add_argument("--share", type=float, default=1.0, help="run this share of the cases")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    counts: Counter[str] = Counter()
    began = time.monotonic()

    def choose(case: Case) -> bool:
        drawn = random.Random(f"{given.seed} {case}").random()  # noqa: S311  # no secret
        return given.only in str(case) and drawn < given.share

    with tempfile.TemporaryDirectory() as folder, use_simulated_aws(wire.URL):
        for name in given.stack or STACKS:
            manifests = Path(folder) / name
            write(name, manifests)
            stage = Stage.make(manifests)
            for interval in given.interval or INTERVALS:
                for case, found in sweep(stage, interval, choose):
                    if isinstance(found, Broken):
                        counts["failures"] += 1
                        print(f"FAILED {case}: {found.why}", *found.explained, sep="\n  ", flush=True)
                        continue
                    counts["refused by AWS" if found.refused else "cases"] += 1
                    counts["held"] += bool(found.held)
                    counts["writes"] += sum(found.written)
                    problems = list(found.problems())
                    counts["failures"] += bool(problems)
                    for problem in problems:
                        print(f"FAILED {case}: {problem} (held: {', '.join(found.held) or 'nothing'})", flush=True)
                print(f"{name}, {interval:g} s: {dict(counts)} after {time.monotonic() - began:.0f} s", flush=True)
    print(f"{counts['cases']} cases, {counts['failures']} failures, seed {given.seed}")
    return bool(counts["failures"])


if __name__ == "__main__":
    sys.exit(main())
