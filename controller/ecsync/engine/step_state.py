"""What the engine remembers of one application between passes: times, counts and hashes. Losing it is harmless."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ecsync.core import graph
from ecsync.core.inputs import Inputs, LookupValues
from ecsync.core.marks import applied_for
from ecsync.core.model import Applied, Desired, Key, Present
from ecsync.core.outcome import Failed, Plan, Progressing, StepId
from ecsync.core.ports import AwsError
from ecsync.engine.orphans import Listing

SETTLING = 300.0  # seconds until all of AWS sees what was created or changed (docs/rules.md R23)
CONFLICT = 900.0  # seconds: in use, draining, update in progress
CONTENTION = (5, 600.0)  # this many repairs of one resource within this many seconds are contention


@dataclass(slots=True)
class StepState:
    """All times are monotonic seconds. After a restart every backoff begins again, with its shortest delay."""

    waiting_since: dict[StepId, float] = field(default_factory=dict)  # first of a row of `settling`, `conflict` errors
    attempts: dict[StepId, int] = field(default_factory=dict)  # in that row
    changed_at: dict[Key, float] = field(default_factory=dict)
    repairs: dict[Key, deque[float]] = field(default_factory=dict)
    unconfirmed: set[Key] = field(default_factory=set)  # created by us, and not yet observed complete
    last_synced_marks: dict[Key, Applied] = field(default_factory=dict)  # of untagged kinds, when last in sync
    last_lookup_values: dict[Key, LookupValues] = field(default_factory=dict)  # of each resource, when last in sync
    orphan_listing: Listing | None = None
    failures: int = 0  # passes in a row that ended in a transient failure

    def record_success(self, step: StepId, now: float, *, repaired: bool) -> None:
        """Note that the calls of a step succeeded; `repaired` if they reverted a manual change."""
        self.waiting_since.pop(step, None)
        self.attempts.pop(step, None)
        self.changed_at[step.key] = now
        if repaired:
            self.repairs.setdefault(step.key, deque(maxlen=CONTENTION[0])).append(now)

    def record_plan(self, inputs: Inputs, plan: Plan) -> None:
        """Note which resources are complete or in sync: the reason of a later difference depends on it."""
        planned = {step.id.key for step in plan.steps}
        differing = planned | {one.step.id.key for one in plan.withheld}
        present = {key for key, observed in inputs.world.items() if isinstance(observed, Present)}
        self.unconfirmed -= present - planned
        for desired in inputs.application.resources:
            if desired.key in present and desired.key not in differing:
                self._record_synced(inputs, desired)

    def _record_synced(self, inputs: Inputs, desired: Desired) -> None:
        kind = inputs.kind(desired.key)
        applied = applied_for(kind, desired) if kind.tagging is None else None
        if applied is not None:
            self.last_synced_marks[desired.key] = applied
        lookups = {ref for _, ref in graph.references(desired.body) if inputs.looks_up(ref)}
        self.last_lookup_values[desired.key] = {ref: inputs.value_of(ref) for ref in lookups}

    def contended(self, now: float) -> frozenset[Key]:
        """Return the resources that were repaired too often within the last minutes."""
        count, window = CONTENTION
        return frozenset(key for key, times in self.repairs.items() if len(times) >= count and now - times[0] <= window)

    def result_of(self, step: StepId, error: AwsError, needs: frozenset[Key], now: float) -> Progressing | Failed:
        """Return the result of a step after an error: wait and try again, or failed with the pace of its retries.

        `needs` are the resources that the step depends on.
        """
        needs_changed = any(now - self.changed_at.get(key, -SETTLING) < SETTLING for key in needs)
        match error.kind:
            case "settling":
                return self._wait(step, error, now, SETTLING)
            case "invalid" if needs_changed:
                return self._wait(step, error, now, SETTLING)
            case "conflict":
                return self._wait(step, error, now, CONFLICT)
            case "exists" | "missing":
                return Progressing(why=f"{error}; the resource is read again", after=2.0)
            case "denied" | "invalid":
                return Failed(error=str(error), retry="slow")
            case _:
                return Failed(error=str(error), retry="soon")

    def _wait(self, step: StepId, error: AwsError, now: float, limit: float) -> Progressing | Failed:
        """Return Progressing with a growing delay, and Failed once the row of errors is longer than the limit."""
        first = self.waiting_since.setdefault(step, now)
        if now - first > limit:
            return Failed(error=f"{error} (for {int(now - first)} s)", retry="slow")
        attempts = self.attempts.get(step, 0)
        self.attempts[step] = attempts + 1
        return Progressing(why=str(error), after=min(30.0, 5.0 * 1.5**attempts))
