"""What the kinds of Application Auto Scaling share: what they scale, and finding it exactly.

`Service: ${Service/api.arn}` (or `cluster/name`) stands for ServiceNamespace, ResourceId and ScalableDimension of an
ECS service. AWS's filters are narrower than they look and moto's are wrong, so every answer is matched again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ecsync.core import marks
from ecsync.core.kind import Owned, Wanted, World
from ecsync.core.model import Absent, Applied, Desired, Key, Marks, Observed, Present, Text, Unreadable, Update
from ecsync.core.ports import Reader
from ecsync.core.rules import Default, Immutable, Refers, Rules
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import read_tags, without_nones
from ecsync.kinds._partial_updates import member_to_send

SERVICE = "application-autoscaling"
IDENTITY = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_ECS = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}

Target: TypeAlias = tuple[str, str, str]  # namespace, resource id, dimension


def rows() -> Rules:
    """Rows for what is scaled: identity, so that nothing of it changes in place."""
    return (
        *(Default(path=member, value=value, source="manifests.md, additions") for member, value in _ECS.items()),
        *(Immutable(path=member, source="normalization.md §6 target identity") for member in IDENTITY),
        Refers(path="Service", kind="Service", output="arn", source="manifests.md, additions"),
    )


def check_target(body: Body) -> Iterator[tuple[Path, str]]:
    """Say what is wrong with how the scaled resource is named."""
    service, resource = body.get("Service"), body.get("ResourceId")
    if (service is None) is (resource is None):
        yield (), "say what is scaled by either Service: ${Service/name} or ResourceId"
    if isinstance(service, str) and resource_id({"Service": service}) is None:
        yield ("Service",), "Service is ${Service/name}, the ARN of a service, or cluster/service"
    if isinstance(resource, str) and not resource.startswith("service/"):
        for member in ("ServiceNamespace", "ScalableDimension"):
            if body.get(member) is None:
                yield (member,), f"{member} can be left out for ECS services alone"


def resource_id(body: Body) -> str | None:
    """Return the id of the scaled resource; None while a reference in it is unknown, or where it has no cluster."""
    service = body.get("Service")
    if service is None:
        found = body.get("ResourceId")
        return found if isinstance(found, str) else None
    if not isinstance(service, str):
        return None
    path = service.split(":")[-1].removeprefix("service/")
    return f"service/{path}" if path.count("/") == 1 else None


def target_of(body: Body) -> Target | None:
    """Return the identity of what is scaled; None while it is not known."""
    resource = resource_id(body)
    if resource is None:
        return None
    return (
        body.get("ServiceNamespace") or _ECS["ServiceNamespace"],
        resource,
        body.get("ScalableDimension") or _ECS["ScalableDimension"],
    )


def natural(body: Body, member: str = "") -> str | None:
    """Return the name that AWS knows it by: the scaled resource, and the member that names a child of it."""
    target, name = target_of(body), body.get(member) if member else ""
    return "/".join((*target, name)).rstrip("/") if target and isinstance(name, str) else None


def spelled_out(body: Body) -> dict[str, Json]:
    """Return the body as AWS takes it: identity in its three members, `Service` and nulls gone."""
    target = target_of(body)
    rest = {member: value for member, value in body.items() if member != "Service" and value is not None}
    if target:
        return {**dict(zip(IDENTITY, target, strict=True)), **{m: v for m, v in rest.items() if m not in IDENTITY}}
    unknown = {"ResourceId": _as_resource_id(body["Service"])} if "Service" in body else {}
    return {**_ECS, **unknown, **rest}


def _as_resource_id(service: Json) -> Json:
    """Return a reference that is not known yet as it stands; the step is compiled again when it is."""
    return service if isinstance(service, Text) else f"service/{service}"


def adjusted(body: Body, present: Present) -> dict[str, Json]:
    """Return the desired body with its identity spelled out; where it is not known (yet), it is the live one's."""
    found = spelled_out(body)
    if target_of(body) is None:
        found |= {member: present.body[member] for member in IDENTITY if member in present.body}
    return found


