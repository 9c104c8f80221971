"""An unreadable resource is left out and reported with the missing IAM action; everything readable is written."""

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
from tests.importer.recipes.all import RECIPES
from tests.importer.recipes.recipe import load_balancer

PARTS = ("web", "sidecar", "tracking", "nightly", "provided", "listened")
# Denied operation -> the documents that are left out; a kind without a name: all of its documents.
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
    """An account with a few different services."""
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
    """Return the documents that a complete import has and this one has not: a kind alone where all of it is missing."""
    left = _documents(generated)
    kinds = {one.split("/")[0] for one in every - left} - {one.split("/")[0] for one in left}
    assert left <= every
    return {kind if (kind := one.split("/")[0]) in kinds else one for one in every - left}


def test_a_denied_read_leaves_its_documents_out_and_names_the_iam_action(services: SimulatedAccount) -> None:
    """The other documents are written, refer to it by ARN, and have an empty plan."""
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


def test_the_files_are_complete_without_lookups(services: SimulatedAccount) -> None:
    """A role would only be looked up: its ARN is enough."""
    every, lost = _documents(services.import_cluster()), {}
    for operation in NAMED_ONLY:
        generated = _denied(services, operation)
        lost[operation] = _lost(every, generated)
        assert generated.complete
        assert {gap.left_out for gap in generated.gaps} == {False}
        assert changes(ImportedApplication(services, dict(generated.files)).plan()) == []
    assert lost == NAMED_ONLY


def test_an_import_without_any_permission_has_no_documents(services: SimulatedAccount) -> None:
    """Each missing IAM action is reported once."""
    generated = services.import_cluster(FailingReader(services.cloud(), lambda *_: "denied"))
    assert generated.documents == ()
    assert [gap.remedy for gap in generated.gaps] == ["allow ecs:DescribeClusters", "allow ecs:ListServices"]


def test_lost_credentials_end_the_import(services: SimulatedAccount) -> None:
    """At every stage, the import raises the error."""
    for lost in ("DescribeClusters", "ListServices", "DescribeTaskDefinition", "GetRole", "DescribeRules"):
        with pytest.raises(AwsError):
            services.import_cluster(
                FailingReader(services.cloud(), lambda *at, lost=lost: "credentials" if at[1] == lost else "")
            )


def test_a_denied_resource_does_not_affect_others_of_its_kind(builder: AccountBuilder) -> None:
    """A policy may allow one role, service and log group, and deny another."""
    for name in ("one", "two", "three"):
        task = builder.task(name, container=builder.log_group(f"/ecs/{name}"), executionRoleArn=builder.role(name))
        builder.service(name, taskDefinition=task, loadBalancers=[builder.routed_target_group(name)])
    builder.account.simulator.advance(300)

    def failure_of(_: str, operation: str, params: Mapping[str, Any]) -> str:
        if operation in ("DescribeServices", "GetRole", "DescribeLogGroups", "DescribeTags"):
            return "denied" if "two" in str(sorted(params.items())) else ""
        return ""

    generated = builder.account.import_cluster(FailingReader(builder.account.cloud(), failure_of))
    found = _documents(generated)
    for kind in ("Service", "TaskDefinition"):
        assert {one for one in found if one.startswith(kind + "/")} == {f"{kind}/one", f"{kind}/three"}
    assert {"Role/one", "Role/three", "LogGroup/ecs-one", "LogGroup/ecs-three", "TargetGroup/one"} <= found
    assert [gap.resource for gap in generated.gaps] == ["Service prod/two"]
    assert changes(ImportedApplication(builder.account, dict(generated.files)).plan()) == []


def test_with_unreadable_rules_only_listeners_that_forward_to_the_cluster_are_written(builder: AccountBuilder) -> None:
    """The import cannot know whether the other listeners are the cluster's."""
    group = builder.target_group("api")
    builder.listener("web", 8080, DefaultActions=[forward(group)])
    builder.listener("web", 9090)
    builder.service("api", loadBalancers=[load_balancer(group)])
    builder.account.simulator.advance(300)
    generated = _denied(builder.account, "elbv2.DescribeRules")
    assert {one for one in _documents(generated) if one.startswith("Listener")} == {"Listener/web-8080"}


def test_a_throttled_call_is_sent_again(services: SimulatedAccount) -> None:
    """The result is the same as without throttling."""
    asked: dict[str, int] = {}

    def failure_of(service: str, operation: str, params: Mapping[str, Any]) -> str:
        question = f"{service}.{operation} {sorted(params.items())}"
        asked[question] = asked.get(question, 0) + 1
        return "throttled" if asked[question] < 3 else ""

    generated = services.import_cluster(FailingReader(services.cloud(), failure_of))
    assert (generated.complete, dict(generated.files)) == (True, dict(services.import_cluster().files))


def test_a_kind_that_is_always_throttled_is_given_up_after_a_few_resources(builder: AccountBuilder) -> None:
    """The import does not try every resource of the kind."""
    for number in range(20):
        builder.service(
            f"s{number}", taskDefinition=builder.task(f"s{number}", executionRoleArn=builder.role(f"r{number}"))
        )
    builder.account.simulator.advance(300)
    reader = FailingReader(builder.account.cloud(), lambda *at: "throttled" if at[1] == "GetRole" else "")
    generated = builder.account.import_cluster(reader)
    assert {gap.remedy for gap in generated.gaps} == {"run the import again"}
    assert (len(generated.gaps), generated.complete) == (20, True)
    assert reader.failures <= 12


def test_gaps_with_the_same_reason_are_one_line() -> None:
    """A hundred gaps with one reason are one line."""
    gaps = [
        Gap(resource=f"Role {number}", reason="iam.GetRole: AccessDenied: no.", remedy="allow iam:GetRole")
        for number in range(100)
    ]
    (line,) = lines(gaps)
    assert line.startswith("Role 0, Role 1, ")
    assert line.endswith(" and 88 more: iam.GetRole: AccessDenied: no; allow iam:GetRole")
