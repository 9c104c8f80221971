"""Measure steady rounds against the limit of AWS's batch sizes: `python -m benchmarks.steady --services 10,50`.

One process, the simulated AWS, virtual time, no throttles. The engine's own `reconcile` converges a fleet. Then a round
is one pass of every application. CPU is that of the thread that reconciles: the simulated AWS has threads of its own.
The controls are plain boto3 scripts over the same fleet in the same run, measured in the same way.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import product

from benchmarks.controls import Controls
from benchmarks.fleet import ACCOUNT, INSTALLATION, REGION, Fleet
from benchmarks.limit import limit
from benchmarks.replay import ReplayingCloud
from ecsim import Settings as AccountSettings
from ecsim import Simulator, VirtualClock
from ecsync import config
from ecsync.aws.clients import Access, Clients
from ecsync.aws.cloud import BotoCloud
from ecsync.aws.limits import Limiter
from ecsync.config import Settings
from ecsync.core.model import Snapshot
from ecsync.core.outcome import Outcome
from ecsync.core.ports import Cloud
from ecsync.engine.reconciler import PassOptions, reconcile
from ecsync.engine.step_state import StepState
from ecsync.wiring import Clouds, Workspace, all_reads

ROUNDS = 3
INTERVAL = 60.0  # simulated seconds between two rounds: the default interval of an application
SETTLE_SECONDS = 150.0  # simulated seconds between two passes while the fleet converges
MOST_PASSES = 40
LISTING_SECONDS = 600.0  # the controller lists what carries its marks again after this time
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


class SimulatedTime:
    """The engine's clock: the simulated time of the account."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """Return the simulated wall time."""
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def monotonic(self) -> float:
        """Return the simulated seconds."""
        return self._clock.now()


