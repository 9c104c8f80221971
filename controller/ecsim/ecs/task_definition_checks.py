"""The checks of RegisterTaskDefinition, and the members that ECS derives from a task definition."""

from __future__ import annotations

import re
from typing import Any

from ecsim.account.errors import client_exception
from ecsim.account.world import Body

FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}")
AMOUNT = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(vcpu|gb)?\s*", re.IGNORECASE)


def _steps(first: int, last: int, step: int) -> range:
    return range(first * 1024, last * 1024 + 1, step * 1024)


# CPU units → MiB of memory that Fargate offers with them.
FARGATE_SIZES: dict[int, Any] = {
    256: (512, 1024, 2048),
    512: _steps(1, 4, 1),
    1024: _steps(2, 8, 1),
    2048: _steps(4, 16, 1),
    4096: _steps(8, 30, 1),
    8192: _steps(16, 60, 4),
    16384: _steps(32, 120, 8),
}


def units(text: str) -> int:
    """Return CPU units or MiB from a number, `0.5 vCPU` or `1 GB`."""
    match = AMOUNT.fullmatch(str(text))
    if match is None:
        raise client_exception(f"Invalid 'cpu' or 'memory' setting for task: {text}")
    number, unit = match.groups()
    return round(float(number) * 1024) if unit else int(float(number))


def check(params: Body) -> None:
    """Refuse an invalid task definition with ECS's ClientException."""
    if not FAMILY.fullmatch(params.get("family", "")):
        raise client_exception("Family contains invalid characters.")
    containers = params.get("containerDefinitions", [])
    if not containers:
        raise client_exception("Container list cannot be empty.")
    names = [container.get("name") for container in containers]
    if len(set(names)) != len(names):
        raise client_exception("Container names should be unique.")
    for container in containers:
        _check_container(container, params, names)
    if not any(container.get("essential", True) for container in containers):
        raise client_exception("Invalid setting for container. At least one container must be essential.")
    if any(container.get("secrets") for container in containers) and not params.get("executionRoleArn"):
        raise client_exception(
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
        )
    if "FARGATE" in params.get("requiresCompatibilities", []):
        _check_fargate(params)


def _check_container(container: Body, params: Body, names: list[Any]) -> None:
    name = container.get("name")
    for member in ("name", "image"):
        if not container.get(member):
            raise client_exception(f"Container.{member} should not be null or empty.")
    if not (params.get("memory") or container.get("memory") or container.get("memoryReservation")):
        raise client_exception(
            f"Invalid setting for container '{name}'."
            " At least one of 'memory' or 'memoryReservation' must be specified."
        )
    if params.get("networkMode") == "awsvpc":
        for port in container.get("portMappings", []):
            if port.get("hostPort", port.get("containerPort")) not in (0, port.get("containerPort")):
                raise client_exception(
                    "When networkMode=awsvpc, the host ports and container ports in port mappings must match."
                )
    for dependency in container.get("dependsOn", []):
        if dependency["containerName"] not in names:
            raise client_exception(
                f"Invalid setting for container '{name}'. The container '{dependency['containerName']}' that it"
                " depends on does not exist in the task definition."
            )


def _check_fargate(params: Body) -> None:
    if params.get("networkMode") != "awsvpc":
        raise client_exception("Fargate only supports network mode ‘awsvpc’.")
    for member in ("cpu", "memory"):
        if not params.get(member):
            raise client_exception(f"Fargate requires that '{member}' be defined at the task level.")
    cpu, memory = units(params["cpu"]), units(params["memory"])
    if memory not in FARGATE_SIZES.get(cpu, ()):
        raise client_exception(
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
            " See the Amazon ECS documentation for the valid values."
        )
    for container in params["containerDefinitions"]:
        driver = container.get("logConfiguration", {}).get("logDriver")
        if driver == "awslogs" and not params.get("executionRoleArn"):
            raise client_exception(
                f"Fargate requires task definition to have execution role ARN to support log driver {driver}."
            )
        if ".dkr.ecr." in container["image"] and not params.get("executionRoleArn"):
            raise client_exception("Fargate requires task definition to have execution role ARN to support ECR images.")


def compatibilities(params: Body) -> list[str]:
    """Return the launch types that a task definition is compatible with."""
    if params.get("networkMode") != "awsvpc":
        return ["EXTERNAL", "EC2"] if params.get("networkMode") != "host" else ["EC2"]
    fits = params.get("cpu") and params.get("memory")
    if not fits or units(params["memory"]) not in FARGATE_SIZES.get(units(params["cpu"]), ()):
        return ["EC2"]
    return ["EC2", "FARGATE"]


def required_attributes(params: Body) -> list[Body]:
    """Return the attributes that a container instance must have."""
    names = {"com.amazonaws.ecs.capability.docker-remote-api.1.18"}
    if params.get("networkMode") == "awsvpc":
        names.add("ecs.capability.task-eni")
    if params.get("taskRoleArn"):
        names.add("com.amazonaws.ecs.capability.task-iam-role")
    for container in params["containerDefinitions"]:
        driver = container.get("logConfiguration", {}).get("logDriver")
        if driver:
            names.add(f"com.amazonaws.ecs.capability.logging-driver.{driver}")
        if driver == "awslogs" and params.get("executionRoleArn"):
            names.add("ecs.capability.execution-role-awslogs")
        if ".dkr.ecr." in container["image"]:
            names.add("com.amazonaws.ecs.capability.ecr-auth")
        if container.get("secrets"):
            names.add("ecs.capability.secrets.ssm.environment-variables")
    return [{"name": name} for name in sorted(names)]
