"""The quickstart's resources, created manually: with boto3 alone, without ecsync's tags."""

from __future__ import annotations

import json

from tests.whole.support.environment import Body, Environment

IMAGE = "public.ecr.aws/nginx/nginx:1.27"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


def create(environment: Environment, *, grace: int = 30) -> None:
    """Create the resources of the quickstart and wait until the service is steady."""
    role = _role(environment)
    vpc, subnets = _network(environment)
    public, private = _security_groups(environment, vpc)
    group = _balancing(environment, vpc, subnets, public)
    environment.aws("logs").create_log_group(logGroupName="/quickstart/web")
    environment.aws("logs").put_retention_policy(logGroupName="/quickstart/web", retentionInDays=14)
    ecs = environment.aws("ecs")
    ecs.create_cluster(clusterName="quickstart", settings=[{"name": "containerInsights", "value": "enabled"}])
    ecs.register_task_definition(**task_definition(role))
    awsvpc = {"subnets": subnets, "securityGroups": [private], "assignPublicIp": "ENABLED"}
    ecs.create_service(
        cluster="quickstart",
        serviceName="web",
        taskDefinition="quickstart-web",
        launchType="FARGATE",
        desiredCount=2,
        healthCheckGracePeriodSeconds=grace,
        deploymentConfiguration={
            "minimumHealthyPercent": 100,
            "maximumPercent": 200,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        networkConfiguration={"awsvpcConfiguration": awsvpc},
        loadBalancers=[{"targetGroupArn": group, "containerName": "web", "containerPort": 80}],
        tags=[{"key": "team", "value": "quickstart"}],
    )
    environment.simulator.advance(300)


def task_definition(role: str, image: str = IMAGE) -> Body:
    """Return the request that registers the task definition."""
    options = {"awslogs-group": "/quickstart/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web"}
    container = {
        "name": "web",
        "image": image,
        "portMappings": [{"containerPort": 80}],
        "environment": [{"name": "GREETING", "value": "hello"}],
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    }
    return {
        "family": "quickstart-web",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": role,
        "containerDefinitions": [container],
    }


def _role(environment: Environment) -> str:
    iam = environment.aws("iam")
    name = "quickstart-execution"
    role = iam.create_role(
        RoleName=name,
        Description="Lets ECS pull the image and write the logs",
        AssumeRolePolicyDocument=json.dumps(TRUST),
    )
    iam.attach_role_policy(RoleName=name, PolicyArn=EXECUTION)
    return str(role["Role"]["Arn"])


def _network(environment: Environment) -> tuple[str, list[str]]:
    found = environment.aws("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    by_zone = sorted(found, key=lambda subnet: str(subnet["AvailabilityZone"]))
    return by_zone[0]["VpcId"], [subnet["SubnetId"] for subnet in by_zone]


def _security_groups(environment: Environment, vpc: str) -> tuple[str, str]:
    ec2 = environment.aws("ec2")
    group_ids = []
    for name, description in (("lb", "What the internet may reach"), ("web", "What the load balancer may reach")):
        group = ec2.create_security_group(GroupName=f"quickstart-{name}", Description=description, VpcId=vpc)
        group_ids.append(str(group["GroupId"]))
    public, private = group_ids
    internet = {"IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "the world"}]}
    balancer = {"UserIdGroupPairs": [{"GroupId": public}]}
    for group, source in ((public, internet), (private, balancer)):
        permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, **source}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    return public, private


def _balancing(environment: Environment, vpc: str, subnets: list[str], security_group: str) -> str:
    elb = environment.aws("elbv2")
    group = elb.create_target_group(
        Name="quickstart-web",
        Protocol="HTTP",
        Port=80,
        TargetType="ip",
        VpcId=vpc,
        HealthCheckPath="/",
        HealthCheckIntervalSeconds=10,
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}]
    )
    balancer = elb.create_load_balancer(
        Name="quickstart", Scheme="internet-facing", Subnets=subnets, SecurityGroups=[security_group]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    nothing = {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "nothing here"}
    listener = elb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": nothing}],
    )["Listeners"][0]["ListenerArn"]
    elb.create_rule(
        ListenerArn=listener,
        Priority=100,
        Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    return str(group)
