"""The checks of CreateService, UpdateService and RunTask."""

from __future__ import annotations

from ecsim.account.errors import invalid_parameter
from ecsim.account.world import Body, Call
from ecsim.ecs.capacity import associations
from ecsim.ecs.capacity.providers import FARGATE, NOT_ASSOCIATED
from ecsim.ecs.rollouts import runs_on_fargate
from ecsim.ecs.store import EcsRegion, ServiceLinkedRole
from ecsim.elbv2.store import ElbRegion
from ecsim.moto import iam, seams

ROLE_REFUSED = (
    "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS service role being"
    " passed has the proper permissions."
)


def check_service_linked_role(call: Call) -> None:
    """Refuse while the service-linked role is new; the account's first cluster creates it."""
    world = call.world
    created, needed = world.state(ServiceLinkedRole).created_at, world.settings.service_linked_role_seconds
    if world.settings.settling and created is not None and world.now - created < needed:
        raise invalid_parameter(
            "Unable to assume the service linked role. Please verify that the ECS service linked role exists."
        )


def check_request(params: Body) -> None:
    """Refuse a request that is invalid in any account."""
    if params.get("launchType") and params.get("capacityProviderStrategy"):
        raise invalid_parameter(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )
    if params.get("schedulingStrategy") == "DAEMON" and params.get("desiredCount") is not None:
        raise invalid_parameter(
            "The daemon scheduling strategy does not support a desired count for services."
            " Remove a desired count value and try again"
        )
    if params.get("desiredCount", 0) < 0:
        raise invalid_parameter("Tasks desired count should not be negative.")


def check_service(call: Call, body: Body, cluster: Body) -> None:
    """Refuse a service body that is invalid in this account; `body` is the result of the request."""
    if body["deploymentController"]["type"] == "EXTERNAL":
        return
    if "taskDefinition" not in body:
        raise invalid_parameter("TaskDefinition can not be blank.")
    definition = call.store(EcsRegion).find_task_definition(body["taskDefinition"])
    assert definition is not None
    fargate = runs_on_fargate(body)
    if fargate and "FARGATE" not in definition["compatibilities"]:
        raise invalid_parameter("Task definition does not support launch_type FARGATE.")
    if fargate and body["schedulingStrategy"] == "DAEMON":
        raise invalid_parameter("The daemon scheduling strategy is not supported for the FARGATE launch type.")
    _check_network(call, body, definition)
    for item in body.get("capacityProviderStrategy", []):
        if item["capacityProvider"] not in associations.usable(cluster):
            raise invalid_parameter(NOT_ASSOCIATED)
    if len({item["capacityProvider"] in FARGATE for item in body.get("capacityProviderStrategy", [])}) > 1:
        raise invalid_parameter(
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and"
            " Fargate providers. Specify one or the other and try again."
        )
    limits = body["deploymentConfiguration"]
    if limits["minimumHealthyPercent"] == limits["maximumPercent"] == 100:
        raise invalid_parameter(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
        )
    if body["healthCheckGracePeriodSeconds"] and not body["loadBalancers"]:
        raise invalid_parameter("Health check grace period is only valid for services configured to use load balancers")
    paired = limits.get("strategy", "ROLLING") != "ROLLING"
    for balancer in body["loadBalancers"]:
        if paired and balancer.get("targetGroupArn") and not balancer.get("advancedConfiguration"):
            raise invalid_parameter(
                f"advancedConfiguration field is required for all loadBalancers when using a {limits['strategy']}"
                " deployment strategy."
            )
        _check_balancer(call, balancer, definition)


def _check_network(call: Call, body: Body, definition: Body) -> None:
    network = body.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if definition["networkMode"] != "awsvpc":
        if network:
            raise invalid_parameter(
                "Network Configuration is not valid for the given networkMode of this task definition."
            )
        return
    if network is None:
        raise invalid_parameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    if not network.get("subnets"):
        raise invalid_parameter("subnets can not be empty.")
    account, region = call.account, call.region
    for subnet in network["subnets"]:
        if seams.subnet(account, region, subnet) is None:
            raise invalid_parameter(
                f"Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' does not exist"
                " (ErrorCode: InvalidSubnetID.NotFound)"
            )
    for group in network.get("securityGroups", []):
        if seams.security_group(account, region, group) is None:
            raise invalid_parameter(
                f"Error retrieving security group information for [{group}]: The security group '{group}' does not"
                " exist (ErrorCode: InvalidGroup.NotFound)"
            )


def _check_balancer(call: Call, balancer: Body, definition: Body) -> None:
    name, port = balancer.get("containerName"), balancer.get("containerPort")
    container = next((c for c in definition["containerDefinitions"] if c["name"] == name), None)
    if container is None:
        raise invalid_parameter(f"The container {name} does not exist in the task definition.")
    if not any(mapping.get("containerPort") == port for mapping in container["portMappings"]):
        raise invalid_parameter(f"The container {name} did not have a container port {port} defined.")
    arn = balancer.get("targetGroupArn")
    if arn is None:
        return
    elb = call.store(ElbRegion)
    group = elb.target_groups.get(arn)
    if group is None:
        raise invalid_parameter(ROLE_REFUSED)  # ECS's error for a target group that does not exist
    wanted = "ip" if definition["networkMode"] == "awsvpc" else "instance"
    if group["TargetType"] != wanted:
        raise invalid_parameter(
            f"The provided target group {arn} has target type {group['TargetType']}, which is incompatible with the"
            f" {definition['networkMode']} network mode specified in the task definition."
        )
    _check_pair(elb, balancer.get("advancedConfiguration"))
    if not elb.balancers_of(arn):
        raise invalid_parameter(
            f"The target group with targetGroupArn {arn} does not have an associated load balancer."
        )


def _check_pair(elb: ElbRegion, advanced: Body | None) -> None:
    """Refuse an alternate target group or production rule that does not exist."""
    if not advanced:
        return
    if advanced.get("alternateTargetGroupArn") not in elb.target_groups:
        raise invalid_parameter(ROLE_REFUSED)
    rule = advanced.get("productionListenerRule", "")
    if rule not in elb.rules:
        raise invalid_parameter(f"The listener rule {rule} does not exist. Specify a valid listener rule ARN.")


def check_role(call: Call) -> None:
    """Refuse a service role that cannot be assumed."""
    role = call.params.get("role")
    if role and not iam.assumable(call.world, role, "ecs.amazonaws.com"):
        raise invalid_parameter(ROLE_REFUSED)
