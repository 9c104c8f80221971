"""`make chaos`: faults at every call of every scenario, in a simulated AWS. The exit code is 1 after a failure."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, count, takewhile
from math import ceil
from typing import get_args

from tests.chaos.bases import of_each
from tests.chaos.faults import Call, Fault
from tests.chaos.forgetful import forgetful, of_kinds
from tests.chaos.forks import Broken, Copy
from tests.chaos.kills import OF_A_LANE, Lane, kills
from tests.chaos.report import failure, table
from tests.chaos.scenarios.catalogue import SCENARIOS
from tests.chaos.scenarios.scenario import Scenario
from tests.chaos.schedules import schedules
from tests.chaos.stage import Stage, World
from tests.chaos.sweep import Choose, Result, broken, every, one_each, stale, sweep
from tests.chaos.walks import walks
from tests.chaos.wire import URL
from tests.whole.support.environment import Controller, use_simulated_aws

STALE = (1.0, 5.0, 40.0)  # seconds
FAULTS_SHARE, STALE_SHARE = 0.65, 0.6  # of the minutes: until then, and the rest for the chains
SKIPPED = 7, 19  # so many of so many calls of a scenario have no fault: another seed skips others
CHANGES = 10_000  # generated, in as many chains as that needs
SCHEDULES = 10
KILLS = 100
FORGOTTEN = 16  # one half wave of so many is made where everything is made; `--forgetful` makes all


Part = Callable[[World, argparse.Namespace, float], int]


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for, and print a table."""
    options = _options(arguments)
    began = time.monotonic()
    print(f"seed {options.seed}", flush=True)
    with use_simulated_aws(URL):
        world = World.make()
        failures = 0
        killing = Copy.of(partial(_killed, world, options, began)) if _kills_too(options) else None
        for part in _parts(options):
            used = sum(os.times()[:4])
            failures += part(world, options, began)
            print(f"{sum(os.times()[:4]) - used:.0f} s of CPU, {time.monotonic() - began:.0f} s so far", flush=True)
        if killing is not None:  # beside the other parts: these processes wait most of their time
            failures += _report_kills(killing.result())
    print(f"{failures} failures, seed {options.seed}, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


def _parts(options: argparse.Namespace) -> list[Part]:
    """Return what is asked for; without a choice, everything. Kills have a process of their own."""
    of_scenarios = options.scenario or options.fault or options.index >= 0 or options.stale
    asked: dict[Part, object] = {
        _scenarios: of_scenarios,
        _walks: options.walk or options.walks,
        _schedules: options.schedule or options.schedules,
        _forgetful: options.forgetful,
    }
    chosen = [part for part, wanted in asked.items() if wanted]
    return chosen or ([] if options.kills else list(asked))


def _kills_too(options: argparse.Namespace) -> bool:
    return bool(options.kills) or len(_parts(options)) > 1


def _scenarios(world: World, options: argparse.Namespace, began: float) -> int:
    """Let calls of scenarios go wrong and reads be stale; return the number of failures."""
    choose = _choose(options)
    only_faults = options.fault or options.index >= 0

    def make(stage: Stage, controller: Controller, scenario: Scenario) -> list[Result]:
        seconds = options.stale or (() if only_faults or is_over(STALE_SHARE) else STALE)
        results = [stale(stage, controller, scenario, seconds)] if seconds else []  # in copies: nothing happens here
        if not options.stale:
            results.append(sweep(stage, controller, scenario, choose, lambda: is_over(FAULTS_SHARE)))
        return results

    is_over = partial(_is_over, options, began)
    scenarios = [SCENARIOS[name] for name in options.scenario or SCENARIOS]
    found: dict[str, list[Result]] = {}
    for scenario, results in of_each(world, scenarios, make):
        found[scenario.name] = (
            [broken(scenario, results.why, results.explained)] if isinstance(results, Broken) else results
        )
        for one in (one for result in found[scenario.name] for one in result.failures):
            print(failure(one, options.explain), flush=True)
        if options.verbose:
            print(table(found[scenario.name], heading=False), flush=True)
    ordered = [result for one in scenarios for result in found[one.name]]
    for part in dict.fromkeys(one.part for one in ordered):
        print(f"\n{part}\n{table([one for one in ordered if one.part == part])}", flush=True)
    return sum(len(one.failures) for one in ordered)


def _walks(world: World, options: argparse.Namespace, began: float) -> int:
    """Make the generated chains; return the number of failures."""
    numbers = range(options.walks) if options.walks else count()
    changes = chains = broken = 0
    seeds = options.walk or (
        f"{options.seed}-{number}" for number in takewhile(lambda _: options.walks or changes < CHANGES, numbers)
    )
    for one in walks(world, seeds, lambda: _is_over(options, began)):
        changes, chains = changes + one.changes, chains + bool(one.changes)
        if one.problem:
            broken += 1
            print("\n    ".join([f"FAILED python -m tests.chaos --walk {one.seed}", one.problem[:3000], *one.log]))
    print(f"\ngenerated changes: {changes} in {chains} chains, {broken} failures", flush=True)
    return broken


def _schedules(world: World, options: argparse.Namespace, began: float) -> int:
    """Play the generated schedules of two controllers; return the number of failures."""
    seeds = options.schedule or [f"{options.seed}-{number}" for number in range(options.schedules or SCHEDULES)]
    played = broken = 0
    for one in schedules(world, seeds, lambda: _is_over(options, began)):
        played += one.ended
        if one.violations:
            broken += 1
            print("\n    ".join([f"FAILED python -m tests.chaos --schedule {one.seed}", *one.violations]), flush=True)
    print(f"\nschedules of two controllers: {played}, {broken} failures", flush=True)
    return broken


def _forgetful(world: World, options: argparse.Namespace, began: float) -> int:
    """Let AWS forget each value after each write; return the number of failures."""
    values = writes = broken = 0
    over = partial(_is_over, options, began)
    stacks = forgetful(world, options.seed, 1 if options.forgetful else FORGOTTEN, over)
    for one in chain(stacks, of_kinds(options.seed, 1 if options.forgetful else FORGOTTEN, over)):
        values, writes = values + one.values, writes + one.writes
        if one.problems:
            broken += 1
            print("\n    ".join([f"FAILED --forgetful --seed {options.seed}: {one.name}", *one.problems]), flush=True)
    print(f"\nforgotten values: {values}, {writes} writes, {broken} failures", flush=True)
    return broken


def _killed(world: World, options: argparse.Namespace, began: float) -> list[Lane]:
    """Kill real processes; return each lane."""
    lanes = ceil((options.kills or KILLS) / OF_A_LANE)
    return list(kills(world, [f"{options.seed}-{number}" for number in range(lanes)], lambda: _is_over(options, began)))


def _report_kills(found: list[Lane] | Broken) -> int:
    """Print the lanes; return the number of failures."""
    lanes = [Lane("", problem=found.why)] if isinstance(found, Broken) else found
    for one in (one for one in lanes if one.problem):
        print(f"FAILED lane {one.seed}\n    {one.problem}", flush=True)
    broken = sum(bool(one.problem) for one in lanes)
    print(
        f"\nprocesses killed: {sum(one.kills for one in lanes)} in {len(lanes)} accounts, {broken} failures", flush=True
    )
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
    parser.add_argument("--schedules", type=int, default=0, help="so many schedules of two controllers only")
    parser.add_argument("--schedule", action="append", help="one schedule, by its seed")
    parser.add_argument("--forgetful", action="store_true", help="AWS that forgets values after each write only")
    parser.add_argument("--kills", type=int, default=0, help="SIGKILL of so many real processes only")
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
        skipped = (
            not (options.fault or options.index >= 0) and SKIPPED[0] * (index + options.seed) % SKIPPED[1] < SKIPPED[0]
        )
        if options.index not in (-1, index) or index % options.stride or skipped:
            return ()
        return chosen(index, call)

    return choose


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
