"""The lease of this process: where it is, who holds it, and the way to hold it for a verb."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ecsync import config
from ecsync.config import Settings
from ecsync.core.ports import Holder, Lease, WritesStopped
from ecsync.lease.files import FileLease
from ecsync.lease.keeper import Keeper, State, Timing
from ecsync.lease.records import RecordLease, Store
from ecsync.lease.stores import DynamoDbStore, S3Store
from ecsync.version import version
from ecsync.wiring.clouds import Clouds
from ecsync.wiring.sources import kind_of
from ecsync.wiring.system import person

STOP = 3.0  # seconds to give the lease back; after them it ends by itself
_LONGEST = 200  # characters of the reason of --force


def keeper(
    settings: Settings,
    where: str,
    clouds: Clouds,
    operation: str,
    changed: Callable[[State, State], None] = lambda _before, _now: None,
    reason: str = "",
    looked: Callable[[State], None] = lambda _now: None,
) -> Keeper:
    """Return the keeper of the lease on the manifests at a path or `s3://bucket/prefix`; it is not started.

    From now on the clouds write only while the lease is held. `reason` is why it is taken from another holder.
    """
    timing = Timing(period=settings.lease_period)
    made = Keeper(_lease(settings, where, clouds, _holder(operation, reason), timing), timing, changed, looked)
    clouds.permit = made.permit
    return made


@contextmanager
def held(settings: Settings, where: str, clouds: Clouds, operation: str, reason: str) -> Iterator[Callable[[], str]]:
    """Hold the lease for the block; yield why it is not held any more (empty: it is). Raises WritesStopped.

    With a `reason` it is taken from another holder.
    """
    if settings.lease == "none":
        yield lambda: ""
        return
    kept = keeper(settings, where, clouds, operation, reason=reason)
    found = kept.round(force=bool(reason))
    if not found.held:
        raise WritesStopped(f"nothing was written: the lease is {found}")
    kept.start()
    try:
        yield lambda: "" if kept.state().held else str(kept.state())
    finally:
        kept.stop(STOP)


def _lease(settings: Settings, where: str, clouds: Clouds, holder: Holder, timing: Timing) -> Lease:
    kind, _, place = settings.lease.partition(":")
    name = settings.installation
    if kind == "dynamodb":
        return _over(DynamoDbStore(clouds.of_lease(_region(settings)), place, name), holder, timing)
    if kind == "file":
        return FileLease(Path(place), holder)
    if settings.sources or kind_of(where) == "git":
        what = "with several sources it has no place" if settings.sources else "a git source has no place for it"
        raise config.ConfigError(
            f"lease: {what}, and without it two processes may write: set lease to "
            "dynamodb:TABLE, or to file:PATH where all processes run on one machine, or to none"
        )
    if where.startswith("s3://"):
        bucket, _, prefix = where.removeprefix("s3://").partition("/")
        key = "/".join(part for part in (prefix.strip("/"), _file(name)) if part)
        return _over(S3Store(clouds.of_lease(_region(settings)), bucket, key, settings.source_owner), holder, timing)
    path = Path(where)
    return FileLease((path.parent if path.is_file() else path) / _file(name), holder)


def _over(store: Store, holder: Holder, timing: Timing) -> Lease:
    return RecordLease(store, holder, nonce=uuid.uuid4().hex, term=timing.term, monotonic=_elapsed)


def _elapsed() -> float:
    """Return seconds that never jump, and that go on while the machine sleeps: another one may take the lease then."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _file(installation: str) -> str:
    """Return the name of the file or object: hidden, so that no source reads it as a manifest."""
    return f".ecsync-lease-{installation}"


def _region(settings: Settings) -> str:
    return settings.region or config.default_region()


def _holder(operation: str, reason: str) -> Holder:
    return Holder(
        who=f"{person()}, process {os.getpid()}",
        operation=operation,
        version=version(),
        since=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        reason=reason[:_LONGEST],
    )
