"""The check of bodies against botocore's shapes: coercion and problems."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.awsmodel import shapes
from ecsync.core.kind import ShapeOf
from ecsync.core.model import Key, Origin, Ref, Text
from ecsync.core.rules import CommaList, Keyed, Sensitive
from ecsync.core.schema import ANY, BOOLEAN, Fixed, listing, mapping, structure
from ecsync.language.check import Checked, check
from ecsync.language.nodes import Node, WrittenFloat

SERVICE = ShapeOf(operation="ecs.CreateService", describe="ecs.DescribeServices:services[]", optional=("serviceName",))
TASK = ShapeOf(operation="ecs.RegisterTaskDefinition", required=("cpu",), optional=("family",))
REF = Text((Ref(Key(application="a", kind="Network", name="n"), "subnetIds"),))

SUBNETS = "X.networkConfiguration.awsvpcConfiguration.subnets "


def checked(body: dict[str, Any], shape_of: ShapeOf = SERVICE, **more: Any) -> Checked:
    """Check a body against the shape of a kind."""
    return check(body, shapes.load(shape_of), name="X", **more)


def messages(result: Checked) -> list[str]:
    """Return the messages of the problems."""
    return [finding.message for finding in result.problems]


@pytest.mark.parametrize(
    ("type_", "written", "sent"),
    [
        ("string", "a", "a"), ("string", True, "true"), ("string", False, "false"), ("string", 8080, "8080"),
        ("string", WrittenFloat(1.1, "1.10"), "1.10"), ("string", 0.5, "0.5"),
        ("string", WrittenFloat(1000.0, "1e3"), "1e3"),
        ("integer", 3, 3), ("integer", "3", 3), ("integer", "-3", -3), ("long", 3.0, 3),
        ("double", 3, 3.0), ("float", "2.5", 2.5), ("double", ".5", 0.5),
        ("boolean", True, True), ("boolean", "true", True), ("boolean", "false", False),
        ("timestamp", "2026-01-02", "2026-01-02"), ("timestamp", 17, "17"), ("blob", "x", "x"),
        ("any", {"a": [1, None]}, {"a": [1, None]}),
    ],
)  # fmt: skip
def test_a_scalar_is_coerced_to_the_type_of_aws(type_: Any, written: Any, sent: Any) -> None:
    """A coerced number keeps its written form."""
    result = check({"f": written}, structure({"f": Fixed(type=type_)}), name="X")
    assert messages(result) == []
    assert result.body == {"f": sent}
    assert type(result.body["f"]) is type(sent)


@pytest.mark.parametrize(
    ("type_", "written", "message"),
    [
        ("integer", True, "X.f must be an integer, not true"),
        ("integer", 2.5, "X.f must be an integer, not 2.5"),
        ("integer", "2.0", 'X.f must be an integer, not "2.0"'),
        ("integer", "٣", 'X.f must be an integer, not "٣"'),
        ("double", True, "X.f must be a number, not true"),
        ("double", float("inf"), "X.f must be a number, not inf"),
        ("double", "1e3", 'X.f must be a number, not "1e3"'),
        ("boolean", 1, "X.f must be true or false, not 1"),
        ("boolean", "yes", 'X.f must be true or false, not "yes"'),
        ("boolean", "True", 'X.f must be true or false, not "True"'),
        ("string", ["a"], "X.f must be text, not a list"),
        ("timestamp", True, "X.f must be a time, not true"),
        ("structure", "a", 'X.f must be a block of fields, not "a"'),
        ("structure", REF, 'X.f must be a block of fields, not "${Network/n.subnetIds}"'),
    ],
)
def test_a_scalar_of_another_type_is_rejected(type_: Any, written: Any, message: str) -> None:
    """The message contains the required type and the written value."""
    assert messages(check({"f": written}, structure({"f": Fixed(type=type_)}), name="X")) == [message]


def test_null_stays_at_the_top_level_and_is_removed_below() -> None:
    """At the top level null means AWS's default. Below, it means the same as an absent field."""
    body = {
        "cluster": None,
        "deploymentConfiguration": {"maximumPercent": None, "alarms": None},
        "loadBalancers": [None],
    }
    assert checked(body).body == {"cluster": None, "deploymentConfiguration": {}, "loadBalancers": []}


