"""What metrics read at each scrape of the parts that hold it: queue, loops, sources, lease, credentials, guards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ecsync.core.model import Key
from ecsync.core.outcome import ApplicationState
from ecsync.report.rates import Buckets, Reading
from ecsync.report.reads import Inventories, Inventory

Samples = Iterable[tuple[Sequence[str], float]]  # values of the labels, value


class SourceAge(NamedTuple):
    """A source: its name, the seconds since its last good read (None before the first), and whether it is readable."""

    name: str
    age: float | None
    ready: bool


class Budget(NamedTuple):
    """A budget of an hour of an account and Region: `changes` or `removals`, what is used of it, and its limit."""

    account: str
    region: str
    budget: str
    used: float
    limit: float


class Lease(NamedTuple):
    """The lease of this process. `age` is the seconds since the last round in which it was held; None: in none."""

    required: bool
    held: bool
    age: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Functions that answer from memory, on any thread. By default there is nothing."""

    applications: Callable[[], Sequence[ApplicationState]] = tuple
    drift: Callable[[str], Collection[Key]] = lambda _application: ()
    sources_ready: Callable[[], Collection[str]] = lambda: ("",)
    sources: Callable[[], Iterable[SourceAge]] = tuple
    source_interval: float = 0.0
    depth: Callable[[], float] = float
    active: Callable[[], float] = float
    longest: Callable[[], float] = float
    oldest: Callable[[], float] = float
    workers: int = 0
    loops: Callable[[], Mapping[str, float]] = dict  # the seconds between two heartbeats, by loop
    lease: Callable[[], Lease] = lambda: Lease(required=False, held=False, age=None)
    buckets: Callable[[], Sequence[Reading]] = tuple
    inventories: Callable[[], Sequence[tuple[str, str, Inventory]]] = tuple
    expiries: Callable[[], Iterable[tuple[str, str, float]]] = tuple  # target, account, Unix time
    guards: Callable[[], Mapping[str, int]] = dict  # freeze, override, approval -> how many are in force
    budgets: Callable[[], Iterable[Budget]] = tuple


@dataclass(frozen=True, slots=True)
class _Gauge(Collector):
    """One family of gauges, from what a function returns at each scrape."""

    name: str
    text: str
    labels: tuple[str, ...] = field(default=())
    read: Callable[[], Samples] = tuple

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(f"ecsync_{self.name}", self.text, labels=self.labels)
        for labels, value in self.read():
            family.add_metric(labels, value)
        yield family


def register(registry: CollectorRegistry, watched: Watched) -> None:
    """Add the families of everything but applications to a registry."""
    for one in (*_of_loops(watched), *_of_sources(watched), *_of_lease(watched), *_of_aws(watched)):
        registry.register(one)
    registry.register(Buckets(watched.buckets))
    registry.register(Inventories(watched.inventories))
    ProcessCollector(registry=registry)


def _of_loops(watched: Watched) -> Iterator[_Gauge]:
    yield _one("workqueue_depth", "Applications that are due and wait for a worker", watched.depth)
    yield _one("workqueue_oldest_age_seconds", "Seconds for which an application is due and waits", watched.oldest)
    yield _one("workqueue_longest_running_seconds", "Seconds since the oldest running pass started", watched.longest)
    yield _one("active_workers", "Applications that are reconciled now", watched.active)
    yield _one("workers", "Workers: so many passes are made at a time, beside those that wait", lambda: watched.workers)
    yield _one("threads", "Threads of the process", threading.active_count)
    yield _Gauge(
        "heartbeat_interval_seconds",
        "Longest time between two heartbeats of a loop that works; after three of them /healthz fails",
        ("loop",),
        lambda: [((loop,), seconds) for loop, seconds in watched.loops().items()],
    )


def _of_sources(watched: Watched) -> Iterator[_Gauge]:
    yield _Gauge(
        "source_age_seconds",
        "Seconds since the start of the last successful read of a source; no series before the first",
        ("name",),
        lambda: [((one.name,), one.age) for one in watched.sources() if one.age is not None],
    )
    yield _Gauge(
        "source_ready",
        "1 if the last read of a source succeeded, else 0: the last good revision is kept, and nothing is deleted",
        ("name",),
        lambda: [((one.name,), float(one.ready)) for one in watched.sources()],
    )
    yield _one(
        "source_interval_seconds", "Seconds between two reads of a source (setting)", lambda: watched.source_interval
    )


def _of_lease(watched: Watched) -> Iterator[_Gauge]:
    yield _one(
        "lease_held", "1 if this process holds the lease and may write, else 0", lambda: float(watched.lease().held)
    )
    yield _one(
        "lease_required",
        "1 if this process needs the lease to write, else 0",
        lambda: float(watched.lease().required),
    )

    def age() -> Samples:
        seconds = watched.lease().age
        return [] if seconds is None else [((), seconds)]

    yield _Gauge(
        "lease_age_seconds",
        "Seconds since the lease was taken or renewed by this process; no series before the first time",
        (),
        age,
    )


def _of_aws(watched: Watched) -> Iterator[_Gauge]:
    yield _Gauge(
        "aws_credentials_expiry_timestamp_seconds",
        "Time at which the credentials that read a target expire (Unix time); they are renewed before. No series for "
        "credentials that do not expire",
        ("target", "account"),
        lambda: [((target, account), until) for target, account, until in watched.expiries()],
    )
    yield _Gauge(
        "guards",
        "Freezes, overrides of windows and approvals that people have set and that are in force",
        ("guard",),
        lambda: [((guard,), float(count)) for guard, count in watched.guards().items()],
    )
    yield _Gauge(
        "budget_used",
        "Resources that were changed, or deleted or replaced (removals), within the hour, where that has a limit",
        ("account", "region", "budget"),
        lambda: [(one[:3], one.used) for one in watched.budgets()],
    )
    yield _Gauge(
        "budget_limit",
        "The limit of budget_used (setting); where targets of one account have several, the lowest",
        ("account", "region", "budget"),
        lambda: [(one[:3], one.limit) for one in watched.budgets()],
    )


def _one(name: str, text: str, read: Callable[[], float]) -> _Gauge:
    """Return a gauge without labels."""
    return _Gauge(name, text, (), lambda: [((), read())])
