"""What other clients of the account do to the quickstart: people, rivals, the autoscaler."""

from __future__ import annotations

from typing import Any

from tests.chaos.scenarios.manifests import SCALING, adds
from tests.chaos.scenarios.scenario import Scenario
from tests.chaos.stage import Stage

CLUSTER = "quickstart"
REVISION = ("family", "requiresCompatibilities", "networkMode", "cpu", "memory", "executionRoleArn")


def update(**members: Any) -> Scenario:
    """Return the scenario of a person who changes the service."""
    name = f"a person sets {', '.join(members)}"
    return Scenario(name, lambda stage: _update(stage, **members), wrongs=True)


def _update(stage: Stage, **members: Any) -> None:
    stage.aws("ecs").update_service(cluster=CLUSTER, service="web", **members)
    stage.simulator.advance(150.0)


def deploy(stage: Stage) -> None:
    """Deploy another image, as a pipeline does, with a copy of our tags."""
    ecs = stage.aws("ecs")
    found = ecs.describe_task_definition(taskDefinition="quickstart-web", include=["TAGS"])
    body = {member: found["taskDefinition"][member] for member in REVISION}
    (container,) = found["taskDefinition"]["containerDefinitions"]
    changed = {**container, "image": "public.ecr.aws/nginx/nginx:1.99"}
    new = ecs.register_task_definition(**body, containerDefinitions=[changed], tags=found["tags"])
    _update(stage, taskDefinition=new["taskDefinition"]["taskDefinitionArn"])


def delete_service(stage: Stage) -> None:
    """Delete the service."""
    stage.aws("ecs").delete_service(cluster=CLUSTER, service="web", force=True)
    stage.simulator.advance(150.0)


def delete_listener_and_log(stage: Stage) -> None:
    """Delete a listener and a log group."""
    elb = stage.aws("elbv2")
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    elb.delete_listener(ListenerArn=listener)
    stage.aws("logs").delete_log_group(logGroupName="/quickstart/web")
    stage.simulator.advance(60.0)


def open_ssh(stage: Stage) -> None:
    """Open a port of a security group."""
    ec2 = stage.aws("ec2")
    groups = ec2.describe_security_groups()["SecurityGroups"]
    (group,) = (one["GroupId"] for one in groups if one["GroupName"] == "quickstart-lb")
    opened = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[opened])


def remove_tags(stage: Stage) -> None:
    """Take the tags of the owner off a service and a target group."""
    arn = stage.aws("ecs").describe_services(cluster=CLUSTER, services=["web"])["services"][0]["serviceArn"]
    stage.aws("ecs").untag_resource(resourceArn=arn, tagKeys=["team"])


def prepare_log_group(stage: Stage) -> None:
    """Create the log group without marks: it is adopted, as one that fluent-bit created."""
    stage.aws("logs").create_log_group(logGroupName="/quickstart/web")


def scale_out(stage: Stage) -> None:
    """Let the load rise, so that the autoscaler starts tasks."""
    stage.simulator.set_load(CLUSTER, "web", 120.0, region=stage.region)
    stage.simulator.advance(600.0)


def scale_beyond(stage: Stage) -> None:
    """Set the count beyond the band of the autoscaler."""
    _update(stage, desiredCount=9)


SCENARIOS = (
    update(desiredCount=5, healthCheckGracePeriodSeconds=99),
    update(desiredCount=0),
    update(enableECSManagedTags=True, propagateTags="SERVICE"),
    Scenario("a rival deploys another image", deploy, wrongs=True),
    Scenario("a person deletes the service", delete_service, wrongs=True),
    Scenario("a person deletes a listener and a log group", delete_listener_and_log, wrongs=True),
    Scenario("a person opens a port", open_ssh, wrongs=True),
    Scenario("a person removes a tag", remove_tags, wrongs=True),
    Scenario("adopt a log group", prepare=prepare_log_group, empty=True),
    Scenario("the autoscaler starts tasks", scale_out, prepare=adds(SCALING)),
    Scenario("a person leaves the band of the autoscaler", scale_beyond, prepare=adds(SCALING), wrongs=True),
)
