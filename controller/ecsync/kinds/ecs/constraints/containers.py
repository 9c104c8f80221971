"""What ECS accepts of the containers of a task definition: resources, dependencies, volumes, health checks."""

from __future__ import annotations

from collections.abc import Mapping

from ecsync.core.constraints.rows import Constraints, Length, OneOf, Pattern, Range, Spot
from ecsync.core.trees import Body
from ecsync.core.wording import quoted
from ecsync.kinds._constraint_parts import blocks, choose, is_whole, number, row, text
from ecsync.kinds.ecs.constraints.task import is_fargate, mode, units

_C = "containerDefinitions[]"
_L = f"{_C}.linuxParameters"
_DEFINITION = "API Reference ecs.ContainerDefinition"


def containers(spot: Spot) -> dict[str, Body]:
    """Return the containers of the task by name; empty if not all of them are known."""
    declared = spot.body.get("containerDefinitions")
    return {text(one.get("name")): one for one in blocks(declared)} if is_whole(declared) else {}


def own(spot: Spot) -> Body:
    """Return the container that a place is in."""
    found: Body = spot.body["containerDefinitions"][spot.path[1]]
    return found


# ---------------------------------------------------------------- image, memory


def _has_image(spot: Spot) -> str:
    return "" if spot.value else "it is missing; declare an image such as public.ecr.aws/nginx/nginx:1.27"


def _image_is_lower_case(spot: Spot) -> str:
    """Return the note of an image that no registry serves: the host may have any case, the repository may not."""
    value = text(spot.value)
    repository = value.split("@")[0].rsplit(":", 1)[0].split("/", 1)[-1]
    if "/" in value and repository != repository.lower():
        right = value.replace(repository, repository.lower())
        return f"a registry has lower-case repositories alone; use {quoted(right)}"
    return ""


def _has_memory(spot: Spot) -> str:
    own_memory = isinstance(spot.value, Mapping) and (spot.value.get("memory") or spot.value.get("memoryReservation"))
    if own_memory or spot.body.get("memory") or not isinstance(spot.value, Mapping):
        return ""
    return "it has no memory; declare memory or memoryReservation, or memory of the whole task"


def _memory_of_reservation(spot: Spot) -> str:
    hard, soft = number(spot.value), number(spot.block.get("memoryReservation"))
    if hard is None or soft is None or hard >= soft:
        return ""
    return f"memory {hard} is less than memoryReservation {soft}; use {soft} or more"


def _memory_of_task(spot: Spot) -> str:
    hard, task = number(spot.value), units(spot.body.get("memory"), "gb")
    if hard is None or task is None or hard <= task:
        return ""
    return f"memory {hard} is more than the task's {task}; use {task} or less"


# ---------------------------------------------------------------- dependencies


def _dependency_exists(spot: Spot) -> str:
    names = [name for name in containers(spot) if name != own(spot).get("name")]
    if not text(spot.value) or not containers(spot) or spot.value in names:
        return ""
    if spot.value == own(spot).get("name"):
        return "a container cannot depend on itself; name another container, or leave the entry out"
    return f"no container has the name {quoted(spot.value)}; {choose(spot.value, names, 'that container')}"


def _target(spot: Spot) -> Body | None:
    return containers(spot).get(text(spot.block.get("containerName")))


def _finished_is_not_essential(spot: Spot) -> str:
    other = _target(spot)
    if spot.value not in ("SUCCESS", "COMPLETE") or other is None or other.get("essential") is False:
        return ""
    name = quoted(spot.block["containerName"])
    return f"{name} is essential, so the task stops when it ends; set essential: false on {name}"


def _healthy_has_a_check(spot: Spot) -> str:
    other = _target(spot)
    if spot.value != "HEALTHY" or other is None or other.get("healthCheck"):
        return ""
    name = quoted(spot.block["containerName"])
    return f"{name} has no healthCheck; declare one on {name}, or use condition START"


def _no_cycle(spot: Spot) -> str:
    """Return the problem of a container that depends on itself through others; it is reported once, at the first."""
    graph = {
        name: [text(one.get("containerName")) for one in blocks(container.get("dependsOn"))]
        for name, container in containers(spot).items()
    }
    first = text(own(spot).get("name"))
    chain, seen = [first], {first}
    found = _chain(first, first, graph, chain, seen)
    if not found or first != min(chain) or len(chain) < 2:
        return ""
    return f"containers wait for each other: {' → '.join((*chain, first))}; remove one of these dependsOn entries"


