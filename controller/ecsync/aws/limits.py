"""AWS's request rates: the token buckets of an account and Region, shared by all threads that call it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from math import inf
from typing import Protocol

from ecsync.aws.limits_table import BUCKETS, OPERATIONS, Rate
from ecsync.core.ports import Allowance, Deferred

FLOOR = 1 / 16  # of our rate: it is never slowed down further
RECOVERY = 0.01  # of our rate, per second: a halved rate is whole again after 50 s
ONE_THROTTLE = 1.0  # seconds: the throttled calls that were under way together are one signal
LONGEST_PAUSE = 10.0  # seconds until a deferred caller comes again, unless its first token takes longer
GLOBAL = frozenset({"iam"})  # services with one rate for all Regions


class Bucket:
    """One token bucket. Its level may be below zero: then callers queue. The caller holds the lock.

    A request may reach AWS at any time until its answer is here. A full bucket gains nothing meanwhile: so AWS's bucket
    never has fewer tokens than this one, however long the network takes.

    AWS's throttles set its speed: each halves it, and it recovers in small steps (additive increase, multiplicative
    decrease).
    """

    def __init__(self, *, burst: float, refill: float, now: float) -> None:
        self.waited = 0.0  # seconds, in total
        self.throttles = 0
        self._burst = burst
        self._refill = refill
        self._level = burst
        self._unanswered = 0  # calls with a token that have no answer yet
        self._at = now
        self._speed = 1.0
        self._slowed_at = -inf

    def rate(self, now: float) -> float:
        """Return the tokens per second now."""
        self._fill(now)
        return self._refill * self._speed

    def steady(self, now: float) -> bool:
        """Return whether it has its full rate: AWS has not throttled it lately."""
        self._fill(now)
        return self._speed >= 1.0

    def delay(self, now: float, tokens: float = 1.0) -> float:
        """Return the seconds until so many tokens that are taken now are available."""
        self._fill(now)
        return max(0.0, tokens - self._level) / (self._refill * self._speed)

    def pause(self, now: float) -> float:
        """Return the seconds after which a caller that does not wait in line finds several tokens: half a burst."""
        return max(self.delay(now), min(LONGEST_PAUSE, self.delay(now, max(1.0, self._burst / 2))))

    def take(self) -> None:
        """Take a token, also if none is available."""
        self._level -= 1.0

    def send(self) -> None:
        """Take a token for a call: `answer` follows."""
        self.take()
        self._unanswered += 1

    def answer(self, now: float) -> None:
        """Note that the answer to a call is here."""
        self._fill(now)
        self._unanswered -= 1

    def slow(self, now: float) -> None:
        """Empty the bucket and halve its rate: AWS throttled a call."""
        self._fill(now)
        self._level = min(self._level, 0.0)
        self.throttles += 1
        if now - self._slowed_at >= ONE_THROTTLE:
            self._speed = max(FLOOR, self._speed / 2)
            self._slowed_at = now

    def _fill(self, now: float) -> None:
        elapsed = now - self._at
        recovering = min(elapsed, (1.0 - self._speed) / RECOVERY)
        faster = min(1.0, self._speed + recovering * RECOVERY)
        whole = recovering * (self._speed + faster) / 2 + (elapsed - recovering)  # seconds at full rate
        self._level = min(self._burst - self._unanswered, self._level + self._refill * whole)
        self._speed = faster
        self._at = now


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The state of one bucket, for metrics."""

    bucket: str
    rate: float  # tokens per second now
    waited: float  # seconds that calls have waited for it
    throttles: int
    account: str = ""  # empty: not known yet
    region: str = ""  # empty: all Regions


class Patience:
    """How long the calls of a thread may wait: without a limit, except inside `limited`."""

    def __init__(self) -> None:
        self._local = threading.local()

    @contextmanager
    def limited(self, seconds: float) -> Iterator[Allowance]:
        """Let the calls of this thread wait for so many seconds together; a call beyond them raises Deferred."""
        before = self.now()
        self._local.allowance = Allowance(left=seconds)
        try:
            yield self._local.allowance
        finally:
            self._local.allowance = before

    def now(self) -> Allowance:
        """Return the allowance of this thread."""
        allowance: Allowance = getattr(self._local, "allowance", None) or Allowance()
        return allowance


class Limits(Protocol):
    """Where a cloud finds the limiter of a call."""

    def of(self, account: str, region: str, service: str) -> Limiter:
        """Return the limiter of a service in an account and Region; the account is empty while it is not known."""


