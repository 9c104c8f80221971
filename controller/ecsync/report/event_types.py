"""The types of events (docs/reference/events.md). A test compares them with those that the code makes."""

from __future__ import annotations

TYPES = (
    "app.invalid", "app.moved", "app.removed", "app.valid",
    "approval.ended", "approval.given", "approval.needed",
    "deployment.rolledback",
    "drift.changed", "drift.detected", "drift.resolved",
    "freeze.began", "freeze.ended",
    "health.changed",
    "lease.lost", "lease.taken", "lease.waiting",
    "leftover.deleted",
    "override.began", "override.ended",
    "pass.failed", "pass.resumed",
    "resource.adopted", "resource.created", "resource.deleted", "resource.notconverging", "resource.released",
    "resource.replaced", "resource.updated",
    "source.failed", "source.updated",
    "sync.failed", "sync.held", "sync.started", "sync.succeeded",
)  # fmt: skip
