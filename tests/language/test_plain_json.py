"""The strict check of a plain AWS document in JSON. Other documents are checked leniently."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from ecsync.awsmodel import shapes
from ecsync.core.model import Origin
from ecsync.core.schema import Fixed, Shape, Type, structure
from ecsync.kinds import BY_NAME
from ecsync.language.nodes import to_nodes
from ecsync.language.plain_aws.aws_types import mistyped
from tests.language.cases import load_files, messages

CONTAINER = {"name": "web", "image": "nginx", "memory": 64}
TASK = {"family": "web", "containerDefinitions": [CONTAINER]}
BALANCER = {"targetGroupArn": "arn:t", "containerName": "web", "containerPort": 80}


def problems_of(document: Any, name: str = "a.json", more: Mapping[str, Any] | None = None) -> list[str]:
    """Return the messages about a document, without places."""
    files = {name: document} | dict(more or {})
    loaded = load_files({file: json.dumps(content).encode() for file, content in files.items()}, {"SIZE": "256"})
    return [problem.message for problem in loaded.problems]


def task(**changes: Any) -> dict[str, Any]:
    """Return a plain task definition with these members."""
    return {**TASK, **changes}


def container(**changes: Any) -> dict[str, Any]:
    """Return a plain task definition; its one container has these members."""
    return task(containerDefinitions=[{**CONTAINER, **changes}])


IN = "TaskDefinition.containerDefinitions[0]"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (task(networkMode=None), "TaskDefinition.networkMode must be text, not null; leave it out"),
        (task(containerDefinitions=[None]), f"{IN} must be a block of fields, not null; leave it out"),
        (task(memory=512), 'TaskDefinition.memory must be text, not 512; put quotes around it: "512"'),
        (task(cpu=0.5), 'TaskDefinition.cpu must be text, not 0.5; put quotes around it: "0.5"'),
        (task(family=5), 'TaskDefinition.family must be text, not 5; put quotes around it: "5"'),
        (task(family=None), "TaskDefinition.family must be text, not null; set a value"),
        (container(memory="100"), f'{IN}.memory must be an integer, not "100"; write 100 without quotes'),
        (container(memory="+5"), f'{IN}.memory must be an integer, not "+5"; write 5 without quotes'),
        (container(memory=100.0), f"{IN}.memory must be an integer, not 100.0; write 100"),
        (container(memory=1e300), f"{IN}.memory must be an integer, not 1e+300"),
        (container(memory=2.5), f"{IN}.memory must be an integer, not 2.5"),
        (container(memory="many"), f'{IN}.memory must be an integer, not "many"'),
        (container(memory=True), f"{IN}.memory must be an integer, not true"),
        (container(essential="true"), f'{IN}.essential must be true or false, not "true"; write true without quotes'),
        (container(essential=1), f"{IN}.essential must be true or false, not 1"),
        (container(image=True), f'{IN}.image must be text, not true; put quotes around it: "true"'),
        (container(image=[1]), f"{IN}.image must be text, not a list"),
        (container(command="run"), f"{IN}.command must be a list, not text; write it as a list: […]"),
        (container(command=["a", None]), f"{IN}.command[1] must be text, not null; leave it out"),
        (container(command=["sleep", 5]), f"{IN}.command[1] must be text, not a number; put quotes around it"),
        (container(dockerLabels={"a.b": 1}), f"{IN}.dockerLabels.a.b must be text, not a number; put quotes around it"),
        (container(dockerLabels=["a"]), f"{IN}.dockerLabels must be a map, not a list"),
        (container(healthCheck="x"), f'{IN}.healthCheck must be a block of fields, not "x"'),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_rejected_with_its_path_and_the_fix(document: Any, message: str) -> None:
    """The path has the indexes of AWS's messages."""
    assert problems_of(document) == [message]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (container(environment={"A": "b"}),
         f'{IN}.environment must be a list, not a map; write it as a list: [{{"name": …, "value": …}}]'),
        (container(environment={"name": "A", "value": "b"}),
         f"{IN}.environment must be a list, not a map; put it into a list: [{{…}}]"),
        (container(portMappings={"containerPort": 80}),
         f"{IN}.portMappings must be a list, not a map; put it into a list: [{{…}}]"),
        (task(tags={"team": "web"}),
         'TaskDefinition.tags must be a list, not a map; write it as a list: [{"key": …, "value": …}]'),
    ],
)  # fmt: skip
def test_a_map_in_place_of_a_list_is_rejected(document: Any, message: str) -> None:
    """The short form of tags and environment is valid in manifests only."""
    assert problems_of(document) == [message]


