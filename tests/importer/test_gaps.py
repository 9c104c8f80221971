"""What cannot be read is left out and said, with the right that is lacking; all that can be read is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecsync.core.ports import AwsError
from ecsync.importer.gaps import Gap, lines
from ecsync.importer.manifests import GeneratedManifests
from tests.importer.account import ImportedApplication, SimulatedAccount, changes
from tests.importer.account_builder import AccountBuilder, forward
from tests.importer.readers import FailingReader
from tests.importer.recipes import RECIPES, served

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
def services(builder: AccountBuilder) -> SimulatedAccount:
    """An account with some services of all sorts."""
    for one in RECIPES:
        if one.name in PARTS:
            one.make(builder)
    builder.account.simulator.advance(600)
    return builder.account


def _denied(account: SimulatedAccount, *operations: str) -> GeneratedManifests:
    return account.import_cluster(
        FailingReader(account.cloud(), lambda *at: "denied" if ".".join(at[:2]) in operations else "")
    )


def _documents(generated: GeneratedManifests) -> set[str]:
    return {str(key) for key in generated.documents}


def _lost(every: set[str], generated: GeneratedManifests) -> set[str]:
    """What a whole import has besides: a kind by its name alone where all of it is lost."""
    left = _documents(generated)
    kinds = {one.split("/")[0] for one in every - left} - {one.split("/")[0] for one in left}
    assert left <= every
    return {kind if (kind := one.split("/")[0]) in kinds else one for one in every - left}


def test_what_may_not_be_read_is_left_out_and_the_right_is_named(services: SimulatedAccount) -> None:
    """All else is written, refers to it by ARN, and plans nothing."""
    every, lost = _documents(services.import_cluster()), {}
    for operation in LEFT_OUT:
        generated = _denied(services, operation)
        lost[operation] = _lost(every, generated)
        service, name = operation.split(".")
        assert f"allow {IAM.get(service, service)}:{name}" in {gap.remedy for gap in generated.gaps}
        assert not generated.complete
        plan = ImportedApplication(services, dict(generated.files)).plan()
        assert (changes(plan), plan.empty) == ([], True)
    assert lost == LEFT_OUT


def test_without_what_is_only_looked_up_the_files_are_complete(services: SimulatedAccount) -> None:
    """A role would only be looked up: its ARN says as much."""
    every, lost = _documents(services.import_cluster()), {}
    for operation in NAMED_ONLY:
        generated = _denied(services, operation)
        lost[operation] = _lost(every, generated)
        assert generated.complete
        assert {gap.left_out for gap in generated.gaps} == {False}
        assert changes(ImportedApplication(services, dict(generated.files)).plan()) == []
    assert lost == NAMED_ONLY


def test_what_nobody_may_read_is_no_file_of_it(services: SimulatedAccount) -> None:
    """With no right at all there is nothing to write, and each thing that is lacking is said once."""
    generated = services.import_cluster(FailingReader(services.cloud(), lambda *_: "denied"))
    assert generated.documents == ()
    assert [gap.remedy for gap in generated.gaps] == ["allow ecs:DescribeClusters", "allow ecs:ListServices"]


def test_lost_credentials_say_nothing_about_anything(services: SimulatedAccount) -> None:
    """They end the import, wherever they are lost."""
    for lost in ("DescribeClusters", "ListServices", "DescribeTaskDefinition", "GetRole", "DescribeRules"):
        with pytest.raises(AwsError):
            services.import_cluster(
                FailingReader(services.cloud(), lambda *at, lost=lost: "credentials" if at[1] == lost else "")
            )


def test_one_that_is_denied_does_not_take_others_along(builder: AccountBuilder) -> None:
    """A policy may let us see one role, one service and one log group, and not the next."""
    for name in ("one", "two", "three"):
        task = builder.task(name, container=builder.log_group(f"/ecs/{name}"), executionRoleArn=builder.role(name))
        builder.service(name, taskDefinition=task, loadBalancers=[builder.routed_target_group(name)])
    builder.account.simulator.advance(300)

    def refuses(_: str, operation: str, params: Mapping[str, Any]) -> str:
        if operation in ("DescribeServices", "GetRole", "DescribeLogGroups", "DescribeTags"):
            return "denied" if "two" in str(sorted(params.items())) else ""
        return ""

    generated = builder.account.import_cluster(FailingReader(builder.account.cloud(), refuses))
    found = _documents(generated)
    for kind in ("Service", "TaskDefinition"):
        assert {one for one in found if one.startswith(kind + "/")} == {f"{kind}/one", f"{kind}/three"}
    assert {"Role/one", "Role/three", "LogGroup/ecs-one", "LogGroup/ecs-three", "TargetGroup/one"} <= found
    assert [gap.resource for gap in generated.gaps] == ["Service prod/two"]
    assert changes(ImportedApplication(builder.account, dict(generated.files)).plan()) == []


def test_of_a_listener_with_unknown_rules_only_what_is_ours_is_written(builder: AccountBuilder) -> None:
    """Nobody knows whether the others are the cluster's: what surely is stays."""
    group = builder.target_group("api")
    builder.listener("web", 8080, DefaultActions=[forward(group)])
    builder.listener("web", 9090)
    builder.service("api", loadBalancers=[served(group)])
    builder.account.simulator.advance(300)
    generated = _denied(builder.account, "elbv2.DescribeRules")
    assert {one for one in _documents(generated) if one.startswith("Listener")} == {"Listener/web-8080"}


def test_a_throttled_import_goes_on(services: SimulatedAccount) -> None:
    """Whatever AWS throttles is asked for again, and the result is the same."""
    asked: dict[str, int] = {}

    def refuses(service: str, operation: str, params: Mapping[str, Any]) -> str:
        question = f"{service}.{operation} {sorted(params.items())}"
        asked[question] = asked.get(question, 0) + 1
        return "throttled" if asked[question] < 3 else ""

    generated = services.import_cluster(FailingReader(services.cloud(), refuses))
    assert (generated.complete, dict(generated.files)) == (True, dict(services.import_cluster().files))


def test_what_is_throttled_for_ever_is_given_up_soon(builder: AccountBuilder) -> None:
    """Not every resource of a kind is tried when AWS answers for none."""
    for number in range(20):
        builder.service(
            f"s{number}", taskDefinition=builder.task(f"s{number}", executionRoleArn=builder.role(f"r{number}"))
        )
    builder.account.simulator.advance(300)
    reader = FailingReader(builder.account.cloud(), lambda *at: "throttled" if at[1] == "GetRole" else "")
    generated = builder.account.import_cluster(reader)
    assert {gap.remedy for gap in generated.gaps} == {"run the import again"}
    assert (len(generated.gaps), generated.complete) == (20, True)
    assert reader.refused <= 12


def test_one_reason_is_one_line() -> None:
    """A hundred things that are lacking for the same reason are not a hundred lines."""
    gaps = [
        Gap(resource=f"Role {number}", reason="iam.GetRole: AccessDenied: no.", remedy="allow iam:GetRole")
        for number in range(100)
    ]
    (line,) = lines(gaps)
    assert line.startswith("Role 0, Role 1, ")
    assert line.endswith(" and 88 more: iam.GetRole: AccessDenied: no; allow iam:GetRole")
