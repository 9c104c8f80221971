"""The composition root: builds the clouds, targets, sources and the workspace that every verb works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsync.wiring import lease
from ecsync.wiring.clouds import Clouds
from ecsync.wiring.registry import all_kinds, all_reads
from ecsync.wiring.sources import root_name, root_names
from ecsync.wiring.system import Locks, SystemClock
from ecsync.wiring.workspace import Workspace

if TYPE_CHECKING:
    from ecsync.aws.hooks import Observer
    from ecsync.config import Settings

__all__ = ["Clouds", "Locks", "SystemClock", "Workspace", "all_kinds", "all_reads", "lease", "workspace"]


def workspace(
    settings: Settings, where: str, *, read_only: bool, observer: Observer | None = None, pace: float = 1.0
) -> Workspace:
    """Return the workspace of a verb, for manifests at a path or `s3://bucket/prefix`."""
    clouds = Clouds(settings=settings, read_only=read_only, observer=observer, pace=pace)
    return Workspace(settings=settings, clouds=clouds, root_name=root_name(where), root_names=root_names(settings))
