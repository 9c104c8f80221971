"""What cannot be read is left out and said, with the right that is lacking; all that can be read is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecsync.core.ports import AwsError
from ecsync.importer.gaps import Gap, lines
from ecsync.importer.manifests import Drawn
from tests.importer.builder import Builder, forward
from tests.importer.recipes import RECIPES, served
from tests.importer.reluctant import Reluctant
from tests.importer.stage import Kept, Stage, changes

PARTS = ("web", "sidecar", "tracking", "nightly", "provided", "listened")
# What is denied -> the documents that are left out then, and nothing else.
LEFT_OUT = {
    "ecs.DescribeClusters": {"Cluster"},
    "ecs.ListServices": {"Service", "TaskDefinition", "LoadBalancer", "Listener", "ListenerRule", "TargetGroup", "Role"}
    | {"ScalableTarget", "ScalingPolicy", "ScheduledAction", "LogGroup", "Network"},
    "ecs.DescribeTaskDefinition": {"TaskDefinition", "LogGroup", "Role"},
    "ecs.DescribeCapacityProviders": {"CapacityProvider", "AutoScalingGroup"},
    "elbv2.DescribeTargetGroups": {"TargetGroup", "LoadBalancer", "Listener", "ListenerRule", "Network"},
    "elbv2.DescribeTags": {"TargetGroup", "LoadBalancer", "Listener", "ListenerRule", "Network"},
    "elbv2.DescribeLoadBalancers": {"LoadBalancer"},
    "elbv2.DescribeLoadBalancerAttributes": {"LoadBalancer"},
    "elbv2.DescribeListeners": {"Listener", "ListenerRule"},
    "elbv2.DescribeRules": {"ListenerRule", "Listener/web-80"},
    "application-autoscaling.DescribeScalableTargets": {"ScalableTarget", "ScalingPolicy", "ScheduledAction"},
    "application-autoscaling.DescribeScalingPolicies": {"ScalingPolicy"},
    "application-autoscaling.ListTagsForResource": {"ScalableTarget", "ScalingPolicy", "ScheduledAction"},
    "logs.DescribeLogGroups": {"LogGroup"},
    "logs.ListTagsForResource": {"LogGroup"},
}
NAMED_ONLY = {
    "iam.GetRole": {"Role"},
    "autoscaling.DescribeAutoScalingGroups": {"AutoScalingGroup"},
    "ec2.DescribeVpcs": {"Network"},
}
IAM = {"elbv2": "elasticloadbalancing"}


@pytest.fixture
def account(built: Builder) -> Stage:
    """An account with some services of all sorts."""
    for one in RECIPES:
        if one.name in PARTS:
            one.make(built)
    built.stage.simulator.advance(600)
    return built.stage


def _denied(stage: Stage, *operations: str) -> Drawn:
    return stage.imported(Reluctant(stage.cloud(), lambda *at: "denied" if ".".join(at[:2]) in operations else ""))


def _documents(drawn: Drawn) -> set[str]:
    return {str(key) for key in drawn.documents}


def _lost(every: set[str], drawn: Drawn) -> set[str]:
    """What a whole import has besides: a kind by its name alone where all of it is lost."""
    left = _documents(drawn)
    kinds = {one.split("/")[0] for one in every - left} - {one.split("/")[0] for one in left}
    assert left <= every
    return {kind if (kind := one.split("/")[0]) in kinds else one for one in every - left}


def test_what_may_not_be_read_is_left_out_and_the_right_is_named(account: Stage) -> None:
    """All else is written, refers to it by ARN, and plans nothing."""
    every, lost = _documents(account.imported()), {}
    for operation in LEFT_OUT:
        drawn = _denied(account, operation)
        lost[operation] = _lost(every, drawn)
        service, name = operation.split(".")
        assert f"allow {IAM.get(service, service)}:{name}" in {gap.todo for gap in drawn.gaps}
        assert not drawn.complete
        plan = Kept(account, dict(drawn.files)).plan()
        assert (changes(plan), plan.empty) == ([], True)
    assert lost == LEFT_OUT


def test_without_what_is_only_looked_up_the_files_are_complete(account: Stage) -> None:
    """A role would only be looked up: its ARN says as much."""
    every, lost = _documents(account.imported()), {}
    for operation in NAMED_ONLY:
        drawn = _denied(account, operation)
        lost[operation] = _lost(every, drawn)
        assert drawn.complete
        assert {gap.missed for gap in drawn.gaps} == {False}
        assert changes(Kept(account, dict(drawn.files)).plan()) == []
    assert lost == NAMED_ONLY


def test_what_nobody_may_read_is_no_file_of_it(account: Stage) -> None:
    """With no right at all there is nothing to write, and each thing that is lacking is said once."""
    drawn = account.imported(Reluctant(account.cloud(), lambda *_: "denied"))
    assert drawn.documents == ()
    assert [gap.todo for gap in drawn.gaps] == ["allow ecs:DescribeClusters", "allow ecs:ListServices"]


def test_lost_credentials_say_nothing_about_anything(account: Stage) -> None:
    """They end the import, wherever they are lost."""
    for lost in ("DescribeClusters", "ListServices", "DescribeTaskDefinition", "GetRole", "DescribeRules"):
        with pytest.raises(AwsError):
            account.imported(Reluctant(account.cloud(), lambda *at, lost=lost: "credentials" if at[1] == lost else ""))


def test_one_that_is_denied_does_not_take_others_along(built: Builder) -> None:
    """A policy may let us see one role, one service and one log group, and not the next."""
    for name in ("one", "two", "three"):
        task = built.task(name, container=built.group_of_logs(f"/ecs/{name}"), executionRoleArn=built.role(name))
        built.service(name, taskDefinition=task, loadBalancers=[built.behind(name)])
    built.stage.simulator.advance(300)

    def refuses(_: str, operation: str, params: Mapping[str, Any]) -> str:
        if operation in ("DescribeServices", "GetRole", "DescribeLogGroups", "DescribeTags"):
            return "denied" if "two" in str(sorted(params.items())) else ""
        return ""

    drawn = built.stage.imported(Reluctant(built.stage.cloud(), refuses))
    found = _documents(drawn)
    for kind in ("Service", "TaskDefinition"):
        assert {one for one in found if one.startswith(kind + "/")} == {f"{kind}/one", f"{kind}/three"}
    assert {"Role/one", "Role/three", "LogGroup/ecs-one", "LogGroup/ecs-three", "TargetGroup/one"} <= found
    assert [gap.what for gap in drawn.gaps] == ["Service prod/two"]
    assert changes(Kept(built.stage, dict(drawn.files)).plan()) == []


def test_of_a_listener_with_unknown_rules_only_what_is_ours_is_written(built: Builder) -> None:
    """Nobody knows whether the others are the cluster's: what surely is stays."""
    group = built.group("api")
    built.listener("web", 8080, DefaultActions=[forward(group)])
    built.listener("web", 9090)
    built.service("api", loadBalancers=[served(group)])
    built.stage.simulator.advance(300)
    drawn = _denied(built.stage, "elbv2.DescribeRules")
    assert {one for one in _documents(drawn) if one.startswith("Listener")} == {"Listener/web-8080"}


