"""AWS's request rates: the token buckets of one account and Region, shared by all threads that call it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import cache

from ecsync.aws.limits_table import BUCKETS, OPERATIONS, Rate
from ecsync.core.ports import AwsError

SLOW_SECONDS = 60.0


class Bucket:
    """One token bucket. Its level may be below zero: then callers queue. The caller holds the lock."""

    def __init__(self, *, burst: float, refill: float, now: float) -> None:
        self._burst = burst
        self._refill = refill
        self._level = burst
        self._at = now
        self._slow_until = now

    def delay(self, now: float) -> float:
        """Return the seconds until a token that is taken now is available."""
        self._fill(now)
        refill = self._refill / 2 if now < self._slow_until else self._refill
        return max(0.0, 1.0 - self._level) / refill

    def take(self) -> None:
        """Take a token, also if none is available."""
        self._level -= 1.0

    def slow(self, now: float) -> None:
        """Empty the bucket and halve its refill for a minute: AWS throttled a call."""
        self._fill(now)
        self._level = min(self._level, 0.0)
        self._slow_until = now + SLOW_SECONDS

    def _fill(self, now: float) -> None:
        slowly = max(0.0, min(now, self._slow_until) - self._at)
        quickly = now - self._at - slowly
        self._level = min(self._burst, self._level + self._refill * (slowly / 2 + quickly))
        self._at = now


class Limiter:
    """The buckets of one account and Region, at our share of AWS's rates: other clients use the same rates.

    `wait` waits for the given seconds; it may return early when the process stops. A call that would wait longer than
    `patience` fails as throttled, so that no worker is blocked for long; its application is requeued.
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
        """Wait until the call may be made, and return the seconds of the wait. Raises AwsError `throttled`."""
        with self._lock:
            now = self._monotonic()
            buckets = self._of(service, operation, now)
            seconds = max(bucket.delay(now) for bucket in buckets)
            if seconds > self._patience:
                raise AwsError(
                    "throttled",
                    "LocalRateLimit",
                    f"our own rate limit would delay this call by {seconds:.0f} s",
                    f"{service}.{operation}",
                )
            for bucket in buckets:
                bucket.take()
        if seconds:
            self._wait(seconds)
        return seconds

    def spend(self, service: str, operation: str) -> None:
        """Count a request that did not wait: a retry inside botocore."""
        with self._lock:
            for bucket in self._of(service, operation, self._monotonic()):
                bucket.take()

    def slow(self, service: str, operation: str) -> None:
        """Slow down every bucket of the operation: AWS throttled it."""
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
    """Return the names of the buckets of an operation."""
    name = f"{service}.{operation}"
    buckets = next(buckets for pattern, buckets in OPERATIONS if fnmatchcase(name, pattern))
    own = {"operation": name, "service": service}
    return tuple("/".join([bucket, *(own[by] for by in split)]) for bucket, *split in (b.split("/") for b in buckets))
