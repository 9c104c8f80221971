"""The AWS CLI as far as pages use it: `aws SERVICE OPERATION --member VALUE`, with `--query` and `--output text`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import jmespath
from botocore import xform_name

from ecsync.aws.clients import Clients


def answer(words: Sequence[str], clients: Clients, region: str) -> tuple[int, str, str]:
    """Make the call of a command with boto3. Return exit code, stdout and stderr."""
    service, operation, *rest = words[1:]
    client = clients.get(service, region, once=True)
    methods = client.meta.method_to_api_mapping
    name = operation.replace("-", "_")
    if name not in methods:
        return 252, "", f"aws: {service} has no operation {operation}"
    members = client.meta.service_model.operation_model(methods[name]).input_shape.members
    by_option = {xform_name(member, "-"): (member, shape) for member, shape in members.items()}
    params: dict[str, Any] = {}
    query, as_text = "", False
    for option, values in _options(rest):
        if option == "query":
            query = values[0]
        elif option == "output":
            as_text = values == ["text"]
        elif option not in by_option:
            return 252, "", f"aws: {service} {operation} has no option --{option}"
        else:
            member, shape = by_option[option]
            params[member] = _value(shape, values)
    found = getattr(client, name)(**params)
    found.pop("ResponseMetadata", None)
    result = jmespath.search(query, found) if query else found
    return 0, (str(result) if as_text else json.dumps(result, default=str)) + "\n", ""


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each option with the words that follow it."""
    starts = [number for number, word in enumerate(words) if word.startswith("--")]
    for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
        yield words[start][2:], list(words[start + 1 : end])


def _value(shape: Any, values: list[str]) -> Any:
    if values and values[0][:1] in "{[":
        return json.loads(values[0])
    if shape.type_name == "list":
        return [_shorthand(shape.member, one) if shape.member.type_name == "structure" else one for one in values]
    if shape.type_name == "structure":
        return _shorthand(shape, values[0])
    if shape.type_name == "boolean":
        return True
    if shape.type_name in ("float", "double"):
        return float(values[0])
    return int(values[0]) if shape.type_name in ("integer", "long") else values[0]


def _shorthand(shape: Any, text: str) -> dict[str, Any]:
    """Return the structure of `Name=default,Values=a,b`: a part without `=` is one more element of the last list."""
    found: dict[str, Any] = {}
    name = ""
    for part in text.split(","):
        given, equals, value = part.partition("=")
        if not equals:
            found[name].append(given)
            continue
        name, below = given, shape.members[given]
        if below.type_name == "list":
            found[name] = [value]
        else:
            found[name] = value == "true" if below.type_name == "boolean" else value
    return found
