"""What the simulated AWS answers to the documents with a mistake, and the refusals in its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

import ecsim
from ecsync.awsmodel import shapes
from ecsync.core.model import Create, Desired, Key
from ecsync.kinds import BY_NAME
from ecsync.language.check import check
from tests.constraints.mistakes import Mistake, good

# Kinds with a create that needs no other resource.
ALONE = ("TaskDefinition", "TargetGroup", "Role", "LogGroup", "Repository", "Cluster", "Alarm", "LaunchTemplate")
REGION = "eu-west-1"
_REFERENCE = re.compile(r"\$\{(\w+)/[\w.]+\}")
_VALUES = {"Role": "arn:aws:iam::123456789012:role/shop", "Network": "vpc-0123456789abcdef0"}
# Rooms of the simulated AWS that answer the calls of our kinds.
_ROOMS = ("ecs", "elbv2", "autoscaling", "application_autoscaling", "cloudwatch", "ec2")
_ERRORS = ("client_exception", "invalid_parameter", "validation_error", "validation_exception", "_invalid", "AwsError")


def document(mistake: Mistake) -> tuple[str, str]:
    """Return (kind, name) of the document with the changed line."""
    before, after = good(mistake.base).splitlines(), mistake.text.splitlines()
    changed = next(index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new)
    line = next(line for line in reversed(after[: changed + 1]) if re.fullmatch(r"  \w+/\w+:", line))
    kind, _, name = line.strip(" :").partition("/")
    return kind, name


def answer(mistake: Mistake, clients: Any, vpc: str) -> str:
    """Return AWS's words about the create of the document with the mistake; empty if it is accepted."""
    kind_name, name = document(mistake)
    kind = BY_NAME[kind_name]
    spec = yaml.safe_load(mistake.text)["resources"][f"{kind_name}/{name}"]
    assert kind.shape is not None
    assert kind.calls is not None
    body = check(_resolved(spec, vpc), shapes.load(kind.shape), name=kind_name, rules=kind.rules).body
    call = kind.calls(Create(desired=Desired(key=Key("app", kind_name, name), body=body), marks={}))[0]
    operation = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", call.operation).lower()
    try:
        getattr(clients(call.service), operation)(**call.params)
    except ClientError as error:
        return str(error.response["Error"]["Message"])
    except ParamValidationError as error:
        return str(error)
    return ""


def _resolved(value: Any, vpc: str) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(below, vpc) for key, below in value.items()}
    if isinstance(value, list):
        return [_resolved(below, vpc) for below in value]
    if not isinstance(value, str):
        return value
    return _REFERENCE.sub(lambda found: {**_VALUES, "Network": vpc}.get(found.group(1), "shop"), value)


def client(url: str, service: str) -> Any:
    """Return a client of a simulator that does not retry."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="AKIASIMULATEDACCOUNT",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=10, parameter_validation=False),
    )


def messages() -> Iterator[str]:
    """Yield the text of every refusal in the source of the simulated AWS; what is filled in is left out."""
    root = Path(ecsim.__file__).parent
    for room in _ROOMS:
        for file in sorted((root / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                    yield from _text(node.exc)


def _text(call: ast.Call) -> Iterator[str]:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name not in _ERRORS or not call.args:
        return
    last = call.args[1] if name == "AwsError" and len(call.args) > 1 else call.args[0]
    parts = last.values if isinstance(last, ast.JoinedStr) else [last]
    text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
    if text.strip("…"):
        yield text
