"""Staying below AWS's rates: the token buckets of one account and Region, shared by every thread that calls it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import cache

from ecsync.aws.limits_table import BUCKETS, OPERATIONS, Rate
from ecsync.core.ports import AwsError

SLOW_SECONDS = 60.0


class Bucket:
    """One token bucket; its level may go below zero, which is how callers queue. The caller holds the lock."""

    def __init__(self, *, burst: float, refill: float, now: float) -> None:
        self._burst = burst
        self._refill = refill
        self._level = burst
        self._at = now
        self._slow_until = now

    def delay(self, now: float) -> float:
        """Return the seconds until a token taken now is there."""
        self._fill(now)
        refill = self._refill / 2 if now < self._slow_until else self._refill
        return max(0.0, 1.0 - self._level) / refill

    def take(self) -> None:
        """Take a token, whether or not it is there."""
        self._level -= 1.0

    def slow(self, now: float) -> None:
        """AWS said no: whatever we thought to have is gone, and for a minute half as much comes in."""
        self._fill(now)
        self._level = min(self._level, 0.0)
        self._slow_until = now + SLOW_SECONDS

    def _fill(self, now: float) -> None:
        slowly = max(0.0, min(now, self._slow_until) - self._at)
        quickly = now - self._at - slowly
        self._level = min(self._burst, self._level + self._refill * (slowly / 2 + quickly))
        self._at = now


class Limiter:
    """The buckets of one account and Region, at our share of AWS's rates: others draw on the same ones.

    `wait` lets the given seconds pass; it may return early when the process is to stop. A wait beyond `patience`
    is refused as a throttle, so that no worker is held for long: its application comes back later.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        wait: Callable[[float], object],
        share: float = 0.5,
        patience: float = 30.0,
        rates: Mapping[str, Rate] = BUCKETS,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"the share of AWS's rates must be above 0 and at most 1, not {share}")
        self._monotonic = monotonic
        self._wait = wait
        self._share = share
        self._patience = patience
        self._rates = rates
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def take(self, service: str, operation: str) -> float:
        """Wait until the call may be made, and return for how many seconds."""
        with self._lock:
            now = self._monotonic()
            buckets = self._of(service, operation, now)
            seconds = max(bucket.delay(now) for bucket in buckets)
            if seconds > self._patience:
                raise AwsError(
                    "throttled",
                    "LocalRateLimit",
                    f"held back by ourselves: {seconds:.0f} s of calls are before it",
                    f"{service}.{operation}",
                )
            for bucket in buckets:
                bucket.take()
        if seconds:
            self._wait(seconds)
        return seconds

    def spend(self, service: str, operation: str) -> None:
        """Count a request that nobody waited for: a retry inside the client."""
        with self._lock:
            for bucket in self._of(service, operation, self._monotonic()):
                bucket.take()

    def slow(self, service: str, operation: str) -> None:
        """Slow every bucket down that the operation draws on: AWS throttled it."""
        with self._lock:
            now = self._monotonic()
            for bucket in self._of(service, operation, now):
                bucket.slow(now)

    def _of(self, service: str, operation: str, now: float) -> list[Bucket]:
        return [self._bucket(name, now) for name in buckets_of(service, operation)]

    def _bucket(self, name: str, now: float) -> Bucket:
        if name not in self._buckets:
            rate = self._rates[name.split("/")[0]]
            burst = max(1.0, rate.burst * self._share)
            self._buckets[name] = Bucket(burst=burst, refill=rate.refill * self._share, now=now)
        return self._buckets[name]


@cache
def buckets_of(service: str, operation: str) -> tuple[str, ...]:
    """Return the names of the buckets that an operation draws on."""
    name = f"{service}.{operation}"
    buckets = next(buckets for pattern, buckets in OPERATIONS if fnmatchcase(name, pattern))
    own = {"operation": name, "service": service}
    return tuple("/".join([bucket, *(own[by] for by in split)]) for bucket, *split in (b.split("/") for b in buckets))
