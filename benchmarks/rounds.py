"""Measure steady rounds of one fleet against the load AWS: `python -m benchmarks.rounds --services 100`.

The controller runs in a process of its own: workspace, clouds and `reconcile`, without its rate limit, on a clock that
moves by the interval between two rounds. The rounds cover one slow cycle of the controller.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.controller import Controller, EngineClock, use
from benchmarks.cost import Cost, measured, resident
from benchmarks.fleet import Fleet, sites
from benchmarks.limit import cadences, limit, mean_limit
from benchmarks.load.client import LoadAws, Remote

INTERVAL = 60.0  # seconds between two passes of an application, by default
SLOW = cadences(INTERVAL)["slow"]
ROUNDS = 2 * round(SLOW / INTERVAL)  # two slow cycles: an hour, in which each application has a pass in full
BUDGET = 120.0  # CPU seconds for the rounds of one fleet; fewer rounds are made where they do not fit


@dataclass(frozen=True, kw_only=True)
class Point:
    """What was measured of one fleet: `cold` is the first round, `steady` the rounds after it."""

    services: int
    applications: int
    sites: int
    load_cpu: float  # reading the manifests, and imports
    cold: Cost
    steady: tuple[Cost, ...]
    memory: int  # bytes, after the rounds
    memory_after_load: int

    @classmethod
    def of(cls, tree: dict[str, Any]) -> Point:
        """Return the point of a process's output."""
        return cls(
            **{
                **tree,
                "cold": Cost(**tree["cold"]),
                "steady": tuple(Cost(**cost) for cost in tree["steady"]),
            },
        )

    @property
    def fleets(self) -> tuple[Fleet, ...]:
        """The fleets of its sites."""
        return sites(self.services, self.applications, self.sites)

    @property
    def limit(self) -> int:
        """The fewest read calls of a round."""
        return sum(sum(limit(fleet.counts).values()) for fleet in self.fleets)

    @property
    def mean_limit(self) -> float:
        """The fewest read calls of a round, with each read at its cadence."""
        return sum(sum(mean_limit(fleet.counts, INTERVAL).values()) for fleet in self.fleets)

    @property
    def is_whole(self) -> bool:
        """Whether the rounds cover two slow cycles."""
        return len(self.steady) >= ROUNDS

    @property
    def typical(self) -> Cost:
        """The round with the median number of calls."""
        return sorted(self.steady, key=lambda cost: (cost.total, cost.process_cpu))[(len(self.steady) - 1) // 2]

    def mean(self, of: Callable[[Cost], float]) -> float:
        """Return the mean of a figure over the rounds."""
        return statistics.fmean(map(of, self.steady))

    def least(self, of: Callable[[Cost], float]) -> float:
        """Return the least of a figure over the rounds: of times, that with the least noise."""
        return min(map(of, self.steady))


def rounds(url: str, services: int, applications: int, count: int, budget: float) -> Point:
    """Make rounds in this process against a load AWS that serves this fleet."""
    use(url)
    aws, clock = Remote(url), EngineClock()
    fleets = sites(services, applications, count)
    controller = Controller(fleets, clock)
    load_cpu, after_load = time.process_time(), resident()
    started = time.process_time()
    cold = measured(aws, controller.steady_round)
    steady: list[Cost] = []
    while len(steady) < ROUNDS and (not steady or time.process_time() - started < budget):
        clock.advance(INTERVAL)
        aws.set(minutes=len(steady) + 1)
        steady.append(measured(aws, controller.steady_round))
    memory = resident()
    return Point(
        services=services,
        applications=applications,
        sites=count,
        load_cpu=load_cpu,
        cold=cold,
        steady=tuple(steady),
        memory=memory,
        memory_after_load=after_load,
    )


def point(aws: Remote, services: int, applications: int, count: int = 1, budget: float = BUDGET) -> Point | str:
    """Return the point of a fleet, measured in a process of its own; a text where it did not end in time."""
    aws.set(sites(services, applications, count), buckets=False, others=0.0, latency=0.0, throttled=[])
    arguments = [f"--url={aws.url}", f"--services={services}", f"--applications={applications}", f"--sites={count}"]
    output = run("benchmarks.rounds", [*arguments, f"--budget={budget}"], 60 + 6 * budget)
    return output if isinstance(output, str) else Point.of(output)


def controls(aws: Remote, services: int, count: int = 1) -> dict[str, Cost]:
    """Return the cost of each control for a fleet, measured in a process of its own."""
    aws.set(sites(services, 1, count), buckets=False, others=0.0, latency=0.0, throttled=[])
    output = run("benchmarks.controls", [aws.url, str(services), str(count)], 600)
    assert not isinstance(output, str), output
    return {name: Cost(**cost) for name, cost in output.items()}


def run(module: str, arguments: Sequence[str], seconds: float) -> Any:
    """Return the JSON that a module prints in a process of its own, or a text where it did not end or failed."""
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"does not end in {seconds:.0f} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["failed"])[-1][:300]
    return json.loads(done.stdout)


# ---------------------------------------------------------------- print


def show(one: Point, scripts: dict[str, Cost], operations: bool) -> None:
    """Print the figures of one fleet."""
    print(
        f"\n{one.services} services, {one.applications} application(s), {one.sites} site(s): "
        f"{len(one.steady)} rounds{'' if one.is_whole else ' (not two whole slow cycles)'}; "
        f"memory {one.memory / 2**20:.0f} MiB, of it {one.memory_after_load / 2**20:.0f} before the first call"
    )
    print(f"{'':<34}{'calls':>9}{'/service':>10}{'/ limit':>9}{'CPU ms/service':>16}{'of the thread':>15}{'wall s':>9}")
    own = {"first round": one.cold, "typical round": one.typical}
    print(_calls("limit of a round", one.limit, one))
    print(_calls("limit with each read at its cadence", one.mean_limit, one))
    for name, cost in {**own, **scripts}.items():
        each, thread = cost.process_cpu / one.services * 1e3, cost.thread_cpu / one.services * 1e3
        print(f"{_calls(name, cost.total, one)}{each:>16.3f}{thread:>15.3f}{cost.wall:>9.2f}")
    cpu = one.mean(lambda cost: cost.process_cpu) / one.services * 1e3
    print(f"{_calls('mean round', one.mean(lambda cost: cost.total), one)}{cpu:>16.3f}")
    if operations:
        fewest: dict[str, float] = {}
        for fleet in one.fleets:
            for name, number in mean_limit(fleet.counts, INTERVAL).items():
                fewest[name] = fewest.get(name, 0) + number
        names = sorted({*fewest, *(name for cost in one.steady for name in cost.calls)})
        print(f"{'calls of a round by operation':<60}{'typical':>9}{'mean':>10}{'limit of the mean':>19}")
        for name in names:
            mean = one.mean(lambda cost, name=name: cost.calls.get(name, 0))  # type: ignore[misc]
            print(f"  {name:<58}{one.typical.calls.get(name, 0):>9}{mean:>10.1f}{fewest.get(name, 0):>19.1f}")


def _calls(name: str, calls: float, one: Point) -> str:
    return f"{name:<34}{calls:>9.0f}{calls / one.services:>10.3f}{calls / one.limit:>9.2f}"


def main() -> None:
    """Measure one fleet: here with `--url`, else in a process of its own against a load AWS of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--applications", type=int, default=1)
    parser.add_argument("--sites", type=int, default=1)
    parser.add_argument("--budget", type=float, default=BUDGET, help="CPU seconds for the rounds")
    parser.add_argument("--operations", action="store_true", help="print the calls by operation")
    parser.add_argument("--url", help="a load AWS that serves this fleet: measure in this process, print JSON")
    wanted = parser.parse_args()
    if wanted.url:
        made = rounds(wanted.url, wanted.services, wanted.applications, wanted.sites, wanted.budget)
        print(json.dumps(asdict(made)))
        return
    with LoadAws() as aws:
        found = point(aws, wanted.services, wanted.applications, wanted.sites, wanted.budget)
        if isinstance(found, str):
            sys.exit(f"error: {found}")
        show(found, controls(aws, wanted.services, wanted.sites), wanted.operations)
        if any(cost.writes for cost in found.steady):
            sys.exit("error: a steady round writes; it must not")


if __name__ == "__main__":
    main()
