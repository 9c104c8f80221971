"""The load AWS: its answers are those of the simulator, with AWS's limits of batches, pages and rates."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.controller import START, Controller, EngineClock, use
from benchmarks.fleet import REGION, REGIONS, Fleet, sites
from benchmarks.load.buckets import Buckets
from benchmarks.load.client import LoadAws as Process
from benchmarks.load.record import FLEET, Recording, record
from benchmarks.load.server import LoadAws
from benchmarks.load.template import Template

Read = Callable[..., Any]
SCALING, TAGGING = "application-autoscaling", "resourcegroupstaggingapi"
ECS = {"ServiceNamespace": "ecs"}


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    """The recorder sets the endpoint of this process: the environment is restored at the end."""
    kept = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(scope="module")
def recording() -> Iterator[Recording]:
    """A recording with the events of the simulator."""
    found = record(events=0)
    yield found
    found.simulator.stop()


def reader(aws: LoadAws, region: str = REGION) -> Read:
    """Return a function that reads with stock clients, without HTTP."""
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name=region)
    clients: dict[str, Any] = {}

    def send(request: Any, **_: Any) -> AWSResponse:
        body = request.body or b""
        head = [f"{request.method} / HTTP/1.1"]
        head += [f"{name}: {_text(value)}" for name, value in request.headers.items()]
        path = "/" + request.url.split("/", 3)[3]
        status, content_type, answer = aws.answer(
            path, "\r\n".join(head).encode(), body if isinstance(body, bytes) else body.encode()
        )
        return AWSResponse(request.url, status, {"Content-Type": content_type}, _Raw(answer))

    def read(service: str, method: str, /, **params: Any) -> Any:
        if service not in clients:
            clients[service] = session.client(
                service, endpoint_url="http://load", config=Config(retries={"total_max_attempts": 1})
            )
            clients[service].meta.events.register("before-send", send)
        return getattr(clients[service], method)(**params)

    return read


class _Raw(io.BytesIO):
    """The body of a response, as urllib3 gives it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def of_simulator(recording: Recording) -> Read:
    """Return a function that reads the simulator with stock clients."""
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name=REGION)

    def read(service: str, method: str, /, **params: Any) -> Any:
        return getattr(session.client(service, endpoint_url=recording.simulator.url), method)(**params)

    return read


def every_read(read: Read) -> Iterator[tuple[str, Any]]:
    """Yield the name and the answer of each read of the recorded fleet."""
    names = [f"web-{number}" for number in FLEET.numbers]
    account = "arn:aws:ecs:eu-west-1:123456789012"
    yield "services", read("ecs", "describe_services", cluster="bench", services=[*names, "web-1"], include=["TAGS"])
    yield "services without tags", read("ecs", "describe_services", cluster=f"{account}:cluster/bench", services=names)
    yield "service arns", read("ecs", "list_services", cluster="bench", maxResults=100)
    yield "clusters", read("ecs", "describe_clusters", clusters=["bench"], include=["TAGS", "SETTINGS"])
    yield "cluster arns", read("ecs", "list_clusters")
    yield "cluster tags", read("ecs", "list_tags_for_resource", resourceArn=f"{account}:cluster/bench")
    for name in names:
        family = f"bench-{name}"
        yield f"{name} definition", read("ecs", "describe_task_definition", taskDefinition=family, include=["TAGS"])
        yield f"{name} untagged", read("ecs", "describe_task_definition", taskDefinition=f"{family}:1")
        yield f"{name} definitions", read("ecs", "list_task_definitions", familyPrefix=family, sort="DESC")
        for arn in (f"{account}:task-definition/{family}:1", f"{account}:service/bench/{name}"):
            yield f"{arn} tags", read("ecs", "list_tags_for_resource", resourceArn=arn)
    yield from _load_balancing(read, names)
    yield from _scaling(read, names)
    yield "log groups", read("logs", "describe_log_groups")
    yield "log groups by name", read("logs", "describe_log_groups", logGroupIdentifiers=[f"/bench/{names[1]}"])
    yield "log groups by prefix", read("logs", "describe_log_groups", logGroupNamePrefix="/bench/web-771")
    logs = f"arn:aws:logs:eu-west-1:123456789012:log-group:/bench/{names[2]}"
    yield "log group tags", read("logs", "list_tags_for_resource", resourceArn=logs)
    tagging, owner = "resourcegroupstaggingapi", [{"Key": "ecsync:owner"}]
    yield "tagged", read(tagging, "get_resources", TagFilters=owner)
    for kind in ("logs:log-group", "ecs:service", "elasticloadbalancing:targetgroup", "ec2", "cloudwatch:alarm"):
        yield f"tagged {kind}", read(tagging, "get_resources", TagFilters=owner, ResourceTypeFilters=[kind])
    one = [{"Key": "ecsync:owner", "Values": [f"v1/bench/app-1/Service/{names[1]}"]}]
    yield "tagged with a value", read(tagging, "get_resources", TagFilters=one)
    for method in ("describe_vpcs", "describe_subnets", "describe_route_tables", "describe_security_groups"):
        yield method, read("ec2", method)


