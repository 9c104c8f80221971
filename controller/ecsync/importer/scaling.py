"""Read the scalable targets of services, with their scaling policies and scheduled actions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ecsync.core.trees import Body
from ecsync.importer import display_names
from ecsync.importer.model import LiveResource
from ecsync.importer.reads import Collector

_DIMENSION = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}


@dataclass(frozen=True, slots=True)
class _ChildKind:
    """A kind that belongs to a scalable target, and the operation that lists it."""

    kind: str
    operation: str
    result: str
    name_member: str
    plural: str


_CHILD_KINDS = (
    _ChildKind("ScalingPolicy", "DescribeScalingPolicies", "ScalingPolicies", "PolicyName", "scaling policies"),
    _ChildKind(
        "ScheduledAction", "DescribeScheduledActions", "ScheduledActions", "ScheduledActionName", "scheduled actions"
    ),
)


def read_scaling(collector: Collector) -> None:
    """Read the scaling of the services that the survey holds."""
    services = collector.survey.of_kind("Service")
    ids = [f"service/{service.key.name}" for service in services if service.present.facts.get("scalableTarget")]
    if not ids or "ScalableTarget" not in collector.kinds:
        return
    collector.reader.all_scalable_targets = len(ids) > 1
    read = collector.read("ScalableTarget", [{**_DIMENSION, "ResourceId": resource_id} for resource_id in ids])
    targets = {str(target.present.outputs["resourceId"]): target for target in read}
    for target in read:
        if target.present.facts.get("scheduledActions"):
            text = "has scheduled actions: check MinCapacity and MaxCapacity, a scheduled action may have set them"
            collector.add_note(target.key, text)
    for child_kind in _CHILD_KINDS:
        _read_children(collector, child_kind, targets)


def _read_children(collector: Collector, child_kind: _ChildKind, targets: dict[str, LiveResource]) -> None:
    bodies = [body for resource_id in targets for body in _list_children(collector, child_kind, resource_id)]
    collector.read(child_kind.kind, bodies)
    for child in collector.survey.of_kind(child_kind.kind):
        parent = targets[child.present.body["ResourceId"]]
        if not parent.managed:  # a child carries no mark of its own
            collector.survey.resources[child.key] = replace(child, managed=False, reason=parent.reason)


def _list_children(collector: Collector, child_kind: _ChildKind, resource_id: str) -> list[Body]:
    scope = {**_DIMENSION, "ResourceId": resource_id}
    what = f"the {child_kind.plural} of {display_names.scaled_service(resource_id)}"
    service = "application-autoscaling"
    listed = collector.list_all(what, service, child_kind.operation, child_kind.result, **scope)
    mine = (child for child in listed if all(child[name] == scope[name] for name in scope))
    return [{**scope, child_kind.name_member: child[child_kind.name_member]} for child in mine]
