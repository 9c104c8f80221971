"""What ECS accepts of a service together with its task definition, target groups, cluster and scalable target."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping

from ecsync.core.constraints.rows import Across, Constraints
from ecsync.core.model import Desired, Documents, Key, Text
from ecsync.core.trees import Body, Json, Path
from ecsync.core.wording import listed, quoted
from ecsync.kinds._constraint_parts import blocks, choose, is_whole, member, number, referred, text
from ecsync.kinds.ecs.constraints import task
from ecsync.kinds.ecs.constraints.service import controller, is_daemon, on_fargate

_NETWORK: Path = ("networkConfiguration",)
_FARGATE = ("FARGATE", "FARGATE_SPOT")

Found = Iterator[tuple[Path, str]]


def _family(definition: Desired, _: Documents) -> Iterator[Hashable]:
    yield text(definition.body.get("family"))


def definition_of(service: Desired, documents: Documents) -> Body | None:
    """Return the task definition of a service; None if it is not in the application."""
    declared = service.body.get("taskDefinition")
    found = referred(declared, "TaskDefinition", documents)
    if found is None and ":" not in text(declared) and text(declared):
        found = next(iter(documents.find("TaskDefinition", _family, declared)), None)
    return found.body if found is not None and found.options.manage else None


def _balancers(service: Desired) -> Iterator[tuple[int, Body]]:
    declared = service.body.get("loadBalancers")
    for index, balancer in enumerate(declared if isinstance(declared, (list, tuple)) else ()):
        if isinstance(balancer, Mapping):
            yield index, balancer


def _container(definition: Body, name: Json) -> Body | None:
    found = (one for one in blocks(definition.get("containerDefinitions")) if one.get("name") == name)
    return next(found, None)


def _names(definition: Body) -> list[str] | None:
    """Return the names of the containers; None if not all of them are known."""
    declared = definition.get("containerDefinitions")
    names = [text(one.get("name")) for one in blocks(declared)]
    return names if is_whole(declared) and all(names) else None


# ---------------------------------------------------------------- containers and ports


def _containers_exist(service: Desired, documents: Documents) -> Found:
    definition = definition_of(service, documents)
    names = _names(definition) if definition is not None else None
    if names is None:
        return
    for member_name, blocks_of in (("loadBalancers", _balancers(service)), ("serviceRegistries", _registries(service))):
        for index, one in blocks_of:
            name = text(one.get("containerName"))
            if name and name not in names:
                fix = choose(name, names, "that container")
                problem = f"the task definition has no container {quoted(name)}; {fix}"
                yield (member_name, index, "containerName"), problem


def _registries(service: Desired) -> Iterator[tuple[int, Body]]:
    yield from enumerate(blocks(service.body.get("serviceRegistries")))


def _ports_exist(service: Desired, documents: Documents) -> Found:
    definition = definition_of(service, documents)
    if definition is None:
        return
    for index, balancer in _balancers(service):
        name, port = text(balancer.get("containerName")), number(balancer.get("containerPort"))
        container = _container(definition, name)
        mappings = container.get("portMappings") if container is not None else None
        if not port or container is None or not is_whole(mappings):
            continue
        ports = [number(one.get("containerPort")) for one in blocks(mappings)]
        if port in ports or None in ports or any(one.get("containerPortRange") for one in blocks(mappings)):
            continue
        known = listed([str(one) for one in ports])
        fix = f"add portMappings: [{{containerPort: {port}}}]"
        fix = f"use {known}, or add {port} to its portMappings" if ports else fix
        yield ("loadBalancers", index, "containerPort"), f"container {quoted(name)} has no port {port}; {fix}"


def _port_names_exist(service: Desired, documents: Documents) -> Found:
    definition = definition_of(service, documents)
    declared = definition.get("containerDefinitions") if definition is not None else None
    if definition is None or not is_whole(declared):
        return
    mappings = [one.get("portMappings") for one in blocks(declared)]
    names = {text(port.get("name")) for one in mappings for port in blocks(one)} - {""}
    if not all(is_whole(one) for one in mappings):
        return
    connect = service.body.get("serviceConnectConfiguration")
    for path, items in (
        (("serviceConnectConfiguration", "services"), member(connect, "services")),
        (("vpcLatticeConfigurations",), service.body.get("vpcLatticeConfigurations")),
    ):
        for index, one in enumerate(blocks(items)):
            name = text(one.get("portName"))
            if name and name not in names:
                fix = choose(name, names, f"a port mapping with name: {name}")
                yield (*path, index, "portName"), f"no port of the task definition has the name {quoted(name)}; {fix}"


# ---------------------------------------------------------------- networking


def _network_fits(service: Desired, documents: Documents) -> Found:
    definition = definition_of(service, documents)
    network = service.body.get("networkConfiguration")
    if definition is None or on_fargate(service.body) or controller(service.body) == "EXTERNAL":
        return
    mode = task.mode(definition)
    if mode == "awsvpc" and not network:
        fix = "declare networkConfiguration.awsvpcConfiguration.subnets"
        yield _NETWORK, f"it is missing, and the task definition has network mode awsvpc; {fix}"


def _network_not_needed(service: Desired, documents: Documents) -> Found:
    definition = definition_of(service, documents)
    mode = task.mode(definition) if definition is not None else ""
    if mode in ("bridge", "host", "none") and member(service.body.get("networkConfiguration"), "awsvpcConfiguration"):
        fix = "leave networkConfiguration out, or set networkMode: awsvpc there"
        yield _NETWORK, f"the task definition has network mode {mode}; {fix}"


def _launch_type_fits(service: Desired, documents: Documents) -> Found:
    definition = definition_of(service, documents)
    if definition is None or not on_fargate(service.body):
        return
    path: Path = ("launchType",) if service.body.get("launchType") else ("capacityProviderStrategy",)
    compatible = definition.get("requiresCompatibilities")
    mode, cpu, memory = task.mode(definition), definition.get("cpu"), definition.get("memory")
    if compatible and is_whole(compatible) and "FARGATE" not in compatible:
        fix = "add FARGATE there, or use another launch type"
        yield path, f"the task definition has requiresCompatibilities {listed(list(compatible))}; {fix}"
    elif mode not in ("", "awsvpc"):
        yield path, f"the task definition has network mode {mode}; set networkMode: awsvpc there"
    elif not cpu or not memory:
        yield path, "the task definition has no cpu or no memory for the task; declare both there"


def _group_of(value: Json, documents: Documents) -> Body | None:
    found = referred(value, "TargetGroup", documents)
    return found.body if found is not None else None


def _target_types_fit(service: Desired, documents: Documents) -> Found:
    definition = definition_of(service, documents)
    mode = task.mode(definition) if definition is not None else "awsvpc" if on_fargate(service.body) else ""
    for index, balancer in _balancers(service):
        group = _group_of(balancer.get("targetGroupArn"), documents)
        if group is None or not mode:
            continue
        kind = "instance" if group.get("TargetType") is None else text(group["TargetType"])
        wanted = "ip" if mode == "awsvpc" else "instance"
        if kind and kind != wanted:
            fix = f"set TargetType: {wanted} on the target group"
            problem = f"its target group has target type {kind}, and the tasks have network mode {mode}"
            yield ("loadBalancers", index, "targetGroupArn"), f"{problem}; {fix}"


def _forwards(router: Desired, _: Documents) -> Iterator[Hashable]:
    """Yield the target groups that the actions of a listener or rule forward to."""
    for action in blocks(router.body.get("DefaultActions") or router.body.get("Actions")):
        for one in (action, *blocks(member(action.get("ForwardConfig"), "TargetGroups"))):
            if isinstance(one.get("TargetGroupArn"), Text) or one.get("TargetGroupArn"):
                yield one["TargetGroupArn"]


def _groups_are_joined(service: Desired, documents: Documents) -> Found:
    """Yield the target groups of the application that no listener of it forwards to.

    A listener of another application, or one that people made, may forward to it: then nothing is known.
    """
    for index, balancer in _balancers(service):
        group = balancer.get("targetGroupArn")
        if _group_of(group, documents) is None or controller(service.body) in ("EXTERNAL", "CODE_DEPLOY"):
            continue
        if any(documents.find(kind, _forwards, group) for kind in ("Listener", "ListenerRule")):
            continue
        fix = "add a Listener or ListenerRule that forwards to it"
        yield ("loadBalancers", index, "targetGroupArn"), f"no listener forwards to its target group; {fix}"


# ---------------------------------------------------------------- volumes, exec, capacity, scaling


def _volumes_fit(service: Desired, documents: Documents) -> Found:
    definition = definition_of(service, documents)
    declared = definition.get("volumes") if definition is not None else None
    if definition is None or not is_whole(declared):
        return
    at_launch = [text(one.get("name")) for one in blocks(declared) if one.get("configuredAtLaunch") is True]
    for index, one in enumerate(blocks(service.body.get("volumeConfigurations"))):
        name = text(one.get("name"))
        if name and name not in at_launch:
            fix = choose(name, at_launch, f"volumes: [{{name: {name}, configuredAtLaunch: true}}]")
            yield (
                ("volumeConfigurations", index, "name"),
                f"the task definition has no volume {quoted(name)} with configuredAtLaunch; {fix}",
            )


def _volumes_configured(service: Desired, documents: Documents) -> Found:
    definition = definition_of(service, documents)
    for one in blocks(definition.get("volumes") if definition is not None else None):
        name = text(one.get("name"))
        if one.get("configuredAtLaunch") is True and not service.body.get("volumeConfigurations"):
            fix = f"declare volumeConfigurations: [{{name: {name}, managedEBSVolume: ...}}]"
            yield ("volumeConfigurations",), f"the volume {quoted(name)} is configured at launch, and not here; {fix}"


def _exec_needs_role(service: Desired, documents: Documents) -> Found:
    definition = definition_of(service, documents)
    has_role = definition is None or definition.get("taskRoleArn")
    if service.body.get("enableExecuteCommand") is True and not has_role:
        fix = "declare taskRoleArn there, with the ssmmessages actions"
        yield ("enableExecuteCommand",), f"ECS Exec uses the task's role, and the task definition has none; {fix}"


def _cluster_of(service: Desired, documents: Documents) -> Body | None:
    declared = service.body.get("cluster")
    found = referred(declared, "Cluster", documents)
    if found is None and text(declared):
        found = next(iter(documents.find("Cluster", _cluster_name, declared)), None)
    return found.body if found is not None and found.options.manage else None


def _cluster_name(cluster: Desired, _: Documents) -> Iterator[Hashable]:
    yield text(cluster.body.get("clusterName"))


def _providers_fit(service: Desired, documents: Documents) -> Found:
    cluster = _cluster_of(service, documents)
    listed_in = cluster.get("capacityProviders") if cluster is not None else None
    if listed_in is None:
        return
    names = [one.sole.key if isinstance(one, Text) and one.sole else one for one in listed_in]
    for index, one in enumerate(blocks(service.body.get("capacityProviderStrategy"))):
        declared = one.get("capacityProvider")
        name: Json = declared.sole.key if isinstance(declared, Text) and declared.sole else text(declared)
        is_mixed = isinstance(name, str) and name not in _FARGATE and any(isinstance(other, Key) for other in names)
        if not name or name in names or is_mixed:
            continue
        fix = "add it to capacityProviders of the cluster"
        yield (
            ("capacityProviderStrategy", index, "capacityProvider"),
            f"the cluster is not associated with {quoted(name)}; {fix}",
        )


def _scaled(target: Desired, _: Documents) -> Iterator[Hashable]:
    declared = target.body.get("Service")
    if isinstance(declared, Text) and declared.sole is not None:
        yield declared.sole.key


def _daemon_is_not_scaled(service: Desired, documents: Documents) -> Found:
    if is_daemon(service.body) and documents.find("ScalableTarget", _scaled, service.key):
        fix = "remove the ScalableTarget, or use REPLICA"
        yield ("schedulingStrategy",), f"a DAEMON service has one task on each instance, and cannot be scaled; {fix}"


# ---------------------------------------------------------------- security groups


def _open_to(rules: Json, port: int) -> bool:
    """Return whether a rule lets a port in, or may do so: a rule that is not known."""
    for rule in blocks(rules):
        protocol, first, last = rule.get("IpProtocol"), number(rule.get("FromPort")), number(rule.get("ToPort"))
        if protocol in ("-1", "all") or first is None or last is None:
            return True
        if protocol in ("tcp", "udp", "6", "17") and first <= port <= last:
            return True
    return not is_whole(rules)


def _security_groups_let_in(service: Desired, documents: Documents) -> Found:
    network = member(service.body.get("networkConfiguration"), "awsvpcConfiguration")
    declared = member(network, "securityGroups")
    groups = [referred(one, "SecurityGroup", documents) for one in (declared if isinstance(declared, list) else ())]
    if not groups or any(group is None for group in groups):
        return
    for index, balancer in _balancers(service):
        port = number(balancer.get("containerPort"))
        rules = [group.body.get("IpPermissions") for group in groups if group is not None]
        if port and not any(isinstance(one, Text) or _open_to(one, port) for one in rules):
            fix = "add a rule to one of them"
            yield (
                ("loadBalancers", index, "containerPort"),
                f"no security group of the service lets port {port} in, so health checks fail; {fix}",
            )


# ---------------------------------------------------------------- the roles and values of a task definition


def _trusts_tasks(definition: Desired, documents: Documents) -> Found:
    for name in ("executionRoleArn", "taskRoleArn"):
        role = referred(definition.body.get(name), "Role", documents)
        trust = role.body.get("AssumeRolePolicyDocument") if role is not None else None
        if isinstance(trust, Mapping) and not _names_service(trust, "ecs-tasks.amazonaws.com"):
            fix = "name ecs-tasks.amazonaws.com as Principal.Service in its AssumeRolePolicyDocument"
            yield (name,), f"ECS tasks cannot assume the role; {fix}"


def _names_service(trust: Body, service: str) -> bool:
    statements = trust.get("Statement")
    for one in blocks(statements if isinstance(statements, list) else [statements]):
        principal = one.get("Principal")
        named = member(principal, "Service")
        names = named if isinstance(named, list) else [named]
        if principal == "*" or any(isinstance(name, Text) or name == service for name in names):
            return True
    return isinstance(statements, Text) or not is_whole(statements if isinstance(statements, list) else [])


_SECRET = re.compile(r"(pass(word|wd|phrase)|secret|token|api_?key|private_?key|credential)s?$", re.IGNORECASE)
_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_HARMLESS = re.compile(r"(?i)(true|false|none|null|yes|no|\d+|changeme)?|arn:.*|/.*|https?://[^@]*|\$.*")


def _plain_secrets(definition: Desired, _: Documents) -> Found:
    for index, container in enumerate(blocks(definition.body.get("containerDefinitions"))):
        for position, one in enumerate(blocks(container.get("environment"))):
            name, value = text(one.get("name")), text(one.get("value"))
            is_secret = bool(_SECRET.search(name)) and not _HARMLESS.fullmatch(value)
            if value and (is_secret or _URL.search(value)):
                path: Path = ("containerDefinitions", index, "environment", position, "value")
                fix = "move it to a secret or parameter, and name that in `secrets`"
                yield path, f"it looks like a secret, and everyone who can read the task definition sees it; {fix}"


_CREATE = "API Reference ecs.CreateService"

ROWS: Constraints = (
    Across(path="loadBalancers[].containerName", rule="a container of the task definition", test=_containers_exist,
           source="API Reference ecs.LoadBalancer", answer="The container does not exist in the task definition"),
    Across(path="loadBalancers[].containerPort", rule="a port of that container", test=_ports_exist,
           source="API Reference ecs.LoadBalancer", answer="The container did not have a container port defined"),
    Across(path="serviceConnectConfiguration.services[].portName", rule="a named port of the task definition",
           test=_port_names_exist, source="API Reference ecs.ServiceConnectService"),
    Across(path="networkConfiguration", rule="required with network mode awsvpc", test=_network_fits, source=_CREATE,
           answer="Network Configuration must be provided when networkMode 'awsvpc' is specified"),
    Across(path="networkConfiguration", rule="with network mode awsvpc alone", test=_network_not_needed, source=_CREATE,
           answer="Network Configuration is not valid for the given networkMode of this task definition"),
    Across(path="launchType", rule="one that the task definition supports", test=_launch_type_fits, source=_CREATE,
           answer="Task definition does not support launch_type FARGATE"),
    Across(path="loadBalancers[].targetGroupArn", rule="target type ip with awsvpc, else instance",
           test=_target_types_fit, source="botocore ecs-2014-11-13 CreateService.loadBalancers",
           answer="The provided target group has a target type that is incompatible with the network mode"),
    Across(path="loadBalancers[].targetGroupArn", rule="a target group that a listener forwards to",
           test=_groups_are_joined, source=_CREATE, level="note",
           answer="The target group does not have an associated load balancer"),
    Across(path="volumeConfigurations[].name", rule="a volume with configuredAtLaunch", test=_volumes_fit,
           source="API Reference ecs.ServiceVolumeConfiguration"),
    Across(path="volumeConfigurations", rule="required with a volume that has configuredAtLaunch", level="note",
           test=_volumes_configured, source="API Reference ecs.Volume: specify volumeConfigurations"),
    Across(path="enableExecuteCommand", rule="with taskRoleArn in the task definition", test=_exec_needs_role,
           source="developer guide, ECS Exec: the task role needs ssmmessages", level="note"),
    Across(path="capacityProviderStrategy[].capacityProvider", rule="a provider of the cluster", test=_providers_fit,
           source="API Reference ecs.CapacityProviderStrategyItem: it must be associated with the cluster",
           answer="The specified capacity provider was not found"),
    Across(path="schedulingStrategy", rule="REPLICA with a ScalableTarget", test=_daemon_is_not_scaled, level="note",
           source="developer guide, service auto scaling"),
    Across(path="loadBalancers[].containerPort", rule="open in a security group of the service",
           test=_security_groups_let_in, level="note", source="developer guide, service load balancing"),
)  # fmt: skip

OF_TASK_DEFINITION: Constraints = (
    Across(path="executionRoleArn", rule="a role that ECS tasks can assume", test=_trusts_tasks, level="note",
           source="developer guide, task IAM role: the trust policy names ecs-tasks.amazonaws.com"),
    Across(path="containerDefinitions[].environment[].value", rule="no secret", test=_plain_secrets, level="note",
           source="developer guide, sensitive data: use secrets"),
)  # fmt: skip
