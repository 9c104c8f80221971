"""The work queue: names of applications, each at most once, and never with two workers on one.

It is fair between sites (accounts and Regions), and then between applications. A site with an empty rate limit keeps
no worker busy.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from ecsync.core.ports import Clock

Priority: TypeAlias = Literal["repair", "change", "drift", "look"]

# Seconds that a name of this priority goes before a look that is due at the same time. So no name waits for ever.
HEAD_START: Mapping[Priority, float] = {"repair": 900.0, "change": 600.0, "drift": 300.0, "look": 0.0}
TOGETHER = 4  # passes at a time of a site with an empty rate limit: while one waits, another one uses other limits


class Claim(Protocol):
    """The right to work on one application; it can be lost at any moment."""

    @property
    def key(self) -> str:
        """The application's name."""

    @property
    def patient(self) -> bool:
        """Whether the pass may wait: the rate limit of the site was used up, so few passes of it are made at a time."""

    def renew(self) -> bool:
        """Keep the claim; False when it is lost. Called before every mutating call."""

    def done(self, after: float | None = None, *, priority: Priority = "look", scarce: bool = False) -> None:
        """Give the claim back, and requeue the application after this many seconds; None: do not requeue it.

        `scarce`: the pass waited for the rate limit, so only few applications of the site are still taken at a time.
        """

    def deferred(self, after: float) -> None:
        """Give the claim back because the rate limit is used up: no application of the site is taken for these seconds.

        The application keeps its place before those that were due later.
        """


_Rank: TypeAlias = tuple[float, int]  # the time, less the head start; of the same time the first added goes first


@dataclass(frozen=True, slots=True)
class _Due:
    at: float
    rank: _Rank  # of two names of a site that are due, the lower goes first
    order: int  # the number of the change of the queue that made it


@dataclass(slots=True)
class _Site:
    name: Hashable
    ready: list[tuple[_Rank, int, str]] = field(default_factory=list)  # a heap of (rank, order, name); some are stale
    names: set[str] = field(default_factory=set)
    active: int = 0
    served: int = 0  # the number of the last claim
    shut_until: float = 0.0
    short: bool = False  # its rate limit was used up, and no pass since then had enough


