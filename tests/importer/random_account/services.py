"""Random services with common members, with their scaling."""

from __future__ import annotations

from tests.importer.account import ACCOUNT, CLUSTER, REGION, Body
from tests.importer.random_account.load_balancing import RandomLoadBalancing
from tests.importer.random_account.values import NAMESPACE


class RandomServices(RandomLoadBalancing):
    """Creates services with random members."""

    def service(self, number: int) -> None:
        """Create a service with what it needs and random optional members."""
        fargate = self.maybe(0.7)
        task, definition = self.task_definition(number, fargate=fargate)
        name = self.pick((f"service{number}", f"Service{number}", f"a_{number}", f"-{number}", f"{'s' * 70}{number}"))
        mode = definition.get("networkMode", "bridge")
        body: Body = {"taskDefinition": task, **self.capacity(fargate=fargate)}
        daemon = not fargate and "capacityProviderStrategy" not in body and self.maybe(0.2)
        body |= {"schedulingStrategy": "DAEMON"} if daemon else {"desiredCount": self.number(0, 3)}
        if mode == "awsvpc":
            groups = self.any_of(assignPublicIp=lambda: self.pick(("ENABLED", "DISABLED"))) if fargate else {}
            subnets = self.sample(self.aws.subnets)
            body["networkConfiguration"] = {"awsvpcConfiguration": {"subnets": subnets, **groups}}
        if mode in ("awsvpc", "bridge") and self.maybe(0.5):
            arn = self.target_group(number, "ip" if mode == "awsvpc" else "instance")
            self.forward_to(arn)
            body["loadBalancers"] = [{"targetGroupArn": arn, "containerName": "app", "containerPort": 80}]
            body |= self.any_of(healthCheckGracePeriodSeconds=lambda: self.pick((0, 60)))
        body |= self.options(fargate=fargate, daemon=daemon)
        port = next((one.get("name") for one in definition["containerDefinitions"][0].get("portMappings", ())), None)
        if port and self.maybe(0.5):
            offered = [{"portName": port, "clientAliases": [{"port": 80}]}]
            body["serviceConnectConfiguration"] = {"enabled": True, "namespace": NAMESPACE, "services": offered}
        self.aws.ecs.create_service(cluster=CLUSTER, serviceName=name, **body)
        self.service_names.append(name)
        if not daemon and self.maybe(0.4):
            self.scaling(name, body.get("desiredCount", 1))

    def capacity(self, *, fargate: bool) -> Body:
        if not fargate:
            return {"launchType": "EC2"}
        strategy = [
            {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
            {"capacityProvider": "FARGATE_SPOT", "weight": 3},
        ]
        return self.pick(
            (
                {"launchType": "FARGATE"},
                {"launchType": "FARGATE", "platformVersion": self.pick(("LATEST", "1.4.0"))},
                {"capacityProviderStrategy": self.sample(strategy, 2)},
            )
        )

    def options(self, *, fargate: bool, daemon: bool) -> Body:
        """Return random members for deployment, placement and tags."""
        breaker = lambda: {"enable": self.flag(), "rollback": self.flag()}  # noqa: E731
        alarms = lambda: {"alarmNames": self.sample(("b", "a")), "enable": self.flag(), "rollback": self.flag()}  # noqa: E731
        percents: Body = {} if daemon else {"maximumPercent": lambda: self.pick((150, 200))}
        deployment = lambda: self.any_of(  # noqa: E731
            0.4,
            minimumHealthyPercent=lambda: self.pick((0, 50, 100)),
            deploymentCircuitBreaker=breaker,
            alarms=alarms,
            **percents,
        )
        spread = [
            {"type": "spread", "field": "attribute:ecs.availability-zone"},
            {"type": "binpack", "field": "MEMORY"},
        ]
        only = [{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ t3.*"}, {"type": "distinctInstance"}]
        placed: Body = {} if fargate else {"placementConstraints": lambda: self.sample(only)}
        placed |= {} if fargate or daemon else {"placementStrategy": lambda: self.sample(spread)}
        return self.any_of(
            0.25,
            deploymentConfiguration=deployment,
            tags=self.tags,
            propagateTags=lambda: self.pick(("SERVICE", "TASK_DEFINITION", "NONE")),
            enableECSManagedTags=self.flag,
            enableExecuteCommand=self.flag,
            availabilityZoneRebalancing=lambda: self.pick(("ENABLED", "DISABLED")),
            serviceRegistries=lambda: [
                {"registryArn": f"arn:aws:servicediscovery:{REGION}:{ACCOUNT}:service/srv-abc", "containerName": "app"}
            ],
            **placed,
        )

    def scaling(self, name: str, count: int) -> None:
        """Create a scalable target with bounds that contain the count, and random policies."""
        suspended = lambda: {"DynamicScalingInSuspended": self.flag(), "ScheduledScalingSuspended": self.flag()}  # noqa: E731
        target = self.aws.make_scalable(
            name, min(count, 1), max(count, 1) + self.number(0, 3), **self.any_of(SuspendedState=suspended)
        )
        put = self.aws.scaling.put_scaling_policy
        tracking: Body = {
            "TargetValue": self.pick((60.0, 55.5)),
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            **self.any_of(ScaleInCooldown=lambda: 60, ScaleOutCooldown=lambda: 0, DisableScaleIn=self.flag),
        }
        custom = {
            "TargetValue": 10.0,
            "CustomizedMetricSpecification": {
                "MetricName": "Depth",
                "Namespace": "Queue",
                "Statistic": "Average",
                "Dimensions": [{"Name": "Queue", "Value": "q"}],
            },
        }
        steps = {
            "AdjustmentType": self.pick(("ChangeInCapacity", "PercentChangeInCapacity")),
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
            **self.any_of(Cooldown=lambda: 60, MetricAggregationType=lambda: "Maximum"),
        }
        if self.maybe():
            configuration = self.pick((tracking, custom))
            put(**target, PolicyName=self.pick(("cpu", "a/b c")), PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration=configuration)  # fmt: skip
        if self.maybe(0.3):
            put(**target, PolicyName="steps", PolicyType="StepScaling", StepScalingPolicyConfiguration=steps)
        if self.maybe(0.3):
            self.aws.scaling.put_scheduled_action(
                **target,
                ScheduledActionName=self.pick(("down", "Up at 7")),
                Schedule="cron(0 20 * * ? *)",
                ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 9},
                **self.any_of(Timezone=lambda: "Europe/Berlin"),
            )
