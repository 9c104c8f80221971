"""When each step of a resource is sent: what it waits for, and when it is sent again (docs/rules.md R24).

The unit of retry is the resource. A resource has one row for each of its steps, because a deletion of what it
superseded must not delay its repair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, TypeAlias

from ecsync.core.graph import references
from ecsync.core.inputs import Inputs
from ecsync.core.kind import World
from ecsync.core.model import Absent, Call, Create, Delete, Desired, Forget, Key, Ref, Replace, Update
from ecsync.core.outcome import Failed, Progressing, Result, Skipped, Step, StepId
from ecsync.core.ports import AwsError, ErrorClass, Purpose
from ecsync.core.trees import canonical
from ecsync.engine.requeue import BACKOFF, SLOW, backoff, lengthened

SETTLING = 300.0  # seconds until all of AWS sees what was created or changed (docs/rules.md R23)
CONFLICT = 900.0  # seconds: in use, draining, update in progress
LONGEST_WAIT = 30.0  # seconds between two tries of a step that waits

Pace: TypeAlias = Literal["waiting", "soon", "slow"]


@dataclass(slots=True)
class Retry:
    """The errors of one step in a row. All times are monotonic seconds."""

    content: str  # the digest of what is declared
    error: str = ""
    kind: ErrorClass = "transient"  # of the last error
    pace: Pace = "waiting"
    attempts: int = 0  # in a row at this pace
    tried_at: float = 0.0
    not_before: float = 0.0
    waiting_since: float | None = None  # the first error that ends without a change of ours
    deadline: float | None = None  # a waiting step fails after it
    accepted: bool = False  # AWS answered the calls, and is at work on the change
    live: str | None = None  # the digest of what the step would change, as the pass after the error observed it

    def result(self, now: float, *, sent: bool) -> Progressing | Failed:
        """Return the result of the step: the last error, and the seconds until the next try."""
        after = max(0.0, self.not_before - now)
        if self.pace == "waiting":
            return Progressing(why=self.error, after=after)
        return Failed(error=self.error, retry=self.pace, after=after, sent=sent)


@dataclass(slots=True)
class Retries:
    """The rows of the steps that failed or wait. After a restart each backoff begins with its first step."""

    jitter: float = 0.0  # a retry comes later by at most this share of its delay
    rows: dict[StepId, Retry] = field(default_factory=dict)

    def held(self, step: Step, content: str, now: float, *, needs_changed: Callable[[float], bool]) -> Result | None:
        """Return the last result of a step that is not sent yet; None if it is sent now.

        It is sent at once after a change of what is declared, of the live resource, or, if AWS called it invalid, of a
        resource that it needs. `needs_changed` returns whether one of those has changed since a time.
        """
        row = self.rows.get(step.id)
        if row is None:
            return None
        if row.content != content:
            del self.rows[step.id]
            return None
        live = live_digest(step)
        if row.live is None:
            row.live = live  # a call of the failed step may have changed it, so the state before is no reference
        if row.live != live or (row.kind == "invalid" and needs_changed(row.tried_at)):
            row.not_before = now
        return row.result(now, sent=False) if now < row.not_before else None

    def not_sent(self, step: StepId, reason: str) -> Failed | Skipped:
        """Return the result of a step that another step prevents. A resource that failed before stays failed."""
        row = self.rows.get(step)
        if row is None or row.pace == "waiting":
            return Skipped(reason=reason)
        return Failed(error=row.error, retry=row.pace, sent=False)

    def result_of(
        self, step: StepId, error: AwsError, now: float, *, content: str, needs_new: bool
    ) -> Progressing | Failed:
        """Note the error of a step, and return the result: wait and try again, or failed.

        `needs_new`: a resource that the step needs was changed within the time of settling.
        """
        if error.kind == "credentials":  # not an error of this resource: the next pass ends or sends everything
            return Failed(error=str(error), retry="soon", after=BACKOFF[0])
        row = self.rows.get(step)
        if row is None or row.content != content:
            row = self.rows[step] = Retry(content=content)
        row.kind, row.tried_at, row.live = error.kind, now, None
        match error.kind:
            case "settling":
                self._wait(row, str(error), now, SETTLING)
            case "invalid" if needs_new:
                self._wait(row, str(error), now, SETTLING)
            case "conflict":
                self._wait(row, str(error), now, CONFLICT)
            case "exists" | "missing":
                self._wait(row, f"{error}; the resource is read again", now, SETTLING, first=2.0)
            case "denied" | "invalid":
                self._fail(row, str(error), now, "slow")
            case _:
                self._fail(row, str(error), now, "soon")
        return row.result(now, sent=True)

    def accepted(self, step: StepId, why: str, now: float, *, content: str) -> Progressing:
        """Note that AWS answered the calls of a step and is at work on the change."""
        self.rows[step] = Retry(content=content, error=why, accepted=True, tried_at=now)
        return Progressing(why=why, after=BACKOFF[0], accepted=True)

    def given_up(self, step: StepId, why: str, now: float, *, content: str, sent: bool) -> Progressing | Failed:
        """Note that AWS gave up a change after it answered the calls: AWS is asked again slowly (docs/rules.md R24)."""
        row = self.rows.setdefault(step, Retry(content=content))
        row.accepted, row.kind, row.tried_at, row.live = False, "invalid", now, None
        self._fail(row, why, now, "slow")
        return row.result(now, sent=sent)

    def is_accepted(self, step: StepId) -> bool:
        """Return whether AWS was at work on the change of a step when it was last looked at."""
        row = self.rows.get(step)
        return row is not None and row.accepted

    def _wait(self, row: Retry, error: str, now: float, limit: float, first: float = BACKOFF[0]) -> None:
        """Note an error that ends without a change of ours: the pause grows, and the step fails after the limit."""
        if row.waiting_since is None:
            row.waiting_since = now
        row.deadline = row.waiting_since + limit
        if now > row.deadline:
            self._fail(row, f"{error} (for {int(now - row.waiting_since)} s)", now, "slow")
        else:
            attempts = _count(row, error, "waiting")
            row.not_before = now + min(LONGEST_WAIT, first * 1.5 ** min(attempts, 10))

    def _fail(self, row: Retry, error: str, now: float, pace: Literal["soon", "slow"]) -> None:
        attempts = _count(row, error, pace)
        row.not_before = now + lengthened(SLOW if pace == "slow" else backoff(attempts), self.jitter)

    def succeeded(self, step: StepId) -> None:
        """End the row of a step."""
        self.rows.pop(step, None)

    def keep(self, needed: Callable[[StepId], bool]) -> None:
        """Forget the rows of steps that are not needed any more: the difference is gone."""
        self.rows = {step: row for step, row in self.rows.items() if needed(step)}

    def forget(self, key: Key | None = None) -> None:
        """Send every step at once, or those of one resource."""
        self.rows = {step: row for step, row in self.rows.items() if key is not None and step.key != key}

    def forget_denied(self) -> None:
        """Send what was denied at once: the credentials were lost, and the next ones may have other permissions."""
        self.rows = {step: row for step, row in self.rows.items() if row.kind != "denied"}


def _count(row: Retry, error: str, pace: Pace) -> int:
    """Note an error, and return the number of errors at this pace before it."""
    before = row.attempts if row.pace == pace else 0
    row.error, row.pace, row.attempts = error, pace, before + 1
    return before


# ---------------------------------------------------------------- what a retry depends on


def content_digest(step: Step, document: Desired | None) -> str:
    """Return a digest of what is declared for a step, without its place in the file; of an orphan: which one it is."""
    if step.id.phase == "prune" and isinstance(step.change, Delete | Forget):
        return _digest(step.change.observed.outputs)
    return _digest([document.body, repr(document.options)]) if document else ""


def live_digest(step: Step) -> str:
    """Return a digest of what a step finds and would call. Values that AWS changes all the time are not part of it."""
    before = [[one.path, one.before] for one in step.fields]
    return _digest([type(step.change).__name__, before, [call.name for call in step.calls]])


def _digest(value: object) -> str:
    return sha256(canonical(value).encode()).hexdigest()


def changed_since(changed_at: dict[Key, float], keys: frozenset[Key]) -> Callable[[float], bool]:
    """Return a function: whether one of the resources has changed after a time."""
    return lambda since: any(changed_at.get(key, since) > since for key in keys)


# ---------------------------------------------------------------- what a step depends on


@dataclass(frozen=True, slots=True)
class Unmet:
    """A need that is not met. `under_way`: AWS is at work on it."""

    why: str
    under_way: bool = False


def needs(step: Step) -> frozenset[Key]:
    """Return the resources that a step depends on."""
    found = {other.key for other in step.after} | step.needs
    if isinstance(step.change, Create | Update):
        found |= {ref.key for call in step.calls for _, ref in references(call.params)}
    return frozenset(found)


def unmet(step: Step, inputs: Inputs, world: World) -> Unmet | None:
    """Return the first declared resource that a step needs and that is not there, or not usable yet."""
    if not isinstance(step.change, Create | Update | Replace):
        return None
    for key in sorted(step.needs):
        desired, observed = inputs.desired(key), world.get(key)
        if desired is None or desired.options.state == "absent":
            continue
        if isinstance(observed, Absent):
            return Unmet(f"waits for {key}, which is not there")
        condition = inputs.kind(key).condition(observed)
        if condition is not None and not condition.usable:
            return Unmet(f"waits for {key}: {condition.why}", condition.state == "in progress")
    return None


def adds(step: Step) -> bool:
    """Return whether a step changes nothing that exists: it creates a resource, or a revision of it."""
    revises = isinstance(step.change, Update) and any(one.effect == "revise" for one in step.fields)
    return isinstance(step.change, Create) or revises


def added(steps: Iterable[Step]) -> set[Key]:
    """Return the resources of which a step creates one, or a revision."""
    return {step.id.key for step in steps if adds(step)}


def makes(step: Step, operation: str) -> bool:
    """Return whether a step has a call of an operation (`ecs.UpdateService`)."""
    return any(call.name == operation for call in step.calls)


def purpose(inputs: Inputs, step: Step, call: Call) -> Purpose:
    """Return for what a call of a step is made."""
    deletes = isinstance(step.change, Delete | Replace) and call.name in inputs.kind(step.id.key).deletes
    return Purpose(application=inputs.application.name, revision=inputs.revision, deletes=deletes)


def is_unknown(step: Step, ref: Ref) -> bool:
    """Return whether a reference stays unresolved: the only values still to come are those that the step captures."""
    return ref.key != step.id.key or not any(ref.output in call.captures for call in step.calls)
