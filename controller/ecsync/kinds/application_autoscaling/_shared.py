"""Helpers that the kinds of Application Auto Scaling share: the identity of a scaled resource, and its children.

A manifest may declare `Service: ${Service/api.arn}` (or `cluster/name`) for ServiceNamespace, ResourceId and
ScalableDimension of an ECS service. The filters of the describe calls are not exact, so each result is matched again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ecsync.core import marks
from ecsync.core.kind import Owned, Wanted, World
from ecsync.core.model import (
    Absent,
    Applied,
    Desired,
    Documents,
    Key,
    Marks,
    Observed,
    Present,
    Text,
    Unreadable,
    Update,
)
from ecsync.core.ports import Reader
from ecsync.core.rules import Default, Immutable, Refers, Rules
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import read_tags, without_nones
from ecsync.kinds._partial_updates import member_to_send

SERVICE = "application-autoscaling"
IDENTITY = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_ECS = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}

Target: TypeAlias = tuple[str, str, str]  # namespace, resource id, dimension


def identity_rows() -> Rules:
    """Return the rows for the identity of the scaled resource: no part of it changes in place."""
    return (
        *(Default(path=member, value=value, source="the values of an ECS service") for member, value in _ECS.items()),
        *(
            Immutable(path=member, source="RegisterScalableTarget: identifies the scalable target")
            for member in IDENTITY
        ),
        Refers(path="Service", kind="Service", output="arn"),
    )


def check_target(body: Body) -> Iterator[tuple[Path, str]]:
    """Yield the problems with the identity of the scaled resource."""
    service, resource = body.get("Service"), body.get("ResourceId")
    if (service is None) is (resource is None):
        yield (), "declare either Service: ${Service/name} or ResourceId"
    if isinstance(service, str) and resource_id({"Service": service}) is None:
        yield ("Service",), "Service must be ${Service/name}, the ARN of a service, or cluster/service"
    if isinstance(resource, str) and not resource.startswith("service/"):
        for member in ("ServiceNamespace", "ScalableDimension"):
            if body.get(member) is None:
                yield (member,), f"{member} is required: it has a default for ECS services alone"


def resource_id(body: Body) -> str | None:
    """Return the resource id; None while a reference in it is unresolved, or if a service has no cluster."""
    service = body.get("Service")
    if service is None:
        found = body.get("ResourceId")
        return found if isinstance(found, str) else None
    if not isinstance(service, str):
        return None
    path = service.split(":")[-1].removeprefix("service/")
    return f"service/{path}" if path.count("/") == 1 else None


def target_of(body: Body) -> Target | None:
    """Return the identity of the scaled resource; None while a reference in it is unresolved."""
    resource = resource_id(body)
    if resource is None:
        return None
    return (
        body.get("ServiceNamespace") or _ECS["ServiceNamespace"],
        resource,
        body.get("ScalableDimension") or _ECS["ScalableDimension"],
    )


def natural(body: Body, member: str = "") -> str | None:
    """Return the identity as text: that of the scaled resource, then the name of a child, which `member` holds."""
    target, name = target_of(body), body.get(member) if member else ""
    return "/".join((*target, name)).rstrip("/") if target and isinstance(name, str) else None


def with_identity(body: Body) -> dict[str, Json]:
    """Return the body as AWS takes it: the identity in its three members, without `Service` and nulls."""
    target = target_of(body)
    rest = {member: value for member, value in body.items() if member != "Service" and value is not None}
    if target:
        return {**dict(zip(IDENTITY, target, strict=True)), **{m: v for m, v in rest.items() if m not in IDENTITY}}
    unknown = {"ResourceId": _as_resource_id(body["Service"])} if "Service" in body else {}
    return {**_ECS, **unknown, **rest}


def _as_resource_id(service: Json) -> Json:
    """Return an unresolved reference unchanged: the step is compiled again after it is resolved."""
    return service if isinstance(service, Text) else f"service/{service}"


def adjusted(body: Body, present: Present) -> dict[str, Json]:
    """Return the desired body with its identity in three members; an unresolved identity is the live one."""
    found = with_identity(body)
    if target_of(body) is None:
        found |= {member: present.body[member] for member in IDENTITY if member in present.body}
    return found


def printed(live: Body, _: Body) -> Present:
    """Return a described or declared document as a resource, with its identity in three members."""
    tags = {"Tags": read_tags(live["Tags"])[0]} if "Tags" in live else {}
    return Present(body={**with_identity(live), **tags}, outputs={})


def identity_of(live: Body) -> tuple[Json, ...]:
    """Return the identity of the scaled resource in a describe response."""
    return tuple(live.get(member) for member in IDENTITY)


def of_target(items: Iterable[Body], target: Target) -> Iterator[Body]:
    """Yield the items that belong to exactly that target."""
    return (one for one in items if identity_of(one) == target)


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
    show: Child

    def listed(self, reader: Reader, target: Target) -> dict[str, Body]:
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
        return {one[self.member]: one for one in of_target(found, target)}

    def read(self, reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Wanted, Observed]]:
        """Yield the wanted children with what is live; one listing per target."""
        by_target: dict[Target, list[Wanted]] = {}
        for want in wanted:
            if target := target_of(want.body):
                by_target.setdefault(target, []).append(want)
        parents = Parents.of(world)
        for target, wants in by_target.items():
            unknown = _unknown_owner(target, parents)
            found = {} if unknown else self.listed(reader, target)
            for want in wants:
                live = found.get(want.body[self.member])
                yield want, Unreadable(unknown) if unknown else self._observed(live, want, target, parents)

    def _observed(self, live: Body | None, want: Wanted, target: Target, parents: Parents) -> Observed:
        """Return a child; an absent one is Unreadable if nothing may be created on its target."""
        if live:
            return self.show(live, want, target, parents)
        foreign = _foreign_target(want, target, parents)
        return Unreadable(foreign) if foreign else Absent()

    def owned(self, reader: Reader, targets: Iterable[Owned]) -> Iterator[Owned]:
        """Yield the children of targets that are ours (docs/rules.md R7): a child has no mark of its own."""
        for parent in targets:
            target, parsed = target_of(parent.present.body), marks.key_of(parent.marks.owner)
            if target is None or parsed is None:
                continue
            for name, live in self.listed(reader, target).items():
                key = Key(application=parsed[1].application, kind=self.kind, name=_document_name(name))
                want = Wanted(key=key, body=live, owner=marks.owner(parsed[0], key))
                present = self.show(live, want, target, Parents.of({parsed[1]: parent.present}))
                if present.marks:
                    yield Owned(marks=present.marks, natural=str(natural(live, self.member)), present=present)


def _document_name(name: str) -> str:
    """Return a valid document name for a child: its mark needs one, although no document may declare the child."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:63].lstrip("_.-") or "unnamed"


