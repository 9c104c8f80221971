"""One pass over one application: observe, plan, carry out, say what it is now. It only sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from ecsync.core import graph, marks, plan, policy, status
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind, Owned
from ecsync.core.marks import applied_for
from ecsync.core.model import (
    Application,
    Desired,
    Key,
    Outcome,
    PhysicalId,
    Plan,
    Present,
    Problem,
    Result,
    StepId,
    Target,
)
from ecsync.core.ports import Clock, Cloud
from ecsync.engine.executor import Announce, ExecutionContext, execute
from ecsync.engine.observe import observe, orphans
from ecsync.engine.step_state import Listed, StepState

Timer = Callable[[str], AbstractContextManager[object]]

RELIST = 600.0  # seconds: what we own changes only when manifests do, or when somebody copies our marks

UNASSERTED = (
    "nothing of ours is in this account, and nobody asserted which account it is: set ECSYNC_ACCOUNT to its id "
    "(now {account}), or pass --first-time"
)


@contextmanager
def untimed(_: str) -> Iterator[None]:
    """Time nothing."""
    yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What the latest good snapshot says, all applications of it; `pruning` says why nothing may be pruned now."""

    applications: Mapping[str, Application]
    problems: tuple[Problem, ...] = ()
    revision: str = ""
    pruning: str = ""

    def ordered(self) -> tuple[Application, ...]:
        """Return the applications so that each stands behind those that it comes after."""
        waits = {name: set(app.after) & self.applications.keys() for name, app in self.applications.items()}
        return tuple(self.applications[name] for name in TopologicalSorter(waits).static_order())

    def holds(self, name: str) -> tuple[Problem, ...]:
        """Return the problems that hold an application back."""
        return tuple(one for one in self.problems if one.application in ("", name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where an application is reconciled, and as whom. `asserted` is true when the operator named the account."""

    cloud: Cloud
    target: Target
    installation: str
    kinds: Mapping[str, Kind]
    clock: Clock
    asserted: bool = True
    serial: Callable[[str], AbstractContextManager[object]] = untimed


@dataclass(frozen=True, slots=True, kw_only=True)
class PassOptions:
    """What a pass may do, and who wants to hear of it."""

    enforce: bool = False
    adopt: frozenset[Key] | None = None  # `ecsync adopt`: these, and nothing else is done; empty: all
    only_digest: str = ""  # refuse any other plan
    may_go_on: Callable[[], bool] = lambda: True
    planned: Callable[[Plan], None] = lambda _: None
    announce: Announce = lambda *_: None
    timer: Timer = untimed


class Refused(Exception):
    """A safety guard stopped the pass before the first write; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedPlan:
    """What a look at AWS gave: the inputs and its plan."""

    inputs: Inputs
    plan: Plan


def look(
    application: Application,
    catalogue: Catalogue,
    destination: Destination,
    step_state: StepState,
    timer: Timer = untimed,
) -> ObservedPlan:
    """Observe an application and plan it. Raises AwsError only for lost credentials."""
    inputs = Inputs(
        application=application,
        kinds=destination.kinds,
        world={},
        target=destination.target,
        installation=destination.installation,
        revision=catalogue.revision,
        lookups=_lookups(application, catalogue),
        newly_created=frozenset(step_state.young),
        last_applied=dict(step_state.settled),
        last_lookups=dict(step_state.looked),
        others=frozenset(marks.owner(destination.installation, d.key) for d in _documents(catalogue)),
    )
    with timer("observe"):
        inputs = replace(inputs, world=observe(destination.cloud, inputs, destination.clock.now()))
        lost, incomplete = _orphans(inputs, catalogue, destination, step_state)
    policies = policy.standard(
        prune=catalogue.pruning or incomplete, contended=step_state.contended(destination.clock.monotonic())
    )
    inputs = replace(inputs, orphans=lost, policies=policies)
    with timer("plan"):
        found = replace(plan.build(inputs), incomplete=str(incomplete))
    step_state.young -= {key for key in step_state.young if _complete(inputs, found, key)}
    _take_note(inputs, found, step_state)
    return ObservedPlan(inputs=inputs, plan=found)


def _take_note(inputs: Inputs, found: Plan, step_state: StepState) -> None:
    """Remember of what is in sync that which no mark tells: so a change of it is known for whose it is."""
    differing = {step.id.key for step in (*found.steps, *(one.step for one in found.withheld))}
    for desired in inputs.application.resources:
        if desired.key in differing or not isinstance(inputs.world.get(desired.key), Present):
            continue
        kind = inputs.kind(desired.key)
        applied = applied_for(kind, desired) if kind.tagging is None else None
        if applied is not None:
            step_state.settled[desired.key] = applied
        lookups = {ref for _, ref in graph.references(desired.body) if inputs.looks_up(ref)}
        step_state.looked[desired.key] = {ref: inputs.value_of(ref) for ref in lookups}


def _orphans(
    inputs: Inputs, catalogue: Catalogue, destination: Destination, step_state: StepState
) -> tuple[tuple[Owned, ...], str]:
    """Return what is ours and declared nowhere; listed anew for a new revision, and seldom otherwise."""
    now = destination.clock.monotonic()
    listed = step_state.listed
    if listed is None or listed.revision != inputs.revision or now - listed.at > RELIST or listed.incomplete:
        application = inputs.application
        names = frozenset({application.name, *application.formerly})
        found, incomplete = orphans(destination.cloud, inputs, inputs.others, names)
        listed = step_state.listed = Listed(revision=inputs.revision, at=now, orphans=found, incomplete=incomplete)
    claimed = _claims(inputs)
    doubtful = _doubtful(inputs, catalogue)
    lost = (one for one in listed.orphans if not _claimed(inputs, one, claimed))
    return tuple(one for one in lost if _kind_of(one) not in doubtful), listed.incomplete


def _kind_of(owned: Owned) -> str:
    parsed = marks.key_of(owned.marks.owner)
    return parsed[1].kind if parsed else ""


def _doubtful(inputs: Inputs, catalogue: Catalogue) -> frozenset[str]:
    """Return the kinds of which it cannot be said now that no document claims one.

    What carries no mark of its own is claimed by its name alone; while the name of one document is not known, or is
    another application's to know, none of that kind counts as lost.
    """
    return frozenset(
        desired.key.kind
        for desired in _documents(catalogue)
        if inputs.kind(desired.key).tagging is None
        and (
            desired.key.application != inputs.application.name
            or inputs.kind(desired.key).natural(inputs.resolved(desired).body) is None
        )
    )


def reconcile(
    application: Application,
    catalogue: Catalogue,
    destination: Destination,
    step_state: StepState,
    options: PassOptions | None = None,
) -> Outcome:
    """Make one pass. Raises Refused where a guard stops it, AwsError for lost credentials."""
    options = options or PassOptions()
    seen = look(application, catalogue, destination, step_state, options.timer)
    options.planned(seen.plan)
    results: Mapping[StepId, Result] = {}
    inputs = seen.inputs
    if options.enforce or options.adopt is not None:
        _guard(seen, destination, options)
        context = ExecutionContext(
            cloud=destination.cloud,
            clock=destination.clock,
            step_state=step_state,
            may_go_on=options.may_go_on,
            serial=destination.serial,
            announce=options.announce,
            adopting=options.adopt is not None,
        )
        with options.timer("apply"):
            results, world = execute(inputs, _chosen(seen.plan, options), context)
        inputs = replace(inputs, world=world)
    return Outcome(plan=seen.plan, results=results, statuses=status.statuses(inputs, seen.plan, results))


def _complete(inputs: Inputs, found: Plan, key: Key) -> bool:
    return isinstance(inputs.world.get(key), Present) and not any(step.id.key == key for step in found.steps)


def _guard(seen: ObservedPlan, destination: Destination, options: PassOptions) -> None:
    found = seen.plan
    if not destination.installation:
        raise Refused("no installation is configured: set ECSYNC_INSTALLATION to a name for this controller")
    if options.only_digest and options.only_digest != plan.digest(found):
        raise Refused(f"the plan is not {options.only_digest} any more but {plan.digest(found)}: look at it again")
    if not destination.asserted and policy.finds_no_owned_resource(found, seen.inputs.world):
        raise Refused(UNASSERTED.format(account=destination.target.account))


def _chosen(found: Plan, options: PassOptions) -> Plan:
    if not options.adopt:
        return found
    return replace(found, steps=tuple(step for step in found.steps if step.id.key in options.adopt))


def _documents(catalogue: Catalogue) -> Iterator[Desired]:
    for application in catalogue.applications.values():
        yield from application.resources


def _lookups(application: Application, catalogue: Catalogue) -> tuple[Desired, ...]:
    """Return the resources of other applications that this one refers to, and what those refer to."""
    documents = {d.key: d for d in _documents(catalogue)}
    own = {d.key for d in application.resources}
    found: dict[Key, Desired] = {}
    todo = list(application.resources)
    while todo:
        for _, ref in graph.references(todo.pop().body):
            other = documents.get(ref.key)
            if other is not None and ref.key not in own and ref.key not in found:
                found[ref.key] = other
                todo.append(other)
    return tuple(found.values())


def _claims(inputs: Inputs) -> frozenset[PhysicalId]:
    """Return what the application's documents are in AWS: claimed physically, whatever the mark there says."""
    found = set()
    for desired in inputs.application.resources:
        kind = inputs.kind(desired.key)
        name = (kind.claim or kind.natural)(inputs.resolved(desired).body)
        if name is not None:
            found.add(inputs.physical(kind.name, name))
    return frozenset(found)


def _claimed(inputs: Inputs, owned: Owned, claimed: frozenset[PhysicalId]) -> bool:
    kind = inputs.kinds.get(_kind_of(owned))
    if kind is None:
        return False
    name = kind.claim(owned.present.body) if kind.claim else owned.natural
    return name is not None and inputs.physical(kind.name, name) in claimed
