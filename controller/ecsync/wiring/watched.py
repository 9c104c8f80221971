"""What the metrics of the daemon read at each scrape, and what they count of the lease."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ecsync import kinds
from ecsync.config import Settings
from ecsync.core.ports import Clock
from ecsync.engine.daemon_parts import DaemonParts
from ecsync.guards.guard import Guard
from ecsync.guards.records import Record
from ecsync.http.app import READS
from ecsync.lease.keeper import Keeper, State
from ecsync.report.collectors.watched import Budget, Lease, SourceAge, Watched
from ecsync.report.metrics import Metrics
from ecsync.report.recorder import Recorder
from ecsync.sources.last_good import LastGood
from ecsync.sources.several import Several
from ecsync.wiring import targets
from ecsync.wiring.http_view import Heartbeats
from ecsync.wiring.registry import all_operations
from ecsync.wiring.workspace import Workspace


@dataclass(kw_only=True)
class LeaseRounds:
    """Counts the rounds of the keeper of the lease, and keeps the time of the last one that held it."""

    metrics: Metrics
    clock: Clock
    held_at: float | None = None

    def looked(self, state: State) -> None:
        """Take the state after a round."""
        self.metrics.lease_round("held" if state.held else "other" if state.holder is not None else "error")
        if state.held:
            self.held_at = self.clock.monotonic()

    def read(self, keeper: Keeper | None) -> Lease:
        """Return the lease for the metrics."""
        age = None if self.held_at is None else self.clock.monotonic() - self.held_at
        return Lease(required=keeper is not None, held=keeper is not None and keeper.state().held, age=age)


def declare(metrics: Metrics, sources: Iterable[str]) -> None:
    """Start the counters at 0."""
    metrics.declare_kinds(kind.name for kind in kinds.ALL)
    metrics.declare_operations(sorted(all_operations()))
    metrics.declare_sources(sources)
    metrics.declare_routes((route, "GET") for route in READS)


def watched(
    settings: Settings,
    workspace: Workspace,
    parts: DaemonParts,
    *,
    last_good: LastGood | Several,
    events: Recorder,
    heartbeats: Heartbeats,
    guard: Guard,
    keeper: Keeper | None,
    rounds: LeaseRounds,
) -> Watched:
    """Return what is read at each scrape."""
    return Watched(
        applications=parts.store.applications,
        drift=events.drift,
        sources_ready=lambda: {one.name for one in _sources(last_good) if one.ready},
        sources=lambda: _sources(last_good),
        source_interval=settings.loop.source_interval,
        depth=parts.queue.depth,
        active=parts.queue.active,
        longest=parts.queue.longest_running,
        oldest=parts.queue.oldest,
        workers=settings.loop.workers,
        loops=lambda: {loop: beat.interval for loop, beat in heartbeats.beats().items()},
        lease=lambda: rounds.read(keeper),
        buckets=workspace.clouds.limiters.readings,
        inventories=workspace.inventories,
        expiries=workspace.clouds.expiries,
        guards=lambda: _guards(guard, parts.clock),
        budgets=lambda: list(_budgets(settings, workspace)),
    )


def _sources(last_good: LastGood | Several) -> list[SourceAge]:
    """Return each source; one that was not read yet is not ready."""
    states = last_good.states().items()
    return [SourceAge(name, one.age, one.error is None and one.snapshot is not None) for name, one in states]


def _guards(guard: Guard, clock: Clock) -> Mapping[str, int]:
    record = (guard.known() or Record()).current(clock.now())
    return {"freeze": len(record.frozen), "override": len(record.overrides), "approval": len(record.approvals)}


def _budgets(settings: Settings, workspace: Workspace) -> Iterator[Budget]:
    for (account, region), counts in list((workspace.counts or {}).items()):
        limits, (changes, removals) = targets.lowest_per_hour(settings, account), counts.used()
        for name, used, limit in (("changes", changes, limits.changes), ("removals", removals, limits.removals)):
            if limit:
                yield Budget(account, region, name, float(used), float(limit))
