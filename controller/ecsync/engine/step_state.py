"""What the engine remembers of an application between passes: times, counts and hashes, and losing them is harmless."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ecsync.core.inputs import LookupValues
from ecsync.core.kind import Owned
from ecsync.core.model import Applied, Failed, Key, Progressing, StepId
from ecsync.core.ports import AwsError

SETTLING = 300.0  # seconds: what is created takes this long at most to be seen by all of AWS (rule 23)
CONFLICT = 900.0  # seconds: in use, draining, update in progress
CONTENTION = (5, 600.0)  # so many repairs of one resource within so many seconds are a fight


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The last list of what is ours and declared nowhere, for one revision of the manifests."""

    revision: str
    at: float
    orphans: tuple[Owned, ...] = ()
    incomplete: str = ""


@dataclass(slots=True)
class StepState:
    """Times are monotonic seconds; a restart begins anew, slowly: with the first step of every backoff."""

    since: dict[StepId, float] = field(default_factory=dict)  # first of an unbroken row of early or busy answers
    tries: dict[StepId, int] = field(default_factory=dict)
    changed: dict[Key, float] = field(default_factory=dict)
    repairs: dict[Key, deque[float]] = field(default_factory=dict)
    young: set[Key] = field(default_factory=set)  # made by us, and not seen complete yet
    settled: dict[Key, Applied] = field(default_factory=dict)  # of what takes no tags: as it was last seen in sync
    looked: dict[Key, LookupValues] = field(default_factory=dict)  # values of its lookups when it was last in sync
    listed: Listed | None = None
    failures: int = 0  # passes in a row that ended in a transient failure

    def went_well(self, step: StepId, now: float, *, repaired: bool) -> None:
        """Note that a step's calls went through; `repaired` when they put right what somebody had changed."""
        self.since.pop(step, None)
        self.tries.pop(step, None)
        self.changed[step.key] = now
        if repaired:
            self.repairs.setdefault(step.key, deque(maxlen=CONTENTION[0])).append(now)

    def contended(self, now: float) -> frozenset[Key]:
        """Return the resources whose repair has come undone too often lately."""
        count, window = CONTENTION
        return frozenset(key for key, times in self.repairs.items() if len(times) >= count and now - times[0] <= window)

    def verdict(self, step: StepId, error: AwsError, needs: frozenset[Key], now: float) -> Progressing | Failed:
        """Say what an error means for a step: come back, or failed and how soon it is worth another try."""
        fresh = any(now - self.changed.get(key, -SETTLING) < SETTLING for key in needs)
        match error.kind:
            case "settling":
                return self._patience(step, error, now, SETTLING)
            case "invalid" if fresh:
                return self._patience(step, error, now, SETTLING)
            case "conflict":
                return self._patience(step, error, now, CONFLICT)
            case "exists" | "missing":
                return Progressing(why=f"{error}; reading again", after=2.0)
            case "denied" | "invalid":
                return Failed(error=str(error), retry="slow")
            case _:
                return Failed(error=str(error), retry="soon")

    def _patience(self, step: StepId, error: AwsError, now: float, limit: float) -> Progressing | Failed:
        first = self.since.setdefault(step, now)
        if now - first > limit:
            return Failed(error=f"{error} (for {int(now - first)} s now)", retry="slow")
        tries = self.tries.get(step, 0)
        self.tries[step] = tries + 1
        return Progressing(why=str(error), after=min(30.0, 5.0 * 1.5**tries))
