"""Service: ECS's defaults, values that other clients decide, and the smallest update of a change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from ecsync.core.diff import UnmanagedValue, differences
from ecsync.core.marks import OWNER
from ecsync.core.model import Absent, Create, Delete, Desired, Documents, Key, Present, Ref, Replace, Text, Unreadable
from ecsync.core.ports import AwsError
from ecsync.core.trees import Body, dotted, thaw
from ecsync.kinds._common import without
from ecsync.kinds.ecs._service_read import present_of
from ecsync.kinds.ecs.service import KIND
from ecsync.report.changes import change_lines, left_to
from tests.kinds.ecs import answers
from tests.kinds.ecs.answers import Reader
from tests.kinds.elbv2.answers import refused
from tests.kinds.infra import (
    Case,
    Moto,
    cases,
    compare,
    compiled,
    converges,
    denied,
    desired,
    key,
    missing,
    plan_of,
    update,
    wanted,
)

CASES = [*cases("service"), *cases("taskSet")]
# A family alone matches each of its revisions: the content of a revision is compared by TaskDefinition.
UNCERTAIN = {"der-sv-taskdef-family"}
# Values of AWS, and values that other clients decide if they are not declared.
UNSEEN = {
    "availabilityZoneRebalancing",
    "capacityProviderStrategy.[].base",
    "capacityProviderStrategy.[].capacityProvider",
    "capacityProviderStrategy.[].weight",
    "createdAt",
    "createdBy",
    "deploymentConfiguration.bakeTimeInMinutes",
    *(f"deployments.[].{name}" for name in ("desiredCount", "failedTasks", "id", "launchType", "pendingCount")),
    *(f"deployments.[].{name}" for name in ("platformVersion", "rolloutState", "runningCount", "status")),
    "deployments.[].taskDefinition",
    "desiredCount",
    "events.[].id",
    "events.[].message",
    "loadBalancers.[].targetGroupArn",
    "id",
    "pendingCount",
    "platformFamily",
    "platformVersion",
    "roleArn",
    "runningCount",
    "scale.unit",
    "scale.value",
    "serviceArn",
    "status",
    "tags.[].key",
    "tags.[].value",
    "taskDefinition",
    "taskSets.[].id",
}
ARN = answers.arn("service/prod/web")
SEVEN, EIGHT = answers.arn("task-definition/web:7"), answers.arn("task-definition/web:8")
GROUP = "arn:aws:elasticloadbalancing:us-east-1:111111111111:targetgroup/web/1"
LIVE: dict[str, Any] = {
    "serviceName": "web",
    "serviceArn": ARN,
    "clusterArn": answers.arn("cluster/prod"),
    "status": "ACTIVE",
    "taskDefinition": SEVEN,
    "desiredCount": 2,
    "runningCount": 2,
    "pendingCount": 0,
    "launchType": "EC2",
    "schedulingStrategy": "REPLICA",
    "deploymentConfiguration": {
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "strategy": "ROLLING",
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    },
    "healthCheckGracePeriodSeconds": 0,
    "deployments": [{"id": "1", "status": "PRIMARY", "rolloutState": "COMPLETED", "taskDefinition": SEVEN}],
}
BODY: dict[str, Any] = {"cluster": "prod", "serviceName": "web", "taskDefinition": SEVEN, "desiredCount": 2}
ADDRESS = {"cluster": "prod", "service": "web"}
FARGATE = {"launchType": "FARGATE", "platformVersion": "1.4.0"}
BALANCED = {"loadBalancers": [{"targetGroupArn": GROUP, "containerName": "web", "containerPort": 80}]}
STRATEGY = {"capacityProviderStrategy": [{"capacityProvider": "mine", "weight": 1}]}


def live_of(live: Mapping[str, Any], declared: Mapping[str, Any], case: Case) -> Present:
    cluster = {"clusterArn": live["cluster"], "serviceName": live["service"]} if "scale" in live else {}
    found = present_of({**live, **cluster}, declared, revision={})
    return replace(found, facts={**found.facts, **(case.get("context") or {})})


def named(case: Case) -> Case:
    """Return the case of a task set as a case of its service."""
    body = dict(case["desired"])
    return {**case, "desired": {"serviceName": body.pop("service"), **body}} if "service" in body else case


def live(**more: Any) -> Present:
    return present_of({**LIVE, **more}, BODY)


def scaled(least: int, most: int, count: int, **suspended: bool) -> Present:
    target = {"MinCapacity": least, "MaxCapacity": most, "SuspendedState": suspended}
    return present_of({**LIVE, "desiredCount": count}, BODY, target=target)


def sent(body: Mapping[str, Any], observed: Present) -> Any:
    assert KIND.calls is not None
    calls = KIND.calls(update(KIND, body, observed))
    assert refused(calls) == []
    assert len(calls) <= 1
    assert all(call.name == "ecs.UpdateService" for call in calls)
    return compiled(calls)[0][1] if calls else None


# ---------------------------------------------------------------- equivalence


@pytest.mark.skipif("ECSYNC_CASES" not in os.environ, reason="ECSYNC_CASES is not set")
def test_the_whole_collection_is_run_if_it_is_configured() -> None:
    assert {"captured", "documented"} <= {case["confidence"] for case in CASES}


@pytest.mark.parametrize("case", [case for case in CASES if case["id"] not in UNCERTAIN], ids=lambda case: case["id"])
def test_a_case_differs_if_and_only_if_aws_treats_it_differently(case: Case) -> None:
    assert answers.equivalent(KIND, live_of, named(case)) == case["equivalent"], case["note"]


@pytest.mark.parametrize("case", [case for case in CASES if case["id"] in UNCERTAIN], ids=lambda case: case["id"])
def test_a_family_alone_matches_each_of_its_revisions(case: Case) -> None:
    assert answers.equivalent(KIND, live_of, case)
    assert compare(KIND, {**BODY, "taskDefinition": "other"}, live()).fields


@pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
def test_only_values_of_aws_and_other_clients_are_not_compared(case: Case) -> None:
    assert answers.unseen(KIND, live_of, named(case)) <= UNSEEN


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_normalising_twice_changes_nothing(case: Case) -> None:
    assert answers.settled(KIND, live_of, named(case))


def test_every_declared_member_of_a_full_service_is_compared() -> None:
    body = {**BODY, "availabilityZoneRebalancing": "DISABLED", "role": "ecs", "platformVersion": "1.4.0", **STRATEGY}
    same = {**LIVE, "roleArn": "arn:aws:iam::1:role/ecs", "platformVersion": "1.4.0", "launchType": None, **STRATEGY}
    assert compare(KIND, body, present_of(same, body)).fields == ()
    for change in (
        {"availabilityZoneRebalancing": "ENABLED"},
        {"roleArn": "arn:aws:iam::1:role/other"},
        {"platformVersion": "1.3.0"},
        {"capacityProviderStrategy": [{"capacityProvider": "mine", "weight": 2}]},
        {"taskDefinition": EIGHT},
        {"desiredCount": 3},
    ):
        assert compare(KIND, body, present_of({**same, **change}, body)).fields, change


def test_members_of_a_deployment_are_read_from_the_primary_one() -> None:
    connect = {"enabled": True, "services": [{"portName": "http", "clientAliases": [{"port": 80, "dnsName": "x.y"}]}]}
    deployments = [
        {"status": "ACTIVE", "serviceConnectConfiguration": connect},
        {"status": "PRIMARY", "volumeConfigurations": [{"name": "data"}]},
    ]
    observed = live(deployments=deployments)
    assert "serviceConnectConfiguration" not in observed.body
    assert observed.body["volumeConfigurations"] == [{"name": "data"}]


def test_a_member_that_no_call_returns_is_not_compared() -> None:
    body = {**BODY, "monitoring": {"metricConfigurations": []}, "brandNew": 1}
    observed = present_of(LIVE, body)
    assert observed.facts["notReturned"] == ["monitoring", "brandNew"]
    assert compare(KIND, body, observed).fields == ()


# ---------------------------------------------------------------- who decides


@pytest.mark.parametrize(
    ("observed", "count"),
    [
        (scaled(2, 4, 3), None),
        (scaled(2, 4, 7), 4),
        (scaled(2, 4, 1), 2),
        (scaled(2, 4, 0), 2),
    ],
)
def test_the_autoscaler_decides_the_count_in_its_range_and_outside_the_nearest_bound_is_sent(
    observed: Present, count: int | None
) -> None:
    expected = None if count is None else {**ADDRESS, "desiredCount": count}
    assert sent(BODY, observed) == expected
    undeclared = {name: value for name, value in BODY.items() if name != "desiredCount"}
    assert sent(undeclared, observed) == expected


BEYOND = "3, left to the autoscaler (2 to 4), and the declared count is beyond its MaxCapacity; declared: 9"


@pytest.mark.parametrize(
    ("observed", "declared", "expected"),
    [
        (scaled(2, 4, 3), 2, "3, left to the autoscaler (2 to 4); declared: 2"),
        (scaled(2, 4, 3), 9, BEYOND),
        (scaled(2, 4, 3), 3, ""),
        (scaled(2, 4, 3), None, ""),
        (scaled(2, 4, 1), 3, "1 → 2 [drift] (clamped to MinCapacity of the autoscaler (2 to 4); declared: 3)"),
        (scaled(2, 4, 7), None, "7 → 4 [drift] (clamped to MaxCapacity of the autoscaler (2 to 4))"),
    ],
)
def test_what_the_autoscaler_decides_is_a_value_left_to_it_or_a_note_on_the_change(
    observed: Present, declared: int | None, expected: str
) -> None:
    found = compare(KIND, {**BODY, "desiredCount": declared}, observed)
    lines = [line for one in found.fields for line in change_lines(one)]
    lines += [
        f"{dotted(one.path)}: {one.value}, {left_to(one.owner, one.declared)}"
        for one in found.unmanaged
        if one.declared is not None
    ]
    assert lines == ([f"desiredCount: {expected}"] if expected else [])


def test_the_manifest_decides_the_count_while_scaling_is_suspended() -> None:
    all_three = dict.fromkeys(
        ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), True
    )
    assert sent(BODY, scaled(2, 4, 3, **all_three)) == {**ADDRESS, "desiredCount": 2}
    assert sent(BODY, scaled(2, 4, 3, DynamicScalingInSuspended=True)) is None


def test_the_count_of_a_daemon_is_not_compared() -> None:
    body = {**BODY, "schedulingStrategy": "DAEMON"}
    target = {"MinCapacity": 1, "MaxCapacity": 2}
    observed = present_of({**LIVE, "schedulingStrategy": "DAEMON", "desiredCount": 17}, BODY, target=target)
    assert "desiredCount" not in str(compare(KIND, body, observed).fields)


def test_the_default_strategy_of_the_cluster_is_left_alone() -> None:
    assert sent(BODY, live(launchType=None, **STRATEGY)) is None


@pytest.mark.parametrize("strategy", ["BLUE_GREEN", "LINEAR", "CANARY"])
def test_an_undeclared_bake_time_is_left_alone_and_rolling_has_none(strategy: str) -> None:
    configuration = {**LIVE["deploymentConfiguration"], "strategy": strategy}
    baking = live(deploymentConfiguration={**configuration, "bakeTimeInMinutes": 5})
    path = ("deploymentConfiguration", "bakeTimeInMinutes")

    def body(**members: Any) -> dict[str, Any]:
        return {**BODY, "deploymentConfiguration": {"strategy": strategy, **members}}

    found = compare(KIND, body(), baking)
    assert found.fields == ()
    assert UnmanagedValue(path=path, value=5, owner="AWS") in found.unmanaged
    assert [one.path for one in compare(KIND, body(bakeTimeInMinutes=7), baking).fields] == [path]
    assert sent(body(maximumPercent=150), baking)["deploymentConfiguration"]["bakeTimeInMinutes"] == 5
    rolling = {one.path: (one.before, one.after) for one in compare(KIND, BODY, baking).fields}
    assert rolling[path] == (5, 0)
    assert rolling["deploymentConfiguration", "strategy"] == (strategy, "ROLLING")


# ---------------------------------------------------------------- calls


def test_a_create_sends_the_declared_members_and_our_marks() -> None:
    assert KIND.calls is not None
    body = {**BODY, "tags": {"team": "a"}, "role": None, "taskDefinition": answers.ref("TaskDefinition", "web", "arn")}
    (call,) = KIND.calls(Create(desired=desired(KIND, body), marks={OWNER: "o"}))
    tags = [{"key": "team", "value": "a"}, {"key": OWNER, "value": "o"}]
    assert call.name == "ecs.CreateService"
    assert call.params == {**BODY, "taskDefinition": body["taskDefinition"], "tags": tags}
    assert call.captures == {"name": ("service", "serviceName"), "arn": ("service", "serviceArn")}
    assert refused([call]) == []


@pytest.mark.parametrize(("strategy", "count"), [("REPLICA", 1), ("DAEMON", None)])
def test_a_create_without_a_count_sends_one_unless_it_is_a_daemon(strategy: str, count: int | None) -> None:
    assert KIND.calls is not None
    body = {"serviceName": "web", "taskDefinition": "web", "schedulingStrategy": strategy}
    (call,) = KIND.calls(Create(desired=desired(KIND, body), marks={}))
    assert call.params.get("desiredCount") == count


@pytest.mark.parametrize(
    ("declared", "observed", "expected"),
    [
        ({"taskDefinition": EIGHT}, {}, {"taskDefinition": EIGHT}),
        ({"desiredCount": 0}, {}, {"desiredCount": 0}),
        ({"enableExecuteCommand": True}, {}, {"enableExecuteCommand": True}),
        ({}, {"enableExecuteCommand": True}, {"enableExecuteCommand": False}),
        ({}, {"propagateTags": "SERVICE"}, {"propagateTags": "NONE"}),
        ({}, {"healthCheckGracePeriodSeconds": 60}, {"healthCheckGracePeriodSeconds": 0}),
        (
            {"desiredCount": 3, "healthCheckGracePeriodSeconds": 60},
            {"healthCheckGracePeriodSeconds": 60},
            {"desiredCount": 3, "healthCheckGracePeriodSeconds": 60},
        ),
        ({"desiredCount": 3}, FARGATE, {"desiredCount": 3, "platformVersion": "1.4.0"}),
        ({"desiredCount": 3}, {**FARGATE, "platformVersion": "LATEST"}, {"desiredCount": 3}),
        ({"platformVersion": "1.3.0"}, FARGATE, {"platformVersion": "1.3.0"}),
        ({}, BALANCED, {"loadBalancers": []}),
        ({"loadBalancers": []}, BALANCED, {"loadBalancers": []}),
        ({}, {"serviceRegistries": [{"registryArn": "r"}]}, {"serviceRegistries": []}),
        ({}, {"placementConstraints": [{"type": "distinctInstance"}]}, {"placementConstraints": []}),
        ({}, {"placementStrategy": [{"type": "random"}]}, {"placementStrategy": []}),
    ],
)
def test_an_update_sends_the_changes_and_the_members_that_aws_would_reset(
    declared: Mapping[str, Any], observed: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    assert sent({**BODY, **declared}, live(**observed)) == {**ADDRESS, **expected}


def test_a_block_is_sent_whole() -> None:
    body = {**BODY, "deploymentConfiguration": {"maximumPercent": 150}}
    observed = live(
        deploymentConfiguration={
            **LIVE["deploymentConfiguration"],
            "minimumHealthyPercent": 50,
            "alarms": {"alarmNames": ["a"], "enable": True, "rollback": True},
            "lifecycleHooks": [{"hookTargetArn": "f", "lifecycleStages": ["PRE_SCALE_UP"]}],
        }
    )
    assert sent(body, observed) == {
        **ADDRESS,
        "deploymentConfiguration": {
            "maximumPercent": 150,
            "minimumHealthyPercent": 100,
            "strategy": "ROLLING",
            "deploymentCircuitBreaker": {"enable": False, "rollback": False},
            "alarms": {"alarmNames": [], "enable": False, "rollback": False},
            "lifecycleHooks": [],
        },
    }


def test_undeclared_members_that_are_left_alone_are_sent_again() -> None:
    groups = ["sg-1"]
    observed = live(
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["a"], "securityGroups": groups}},
        healthCheckGracePeriodSeconds=60,
    )
    body = {**BODY, "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["b"]}}}
    fields = compare(KIND, body, observed, undeclared=False).fields
    assert KIND.calls is not None
    (call,) = KIND.calls(replace(update(KIND, body, observed), fields=fields))
    vpc = call.params["networkConfiguration"]["awsvpcConfiguration"]
    assert vpc == {"subnets": ["b"], "securityGroups": groups}
    assert call.params["healthCheckGracePeriodSeconds"] == 60


def test_service_connect_is_turned_off_if_it_is_no_longer_declared() -> None:
    connect = {"enabled": True, "services": [{"portName": "http"}]}
    observed = live(deployments=[{"status": "PRIMARY", "serviceConnectConfiguration": connect}])
    off = {**ADDRESS, "serviceConnectConfiguration": {"enabled": False}}
    assert sent(BODY, observed) == off
    assert sent({**BODY, "serviceConnectConfiguration": {"enabled": False}}, observed) == off


def test_a_change_of_capacity_forces_a_deployment() -> None:
    assert sent({**BODY, **STRATEGY}, live(**FARGATE)) == {**ADDRESS, **STRATEGY, "forceNewDeployment": True}
    back = sent({**BODY, "launchType": "EC2"}, live(launchType=None, **STRATEGY))
    assert back == {**ADDRESS, "capacityProviderStrategy": [], "forceNewDeployment": True}


def test_another_launch_type_is_a_replacement() -> None:
    fields = compare(KIND, {**BODY, "launchType": "FARGATE"}, live()).fields
    assert [(one.path, one.effect) for one in fields] == [(("launchType",), "replace")]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [("ecs.UpdateService", {**ADDRESS, "desiredCount": 0})]),
        ({"desiredCount": 0}, [("ecs.DeleteService", ADDRESS)]),
        ({"schedulingStrategy": "DAEMON"}, [("ecs.DeleteService", ADDRESS)]),
        ({"status": "DRAINING"}, []),
        ({"detached": True}, [("ecs.DeleteService", {**ADDRESS, "force": True})]),
        ({"detached": True, "desiredCount": 0}, [("ecs.DeleteService", ADDRESS)]),
    ],
)
def test_a_delete_is_the_next_safe_call(more: Mapping[str, Any], expected: list[Any]) -> None:
    assert KIND.calls is not None
    observed = live(**without(more, "detached"))
    observed = replace(observed, facts={**observed.facts, "detached": more.get("detached", False)})
    calls = KIND.calls(Delete(key=key(KIND), observed=observed))
    assert compiled(calls) == expected
    assert KIND.calls(Replace(desired=desired(KIND, BODY), observed=observed, fields=(), marks={})) == calls


def test_calls_may_contain_unresolved_references_anywhere() -> None:
    arn, group = answers.ref("TaskDefinition", "web", "arn"), answers.ref("TargetGroup", "web", "arn")
    balancers = [{"targetGroupArn": group, "containerName": "web", "containerPort": 80}]
    subnets = answers.ref("Network", "main", "subnetIds")
    body = {
        **BODY,
        "taskDefinition": arn,
        "loadBalancers": balancers,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets}},
        "serviceConnectConfiguration": {"enabled": True, "namespace": answers.ref("Namespace", "main", "arn")},
    }
    assert KIND.calls is not None
    (call,) = KIND.calls(update(KIND, body, live()))
    assert (call.params["taskDefinition"], call.params["loadBalancers"]) == (arn, balancers)


# ---------------------------------------------------------------- order


def test_a_service_comes_after_the_listeners_of_its_target_groups_and_its_cluster() -> None:
    assert KIND.needs is not None
    group = answers.ref("TargetGroup", "web", "arn")

    def other(kind: str, name: str, body: Body) -> Desired:
        return Desired(key=Key(application="shop", kind=kind, name=name), body=body)

    weighted = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": group}]}}
    resources = [
        other("Listener", "literal", {"DefaultActions": [{"Type": "forward", "TargetGroupArn": GROUP}]}),
        other("ListenerRule", "weighted", {"Actions": [weighted]}),
        other("ListenerRule", "other", {"Actions": [{"Type": "forward", "TargetGroupArn": "another"}]}),
        other("Cluster", "prod", {"clusterName": "prod"}),
        other("Cluster", "test", {"clusterName": "test"}),
    ]
    balancers = [{"targetGroupArn": GROUP}, {"advancedConfiguration": {"alternateTargetGroupArn": group}}]
    service = desired(KIND, {**BODY, "loadBalancers": balancers})
    assert [one.name for one in KIND.needs(service, Documents(resources))] == ["literal", "weighted", "prod"]
    by_reference = desired(KIND, {**BODY, "cluster": answers.ref("Cluster", "test", "name")})
    assert [one.name for one in KIND.needs(by_reference, Documents(resources))] == ["test"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (BODY, ""),
        ({"serviceName": "web"}, "requires taskDefinition"),
        ({"serviceName": "web", "deploymentController": {"type": "EXTERNAL"}}, ""),
        ({**BODY, "launchType": "EC2", **STRATEGY}, "exclude each other"),
        ({**BODY, "schedulingStrategy": "DAEMON"}, "leave desiredCount out"),
        ({**BODY, "deploymentConfiguration": {"strategy": "BLUE_GREEN"}}, ""),
    ],
)
def test_check_reports_what_ecs_would_reject(body: Body, message: str) -> None:
    found = [text for _, text in KIND.check(body)]
    assert len(found) == bool(message)
    assert all(message in text for text in found)


# ---------------------------------------------------------------- read


class Account(Reader):
    """Services by cluster and name; a service named `odd` cannot be described."""

    def __init__(self, of: Mapping[str, Mapping[str, Mapping[str, Any]]], **answers: Any) -> None:
        self.of = of
        super().__init__(ecs_DescribeServices=self._describe, **answers)
        self.answers.setdefault("applicationautoscaling.DescribeScalableTargets", self._targets)

    def _describe(self, *, cluster: str, services: list[str], include: list[str]) -> Any:
        assert len(services) <= 10
        assert include == ["TAGS"]
        if cluster not in self.of:
            return missing("ClusterNotFoundException")
        live, gone = self.of[cluster], [name for name in services if name not in self.of[cluster]]
        reasons = {name: "ODD" if name == "odd" else "MISSING" for name in gone}
        failures = [{"arn": answers.arn(f"service/{cluster}/{name}"), "reason": why} for name, why in reasons.items()]
        named = {"clusterArn": answers.arn(f"cluster/{cluster}")}
        return {
            "services": [{**LIVE, **named, "serviceName": name, **live[name]} for name in services if name in live],
            "failures": failures,
        }

    def _targets(self, **params: Any) -> Body:
        assert params["ServiceNamespace"] == "ecs"
        assert len(params["ResourceIds"]) <= 50
        ids = ["service/prod/n1", "service/prod/n11"]
        bounds = {"ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 1, "MaxCapacity": 3}
        return {"ScalableTargets": [{"ResourceId": one, **bounds} for one in ids]}

    def asked_of(self, operation: str) -> int:
        return sum(name.endswith(operation) for name, _ in self.asked)


def found(reader: Reader, bodies: Mapping[str, Body]) -> dict[Key, Any]:
    return dict(KIND.read(reader, [wanted(KIND, body, name) for name, body in bodies.items()], {}))


def test_a_call_reads_ten_services_or_fifty_targets() -> None:
    reader = Account({"prod": {f"n{index}": {} for index in range(60)}})
    asked = {f"n{index}": {**BODY, "serviceName": f"n{index}"} for index in range(60)}
    read = found(reader, asked)
    assert len(read) == 60
    assert (reader.asked_of("DescribeServices"), reader.asked_of("DescribeScalableTargets")) == (6, 2)
    assert read[key(KIND, "n1")].facts["scalableTarget"] == {"MinCapacity": 1, "MaxCapacity": 3}
    assert read[key(KIND, "n2")].facts["scalableTarget"] is None
    assert read[key(KIND, "n1")].outputs == {"name": "n1", "arn": ARN}


def test_only_missing_or_inactive_is_absent() -> None:
    services = {"web": {}, "gone": {"status": "INACTIVE"}, "leaving": {"status": "DRAINING"}}
    reader = Account({"prod": services})
    names = ("web", "gone", "leaving", "never", "odd")
    bodies = {name: {**BODY, "cluster": answers.arn("cluster/prod"), "serviceName": name} for name in names}
    read = found(reader, {**bodies, "elsewhere": {**BODY, "cluster": "other"}})
    assert isinstance(read[key(KIND, "web")], Present)
    assert read[key(KIND, "gone")] == Absent()
    assert read[key(KIND, "leaving")].facts["status"] == "DRAINING"
    assert read[key(KIND, "never")] == Absent()
    assert isinstance(read[key(KIND, "odd")], Unreadable)
    assert read[key(KIND, "elsewhere")] == Absent(), "without its cluster a service is missing"


@pytest.mark.parametrize("operation", ["ecs_DescribeServices", "applicationautoscaling_DescribeScalableTargets"])
def test_a_failed_read_is_not_absent(operation: str) -> None:
    reader = Account({"prod": {"web": {}}})
    reader.answers[operation.replace("_", ".")] = denied()
    with pytest.raises(AwsError):
        found(reader, {"web": BODY})


def test_a_service_revision_is_read_only_for_members_that_nothing_else_returns() -> None:
    monitoring = {"metricConfigurations": [{"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}]}
    current = {"currentServiceRevisions": [{"arn": "r1"}]}
    revisions = {"serviceRevisions": [{"monitoring": monitoring, "taskDefinition": SEVEN}]}
    reader = Account({"prod": {"web": current}}, ecs_DescribeServiceRevisions=revisions)
    assert "monitoring" not in found(reader, {"web": BODY})[key(KIND)].body
    assert reader.asked_of("DescribeServiceRevisions") == 0
    body = {**BODY, "monitoring": monitoring}
    assert compare(KIND, body, found(reader, {"web": body})[key(KIND)]).fields == ()


def test_a_deployment_is_described_only_while_it_can_wait_at_a_pause() -> None:
    """A denied read of it makes nothing unreadable: the hook is not known then."""
    hooked = {"deploymentConfiguration": {"lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["S"]}]}}
    running = {"currentServiceDeployment": "d1", "deployments": [{"status": "PRIMARY", "rolloutState": "IN_PROGRESS"}]}
    waits = {"targetType": "PAUSE", "status": "AWAITING_ACTION", "hookId": "h2"}
    details = [{"targetType": "AWS_LAMBDA", "status": "IN_PROGRESS"}, {**waits, "status": "SUCCEEDED"}, waits]
    described = {"serviceDeployments": [{"lifecycleStage": "S", "lifecycleHookDetails": details}]}
    for more, asked in ((hooked, 0), (running, 0), ({**hooked, **running}, 1)):
        reader = Account({"prod": {"web": more}}, ecs_DescribeServiceDeployments=described)
        pause = found(reader, {"web": BODY})[key(KIND)].facts.get("pause")
        assert reader.asked_of("DescribeServiceDeployments") == asked
        assert pause == ({"hookId": "h2", "stage": "S", "deployment": "d1"} if asked else None)
    denying = Account({"prod": {"web": {**hooked, **running}}}, ecs_DescribeServiceDeployments=denied())
    assert "pause" not in found(denying, {"web": BODY})[key(KIND)].facts


def test_a_namespace_that_is_declared_by_name_is_read_and_its_dns_names_are_compared() -> None:
    space = "arn:aws:servicediscovery:us-east-1:1:namespace/ns-1"
    connect = {"enabled": True, "services": [{"portName": "http", "clientAliases": [{"port": 80}]}]}
    printed = thaw({**connect, "namespace": space})
    printed["services"][0] |= {"discoveryName": "http", "clientAliases": [{"port": 80, "dnsName": "http.prod"}]}
    deployments = [{"status": "PRIMARY", "serviceConnectConfiguration": printed}]
    spaces = {"Namespaces": [{"Name": "prod", "Arn": "another"}, {"Name": "prod", "Arn": space}]}
    reader = Account({"prod": {"web": {"deployments": deployments}}}, servicediscovery_ListNamespaces=spaces)
    body = {**BODY, "serviceConnectConfiguration": {**connect, "namespace": "prod"}}
    assert compare(KIND, body, found(reader, {"web": body})[key(KIND)]).fields == ()
    printed["services"][0]["clientAliases"][0]["dnsName"] = "mine.prod"
    assert compare(KIND, body, found(reader, {"web": body})[key(KIND)]).fields


def test_owned_services_are_found_in_every_active_cluster() -> None:
    mine = {"tags": [{"key": OWNER, "value": "v1/prod/shop/Service/web"}]}
    reader = Account(
        {"prod": {"web": mine, "other": {}}},
        ecs_ListClusters={"clusterArns": ["a", "b"]},
        ecs_DescribeClusters={
            "clusters": [
                {"clusterArn": answers.arn("cluster/prod"), "status": "ACTIVE"},
                {"clusterArn": answers.arn("cluster/old"), "status": "INACTIVE"},
            ]
        },
        ecs_ListServices={"serviceArns": [ARN, answers.arn("service/prod/other")]},
    )
    assert KIND.owned is not None
    assert [one.natural for one in KIND.owned(reader, "prod")] == ["prod/web"]
    assert list(KIND.owned(reader, "test")) == []


def test_identity_is_the_cluster_and_the_name() -> None:
    assert KIND.natural(BODY) == KIND.natural({**BODY, "cluster": answers.arn("cluster/prod")}) == "prod/web"
    assert KIND.natural({"serviceName": "web"}) == "default/web"
    assert KIND.natural({**BODY, "cluster": Text(())}) is None
    assert not differences({"serviceName": "web"}, {"cluster": "default", "serviceName": "web"}, KIND.rules).fields


@mock_aws
def test_it_converges_on_moto() -> None:
    cloud = Moto()
    cloud.client("ecs").create_cluster(clusterName="prod")
    containers = [{"name": "web", "image": "web:1", "memory": 64}]
    registered = cloud.client("ecs").register_task_definition(family="web", containerDefinitions=containers)
    body = {**BODY, "taskDefinition": registered["taskDefinition"]["taskDefinitionArn"]}
    assert converges(KIND, cloud, body) == ["ecs.CreateService"]
    assert converges(KIND, cloud, {**body, "desiredCount": 3}) == ["ecs.UpdateService", "ecs.TagResource"]


def _with_target(count: int | None) -> tuple[Desired, Desired]:
    service = desired(KIND, {"cluster": "prod", "taskDefinition": "api", "desiredCount": count})
    scaled = {"Service": Text((Ref(service.key, "arn"),)), "MinCapacity": 2, "MaxCapacity": 4}
    return service, Desired(key=service.key._replace(kind="ScalableTarget"), body=scaled)


def test_a_service_is_created_with_the_minimum_of_its_scalable_target() -> None:
    """Without a declared count: the autoscaler would raise a lower count to its minimum."""
    assert KIND.complete_create is not None
    service, target = _with_target(None)
    assert KIND.complete_create(service, Documents((service, target)))["desiredCount"] == 2
    declared, target = _with_target(3)
    assert KIND.complete_create(declared, Documents((declared, target)))["desiredCount"] == 3


def test_a_count_outside_its_scalable_target_is_a_problem() -> None:
    """The autoscaler would change it at once (docs/rules.md R13)."""
    assert KIND.cross_check is not None
    service, target = _with_target(9)
    ((path, message),) = KIND.cross_check(service, Documents((service, target)))
    assert path == ("desiredCount",)
    assert "9 is outside the range of its ScalableTarget, 2 to 4" in message
    inside, target = _with_target(4)
    assert not list(KIND.cross_check(inside, Documents((inside, target))))


@pytest.mark.parametrize("now", [{}, {"platformVersion": "LATEST"}], ids=["absent", "LATEST"])
def test_a_platform_version_that_left_the_document_goes_back_to_the_latest(now: Body) -> None:
    """ECS keeps it. LATEST in the document is the same as none, and starts the deployment all the same."""
    body = {"serviceName": "web", "cluster": "prod", "taskDefinition": SEVEN, "launchType": "FARGATE"}
    create = plan_of(KIND, desired(KIND, {**body, "platformVersion": "1.4.0"}), Absent()).steps[0].change
    assert isinstance(create, Create)
    tags = [{"key": name, "value": value} for name, value in create.marks.items()]
    live = present_of({**LIVE, "launchType": "FARGATE", "platformVersion": "1.4.0", "tags": tags}, body)
    (step,) = plan_of(KIND, desired(KIND, {**body, **now}), live).steps
    assert [(one.path, one.before, one.effect) for one in step.fields] == [
        (("platformVersion",), "1.4.0", "rolls-tasks")
    ]
    assert step.calls[0].params["platformVersion"] == "LATEST"
    assert [call.operation for call in step.calls] == ["UpdateService", "TagResource"]
