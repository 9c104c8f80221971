"""Read the services of a cluster and the task definitions that they run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ecsync.core.model import Key
from ecsync.core.ports import AwsError
from ecsync.core.trees import Body
from ecsync.importer import gaps
from ecsync.importer.reads import Collector

# Operations without which a service is still written, and what is then missing.
_OPTIONAL_OPERATIONS = {
    "DescribeScalableTargets": "the scaling of services",
    "DescribeServiceRevisions": "the monitoring and gateway connectors of services",
}
# Only service revisions hold these members: a service is read with its revision where its body has them.
_FROM_REVISION: Body = {"monitoring": None, "gatewayConnectors": None}


def read_services(collector: Collector, cluster: str) -> None:
    """Read the services of a cluster. One that ECS is deleting is left out."""
    arns = collector.list_all("the list of services", "ecs", "ListServices", "serviceArns", cluster=cluster)
    service_names = sorted(str(arn).rsplit("/", 1)[-1] for arn in arns)
    bodies = [{"cluster": cluster, "serviceName": name, **_FROM_REVISION} for name in service_names]
    collector.reader.optional_operations = frozenset(_OPTIONAL_OPERATIONS)
    services = collector.read("Service", bodies)
    collector.reader.optional_operations = frozenset()
    for operation, failure in collector.reader.failures.items():
        collector.survey.gaps.append(gaps.unread(_OPTIONAL_OPERATIONS[operation], failure))
    for service in services:
        facts = service.present.facts
        if facts.get("status") != "ACTIVE":
            collector.add_note(service.key, "is left out: ECS is deleting it")
            del collector.survey.resources[service.key]
        elif facts.get("deployments") and not facts.get("steady"):
            collector.add_note(service.key, "is not steady: the manifest declares the target of its newest deployment")


def read_task_definitions(collector: Collector) -> None:
    """Read the task definitions that services run: of each family, the newest revision that is still registered."""
    families: dict[str, set[str]] = defaultdict(set)
    for service in collector.survey.of_kind("Service"):
        arn = str(service.present.body.get("taskDefinition") or "")
        if arn:
            families[_revision(arn).rsplit(":", 1)[0]].add(arn)
    newest = (
        _newest_registered(collector, collector.key("TaskDefinition", family), arns)
        for family, arns in sorted(families.items())
    )
    collector.read("TaskDefinition", [body for body in newest if body])


def _newest_registered(collector: Collector, key: Key, arns: Iterable[str]) -> Body | None:
    """Return the newest registered revision among these of one family; None if there is none, or a read fails."""
    newest_first = sorted(arns, key=lambda arn: int(arn.rsplit(":", 1)[-1]), reverse=True)
    newest, deregistered = None, []
    for arn in newest_first:
        body = _registered_body(collector, arn)
        if body is None:
            return None
        if body:
            newest = body
            break
        deregistered.append(_revision(arn))
    if deregistered:
        text = f"runs in deregistered revisions ({', '.join(deregistered)}): services refer to them by ARN"
        collector.add_note(key, text)
    if newest and len(newest_first) > 1 + len(deregistered):
        text = f"runs in {len(newest_first)} revisions: one is written; services refer to the others by ARN"
        collector.add_note(key, text)
    return newest


def _registered_body(collector: Collector, arn: str) -> Body | None:
    """Return the body of a revision; empty if it is deregistered or deleted, None if it cannot be read."""
    try:
        described = collector.reader.cached("ecs", "DescribeTaskDefinition", taskDefinition=arn, include=["TAGS"])
    except AwsError as failure:
        if failure.kind == "missing":
            return {}
        collector.add_gap(f"TaskDefinition {_revision(arn)}", failure)
        return None
    revision = described["taskDefinition"]
    return collector.shaped("TaskDefinition", revision) if revision.get("status", "ACTIVE") == "ACTIVE" else {}


def _revision(arn: str) -> str:
    """Return `family:revision` of an ARN."""
    return arn.rsplit("/", 1)[-1]