def test_a_value_that_may_be_secret_is_not_repeated() -> None:
    """The messages about environment, tags and options contain only the type of the value."""
    document = container(
        environment=[{"name": "A", "value": 1234}, {"name": "B", "value": None}],
        logConfiguration={"logDriver": "awslogs", "options": {"mode": 1234}},
    )
    assert problems_of(document) == [
        f"{IN}.environment[0].value must be text, not a number; put quotes around it",
        f"{IN}.environment[1].value must be text, not null; leave it out",
        f"{IN}.logConfiguration.options.mode must be text, not a number; put quotes around it",
    ]


def test_every_form_of_a_plain_document_is_checked() -> None:
    """The describe output, the tags next to it, and each of several services are checked."""
    service = {"serviceName": "api", "taskDefinition": "web", "desiredCount": "2"}
    count = 'Service.desiredCount must be an integer, not "2"; write 2 without quotes'
    assert problems_of(service) == [count]
    assert problems_of({"services": [{"serviceName": "web", "taskDefinition": "web"}, service], "failures": []}) == [
        count
    ]
    assert problems_of({"taskDefinition": task(memory=512), "tags": [{"key": "a", "value": 1}]}) == [
        'TaskDefinition.memory must be text, not 512; put quotes around it: "512"',
        "TaskDefinition.tags[0].value must be text, not a number; put quotes around it",
    ]


def test_the_fix_for_a_required_null_is_a_value() -> None:
    """A required field cannot be left out."""
    network = {"awsvpcConfiguration": {"subnets": None}}
    assert problems_of({"serviceName": "a", "taskDefinition": "a", "networkConfiguration": network}) == [
        'missing required field "subnets" in Service.networkConfiguration.awsvpcConfiguration',
        "Service.networkConfiguration.awsvpcConfiguration.subnets must be a list, not null; set a value",
    ]


def test_fields_of_the_describe_output_are_not_checked() -> None:
    """Fields that AWS sets are ignored with any value, also if a block of the service is taken from them."""
    connect = {"enabled": None}
    service = {
        "serviceName": "api",
        "clusterArn": "arn:c",
        "roleArn": None,
        "runningCount": "2",
        "deployments": [{"status": "PRIMARY", "serviceConnectConfiguration": connect, "desiredCount": None}],
        "clientToken": None,
    }
    assert [one for one in problems_of({"services": [service]}) if "must be" in one] == []
    assert problems_of(task(revision="3", registeredAt=None, requiresAttributes=None)) == []


def test_references_are_allowed_in_a_plain_document() -> None:
    """Text with a reference is accepted for any type."""
    environment = [{"name": "A", "value": "x${env:SIZE}"}]
    document = container(memory="${env:SIZE}", cpu="1${env:SIZE}", environment=environment)
    assert problems_of(document | {"memory": "${env:SIZE}"}) == []
    service = {
        "serviceName": "api",
        "taskDefinition": "${TaskDefinition/web}",
        "loadBalancers": [{**BALANCER, "targetGroupArn": "${TargetGroup/web}", "containerPort": "${env:SIZE}"}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": "${Network/main.subnetIds}"}},
    }
    others = {"resources": {"Network/main": {"default": True}, "TargetGroup/web": {"Port": 80, "Protocol": "HTTP"}}}
    ports = [{"containerPort": 256}]
    task = {**TASK, "networkMode": "awsvpc", "containerDefinitions": [{**CONTAINER, "portMappings": ports}]}
    found = problems_of(service, more={"b.json": task, "c.json": others})
    assert [one for one in found if "Service" in one] == []


def test_a_shell_variable_is_text() -> None:
    """`${MEMORY}` is not a reference."""
    assert problems_of(container(memory="${MEMORY}")) == [f'{IN}.memory must be an integer, not "${{MEMORY}}"']


LENIENT = container(memory="100", command=None, environment={"A": 1, "B": None}) | {"memory": 512, "networkMode": None}


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("a.yaml", LENIENT),
        ("a.yml", {"taskDefinition": LENIENT}),
        ("a.json", {"kind": "TaskDefinition", "metadata": {"name": "web"}, "spec": LENIENT}),
        ("a.json", {"resources": {"TaskDefinition/web": LENIENT}}),
    ],
)
def test_manifests_and_plain_yaml_are_checked_leniently(name: str, document: Any) -> None:
    """Null, digits for a number, a number for text, and a map for a list of pairs are accepted."""
    assert problems_of(document, name) == []


