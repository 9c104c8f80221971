"""Record what the simulated AWS answers: `python -m tests.aws.record` writes `recorded.json`, which the tests read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3

from benchmarks.converge import converge, new_fleet
from benchmarks.fleet import ACCOUNT, REGION, Fleet
from ecsim import Settings, Simulator, VirtualClock
from ecsync import config

FILE = Path(__file__).parent / "recorded.json"
ODD = "ü € 💡 \"quoted\" 'too' <&> \\ /"


class Recorder:
    """Makes calls and keeps the bodies of their responses."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, str]] = []
        self._session = boto3.Session(region_name=REGION)

    def client(self, service: str) -> Any:
        """Return a client that records its responses."""
        client = self._session.client(service)

        def keep(operation_model: Any, response_dict: Any, **_: Any) -> None:
            assert response_dict["status_code"] == 200
            body = response_dict["body"].decode()
            self.bodies.append({"service": service, "operation": operation_model.name, "body": body})

        client.meta.events.register("before-parse", keep)
        return client


def record() -> list[dict[str, str]]:
    """Return the bodies of the reads of a small fleet, to which odd texts were added."""
    services = ["web-0", "web-1", "web-2", "missing"]
    change = boto3.Session(region_name=REGION).client
    recorder = Recorder()
    ecs, balancing = recorder.client("ecs"), recorder.client("elbv2")
    described = change("ecs").describe_services(cluster="bench", services=services)["services"][0]
    group = described["loadBalancers"][0]["targetGroupArn"]
    change("ecs").tag_resource(
        resourceArn=described["serviceArn"], tags=[{"key": "odd", "value": "ü-é"}, {"key": "none"}]
    )
    change("elbv2").add_tags(ResourceArns=[group], Tags=[{"Key": "odd", "Value": "ü-é"}, {"Key": "none", "Value": ""}])
    change("logs").create_log_group(logGroupName="/odd/ü")
    change("application-autoscaling").put_scheduled_action(
        ServiceNamespace="ecs",
        ScheduledActionName="night",
        ResourceId="service/bench/web-0",
        ScalableDimension="ecs:service:DesiredCount",
        Schedule="cron(0 20 * * ? *)",
        StartTime="2027-01-01T00:00:00Z",
        ScalableTargetAction={"MinCapacity": 0},
    )
    definition = change("ecs").register_task_definition(
        family="odd",
        executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/bench-execution",
        containerDefinitions=[
            {
                "name": "odd",
                "image": "odd",
                "memory": 64,
                "command": [ODD, ""],
                "environment": [{"name": "ODD", "value": ODD}],
                "dockerLabels": {"odd": ODD, "": ""},
                "secrets": [{"name": "S", "valueFrom": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/s"}],
            }
        ],
        volumes=[{"name": "data", "host": {"sourcePath": "/data"}}, {"name": "empty"}],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.describe_services(cluster="bench", services=services, include=["TAGS"])
    ecs.list_services(cluster="bench", maxResults=2)
    ecs.list_services(cluster="bench")
    ecs.describe_clusters(clusters=["bench", "missing"], include=["TAGS", "SETTINGS", "CONFIGURATIONS", "ATTACHMENTS"])
    ecs.describe_task_definition(taskDefinition=described["taskDefinition"], include=["TAGS"])
    ecs.describe_task_definition(taskDefinition=definition, include=["TAGS"])
    ecs.list_task_definitions()
    balancing.describe_target_groups()
    balancing.describe_target_groups(PageSize=1)
    balancing.describe_target_group_attributes(TargetGroupArn=group)
    balancing.describe_target_health(TargetGroupArn=group)
    balancing.describe_tags(ResourceArns=[group])
    balancer = balancing.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    balancing.describe_load_balancer_attributes(LoadBalancerArn=balancer)
    listener = balancing.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    balancing.describe_listener_attributes(ListenerArn=listener)
    change("elbv2").create_rule(
        ListenerArn=listener,
        Priority=900,
        Conditions=[
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Odd", "Values": ["<&>", "a?b*"]}}
        ],
        Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": ODD}}],
    )
    balancing.describe_rules(ListenerArn=listener)
    scaling = recorder.client("application-autoscaling")
    target = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]["ScalableTargetARN"]
    scaling.list_tags_for_resource(ResourceARN=target)
    scaling.describe_scaling_policies(ServiceNamespace="ecs")
    scaling.describe_scheduled_actions(ServiceNamespace="ecs")
    recorder.client("logs").describe_log_groups()
    recorder.client("resourcegroupstaggingapi").get_resources(ResourcesPerPage=3)
    network = recorder.client("ec2")
    network.describe_security_groups()
    network.describe_subnets()
    network.describe_vpcs()
    network.describe_route_tables()
    recorder.client("cloudwatch").describe_alarms()
    recorder.client("iam").list_roles()
    recorder.client("sts").get_caller_identity()
    return recorder.bodies


def main() -> None:
    """Write the file."""
    settings = Settings(region=REGION, account=ACCOUNT, settling=False, throttling=False)
    simulator = Simulator(settings, VirtualClock())
    config.use_simulated(simulator.start(), REGION)
    try:
        converge(new_fleet(simulator, [Fleet(3, 2)]), simulator)
        FILE.write_text(json.dumps(record(), indent=0) + "\n", encoding="utf-8")
    finally:
        simulator.stop()


if __name__ == "__main__":
    main()