def _chain(start: str, at: str, graph: Mapping[str, list[str]], chain: list[str], seen: set[str]) -> bool:
    """Extend `chain` to a way back to the start; return whether there is one."""
    for other in graph.get(at, ()):
        if other == start:
            return True
        if other not in seen:
            seen.add(other)
            chain.append(other)
            if _chain(start, other, graph, chain, seen):
                return True
            chain.pop()
    return False


def _link_exists(spot: Spot) -> str:
    name = text(spot.value).split(":")[0]
    names = [one for one in containers(spot) if one != own(spot).get("name")]
    if not name or not containers(spot) or name in names:
        return ""
    return f"no other container has the name {quoted(name)}; {choose(name, names, 'that container')}"


# ---------------------------------------------------------------- what a network mode or Fargate does not have


def _only_in_bridge(spot: Spot) -> str:
    if not spot.value or mode(spot.body) in ("", "bridge", "default"):
        return ""
    if mode(spot.body) == "awsvpc":
        return "links work with network mode bridge alone; leave them out: containers of a task share localhost"
    return "links work with network mode bridge alone; leave them out, or use bridge"


def _not_in_awsvpc(spot: Spot) -> str:
    if not spot.value or mode(spot.body) != "awsvpc":
        return ""
    return f"{spot.path[-1]} is not available with network mode awsvpc; leave it out"


def not_on_fargate(spot: Spot) -> str:
    """Return the problem of a member that Fargate does not have."""
    if spot.value in (None, [], {}, False, ""):
        return ""
    return f"{spot.path[-1]} is not available on Fargate; leave it out, or run the task on EC2"


def _capability_of_fargate(spot: Spot) -> str:
    if spot.value == "SYS_PTRACE" or not text(spot.value):
        return ""
    return f"Fargate adds the capability SYS_PTRACE alone; remove {spot.value}"


_CAPABILITIES = (
    "ALL", "AUDIT_CONTROL", "AUDIT_WRITE", "BLOCK_SUSPEND", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER",
    "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD",
    "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN",
    "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE",
    "SYS_TIME", "SYS_TTY_CONFIG", "SYSLOG", "WAKE_ALARM",
)  # fmt: skip


def _stop_timeout(spot: Spot) -> str:
    value = number(spot.value)
    return f"{value} s is too long on Fargate; use 120 or less" if value is not None and value > 120 else ""


def _soft_below_hard(spot: Spot) -> str:
    soft, hard = number(spot.value), number(spot.block.get("hardLimit"))
    if soft is None or hard is None or hard < 0 or soft <= hard:
        return ""
    return f"softLimit {soft} is above hardLimit {hard}, so the container cannot start; use {hard} or less"


def _ulimit_of_fargate(spot: Spot) -> str:
    if spot.value == "nofile" or not text(spot.value):
        return ""
    return f"Fargate changes nofile alone; leave {spot.value} out"


def _gpu_on_fargate(spot: Spot) -> str:
    return "Fargate has no GPU; leave it out, or run the task on EC2" if spot.value == "GPU" else ""


def _swappiness(spot: Spot) -> str:
    if number(spot.value) is None or spot.block.get("maxSwap") is not None:
        return ""
    return "swappiness has no effect without maxSwap; declare maxSwap too, or leave it out"


# ---------------------------------------------------------------- health checks


def _check_command(spot: Spot) -> str:
    if not isinstance(spot.value, (list, tuple)) or not is_whole(spot.value):
        return ""
    if not spot.value:
        return 'there is no command; write ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]'
    first, rest = str(spot.value[0]).strip(), spot.value[1:]
    if first == "NONE" or first.split(" ")[0] in ("CMD", "CMD-SHELL"):
        lacks = first in ("CMD", "CMD-SHELL") and not rest
        return f"there is nothing after {first}; add the command" if lacks else ""
    return 'the first element is no CMD or CMD-SHELL; write ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]'


def _variable_name(spot: Spot) -> str:
    name = spot.value if isinstance(spot.value, str) else "?"
    if name and "=" not in name:
        return ""
    return f"{quoted(name)} is no name of a variable (Docker reads it up to the first =); use letters, digits and _"