def patching(**patch: Any) -> dict[str, Any]:
    """Return an Application that patches the task definition `web`."""
    return {"kind": "Application", "metadata": {"name": "x"}, "spec": {"patches": {"TaskDefinition/web": patch}}}


def test_a_patch_of_a_plain_document_is_checked_leniently() -> None:
    """A mistake in the document is reported also if a patch replaces the value."""
    assert (
        problems_of(TASK, more={"app.json": patching(containerDefinitions={"web": {"memory": "100", "cpu": None}})})
        == []
    )
    assert problems_of(
        container(memory="100"), more={"app.json": patching(containerDefinitions={"web": {"memory": 1}})}
    ) == [f'{IN}.memory must be an integer, not "100"; write 100 without quotes']


def test_an_included_plain_document_is_checked_in_each_application() -> None:
    """Every application that includes the file has the problem."""
    app = {"kind": "Application", "metadata": {"name": "x"}, "spec": {"include": ["../base"]}}
    other = app | {"metadata": {"name": "y"}}
    files = {"x/app.json": app, "y/app.json": other, "base/a.json": task(memory=512)}
    loaded = load_files({name: json.dumps(content).encode() for name, content in files.items()})
    assert [(problem.application, problem.origin.file) for problem in loaded.problems] == [
        ("x", "base/a.json"),
        ("y", "base/a.json"),
    ]
    assert len(messages(loaded)) == 1


def test_one_mistake_is_reported_once() -> None:
    """Problems of the lenient check are reported too, with paths of the same form."""
    assert problems_of(container(command="run", imagge="x", portMappings=[{"containerPort": "80"}])) == [
        f"{IN}.command must be a list, not text; write it as a list: […]",
        f'unknown field "imagge" in {IN}; did you mean "image"?',
        f'{IN}.portMappings[0].containerPort must be an integer, not "80"; write 80 without quotes',
    ]


# ---------------------------------------------------------------- the same as botocore

ODD: tuple[Any, ...] = (None, True, 1, 1.0, 2.5, "a", "1", [], {}, [None], {"a": None})
NUMBERS: tuple[Type, ...] = ("integer", "long", "float", "double")
REFUSED = re.compile(r"Invalid type for parameter ([^,]+), value: ")


def one_odd_value(shape: Shape) -> Iterator[Any]:
    """Yield values of a shape, each with one odd value, for every place of the shape."""
    # A boolean is a number in Python, so botocore accepts it, but AWS does not.
    yield from (odd for odd in ODD if odd is not True or shape.type not in NUMBERS)
    if shape.type == "structure":
        for name, inner in shape.members.items():
            yield from ({name: below} for below in one_odd_value(inner))
    elif shape.element is not None:
        wrapped = (lambda below: [below]) if shape.type == "list" else (lambda below: {"key": below})
        yield from map(wrapped, one_odd_value(shape.element))


@pytest.mark.parametrize("number", NUMBERS)
def test_a_boolean_is_not_a_number(number: Type) -> None:
    """AWS rejects a boolean in place of a number, although botocore accepts it."""
    shape = structure({"f": Fixed(type=number)})
    for value, count in ((True, 1), (0, 0)):
        assert len(mistyped(to_nodes({"f": value}, Origin("a.json")), shape, name="X")) == count


@pytest.mark.parametrize(
    ("kind", "operation"), [("TaskDefinition", "RegisterTaskDefinition"), ("Service", "CreateService")]
)
def test_the_rejected_places_are_those_of_botocore(kind: str, operation: str) -> None:
    """In every place of the two inputs, ecsync and botocore accept and reject the same values."""
    shape_of = BY_NAME[kind].shape
    assert shape_of is not None
    shape, theirs = shapes.load(shape_of), get_session().get_service_model("ecs").operation_model(operation).input_shape
    tried = 0
    for body in (one for one in one_odd_value(shape) if isinstance(one, dict)):
        found = mistyped(to_nodes(body, Origin("a.json")), shape, name=kind)
        refused = REFUSED.findall(ParamValidator().validate(body, theirs).generate_report())
        assert [one.message.partition(" must be ")[0] for one in found] == [f"{kind}.{path}" for path in refused], body
        tried += bool(refused)
    assert tried > 1000