def needs_service(desired: Desired, documents: Documents) -> Iterator[Key]:
    """Yield the declared service that a literal id names; a reference orders the steps without this."""
    target = target_of(desired.body)
    if target:
        yield from (service.key for service in documents.find("Service", _service_id, target[1]))


def _service_id(service: Desired, _: Documents) -> Iterator[str]:
    """Yield the resource id that follows from the names in a service's document."""
    cluster, name = service.body.get("cluster") or "default", service.body.get("serviceName")
    if isinstance(cluster, str):
        yield f"service/{cluster.rsplit('/', 1)[-1]}/{name}"


def needs_target(desired: Desired, documents: Documents) -> Iterator[Key]:
    """Yield the declared scalable target that a policy or a scheduled action belongs to."""
    found = documents.find("ScalableTarget", _declared_by, _declared_target(desired.body))
    yield from (target.key for target in found)


def _declared_by(target: Desired, _: Documents) -> Iterator[Hashable]:
    yield _declared_target(target.body)


def _declared_target(body: Body) -> Hashable:
    return target_of(body) or (body.get("Service"), body.get("ResourceId"), body.get("ScalableDimension"))


def declared_once(member: str = "") -> Callable[[Desired, Documents], Iterator[tuple[Path, str]]]:
    """Return a check that no other document declares the same resource; `member` holds the name of a child.

    One document may name the service by a reference, another by its name. Their natural names do not show that the
    service is the same before it exists.
    """

    def resource(desired: Desired, documents: Documents) -> Hashable:
        return _target_in_documents(desired.body, documents), desired.body.get(member)

    def written(desired: Desired, documents: Documents) -> Iterator[Hashable]:
        """Yield the resource that a document writes; once more with `_BY_REFERENCE` where no name shows it."""
        if desired.options.manage:
            yield resource(desired, documents)
            if not target_of(desired.body):
                yield resource(desired, documents), _BY_REFERENCE

    def check(desired: Desired, documents: Documents) -> Iterator[tuple[Path, str]]:
        if not desired.options.manage:
            return
        same = resource(desired, documents)
        # The core compares two documents that both have a natural name.
        others = documents.find(desired.key.kind, written, (same, _BY_REFERENCE) if target_of(desired.body) else same)
        for other in others:
            if other.key != desired.key:
                yield (), f"{other.key} ({other.origin}) declares the same {desired.key.kind}; remove one of the two"

    return check


_BY_REFERENCE = "by reference"


def _target_in_documents(body: Body, documents: Documents) -> Hashable:
    """Return the scaled resource of a document; a reference is resolved by the name that its document declares."""
    service = body.get("Service")
    sole = service.sole if isinstance(service, Text) else None
    declared = documents.get(sole.key) if sole is not None else None
    if declared is None:
        return _declared_target(body)
    path = f"{_cluster_of(declared.body, documents)}/{declared.body.get('serviceName')}"
    return (_ECS["ServiceNamespace"], f"service/{path}", _ECS["ScalableDimension"])


def _cluster_of(service: Body, documents: Documents) -> str:
    cluster = service.get("cluster") or "default"
    if isinstance(cluster, Text) and cluster.sole is not None:
        declared = documents.get(cluster.sole.key)
        cluster = declared.body.get("clusterName") if declared is not None else cluster
    return str(cluster).rsplit("/", 1)[-1]


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


def put_body(change: Update, rules: Rules) -> dict[str, Json]:
    """Return the complete body for a Put: the call resets some of the members that it leaves out and keeps others."""
    declared = with_identity(change.desired.body)
    complete = replace(change, desired=replace(change.desired, body=declared))
    members = dict.fromkeys([*change.observed.body, *declared, *(str(one.path[0]) for one in change.fields)])
    return without_nones({member: member_to_send(complete, member, rules) for member in members})