class MemoryQueue:
    """The queue of one process.

    - `add` of a name that waits keeps the earlier of the two times.
    - `add` of a name that is claimed makes it wait; it is taken when the claim has been given back.
    - `Claim.done` with a time requeues the name, also when the claim was lost: no application is ever left out.
    - Of several sites the one that was served longest ago comes first. One site never has all workers while there are
      others: it leaves one for each, where there are enough.
    - `Claim.deferred` shuts the site for a time. After it few names of the site are taken at a time (`TOGETHER`), until
      a pass is done that did not wait for the rate limit.
    - `most_at` returns the most names of a site that may be claimed at a time; 0: it has no limit of its own.
    - `close` wakes every worker and ends every claim: a pass stops before its next mutating call.

    `wait` is `Condition.wait`, or a replacement in tests (`FakeClock.skip`, `FakeClock.hold`). `waited` receives the
    seconds for which a name was due when it is taken; it must not block.
    """

    def __init__(
        self,
        clock: Clock,
        wait: Callable[[threading.Condition, float | None], object] = threading.Condition.wait,
        *,
        workers: int = 4,
        most_at: Callable[[Hashable], int] = lambda _site: 0,
        waited: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._clock = clock
        self._wait = wait
        self._workers = workers
        self._most_at = most_at
        self._waited = waited
        self._changed = threading.Condition()
        self._waiting: dict[str, _Due] = {}
        self._later: list[tuple[float, int, str]] = []  # a heap of (time, order, name); some are stale
        self._claims: dict[str, _MemoryClaim] = {}
        self._site_names: dict[str, Hashable] = {}
        self._sites: dict[Hashable, _Site] = {}
        self._added = 0
        self._taken = 0
        self._closed = False

    def place(self, key: str, site: Hashable) -> None:
        """Set the site of a name: what has a rate limit of its own. The names that are not placed have one together."""
        with self._changed:
            if key in self._site_names and self._site_names[key] == site:
                return
            self._leave(key)
            self._site_names[key] = site
            self._sites.setdefault(site, _Site(site)).names.add(key)
            self._make_ready(key)

    def add(self, key: str, after: float = 0.0, *, priority: Priority = "look") -> None:
        """Make the application due after this many seconds, unless it is due earlier already."""
        with self._changed:
            at = self._clock.monotonic() + max(0.0, after)
            self._put(key, at, (at - HEAD_START[priority], self._added))

    def take(self, timeout: float | None = None) -> Claim | None:
        """Wait for the name that is to be taken next; None after the timeout, or when the queue is closed."""
        with self._changed:
            until = None if timeout is None else self._clock.monotonic() + timeout
            while not self._closed:
                now = self._clock.monotonic()
                self._ripen(now)
                site = min(self._admitting(now), key=lambda one: one.served, default=None)
                if site is not None:
                    return self._claim(site, now)
                if until is not None and until <= now:
                    return None
                next_change = min((at for at in (*self._next_times(now), until) if at is not None), default=None)
                self._wait(self._changed, None if next_change is None else next_change - now)
        return None

    def discard(self, key: str) -> None:
        """Remove a name that waits. A claim on it stays: its pass ends, and may requeue the name once more."""
        with self._changed:
            self._waiting.pop(key, None)
            self._leave(key)

    def close(self) -> None:
        """Accept no more names, return no more claims, and end every claim."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def depth(self) -> int:
        """Return how many names are due and wait for a worker."""
        with self._changed:
            now = self._clock.monotonic()
            return sum(due.at <= now for due in self._waiting.values())

    def oldest(self) -> float:
        """Return for how many seconds a name is due and waits for a worker; 0 if none waits."""
        with self._changed:
            now = self._clock.monotonic()
            return max((now - due.at for due in self._waiting.values() if due.at <= now), default=0.0)

    def active(self) -> int:
        """Return how many names are claimed."""
        with self._changed:
            return len(self._claims)

    def longest_running(self) -> float:
        """Return the seconds since the oldest claim was taken; 0 without claims."""
        with self._changed:
            taken = min((claim.taken for claim in self._claims.values()), default=None)
            return 0.0 if taken is None else self._clock.monotonic() - taken

    # ---------------------------------------------------------------- names that wait

    def _put(self, key: str, at: float, rank: _Rank) -> None:
        """Make a name due at a time, or at an earlier one that it has already."""
        known = self._waiting.get(key)
        at, rank = (at, rank) if known is None else (min(at, known.at), min(rank, known.rank))
        if self._closed or (known is not None and (known.at, known.rank) == (at, rank)):
            return
        if key not in self._site_names:
            self.place(key, None)
        self._added += 1
        self._waiting[key] = _Due(at, rank, self._added)
        heapq.heappush(self._later, (at, self._added, key))
        self._changed.notify_all()

    def _ripen(self, now: float) -> None:
        """Move the names that have become due to their sites."""
        while self._later and (self._later[0][0] <= now or not self._is_current(self._later[0])):
            entry = heapq.heappop(self._later)
            if self._is_current(entry):
                self._make_ready(entry[2])

    def _make_ready(self, key: str) -> None:
        """Add a name to those of its site that are due, if it is due. A second entry of a name becomes stale."""
        due = self._waiting.get(key)
        if due is not None and due.at <= self._clock.monotonic():
            heapq.heappush(self._sites[self._site_names[key]].ready, (due.rank, due.order, key))
            self._changed.notify_all()

    def _is_current(self, entry: tuple[object, int, str]) -> bool:
        """Return whether an entry of a heap is of the last `add` of its name."""
        due = self._waiting.get(entry[2])
        return due is not None and due.order == entry[1]

    # ---------------------------------------------------------------- sites

    def _leave(self, key: str) -> None:
        """Take a name out of its site."""
        if key in self._site_names:
            site = self._sites[self._site_names.pop(key)]
            site.names.discard(key)
            self._forget_empty(site)

    def _forget_empty(self, site: _Site) -> None:
        """Forget a site without names and claims."""
        if not site.names and not site.active and self._sites.get(site.name) is site:
            del self._sites[site.name]

    def _admitting(self, now: float) -> Iterator[_Site]:
        """Yield the sites that have a name for a worker now."""
        most = max(1, self._workers - (len(self._sites) - 1))
        for site in self._sites.values():
            together = TOGETHER if site.short else most
            together = min(together, self._most_at(site.name) or together)
            if now >= site.shut_until and site.active < together and self._has_ready(site):
                yield site

    def _has_ready(self, site: _Site) -> bool:
        """Return whether a name of the site is due and free; the stale entries before it are removed."""
        ready = site.ready
        while ready and not self._is_free(site, ready[0]):
            heapq.heappop(ready)
        return bool(ready)

    def _is_free(self, site: _Site, entry: tuple[_Rank, int, str]) -> bool:
        key = entry[2]
        return self._is_current(entry) and key not in self._claims and key in site.names

    def _next_times(self, now: float) -> Iterator[float]:
        """Yield the times at which a name or a site becomes due. All others begin with a notification."""
        if self._later:
            yield self._later[0][0]
        yield from (site.shut_until for site in self._sites.values() if site.shut_until > now and site.ready)

    # ---------------------------------------------------------------- claims

    def _claim(self, site: _Site, now: float) -> Claim:
        _, _, key = heapq.heappop(site.ready)
        due = self._waiting.pop(key)
        self._waited(max(0.0, now - due.at))
        self._taken += 1
        site.served = self._taken
        site.active += 1
        claim = self._claims[key] = _MemoryClaim(self, key, now, due.rank, site)
        return claim

    def _holds(self, claim: _MemoryClaim) -> bool:
        with self._changed:
            return not self._closed and self._claims.get(claim.key) is claim

    def _give_back(self, claim: _MemoryClaim) -> None:
        """End a claim, unless it is lost. The condition is held."""
        if self._claims.get(claim.key) is not claim:
            return
        del self._claims[claim.key]
        claim.site.active -= 1
        self._forget_empty(claim.site)
        self._make_ready(claim.key)  # its entry may have been removed, because the name was claimed
        self._changed.notify_all()

    def _done(self, claim: _MemoryClaim, after: float | None, priority: Priority, scarce: bool) -> None:
        with self._changed:
            self._give_back(claim)
            if scarce or claim.patient:
                claim.site.short = scarce
            if after is not None:
                self.add(claim.key, after, priority=priority)
            elif claim.key not in self._waiting:
                self._leave(claim.key)

    def _deferred(self, claim: _MemoryClaim, after: float) -> None:
        with self._changed:
            self._give_back(claim)
            at = self._clock.monotonic() + after
            claim.site.shut_until = max(claim.site.shut_until, at)
            claim.site.short = True
            self._put(claim.key, at, claim.rank)


class _MemoryClaim:
    """A claim on the queue in memory: lost only when it is given back or when the queue closes."""

    def __init__(self, queue: MemoryQueue, key: str, taken: float, rank: _Rank, site: _Site) -> None:
        self._queue = queue
        self._key = key
        self.taken = taken
        self.rank = rank
        self.site = site
        self.patient = site.short

    @property
    def key(self) -> str:
        return self._key

    def renew(self) -> bool:
        return self._queue._holds(self)

    def done(self, after: float | None = None, *, priority: Priority = "look", scarce: bool = False) -> None:
        self._queue._done(self, after, priority, scarce)

    def deferred(self, after: float) -> None:
        self._queue._deferred(self, after)
