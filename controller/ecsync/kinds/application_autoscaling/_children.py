"""Scaling policies and scheduled actions: the children of a scalable target, which have no tags of their own.

Their marks are those of the target. The filters of the describe calls are not exact, so each result is matched again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ecsync.core import marks
from ecsync.core.kind import Cadence, Collection, Owned, Wanted, World
from ecsync.core.model import Absent, Applied, Key, Marks, Observed, Present, Unreadable
from ecsync.core.ports import AwsError, Reader
from ecsync.core.trees import Body
from ecsync.kinds._common import batches, belongs
from ecsync.kinds.application_autoscaling._shared import SERVICE, Target, natural, target_of

_PAGE = 10  # DescribeScalingPolicies: MaxResults, 1 to 10
_NAMES_PER_CALL = 50  # DescribeScalingPolicies PolicyNames, DescribeScheduledActions ScheduledActionNames: up to 50
# Classes of errors that the next target would meet too.
_OF_ALL_TARGETS = ("credentials", "denied", "throttled", "transient")

Named: TypeAlias = dict[str, Body]  # children by name


@dataclass(frozen=True, slots=True)
class Parents:
    """The observed scalable targets, by identity; `unreadable` is the error of one that could not be read."""

    present: Mapping[Target, Present]
    unreadable: str = ""

    @classmethod
    def of(cls, world: World) -> Parents:
        """Return the scalable targets of a world."""
        observed = [one for key, one in world.items() if key.kind == "ScalableTarget"]
        found = [(target_of(one.body), one) for one in observed if isinstance(one, Present)]
        errors = [one.error for one in observed if isinstance(one, Unreadable)]
        return cls({target: one for target, one in reversed(found) if target}, errors[0] if errors else "")


# (a child from a describe call, the wanted document, the target, the observed targets) -> the resource
Child: TypeAlias = Callable[[Body, Wanted, Target, Parents], Present]


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """How the children of a scalable target are listed: scaling policies or scheduled actions, which have no tags."""

    kind: str
    operation: str
    result: str
    member: str  # that holds the name
    names: str  # the parameter of the operation that takes names
    show: Child

    def collection(self, cadence: Cadence) -> Collection:
        """Return how the children are shared: by name."""
        return Collection(
            operation=f"{SERVICE}.{self.operation}",
            cadence=cadence,
            ids=self.names,
            size=_NAMES_PER_CALL,
            items=self.result,
            key=self.member,
        )

    def listed(self, reader: Reader, target: Target) -> Named:
        """Return the children of one target by name."""
        namespace, resource, dimension = target
        found = reader.pages(
            SERVICE,
            self.operation,
            self.result,
            ServiceNamespace=namespace,
            ResourceId=resource,
            ScalableDimension=dimension,
        )
        return {one[self.member]: one for one in _of_target(found, target)}

    def _of_targets(self, reader: Reader, targets: Sequence[Target]) -> dict[Target, Named]:
        """Return the children of each target: of one target alone, or of several by one listing of their namespace."""
        if len(targets) == 1:
            return {targets[0]: self.listed(reader, targets[0])}
        found: dict[Target, Named] = {target: {} for target in targets}
        for namespace in sorted({target[0] for target in targets}):
            for live in reader.pages(SERVICE, self.operation, self.result, ServiceNamespace=namespace):
                if (target := target_of(live)) and target in found:
                    found[target][live[self.member]] = live
        return found

    def read(self, reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Wanted, Observed]]:
        """Yield the wanted children with what is live."""
        by_target: dict[Target, list[Wanted]] = {}
        for want in wanted:
            if target := target_of(want.body):
                by_target.setdefault(target, []).append(want)
        parents = Parents.of(world)
        unknown = {target: _unknown_owner(target, parents) for target in by_target}
        found = self._by_name(reader, {target: wants for target, wants in by_target.items() if not unknown[target]})
        for target, wants in by_target.items():
            live, error = self._live(reader, target, found) if not unknown[target] else ({}, unknown[target])
            for want in wants:
                child = live.get(want.body[self.member])
                yield want, Unreadable(error) if error else self._observed(child, want, target, parents)

    def _live(self, reader: Reader, target: Target, found: Mapping[Target, dict[str, Body]]) -> tuple[Named, str]:
        """Return the children of one target by name, and an error that is of this target alone."""
        try:
            return found[target] if target in found else self.listed(reader, target), ""
        except AwsError as error:
            if error.kind in _OF_ALL_TARGETS:
                raise
            return {}, str(error)

    def _by_name(self, reader: Reader, wanted: Mapping[Target, Sequence[Wanted]]) -> dict[Target, Named]:
        """Return the wanted children of the targets that a listing by name answers; the others are listed one by one.

        One listing answers for all targets of a namespace, and for those of other applications.
        """
        found: dict[Target, Named] = {}
        for namespace in sorted({target[0] for target in wanted}):
            here = {target: wants for target, wants in wanted.items() if target[0] == namespace}
            children = {(target, str(want.body[self.member])) for target, wants in here.items() for want in wants}
            found |= self._named(reader, namespace, children)
        return found

    def _named(self, reader: Reader, namespace: str, children: set[tuple[Target, str]]) -> dict[Target, Named]:
        """Return what is live of these children, for every target of them; empty if the listing is not complete.

        Other resources of the account may have many children with the same names. The listing ends when it has
        returned more than the targets would in the same number of calls.
        """
        found: dict[Target, Named] = {target: {} for target, _ in children}
        missing, budget = set(children), _PAGE * len(found) + len(children)
        try:
            for live in self._with_names(reader, namespace, sorted({name for _, name in children})):
                budget -= 1
                if budget < 0:
                    return {}
                target, name = target_of(live), live[self.member]
                if target and (target, name) in missing:
                    found[target][name] = live
                    missing.discard((target, name))
                if not missing:
                    break
        except AwsError as error:
            if error.kind in _OF_ALL_TARGETS:
                raise
            return {}  # one policy can fail the listing: AWS cannot read its alarms
        return found

    def _with_names(self, reader: Reader, namespace: str, names: Sequence[str]) -> Iterator[Body]:
        """Yield the children with these names, of all targets in the namespace."""
        for batch in batches(names, _NAMES_PER_CALL):
            params = {"ServiceNamespace": namespace, self.names: batch}
            yield from reader.pages(SERVICE, self.operation, self.result, **params)

    def _observed(self, live: Body | None, want: Wanted, target: Target, parents: Parents) -> Observed:
        """Return a child; an absent one is Unreadable if nothing may be created on its target."""
        if live:
            return self.show(live, want, target, parents)
        foreign = _foreign_target(want, target, parents)
        return Unreadable(foreign) if foreign else Absent()

    def owned(self, reader: Reader, targets: Iterable[Owned], scope: str) -> Iterator[Owned]:
        """Yield the children of targets that are ours (docs/rules.md R7): a child has no mark of its own."""
        parents = {target: parent for parent in targets if (target := target_of(parent.present.body))}
        live_of = self._of_targets(reader, list(parents))
        for target, parent in parents.items():
            parsed = marks.key_of(parent.marks.owner)
            if parsed is None:
                continue
            for name, live in live_of[target].items():
                key = Key(application=parsed[1].application, kind=self.kind, name=_document_name(name))
                want = Wanted(key=key, body=live, owner=marks.owner(parsed[0], key))
                present = self.show(live, want, target, Parents.of({parsed[1]: parent.present}))
                if present.marks and belongs(present, scope):
                    yield Owned(marks=present.marks, natural=str(natural(live, self.member)), present=present)


def _document_name(name: str) -> str:
    """Return a valid document name for a child: its mark needs one, although no document may declare the child."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:63].lstrip("_.-") or "unnamed"


