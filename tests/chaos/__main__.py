"""`make chaos`: faults at every call of every scenario, in a simulated AWS. The exit code is 1 after a failure."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import get_args

from tests.chaos.faults import Call, Fault
from tests.chaos.report import failure, table
from tests.chaos.scenarios.catalogue import SCENARIOS
from tests.chaos.scenarios.scenario import Scenario
from tests.chaos.stage import World
from tests.chaos.sweep import Choose, Result, every, one_each, stale, sweep
from tests.chaos.walks import walks
from tests.chaos.wire import URL
from tests.whole.support.environment import use_simulated_aws

STALE = (1.0, 5.0, 40.0)  # seconds
FAULTS_SHARE, STALE_SHARE = 0.6, 0.7  # of the minutes: until then, and the rest for the chains
WALKS = 420  # chains: more than 10,000 changes

Part = Callable[[World, argparse.Namespace, float], int]


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for, and print a table."""
    options = _options(arguments)
    began = time.monotonic()
    print(f"seed {options.seed}", flush=True)
    with use_simulated_aws(URL):
        world = World.make()
        broken = sum(part(world, options, began) for part in _parts(options))
    print(f"{broken} failures, seed {options.seed}, {time.monotonic() - began:.0f} s")
    return 1 if broken else 0


def _parts(options: argparse.Namespace) -> list[Part]:
    """Return what is asked for; without a choice, everything."""
    narrowed = options.scenario or options.fault or options.index >= 0
    parts: list[tuple[bool, Part]] = [
        (not (options.stale or options.walk or options.walks), _faults),
        (bool(options.stale) or not (narrowed or options.walk or options.walks), _stale),
        (bool(options.walk or options.walks) or not (narrowed or options.stale), _walks),
    ]
    return [part for asked, part in parts if asked]


def _faults(world: World, options: argparse.Namespace, began: float) -> int:
    """Let one call of a scenario go wrong, call after call; return the number of failures."""
    choose = _choose(options)
    return _tabled(
        "faults", options, lambda one: sweep(world, one, choose, lambda: _is_over(options, began, FAULTS_SHARE))
    )


def _stale(world: World, options: argparse.Namespace, began: float) -> int:
    """Run each scenario with stale reads; return the number of failures."""
    seconds = options.stale or STALE
    return _tabled(
        "stale reads", options, lambda one: stale(world, one, () if _is_over(options, began, STALE_SHARE) else seconds)
    )


def _tabled(title: str, options: argparse.Namespace, make: Callable[[Scenario], Result]) -> int:
    results = []
    for name in options.scenario or SCENARIOS:
        results.append(make(SCENARIOS[name]))
        for one in results[-1].failures:
            print(failure(one, options.explain), flush=True)
        if options.verbose:
            print(table(results[-1:], heading=False), flush=True)
    print(f"\n{title}\n{table(results)}", flush=True)
    return sum(len(one.failures) for one in results)


def _walks(world: World, options: argparse.Namespace, began: float) -> int:
    """Make the generated chains; return the number of failures."""
    seeds = options.walk or [f"{options.seed}-{number}" for number in range(options.walks or WALKS)]
    changes = chains = broken = 0
    for one in walks(world, seeds, lambda: _is_over(options, began)):
        changes, chains = changes + one.changes, chains + bool(one.changes)
        if one.problem:
            broken += 1
            print("\n    ".join([f"FAILED python -m tests.chaos --walk {one.seed}", one.problem[:3000], *one.log]))
    print(f"\ngenerated changes: {changes} in {chains} chains, {broken} failures", flush=True)
    return broken


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="one of them; may be repeated")
    parser.add_argument("--fault", action="append", choices=get_args(Fault), help="all of these at each call")
    parser.add_argument("--index", type=int, default=-1, help="at this call only")
    parser.add_argument("--stride", type=int, default=1, help="at each call of so many")
    parser.add_argument("--minutes", type=float, default=0.0, help="end after so many; 0: when everything is done")
    parser.add_argument("--stale", action="append", type=float, help="reads that are so many seconds old, no faults")
    parser.add_argument("--walks", type=int, default=0, help="so many generated chains of changes only")
    parser.add_argument("--walk", action="append", help="one generated chain, by its seed")
    parser.add_argument("--verbose", action="store_true", help="print each scenario when it has ended")
    parser.add_argument("--explain", action="store_true", help="print the state of each resource after a failure")
    return parser.parse_args(arguments)


def _is_over(options: argparse.Namespace, began: float, share: float = 1.0) -> bool:
    """Return whether a share of the given minutes is over."""
    return bool(options.minutes) and time.monotonic() - began > options.minutes * 60 * share


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
