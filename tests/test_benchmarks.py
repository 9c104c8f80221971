"""The benchmarks: they import, the limit is the number that a person counts, and the fleet is what the limit is for."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.fleet import Fleet
from benchmarks.limit import Counts, limit
from benchmarks.replay import ReplayingCloud
from ecsync.awsmodel import shapes
from ecsync.core.model import Snapshot
from ecsync.core.ports import AwsError
from ecsync.kinds import BY_NAME
from ecsync.language.manifest import load
from ecsync.testing import MemoryCloud

BENCHMARKS = sorted(path.stem for path in (Path(__file__).parent.parent / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_imports(name: str) -> None:
    """Importing it measures nothing."""
    assert import_module(f"benchmarks.{name}").__doc__


def test_the_limit_is_what_a_person_counts() -> None:
    """1,000 services on ten listeners, with two scaling policies each: 366 calls, and 11 pages of other tags."""
    counts = Counts(
        services=1000,
        clusters=1,
        scalable_targets=1000,
        scaling_policies=2000,
        target_groups=1000,
        load_balancers=10,
        listeners=10,
        rules=1000,
    )
    calls = limit(counts)
    assert calls == {
        "ecs.DescribeClusters": 1,
        "ecs.ListServices": 10,
        "ecs.DescribeServices": 100,
        "application-autoscaling.DescribeScalableTargets": 20,
        "application-autoscaling.DescribeScalingPolicies": 200,
        "elbv2.DescribeLoadBalancers": 1,
        "elbv2.DescribeListeners": 1,
        "elbv2.DescribeTargetGroups": 3,
        "elbv2.DescribeRules": 10,
        "resourcegroupstaggingapi.GetResources": 31,  # 3,020 objects
    }
    assert sum(calls.values()) == 366 + 11


def test_nothing_needs_no_call() -> None:
    """An empty account has no objects to read."""
    assert limit(Counts()) == {}


def test_the_fleet_is_valid_and_has_the_objects_that_the_limit_counts() -> None:
    """Also in several applications, which share a network, a cluster and load balancers."""
    fleet = Fleet(services=60, applications=3)
    loaded = load(
        Snapshot(revision="1", files=fleet.files()),
        kinds=BY_NAME,
        shape_of=shapes.load,
        environment={},
        root_name="bench",
    )
    assert loaded.problems == ()
    assert sorted(application.name for application in loaded.applications) == ["app-0", "app-1", "app-2"]
    kinds = Counter(one.key.kind for application in loaded.applications for one in application.resources)
    assert fleet.counts == Counts(
        services=kinds["Service"],
        clusters=kinds["Cluster"],
        scalable_targets=kinds["ScalableTarget"],
        scaling_policies=kinds["ScalingPolicy"],
        target_groups=kinds["TargetGroup"],
        load_balancers=kinds["LoadBalancer"],
        listeners=kinds["Listener"],
        rules=kinds["ListenerRule"],
        log_groups=kinds["LogGroup"],
        networks=kinds["Network"],
        security_groups=kinds["SecurityGroup"],
    )
    assert kinds["Service"] == 60
    assert kinds["Listener"] == 2


def test_a_replay_makes_no_call() -> None:
    """The recorded answers are returned, also the answer that a read failed; a write is an error."""
    memory = MemoryCloud()
    cloud = ReplayingCloud(memory)
    cloud.write("memory", "CreateWidget", name="web")

    def denied(operation: str, _: object) -> None:
        if operation == "ListGadget":
            raise AwsError("denied", "AccessDenied", "no", "memory.ListGadget")

    memory.before = denied
    before = (cloud.call("memory", "ListWidget"), list(cloud.pages("memory", "ListWidget", "found")))
    with pytest.raises(AwsError):
        cloud.call("memory", "ListGadget")
    cloud.replaying = True
    memory.before = lambda *_: pytest.fail("a replay called the account")
    assert (cloud.call("memory", "ListWidget"), list(cloud.pages("memory", "ListWidget", "found"))) == before
    with pytest.raises(AwsError):
        cloud.call("memory", "ListGadget")
    with pytest.raises(AssertionError, match=r"memory\.CreateWidget is called in a steady round"):
        cloud.write("memory", "CreateWidget", name="other")
