"""A quiet pass: AWS gives the answers of the last pass, so its outcome is that of the last pass.

A pass reads the world from the answers, and decides by it. Both are functions: of the answers, and of what `Ground`
names. So where nothing of it differs, nothing is made of the answers again. No pass after one that had something to do
is quiet, and none while the application is not at rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from weakref import ref

from ecsync.core.kind import Kind
from ecsync.core.model import Application, Key, Target
from ecsync.core.outcome import Outcome, Plan
from ecsync.engine.ahead import Threads, ask_ahead
from ecsync.engine.inventory import Inventory
from ecsync.engine.orphans import Listing, Scope, renewed
from ecsync.engine.packing import Folded, FoldedItems
from ecsync.engine.trace import Trace
from ecsync.engine.views import View, at_cadence

_IN_FULL = 3600.0  # seconds since the last pass in full: the next listing makes one


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What an outcome depends on beside the answers of AWS."""

    application: Application
    reading: ref[object]  # of the documents of all applications
    kinds: Mapping[str, Kind]
    inventory: Inventory
    target: Target
    installation: str
    newly_created: frozenset[Key]
    written: int  # the place of the last write in the order of the inventory's reads

    def same(self, other: Ground) -> bool:
        """Return whether the documents, kinds and inventory are the same objects, and the rest is equal."""
        objects = (
            (self.application, other.application),
            (self.reading, other.reading),
            (self.kinds, other.kinds),
            (self.inventory, other.inventory),
        )
        return all(one is another for one, another in objects) and self._values == other._values

    def view(self, now: float) -> View:
        """Return the answers that a pass takes which begins now."""
        return at_cadence(self.application.sync.interval, written=self.written, began=now)

    @property
    def _values(self) -> tuple[object, ...]:
        return self.target, self.installation, self.newly_created, self.written


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """An outcome with nothing to do, and what it was made from."""

    ground: Ground
    trace: Trace
    outcome: Outcome
    began: float  # monotonic seconds: when the pass in full began

    def repeats(self, ground: Ground, now: float, threads: Threads | None = None) -> bool:
        """Return whether a pass on this ground has this outcome too. Reads what it does not take any more.

        With threads it waits for all rate limits at the same time.
        """
        if not self.ground.same(ground):
            return False
        content = ground.inventory.reader(ground.view(now)).content
        if threads is not None:
            ask_ahead(self.trace, content, threads)
        return self.trace.holds(content)

    def listed_again(self, listing: Listing, revision: str, now: float) -> Listing | None:
        """Return the list of what is ours as of now, if it is the same; None if a pass in full has to look at it."""
        if listing.revision != revision or listing.made < self.began or now - self.began > _IN_FULL:
            return None  # the list was compared with another world, or long ago
        ground = self.ground
        scope = Scope(ground.inventory, ground.view(now), ground.kinds, ground.installation, ground.application)
        return renewed(listing, scope, now)

    def missed(self, plan: Plan) -> tuple[Key, ...]:
        """Return what a pass in full decided otherwise, although it repeats this outcome: each one is a bug."""
        before, now = self.outcome.plan.settled, plan.settled
        return tuple(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))


def of(ground: Ground, trace: Trace, outcome: Outcome, began: float) -> Quiet | None:
    """Return the outcome of a pass for the next one, if it had nothing to do and is certain; else None."""
    plan = outcome.plan
    open_ = plan.steps or plan.withheld or plan.unreadable or plan.stopped or plan.mismatches or plan.incomplete
    if open_ or outcome.results:
        return None
    trace.end()
    settled, unmanaged = Folded(plan.settled), FoldedItems(plan.unmanaged)
    packed = replace(
        outcome,
        plan=replace(plan, unchanged=len(plan.settled), settled=settled, unmanaged=unmanaged),
        statuses=FoldedItems(outcome.statuses),
        packed=outcome.counts,
    )
    return Quiet(ground=ground, trace=trace, outcome=packed, began=began)
