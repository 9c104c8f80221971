"""Measure one full check with AWS's rates: `python -m benchmarks.limited --services 1000`.

The real daemon with its queue, workers and limiter, in this process and in real time: AWS's rates and 30 ms of latency.
Before that it makes the first passes of each application without rates. Then the time of a medium cadence is skipped:
all reads are due that are not slow, and a part of the slow ones. All applications are due at once, and the buckets are
full. The floor is the time that the buckets need for what is due when the passes begin.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean
from typing import Any, TypeVar

import structlog

from benchmarks.controller import START, UNLIMITED, use
from benchmarks.cost import Cost, measured
from benchmarks.daemon import manifests
from benchmarks.fleet import ACCOUNT, INSTALLATION, REGION, Fleet, sites
from benchmarks.limit import cadences, limit, seconds, slow_limit
from benchmarks.load.client import LoadAws, Remote
from benchmarks.rounds import INTERVAL, run
from ecsync.aws.limits import Limiter, Limiters, Reading
from ecsync.config import HttpSettings, Settings
from ecsync.core.outcome import ApplicationState, Pass
from ecsync.engine.store import Store
from ecsync.wiring import Clouds, Workspace, daemon

SHARE = 0.5  # the controller's default share of AWS's rates
LATENCY = 0.03
DUE = cadences(INTERVAL)["medium"]
FIRST = 600.0  # seconds in which the first passes must end
LOOK = 0.05  # seconds between two looks at the passes
QUIET = timedelta(seconds=3)
_REAL = time.monotonic
T = TypeVar("T")


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
    """Real time, of which a part can be skipped."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def monotonic(self) -> float:
        """Return real seconds and the skipped ones."""
        return _REAL() + self._skipped

    def now(self) -> datetime:
        """Return the wall time."""
        return datetime.fromtimestamp(START + self.monotonic(), UTC)

    def skip(self, seconds: float) -> None:
        """Let the seconds pass at once."""
        self._skipped += seconds


class Rates:
    """The limiters of the daemon (`Limits`): without a limit, until `begin`. `first_call` is the first one after it."""

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds
        self.first_call = 0.0
        self._limiters = self._of_pace(UNLIMITED)

    def begin(self) -> None:
        """Have AWS's rates from now on, with full buckets."""
        self._limiters = self._of_pace(1.0)
        self.first_call = 0.0

    def of(self, account: str, region: str, service: str) -> Limiter:
        """Return the limiter of a service in an account and Region."""
        self.first_call = self.first_call or _REAL()
        return self._limiters.of(account, region, service)

    def readings(self) -> list[Reading]:
        """Return the state of each bucket that was used."""
        return self._limiters.readings()

    def _of_pace(self, pace: float) -> Limiters:
        return Limiters(
            lambda: Limiter(monotonic=_REAL, wait=time.sleep, share=SHARE, pace=pace, patience=self._clouds.patience)
        )


def floor(fleets: Iterable[Fleet], age: float) -> float:
    """Return the least seconds for the reads that are due, in the site that takes longest.

    `age` is the mean age of slow answers in seconds.
    """
    part = min(1.0, age / cadences(INTERVAL)["slow"])

    def due(fleet: Fleet) -> dict[str, float]:
        return {**limit(fleet.counts), **{name: many * part for name, many in slow_limit(fleet.counts).items()}}

    return max(seconds(due(fleet), SHARE) for fleet in fleets)


def limited(url: str, services: int, applications: int, count: int, patience: float) -> Limited:
    """Make the check in this process."""
    use(url)
    structlog.configure(processors=[_drop])
    aws, fleets, clock = Remote(url), sites(services, applications, count), SkippingTime()
    settings = Settings(
        installation=INSTALLATION, account=ACCOUNT, region=REGION, enforce=True, http=HttpSettings(port=0)
    )
    clouds = Clouds(settings=settings, read_only=False)
    rates = Rates(clouds)
    clouds.limiters = rates  # type: ignore[assignment]
    workspace = Workspace(settings=settings, clouds=clouds, clock=clock)
    names = [f"{fleet.prefix}app-{index}" for fleet in fleets for index in range(fleet.applications)]
    ends: list[tuple[float, list[Pass]] | None] = []
    with manifests(fleets) as folder:
        running = daemon.start(settings, str(folder), workspace, daemon.build_metrics(), {})
        first = _passes(running.store, names, datetime.fromtimestamp(0, UTC), FIRST)
        assert first is not None, "the first passes did not end"
        assert _rest(running.store, names, clock), "a pass is always under way"
        aws.set(buckets=True, latency=LATENCY)
        rates.begin()
        clock.skip(DUE)
        since = clock.now()
        cost = measured(aws, lambda: ends.append(_passes(running.store, names, since, patience)))
        threading.Thread(target=running.stop, args=(1.0,), daemon=True).start()
    ended, passes = ends[0] or (None, [])
    read = mean((one.started.timestamp() + one.ended.timestamp()) / 2 for one in first[1])  # of a slow answer
    age = mean([one.started.timestamp() for one in passes] or [since.timestamp()]) - read
    wall = ended - rates.first_call if ended else None
    return Limited(services=services, sites=count, floor=floor(fleets, age), wall=wall, patience=patience, cost=cost)


def _wait(found: Callable[[], T | None], seconds: float) -> T | None:
    """Look until something is found, and return it; None: it was not in time."""
    deadline = _REAL() + seconds
    while (there := found()) is None and _REAL() < deadline:
        time.sleep(LOOK)
    return there


def _passes(store: Store, names: Sequence[str], since: datetime, seconds: float) -> tuple[float, list[Pass]] | None:
    """Wait for a good pass of each application that begins after a time; None: they do not end in time.

    Return the real time of the last end, and these passes: the first such one of each.
    """
    good: dict[str, Pass] = {}

    def ended() -> tuple[float, list[Pass]] | None:
        for name in names:
            done = state.last_pass if (state := store.application(name)) else None
            if name not in good and done is not None and done.result == "synced" and done.started >= since:
                good[name] = done
        return (_REAL(), list(good.values())) if len(good) == len(names) else None

    return _wait(ended, seconds)


def _rest(store: Store, names: Sequence[str], clock: SkippingTime) -> bool:
    """Wait until no pass is due or under way, and none was for `QUIET`. Return whether that was in `FIRST` seconds."""

    def rests() -> bool | None:
        now = clock.now()
        return all(_rests(store.application(name), now) for name in names) or None

    return bool(_wait(rests, FIRST))


def _rests(state: ApplicationState | None, now: datetime) -> bool:
    if state is None or state.last_pass is None or state.next_pass is None:
        return False
    return state.last_pass.ended + QUIET < now < state.next_pass


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent


def check(aws: Remote, services: int, applications: int, count: int, *, others: float = 0.0) -> Limited | str:
    """Return the check of a fleet, made in a process of its own; a text where it failed."""
    fleets = sites(services, applications, count)
    aws.set(fleets, buckets=False, others=others, latency=0.0, throttled=[])
    patience = 3 * floor(fleets, 2 * DUE) + 10
    arguments = [f"--url={aws.url}", f"--services={services}", f"--applications={applications}", f"--sites={count}"]
    found: Any = run("benchmarks.limited", [*arguments, f"--patience={patience}"], patience + FIRST)
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
