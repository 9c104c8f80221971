"""One pass over one application: observe, plan, carry out, say what it is now. It only sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from ecsync.core import graph, marks, plan, policy, status
from ecsync.core.inputs import Scene, as_declared
from ecsync.core.kind import Kind, Owned
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
from ecsync.engine.executor import Announce, Hands, execute
from ecsync.engine.observe import observe, orphans
from ecsync.engine.step_state import Listed, Memory

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
class Post:
    """Where an application is reconciled, and as whom. `asserted` is true when the operator named the account."""

    cloud: Cloud
    target: Target
    installation: str
    kinds: Mapping[str, Kind]
    clock: Clock
    asserted: bool = True
    serial: Callable[[str], AbstractContextManager[object]] = untimed


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
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
class Seen:
    """What a look at AWS gave: the scene and its plan."""

    scene: Scene
    plan: Plan


def look(application: Application, catalogue: Catalogue, post: Post, memory: Memory, timer: Timer = untimed) -> Seen:
    """Observe an application and plan it. Raises AwsError only for lost credentials."""
    scene = Scene(
        application=application,
        kinds=post.kinds,
        world={},
        target=post.target,
        installation=post.installation,
        revision=catalogue.revision,
        lookups=_lookups(application, catalogue),
        young=frozenset(memory.young),
        settled=dict(memory.settled),
        looked=dict(memory.looked),
        others=frozenset(marks.owner(post.installation, d.key) for d in _documents(catalogue)),
    )
    with timer("observe"):
        scene = replace(scene, world=observe(post.cloud, scene, post.clock.now()))
        lost, incomplete = _orphans(scene, catalogue, post, memory)
    policies = policy.standard(
        prune=catalogue.pruning or incomplete, contended=memory.contended(post.clock.monotonic())
    )
    scene = replace(scene, orphans=lost, policies=policies)
    with timer("plan"):
        found = replace(plan.build(scene), incomplete=str(incomplete))
    memory.young -= {key for key in memory.young if _complete(scene, found, key)}
    _take_note(scene, found, memory)
    return Seen(scene=scene, plan=found)


def _take_note(scene: Scene, found: Plan, memory: Memory) -> None:
    """Remember of what is in sync that which no mark tells: so a change of it is known for whose it is."""
    differing = {step.id.key for step in (*found.steps, *(one.step for one in found.withheld))}
    for desired in scene.application.resources:
        if desired.key in differing or not isinstance(scene.world.get(desired.key), Present):
            continue
        kind = scene.kind(desired.key)
        applied = as_declared(kind, desired) if kind.tagging is None else None
        if applied is not None:
            memory.settled[desired.key] = applied
        lookups = {ref for _, ref in graph.references(desired.body) if scene.looks_up(ref)}
        memory.looked[desired.key] = {ref: scene.value_of(ref) for ref in lookups}


def _orphans(scene: Scene, catalogue: Catalogue, post: Post, memory: Memory) -> tuple[tuple[Owned, ...], str]:
    """Return what is ours and declared nowhere; listed anew for a new revision, and seldom otherwise."""
    now = post.clock.monotonic()
    listed = memory.listed
    if listed is None or listed.revision != scene.revision or now - listed.at > RELIST or listed.incomplete:
        application = scene.application
        names = frozenset({application.name, *application.formerly})
        found, incomplete = orphans(post.cloud, scene, scene.others, names)
        listed = memory.listed = Listed(revision=scene.revision, at=now, orphans=found, incomplete=incomplete)
    claimed = _claims(scene)
    doubtful = _doubtful(scene, catalogue)
    lost = (one for one in listed.orphans if not _claimed(scene, one, claimed))
    return tuple(one for one in lost if _kind_of(one) not in doubtful), listed.incomplete


def _kind_of(owned: Owned) -> str:
    parsed = marks.key_of(owned.marks.owner)
    return parsed[1].kind if parsed else ""


def _doubtful(scene: Scene, catalogue: Catalogue) -> frozenset[str]:
    """Return the kinds of which it cannot be said now that no document claims one.

    What carries no mark of its own is claimed by its name alone; while the name of one document is not known, or is
    another application's to know, none of that kind counts as lost.
    """
    return frozenset(
        desired.key.kind
        for desired in _documents(catalogue)
        if scene.kind(desired.key).tagging is None
        and (
            desired.key.application != scene.application.name
            or scene.kind(desired.key).natural(scene.resolved(desired).body) is None
        )
    )


def reconcile(
    application: Application, catalogue: Catalogue, post: Post, memory: Memory, orders: Orders | None = None
) -> Outcome:
    """Make one pass. Raises Refused where a guard stops it, AwsError for lost credentials."""
    orders = orders or Orders()
    seen = look(application, catalogue, post, memory, orders.timer)
    orders.planned(seen.plan)
    results: Mapping[StepId, Result] = {}
    scene = seen.scene
    if orders.enforce or orders.adopt is not None:
        _guard(seen, post, orders)
        hands = Hands(
            cloud=post.cloud,
            clock=post.clock,
            memory=memory,
            may_go_on=orders.may_go_on,
            serial=post.serial,
            announce=orders.announce,
            adopting=orders.adopt is not None,
        )
        with orders.timer("apply"):
            results, world = execute(scene, _chosen(seen.plan, orders), hands)
        scene = replace(scene, world=world)
    return Outcome(plan=seen.plan, results=results, statuses=status.statuses(scene, seen.plan, results))


def _complete(scene: Scene, found: Plan, key: Key) -> bool:
    return isinstance(scene.world.get(key), Present) and not any(step.id.key == key for step in found.steps)


def _guard(seen: Seen, post: Post, orders: Orders) -> None:
    found = seen.plan
    if not post.installation:
        raise Refused("no installation is configured: set ECSYNC_INSTALLATION to a name for this controller")
    if orders.only_digest and orders.only_digest != plan.digest(found):
        raise Refused(f"the plan is not {orders.only_digest} any more but {plan.digest(found)}: look at it again")
    if not post.asserted and policy.finds_nothing_of_ours(found, seen.scene.world):
        raise Refused(UNASSERTED.format(account=post.target.account))


def _chosen(found: Plan, orders: Orders) -> Plan:
    if not orders.adopt:
        return found
    return replace(found, steps=tuple(step for step in found.steps if step.id.key in orders.adopt))


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


def _claims(scene: Scene) -> frozenset[PhysicalId]:
    """Return what the application's documents are in AWS: claimed physically, whatever the mark there says."""
    found = set()
    for desired in scene.application.resources:
        kind = scene.kind(desired.key)
        name = (kind.claim or kind.natural)(scene.resolved(desired).body)
        if name is not None:
            found.add(scene.physical(kind.name, name))
    return frozenset(found)


def _claimed(scene: Scene, owned: Owned, claimed: frozenset[PhysicalId]) -> bool:
    kind = scene.kinds.get(_kind_of(owned))
    if kind is None:
        return False
    name = kind.claim(owned.present.body) if kind.claim else owned.natural
    return name is not None and scene.physical(kind.name, name) in claimed
