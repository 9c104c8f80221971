"""Shapes of botocore's models."""

from __future__ import annotations

import subprocess
import sys

import pytest
from botocore.loaders import Loader

from ecsync.awsmodel import shapes
from ecsync.core.kind import ShapeOf


def test_the_body_is_the_input_with_the_changes_of_the_kind() -> None:
    """Members are omitted, added and replaced, and the required members change with them."""
    shape = shapes.load(
        ShapeOf(
            operation="logs.CreateLogGroup",
            omit=("kmsKeyId",),
            extra={
                "retentionInDays": "logs.PutRetentionPolicy:retentionInDays",
                "tags": "any",
                "names": "strings",
                "m": "map",
            },
            optional=("logGroupName",),
            required=("names",),
        )
    )
    assert "kmsKeyId" not in shape.members
    assert shape.members["retentionInDays"].type == "integer"
    assert shape.members["tags"].type == "any"
    names = shape.members["names"]
    assert (names.type, names.element and names.element.type) == ("list", "string")
    assert shape.members["m"].type == "map"
    assert shape.required == {"names"}


def test_the_describe_path_gives_the_shape_of_the_output() -> None:
    """A path may go through lists."""
    shape = shapes.load(ShapeOf(operation="", describe="ecs.DescribeServices:services[]"))
    assert {"serviceArn", "runningCount", "deployments"} <= set(shape.members)
    revision = shapes.at_path(
        "ecs.DescribeTaskDefinition:taskDefinition.containerDefinitions[].environment[]", side="output"
    )
    assert set(revision.members) == {"name", "value"}


def test_enums_bounds_and_documentation_are_those_of_aws() -> None:
    """The values are those of the member in the model."""
    shape = shapes.load(ShapeOf(operation="elbv2.CreateTargetGroup"))
    assert shape.members["Port"].bounds == (1, 65535)
    assert "HTTP" in shape.members["Protocol"].enum
    assert "target group" in shape.members["Name"].documentation
    assert shape.name == "CreateTargetGroupInput"


def test_values_that_the_model_lacks_are_in_a_table_with_their_source() -> None:
    """They are in inputs and outputs. A value that the installed botocore lists must not be in the table."""
    taken = shapes.load(ShapeOf(operation="ecs.RegisterTaskDefinition")).members["networkMode"].enum
    printed = shapes.at_path("ecs.DescribeTaskDefinition:taskDefinition.networkMode", side="output").enum
    assert taken == printed == ("bridge", "host", "awsvpc", "none", "default")
    for service, by_shape in shapes.beyond_the_model().items():
        shipped = Loader().load_service_model(service, "service-2")["shapes"]
        for name, values in by_shape.items():
            assert not {*values} & {*shipped[name]["enum"]}
            assert all(values.values()), name


def test_a_shape_may_contain_itself() -> None:
    """Members are built on first use."""
    shape = shapes.at_path("wafv2.CreateRuleGroup:Rules[].Statement.NotStatement.Statement", side="input")
    assert shape.type == "structure"


def test_equal_requests_give_the_same_shape() -> None:
    """Shapes are cached."""
    assert shapes.load(ShapeOf(operation="ecs.CreateService")) is shapes.load(ShapeOf(operation="ecs.CreateService"))


def test_a_wrong_path_raises_an_error() -> None:
    """A path to a member that does not exist is an error of the kind."""
    shape = shapes.load(ShapeOf(operation="ecs.CreateService", extra={"x": "ecs.CreateService:nope"}))
    with pytest.raises(KeyError):
        len(shape.members)


def test_importing_shapes_loads_neither_botocore_nor_boto3() -> None:
    """Loading the first shape imports botocore, but not boto3."""
    script = (
        "import sys; from ecsync.awsmodel import shapes; assert 'botocore' not in sys.modules;"
        "from ecsync.core.kind import ShapeOf; shapes.load(ShapeOf(operation='ecs.CreateService')).members;"
        "assert 'boto3' not in sys.modules and 'botocore.session' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
