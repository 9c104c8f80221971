"""The events of a source: it has a new revision, it cannot be read, or it can be read again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol

from ecsync.core.outcome import Event
from ecsync.core.ports import Snapshot, SourceError
from ecsync.core.trees import Json
from ecsync.core.wording import released

_LONGEST = 2000  # characters of a message


class SourceState(Protocol):
    """What `source_read` needs of a source (`sources.last_good.SourceState`)."""

    @property
    def snapshot(self) -> Snapshot | None:
        """The last good one."""

    @property
    def error(self) -> SourceError | None:
        """The error of the last read; None if it succeeded."""


def source_read(before: SourceState | None, after: SourceState, time: datetime, name: str = "") -> tuple[Event, ...]:
    """Report that a source has a new revision, cannot be read, or can be read again.

    Both where an older revision than the newest is new.
    """
    reason_before = before.error.reason if before and before.error else ""
    revision_before = before.snapshot.revision if before and before.snapshot else ""
    revision = after.snapshot.revision if after.snapshot else ""
    named, which = ({"source": name}, f"{name}: ") if name else ({}, "")
    read = after.error is None or after.error.snapshot is not None
    new = read and revision != revision_before
    found: list[Event] = []
    if after.error is not None and after.error.reason != reason_before:
        failed = {"reason": after.error.reason, **named}
        found.append(_event("source.failed", which + str(after.error), time, revision, failed, "error"))
    if after.snapshot is not None and (new or (reason_before and after.error is None)):
        about = after.snapshot.about
        text = (
            f"revision {revision} of {after.snapshot.source}" if new else f"{after.snapshot.source} can be read again"
        )
        text += f": {released(about)}" if about else ""
        detail = {"before": revision_before, **about, **named}
        found.append(_event("source.updated", which + text, time, revision, detail))
    return tuple(found)


def _event(
    type_: str,
    message: str,
    time: datetime,
    revision: str,
    detail: Mapping[str, Json],
    severity: Literal["info", "error"] = "info",
) -> Event:
    return Event(
        type=type_,
        time=time,
        application="",
        message=message[:_LONGEST],
        severity=severity,
        revision=revision,
        detail=detail,
    )
