"""The ledger, the control endpoint, the clocks, and the check of moto's seams."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import moto.iam.models
import pytest

from ecsim import Settings, Simulator, SpeedClock, Timings, VirtualClock
from ecsim.account.ledger import is_mutating
from ecsim.ecs.store import EcsRegion
from ecsim.http import operations
from ecsim.http.server import serve
from ecsim.moto import seams
from tests.ecsim.aws import Aws, client, refused


def control(aws: Aws, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> dict[str, Any]:
    """Send a request to the control endpoint and return its answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{aws.simulator.url}/_sim/{path}", data=data, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            found = json.load(error)
    return found


def test_every_call_is_in_the_ledger(aws: Aws) -> None:
    """It has service, operation, boto3's parameters, outcome and caller, for each protocol."""
    aws.ecs.create_cluster(clusterName="prod")
    aws.elbv2.describe_load_balancers(Names=[])
    with pytest.raises(aws.ecs.exceptions.ServiceNotFoundException):
        aws.update(desiredCount=1)
    group = aws.target_group(Tags=[{"Key": "a", "Value": "b"}])
    aws.ec2.create_tags(Resources=[aws.network["vpc"]], Tags=[{"Key": "a", "Value": "b"}])
    aws.s3.list_buckets()
    entries = aws.simulator.ledger.entries()
    assert [f"{entry.service}:{entry.operation}" for entry in entries] == [
        "ecs:CreateCluster",
        "elbv2:DescribeLoadBalancers",
        "ecs:UpdateService",
        "ec2:DescribeSubnets",
        "elbv2:CreateTargetGroup",
        "ec2:CreateTags",
        "s3:ListBuckets",
    ]
    assert entries[0].params == {"clusterName": "prod"}
    assert (entries[2].ok, entries[2].error_code) == (False, "ServiceNotFoundException")
    assert entries[4].params["Tags"] == [{"Key": "a", "Value": "b"}]
    assert entries[4].params["Port"] == 80
    assert entries[5].params == {"Resources": [aws.network["vpc"]], "Tags": [{"Key": "a", "Value": "b"}]}
    assert all(entry.caller.startswith("AKIASIMULATEDACCOUNT Boto3/") for entry in entries)
    assert {entry.region for entry in entries} == {"eu-central-1"}
    assert entries[0].time == aws.simulator.clock.now()
    assert aws.simulator.ledger.operations() == (
        "ecs:CreateCluster",
        "ecs:UpdateService",
        "elbv2:CreateTargetGroup",
        "ec2:CreateTags",
    )
    here = len(aws.simulator.ledger)
    aws.elbv2.delete_target_group(TargetGroupArn=group)
    assert aws.simulator.ledger.operations(here) == ("elbv2:DeleteTargetGroup",)


@pytest.mark.parametrize(
    ("operation", "mutating"),
    [
        ("DescribeServices", False),
        ("ListTasks", False),
        ("GetObject", False),
        ("HeadBucket", False),
        ("AssumeRole", False),
        ("CreateService", True),
        ("PutObject", True),
        ("RegisterTaskDefinition", True),
        ("SetSubnets", True),
        ("GenerateCredentialReport", True),
    ],
)
def test_reads_and_writes_are_distinguished(operation: str, mutating: bool) -> None:
    """The prefix decides, with a list of exceptions."""
    assert is_mutating(operation) is mutating


def test_an_operation_without_an_implementation_is_an_error(aws: Aws) -> None:
    """The message names the operation, and the ledger has the call."""
    with refused("NotImplemented", "ecs:GetTaskProtection is not simulated"):
        aws.ecs.get_task_protection(cluster="prod", tasks=["a"])
    assert aws.simulator.ledger.entries()[-1].ok is False


