"""Create services with boto3 alone: in the cluster `prod`, behind one load balancer."""

from __future__ import annotations

from typing import Any

from tests.importer.account import CLUSTER, REGION, Body, SimulatedAccount

RESOURCE = "service/" + CLUSTER + "/{}"
DIMENSION = "ecs:service:DesiredCount"
TRUST = '{"Version":"2012-10-17","Statement":[]}'


class AccountBuilder:
    """Creates services and what they need. Optional members are left out unless the caller gives them."""

    def __init__(self, account: SimulatedAccount) -> None:
        self.account = account
        self.ecs, self.elb = account.aws("ecs"), account.aws("elbv2")
        self.scaling = account.aws("application-autoscaling")
        self.ecs.create_cluster(clusterName=CLUSTER, capacityProviders=["FARGATE", "FARGATE_SPOT"])
        subnets = account.aws("ec2").describe_subnets()["Subnets"]
        self.vpc = subnets[0]["VpcId"]
        self.subnets = sorted(one["SubnetId"] for one in subnets if one["VpcId"] == self.vpc)
        self.arns: dict[str, str] = {}
        self.priority = 0

    def load_balancer(self, name: str = "web", **members: Any) -> str:
        """Return the ARN of a load balancer, created the first time."""
        if name not in self.arns:
            created = self.elb.create_load_balancer(Name=name, Subnets=self.subnets[:2], **members)
            self.arns[name] = created["LoadBalancers"][0]["LoadBalancerArn"]
        return self.arns[name]

    def listener(self, balancer: str = "web", port: int = 80, **members: Any) -> str:
        """Return the ARN of a listener, created the first time; its default action is a 404."""
        key = f"{balancer}:{port}"
        if key not in self.arns:
            fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
            body = {"Protocol": "HTTP", "DefaultActions": [fixed], **members}
            created = self.elb.create_listener(LoadBalancerArn=self.load_balancer(balancer), Port=port, **body)
            self.arns[key] = created["Listeners"][0]["ListenerArn"]
        return self.arns[key]

    def target_group(self, name: str, **members: Any) -> str:
        """Create a target group, by default for IP targets; return its ARN."""
        body = {"Protocol": "HTTP", "Port": 80, "VpcId": self.vpc, "TargetType": "ip", **members}
        created = self.elb.create_target_group(Name=name, **body)["TargetGroups"][0]
        self.arns[f"tg/{name}"] = created["TargetGroupArn"]
        return str(created["TargetGroupArn"])

    def rule(self, name: str, *actions: Body, port: int = 80) -> str:
        """Create a rule for the path `/name/*` at the next priority; return its ARN."""
        self.priority += 1
        created = self.elb.create_rule(
            ListenerArn=self.listener(port=port),
            Priority=self.priority,
            Conditions=[{"Field": "path-pattern", "Values": [f"/{name}/*"]}],
            Actions=list(actions),
        )
        self.arns[f"rule/{name}"] = created["Rules"][0]["RuleArn"]
        return str(created["Rules"][0]["RuleArn"])

    def routed_target_group(self, name: str, **members: Any) -> Body:
        """Create a target group and a rule that forwards to it; return the entry for a service's `loadBalancers`."""
        arn = self.target_group(name, **members)
        self.rule(name, forward(arn))
        return {"targetGroupArn": arn, "containerName": "app", "containerPort": 80}

    def task(self, family: str, *more: Body, container: Body | None = None, **members: Any) -> str:
        """Register a task definition for Fargate; return its ARN."""
        app: Body = {"name": "app", "image": "nginx:1", "portMappings": [{"containerPort": 80}], **(container or {})}
        body: Body = {
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            **members,
        }
        created = self.ecs.register_task_definition(family=family, containerDefinitions=[app, *more], **body)
        return str(created["taskDefinition"]["taskDefinitionArn"])

    def ec2_task(self, family: str, container: Body | None = None, **members: Any) -> str:
        """Register a task definition for EC2 with a dynamic host port; return its ARN."""
        app = {"memory": 128, "portMappings": [{"containerPort": 80, "hostPort": 0}], **(container or {})}
        body: Body = {"networkMode": "bridge", "requiresCompatibilities": ["EC2"], **members}
        app = {"name": "app", "image": "nginx:1", **app}
        created = self.ecs.register_task_definition(family=family, containerDefinitions=[app], **body)
        return str(created["taskDefinition"]["taskDefinitionArn"])

    def service(self, name: str, **members: Any) -> None:
        """Create a service on Fargate."""
        body: Body = {
            "desiredCount": 1,
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": self.subnets[:2]}},
            **({} if "capacityProviderStrategy" in members else {"launchType": "FARGATE"}),
            **members,
        }
        body.setdefault("taskDefinition", None)
        body["taskDefinition"] = body["taskDefinition"] or self.task(name)
        self.ecs.create_service(cluster=CLUSTER, serviceName=name, **body)

    def ec2_service(self, name: str, **members: Any) -> None:
        """Create a service on EC2."""
        body: Body = {"desiredCount": 1, "launchType": "EC2", **members}
        if "capacityProviderStrategy" in members:
            del body["launchType"]
        if members.get("schedulingStrategy") == "DAEMON":
            del body["desiredCount"]
        self.ecs.create_service(
            cluster=CLUSTER, serviceName=name, **{"taskDefinition": members.get("taskDefinition"), **body}
        )

    def pointers(self) -> dict[str, str]:
        """Return the ARNs of created resources, escaped for a JSON pointer."""
        return {name: arn.replace("/", "~1") for name, arn in self.arns.items()}

    def update(self, name: str, **members: Any) -> None:
        """Update a service."""
        self.ecs.update_service(cluster=CLUSTER, service=name, **members)

    def log_group(self, name: str, days: int = 14) -> Body:
        """Create a log group; return the container member that refers to it."""
        logs = self.account.aws("logs")
        logs.create_log_group(logGroupName=name)
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        options = {"awslogs-group": name, "awslogs-region": REGION, "awslogs-stream-prefix": "app"}
        return {"logConfiguration": {"logDriver": "awslogs", "options": options}}

    def provider(self, name: str) -> None:
        """Create a capacity provider of the cluster with its Auto Scaling group."""
        ec2, asg = self.account.aws("ec2"), self.account.aws("autoscaling")
        ec2.create_launch_template(
            LaunchTemplateName=name, LaunchTemplateData={"ImageId": "ami-12345678", "InstanceType": "t3.small"}
        )
        asg.create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=0,
            MaxSize=2,
            LaunchTemplate={"LaunchTemplateName": name},
            VPCZoneIdentifier=",".join(self.subnets[:2]),
        )
        arn = asg.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0][
            "AutoScalingGroupARN"
        ]
        self.ecs.create_capacity_provider(
            name=name,
            autoScalingGroupProvider={"autoScalingGroupArn": arn, "managedScaling": {"status": "ENABLED"}},
        )
        self.ecs.put_cluster_capacity_providers(
            cluster=CLUSTER, capacityProviders=["FARGATE", "FARGATE_SPOT", name], defaultCapacityProviderStrategy=[]
        )
        self.account.simulator.advance(60)

    def role(self, name: str) -> str:
        """Create a role; return its ARN."""
        created = self.account.aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        return str(created["Role"]["Arn"])

    def make_scalable(self, name: str, least: int = 1, most: int = 4, **members: Any) -> Body:
        """Register a service as a scalable target; return the members that identify it."""
        named: Body = {
            "ServiceNamespace": "ecs",
            "ResourceId": RESOURCE.format(name),
            "ScalableDimension": DIMENSION,
        }
        self.scaling.register_scalable_target(**named, MinCapacity=least, MaxCapacity=most, **members)
        return named


def forward(*arns: str, weights: tuple[int, ...] = ()) -> Body:
    """Return a forward action."""
    if len(arns) == 1:
        return {"Type": "forward", "TargetGroupArn": arns[0]}
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(arns, weights, strict=True)]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
