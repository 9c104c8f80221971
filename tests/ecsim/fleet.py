"""Container instances for tests: role, profile, launch template, group, provider."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.ecsim.aws import Aws, Body

TRUST = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}]})
POLICY = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
IMAGE = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"


class Fleet:
    """The resources that many tests of the EC2 launch type create."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    def role(self, name: str = "instance") -> str:
        """Create a role with an instance profile of the same name, and return the profile's ARN."""
        iam = self.aws.iam
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        iam.attach_role_policy(RoleName=name, PolicyArn=POLICY)
        profile = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return str(profile["Arn"])

    def data(self, cluster: str = "prod", **members: Any) -> Body:
        """The data of a launch template for instances that join a cluster."""
        script = f"#!/bin/bash\necho ECS_CLUSTER={cluster} >> /etc/ecs/ecs.config\n"
        return {
            "ImageId": IMAGE,
            "InstanceType": "t3.small",
            "UserData": base64.b64encode(script.encode()).decode(),
            **members,
        }

    def template(self, name: str = "nodes", **members: Any) -> str:
        """Create a launch template and return its ID."""
        made = self.aws.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=self.data(**members))
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def group(self, name: str = "nodes", template: str = "nodes", **members: Any) -> Body:
        """Create an Auto Scaling group over two subnets."""
        body = {
            "AutoScalingGroupName": name,
            "MinSize": 0,
            "MaxSize": 4,
            "VPCZoneIdentifier": ",".join(self.aws.network["subnets"][:2]),
            "LaunchTemplate": {"LaunchTemplateName": template},
            **members,
        }
        self.aws.autoscaling.create_auto_scaling_group(**body)
        return self.described(name)

    def described(self, name: str = "nodes") -> Body:
        """Describe a group."""
        found: Body = self.aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
            "AutoScalingGroups"
        ][0]
        return found

    def up(self, count: int = 2, **data: Any) -> list[Body]:
        """Create the cluster `prod` with `count` container instances."""
        self.aws.ecs.create_cluster(clusterName="prod")
        self.template(IamInstanceProfile={"Arn": self.role()}, **data)
        self.group(DesiredCapacity=count)
        self.aws.simulator.advance(60)
        return self.instances()

    def provider(self, name: str = "nodes", group: str = "nodes", **members: Any) -> Body:
        """Create a capacity provider with managed scaling over a group."""
        settings = {
            "autoScalingGroupArn": self.described(group)["AutoScalingGroupARN"],
            "managedScaling": {"status": "ENABLED"},
            **members,
        }
        made: Body = self.aws.ecs.create_capacity_provider(name=name, autoScalingGroupProvider=settings)[
            "capacityProvider"
        ]
        return made

    def managed(self, **members: Any) -> None:
        """Create the cluster `prod` with the provider `nodes` as its default, and no instance."""
        self.up(0)
        self.provider(**members)
        self.aws.ecs.put_cluster_capacity_providers(
            cluster="prod",
            capacityProviders=["nodes"],
            defaultCapacityProviderStrategy=[{"capacityProvider": "nodes", "weight": 1}],
        )

    def instances(self) -> list[Body]:
        """The container instances of the cluster `prod`."""
        ecs = self.aws.ecs
        arns = ecs.list_container_instances(cluster="prod")["containerInstanceArns"]
        if not arns:
            return []
        found: list[Body] = ecs.describe_container_instances(cluster="prod", containerInstances=arns)[
            "containerInstances"
        ]
        return found

    def definition(self, memory: int = 300, *, family: str = "api", image: str = "nginx:1", **members: Any) -> str:
        """Register a task definition for EC2 with a dynamic host port, and return its ARN."""
        container = {
            "name": "api",
            "image": image,
            "memory": memory,
            "portMappings": [{"containerPort": 80, "hostPort": 0}],
        }
        body = {"family": family, "networkMode": "bridge", "containerDefinitions": [container], **members}
        return str(self.aws.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"])

    def service(self, **members: Any) -> Body:
        """Create the service `api` on the cluster's instances."""
        body = {"cluster": "prod", "serviceName": "api", "launchType": "EC2", "desiredCount": 2, **members}
        if "taskDefinition" not in body:
            body["taskDefinition"] = self.definition()
        if "capacityProviderStrategy" in body or body["launchType"] is None:
            del body["launchType"]
        if body.get("schedulingStrategy") == "DAEMON":
            del body["desiredCount"]
        created: Body = self.aws.ecs.create_service(**body)["service"]
        return created
