"""Checks that every AWS service makes first: required members, and strings with a fixed set of values."""

from __future__ import annotations

from typing import Any

from ecsim.account.errors import AwsError, invalid_parameter, validation_error, validation_exception
from ecsim.moto import seams

# Values that a service accepts although its model does not list them.
# ecs.RegisterTaskDefinition, networkMode: "for Windows <default> or awsvpc can be used".
BEYOND = {"NetworkMode": ("default",)}
# Members that a service requires although its model does not say so.
REQUIRED = {
    "LoadBalancerAttribute": ("Key",),  # elbv2: of the attributes of listeners and target groups too
    "ListenerAttribute": ("Key",),
    "TargetGroupAttribute": ("Key",),
    "TargetGroupTuple": ("TargetGroupArn",),
    "SubnetMapping": ("SubnetId",),
    "ManagedInstancesNetworkConfiguration": ("subnets",),
}
CODES = {
    "application-autoscaling": validation_exception,
    "autoscaling": validation_error,
    "ec2": lambda text: AwsError("InvalidParameterValue", text),
    "ecs": invalid_parameter,
    "elbv2": validation_error,
    "logs": invalid_parameter,
}


def check(service: str, operation: str, params: dict[str, Any]) -> None:
    """Raise the error of the service for a request that does not match the model of its operation."""
    shape = seams.operation_model(service, operation).input_shape
    problem = _problem(shape, params, "") if shape is not None else None
    if problem is not None:
        raise _error(service, problem)


def _error(service: str, problem: str) -> AwsError:
    return CODES[service](f"1 validation error detected: {problem}")


def _problem(shape: Any, value: Any, path: str) -> str | None:
    if shape.type_name == "structure":
        return _structure_problem(shape, value, path)
    if shape.type_name == "list":
        problems = (_problem(shape.member, item, f"{path}.{n}.member") for n, item in enumerate(value, start=1))
        return next((problem for problem in problems if problem), None)
    if shape.type_name == "string" and shape.enum:
        return _enum_problem((*shape.enum, *BEYOND.get(shape.name, ())), value, path)
    return None


def _enum_problem(values: tuple[str, ...], value: Any, path: str) -> str | None:
    if value in values:
        return None
    return (
        f"Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy enum value set:"
        f" [{', '.join(values)}]"
    )


def _structure_problem(shape: Any, value: dict[str, Any], path: str) -> str | None:
    prefix = f"{path}." if path else ""
    for name in (*shape.required_members, *REQUIRED.get(shape.name, ())):
        if value.get(name) is None:
            return f"Value null at '{prefix}{name}' failed to satisfy constraint: Member must not be null"
    for name, item in value.items():
        member = shape.members.get(name)
        problem = _problem(member, item, f"{prefix}{name}") if member is not None and item is not None else None
        if problem:
            return problem
    return None