def test_a_throttled_import_goes_on(account: Stage) -> None:
    """Whatever AWS throttles is asked for again, and the result is the same."""
    asked: dict[str, int] = {}

    def refuses(service: str, operation: str, params: Mapping[str, Any]) -> str:
        question = f"{service}.{operation} {sorted(params.items())}"
        asked[question] = asked.get(question, 0) + 1
        return "throttled" if asked[question] < 3 else ""

    drawn = account.imported(Reluctant(account.cloud(), refuses))
    assert (drawn.complete, dict(drawn.files)) == (True, dict(account.imported().files))


def test_what_is_throttled_for_ever_is_given_up_soon(built: Builder) -> None:
    """Not every resource of a kind is tried when AWS answers for none."""
    for number in range(20):
        built.service(f"s{number}", taskDefinition=built.task(f"s{number}", executionRoleArn=built.role(f"r{number}")))
    built.stage.simulator.advance(300)
    reader = Reluctant(built.stage.cloud(), lambda *at: "throttled" if at[1] == "GetRole" else "")
    drawn = built.stage.imported(reader)
    assert {gap.todo for gap in drawn.gaps} == {"import again when AWS answers"}
    assert (len(drawn.gaps), drawn.complete) == (20, True)
    assert reader.refused <= 12


def test_one_reason_is_one_line() -> None:
    """A hundred things that are lacking for the same reason are not a hundred lines."""
    gaps = [
        Gap(what=f"Role {number}", why="iam.GetRole: AccessDenied: no.", todo="allow iam:GetRole")
        for number in range(100)
    ]
    (line,) = lines(gaps)
    assert line.startswith("Role 0, Role 1, ")
    assert line.endswith(" and 88 more: iam.GetRole: AccessDenied: no; allow iam:GetRole")