def _check_timeout(spot: Spot) -> str:
    timeout, interval = number(spot.value), number(spot.block.get("interval")) or 30
    if timeout is None or timeout <= interval:
        return ""
    return f"timeout {timeout} is longer than interval {interval}, so checks overlap; use a shorter timeout"


# ---------------------------------------------------------------- environment and secrets


def _secret_shares_a_name(spot: Spot) -> str:
    names = {text(one.get("name")) for one in blocks(own(spot).get("environment"))}
    if not text(spot.value) or spot.value not in names:
        return ""
    return f"{quoted(spot.value)} is in environment too; remove it from environment or from secrets"


def _secret_source(spot: Spot) -> str:
    value = text(spot.value)
    if not value.startswith("arn:") or ":secretsmanager:" in value or ":ssm:" in value:
        return ""
    return "it is not a secret or parameter; use an ARN of Secrets Manager or Systems Manager, or a parameter's name"


def _env_file(spot: Spot) -> str:
    value = text(spot.value)
    if not value:
        return ""
    if not value.startswith("arn:") or ":s3:::" not in value:
        return "it is not a file in S3; use arn:aws:s3:::bucket/path/name.env"
    return "" if value.endswith(".env") else f"{quoted(value)} does not end in .env; rename the file"


_CHECK = "API Reference ecs.HealthCheck"
_NO_FARGATE = "botocore ecs-2014-11-13 {}: not supported on Fargate"

