"""Helpers that the kinds of Application Auto Scaling share: the identity of a scaled resource.

A manifest may declare `Service: ${Service/api.arn}` (or `cluster/name`) for ServiceNamespace, ResourceId and
ScalableDimension of an ECS service.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from typing import TypeAlias

from ecsync.core.model import (
    Desired,
    Documents,
    Key,
    Present,
    Text,
    Update,
)
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
            for member in (*IDENTITY, "Service")
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
    if service is not None:
        for member, value in _ECS.items():
            if body.get(member) not in (None, value):
                yield (member,), f"{member} of a Service is {value}: leave it out, or declare ResourceId"
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


def without_target(desired: Desired, documents: Documents) -> Iterator[tuple[Path, str]]:
    """Yield that no document registers the scalable target of a policy or a scheduled action."""
    if desired.options.manage and not documents.find(
        "ScalableTarget", _targets, _target_in_documents(desired.body, documents)
    ):
        yield (), "no ScalableTarget is declared for its service; declare one, if no other application has it"


def _targets(target: Desired, documents: Documents) -> Iterator[Hashable]:
    yield _target_in_documents(target.body, documents)


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


def put_body(change: Update, rules: Rules) -> dict[str, Json]:
    """Return the complete body for a Put: the call resets some of the members that it leaves out and keeps others."""
    declared = with_identity(change.desired.body)
    complete = replace(change, desired=replace(change.desired, body=declared))
    members = dict.fromkeys([*change.observed.body, *declared, *(str(one.path[0]) for one in change.fields)])
    return without_nones({member: member_to_send(complete, member, rules) for member in members})