def _load_balancing(read: Read, names: list[str]) -> Iterator[tuple[str, Any]]:
    groups = read("elbv2", "describe_target_groups")
    yield "groups", groups
    arns = sorted(group["TargetGroupArn"] for group in groups["TargetGroups"])
    balancer = groups["TargetGroups"][0]["LoadBalancerArns"][0]
    yield "groups by name", read("elbv2", "describe_target_groups", Names=[f"bench-{name}" for name in names])
    yield "groups by arn", read("elbv2", "describe_target_groups", TargetGroupArns=arns[:2])
    yield "groups of a balancer", read("elbv2", "describe_target_groups", LoadBalancerArn=balancer)
    for arn in arns:
        name = arn.split("/")[1]
        yield f"{name} attributes", read("elbv2", "describe_target_group_attributes", TargetGroupArn=arn)
        yield f"{name} health", read("elbv2", "describe_target_health", TargetGroupArn=arn)
    yield "balancers", read("elbv2", "describe_load_balancers")
    yield "balancers by arn", read("elbv2", "describe_load_balancers", LoadBalancerArns=[balancer])
    yield "balancers by name", read("elbv2", "describe_load_balancers", Names=["bench-154"])
    yield "balancer attributes", read("elbv2", "describe_load_balancer_attributes", LoadBalancerArn=balancer)
    listeners = read("elbv2", "describe_listeners", LoadBalancerArn=balancer)
    yield "listeners", listeners
    listener = listeners["Listeners"][0]["ListenerArn"]
    yield "listener attributes", read("elbv2", "describe_listener_attributes", ListenerArn=listener)
    rules = read("elbv2", "describe_rules", ListenerArn=listener)
    yield "rules", rules
    own = [rule["RuleArn"] for rule in rules["Rules"]]
    yield "rules by arn", read("elbv2", "describe_rules", RuleArns=own)
    yield "tags", read("elbv2", "describe_tags", ResourceArns=[*arns, balancer, listener, *own])


def _scaling(read: Read, names: list[str]) -> Iterator[tuple[str, Any]]:
    scaling, ids = "application-autoscaling", [f"service/bench/{name}" for name in names]
    targets = read(scaling, "describe_scalable_targets", ServiceNamespace="ecs")
    yield "targets", targets
    yield "targets by id", read(scaling, "describe_scalable_targets", ServiceNamespace="ecs", ResourceIds=ids[1:])
    for target in targets["ScalableTargets"]:
        tags = read(scaling, "list_tags_for_resource", ResourceARN=target["ScalableTargetARN"])
        yield f"{target['ResourceId']} tags", tags
    yield "policies", read(scaling, "describe_scaling_policies", ServiceNamespace="ecs")
    yield "policies by name", read(scaling, "describe_scaling_policies", ServiceNamespace="ecs", PolicyNames=names[:3])
    yield "policies of one", read(scaling, "describe_scaling_policies", ServiceNamespace="ecs", ResourceId=ids[3])
    yield "actions", read(scaling, "describe_scheduled_actions", ServiceNamespace="ecs")


