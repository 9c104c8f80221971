"""The public API: accepted documents, results and errors."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from ecsync import FieldChange, compare
from ecsync.core.redact import Redacted

TASK: dict[str, Any] = {
    "family": "web",
    "containerDefinitions": [
        {"name": "web", "image": "web:1", "memory": 64, "environment": [{"name": "A", "value": "1"}]}
    ],
}
REGISTERED: dict[str, Any] = {
    **TASK,
    "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111111111111:task-definition/web:7",
    "revision": 7,
    "status": "ACTIVE",
    "networkMode": "bridge",
}
SERVICE: dict[str, Any] = {"serviceName": "web", "cluster": "prod", "taskDefinition": "web:7", "desiredCount": 2}
DESCRIBED: dict[str, Any] = {
    "serviceName": "web",
    "clusterArn": "arn:aws:ecs:eu-west-1:111111111111:cluster/prod",
    "taskDefinition": "arn:aws:ecs:eu-west-1:111111111111:task-definition/web:7",
    "desiredCount": 2,
    "status": "ACTIVE",
}


def paths(kind: str, desired: Any, live: Any, **context: Any) -> list[tuple[str | int, ...]]:
    return [one.path for one in compare(kind, desired, live, context=context or None)]


def test_importing_ecsync_loads_neither_boto3_nor_the_kinds() -> None:
    program = "import sys, ecsync; assert not {'boto3', 'botocore', 'ecsync.kinds'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_comparing_does_not_load_boto3() -> None:
    program = "import sys; from ecsync import compare; compare('Cluster', {}, {}); assert 'boto3' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_change_has_the_live_value_the_desired_value_and_the_effect() -> None:
    changed = {**DESCRIBED, "taskDefinition": "arn:aws:ecs:eu-west-1:111111111111:task-definition/web:6"}
    assert compare("Service", SERVICE, changed) == (
        FieldChange(path=("taskDefinition",), before="web:6", after="web:7", effect="rolls-tasks"),
    )


def test_the_output_of_the_aws_cli_is_accepted_as_live() -> None:
    assert not compare("TaskDefinition", TASK, {"taskDefinition": REGISTERED, "tags": []})
    assert not compare("Service", SERVICE, {"services": [DESCRIBED], "failures": []})
    assert paths("TaskDefinition", {**TASK, "tags": {"a": "b"}}, {"taskDefinition": REGISTERED, "tags": []}) == [
        ("tags",)
    ]


def test_the_describe_output_is_accepted_as_desired() -> None:
    connect = {"enabled": True, "namespace": "arn:aws:servicediscovery:eu-west-1:1:namespace/ns-1"}
    primary = {"status": "PRIMARY", "serviceConnectConfiguration": connect}
    printed = {**DESCRIBED, "deployments": [primary], "tags": [{"key": "aws:x", "value": "1"}]}
    assert not compare("Service", {"services": [printed]}, printed)
    assert paths("Service", SERVICE, printed) == [("serviceConnectConfiguration",)]


def test_a_map_may_replace_a_list_of_pairs_on_either_side() -> None:
    container = {**TASK["containerDefinitions"][0], "environment": {"A": 1}}
    mapped = {**TASK, "containerDefinitions": [container]}
    assert not compare("TaskDefinition", mapped, REGISTERED)
    assert not compare("TaskDefinition", TASK, mapped)
    assert not compare("Cluster", {"tags": {"a": "b"}}, {"tags": [{"key": "a", "value": "b"}]})


def test_a_sensitive_value_is_redacted() -> None:
    other = {**TASK, "containerDefinitions": [{**TASK["containerDefinitions"][0], "environment": {"A": "secret"}}]}
    (one,) = compare("TaskDefinition", other, REGISTERED)
    assert isinstance(one.before, Redacted)
    assert isinstance(one.after, Redacted)


def test_tags_never_register_a_revision() -> None:
    (one,) = compare("TaskDefinition", {**TASK, "tags": {"a": "b"}}, REGISTERED)
    assert one.effect == "in-place"


@pytest.mark.parametrize(("live", "found"), [(3, []), (9, [("desiredCount",)])])
def test_a_count_between_the_bounds_of_the_autoscaler_is_no_difference(live: int, found: list[Any]) -> None:
    target = {"MinCapacity": 2, "MaxCapacity": 4}
    assert paths("Service", SERVICE, {**DESCRIBED, "desiredCount": live}, scalableTarget=target) == found
    assert paths("Service", SERVICE, {**DESCRIBED, "desiredCount": live}) == [("desiredCount",)]


def test_a_namespace_name_equals_its_arn_if_the_context_has_it() -> None:
    arn = "arn:aws:servicediscovery:eu-west-1:1:namespace/ns-1"
    by_name = {**SERVICE, "serviceConnectConfiguration": {"enabled": True, "namespace": "prod"}}
    by_arn = {**DESCRIBED, "serviceConnectConfiguration": {"enabled": True, "namespace": arn}}
    assert paths("Service", by_name, by_arn)
    assert not paths("Service", by_name, by_arn, namespaceArnByName={"prod": arn})


def test_a_target_group_has_its_own_name_or_that_of_its_replacement() -> None:
    desired = {"Name": "web", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1"}
    live = {name: value for name, value in desired.items() if name != "Name"}
    assert not compare("TargetGroup", desired, {**live, "TargetGroupName": "web-0a1b2c"})
    assert paths("TargetGroup", desired, {**live, "TargetGroupName": "api"}) == [("Name",)]


@pytest.mark.parametrize(
    ("kind", "desired", "live", "context", "message"),
    [
        ("Servce", {}, {}, None, 'unknown kind \'Servce\'; did you mean "Service"?'),
        ("Network", {}, {}, None, "Network cannot be compared: it is a lookup, without a body"),
        ("Service", [], {}, None, "desired must be a mapping, not list"),
        ("Service", {}, None, None, "live must be a mapping, not NoneType"),
        ("Cluster", {"Settings": 1}, {}, None, 'unknown field "Settings" in Cluster; did you mean "settings"?'),
        ("Service", {"desiredCount": "two"}, {}, None, 'Service.desiredCount must be an integer, not "two"'),
        ("Service", {}, {"desiredCount": "two"}, None, "live: Service.desiredCount must be of type integer, not str"),
        ("Service", {}, {"deployments": "x"}, None, "live: Service.deployments must be of type list, not str"),
        ("Service", {}, {"services": [{}, {}]}, None, "services must contain exactly one Service, not 2 documents"),
        ("Service", {}, {}, {"scalable": {}}, "unknown context 'scalable'; did you mean \"scalableTarget\"?"),
    ],
)  # fmt: skip
def test_the_message_about_an_invalid_body_contains_the_reason(
    kind: str, desired: Any, live: Any, context: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        compare(kind, desired, live, context=context)
    assert str(refused.value) == message


def test_a_message_has_at_most_five_problems() -> None:
    with pytest.raises(ValueError, match=r"\(and 2 more\)"):
        compare("Service", {f"x{number}": 1 for number in range(7)}, {})