@dataclass(kw_only=True)
class UnlimitedClouds(Clouds):
    """The clouds of a controller, without its rate limit: only calls and CPU are measured."""

    url: str

    def _make(self, target: str, region: str) -> Cloud:
        del target  # the fleet has one account
        return BotoCloud(
            Clients(Access(region=region, endpoint_url=self.url)),
            region=region,
            reads=all_reads(),
            limiter=Limiter(monotonic=lambda: 0.0, wait=lambda _: None),
            account=ACCOUNT,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a piece of work costs: its read calls by operation, its writes, and seconds."""

    reads: Mapping[str, int]
    writes: int
    cpu: float  # of the thread that works: the controller or script, with boto3
    process_cpu: float  # with the simulated AWS
    wall: float

    @property
    def calls(self) -> int:
        """All read calls."""
        return sum(self.reads.values())


class Bench:
    """A simulated account with a fleet in it, and one controller."""

    def __init__(self, simulator: Simulator, fleet: Fleet) -> None:
        assert isinstance(simulator.clock, VirtualClock)
        simulator.reset()
        self.fleet = fleet
        self.simulator = simulator
        self._states: dict[str, StepState] = {}
        settings = Settings(installation=INSTALLATION, account=ACCOUNT, region=REGION, enforce=True)
        clouds = UnlimitedClouds(settings=settings, read_only=False, url=simulator.url)
        clients = Clients(Access(region=REGION, endpoint_url=simulator.url))
        clients.get("iam", REGION).create_role(RoleName="bench-execution", AssumeRolePolicyDocument=TRUST)
        self._workspace = Workspace(settings=settings, clouds=clouds, clock=SimulatedTime(simulator.clock))
        self._catalogue = self._workspace.catalogue(Snapshot(revision="1", files=fleet.files()))
        assert not self._catalogue.problems, "\n".join(map(str, self._catalogue.problems))
        self.cloud = ReplayingCloud(clouds.of("", REGION))

    def round(self, wrap: bool = False) -> dict[str, Outcome]:
        """Make one pass of every application, each after those that it waits for."""
        return {application.name: self._pass(application.name, wrap) for application in self._catalogue.ordered()}

    def converge(self) -> int:
        """Make rounds until nothing is left to do; return their number."""
        for count in range(1, MOST_PASSES + 1):
            outcomes = self.round()
            if all(is_steady(outcome) for outcome in outcomes.values()):
                return count
            self.simulator.advance(SETTLE_SECONDS)
        lines = [
            f"{one.key}: {one.sync} {one.health.status} {one.message or one.health.why}"
            for outcome in outcomes.values()
            for one in outcome.statuses
            if (one.sync, one.health.status) != ("Synced", "Healthy")
        ]
        raise AssertionError("\n".join(["the fleet does not converge", *lines[:10]]))

    def steady_round(self, wrap: bool = False) -> None:
        """Make a round that has nothing to do."""
        for name, outcome in self.round(wrap).items():
            assert is_steady(outcome), f"{name} is not steady: {outcome.sync}, {outcome.health}"

    def measured(self, work: Callable[[], object]) -> Cost:
        """Do the work and return its cost."""
        mark = len(self.simulator.ledger)
        wall, process, thread = time.perf_counter(), time.process_time(), time.thread_time()
        work()
        thread, process, wall = (
            time.thread_time() - thread,
            time.process_time() - process,
            time.perf_counter() - wall,
        )
        entries = self.simulator.ledger.entries(mark)
        reads = Counter(f"{entry.service}.{entry.operation}" for entry in entries if not entry.mutating)
        writes = sum(entry.mutating for entry in entries)
        return Cost(reads=reads, writes=writes, cpu=thread, process_cpu=process, wall=wall)

    def _pass(self, name: str, wrap: bool) -> Outcome:
        application = self._catalogue.applications[name]
        destination = self._workspace.destination_for(application)
        if wrap:
            destination = replace(destination, cloud=self.cloud)
        state = self._states.setdefault(name, StepState())
        return reconcile(application, self._catalogue, destination, state, PassOptions(enforce=True))


def is_steady(outcome: Outcome) -> bool:
    """Return whether a pass did nothing and nothing is left to do."""
    return (outcome.sync, outcome.health) == ("Synced", "Healthy") and not outcome.results


# ---------------------------------------------------------------- measure


@dataclass(kw_only=True)
class Figures:
    """What was measured of one fleet."""

    fleet: Fleet
    rounds_to_converge: int
    converge_seconds: float
    rounds: list[Cost] = field(default_factory=list)
    listing: Cost
    replay_cpu: float
    controls: dict[str, Cost] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        """The fewest read calls of a round."""
        return sum(limit(self.fleet.counts).values())

    @property
    def typical(self) -> Cost:
        """The round with the least CPU."""
        return min(self.rounds, key=lambda cost: cost.cpu)

    def mean(self, of: Callable[[Cost], float]) -> float:
        """Return the mean of a figure over the rounds from one listing to the next: one of them lists."""
        rounds = LISTING_SECONDS / INTERVAL
        return (of(self.typical) * (rounds - 1) + of(self.listing)) / rounds


def measure(simulator: Simulator, fleet: Fleet) -> Figures:
    """Converge a fleet and measure its rounds and the controls."""
    started = time.perf_counter()
    bench = Bench(simulator, fleet)
    count = bench.converge()
    converged = time.perf_counter() - started
    simulator.advance(LISTING_SECONDS + 1)
    listing = bench.measured(bench.steady_round)  # first, so that no listing is due in the rounds that follow
    rounds = []
    for _ in range(ROUNDS):
        simulator.advance(INTERVAL)
        rounds.append(bench.measured(bench.steady_round))
    bench.steady_round(wrap=True)  # records the answers
    bench.cloud.replaying = True
    replays = [bench.measured(lambda: bench.steady_round(wrap=True)) for _ in range(ROUNDS)]
    assert not any(cost.calls for cost in replays), "a replayed round called AWS"
    return Figures(
        fleet=fleet,
        rounds_to_converge=count,
        converge_seconds=converged,
        rounds=rounds,
        listing=listing,
        replay_cpu=min(cost.cpu for cost in replays),
        controls=_controls(bench),
    )


def _controls(bench: Bench) -> dict[str, Cost]:
    """Return the cost of each control: the run with the least CPU."""
    scripts = Controls(bench.simulator.url, REGION)
    names = [f"web-{number}" for number in range(bench.fleet.services)]
    objects = scripts.objects(names)
    work: dict[str, Callable[[], object]] = {
        "boto3, services in tens": lambda: scripts.services_in_tens(names),
        "boto3, batched": lambda: scripts.batched(names),
        "boto3, one call per object": lambda: scripts.one_by_one(objects),
    }
    return {
        name: min((bench.measured(script) for _ in range(ROUNDS)), key=lambda cost: cost.cpu)
        for name, script in work.items()
    }


# ---------------------------------------------------------------- print


def show(figures: Figures, operations: bool) -> None:
    """Print the figures of one fleet."""
    fleet = figures.fleet
    print(
        f"\n{fleet.services} services in {fleet.applications} application(s): "
        f"converged in {figures.rounds_to_converge} rounds, {figures.converge_seconds:.1f} s"
    )
    print(f"{'':<30}{'calls':>8}{'/service':>10}{'/ limit':>9}{'writes':>8}{'CPU ms/service':>16}{'wall s':>8}")
    print(f"{'limit':<30}{figures.limit:>8}{figures.limit / fleet.services:>10.2f}{1:>9.2f}")
    for number, cost in enumerate(figures.rounds, start=1):
        _line(f"steady round {number}", cost, figures)
    _line("steady round with listing", figures.listing, figures)
    mean, cpu = figures.mean(lambda cost: cost.calls), figures.mean(lambda cost: cost.cpu)
    print(
        f"{'mean round at 60 s':<30}{mean:>8.0f}{mean / fleet.services:>10.2f}{mean / figures.limit:>9.1f}{'':>8}"
        f"{cpu / fleet.services * 1e3:>16.2f}"
    )
    print(f"{'engine alone, replayed reads':<30}{'0':>8}{'':>27}{figures.replay_cpu / fleet.services * 1e3:>16.2f}")
    for name, cost in figures.controls.items():
        _line(name, cost, figures)
    typical = figures.typical
    print("ecsync / control:", end="")
    for name, cost in figures.controls.items():
        print(f"  {name}: {typical.calls / cost.calls:.1f} × calls, {typical.cpu / cost.cpu:.1f} × CPU;", end="")
    print(
        f"\nprocess CPU of a round, with the simulated AWS: {typical.process_cpu / fleet.services * 1e3:.1f} ms/service"
    )
    if operations:
        fewest = limit(fleet.counts)
        print(f"{'read calls of steady round 1':<54}{'calls':>8}{'limit':>8}{'listing':>9}")
        first = figures.rounds[0].reads
        for name in sorted({*first, *fewest, *figures.listing.reads}):
            print(f"  {name:<52}{first.get(name, 0):>8}{fewest.get(name, 0):>8}{figures.listing.reads.get(name, 0):>9}")


def _line(name: str, cost: Cost, figures: Figures) -> None:
    services = figures.fleet.services
    print(
        f"{name:<30}{cost.calls:>8}{cost.calls / services:>10.2f}{cost.calls / figures.limit:>9.1f}{cost.writes:>8}"
        f"{cost.cpu / services * 1e3:>16.2f}{cost.wall:>8.2f}"
    )


def numbers(text: str) -> list[int]:
    """Return the numbers of a comma-separated list. Raises ValueError for any other text."""
    found = [int(one) for one in text.split(",")]
    if min(found) < 1:
        raise ValueError(f"not a positive number: {text}")
    return found


def main() -> None:
    """Measure each fleet and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=numbers, default=[10, 50], help="numbers of services (default: 10,50)")
    parser.add_argument("--applications", type=numbers, default=[1, 10], help="numbers of applications (default: 1,10)")
    parser.add_argument("--totals", action="store_true", help="do not print the calls by operation")
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("ECSYNC_", "AWS_"))]:
        del os.environ[name]
    settings = AccountSettings(region=REGION, account=ACCOUNT, settling=False, throttling=False)
    simulator = Simulator(settings, VirtualClock())
    config.use_simulated(simulator.start(), REGION)
    writes = 0
    try:
        for services, applications in product(arguments.services, arguments.applications):
            if applications <= services:
                figures = measure(simulator, Fleet(services, applications))
                show(figures, operations=not arguments.totals)
                writes += sum(cost.writes for cost in (*figures.rounds, figures.listing))
    finally:
        simulator.stop()
    if writes:
        sys.exit(f"error: {writes} writes in steady rounds; there must be none")


if __name__ == "__main__":
    main()