_IDS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"(?<=ecs-svc/)\d+"), "ID"),
    (re.compile(r"(service-revision/bench/web-\d+/)\d+"), r"\1ID"),
    (re.compile(r"\b[0-9a-f]{16}([0-9a-f]{16})?\b"), "ID"),
    (re.compile(r"(?<=scalable-target/)[0-9a-f]+"), "ID"),
    (re.compile(r"172\.31\.\d+\.\d+"), "IP"),
)


def normal(value: Any) -> Any:
    """Return an answer without ids and times, and its lists in one order. A mark's id may be made of an ARN."""
    if isinstance(value, dict):
        pairs = {name: normal(each) for name, each in value.items() if name not in ("ResponseMetadata", "ecsync:id")}
        is_id = pairs.get("Key", pairs.get("key")) == "ecsync:id"
        return {**pairs, "Value": "ID", "value": "ID"} if is_id else pairs
    if isinstance(value, list):
        return sorted(map(normal, value), key=lambda each: json.dumps(each, sort_keys=True))
    if isinstance(value, datetime) or (isinstance(value, int) and value > 10**12):
        return "TIME"
    if isinstance(value, str):
        for pattern, text in _IDS:
            value = pattern.sub(text, value)
    return value


class TestAnswers:
    """What a client reads is what it would read in the simulator."""

    def test_every_read_of_the_recorded_fleet_is_that_of_the_simulator(self, recording: Recording) -> None:
        """Operation by operation, parsed by stock boto3, without the ids."""
        aws = LoadAws(recording)
        aws.set({"fleets": [asdict(FLEET)]})
        expected = {name: normal(answer) for name, answer in every_read(of_simulator(recording))}
        found = {name: normal(answer) for name, answer in every_read(reader(aws))}
        assert found.keys() == expected.keys()
        for name, answer in expected.items():
            assert found[name] == answer, name
        assert not aws.counts.errors

    def test_a_steady_service_has_an_event_more_every_six_hours(self, recording: Recording) -> None:
        """Each service at a minute of its own, and nothing else of it changes."""
        aws = LoadAws(recording)
        aws.set({"fleets": [asdict(Fleet(10, 1))]})

        def services() -> list[dict[str, Any]]:
            found = reader(aws)("ecs", "describe_services", cluster="bench", services=["web-0", "web-9"])
            return list(found["services"])

        before = services()
        aws.set({"minutes": 350})
        assert services() == before
        aws.set({"minutes": 351})
        first, last = services()
        assert first == before[0]
        assert last["events"][1:] == before[1]["events"]
        assert last["events"][0]["message"] == "(service web-9) has reached a steady state."
        assert last["events"][0]["createdAt"].timestamp() == START + 60 * 351
        assert {**last, "events": []} == {**before[1], "events": []}

    def test_another_site_has_its_own_region_and_marks(self, recording: Recording) -> None:
        """Also in the answers that come from the simulator."""
        aws = LoadAws(recording)
        aws.set({"fleets": [asdict(fleet) for fleet in sites(10, 2, 2)]})
        read = reader(aws, REGIONS[1])
        (cluster,) = read("ecs", "describe_clusters", clusters=["bench"], include=["TAGS"])["clusters"]
        assert cluster["clusterArn"] == f"arn:aws:ecs:{REGIONS[1]}:123456789012:cluster/bench"
        owner = next(tag["value"] for tag in cluster["tags"] if tag["key"] == "ecsync:owner")
        assert owner == "v1/bench/s1-app-0/Cluster/main"
        groups = read("elbv2", "describe_target_groups")["TargetGroups"]
        assert {group["TargetGroupArn"].split(":")[3] for group in groups} == {REGIONS[1]}

    def test_a_controller_finds_every_site_in_sync_and_writes_nothing(self) -> None:
        """The real workspace against the real process, with 100 events of each service."""
        fleets = sites(services=120, applications=4, count=2)
        with Process() as aws:
            aws.set(fleets)
            use(aws.url)
            clock = EngineClock()
            controller = Controller(fleets, clock)
            controller.steady_round()
            clock.advance(60)
            controller.steady_round()
            received = aws.received()
        assert received.calls
        assert (received.writes, received.errors) == ({}, {})


