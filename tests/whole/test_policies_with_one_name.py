"""Scaling policies that have one name on several services, some of them services of another client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations

SERVICE = """
  Service/{name}:
    serviceName: {name}
    cluster: ${{Cluster/main}}
    taskDefinition: ${{TaskDefinition/web}}
    launchType: FARGATE
    desiredCount: 1
    networkConfiguration:
      awsvpcConfiguration:
        subnets: ${{Network/main.publicSubnetIds}}
        securityGroups: ["${{SecurityGroup/web}}"]
        assignPublicIp: ENABLED
  ScalableTarget/{name}:
    Service: ${{Service/{name}.arn}}
    MinCapacity: 1
    MaxCapacity: 4
"""
POLICY = """
  ScalingPolicy/{name}:
    Service: ${{Service/{name}.arn}}
    PolicyName: cpu
    TargetTrackingScalingPolicyConfiguration:
      PredefinedMetricSpecification: {{PredefinedMetricType: ECSServiceAverageCPUUtilization}}
      TargetValue: {value}
"""
NAMES = ("api", "jobs", "mail")
FOREIGN = 12


def declare(environment: Environment, policies: tuple[str, ...] = NAMES) -> None:
    """Declare three services, and a policy with the same name for some of them."""
    text = "apiVersion: ecsync/v1\nresources:" + "".join(SERVICE.format(name=name) for name in NAMES)
    text += "".join(POLICY.format(name=name, value=50 + number) for number, name in enumerate(policies))
    (environment.manifests / "more.yaml").write_text(text)


def policies(environment: Environment) -> dict[str, dict[str, Any]]:
    """Return the live policies by the name of their service."""
    pages = environment.aws("application-autoscaling").get_paginator("describe_scaling_policies")
    live = [one for page in pages.paginate(ServiceNamespace="ecs") for one in page["ScalingPolicies"]]
    return {one["ResourceId"].rsplit("/", 1)[-1]: one for one in live}


def put(environment: Environment, like: dict[str, Any], value: float, resource: str = "") -> None:
    """Change a policy by another client, or make the same on another resource."""
    environment.aws("application-autoscaling").put_scaling_policy(
        **{name: like[name] for name in ("ServiceNamespace", "ScalableDimension", "PolicyName", "PolicyType")},
        ResourceId=resource or like["ResourceId"],
        TargetTrackingScalingPolicyConfiguration={
            **like["TargetTrackingScalingPolicyConfiguration"],
            "TargetValue": value,
        },
    )


@pytest.fixture
def scaled(environment: Environment) -> Controller:
    """The quickstart and three services, converged; then twelve services of another client get the same policy."""
    declare(environment)
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    like, ecs, scaling = (
        policies(environment)["api"],
        environment.aws("ecs"),
        environment.aws("application-autoscaling"),
    )
    cluster = like["ResourceId"].split("/")[1]
    (service,) = ecs.describe_services(cluster=cluster, services=["api"])["services"]
    for number in range(FOREIGN):
        name = f"other-{number}"
        ecs.create_service(
            cluster=cluster,
            serviceName=name,
            taskDefinition=service["taskDefinition"],
            launchType="FARGATE",
            desiredCount=0,
            networkConfiguration=service["networkConfiguration"],
        )
        resource = f"service/{cluster}/{name}"
        scaling.register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=resource,
            ScalableDimension=like["ScalableDimension"],
            MinCapacity=0,
            MaxCapacity=9,
        )
        put(environment, like, 77.0, resource)
    return controller


def test_each_service_has_its_own_policy_and_nothing_is_written_at_rest(scaled: Controller) -> None:
    """Twelve policies of another client with the same name are on the pages between."""
    with scaled.environment.writes() as writes:
        scaled.run_passes(5)
        scaled.environment.controller().run_pass()
    assert operations(writes) == []
    live = policies(scaled.environment)
    assert len(live) == len(NAMES) + FOREIGN
    values = [live[name]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for name in NAMES]
    assert values == [50, 51, 52]


def test_a_changed_and_a_deleted_policy_are_repaired_on_their_own_services(scaled: Controller) -> None:
    """The other policies with this name are not written."""
    before = policies(scaled.environment)
    put(scaled.environment, before["api"], 90.0)
    scaled.environment.aws("application-autoscaling").delete_scaling_policy(
        **{name: before["jobs"][name] for name in ("ServiceNamespace", "ScalableDimension", "PolicyName", "ResourceId")}
    )
    with scaled.environment.writes() as writes:
        scaled.run_passes(3)
    assert operations(writes) == ["application-autoscaling.PutScalingPolicy"] * 2
    after = policies(scaled.environment)
    kept = "TargetTrackingScalingPolicyConfiguration"
    assert {name: one[kept] for name, one in after.items()} == {name: one[kept] for name, one in before.items()}


def test_a_policy_that_is_no_longer_declared_is_deleted_on_its_own_service(scaled: Controller) -> None:
    """With prune on; the policies with this name on other services stay."""
    before = policies(scaled.environment)
    declare(scaled.environment, policies=("api", "jobs"))
    scaled.environment.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")
    scaled.read()
    with scaled.environment.writes() as writes:
        scaled.run_passes(30)
    assert operations(writes) == ["application-autoscaling.DeleteScalingPolicy"]
    assert policies(scaled.environment).keys() == before.keys() - {"mail"}
