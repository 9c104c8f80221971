"""A service that CodeDeploy deploys: its task definition and its target group are CodeDeploy's, the rest is ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ecsim import Simulator
from ecsync.aws.clients import Clients
from tests.whole.support.environment import Controller, Environment, operations

pytestmark = pytest.mark.usefixtures("both_readings")

MANIFEST = """\
apiVersion: ecsync/v1
kind: Application
metadata: {name: two}
spec:
  manage: [all]
  sync: {mode: enforce, interval: 30s}
---
apiVersion: ecsync/v1
resources:
  Network/main: {default: true}
  Cluster/main: {clusterName: two}
  TargetGroup/blue: {Name: blue, Protocol: HTTP, Port: 80, TargetType: ip, VpcId: "${Network/main}"}
  TargetGroup/green: {Name: green, Protocol: HTTP, Port: 80, TargetType: ip, VpcId: "${Network/main}"}
  LoadBalancer/main: {Name: main, Subnets: "${Network/main.publicSubnetIds}"}
  Listener/http:
    LoadBalancerArn: ${LoadBalancer/main}
    Protocol: HTTP
    Port: 80
    DefaultActions: [{Type: forward, TargetGroupArn: "${TargetGroup/blue}"}]
  ListenerRule/web:
    ListenerArn: ${Listener/http}
    Priority: 1
    Conditions: [{Field: path-pattern, Values: [/web/*]}]
    Actions:
      - Type: forward
        ForwardConfig:
          TargetGroups: [{TargetGroupArn: "${TargetGroup/blue}", Weight: 1}]
          TargetGroupStickinessConfig: {Enabled: true, DurationSeconds: 60}
  TaskDefinition/web:
    family: two-web
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    containerDefinitions: [{name: web, image: "nginx:1", portMappings: [{containerPort: 80}]}]
  Service/web:
    serviceName: web
    cluster: ${Cluster/main}
    taskDefinition: ${TaskDefinition/web}
    launchType: FARGATE
    desiredCount: 2
    deploymentController: {type: CODE_DEPLOY}
    healthCheckGracePeriodSeconds: 30
    networkConfiguration: {awsvpcConfiguration: {subnets: "${Network/main.publicSubnetIds}", assignPublicIp: ENABLED}}
    loadBalancers: [{targetGroupArn: "${TargetGroup/blue}", containerName: web, containerPort: 80}]
"""
MEMBERS = ("family", "networkMode", "cpu", "memory", "requiresCompatibilities", "containerDefinitions")


@dataclass
class Deployed:
    """A converged account, its controller, and what CodeDeploy and people do in it."""

    environment: Environment
    controller: Controller

    def aws(self, service: str) -> Any:
        return self.environment.aws(service)

    @property
    def service(self) -> dict[str, Any]:
        described = self.aws("ecs").describe_services(cluster="two", services=["web"], include=["TAGS"])
        found: dict[str, Any] = described["services"][0]
        return found

    def group(self, name: str) -> str:
        """Return the ARN of a target group."""
        return str(self.aws("elbv2").describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"])

    @property
    def rule(self) -> dict[str, Any]:
        """The rule with a priority."""
        elb = self.aws("elbv2")
        balancer = elb.describe_load_balancers(Names=["main"])["LoadBalancers"][0]["LoadBalancerArn"]
        listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
        found: dict[str, Any] = elb.describe_rules(ListenerArn=listener)["Rules"][0]
        return found

    @property
    def forwards_to(self) -> list[str]:
        """The target groups of the rule."""
        return [one["TargetGroupArn"] for one in self.rule["Actions"][0]["ForwardConfig"]["TargetGroups"]]

    def deploy(self, image: str, group: str, *, with_tags: bool = False, wait: float = 600.0) -> str:
        """Register a copy of what runs with another image, and let CodeDeploy deploy it behind a target group."""
        ecs = self.aws("ecs")
        running = self.service["taskDefinition"]
        described = ecs.describe_task_definition(taskDefinition=running, include=["TAGS"])
        copy = {member: described["taskDefinition"][member] for member in MEMBERS}
        copy["containerDefinitions"][0]["image"] = image
        tags = {"tags": described["tags"]} if with_tags else {}
        arn: str = ecs.register_task_definition(**copy, **tags)["taskDefinition"]["taskDefinitionArn"]
        self.environment.simulator.code_deploy("two", "web", arn, self.group(group), wait=wait)
        return arn

    def assert_nothing_is_written(self) -> None:
        """Three passes of this process and of a new one write nothing, and find no drift and nothing to hold."""
        fresh = self.environment.controller()
        with self.environment.writes() as writes:
            self.controller.run_passes(3)
            fresh.run_passes(3)
        assert operations(writes) == []
        for controller in (self.controller, fresh):
            assert controller.events_of_type("drift.detected") == []
            plan = controller.outcomes["two"].plan
            assert [str(one.step.id) for one in plan.withheld] == [str(one.id) for one in plan.steps] == []
            assert {one.sync for one in controller.statuses()} == {"Synced"}


@pytest.fixture
def deployed(simulator: Simulator, clients: Clients, tmp_path: Path) -> Deployed:
    """The manifest, converged."""
    environment = Environment(simulator, clients, tmp_path)
    (tmp_path / "app.yaml").write_text(MANIFEST)
    controller = environment.controller()
    controller.converge(pause=120)
    return Deployed(environment, controller)


@pytest.mark.parametrize("with_tags", [False, True], ids=["without our tags", "with our tags copied"])
def test_a_deployment_of_code_deploy_is_no_drift(deployed: Deployed, with_tags: bool) -> None:
    """While the new tasks start, after the traffic has moved, and after the old tasks have stopped."""
    blue, green = deployed.group("blue"), deployed.group("green")
    revision = deployed.deploy("nginx:2", "green", with_tags=with_tags)
    deployed.environment.simulator.advance(10)
    assert [one["status"] for one in deployed.service["taskSets"]] == ["ACTIVE", "PRIMARY"]
    assert deployed.forwards_to == [blue]
    deployed.assert_nothing_is_written()
    deployed.environment.simulator.advance(120)
    assert [one["status"] for one in deployed.service["taskSets"]] == ["PRIMARY", "ACTIVE"]
    assert (deployed.forwards_to, deployed.service["taskDefinition"]) == ([green], revision)
    deployed.assert_nothing_is_written()
    deployed.environment.simulator.advance(1200)
    assert [one["status"] for one in deployed.service["taskSets"]] == ["PRIMARY"]
    deployed.assert_nothing_is_written()


def test_the_next_deployment_goes_back_to_the_first_target_group(deployed: Deployed) -> None:
    """To and fro: nothing is written in between."""
    for image, group in (("nginx:2", "green"), ("nginx:3", "blue"), ("nginx:4", "green")):
        deployed.deploy(image, group, wait=0)
        deployed.environment.simulator.advance(600)
        assert deployed.forwards_to == [deployed.group(group)]
        deployed.assert_nothing_is_written()


def test_the_rest_of_the_rule_and_of_the_service_is_compared(deployed: Deployed) -> None:
    """What a person changes after a deployment goes back; what CodeDeploy decided stays."""
    revision = deployed.deploy("nginx:2", "green", wait=0)
    deployed.environment.simulator.advance(600)
    deployed.assert_nothing_is_written()
    green = deployed.group("green")
    rule, elb = deployed.rule, deployed.aws("elbv2")
    elb.modify_rule(
        RuleArn=rule["RuleArn"],
        Conditions=[{"Field": "path-pattern", "Values": ["/other"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": green}],
    )
    deployed.aws("ecs").update_service(cluster="two", service="web", healthCheckGracePeriodSeconds=99)
    deployed.controller.converge(pause=60)
    assert deployed.rule["Conditions"][0]["Values"] == ["/web/*"]
    assert deployed.rule["Actions"][0]["ForwardConfig"]["TargetGroupStickinessConfig"]["Enabled"] is True
    assert deployed.forwards_to == [green]
    assert (deployed.service["healthCheckGracePeriodSeconds"], deployed.service["taskDefinition"]) == (30, revision)
    assert {str(one.key) for one in deployed.controller.events_of_type("drift.detected")} == {
        "ListenerRule/web",
        "Service/web",
    }


def test_a_new_image_in_the_manifest_is_registered_and_held(deployed: Deployed) -> None:
    """UpdateService cannot deploy it: the reason names CodeDeploy."""
    path = deployed.environment.manifests / "app.yaml"
    path.write_text(path.read_text().replace("nginx:1", "nginx:2"))
    deployed.controller.read()
    with deployed.environment.writes() as writes:
        deployed.controller.run_passes(3)
    assert operations(writes) == ["ecs.RegisterTaskDefinition"]
    (held,) = deployed.controller.outcomes["two"].plan.withheld
    assert "start a CodeDeploy deployment instead" in held.reason
    assert deployed.controller.events_of_type("drift.detected") == []
    declared = deployed.aws("ecs").list_task_definitions(familyPrefix="two-web")["taskDefinitionArns"][-1]
    deployed.environment.simulator.code_deploy("two", "web", declared, deployed.group("green"))
    deployed.environment.simulator.advance(600)
    deployed.controller.run_passes(2)
    deployed.assert_nothing_is_written()