def printed(live: Body, _: Body) -> Present:
    """Return what a describe prints, or a manifest says, with its identity spelled out; tags may stand in it."""
    tags = {"Tags": read_tags(live["Tags"])[0]} if "Tags" in live else {}
    return Present(body={**spelled_out(live), **tags}, outputs={})


def exactly(items: Iterable[Body], target: Target) -> Iterator[Body]:
    """Yield the items that are of that target and no other."""
    return (one for one in items if tuple(one.get(member) for member in IDENTITY) == target)


Child: TypeAlias = Callable[[Body, Wanted, Target, World], Present]  # what describe printed -> the resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """How one sort of child of a scalable target is listed: AWS can neither tag it nor name it alone."""

    kind: str
    operation: str
    result: str
    member: str  # that names it
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
        return {one[self.member]: one for one in exactly(found, target)}

    def read(self, reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Wanted, Observed]]:
        """Yield each that is wanted with what is live; one listing per target."""
        by_target: dict[Target, list[Wanted]] = {}
        for want in wanted:
            if target := target_of(want.body):
                by_target.setdefault(target, []).append(want)
        for target, wants in by_target.items():
            doubt = _doubt(target, world)
            found = {} if doubt else self.listed(reader, target)
            for want in wants:
                live = found.get(want.body[self.member])
                why = doubt or (_not_ours(want, target, world) if live is None else "")
                seen = self.show(live, want, target, world) if live else Absent()
                yield want, Unreadable(why) if why else seen

    def owned(self, reader: Reader, targets: Iterable[Owned]) -> Iterator[Owned]:
        """Yield the children of targets that are ours (rule 7); whether a document claims one is told by its name."""
        for parent in targets:
            target, parsed = target_of(parent.present.body), marks.key_of(parent.marks.owner)
            if target is None or parsed is None:
                continue
            for name, live in self.listed(reader, target).items():
                key = Key(application=parsed[1].application, kind=self.kind, name=_document(name))
                want = Wanted(key=key, body=live, owner=marks.owner(parsed[0], key))
                world = {parsed[1]: parent.present}
                present = self.show(live, want, target, world)
                if present.marks:
                    yield Owned(marks=present.marks, natural=str(natural(live, self.member)), present=present)


def _document(name: str) -> str:
    """Return a name that a document could have: the mark of a child names one, though none may be declared."""
    kept = re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:63].lstrip("_.-")
    return kept or "unnamed"


def needs_service(desired: Desired, everything: Sequence[Desired]) -> Iterator[Key]:
    """Yield the declared service that a literal id names; a reference is an edge by itself."""
    target = target_of(desired.body)
    for other in everything:
        if target and other.key.kind == "Service":
            cluster, name = other.body.get("cluster") or "default", other.body.get("serviceName")
            if isinstance(cluster, str) and target[1] == f"service/{cluster.rsplit('/', 1)[-1]}/{name}":
                yield other.key


def needs_target(desired: Desired, everything: Sequence[Desired]) -> Iterator[Key]:
    """Yield the declared scalable target that a policy or a scheduled action belongs to."""
    mine = _as_written(desired.body)
    for other in everything:
        if other.key.kind == "ScalableTarget" and _as_written(other.body) == mine:
            yield other.key


def _as_written(body: Body) -> Json:
    return target_of(body) or (body.get("Service"), body.get("ResourceId"), body.get("ScalableDimension"))


def once_only(member: str = "") -> Callable[[Desired, Sequence[Desired]], Iterator[tuple[Path, str]]]:
    """Return a check that no other document means the same: `member` names a child of what is scaled.

    What names the service by a reference in one document and by its name in another is the same service; no name of
    AWS's tells so before the service is there.
    """

    def check(desired: Desired, everything: Sequence[Desired]) -> Iterator[tuple[Path, str]]:
        mine = _meant(desired.body, everything)
        for other in everything:
            if other.key.kind != desired.key.kind or other.key == desired.key:
                continue
            same = _meant(other.body, everything) == mine and other.body.get(member) == desired.body.get(member)
            by_name = target_of(desired.body) and target_of(other.body)  # then every kind's own check has found it
            if same and not by_name and desired.options.manage and other.options.manage:
                yield (), f"{other.key} ({other.origin}) means the same {desired.key.kind}; only one document may"

    return check


