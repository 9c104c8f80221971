"""A service changes its deployment strategy to and fro, and the traffic is never without a healthy target (R9)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecsim import Simulator
from ecsync.aws.clients import Clients
from tests.whole.motion.shapes import APPLICATION, NOTHING, listener
from tests.whole.support.environment import Controller, Environment, operations

CANARY = "{strategy: CANARY, bakeTimeInMinutes: 0, canaryConfiguration: {canaryPercent: 9, canaryBakeTimeInMinutes: 1}}"
LINEAR = "{strategy: LINEAR, bakeTimeInMinutes: 0, linearConfiguration: {stepPercent: 50, stepBakeTimeInMinutes: 1}}"
BLUE_GREEN = "{strategy: BLUE_GREEN, bakeTimeInMinutes: 0}"
ROLLING = "{}"
ALL = {"canary": CANARY, "linear": LINEAR, "blue/green": BLUE_GREEN, "rolling": ROLLING}

TRUST = (
    '{Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: ecs.amazonaws.com}, '
    'Action: "sts:AssumeRole"}]}'
)


def manifest(deployment: str, image: str = "nginx:1") -> str:
    """Return a service with this deployment configuration, behind a rule; all but a rolling one have a pair."""
    paired = deployment != ROLLING
    advanced = (
        ', advancedConfiguration: {alternateTargetGroupArn: "${TargetGroup/green}", '
        'productionListenerRule: "${ListenerRule/r}", roleArn: "${Role/infra}"}'
    )
    shares = (
        '{Type: forward, ForwardConfig: {TargetGroups: [{TargetGroupArn: "${TargetGroup/blue}", Weight: 100}, '
        '{TargetGroupArn: "${TargetGroup/green}", Weight: 0}]}}'
    )
    alone = '{Type: forward, TargetGroupArn: "${TargetGroup/blue}"}'
    group = 'Protocol: HTTP, Port: 80, TargetType: ip, VpcId: "${Network/main}", HealthCheckIntervalSeconds: 6'
    return f"""{APPLICATION}\
  Role/infra:
    RoleName: motion-infra
    AssumeRolePolicyDocument: {TRUST}
    ManagedPolicyArns: ["arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"]
  TargetGroup/blue: {{Name: motion-blue, {group}}}
  TargetGroup/green: {{Name: motion-green, {group}}}
{listener("http", 80, NOTHING)}\
  ListenerRule/r:
    ListenerArn: ${{Listener/http}}
    Priority: 1
    Conditions: [{{Field: path-pattern, Values: ["/*"]}}]
    Actions: [{shares if paired else alone}]
  TaskDefinition/web:
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    containerDefinitions: [{{name: web, image: "{image}", portMappings: [{{containerPort: 80}}]}}]
  Service/web:
    cluster: ${{Cluster/main}}
    taskDefinition: ${{TaskDefinition/web}}
    launchType: FARGATE
    desiredCount: 1
    deploymentConfiguration: {deployment}
    networkConfiguration: {{awsvpcConfiguration: {{subnets: "${{Network/main.publicSubnetIds}}"}}}}
    loadBalancers:
    - {{targetGroupArn: "${{TargetGroup/blue}}", containerName: web, containerPort: 80{advanced if paired else ""}}}
"""


@pytest.fixture
def account(simulator: Simulator, clients: Clients, tmp_path: Path) -> Environment:
    """An empty account, and an empty folder for manifests."""
    return Environment(simulator, clients, tmp_path)


def apply(controller: Controller, text: str) -> None:
    """Converge a manifest."""
    (controller.environment.manifests / "app.yaml").write_text(text)
    controller.read()
    controller.converge(pause=50)


@pytest.mark.parametrize("deployed", [1, 2], ids=["traffic on blue", "traffic on green"])
@pytest.mark.parametrize("after", ALL)
@pytest.mark.parametrize("before", ALL)
def test_a_change_of_strategy_is_no_outage_and_is_written_once(
    account: Environment, before: str, after: str, deployed: int
) -> None:
    """Also where the last deployment left the traffic on the alternate group, which a rolling service does not have."""
    (account.manifests / "app.yaml").write_text(manifest(ALL[before]))
    controller = account.controller()
    for image in range(deployed):
        apply(controller, manifest(ALL[before], f"nginx:{image}"))
    lost = [(one["unserved"], one["partly"]) for one in account.simulator.outages()]
    with account.writes() as writes:
        apply(controller, manifest(ALL[after], f"nginx:{deployed - 1}"))
    assert [(one["unserved"], one["partly"]) for one in account.simulator.outages()] == lost
    two_steps = after == "rolling" != before and deployed == 2
    assert operations(writes).count("ecs.UpdateService") == (0 if after == before else 2 if two_steps else 1)
    assert controller.events_of_type("drift.detected") == []