def test_a_failure_of_ecsim_is_an_internal_failure(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an InternalFailure with its cause, the ledger has it, and the server keeps running."""
    broken: dict[str, Any] = {}
    monkeypatch.setitem(operations.OPERATIONS["ecs"], "ListClusters", lambda _: broken["nothing"])
    with refused("InternalFailure", "the simulator failed at ecs:ListClusters: KeyError('nothing')"):
        aws.ecs.list_clusters()
    assert aws.simulator.ledger.entries()[-1].error_code == "InternalFailure"
    aws.ecs.create_cluster(clusterName="prod")


def test_the_control_endpoint_lists_its_routes(aws: Aws) -> None:
    """`/_sim/docs` lists every route. An unknown route is an error."""
    docs = control(aws, "docs")
    assert "POST /_sim/advance" in docs
    assert all(docs.values())
    assert "no such control" in control(aws, "nonsense")["error"]


def test_the_ledger_can_be_read_over_http(aws: Aws) -> None:
    """`since` continues, `mutating=1` filters."""
    aws.ecs.create_cluster(clusterName="prod")
    aws.ecs.list_clusters()
    answer = control(aws, "ledger")
    assert [entry["operation"] for entry in answer["entries"]] == ["CreateCluster", "ListClusters"]
    assert [entry["operation"] for entry in control(aws, "ledger?mutating=1")["entries"]] == ["CreateCluster"]
    assert control(aws, f"ledger?since={answer['next']}")["entries"] == []


def test_the_account_can_be_controlled_over_http(aws: Aws) -> None:
    """Time, faults, images, tasks and reset have routes. An invalid request gets an error as its answer."""
    aws.service()
    assert control(aws, "advance", {"seconds": 60})["now"] == aws.simulator.clock.now()
    assert aws.described()["runningCount"] == 2
    assert len(control(aws, "stop-task", {"cluster": "prod", "service": "api", "count": 1})["stopped"]) == 1
    assert aws.described()["runningCount"] == 1
    assert "Service not found" in control(aws, "stop-task", {"cluster": "prod", "service": "ghost"})["error"]
    set_faults = control(aws, "faults", {"kind": "throttle", "service": "ecs", "times": None})["faults"]
    assert set_faults[0]["operation"] == "*"
    assert "unknown kind" in control(aws, "faults", {"kind": "meteor"})["error"]
    assert control(aws, "faults", method="DELETE")["faults"] == []
    control(aws, "images", {"match": "nginx:2", "outcome": "pull"})
    aws.update(taskDefinition=aws.task_definition("nginx:2"))
    control(aws, "advance", {"seconds": 40})
    assert aws.described()["deployments"][0]["failedTasks"] > 0
    assert control(aws, "reset", {})["calls"] == 0
    assert aws.ecs.list_clusters()["clusterArns"] == []
    assert control(aws, "health")["account"] == "123456789012"


def test_with_a_speed_clock_time_passes_without_calls() -> None:
    """A thread ticks, and simulated time runs faster than the wall clock."""
    simulator = Simulator(Settings(settling=False, speed=400, account="210987654321"))
    ecs = client(simulator.start(), "ecs")
    try:
        assert isinstance(simulator.clock, SpeedClock)
        ecs.create_cluster(clusterName="prod")
        ecs.register_task_definition(
            family="api",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "api", "image": "nginx:1"}],
        )
        subnet = client(simulator.url, "ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        arn = ecs.create_service(
            cluster="prod",
            serviceName="api",
            taskDefinition="api",
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
        )["service"]["serviceArn"]
        assert ":210987654321:" in arn
        until = time.monotonic() + 10
        while not simulator.world.store(EcsRegion, "eu-central-1").services["prod", "api"].steady:
            assert time.monotonic() < until
            simulator.tick()
        with pytest.raises(TypeError):
            simulator.advance(1)
    finally:
        simulator.stop()


def test_timings_can_be_compressed() -> None:
    """With all durations 0 a service is steady at once."""
    quick = Timings(provisioning=0, pending=0, activating=0, stabilise=0, scheduler=0, health=0, drain=0)
    simulator = Simulator(Settings(settling=False, timings=quick), VirtualClock())
    simulator.start()
    try:
        aws = Aws(simulator)
        group = aws.target_group()
        aws.listener(aws.load_balancer(), group)
        aws.service(loadBalancers=[{"targetGroupArn": group, "containerName": "api", "containerPort": 80}])
        assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]
    finally:
        simulator.stop()


def test_many_threads_can_call_at_once(aws: Aws) -> None:
    """Calls are answered one after the other, and none is lost."""
    ecs = aws.ecs
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ecs.create_cluster(clusterName=f"c{number}"), range(40)))
    assert len(ecs.list_clusters()["clusterArns"]) == 40
    assert len(aws.simulator.ledger.mutations()) == 40


def test_a_port_in_use_is_an_error(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    """It is an OSError and does not exit the process."""
    port = int(aws.simulator.url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"):
        serve(aws.simulator.gateway, port)
    assert capsys.readouterr().out == ""


def test_another_address_is_served_if_it_is_asked_for(aws: Aws) -> None:
    """By default only 127.0.0.1 is: anyone who reaches the simulated AWS controls it."""
    server, thread = serve(aws.simulator.gateway, 0, "127.0.0.2")
    try:
        with urllib.request.urlopen(f"http://127.0.0.2:{server.server_port}/_sim/health", timeout=10) as answer:
            assert answer.status == 200
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(aws.simulator.url.replace("127.0.0.1", "127.0.0.2") + "/_sim/health", timeout=10)  # noqa: S310


def test_time_does_not_run_backwards() -> None:
    """A negative advance and a speed of 0 are ValueErrors."""
    with pytest.raises(ValueError, match="backwards"):
        VirtualClock().advance(-1)
    with pytest.raises(ValueError, match="positive"):
        SpeedClock(0)


def test_the_seams_are_checked_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is fast, and its error names moto's version and the missing interface."""
    before = time.perf_counter()
    seams.check()
    assert time.perf_counter() - before < 0.05
    monkeypatch.delattr(moto.iam.models.IAMBackend, "get_role")
    with pytest.raises(seams.SeamError, match=r"moto 5\.2.*IAMBackend\.get_role"):
        Simulator(Settings(), VirtualClock())