ROWS: Constraints = (
    row(f"{_C}.name", "1 to 255 characters", Length(least=1, most=255), _DEFINITION),
    row(f"{_C}.image", "required", _has_image, _DEFINITION, "Container.image should not be null or empty", absent=True),
    row(f"{_C}.image", "letters, digits and - _ : . / # @",
         Pattern(allowed=r"[A-Za-z0-9_.:/#@+-]+", text="letters, digits and - _ : . / # @"), _DEFINITION,
         "Container.image contains invalid characters"),
    row(f"{_C}.image", "a repository in lower case", _image_is_lower_case,
         "OCI Distribution Specification: the name of a repository", level="note"),
    row(_C, "memory, of the container or of the task", _has_memory, _DEFINITION,
         "At least one of 'memory' or 'memoryReservation' must be specified"),
    row(f"{_C}.memory", "at least memoryReservation", _memory_of_reservation, _DEFINITION),
    row(f"{_C}.memory", "at most the memory of the task", _memory_of_task, _DEFINITION),
    row(f"{_C}.memory", "4 MiB or more", Range(least=4, most=10**9), _DEFINITION),
    row(f"{_C}.memory", "6 MiB or more", Range(least=6, most=10**9),
         "botocore ecs-2014-11-13 ContainerDefinition.memory: Docker reserves 6 MiB", level="note"),
    row(f"{_C}.cpu", "0 or more", Range(least=0, most=10**6), _DEFINITION),
    row(f"{_C}.dependsOn[].containerName", "another container of the task", _dependency_exists,
         "API Reference ecs.ContainerDependency"),
    row(f"{_C}.dependsOn[].condition", "SUCCESS and COMPLETE of a container that is not essential",
         _finished_is_not_essential, "API Reference ecs.ContainerDependency",
         "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"),
    row(f"{_C}.dependsOn[].condition", "HEALTHY of a container with a health check", _healthy_has_a_check,
         "API Reference ecs.ContainerDependency: HEALTHY requires that the container has a health check"),
    row(f"{_C}.dependsOn", "no cycle", _no_cycle, "developer guide, container dependency"),
    row(f"{_C}.links", "with network mode bridge alone", _only_in_bridge, _DEFINITION),
    row(f"{_C}.links[]", "another container of the task", _link_exists, _DEFINITION),
    row(f"{_C}.hostname", "not with awsvpc", _not_in_awsvpc, _DEFINITION,
         "hostname is not supported on container when networkMode=awsvpc"),
    row(f"{_C}.extraHosts", "not with awsvpc", _not_in_awsvpc,
         "botocore ecs-2014-11-13 ContainerDefinition.extraHosts: not with awsvpc",
         "Extra hosts is not supported on container when networkMode=awsvpc"),
    row(f"{_C}.privileged", "not on Fargate", not_on_fargate,
         _NO_FARGATE.format("ContainerDefinition.privileged"), when=is_fargate),
    row(f"{_C}.dockerSecurityOptions", "not on Fargate", not_on_fargate,
         _NO_FARGATE.format("ContainerDefinition.dockerSecurityOptions"), when=is_fargate),
    *(
        row(f"{_L}.{name}", "not on Fargate", not_on_fargate, _NO_FARGATE.format(f"LinuxParameters.{name}"),
             when=is_fargate)
        for name in ("devices", "sharedMemorySize", "maxSwap", "swappiness")
    ),
    row(f"{_L}.capabilities.add[]", "SYS_PTRACE on Fargate", _capability_of_fargate,
         "botocore ecs-2014-11-13 KernelCapabilities.add: Fargate supports SYS_PTRACE alone", when=is_fargate),
    *(
        row(f"{_L}.capabilities.{name}[]", "a capability of Linux, without CAP_", OneOf(_CAPABILITIES),
             "botocore ecs-2014-11-13 KernelCapabilities: valid values")
        for name in ("add", "drop")
    ),
    row(f"{_L}.swappiness", "0 to 100", Range(least=0, most=100), "API Reference ecs.LinuxParameters"),
    row(f"{_L}.swappiness", "with maxSwap", _swappiness, "API Reference ecs.LinuxParameters", level="note"),
    row(f"{_C}.resourceRequirements[].type", "no GPU on Fargate", _gpu_on_fargate,
         "developer guide, GPUs: not on Fargate", when=is_fargate),
    row(f"{_C}.stopTimeout", "at most 120 on Fargate", _stop_timeout, _DEFINITION, when=is_fargate),
    row(f"{_C}.startTimeout", "at most 120 on Fargate", _stop_timeout,
         "developer guide, Fargate: 2 to 120 seconds", when=is_fargate),
    row(f"{_C}.stopTimeout", "0 or more", Range(least=0, most=10**6), _DEFINITION),
    row(f"{_C}.ulimits[].softLimit", "at most hardLimit", _soft_below_hard, "Docker: a soft limit above the hard one",
         level="note"),
    row(f"{_C}.ulimits[].name", "nofile on Fargate", _ulimit_of_fargate,
         "botocore ecs-2014-11-13 ContainerDefinition.ulimits: Fargate overrides nofile alone", level="note",
         when=is_fargate),
    *(
        row(f"{_C}.{name}[].name", "not empty, and without =", _variable_name, "Docker: --env NAME=VALUE", level="note")
        for name in ("environment", "secrets")
    ),
    row(f"{_C}.healthCheck.command", "CMD, CMD-SHELL or NONE first", _check_command, _CHECK, level="note"),
    row(f"{_C}.healthCheck.interval", "5 to 300", Range(least=5, most=300), _CHECK),
    row(f"{_C}.healthCheck.timeout", "2 to 60", Range(least=2, most=60), _CHECK),
    row(f"{_C}.healthCheck.timeout", "at most interval", _check_timeout, _CHECK, level="note"),
    row(f"{_C}.healthCheck.retries", "1 to 10", Range(least=1, most=10), _CHECK),
    row(f"{_C}.healthCheck.startPeriod", "0 to 300", Range(least=0, most=300), _CHECK),
    row(f"{_C}.restartPolicy.restartAttemptPeriod", "60 to 1800", Range(least=60, most=1800),
         "botocore ecs-2014-11-13 ContainerRestartPolicy.restartAttemptPeriod"),
    row(f"{_C}.restartPolicy.ignoredExitCodes", "at most 50", Length(most=50),
         "botocore ecs-2014-11-13 ContainerRestartPolicy.ignoredExitCodes"),
    row(f"{_C}.secrets[].name", "no name of an environment variable", _secret_shares_a_name,
         "API Reference ecs.Secret",
         "The secret name must be unique and not shared with any new or existing environment"
         " variables set on the container"),
    row(f"{_C}.secrets[].valueFrom", "a secret of Secrets Manager or a parameter", _secret_source,
         "API Reference ecs.Secret"),
    row(f"{_C}.environmentFiles", "at most 10", Length(most=10), _DEFINITION),
    row(f"{_C}.environmentFiles[].value", "the ARN of a .env file in S3", _env_file, _DEFINITION, level="note"),
)  # fmt: skip
