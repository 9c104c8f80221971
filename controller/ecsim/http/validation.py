"""Checks that every AWS service makes first: members and values must be as in the model of the operation."""

from __future__ import annotations

import functools
import re
from typing import Any

from ecsim.account.errors import AwsError, invalid_parameter, validation_error, validation_exception
from ecsim.moto import seams

# Values that a service accepts although its model does not list them.
# ecs.RegisterTaskDefinition, networkMode: "for Windows <default> or awsvpc can be used".
BEYOND = {"NetworkMode": ("default",)}
# Members that a service requires although they are optional in its model.
REQUIRED = {
    "LoadBalancerAttribute": ("Key",),  # elbv2: of the attributes of listeners and target groups too
    "ListenerAttribute": ("Key",),
    "TargetGroupAttribute": ("Key",),
    "TargetGroupTuple": ("TargetGroupArn",),
    "SubnetMapping": ("SubnetId",),
    "ManagedInstancesNetworkConfiguration": ("subnets",),
}
PATTERN_FREE = ("TagKey", "TagValue")  # tags of real services have other characters than the pattern of the model
# What Java's patterns have and Python's have not, and the nearest that Python has.
JAVA = (
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"),
    (r"[\w-_]", r"[\w_-]"),
    (r"\p{L}", r"\w"),
    (r"\p{Z}", r"\s"),
    (r"\p{Zs}", r"\s"),
    (r"\p{N}", r"\d"),
    (r"\p{M}", r"\w"),
    (r"\p{P}", r"!-/:-@\[-`{-~"),
    (r"\p{S}", r"$+<->^`|~"),
    (r"\p{Print}", r"[ -~]"),
)
CODES = {
    "application-autoscaling": validation_exception,
    "autoscaling": validation_error,
    "cloudwatch": validation_error,
    "ecr": invalid_parameter,
    "ec2": lambda text: AwsError("InvalidParameterValue", text),
    "ecs": invalid_parameter,
    "elbv2": validation_error,
    "iam": validation_error,
    "logs": invalid_parameter,
}


def check(service: str, operation: str, params: dict[str, Any]) -> None:
    """Raise the error of the service for a request that does not match the model of its operation.

    The services that are only called here (S3, STS) make their own checks.
    """
    if service not in CODES or operation not in seams.service_model(service).operation_names:
        return
    shape = seams.operation_model(service, operation).input_shape
    problem = _problem(shape, params, "") if shape is not None else None
    if problem is not None:
        raise _error(service, problem)


def _error(service: str, problem: str) -> AwsError:
    return CODES[service](f"1 validation error detected: {problem}")


def _problem(shape: Any, value: Any, path: str) -> str | None:
    if shape.type_name == "structure" and isinstance(value, dict):
        return _structure_problem(shape, value, path)
    if shape.type_name == "list" and isinstance(value, list):
        problems = (_problem(shape.member, item, f"{path}.{n}.member") for n, item in enumerate(value, start=1))
        return next((problem for problem in problems if problem), None)
    if shape.type_name == "string" and shape.enum:
        return _enum_problem((*shape.enum, *BEYOND.get(shape.name, ())), value, path)
    if shape.type_name == "string" and isinstance(value, str):
        return _size_problem(shape, len(value), value, path, "length") or _pattern_problem(shape, value, path)
    if shape.type_name in ("integer", "long", "float", "double") and isinstance(value, (int, float)):
        return _size_problem(shape, value, value, path, "value")
    return None


def _size_problem(shape: Any, size: float, value: Any, path: str, what: str) -> str | None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        wanted = f"{what} greater than or equal to {least}"
    elif most is not None and size > most:
        wanted = f"{what} less than or equal to {most}"
    else:
        return None
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have {wanted}"


def _pattern_problem(shape: Any, value: str, path: str) -> str | None:
    text = "" if shape.name in PATTERN_FREE else shape.metadata.get("pattern")
    if not text or _compiled(text).fullmatch(value):
        return None
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy regular expression {text}"


@functools.cache
def _compiled(text: str) -> re.Pattern[str]:
    """Return a pattern of a model, which is written for Java."""
    for java, python in JAVA:
        text = text.replace(java, python)
    return re.compile(text)


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
