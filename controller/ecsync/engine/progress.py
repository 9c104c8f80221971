"""Deadlines of health: what makes no progress for too long is Degraded, with its reason (docs/rules.md R24)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ecsync.core.model import Key
from ecsync.core.outcome import Health, Progress, ResourceStatus
from ecsync.core.wording import duration


@dataclass(frozen=True, slots=True)
class Watch:
    """The most progress that was seen of what is under way, and when it was first seen (monotonic seconds)."""

    of: str
    done: float
    since: float


Watches = Mapping[Key, Watch]


def judged(
    statuses: Iterable[ResourceStatus], watches: Watches, now: float, wall: datetime
) -> tuple[tuple[ResourceStatus, ...], Watches]:
    """Return the statuses after the deadlines, and what is watched from now on. A restart begins each time again."""
    kept: dict[Key, Watch] = {}
    found = []
    for status in statuses:
        health = status.health
        if health.status == "Progressing":
            progress = health.progress or Progress()
            watch = kept[status.key] = _watched(progress, watches.get(status.key), now)
            health = _after_deadline(health, progress, now - watch.since, wall)
        found.append(status if health is status.health else replace(status, health=health))
    return tuple(found), kept


def _watched(progress: Progress, before: Watch | None, now: float) -> Watch:
    if before is None or before.of != progress.of or progress.done > before.done:
        return Watch(progress.of, progress.done, now)
    return before


def _after_deadline(health: Health, progress: Progress, seen: float, wall: datetime) -> Health:
    """Return the health of what was seen without progress for so many seconds, or for longer by AWS's own record."""
    stalled = max(seen, (wall - progress.since).total_seconds()) if progress.since else seen
    if stalled <= progress.within:
        return health
    return Health(status="Degraded", why=f"no progress for {duration(stalled)}: {health.why}")