def test_a_map_may_replace_a_list_of_pairs() -> None:
    """Tags, environment, secrets and attributes may be maps. An entry with null is removed."""
    task = {
        "cpu": "256",
        "tags": {"team": "web"},
        "containerDefinitions": [
            {
                "environment": {"A": True, "B": 8080, "C": "", "D": None},
                "secrets": {"P": "arn"},
                "dockerLabels": {"x": 1},
                "logConfiguration": {"logDriver": "awslogs", "options": {"mode": False}},
            }
        ],
    }
    result = checked(task, TASK, tags="tags")
    assert messages(result) == []
    container = result.body["containerDefinitions"][0]
    assert result.body["tags"] == [{"key": "team", "value": "web"}]
    assert container["environment"] == [
        {"name": "A", "value": "true"},
        {"name": "B", "value": "8080"},
        {"name": "C", "value": ""},
    ]
    assert container["secrets"] == [{"name": "P", "valueFrom": "arn"}]
    assert container["dockerLabels"] == {"x": "1"}
    assert container["logConfiguration"]["options"] == {"mode": "false"}


def test_tags_in_every_style() -> None:
    """Tags of a group may have more members, and the tag list of a log group becomes a map."""
    group = ShapeOf(operation="autoscaling.CreateAutoScalingGroup", optional=("AutoScalingGroupName",))
    body = {"MinSize": 0, "MaxSize": 1, "Tags": {"a": "b"}}
    assert checked(body, group, tags="Tags").body["Tags"] == [{"Key": "a", "Value": "b"}]
    logs = ShapeOf(operation="logs.CreateLogGroup", optional=("logGroupName",))
    twice = checked({"tags": [{"key": "a", "value": 1}, {"key": "a", "value": 2}]}, logs, tags="tags")
    assert twice.body == {"tags": {"a": "2"}}
    assert messages(twice) == ['duplicate "a" in X.tags; remove one of them']