def _of_target(items: Iterable[Body], target: Target) -> Iterator[Body]:
    """Yield the items that belong to exactly that target."""
    return (one for one in items if target_of(one) == target)


# Marks of children: Application Auto Scaling cannot tag them ---------------------------------------------------------


def child_marks(want: Wanted, target: Target, parents: Parents) -> tuple[Marks | None, str]:
    """Return (the marks that a policy or a scheduled action has by its target, the other tool that manages it).

    The child belongs to its document (docs/rules.md R7, R8):
    - if the target is owned by this installation. The child of an adopted target is adopted with it, so its undeclared
      members stay;
    - if no document declares the target, or a document only looks it up. The target then carries no mark to compare,
      and the document names the child exactly.
    A child of any other target has no marks.
    """
    parent = parents.present.get(target)
    if parent is None or not parent.facts.get("managed", True):
        return Marks(owner=want.owner, id=""), ""
    if parent.marks is None or _installation(parent.marks.owner) != _installation(want.owner):
        return None, parent.foreign
    adopted = parent.marks.applied is not None and parent.marks.applied.adopted
    applied = Applied(members={}, adopted=True) if adopted else None
    return Marks(owner=want.owner, id="", applied=applied), parent.foreign


def _foreign_target(want: Wanted, target: Target, parents: Parents) -> str:
    """Return the reason why nothing may be created on a target: its owner; empty if creating is allowed."""
    our_marks, tool = child_marks(want, target, parents)
    parent = parents.present.get(target)
    if our_marks is not None or parent is None:
        return ""
    if parent.marks is not None:
        return f"nothing is created: installation {_installation(parent.marks.owner)} owns its scalable target"
    return f"nothing is created: {tool} manages its scalable target; remove it there first" if tool else ""


def _unknown_owner(target: Target, parents: Parents) -> str:
    """Return the reason why the owner of a target is unknown: it may be one that could not be read; empty if known."""
    if target in parents.present or not parents.unreadable:
        return ""
    return f"its scalable target cannot be read: {parents.unreadable}"


def _installation(owner: str) -> str:
    parsed = marks.key_of(owner)
    return parsed[0] if parsed else owner
