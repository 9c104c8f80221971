"""The choice of a container instance for a task: constraints, free resources, then strategies in their order."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from ecsim.account.world import Body
from ecsim.ecs.capacity.instance_types import RESERVED_PORTS
from ecsim.ecs.store import FIRST_DYNAMIC_PORT, ContainerInstance, EcsRegion, Task

LAST_DYNAMIC_PORT = 60999
DEFAULT_STRATEGY = ({"type": "spread", "field": "attribute:ecs.availability-zone"},)
NO_INSTANCE = "no container instance met all of its requirements."
EXPRESSION = re.compile(
    r"^\s*(!)?\s*\(?\s*(attribute:[\w.\-]+|ec2InstanceId|agentConnected|task:group)\s*"
    r"(==|!=|=~|!~|=|equals|not_equals|matches|not_matches|in|not_in|exists|not_exists|!exists)\s*(.*?)\s*\)?\s*$"
)
INSUFFICIENT = {
    "CPU": "has insufficient CPU units available.",
    "MEMORY": "has insufficient memory available.",
    "PORTS": "is already using a port required by your task.",
}


@dataclass(frozen=True)
class Needs:
    """The resources that one task takes from its instance."""

    cpu: int
    memory: int
    ports: frozenset[str]


@dataclass(frozen=True)
class Refused:
    """The reason why no instance fits: `code` for RunTask, `text` for the event of a service."""

    code: str
    text: str
    arn: str | None = None


def needs(definition: Body) -> Needs:
    """Return CPU, memory and fixed host ports of a task definition."""
    containers = definition["containerDefinitions"]
    cpu = definition.get("cpu") or sum(container["cpu"] for container in containers)
    memory = definition.get("memory") or sum(c.get("memoryReservation") or c.get("memory", 0) for c in containers)
    ports: set[str] = set()
    if definition["networkMode"] != "awsvpc":
        ports = {str(p["hostPort"]) for c in containers for p in c["portMappings"] if p.get("hostPort")}
    return Needs(int(cpu), int(memory), frozenset(ports))


def bindings(definition: Body, instance: ContainerInstance, taken: set[str]) -> list[list[Body]]:
    """Return the network bindings of each container. Host port 0 gets the next dynamic port of the instance."""
    found: list[list[Body]] = []
    for container in definition["containerDefinitions"]:
        row: list[Body] = []
        for mapping in container["portMappings"] if definition["networkMode"] != "awsvpc" else []:
            port = mapping.get("hostPort")
            if not port:
                port = _dynamic_port(instance, taken)
            taken.add(str(port))
            row.append(
                {
                    "bindIP": "0.0.0.0",  # noqa: S104  # the value of Docker
                    "containerPort": mapping.get("containerPort"),
                    "hostPort": port,
                    "protocol": mapping["protocol"],
                }
            )
        found.append(row)
    return found


def _dynamic_port(instance: ContainerInstance, taken: set[str]) -> int:
    while True:
        port = instance.next_port
        instance.next_port = FIRST_DYNAMIC_PORT if port >= LAST_DYNAMIC_PORT else port + 1
        if str(port) not in taken:
            return port


def taken_ports(ecs: EcsRegion, instance: ContainerInstance) -> set[str]:
    """Return the host ports that are in use or reserved."""
    bound = (b for task in ecs.tasks_on(instance) for c in task.containers for b in c.get("networkBindings", []))
    return {*RESERVED_PORTS, *(str(binding["hostPort"]) for binding in bound)}


def remaining(ecs: EcsRegion, instance: ContainerInstance) -> tuple[int, int]:
    """Return the free CPU units and MiB of an instance."""
    taken = [needs(task.definition) for task in ecs.tasks_on(instance)]
    return instance.cpu - sum(n.cpu for n in taken), instance.memory - sum(n.memory for n in taken)


def lacking(ecs: EcsRegion, instance: ContainerInstance, wanted: Needs) -> str | None:
    """Return the resource that an instance lacks for a task: CPU, MEMORY or PORTS; None if it has enough."""
    cpu, memory = remaining(ecs, instance)
    if wanted.memory > memory:
        return "MEMORY"
    if wanted.cpu > cpu:
        return "CPU"
    return "PORTS" if wanted.ports & taken_ports(ecs, instance) else None


def unmet_constraint(instance: ContainerInstance, constraints: Sequence[Body], mates: Sequence[Task]) -> str | None:
    """Return the type of the first constraint that an instance does not satisfy, or None."""
    for constraint in constraints:
        if constraint["type"] == "distinctInstance" and any(task.instance is instance for task in mates):
            return "DistinctInstance"
        if constraint["type"] == "memberOf" and not satisfies(instance, constraint["expression"]):
            return "MemberOf"
    return None


def satisfies(instance: ContainerInstance, expression: str) -> bool:
    """Return whether an instance matches an expression of the cluster query language."""
    return any(
        all(_term(instance, term) for term in re.split(r"\s+(?:and|&&)\s+", part))
        for part in re.split(r"\s+(?:or|\|\|)\s+", expression)
    )


def _term(instance: ContainerInstance, term: str) -> bool:
    match = EXPRESSION.match(term)
    if match is None:
        return False
    negated, subject, operator, argument = match.groups()
    if subject == "ec2InstanceId":
        value: str | None = instance.host.id
    elif subject == "agentConnected":
        value = "true"
    else:
        value = instance.attributes.get(subject.removeprefix("attribute:"))
    listed = [item.strip() for item in argument.strip("[]").split(",")]
    known = value is not None or subject.removeprefix("attribute:") in instance.attributes
    outcome = {
        "==": value == argument, "=": value == argument, "equals": value == argument,
        "!=": value != argument, "not_equals": value != argument,
        "=~": bool(value and _like(value, argument)), "matches": bool(value and _like(value, argument)),
        "!~": not (value and _like(value, argument)), "not_matches": not (value and _like(value, argument)),
        "in": value in listed, "not_in": value not in listed,
        "exists": known, "not_exists": not known, "!exists": not known,
    }[operator]  # fmt: skip
    return outcome != bool(negated)


def _like(value: str, pattern: str) -> bool:
    return re.match(pattern.replace(".*", "*").replace("*", ".*") + "$", value) is not None


def choose(
    ecs: EcsRegion,
    cluster: str,
    definition: Body,
    spec: Body,
    provider: str | None,
    mates: Sequence[Task],
) -> ContainerInstance | Refused:
    """Return the best instance for one more task beside its `mates`, or the reason why none fits."""
    known = [i for i in ecs.instances_of(cluster) if i.status == "ACTIVE" and provider in (None, i.provider)]
    if not known:
        where = "cluster" if provider is None else "capacity provider"
        return Refused("RESOURCE", f"{NO_INSTANCE} Reason: No Container Instances were found in your {where}.")
    constraints = [*definition.get("placementConstraints", []), *spec.get("placementConstraints", [])]
    wanted = needs(definition)
    fitting: list[ContainerInstance] = []
    refusal = None
    for instance in known:
        unmet = unmet_constraint(instance, constraints, mates)
        short = None if unmet else lacking(ecs, instance, wanted)
        if unmet:
            text = f'encountered error "{unmet} placement constraint unsatisfied.".'
            refusal = refusal or Refused(
                f"{unmet} placement constraint unsatisfied.", _closest(instance, text), instance.arn
            )
        elif short:
            refusal = Refused(f"RESOURCE:{short}", _closest(instance, INSUFFICIENT[short]), instance.arn)
        else:
            fitting.append(instance)
    if not fitting:
        return refusal or Refused("RESOURCE", NO_INSTANCE)
    return min(fitting, key=lambda instance: _rank(ecs, instance, spec, mates))


def _closest(instance: ContainerInstance, text: str) -> str:
    return f"{NO_INSTANCE} The closest matching (container-instance {instance.id}) {text}"


def _rank(ecs: EcsRegion, instance: ContainerInstance, spec: Body, mates: Sequence[Task]) -> tuple[float | str, ...]:
    rank: list[float | str] = []
    for item in spec.get("placementStrategy") or DEFAULT_STRATEGY:
        if item["type"] == "spread":
            value = _field(instance, item["field"])
            others = [_field(task.instance, item["field"]) for task in mates if task.instance]
            rank.append(others.count(value))
        elif item["type"] == "binpack":
            rank.append(remaining(ecs, instance)[0 if item["field"].upper() == "CPU" else 1])
        else:
            rank.append(zlib.crc32(f"{instance.arn}{len(mates)}".encode()))
    return (*rank, instance.registered_at, instance.arn)


def _field(instance: ContainerInstance, field: str) -> str | None:
    if field in ("instanceId", "host"):
        return instance.arn
    return instance.attributes.get(field.removeprefix("attribute:"))
