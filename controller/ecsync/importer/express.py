"""Services of ECS Express Mode, and what ECS keeps for them: they are only looked up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ecsync.core.trees import Json
from ecsync.importer import routing
from ecsync.importer.model import LiveResource
from ecsync.importer.reads import Collector

_NOTE = (
    "is a service of ECS Express Mode: ECS keeps it, its task definition, its load balancer and its scaling; "
    "change it with UpdateExpressGatewayService"
)


def leave_to_express_mode(collector: Collector) -> None:
    """Make read-only what only services of Express Mode use, and note each of these services."""
    survey = collector.survey
    services = survey.of_kind("Service")
    express = [one for one in services if one.present.facts.get("express")]
    if not express:
        return
    for service in express:
        collector.add_note(service.key, _NOTE)
    others = _used(one for one in services if one not in express)
    kept = _used(express) - others
    groups = [one for one in survey.of_kind("TargetGroup") if one.present.outputs["arn"] in kept]
    kept |= {arn for one in groups for arn in one.present.facts.get("loadBalancers") or ()}
    kept -= {
        arn
        for one in survey.of_kind("TargetGroup")
        if one.present.outputs["arn"] in others
        for arn in one.present.facts.get("loadBalancers") or ()
    }
    for resource in [one for one in survey.resources.values() if one.key.kind != "Service"]:
        outputs = resource.present.outputs
        uses = _forwarded(collector, resource) | {outputs.get("arn"), resource.present.body.get("ResourceId")}
        if resource.managed and not uses.isdisjoint(kept) and uses.isdisjoint(others):
            survey.resources[resource.key] = replace(
                resource, managed=False, reason="ECS Express Mode keeps it for its service"
            )


def _used(services: Iterable[LiveResource]) -> set[Json]:
    """Return the ARNs of the task definitions and target groups of services, and their ids as scalable targets."""
    used: set[Json] = set()
    for service in services:
        body = service.present.body
        used |= {body.get("taskDefinition"), f"service/{service.key.name}"}
        used |= {one.get("targetGroupArn") for one in body.get("loadBalancers") or ()}
    return used - {None}


def _forwarded(collector: Collector, resource: LiveResource) -> set[Json]:
    """Return the target groups that a listener or rule forwards to."""
    if resource.key.kind not in ("Listener", "ListenerRule"):
        return set()
    return set(routing.target_groups(collector.kinds[resource.key.kind], resource.present.body))