def test_duplicate_keys_are_rejected() -> None:
    """Names are unique in lists of pairs and in every list with a `Keyed` row."""
    rules = (Keyed(path="containerDefinitions", key=("name",)),)
    body = {"cpu": 256, "containerDefinitions": [{"name": "a"}, {"name": "a"}, {"name": "b"}]}
    result = checked(body, TASK, rules=rules)
    assert messages(result) == [
        'duplicate "a" in X.containerDefinitions: already declared on line 1; remove one of them'
    ]
    tags = {"tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}, {"key": "A", "value": "3"}]}
    assert messages(checked(tags)) == ['duplicate "a" in X.tags: already declared on line 1; remove one of them']


def test_an_element_without_its_key_is_rejected() -> None:
    """AWS's model does not require the member, but nothing else identifies the element; a patch may lack it.

    A pair without a `Keyed` row is no such element: a condition on a query string may have a value alone.
    """
    rules = (Keyed(path="containerDefinitions", key=("name",)),)
    body = {"cpu": 256, "containerDefinitions": [{"image": "a"}], "tags": [{"value": "1"}]}
    assert messages(checked(body, TASK, rules=rules)) == ['missing required field "name" in X.containerDefinitions[0]']
    assert messages(checked(body, TASK, rules=rules, partial=True)) == []


def test_fields_of_the_describe_output_are_ignored_with_a_note() -> None:
    """Server-owned fields and tokens are accepted in a manifest."""
    body = {"serviceName": "a", "serviceArn": "x", "runningCount": 2, "status": "ACTIVE", "clientToken": "t"}
    result = checked(body, describe=shapes.load(ShapeOf(operation="", describe=SERVICE.describe)))
    assert messages(result) == []
    assert result.body == {"serviceName": "a"}
    assert [finding.message for finding in result.notes] == [
        'ignored "serviceArn": AWS sets it',
        'ignored "runningCount": AWS sets it',
        'ignored "status": AWS sets it',
        'ignored "clientToken": ecsync generates its own',
    ]


def test_a_reference_is_accepted_for_any_value_of_its_type() -> None:
    """A reference passes enums and bounds. A list in place of one value, or the reverse, is a problem."""
    one = Text((Ref(Key(application="a", kind="Cluster", name="c"), "arn"),))
    lists = {REF.refs[0]}.__contains__
    network = {"awsvpcConfiguration": {"subnets": REF, "securityGroups": [one, REF]}}
    body = {"cluster": one, "launchType": one, "desiredCount": one, "networkConfiguration": network}
    result = checked(body, lists=lists)
    assert messages(result) == []
    assert result.body == body
    wrong = {"cluster": REF, "networkConfiguration": {"awsvpcConfiguration": {"subnets": one}}}
    assert messages(checked(wrong, lists=lists)) == [
        "X.cluster must be one value, but ${Network/n.subnetIds} is a list; use an output that is one value",
        SUBNETS + 'must be a list, but ${Cluster/c.arn} is one value; write ["${Cluster/c.arn}"]',
    ]


def test_a_comma_separated_text_may_be_a_list() -> None:
    """The elements are joined with commas, also if they are references."""
    group = ShapeOf(operation="autoscaling.CreateAutoScalingGroup", optional=("AutoScalingGroupName",))
    rules = (CommaList(path="VPCZoneIdentifier"),)
    sizes = {"MinSize": 0, "MaxSize": 1}

    def zone(value: Any) -> Any:
        result = checked(sizes | {"VPCZoneIdentifier": value}, group, rules=rules, lists=lambda _: True)
        assert messages(result) == []
        return result.body["VPCZoneIdentifier"]

    assert zone(["a", "b"]) == "a,b"
    assert zone(REF) == REF
    assert zone([REF, "b"]) == Text((REF.refs[0], ",b"))


def test_required_fields_are_those_of_aws_and_of_the_kind() -> None:
    """`required` adds fields, `optional` removes them, null counts as absent, and a partial body requires none."""
    assert messages(checked({"containerDefinitions": None}, TASK)) == [
        'missing required field "containerDefinitions" in X',
        'missing required field "cpu" in X',
    ]
    assert messages(checked({}, TASK, partial=True)) == []


def test_sensitive_values_are_not_repeated() -> None:
    """In environment, tags and fields with a `Sensitive` row, a message contains only the type of the value."""
    shape = structure({"tags": mapping(BOOLEAN), "other": BOOLEAN})
    result = check({"tags": {"a": "hunter2"}, "other": "hunter2"}, shape, name="X", rules=(Sensitive(path="other"),))
    assert messages(result) == ["X.tags.a must be true or false, not text", "X.other must be true or false, not text"]


def test_the_check_stops_after_a_hundred_problems() -> None:
    """Two problems more are possible, at the levels above."""
    assert 100 <= len(messages(checked({f"f{number}": 1 for number in range(1000)}))) <= 102


def test_a_long_value_is_shortened_and_control_characters_are_not_printed() -> None:
    """A message is short, and cannot control the terminal."""
    (message,) = messages(checked({"launchType": "\x1b[31m" + "x" * 500}))
    assert "\x1b" not in message
    assert len(message) < 250


def test_every_checked_value_keeps_its_origin() -> None:
    """A value keeps its origin when a map becomes a list."""
    node = Node({"tags": Node({"a": Node(1, Origin("f", 3))}, Origin("f", 2))}, Origin("f", 1))
    result = check(node, shapes.load(SERVICE), name="X", tags="tags")
    assert result.node.value["tags"].value[0].origin.line == 3


def test_free_form_members_are_not_changed() -> None:
    """A policy document keeps its own types."""
    document = {"Statement": [{"Effect": "Allow", "Condition": {"Bool": {"x": True}}, "Sid": None}]}
    assert check({"p": document}, structure({"p": ANY, "l": listing(ANY)}), name="X").body == {"p": document}
