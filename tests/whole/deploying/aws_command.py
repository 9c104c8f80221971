"""The command `aws`, as far as the docs use it: CloudFormation by our stacks, every other call by botocore's model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jmespath
from botocore import xform_name
from botocore.exceptions import ClientError

from tests.deploy.stacks import Stacks
from tests.deploy.template import Invalid, load
from tests.whole.support.command import Result

_FLAGS = ("query", "output", "cli-input-json")


@dataclass
class AwsCommand:
    """Runs commands of the AWS CLI in the simulated account. An option that AWS does not have fails."""

    stacks: Stacks
    work: Path

    def __call__(self, arguments: Sequence[str]) -> Result:
        """Run a command: `ecs describe-services --cluster …`."""
        service, operation, *rest = arguments
        try:
            if service == "cloudformation":
                answer = self._cloudformation(operation, rest)
            elif operation == "wait":
                answer = self._wait(service, *rest)
            else:
                answer = self._call(service, operation, dict(_options(rest)))
        except (ClientError, Invalid) as error:
            return Result(254, "", f"{error}\n")
        return Result(0, answer, "")

    def _cloudformation(self, operation: str, rest: Sequence[str]) -> str:
        options = dict(_options(rest))
        if operation == "deploy":
            given = dict(one.split("=", 1) for one in options.get("parameter-overrides", []))
            capable = options.get("capabilities") == ["CAPABILITY_NAMED_IAM"]
            (name,), (file,) = options["stack-name"], options["template-file"]
            text = (self.work / file).read_text(encoding="utf-8")
            if len(text.encode()) > 51_200:
                raise Invalid("Templates with a size greater than 51,200 bytes must be deployed via an S3 Bucket")
            self.stacks.deploy(name, load(self.work / file), given, capable)
            return f"Successfully created/updated stack - {name}\n"
        if operation == "describe-stacks":
            stack = self.stacks.stacks[options["stack-name"][0]]
            outputs = [{"OutputKey": key, "OutputValue": value} for key, value in stack.outputs().items()]
            return _printed({"Stacks": [{"StackName": stack.name, "Outputs": outputs}]}, options)
        if operation == "delete-stack":
            self.stacks.delete(options["stack-name"][0])
            return ""
        assert (operation, rest[0]) == ("wait", "stack-delete-complete")  # it is deleted at once here
        return ""

    def _wait(self, service: str, waiter: str, *rest: str) -> str:
        client = self.stacks.client(service)
        made = client.get_waiter(waiter.replace("-", "_"))
        shape = client.meta.service_model.operation_model(made.config.operation).input_shape
        made.wait(**_parameters(shape, dict(_options(rest))), WaiterConfig={"Delay": 0.3, "MaxAttempts": 100})
        return ""

    def _call(self, service: str, operation: str, options: dict[str, list[str]]) -> str:
        client = self.stacks.client("s3" if service == "s3api" else service)
        methods = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
        model = client.meta.service_model.operation_model(methods[operation])
        params = _parameters(model.input_shape, options)
        for file in options.get("cli-input-json", []):
            params = {**json.loads(self._text(file)), **params}
        for name, one in params.items():
            if isinstance(one, str) and one.startswith("file://"):
                text = self._text(one)
                params[name] = text if model.input_shape.members[name].type_name == "string" else json.loads(text)
        answer = getattr(client, xform_name(methods[operation]))(**params)
        answer.pop("ResponseMetadata", None)
        return _printed(answer, options)

    def _text(self, value: str) -> str:
        return (self.work / value.removeprefix("file://")).read_text() if value.startswith("file://") else value


def _options(rest: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each option with its values."""
    name, values = "", list[str]()
    for one in rest:
        if one.startswith("--"):
            if name:
                yield name, values
            name, values = one[2:], []
        else:
            values.append(one)
    if name:
        yield name, values


def _parameters(shape: Any, options: dict[str, list[str]]) -> dict[str, Any]:
    members = {xform_name(name, "-"): (name, one) for name, one in shape.members.items()}
    given = {name: values for name, values in options.items() if name not in _FLAGS}
    unknown = given.keys() - members.keys() - {f"no-{name}" for name in members}
    assert not unknown, f"AWS has no option {unknown}"
    return {members[name][0]: _typed(members[name][1], values) for name, values in given.items()}


def _typed(shape: Any, values: list[str]) -> Any:
    """Return the value of an option: text, numbers, lists, files, and the short form of structures."""
    match shape.type_name:
        case "list":
            return [_typed(shape.member, [one]) for one in values]
        case "structure" if not values[0].startswith("file://"):
            tree, rest = _short(f"{{{values[0]}}}", shape)
            assert rest == "", f"{values[0]}: {rest} is left over"
            return tree
        case "boolean":
            return values in ([], ["true"])
        case "integer" | "long":
            return int(values[0])
        case _:
            return values[0]


def _short(text: str, shape: Any) -> tuple[Any, str]:
    """Return a value in the short form (`Name=a,Values=b`, `{…}`, `[…]`), and the text that follows it."""
    if shape.type_name == "structure":
        found, rest = {}, text.removeprefix("{")
        while not rest.startswith("}"):
            name, _, rest = rest.removeprefix(",").partition("=")
            found[name], rest = _short(rest, shape.members[name])
        return found, rest[1:]
    if shape.type_name == "list" and text.startswith("["):
        items, rest = [], text[1:]
        while not rest.startswith("]"):
            item, rest = _short(rest.removeprefix(","), shape.member)
            items.append(item)
        return items, rest[1:]
    value = re.match(r"[^,}\]]*", text)
    assert value is not None
    plain = _typed(shape, [value[0]])
    return plain, text[value.end() :]


def _printed(answer: Any, options: dict[str, list[str]]) -> str:
    found = jmespath.search(options["query"][0], answer) if "query" in options else answer
    if options.get("output") == ["text"]:
        return "\t".join(found) + "\n" if isinstance(found, list) else f"{found}\n"
    return json.dumps(found, indent=4, default=str) + "\n"
