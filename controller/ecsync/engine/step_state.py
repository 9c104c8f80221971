"""What the engine remembers of one application between passes: times, counts and hashes. Losing it is harmless."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace

from ecsync.core import plan as planning
from ecsync.core.inputs import CHECKED_WITHIN, Inputs, InVain, LookupValues, PartInVain, Policy
from ecsync.core.marks import applied_for
from ecsync.core.model import Absent, Applied, Create, Desired, Key, Present, Target, Unreadable, Update
from ecsync.core.outcome import Failed, Plan, Progressing, ResourceStatus, Result, Settled, Step, StepId
from ecsync.core.ports import AwsError
from ecsync.core.status import Watches
from ecsync.engine.convergence import KnownMarks, Writes
from ecsync.engine.orphans import Listing
from ecsync.engine.packing import Folded
from ecsync.engine.quiet import Quiet
from ecsync.engine.retries import SETTLING, Retries, changed_since, content_digest, live_digest

_AT_REST = ("Healthy", "Suspended")


@dataclass(slots=True)
class StepState:
    """All times are monotonic seconds. After a restart every backoff begins again, with its shortest delay."""

    retries: Retries = field(default_factory=Retries)
    changed_at: dict[Key, float] = field(default_factory=dict)
    writes: Writes = field(default_factory=Writes)
    known_marks: KnownMarks = field(default_factory=KnownMarks)
    wrote_last: bool = False  # whether the last pass that was not quiet could write
    unconfirmed: set[Key] = field(default_factory=set)  # created by us, and not yet observed complete
    # Of untagged kinds, and of resources with lookups, when last in sync.
    last_synced_marks: MutableMapping[Key, Applied] = field(default_factory=dict)
    last_lookup_values: MutableMapping[Key, LookupValues] = field(default_factory=dict)
    settled: Mapping[Key, Settled] = field(default_factory=dict)  # of the last pass
    order: tuple[Key, ...] = ()  # in which the documents `ordered` are decided
    ordered: bytes = b""  # their contents
    turn: int = 0  # passes with a plan
    quiet: Quiet | None = None  # the last outcome, if the next pass may have it too
    repeated: int = 0  # passes since the last one that was made in full
    checked_within: int = CHECKED_WITHIN  # passes in which each settled resource is compared in full once
    shortcut_mismatches: int = 0  # in all passes; each one is a bug
    orphan_listing: Listing | None = None
    unread: set[Key] = field(default_factory=set)  # written by us, and not read since
    unsettled: frozenset[Key] = frozenset()  # not healthy after the last pass: AWS may be at work
    waits_for_rate: bool = False  # whether a step of the last pass waits for our rate limit
    left: tuple[Key, ...] = ()  # by the last pass to another process, which may change or create them at any time
    written: int = 0  # the place of the last write in the order of the inventory's reads
    differences: dict[Key, str] = field(default_factory=dict)  # that were confirmed: a digest of each
    watches: Watches = field(default_factory=dict)  # what was under way after the last pass
    retried: set[Key | None] = field(default_factory=set)  # for the next pass that writes; None: all
    failures: int = 0  # passes in a row that failed as a whole
    site: tuple[str, str] = ("", "")  # account and Region of the last pass

    def rest(self) -> None:
        """Pack what quiet passes do not ask for."""
        if self.quiet is not None:
            self.settled = self.quiet.outcome.plan.settled
        self.known_marks.rows = Folded.of(self.known_marks.rows)
        self.last_synced_marks = Folded.of(self.last_synced_marks)
        self.last_lookup_values = Folded.of(self.last_lookup_values)

    def enter(self, target: Target) -> None:
        """Forget everything if the last pass was in another account or Region: its resources are other ones."""
        site = target.account, target.region
        if self.site not in (("", ""), site):
            new = StepState(retries=Retries(jitter=self.retries.jitter))
            for name in self.__slots__:
                setattr(self, name, getattr(new, name))
        self.site = site

    def record_success(self, step: Step, content: str, now: float) -> None:
        """Note that the calls of a step succeeded; `content` is the digest of what is declared."""
        self.retries.succeeded(step.id)
        self.changed_at[step.id.key] = now
        self.writes.wrote(step, content, now)

    def given_up(self, step: StepId, why: str, now: float, *, content: str, sent: bool) -> Progressing | Failed:
        """Note that AWS gave up a change after it answered the calls. The step is a failed one, not one in vain."""
        self.writes.forget(step.key)
        return self.retries.given_up(step, why, now, content=content, sent=sent)

    def record_plan(self, inputs: Inputs, plan: Plan, now: float) -> None:
        """Note which resources are complete or in sync: the reason of a later difference depends on it."""
        self.writes.looked(plan, now, inputs.application.sync.interval)
        self.known_marks.looked(inputs, now)
        planned = {step.id.key for step in plan.steps}
        differing = planned | {one.step.id.key for one in plan.withheld}
        self._forget_retries(plan, differing)
        present = {key for key, observed in inputs.world.items() if isinstance(observed, Present)}
        self.unconfirmed -= present - planned
        known: dict[Hashable, LookupValues] = {}  # many resources look up the same values
        for desired in inputs.application.resources:
            if desired.key in present and desired.key not in differing and not self._is_recorded(plan, desired):
                self._record_synced(inputs, desired, known)
        self.settled = plan.settled
        self.turn += 1
        self.repeated = 0
        self.shortcut_mismatches += len(plan.mismatches)

    def new_differences(self, inputs: Inputs, steps: Iterable[Step]) -> set[Key]:
        """Return the resources with steps of which this difference was not confirmed; forget what is over."""
        now = _differences(inputs, steps)
        self.differences = {key: digest for key, digest in self.differences.items() if now.get(key) == digest}
        return now.keys() - self.differences.keys()

    def vanished(self, steps: Iterable[Step]) -> set[Key]:
        """Return the resources that steps create, and that were there and in sync after the last pass."""
        return {step.id.key for step in steps if isinstance(step.change, Create) and step.id.key in self.settled}

    def record_confirmed(self, inputs: Inputs, plan: Plan, keys: Collection[Key]) -> None:
        """Note the differences of resources that were read again for a plan."""
        self.differences |= _differences(inputs, (step for step in plan.steps if step.id.key in keys))

    def record_left(self, inputs: Inputs, plan: Plan, *, writes: bool) -> None:
        """Note what another process has to change or create: this one only looks, or only looks it up."""
        open_ = {key for key, observed in inputs.world.items() if isinstance(observed, Absent)}
        open_ |= {step.id.key for step in plan.steps if step.fields}  # an adoption alone is no difference
        declared = (one for one in (*inputs.lookups, *inputs.application.resources) if one.key in open_)
        self.left = tuple(one.key for one in declared if not writes or not inputs.writable(one))

    def record_unsettled(
        self, statuses: Iterable[ResourceStatus], inputs: Inputs, results: Mapping[StepId, Result]
    ) -> None:
        """Note what is not healthy: the next pass reads it again, unless a step waits for the rate limit.

        Then passes come often, and the reads of a roll-out would take the rates that it waits for.
        """
        self.unsettled = frozenset(
            one.key
            for one in statuses
            if one.health.status not in _AT_REST and not isinstance(inputs.world.get(one.key), Unreadable)
        )
        self.waits_for_rate = any(isinstance(one, Progressing) and one.deferred for one in results.values())

    def some_left(self, most: int) -> tuple[Key, ...]:
        """Return up to `most` of what is left to another process: others in each pass."""
        if len(self.left) <= most:
            return self.left
        first = self.turn * most % len(self.left)
        return (*self.left, *self.left)[first : first + most]

    def record_repeated(self) -> None:
        """Note a pass with the outcome of the last one."""
        self.turn += 1
        self.repeated += 1

    @property
    def is_fixed(self) -> bool:
        """Whether the next pass decides the same in the same world: this one left AWS at rest.

        What it noted of resources in sync decides the reason of a later difference, and which comparisons are saved.
        """
        return not self.unread and not self.unsettled and not self.watches

    def order_of(self, inputs: Inputs) -> tuple[Desired, ...]:
        """Return the order in which the documents are decided, computed once for them. Raises graph.Cycle."""
        documents = inputs.application.documents
        contents = b"".join(one.content for one in documents)
        if self.ordered != contents:
            self.order = tuple(one.key for one in planning.decision_order(inputs))
            self.ordered = contents
        return tuple(one for one in map(documents.get, self.order) if one is not None)

    def _is_recorded(self, plan: Plan, desired: Desired) -> bool:
        """Return whether an earlier pass recorded the same: the resource is settled since then."""
        settled = plan.settled.get(desired.key)
        return settled is not None and settled is self.settled.get(desired.key)

    def _record_synced(self, inputs: Inputs, desired: Desired, known: dict[Hashable, LookupValues]) -> None:
        kind = inputs.kind(desired.key)
        applied = applied_for(kind, desired) if kind.tagging is None else None
        if applied is not None:
            self.last_synced_marks[desired.key] = applied
        lookups = {ref: inputs.value_of(ref) for ref in desired.refs if inputs.looks_up(ref)}
        if lookups:
            self.last_lookup_values[desired.key] = known.setdefault(tuple(lookups.items()), lookups)
        else:
            self.last_lookup_values.pop(desired.key, None)

    def _forget_retries(self, plan: Plan, differing: set[Key]) -> None:
        """Forget the errors of the steps that are not needed any more, where the plan is certain about it."""
        steps = {step.id for step in (*plan.steps, *(one.step for one in plan.withheld))}
        unknown = plan.unreadable.keys() | plan.stopped.keys()

        def needed(step: StepId) -> bool:
            if step in steps or step.key in unknown:
                return True
            return (step.phase == "late" and step.key in differing) or (step.phase == "prune" and bool(plan.incomplete))

        self.retries.keep(needed)

    def awaiting(self, plan: Plan, inputs: Inputs, now: float) -> Plan:
        """Return the plan, in which a step waits while AWS may still show what was there before our last write."""
        return replace(plan, steps=tuple(self.awaited(step, inputs, now) for step in plan.steps))

    def awaited(self, step: Step, inputs: Inputs, now: float) -> Step:
        """Return one step, as `awaiting` does."""
        return self.writes.awaited(step, content_digest(step, inputs.desired(step.id.key)), now)

    def not_converging(self, now: float) -> Policy:
        """Return the policy that withholds what was written in vain, or what another controller writes too."""

        def policy(step: Step, inputs: Inputs) -> str:
            content = content_digest(step, inputs.desired(step.id.key))
            return self.known_marks.reason(step, inputs, now) or self.writes.exhausted(step, content, now)

        return policy

    def in_vain(self, now: float) -> PartInVain:
        """Return the function that finds the part of an update that was written in vain."""

        def part(change: Update, inputs: Inputs) -> InVain:
            step = Step(id=StepId(key=change.desired.key), change=change, calls=())
            return self.writes.part_exhausted(step, content_digest(step, inputs.desired(step.id.key)), now)

        return part

    def retry(self, key: Key | None = None) -> None:
        """Try at once what failed, was given up or does not converge: one resource, or all."""
        self.writes.forget(key)
        self.known_marks.forget(key)
        self.retries.forget(key)
        self.retried.add(key)

    def retried_of(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return the resources that the next pass tries although they were given up."""
        return frozenset(keys) if None in self.retried else frozenset(key for key in keys if key in self.retried)

    def held(self, step: Step, content: str, needs: frozenset[Key], now: float) -> Result | None:
        """Return the result of a step that is not sent yet; None if it is sent now (docs/rules.md R24).

        `content` is the digest of what is declared, `needs` are the resources that the step depends on.
        """
        return self.retries.held(step, content, now, needs_changed=changed_since(self.changed_at, needs))

    def result_of(
        self, step: StepId, error: AwsError, needs: frozenset[Key], now: float, content: str = ""
    ) -> Progressing | Failed:
        """Return the result of a step after an error: wait and try again, or failed with the time of the next try."""
        needs_new = any(now - self.changed_at.get(key, -SETTLING) < SETTLING for key in needs)
        return self.retries.result_of(step, error, now, content=content, needs_new=needs_new)


def _differences(inputs: Inputs, steps: Iterable[Step]) -> dict[Key, str]:
    """Return a digest of what each resource declares, and of what the steps find and would call."""
    found: dict[Key, str] = {}
    for step in steps:
        content = content_digest(step, inputs.desired(step.id.key))
        found[step.id.key] = " ".join((found.get(step.id.key, ""), content, live_digest(step)))
    return found