class Limiter:
    """The buckets of one account and Region, at our share of AWS's rates: other clients use the same rates.

    `wait` waits for the given seconds, and returns true if the process stops: then the call is not made. `pace` is the
    seconds of AWS's clock in one second of ours.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        wait: Callable[[float], object],
        share: float = 0.5,
        pace: float = 1.0,
        patience: Patience | None = None,
        rates: Mapping[str, Rate] = BUCKETS,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"the share of AWS's rates must be above 0 and at most 1, not {share}")
        self._monotonic = monotonic
        self._wait = wait
        self._share = share
        self._pace = pace
        self._patience = patience or Patience()
        self._rates = rates
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def of(self, _account: str, _region: str, _service: str) -> Limiter:
        """Return this limiter: it may stand for all accounts and Regions (`Limits`)."""
        return self

    @contextmanager
    def call(self, service: str, operation: str) -> Iterator[float]:
        """Wait as `take`, and make the call inside the block: its end is the answer. Yields the seconds of the wait."""
        waited, buckets = self._take(service, operation, Bucket.send)
        try:
            yield waited
        finally:
            with self._lock:
                now = self._monotonic()
                for bucket in buckets:
                    bucket.answer(now)

    def take(self, service: str, operation: str) -> float:
        """Wait until the call may be made, and return the seconds of the wait.

        Raises Deferred where this thread may not wait so long (then no token is taken), and when the process stops.
        """
        return self._take(service, operation, Bucket.take)[0]

    def check(self, service: str, operation: str, calls: int = 1) -> None:
        """Raise Deferred if `take` would for the last of so many calls. No token is taken."""
        with self._lock:
            self._delay(service, operation, self._monotonic(), calls)

    def check_listing(self, service: str, operation: str, calls: int) -> None:
        """Raise Deferred where this thread begins no listing of so many calls (`Allowance.whole`)."""
        if self._patience.now().whole:
            self.check(service, operation, calls)

    def _delay(
        self, service: str, operation: str, now: float, calls: int = 1
    ) -> tuple[str, Bucket, float, dict[str, Bucket]]:
        """Return the slowest bucket of an operation, its seconds, and all buckets. Raises Deferred."""
        buckets = self._of(service, operation, now)
        name, last = max(buckets.items(), key=lambda item: item[1].delay(now, calls))
        seconds = last.delay(now, calls)
        beyond = seconds - self._patience.now().left
        if beyond > 0.0:
            after = max(min(beyond, 1.0), *(bucket.pause(now) for bucket in buckets.values()))
            each = 1.0 / last.rate(now)
            raise Deferred(name, after, f"{service}.{operation}", first=last.delay(now), each=each)
        return name, last, seconds, buckets

    def _take(self, service: str, operation: str, take: Callable[[Bucket], None]) -> tuple[float, list[Bucket]]:
        """Take a token of each bucket of the operation, and wait until they are there."""
        with self._lock:
            name, last, seconds, buckets = self._delay(service, operation, self._monotonic())
            for bucket in buckets.values():
                take(bucket)
            last.waited += seconds
        if seconds:
            self._patience.now().spend(seconds)
            if self._wait(seconds):
                raise Deferred(name, 0.0, f"{service}.{operation}")  # the process stops: nothing is counted any more
        return seconds, list(buckets.values())

    def spend(self, service: str, operation: str) -> None:
        """Count a request that did not wait: a retry inside botocore."""
        with self._lock:
            for bucket in self._of(service, operation, self._monotonic()).values():
                bucket.take()

    def slow(self, service: str, operation: str) -> None:
        """Slow down every bucket of the operation: AWS throttled it."""
        with self._lock:
            now = self._monotonic()
            for bucket in self._of(service, operation, now).values():
                bucket.slow(now)

    def steady(self, service: str, operation: str) -> bool:
        """Return whether AWS has not throttled the buckets of the operation lately."""
        with self._lock:
            now = self._monotonic()
            return all(bucket.steady(now) for bucket in self._of(service, operation, now).values())

    def readings(self) -> list[Reading]:
        """Return the state of each bucket that was used."""
        with self._lock:
            now = self._monotonic()
            return [
                Reading(bucket=name, rate=bucket.rate(now), waited=bucket.waited, throttles=bucket.throttles)
                for name, bucket in self._buckets.items()
            ]

    def _of(self, service: str, operation: str, now: float) -> dict[str, Bucket]:
        return {name: self._bucket(name, now) for name in buckets_of(service, operation)}

    def _bucket(self, name: str, now: float) -> Bucket:
        if name not in self._buckets:
            rate = self._rates[name.split("/")[0]]
            burst = max(1.0, rate.burst * self._share)
            self._buckets[name] = Bucket(burst=burst, refill=rate.refill * self._share * self._pace, now=now)
        return self._buckets[name]


class Limiters:
    """The limiters of this process: one per account and Region, whatever the target is called (`Limits`).

    `make` returns a new limiter. The calls of a service with one rate for all Regions share the limiter of Region "".
    """

    def __init__(self, make: Callable[[], Limiter]) -> None:
        self._make = make
        self._limiters: dict[tuple[str, str], Limiter] = {}
        self._lock = threading.Lock()

    def of(self, account: str, region: str, service: str) -> Limiter:
        """Return the limiter of a service in an account and Region."""
        site = (account, "" if service in GLOBAL else region)
        with self._lock:
            if site not in self._limiters:
                self._limiters[site] = self._make()
            return self._limiters[site]

    def readings(self) -> list[Reading]:
        """Return the state of each bucket that was used, with its account and Region."""
        with self._lock:
            limiters = dict(self._limiters)
        return [
            replace(reading, account=account, region=region)
            for (account, region), limiter in limiters.items()
            for reading in limiter.readings()
        ]


@cache
def buckets_of(service: str, operation: str) -> tuple[str, ...]:
    """Return the names of the buckets of an operation."""
    name = f"{service}.{operation}"
    buckets = next(buckets for pattern, buckets in OPERATIONS if fnmatchcase(name, pattern))
    own = {"operation": name, "service": service}
    return tuple("/".join([bucket, *(own[by] for by in split)]) for bucket, *split in (b.split("/") for b in buckets))
