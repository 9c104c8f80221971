"""Services with rare members: blue/green, CodeDeploy, EBS volumes, FireLens, network and classic load balancers."""

from __future__ import annotations

from tests.importer.account import CLUSTER, REGION, Body
from tests.importer.account_builder import forward
from tests.importer.random_account.services import RandomServices


class SpecialServices(RandomServices):
    """Creates services with rare members."""

    def blue_green(self, number: int) -> None:
        """Create a service with a blue/green, linear or canary strategy, at times with a deployment in progress."""
        name = f"swapped{number}"
        blue, green = (self.aws.target_group(f"{name}-{colour}") for colour in ("blue", "green"))
        weighted = [{"TargetGroupArn": blue, "Weight": 100}, {"TargetGroupArn": green, "Weight": 0}]
        rule = self.aws.rule(name, {"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}, port=81)
        advanced = {
            "alternateTargetGroupArn": green,
            "productionListenerRule": rule,
            "roleArn": self.role("infrastructure"),
        }
        balanced = {"targetGroupArn": blue, "containerName": "app", "containerPort": 80}
        strategies: list[Body] = [
            {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": self.pick((1, 5))},
            {"strategy": "LINEAR", "bakeTimeInMinutes": 1, "linearConfiguration": {"stepPercent": 25.0}},
            {"strategy": "CANARY", "bakeTimeInMinutes": 1, "canaryConfiguration": {"canaryPercent": 10.0}},
        ]
        self.aws.service(
            name,
            loadBalancers=[{**balanced, "advancedConfiguration": advanced}],
            deploymentConfiguration=self.pick(strategies),
        )
        self.service_names.append(name)
        if self.maybe() and not self.recreatable:
            self.aws.account.simulator.advance(600)
            self.aws.update(name, taskDefinition=self.aws.task(name, container={"image": "nginx:2"}))
            self.aws.account.simulator.advance(self.pick((5, 60, 200)))

    def deployed_by_codedeploy(self, number: int) -> None:
        """Create a service that CodeDeploy deploys."""
        name = f"codedeployed{number}"
        balanced = self.aws.routed_target_group(name)
        self.aws.service(name, deploymentController={"type": "CODE_DEPLOY"}, loadBalancers=[balanced])
        self.service_names.append(name)

    def external_controller(self, number: int) -> None:
        """Create a service with an external deployment controller."""
        self.aws.ecs.create_service(
            cluster=CLUSTER, serviceName=f"external{number}", deploymentController={"type": "EXTERNAL"}, desiredCount=1
        )

    def with_volume(self, number: int) -> None:
        """Create a service with an EBS volume that is configured at launch."""
        name = f"stored{number}"
        mounts = {"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}
        task = self.aws.task(name, container=mounts, volumes=[{"name": "data", "configuredAtLaunch": True}])
        disk: Body = {
            "roleArn": self.role("infrastructure"),
            "sizeInGiB": 20,
            **self.any_of(
                volumeType=lambda: "gp3",
                encrypted=lambda: True,
                filesystemType=lambda: self.pick(("ext4", "xfs")),
                tagSpecifications=lambda: [{"resourceType": "volume", "tags": self.tags()}],
            ),
        }
        self.aws.service(name, taskDefinition=task, volumeConfigurations=[{"name": "data", "managedEBSVolume": disk}])
        self.service_names.append(name)

    def with_log_router(self, number: int) -> None:
        """Create a service with a FireLens log router."""
        options = {"Name": "cloudwatch", "region": REGION, "log_group_name": "/ecs/router", "auto_create_group": "true"}
        sent = {"logConfiguration": {"logDriver": "awsfirelens", "options": options}}
        router: Body = {
            "name": "log_router",
            "image": "fluent-bit:stable",
            "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
            **self.any_of(logConfiguration=self.logging, memoryReservation=lambda: 50),
        }
        own = {"executionRoleArn": self.role("execution")}
        self.aws.service(
            f"logged{number}", taskDefinition=self.aws.task(f"logged{number}", router, container=sent, **own)
        )
        self.service_names.append(f"logged{number}")

    def behind_network_load_balancer(self, number: int) -> None:
        """Create a service behind a network load balancer, at times with fixed addresses."""
        name = f"static{number}"
        ec2 = self.aws.account.aws("ec2")
        subnets = self.aws.subnets[:2]
        mapped = [
            {"SubnetId": one, "AllocationId": ec2.allocate_address(Domain="vpc")["AllocationId"]} for one in subnets
        ]
        placed: Body = self.pick(
            (
                {"Subnets": subnets},
                {"Subnets": subnets, "Scheme": "internal"},
                {"SubnetMappings": mapped},
                {
                    "SubnetMappings": [{"SubnetId": subnets[0], "PrivateIPv4Address": "172.31.0.9"}],
                    "Scheme": "internal",
                },
            )
        )
        if self.recreatable and "SubnetMappings" in placed:
            return  # an Elastic IP address exists only once
        created = self.aws.elb.create_load_balancer(Name=name, Type="network", **placed)["LoadBalancers"][0]
        self.aws.arns[name] = created["LoadBalancerArn"]
        protocol = self.pick(("TCP", "UDP", "TCP_UDP"))
        group = self.aws.target_group(name, Protocol=protocol, Port=53)
        attributes = {"preserve_client_ip.enabled": self.pick(("true", "false")), "proxy_protocol_v2.enabled": "true"}
        rows = [{"Key": key, "Value": value} for key, value in attributes.items() if self.maybe()]
        if rows:
            self.aws.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=rows)
        self.aws.listener(name, 53, Protocol=protocol, DefaultActions=[forward(group)])
        task = self.aws.task(
            name, container={"portMappings": [{"containerPort": 80, "protocol": protocol[-3:].lower()}]}
        )
        balanced = {"targetGroupArn": group, "containerName": "app", "containerPort": 80}
        self.aws.service(name, taskDefinition=task, loadBalancers=[balanced])
        self.service_names.append(name)

    def behind_classic_load_balancer(self, number: int) -> None:
        """Create a service behind a Classic Load Balancer."""
        name = f"classic{number}"
        balanced = {"loadBalancerName": "classic", "containerName": "app", "containerPort": 80}
        self.aws.ec2_service(name, taskDefinition=self.aws.ec2_task(name), loadBalancers=[balanced])
        self.service_names.append(name)
