"""Measure the CPU of one call, with its parsing: `python -m benchmarks.parsing`.

Whole client calls, without a network: a `before-send` hook returns a prepared response. The controls run in the same
process: a stock botocore client, and one with times as text, as ecsync has them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.session import Session

from benchmarks.compare import seconds, service, task
from ecsync import config
from ecsync.aws.clients import Access, Clients
from ecsync.aws.hooks import plain_times

REGION = "eu-west-1"
CALLS = 10
AT = 1767225600.123
ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012"
TAGS = [{"key": "ecsync:owner", "value": "v1/bench/app-0/Service/web-1"}, {"key": "ecsync:id", "value": "564a08fed07d"}]
GROUP = (
    f"<member><TargetGroupArn>{ARN}:targetgroup/web-{{0}}/f2a74de452e6b438</TargetGroupArn>"
    "<TargetGroupName>web-{0}</TargetGroupName><Protocol>HTTP</Protocol><Port>80</Port><VpcId>vpc-6bd0c621</VpcId>"
    "<HealthCheckProtocol>HTTP</HealthCheckProtocol><HealthCheckPort>traffic-port</HealthCheckPort>"
    "<HealthCheckEnabled>true</HealthCheckEnabled><HealthCheckIntervalSeconds>10</HealthCheckIntervalSeconds>"
    "<HealthCheckTimeoutSeconds>5</HealthCheckTimeoutSeconds><HealthyThresholdCount>5</HealthyThresholdCount>"
    "<UnhealthyThresholdCount>2</UnhealthyThresholdCount><HealthCheckPath>/</HealthCheckPath>"
    "<Matcher><HttpCode>200</HttpCode></Matcher><LoadBalancerArns>"
    f"<member>{ARN}:loadbalancer/app/bench-0/6513270e269e0d37</member></LoadBalancerArns>"
    "<TargetType>ip</TargetType><ProtocolVersion>HTTP1</ProtocolVersion><IpAddressType>ipv4</IpAddressType></member>\n"
)
RULE = (
    f"<member><RuleArn>{ARN}:listener-rule/app/bench-0/6513270e269e0d37/128b2f330c5c7fd0/{{0}}</RuleArn>"
    "<Priority>{0}</Priority><Conditions><member><Field>host-header</Field>"
    "<Values><member>web-{0}.example.com</member></Values>"
    "<HostHeaderConfig><Values><member>web-{0}.example.com</member></Values></HostHeaderConfig></member></Conditions>"
    f"<Actions><member><Type>forward</Type><TargetGroupArn>{ARN}:targetgroup/web-{{0}}/f2a7</TargetGroupArn>"
    f"<ForwardConfig><TargetGroups><member><TargetGroupArn>{ARN}:targetgroup/web-{{0}}/f2a7</TargetGroupArn>"
    "<Weight>1</Weight></member></TargetGroups><TargetGroupStickinessConfig><Enabled>false</Enabled>"
    "</TargetGroupStickinessConfig></ForwardConfig></member></Actions><IsDefault>false</IsDefault></member>\n"
)


def services(events: int) -> dict[str, Any]:
    """Return a response of ten services with two deployments and so many events each."""
    return {"services": [_service(number, events) for number in range(10)], "failures": []}


def _service(number: int, events: int) -> dict[str, Any]:
    _, printed = service(number)
    deployment = {
        "id": "ecs-svc/5680268584103075220",
        "status": "PRIMARY",
        "taskDefinition": printed["taskDefinition"],
        "desiredCount": 2,
        "pendingCount": 0,
        "runningCount": 2,
        "failedTasks": 0,
        "createdAt": AT,
        "updatedAt": AT,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "networkConfiguration": printed["networkConfiguration"],
        "rolloutState": "COMPLETED",
        "rolloutStateReason": "ECS deployment ecs-svc/5680268584103075220 completed.",
    }
    event = {
        "id": "2b0537e6-5aff-b229-7631-a992f0ce5835",
        "createdAt": AT,
        "message": f"(service web-{number}) (deployment ecs-svc/5680268584103075220) deployment completed.",
    }
    return {**printed, "createdAt": AT, "deployments": [deployment] * 2, "events": [event] * events, "tags": TAGS}


def scalable_targets() -> dict[str, Any]:
    """Return a response of 50 scalable targets."""
    suspended = dict.fromkeys(
        ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
    )
    one = {
        "ServiceNamespace": "ecs",
        "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 1,
        "MaxCapacity": 4,
        "RoleARN": "arn:aws:iam::123456789012:role/aws-service-role/AWSServiceRoleForApplicationAutoScaling_ECSService",
        "CreationTime": AT,
        "SuspendedState": suspended,
        "ScalableTargetARN": "arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/17383d9c172411e2",
    }
    return {"ScalableTargets": [{**one, "ResourceId": f"service/bench/web-{number}"} for number in range(50)]}


def tagged() -> dict[str, Any]:
    """Return a page of 100 resources with four tags each."""
    tags = [{"Key": f"ecsync:{number}", "Value": "v1/bench/app-0/TargetGroup/web-0"} for number in range(4)]
    found = [{"ResourceARN": f"{ARN}:targetgroup/web-{number}/f2a7", "Tags": tags} for number in range(100)]
    return {"PaginationToken": "", "ResourceTagMappingList": found}


def xml(operation: str, items: str, members: Iterator[str]) -> str:
    """Return a response of Elastic Load Balancing."""
    return (
        f'<{operation}Response xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">\n'
        f"<{operation}Result><{items}>{''.join(members)}</{items}></{operation}Result>\n"
        f"<ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{operation}Response>"
    )


RESPONSES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "10 services, 100 events each": ("ecs", "describe_services", {"services": ["a"]}, json.dumps(services(100))),
    "10 services without events": ("ecs", "describe_services", {"services": ["a"]}, json.dumps(services(0))),
    "1 task definition": (
        "ecs",
        "describe_task_definition",
        {"taskDefinition": "a"},
        json.dumps({"taskDefinition": task(1)[1], "tags": TAGS}),
    ),
    "50 scalable targets": (
        "application-autoscaling",
        "describe_scalable_targets",
        {"ServiceNamespace": "ecs"},
        json.dumps(scalable_targets()),
    ),
    "100 resources with tags": ("resourcegroupstaggingapi", "get_resources", {}, json.dumps(tagged())),
    "100 target groups": (
        "elbv2",
        "describe_target_groups",
        {},
        xml("DescribeTargetGroups", "TargetGroups", (GROUP.format(number) for number in range(100))),
    ),
    "100 rules": (
        "elbv2",
        "describe_rules",
        {},
        xml("DescribeRules", "Rules", (RULE.format(number) for number in range(100))),
    ),
    "nothing (fixed cost of a call)": ("ecs", "list_clusters", {}, "{}"),
}


class _Raw(io.BytesIO):
    def stream(self, amount: int = 65536) -> Iterator[bytes]:
        while chunk := self.read(amount):
            yield chunk


def stock(session: Session, service_name: str) -> Any:
    """Return a client of a session of botocore."""
    return session.create_client(service_name, region_name=REGION, config=Config(retries={"mode": "standard"}))


def calls(client: Any, operation: str, params: dict[str, Any], body: str) -> Callable[[], None]:
    """Return a function that makes calls which are answered with this body."""
    content = body.encode()
    client.meta.events.unregister("before-send", unique_id="answer")
    client.meta.events.register(
        "before-send", lambda request, **_: AWSResponse(request.url, 200, {}, _Raw(content)), unique_id="answer"
    )
    method = getattr(client, operation)

    def call() -> None:
        for _ in range(CALLS):
            method(**params)

    call()  # the first call fills the caches of the client
    return call


def main() -> None:
    """Measure and print the table."""
    config.use_simulated("https://aws.invalid", REGION)  # nothing is sent
    plain, text = Session(), Session()
    plain_times(text.get_component("response_parser_factory"))
    lean = Clients(Access())
    print("CPU of one call, in milliseconds; the least of some rounds")
    columns = ("stock", "times as text", "ecsync", "stock / ecsync")
    print(f"{'':<32}{'KB':>6}" + "".join(f"{name:>16}" for name in columns))
    for name, (service_name, operation, params, body) in RESPONSES.items():
        clients = (stock(plain, service_name), stock(text, service_name), lean.get(service_name, REGION))
        spent = [seconds(calls(client, operation, params, body)) / CALLS * 1e3 for client in clients]
        figures = "".join(f"{one:>16.2f}" for one in spent)
        print(f"{name:<32}{len(body) / 1024:>6.0f}{figures}{spent[0] / spent[2]:>16.1f}")


if __name__ == "__main__":
    main()
