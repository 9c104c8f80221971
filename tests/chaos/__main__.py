"""`make chaos`: faults at every call of every scenario, in a simulated AWS. The exit code is 1 if a promise was broken."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from typing import get_args

from tests.chaos.faults import Call, Fault
from tests.chaos.report import failure, table
from tests.chaos.scenarios.catalogue import SCENARIOS
from tests.chaos.stage import World
from tests.chaos.sweep import Choose, every, one_each, sweep
from tests.chaos.wire import URL
from tests.whole.support.environment import use_simulated_aws


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for, and print a table."""
    options = _options(arguments)
    began = time.monotonic()
    chosen = [SCENARIOS[name] for name in options.scenario or SCENARIOS]
    results = []
    print(f"seed {options.seed}", flush=True)
    with use_simulated_aws(URL):
        world = World.make()
        for scenario in chosen:
            result = sweep(world, scenario, _choose(options), lambda: _is_over(options, began))
            results.append(result)
            print(table([result], heading=False), flush=True)
            for one in result.failures:
                print(failure(one, options.explain), flush=True)
    print(table(results))
    broken = sum(len(one.failures) for one in results)
    cases = sum(one.cases for one in results)
    print(f"{cases} cases, {broken} failures, seed {options.seed}, {time.monotonic() - began:.0f} s")
    return 1 if broken else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="one of them; may be repeated")
    parser.add_argument("--fault", action="append", choices=get_args(Fault), help="all of these at each call")
    parser.add_argument("--index", type=int, default=-1, help="at this call only")
    parser.add_argument("--stride", type=int, default=1, help="at each call of so many")
    parser.add_argument("--minutes", type=float, default=0.0, help="end after so many; 0: when everything is done")
    parser.add_argument("--explain", action="store_true", help="print the state of each resource after a failure")
    return parser.parse_args(arguments)


def _is_over(options: argparse.Namespace, began: float) -> bool:
    return bool(options.minutes) and time.monotonic() - began > options.minutes * 60


def _choose(options: argparse.Namespace) -> Choose:
    """Return the faults of each call: those that are asked for, or one that depends on the seed."""
    chosen = every(options.fault) if options.fault else one_each(options.seed)

    def choose(index: int, call: Call) -> Sequence[Fault]:
        if options.index not in (-1, index) or index % options.stride:
            return ()
        return chosen(index, call)

    return choose


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