def _meant(body: Body, everything: Sequence[Desired]) -> Json:
    """Return what a document scales, as far as the documents tell."""
    service = body.get("Service")
    sole = service.sole if isinstance(service, Text) else None
    declared = next((other.body for other in everything if sole is not None and other.key == sole.key), None)
    if declared is None:
        return _as_written(body)
    path = f"{_cluster_of(declared, everything)}/{declared.get('serviceName')}"
    return (_ECS["ServiceNamespace"], f"service/{path}", _ECS["ScalableDimension"])


def _cluster_of(service: Body, everything: Sequence[Desired]) -> str:
    cluster = service.get("cluster") or "default"
    if isinstance(cluster, Text) and cluster.sole is not None:
        named = (other.body.get("clusterName") for other in everything if other.key == cluster.sole.key)
        cluster = next(named, cluster)
    return str(cluster).rsplit("/", 1)[-1]


# Marks of children: what Application Auto Scaling cannot tag --------------------------------------------------------


def child_marks(want: Wanted, target: Target, world: World) -> tuple[Marks | None, str]:
    """Return the marks that a policy or a scheduled action has by its target, and the other tool that manages it.

    A child of a target of this installation is its document's (rules 7 and 8), and so is one whose target no document
    speaks of, or one that is only looked up: there is no mark to ask, and the document names the child exactly. A
    child of somebody else's target is not. One of a target that was adopted was so with it: what its document does not
    speak of stays.
    """
    parent = _parent(target, world)
    if parent is None or not parent.facts.get("managed", True):
        return Marks(owner=want.owner, id=""), ""
    if parent.marks is None or _installation(parent.marks.owner) != _installation(want.owner):
        return None, parent.foreign
    adopted = parent.marks.applied is not None and parent.marks.applied.adopted
    return Marks(
        owner=want.owner, id="", applied=Applied(members={}, adopted=True) if adopted else None
    ), parent.foreign


def _parent(target: Target, world: World) -> Present | None:
    """Return the target itself, where a document speaks of it and it is there."""
    targets = (one for key, one in world.items() if key.kind == "ScalableTarget" and isinstance(one, Present))
    return next((one for one in targets if target_of(one.body) == target), None)


def _not_ours(want: Wanted, target: Target, world: World) -> str:
    """Say who has the target, where somebody else does: nothing is put on it that is not there."""
    marks_on_it, tool = child_marks(want, target, world)
    parent = _parent(target, world)
    if marks_on_it is not None or parent is None:
        return ""
    if parent.marks is not None:
        return f"its scalable target is owned by installation {_installation(parent.marks.owner)}; nothing is put on it"
    return f"{tool} manages its scalable target; take that out of there first" if tool else ""


def _doubt(target: Target, world: World) -> str:
    """Say why nobody knows whose a target is: it may be the one that could not be read; empty where that is known."""
    if _parent(target, world) is not None:
        return ""
    targets = (one for key, one in world.items() if key.kind == "ScalableTarget" and isinstance(one, Unreadable))
    return next((f"its scalable target is not known: {one.error}" for one in targets), "")


def _installation(owner: str) -> str:
    parsed = marks.key_of(owner)
    return parsed[0] if parsed else owner


def put(change: Update, rules: Rules) -> dict[str, Json]:
    """Return a whole body for a Put, which drops some of what it is not told and keeps the rest."""
    declared = spelled_out(change.desired.body)
    told = replace(change, desired=replace(change.desired, body=declared))
    members = dict.fromkeys([*change.observed.body, *declared, *(str(one.path[0]) for one in change.fields)])
    return without_nones({member: member_to_send(told, member, rules) for member in members})
