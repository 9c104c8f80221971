"""Measure one full check with AWS's rates: `python -m benchmarks.limited --services 1000`.

The rates, 30 ms of latency and the controller's own limiter work in real time. Before that the controller makes a first
round in which time is skipped instead of waited for, so that the measured round is a steady one. It begins with full
buckets, after the time of a medium cadence: so all reads are due that are not slow, and a part of the slow ones. The
floor is the time that the buckets need for these. Sites are worked on in parallel, as by workers.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks.controller import START, Controller, is_steady, use
from benchmarks.cost import Cost, measured
from benchmarks.fleet import Fleet, sites
from benchmarks.limit import cadences, limit, seconds, slow_limit
from benchmarks.load.client import LoadAws, Remote
from benchmarks.rounds import INTERVAL, run
from ecsync.core.ports import AwsError

SHARE = 0.5  # the controller's default share of AWS's rates
LATENCY = 0.03
DUE = cadences(INTERVAL)["medium"]
RETRY = 0.5  # seconds until a pass is made again that the limiter refused
_REAL = time.monotonic


@dataclass(frozen=True, kw_only=True)
class Limited:
    """One check. `floor` is the time that the buckets need for what is due; `wall` is None if it did not end."""

    services: int
    sites: int
    floor: float
    wall: float | None
    patience: float
    cost: Cost


class SkippingTime:
    """Seconds that a wait skips instead of waiting, until `skipping` is off. The whole process uses it."""

    def __init__(self) -> None:
        self.skipped = 0.0
        self.skipping = True

    def monotonic(self) -> float:
        """Return real seconds and the skipped ones."""
        return _REAL() + self.skipped

    def now(self) -> datetime:
        """Return the wall time."""
        return datetime.fromtimestamp(START + self.monotonic(), UTC)

    def wait(self, seconds: float) -> None:
        """Skip the seconds, or wait."""
        if self.skipping:
            self.skipped += seconds
        else:
            time.sleep(seconds)


def floor(fleets: Iterable[Fleet]) -> float:
    """Return the least seconds for the reads that are due, in the site that takes longest."""
    part = DUE / cadences(INTERVAL)["slow"]

    def due(fleet: Fleet) -> dict[str, float]:
        return {**limit(fleet.counts), **{name: many * part for name, many in slow_limit(fleet.counts).items()}}

    return max(seconds(due(fleet), SHARE) for fleet in fleets)


def limited(url: str, services: int, applications: int, count: int, patience: float) -> Limited:
    """Make the check in this process."""
    clock = SkippingTime()
    time.monotonic = clock.monotonic  # the limiter's clock; this process does nothing else
    use(url)
    aws, fleets = Remote(url), sites(services, applications, count)
    controller = Controller(fleets, clock, pace=1.0)
    controller.clouds.wait = clock.wait
    for fleet in fleets:
        _check(controller, fleet, clock, lambda: False)
    clock.wait(DUE)
    clock.skipping = False
    aws.set(buckets=True, latency=LATENCY)
    deadline = _REAL() + patience
    ended: list[float] = []
    started = _REAL()

    def site(fleet: Fleet) -> None:
        if _check(controller, fleet, clock, lambda: _REAL() > deadline):
            ended.append(_REAL() - started)

    def all_sites() -> None:
        threads = [threading.Thread(target=site, args=(fleet,), daemon=True) for fleet in fleets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - _REAL()))

    cost = measured(aws, all_sites)
    return Limited(
        services=services,
        sites=count,
        floor=floor(fleets),
        wall=max(ended) if len(ended) == len(fleets) else None,
        patience=patience,
        cost=cost,
    )


def _check(controller: Controller, fleet: Fleet, clock: SkippingTime, give_up: Callable[[], bool]) -> bool:
    """Make a pass of each application of a site until it is steady. Return False if there was no time for it."""
    pending = [f"{fleet.prefix}app-{index}" for index in range(fleet.applications)]
    while pending and not give_up():
        try:
            steady = is_steady(controller.reconcile(pending[0]))
        except AwsError as error:
            if error.kind != "throttled":
                raise
            steady = False
        if steady:
            pending.pop(0)
        else:
            clock.wait(RETRY)
    return not pending


def check(aws: Remote, services: int, applications: int, count: int, *, others: float = 0.0) -> Limited | str:
    """Return the check of a fleet, made in a process of its own; a text where it failed."""
    fleets = sites(services, applications, count)
    aws.set(fleets, buckets=False, others=others, latency=0.0, throttled=[])
    patience = 2 * floor(fleets) + 10
    arguments = [f"--url={aws.url}", f"--services={services}", f"--applications={applications}", f"--sites={count}"]
    found: Any = run("benchmarks.limited", [*arguments, f"--patience={patience}"], patience + 300)
    return found if isinstance(found, str) else Limited(**{**found, "cost": Cost(**found["cost"])})


def main() -> None:
    """Measure one fleet and print JSON: with `--url` in this process, else in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--applications", type=int, default=4)
    parser.add_argument("--sites", type=int, default=1)
    parser.add_argument("--patience", type=float, default=120.0, help="with --url: give up after so many seconds")
    parser.add_argument("--others", type=float, default=0.0, help="the part of each bucket that other clients use")
    parser.add_argument("--url", help="a load AWS that serves this fleet")
    wanted = parser.parse_args()
    if wanted.url:
        found: Limited | str = limited(wanted.url, wanted.services, wanted.applications, wanted.sites, wanted.patience)
    else:
        with LoadAws() as aws:
            found = check(
                aws,
                wanted.services,
                wanted.applications,
                wanted.sites,
                others=wanted.others,
            )
    print(json.dumps(found if isinstance(found, str) else asdict(found)))


if __name__ == "__main__":
    main()
