"""The names of places and values in messages. A value that may be secret is never repeated."""

from __future__ import annotations

from collections.abc import Container

from ecsync.core.model import Text
from ecsync.core.rules import Rules, Sensitive
from ecsync.core.schema import Shape
from ecsync.core.trees import Path
from ecsync.core.wording import printable, quoted
from ecsync.language.nodes import Node, WrittenFloat

_TYPE_NAMES = {
    "string": "text", "integer": "an integer", "long": "an integer", "float": "a number", "double": "a number",
    "boolean": "true or false", "timestamp": "a time", "blob": "text", "structure": "a block of fields",
    "list": "a list", "map": "a map",
}  # fmt: skip
_SENSITIVE_MEMBERS = frozenset(("environment", "secrets", "secretoptions", "tags", "options"))


def type_name(shape: Shape) -> str:
    """Return the name of the shape's type for people: `an integer`."""
    return _TYPE_NAMES.get(shape.type, shape.type)


def shown(node: Node, hidden: bool) -> str:
    """Return the value in short form; of a hidden one, only its type."""
    value = node.value
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if hidden:
        return "text" if isinstance(value, (str, Text)) else "a number"
    if isinstance(value, (str, Text)):
        return quoted(printable(str(value), 40))
    return value.text if isinstance(value, WrittenFloat) else str(value)


def is_hidden(path: Path, rules: Rules) -> bool:
    """Return whether the value at the path may be secret, by the name of a member or by a `Sensitive` row."""
    return any(isinstance(part, str) and part.lower() in _SENSITIVE_MEMBERS for part in path) or any(
        row.covers(path) for row in rules if isinstance(row, Sensitive)
    )


def numbered(name: str, path: Path) -> str:
    """Return the path in the form of AWS's own messages: `TaskDefinition.containerDefinitions[0].memory`."""
    return name + "".join(f"[{part}]" if isinstance(part, int) else f".{printable(part)}" for part in path)


def named(name: str, root: Node, path: Path) -> str:
    """Return the path with the names of list elements, where they have one: `Service.tags[team].value`."""
    label = name
    node: Node | None = root
    for part in path:
        node, element = _step(node, part)
        label += f"[{printable(element)}]" if isinstance(part, int) else f".{printable(part)}"
    return label


def _step(node: Node | None, part: str | int) -> tuple[Node | None, str]:
    """Return the node below and its name. A list of AWS may be a map in the manifest."""
    value = node.value if node is not None else None
    if isinstance(part, str):
        return (value.get(part) if isinstance(value, dict) else None), part
    if isinstance(value, dict):
        return None, list(value)[part]
    below: Node | None = value[part] if isinstance(value, list) and part < len(value) else None
    names = (below.get(member) for member in ("name", "Name", "key", "Key")) if below is not None else ()
    name = next((one.value for one in names if one is not None and isinstance(one.value, str)), str(part))
    return below, name


# Words of a service in Docker Compose, and what a container of ECS has in their place.
_COMPOSE = {
    "build": "image, and the image is built and pushed before",
    "cap_add": "linuxParameters.capabilities.add",
    "cap_drop": "linuxParameters.capabilities.drop",
    "container_name": "name",
    "cpus": "cpu, in units: 1024 are one CPU",
    "depends_on": "dependsOn: [{containerName: db, condition: START}]",
    "deploy": "desiredCount and deploymentConfiguration of the Service",
    "devices": "linuxParameters.devices",
    "dns": "dnsServers",
    "entrypoint": "entryPoint",
    "env_file": "environmentFiles, in S3",
    "expose": "portMappings: [{containerPort: 80}]",
    "extra_hosts": "extraHosts: [{hostname: db, ipAddress: 10.0.0.1}]",
    "healthcheck": "healthCheck, with command in place of test",
    "init": "linuxParameters.initProcessEnabled",
    "labels": "dockerLabels",
    "logging": "logConfiguration: {logDriver: awslogs, options: {…}}",
    "mem_limit": "memory, in MiB",
    "mem_reservation": "memoryReservation, in MiB",
    "networks": "networkMode of the TaskDefinition, and securityGroups of the Service",
    "ports": "portMappings: [{containerPort: 80, hostPort: 0}]",
    "read_only": "readonlyRootFilesystem",
    "restart": "nothing: the Service starts a task again; restartPolicy restarts a container",
    "shm_size": "linuxParameters.sharedMemorySize, in MiB",
    "stdin_open": "interactive",
    "stop_grace_period": "stopTimeout, in seconds",
    "sysctls": 'systemControls: [{namespace: net.core.somaxconn, value: "1024"}]',
    "test": 'command: [CMD-SHELL, "curl -f http://localhost/"]',
    "tmpfs": "linuxParameters.tmpfs",
    "tty": "pseudoTerminal",
    "volumes": "mountPoints here, and volumes of the TaskDefinition",
    "working_dir": "workingDirectory",
}


def of_compose(key: str, members: Container[str]) -> str:
    """Return the end of a message about a word of Docker Compose in a container; empty for another field."""
    in_check = key == "test" and "startPeriod" in members
    in_container = "containerDefinitions" not in members and "essential" in members and key != "test"
    there = _COMPOSE.get(key) if in_check or in_container else None
    return f"; in place of this word of Docker Compose, ECS has {there}" if there else ""