class TestLimits:
    """Batches, pages and rates are those of AWS."""

    @pytest.fixture
    def aws(self, recording: Recording) -> LoadAws:
        """1,000 services in one site."""
        aws = LoadAws(recording)
        aws.set({"fleets": [asdict(Fleet(1000, 1))]})
        return aws

    @pytest.mark.parametrize(
        ("service", "method", "member", "size", "params"),
        [
            ("elbv2", "describe_target_groups", "TargetGroups", 400, {}),
            (SCALING, "describe_scalable_targets", "ScalableTargets", 50, ECS),
            (SCALING, "describe_scaling_policies", "ScalingPolicies", 10, ECS),
            ("logs", "describe_log_groups", "logGroups", 50, {}),
            ("ecs", "list_services", "serviceArns", 100, {"cluster": "bench", "maxResults": 100}),
            ("ecs", "list_services", "serviceArns", 10, {"cluster": "bench"}),
            ("ecs", "list_task_definitions", "taskDefinitionArns", 100, {}),
            (
                TAGGING,
                "get_resources",
                "ResourceTagMappingList",
                100,
                {"ResourceTypeFilters": ["ecs:service"], "ResourcesPerPage": 100},
            ),
        ],
    )
    def test_a_page_has_at_most(
        self, aws: LoadAws, service: str, method: str, member: str, size: int, params: dict[str, Any]
    ) -> None:
        """All pages together have each object once."""
        tokens = {
            "elbv2": ("Marker", "NextMarker"),
            TAGGING: ("PaginationToken", "PaginationToken"),
            SCALING: ("NextToken", "NextToken"),
        }
        taken, given = tokens.get(service, ("nextToken", "nextToken"))
        read = reader(aws)
        page = read(service, method, **params)
        found = [page[member]]
        while page.get(given):
            page = read(service, method, **params, **{taken: page[given]})
            found.append(page[member])
        assert {len(items) for items in found[:-1]} == {size}
        assert len({json.dumps(item, default=str) for items in found for item in items}) == 1000

    @pytest.mark.parametrize(
        ("service", "method", "params"),
        [
            ("ecs", "describe_services", {"cluster": "bench", "services": [f"web-{n}" for n in range(11)]}),
            ("elbv2", "describe_tags", {"ResourceArns": ["arn"] * 21}),
            ("elbv2", "describe_load_balancers", {"LoadBalancerArns": ["arn"] * 21}),
            (
                "application-autoscaling",
                "describe_scalable_targets",
                {"ServiceNamespace": "ecs", "ResourceIds": [f"service/bench/web-{n}" for n in range(51)]},
            ),
            (
                "application-autoscaling",
                "describe_scaling_policies",
                {"ServiceNamespace": "ecs", "PolicyNames": [f"web-{n}" for n in range(51)]},
            ),
            ("logs", "describe_log_groups", {"logGroupIdentifiers": [f"/bench/web-{n}" for n in range(51)]}),
        ],
    )
    def test_a_batch_that_is_too_large_is_refused(
        self, aws: LoadAws, service: str, method: str, params: dict[str, Any]
    ) -> None:
        """It is an error of the caller, and the bench shows it."""
        with pytest.raises(ClientError):
            reader(aws)(service, method, **params)
        assert len(aws.counts.errors) == 1

    def test_a_write_is_refused_and_counted(self, aws: LoadAws) -> None:
        """A steady round must not make one."""
        with pytest.raises(ClientError, match="AccessDenied"):
            reader(aws)("ecs", "update_service", cluster="bench", service="web-1", desiredCount=2)
        assert aws.counts.writes == {"eu-west-1 ecs.UpdateService": 1}

    def test_a_drift_is_read_until_a_write_undoes_it(self, aws: LoadAws) -> None:
        """Any other write to the group is refused, also a second repair."""
        read, groups = reader(aws), ["/bench/web-6", "/bench/web-7"]

        def retentions() -> list[int]:
            return [
                group["retentionInDays"]
                for group in read("logs", "describe_log_groups", logGroupIdentifiers=groups)["logGroups"]
            ]

        aws.set({"drifts": {REGION: {"7": 30}}})
        assert retentions() == [14, 30]
        with pytest.raises(ClientError, match="AccessDenied"):
            read("logs", "put_retention_policy", logGroupName="/bench/web-7", retentionInDays=90)
        read("logs", "put_retention_policy", logGroupName="/bench/web-7", retentionInDays=14)
        assert retentions() == [14, 14]
        with pytest.raises(ClientError, match="AccessDenied"):
            read("logs", "put_retention_policy", logGroupName="/bench/web-7", retentionInDays=14)
        assert aws.counts.writes == {"eu-west-1 logs.PutRetentionPolicy": 3}
        assert aws.counts.repairs == {"eu-west-1 logs.PutRetentionPolicy": 1}

    def test_a_throttled_operation_is_an_error_of_its_service(self, aws: LoadAws) -> None:
        """The codes are those of the services: they differ."""
        aws.set({"throttled": ["ecs.ListServices", "elbv2.DescribeTargetGroups"]})
        read = reader(aws)
        with pytest.raises(ClientError, match="ThrottlingException"):
            read("ecs", "list_services", cluster="bench")
        with pytest.raises(ClientError, match="Throttling"):
            read("elbv2", "describe_target_groups")
        assert read("elbv2", "describe_load_balancers")["LoadBalancers"]
        assert sum(aws.counts.throttles.values()) == 2
        assert not aws.counts.errors

    def test_a_bucket_holds_its_burst_and_fills_at_its_rate(self) -> None:
        """DescribeServices: 100 tokens, then 20 per second; another bucket has its own."""
        buckets = Buckets()
        assert sum(buckets.take("ecs.DescribeServices", now=0.0) for _ in range(150)) == 100
        assert buckets.take("ecs.DescribeTaskDefinition", now=0.0)
        assert sum(buckets.take("ecs.ListServices", now=1.0) for _ in range(50)) == 20

    def test_the_shared_bucket_of_load_balancing_limits_every_operation(self) -> None:
        """40 tokens for the account, besides those of the reads."""
        buckets = Buckets()
        assert sum(buckets.take("elbv2.DescribeRules", now=0.0) for _ in range(40)) == 40
        assert not buckets.take("elbv2.ModifyRule", now=0.0)

    def test_what_others_use_is_missing_in_the_bucket(self) -> None:
        """Half of the burst and half of the rate."""
        buckets = Buckets(others=0.5)
        assert sum(buckets.take("ecs.DescribeServices", now=0.0) for _ in range(150)) == 50
        assert sum(buckets.take("ecs.DescribeServices", now=1.0) for _ in range(50)) == 10


def test_a_template_fills_the_longest_value_first() -> None:
    """A value may be a part of another one."""
    template = Template("a web-7711 of 7711", {"7711": "number", "web-7711": "name"})
    assert template.fill({"number": b"5", "name": b"api"}) == b"a api of 5"
