"""What ECS accepts of a task definition as a whole: its size, its networking, its roles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from ecsync.core.constraints.rows import Constraint, Constraints, Length, Range, Spot
from ecsync.core.model import Text
from ecsync.core.trees import Body, Json, leaves
from ecsync.core.wording import listed, quoted
from ecsync.kinds._constraint_parts import blocks, choose, is_whole, number, tag_constraints, text
from ecsync.kinds.ecs.constraints.regions import image_region

_REGISTER = "API Reference ecs.RegisterTaskDefinition"
_SIZES = "botocore ecs-2014-11-13 RegisterTaskDefinition: the list of memory values for each cpu value"
_MOST_BYTES = 65536
_AMOUNT = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(vcpu|gb)?\s*", re.IGNORECASE)


def _steps(first: int, last: int, step: int) -> tuple[int, ...]:
    return tuple(range(first * 1024, last * 1024 + 1, step * 1024))


# CPU units -> MiB of memory that Fargate offers with them.
SIZES: dict[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: _steps(1, 4, 1),
    1024: _steps(2, 8, 1),
    2048: _steps(4, 16, 1),
    4096: _steps(8, 30, 1),
    8192: _steps(16, 60, 4),
    16384: _steps(32, 120, 8),
}


def is_fargate(body: Body) -> bool:
    """Return whether ECS validates the task definition for Fargate."""
    return "FARGATE" in (body.get("requiresCompatibilities") or ())


def is_external(body: Body) -> bool:
    """Return whether ECS validates the task definition for external instances."""
    return "EXTERNAL" in (body.get("requiresCompatibilities") or ())


def is_windows(body: Body) -> bool:
    """Return whether the task runs on Windows."""
    platform = body.get("runtimePlatform")
    return isinstance(platform, dict) and str(platform.get("operatingSystemFamily", "")).startswith("WINDOWS")


def mode(body: Body) -> str:
    """Return the network mode; empty if it is not known."""
    declared = body.get("networkMode")
    if declared:
        return text(declared)
    return "awsvpc" if is_fargate(body) else "" if is_windows(body) or is_external(body) else "bridge"


def units(value: Json, unit: str) -> int | None:
    """Return CPU units (`vcpu`) or MiB (`gb`) of a size; None if it is not known, or no size."""
    found = _AMOUNT.fullmatch(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    if found is None or (found.group(2) or unit).lower() != unit:
        return None
    return round(float(found.group(1)) * (1024 if found.group(2) else 1))


def in_modes(*modes: str) -> Callable[[Body], bool]:
    """Return a test: True for a task definition with one of the network modes."""
    return lambda body: mode(body) in modes


# ---------------------------------------------------------------- size


def _is_cpu(spot: Spot) -> str:
    return "" if units(spot.value, "vcpu") else f"{quoted(spot.value)} is no size; write 1024 or 1 vCPU"


def _is_memory(spot: Spot) -> str:
    return "" if units(spot.value, "gb") else f"{quoted(spot.value)} is no size; write 2048 or 2 GB"


def _cpu_of_fargate(spot: Spot) -> str:
    cpu = units(spot.value, "vcpu")
    if cpu is None or cpu in SIZES:
        return ""
    close = min(SIZES, key=lambda one: abs(one - cpu))
    return f"Fargate has no cpu {cpu}; use {close}, of {listed([str(one) for one in SIZES])}"


def _pair(spot: Spot) -> str:
    cpu, memory = units(spot.body.get("cpu"), "vcpu"), units(spot.value, "gb")
    if cpu not in SIZES or memory is None or memory in SIZES[cpu]:
        return ""
    fits = [one for one in SIZES if memory in SIZES[one]]
    close = min(SIZES[cpu], key=lambda one: abs(one - memory))
    other = f", or cpu {fits[0]} with this memory" if fits else ""
    return f"memory {memory} does not fit cpu {cpu} on Fargate; use memory {close}{other}"


def _windows_cpu(spot: Spot) -> str:
    cpu = units(spot.value, "vcpu")
    small = cpu is not None and cpu < 1024
    return f"cpu {cpu} is too small for Windows on Fargate; use 1024 or more" if small else ""


def _cpu_on_instances(spot: Spot) -> str:
    cpu = units(spot.value, "vcpu")
    if cpu is None or is_fargate(spot.body) or 128 <= cpu <= 196608:
        return ""
    return f"cpu {cpu} is out of the range that AWS documents; use 128 to 196608"


def _needed_on_fargate(spot: Spot) -> str:
    name = str(spot.path[-1])
    example = "256" if name == "cpu" else "512"
    return f"it is missing; declare {name} for the whole task, such as {example}" if spot.value is None else ""


def _memory_sum(spot: Spot) -> str:
    total = _sum(spot.body, ("memoryReservation", "memory"))
    task = units(spot.value, "gb")
    if task is None or total <= task:
        return ""
    return f"the containers reserve {total} MiB, more than the task's {task}; use {total} or more, or less in each"


def _cpu_sum(spot: Spot) -> str:
    total, task = _sum(spot.body, ("cpu",)), units(spot.value, "vcpu")
    if task is None or total <= task:
        return ""
    return f"the containers have cpu {total}, more than the task's {task}; use {total} or more, or less in containers"


def _sum(body: Body, members: Sequence[str]) -> int:
    """Return the sum over the containers of the first member that is set."""
    amounts = ([number(one.get(name)) for name in members] for one in blocks(body.get("containerDefinitions")))
    return sum(next((amount for amount in each if amount), 0) for each in amounts)


def _bytes(spot: Spot) -> str:
    if any(isinstance(leaf, Text) for _, leaf in leaves(spot.body)):
        return ""
    body = {name: value for name, value in spot.body.items() if name != "tags"}
    size = len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
    if size <= _MOST_BYTES:
        return ""
    return f"it has {size} bytes; use at most {_MOST_BYTES}: move long values to a file, a parameter or a secret"


# ---------------------------------------------------------------- networking, roles, placement


def _mode_of_fargate(spot: Spot) -> str:
    if spot.value in (None, "awsvpc"):
        return ""
    return f"Fargate has no network mode {spot.value}; use awsvpc"


def _mode_of_external(spot: Spot) -> str:
    return "external instances have no awsvpc; use bridge, host or none" if spot.value == "awsvpc" else ""


def _not_on_fargate(what: str, fix: str = "leave it out") -> Callable[[Spot], str]:
    def test(spot: Spot) -> str:
        return f"{what} is not available on Fargate; {fix}" if spot.value not in (None, [], {}, False, "") else ""

    return test


def _pid_mode(spot: Spot) -> str:
    return "Fargate has no pidMode host; use task" if spot.value == "host" else ""


def _one_is_essential(spot: Spot) -> str:
    containers = blocks(spot.value)
    if not containers or not is_whole(spot.value) or any(one.get("essential") is not False for one in containers):
        return ""
    return "no container is essential; set essential: true on the main one"


def _proxy(spot: Spot) -> str:
    names = [text(one.get("name")) for one in blocks(spot.body.get("containerDefinitions"))]
    if not text(spot.value) or spot.value in names:
        return ""
    return f"no container has the name {quoted(spot.value)}; {choose(spot.value, names, 'the proxy container')}"


def _placement_expression(spot: Spot) -> str:
    if spot.block.get("type") == "memberOf" and not spot.value:
        return "memberOf needs an expression; write one such as attribute:ecs.instance-type =~ t3.*"
    return ""


def _fault_network(spot: Spot) -> str:
    if spot.value is True and mode(spot.body) in ("bridge", "none"):
        return f"fault injection does not work with network mode {mode(spot.body)}; use awsvpc or host"
    return ""


def _storage_on_instances(spot: Spot) -> str:
    declared = spot.body.get("requiresCompatibilities")
    if spot.value and declared and is_whole(declared) and not is_fargate(spot.body):
        return "ephemeral storage has an effect on Fargate alone; leave it out, or declare FARGATE"
    return ""


def _no_accelerators(spot: Spot) -> str:
    return "Elastic Inference was shut down; leave inferenceAccelerators out" if spot.value else ""


def _needs_execution_role(spot: Spot) -> str:
    """Return the problem of a task without an execution role that Fargate needs to start it."""
    if spot.value:
        return ""
    for container in blocks(spot.body.get("containerDefinitions")):
        log, image = container.get("logConfiguration"), text(container.get("image"))
        name = f"container {quoted(container.get('name', ''))}"
        if isinstance(log, dict) and log.get("logDriver") == "awslogs":
            return f"it is missing, and {name} has the log driver awslogs; {_DECLARE}"
        if ".dkr.ecr." in image:
            return f"it is missing, and the image of {name} is in ECR; {_DECLARE}"
        if container.get("repositoryCredentials"):
            return f"it is missing, and {name} has repositoryCredentials; {_DECLARE}"
    return ""


_DECLARE = "declare executionRoleArn, such as ${Role/execution.arn}"


def _role_for_secrets(spot: Spot) -> str:
    if spot.value:
        return ""
    for container in blocks(spot.body.get("containerDefinitions")):
        log = container.get("logConfiguration")
        if container.get("secrets") or (isinstance(log, dict) and log.get("secretOptions")):
            return f"it is missing, and container {quoted(container.get('name', ''))} has secrets; {_DECLARE}"
    return ""


def _is_role(spot: Spot) -> str:
    value = text(spot.value)
    if not value.startswith("arn:") or ":role/" in value:
        return ""
    return f"{quoted(value)} is not a role; use the ARN of a role: arn:aws:iam::123456789012:role/name"


def _region_of_logs(spot: Spot) -> str:
    """Return the note of a log group in another Region than the image."""
    region = text(spot.value)
    for container in blocks(spot.body.get("containerDefinitions")):
        found = image_region(container.get("image"))
        if found and region and found != region:
            return f"the logs go to {region}, and an image is in {found}; use one Region if this is not meant"
    return ""


_FARGATE_ONLY = "API Reference ecs: not supported for tasks that use Fargate"

ROWS: Constraints = (
    *tag_constraints("tags", service="ecs"),
    Constraint(path="family", rule="1 to 255 characters", test=Length(least=1, most=255), source=_REGISTER),
    Constraint(path="cpu", rule="CPU units, or a number and vCPU", test=_is_cpu, source=_REGISTER,
               answer="Invalid 'cpu' setting for task"),
    Constraint(path="memory", rule="MiB, or a number and GB", test=_is_memory, source=_REGISTER,
               answer="Invalid 'memory' setting for task"),
    Constraint(path="cpu", rule="128 to 196608 on instances", test=_cpu_on_instances, source=_REGISTER, level="note"),
    Constraint(path="cpu", rule="on Fargate 256, 512, 1024, 2048, 4096, 8192 or 16384", test=_cpu_of_fargate,
               when=is_fargate, source=_SIZES, answer="No Fargate configuration exists for given values"),
    Constraint(path="cpu", rule="1024 or more for Windows on Fargate", test=_windows_cpu, source=_SIZES,
               when=lambda body: is_fargate(body) and is_windows(body),
               answer="No Fargate configuration exists for given values"),
    Constraint(path="memory", rule="on Fargate a value that its cpu allows", test=_pair, when=is_fargate,
               source=_SIZES, answer="No Fargate configuration exists for given values"),
    *(
        Constraint(path=name, rule="required on Fargate", test=_needed_on_fargate, when=is_fargate, absent=True,
                   source=_REGISTER, answer=f"Fargate requires that '{name}' be defined at the task level")
        for name in ("cpu", "memory")
    ),
    Constraint(path="memory", rule="at least what the containers reserve together", test=_memory_sum,
               source="botocore ecs-2014-11-13 ContainerDefinition.memory: the total must be lower than the task's"),
    Constraint(path="cpu", rule="at least the sum of the containers' cpu", test=_cpu_sum, when=is_fargate,
               source="botocore ecs-2014-11-13 ContainerDefinition.cpu: the total must be lower than the task's"),
    Constraint(path="containerDefinitions", rule="the whole task definition has at most 64 KiB", test=_bytes,
               source="developer guide, service quotas: task definition size",
               answer="Max allowed length is '65536' bytes"),
    Constraint(path="containerDefinitions", rule="1 to 10 containers", test=Length(least=1, most=10),
               source="developer guide, service quotas: containers in a task definition"),
    Constraint(path="containerDefinitions", rule="one container at least is essential", test=_one_is_essential,
               source="API Reference ecs.ContainerDefinition: all tasks must have at least one essential container",
               answer="At least one container must be essential"),
    Constraint(path="networkMode", rule="awsvpc on Fargate", test=_mode_of_fargate, when=is_fargate, source=_REGISTER,
               answer="Fargate only supports network mode 'awsvpc'"),
    Constraint(path="networkMode", rule="not awsvpc on external instances", test=_mode_of_external, when=is_external,
               source="developer guide, external instances: the awsvpc network mode is not supported"),
    Constraint(path="pidMode", rule="task on Fargate", test=_pid_mode, when=is_fargate,
               source="botocore ecs-2014-11-13 RegisterTaskDefinition.pidMode: on Fargate task is the only value"),
    Constraint(path="ipcMode", rule="not on Fargate", test=_not_on_fargate("ipcMode"), when=is_fargate,
               source="botocore ecs-2014-11-13 RegisterTaskDefinition.ipcMode: not supported on Fargate"),
    Constraint(path="placementConstraints", rule="not on Fargate", when=is_fargate, source=_FARGATE_ONLY,
               test=_not_on_fargate("a placement constraint")),
    Constraint(path="placementConstraints", rule="at most 10", test=Length(most=10), source=_REGISTER),
    Constraint(path="placementConstraints[].expression", rule="required with memberOf", test=_placement_expression,
               absent=True, source="API Reference ecs.TaskDefinitionPlacementConstraint"),
    Constraint(path="ephemeralStorage.sizeInGiB", rule="21 to 200", test=Range(least=21, most=200),
               source="botocore ecs-2014-11-13 EphemeralStorage.sizeInGiB: the minimum is 21, the maximum 200"),
    Constraint(path="ephemeralStorage", rule="on Fargate alone", test=_storage_on_instances, level="note",
               source="API Reference ecs.EphemeralStorage: for tasks that use Fargate"),
    Constraint(path="enableFaultInjection", rule="with network mode awsvpc or host", test=_fault_network, level="note",
               source="developer guide, fault injection: the network modes awsvpc and host"),
    Constraint(path="proxyConfiguration.containerName", rule="the name of a container of the task", test=_proxy,
               source="API Reference ecs.ProxyConfiguration: the name of the container that serves as the proxy"),
    Constraint(path="inferenceAccelerators", rule="not available any more", test=_no_accelerators, level="note",
               source="developer guide: Amazon Elastic Inference is no longer available"),
    Constraint(path="executionRoleArn", rule="required on Fargate for awslogs, ECR images and private registries",
               test=_needs_execution_role, when=is_fargate, absent=True, source="developer guide, task execution role",
               answer="Fargate requires task definition to have execution role ARN"),
    Constraint(path="executionRoleArn", rule="required for secrets", test=_role_for_secrets, absent=True,
               source="developer guide, task execution role",
               answer="When you are specifying container secrets, you must also specify a value for"
               " 'executionRoleArn'"),
    *(
        Constraint(path=name, rule="a role", test=_is_role, source=_REGISTER, answer="Role is not valid")
        for name in ("executionRoleArn", "taskRoleArn")
    ),
    Constraint(path="containerDefinitions[].logConfiguration.options.awslogs-region",
               rule="the Region of the images", test=_region_of_logs, level="note",
               source="developer guide, awslogs: the Region that the logs are sent to"),
)  # fmt: skip
