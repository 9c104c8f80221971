"""The benchmarks import, the limit is the number that a person counts, and the fleet is what the limit is for."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.fleet import Fleet, files_of, sites
from benchmarks.limit import Counts, cadences, limit, mean_limit, seconds, slow_limit
from benchmarks.size import shortest_interval, use_of_buckets
from ecsync.awsmodel import shapes
from ecsync.core.ports import Snapshot
from ecsync.kinds import BY_NAME
from ecsync.language.manifest import load

BENCHMARKS = sorted(path.stem for path in (Path(__file__).parent.parent.parent / "benchmarks").glob("*.py"))


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
    assert slow_limit(Counts()) == {}
    assert seconds({}, 0.5) == 0


def test_the_slowest_bucket_decides_the_time() -> None:
    """120 calls of Application Auto Scaling at half of 20 tokens and 9 per second; the other buckets are faster."""
    calls = {
        "application-autoscaling.DescribeScalableTargets": 20,
        "application-autoscaling.DescribeScalingPolicies": 100,
        "ecs.DescribeServices": 100,
    }
    assert seconds(calls, 0.5) == pytest.approx((120 - 10) / 4.5)
    assert seconds({"ecs.DescribeServices": 50}, 0.5) == 0, "a full bucket has as many tokens"


def test_what_aws_returns_one_by_one_has_a_limit_of_its_own() -> None:
    """Attributes, health, and state and tags of task definitions: one call for each object in a slow cycle."""
    assert slow_limit(Counts(target_groups=1000, load_balancers=10, listeners=10, services=1000)) == {
        "elbv2.DescribeTargetGroupAttributes": 1000,
        "elbv2.DescribeTargetHealth": 1000,
        "elbv2.DescribeLoadBalancerAttributes": 10,
        "elbv2.DescribeListenerAttributes": 10,
        "ecs.DescribeTaskDefinition": 1000,
    }


def test_a_mean_round_has_each_read_at_its_cadence() -> None:
    """At 60 s a medium read is made every 240 s, and a slow one every 1,800 s."""
    calls = mean_limit(Counts(services=100, scaling_policies=100, target_groups=60), 60.0)
    assert calls == pytest.approx(
        {
            "ecs.DescribeServices": 10,
            "ecs.ListServices": 1 / 30,
            "application-autoscaling.DescribeScalingPolicies": 10 / 4,
            "elbv2.DescribeTargetGroups": 1,
            "resourcegroupstaggingapi.GetResources": 0.25,
            "elbv2.DescribeTargetGroupAttributes": 2,
            "elbv2.DescribeTargetHealth": 2,
            "ecs.DescribeTaskDefinition": 100 / 30,
        }
    )
    assert cadences(3600.0) == {"fast": 3600.0, "medium": 3600.0, "slow": 3600.0}, "never shorter than the interval"


def test_the_use_of_a_bucket_is_the_mean_rate_of_calls_over_our_share_of_its_rate() -> None:
    """20 calls for scalable targets each minute and 100 for policies each four: 45 a minute, of 4.5 a second."""
    used = use_of_buckets(1000, interval=60.0, share=0.5)
    assert used["application-autoscaling"] == pytest.approx(45 / 60 / 4.5)
    assert shortest_interval(10, share=0.5) == 5


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


def test_sites_divide_services_and_applications_evenly() -> None:
    """Each site has its own Region and its own applications."""
    fleets = sites(services=40, applications=8, count=4)
    loaded = load(
        Snapshot(revision="1", files=files_of(fleets)),
        kinds=BY_NAME,
        shape_of=shapes.load,
        environment={},
        root_name="bench",
    )
    assert loaded.problems == ()
    services = Counter(
        application.region
        for application in loaded.applications
        for one in application.resources
        if one.key.kind == "Service"
    )
    assert services == dict.fromkeys(("eu-west-1", "eu-central-1", "us-east-1", "us-west-2"), 10)
    assert len(loaded.applications) == 8
    with pytest.raises(ValueError, match="not even over 4 sites"):
        sites(services=41, applications=8, count=4)
