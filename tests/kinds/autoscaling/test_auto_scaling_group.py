"""AutoScalingGroup: AWS's defaults, tags that propagate or not, and a delete in safe steps."""

from __future__ import annotations

from typing import Any

import pytest
from moto import mock_aws

from ecsync.core.kind import Wait
from ecsync.core.marks import tag_calls
from ecsync.core.model import Absent, Create, Delete, Key, Present, Update
from ecsync.core.ports import AwsError
from ecsync.core.trees import thaw
from ecsync.kinds.autoscaling.auto_scaling_group import KIND, TAGGING, present_of
from tests.kinds.ecs.answers import equivalent, settled, unseen
from tests.kinds.elbv2.answers import refused
from tests.kinds.infra import (
    Answers,
    Case,
    Moto,
    cases,
    compare,
    compiled,
    converges,
    denied,
    desired,
    key,
    observe,
    update,
    wanted,
)

BODY: dict[str, Any] = {
    "AutoScalingGroupName": "web",
    "MinSize": 1,
    "MaxSize": 3,
    "LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "2"},
    "VPCZoneIdentifier": "subnet-b,subnet-a",
}
MIXED = {"LaunchTemplate": {"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1"}, "Overrides": []}}
CASES = cases("autoScalingGroup")
BY_AWS = {
    "AutoScalingGroupARN",
    "AvailabilityZoneIds.[]",
    "AvailabilityZones.[]",
    "CreatedTime",
    "LaunchTemplate.LaunchTemplateName",  # the id is declared
    "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateName",
    "ServiceLinkedRoleARN",
    "Tags.[].ResourceId",
    "Tags.[].ResourceType",
}


def _printed(**more: Any) -> dict[str, Any]:
    return {
        **BODY,
        "AutoScalingGroupARN": "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:u:autoScalingGroupName/web",
        "DesiredCapacity": 1,
        "VPCZoneIdentifier": "subnet-a,subnet-b",
        "AvailabilityZones": ["us-east-1a"],
        "DefaultCooldown": 300,
        "HealthCheckType": "EC2",
        "TerminationPolicies": ["Default"],
        **more,
    }


def _tag(name: str, value: str, propagate: bool = False) -> dict[str, Any]:
    return {
        "ResourceId": "web",
        "ResourceType": "auto-scaling-group",
        "Key": name,
        "Value": value,
        "PropagateAtLaunch": propagate,
    }


def _live(**more: Any) -> Present:
    return present_of(_printed(**more), BODY, {})


def _instance(version: str = "2", **more: Any) -> dict[str, Any]:
    template = {"LaunchTemplateId": "lt-1", "Version": version}
    return {"LifecycleState": "InService", "HealthStatus": "Healthy", "LaunchTemplate": template, **more}


def _updated(body: dict[str, Any], present: Present) -> list[tuple[str, dict[str, Any]]]:
    calls = KIND.calls(update(KIND, {**BODY, **body}, present))  # type: ignore[misc]
    assert not refused(calls)
    return compiled(calls)


def _of_case(live: Any, declared: Any, _: Case) -> Present:
    return present_of({"AutoScalingGroupARN": "arn", **live}, declared, {})


def _without_tags_of_aws(case: Case) -> Case:
    """Return the case without AWS's own tags, which are not compared."""
    live = thaw(case["live"])
    live["Tags"] = [tag for tag in live.get("Tags", ()) if not tag["Key"].startswith("aws:")]
    return {**case, "live": live}


class TestEquivalence:
    """Which differences AWS ignores, and which it does not."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_a_case_differs_only_if_aws_behaves_differently(self, case: Case) -> None:
        assert equivalent(KIND, _of_case, case) == case["equivalent"], case["note"]
        assert settled(KIND, _of_case, case)

    @pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
    def test_every_change_of_a_live_value_is_detected(self, case: Case) -> None:
        by_others = set() if "DesiredCapacity" in case["desired"] else {"DesiredCapacity"}
        assert unseen(KIND, _of_case, _without_tags_of_aws(case)) <= BY_AWS | by_others

    def test_under_managed_scaling_a_declared_capacity_is_not_compared(self) -> None:
        managed = _live(DesiredCapacity=2, Tags=[_tag("AmazonECSManaged", "")])
        body = {**BODY, "DesiredCapacity": 1}
        assert compare(KIND, body, managed).fields == ()
        assert [one.path for one in compare(KIND, body, _live(DesiredCapacity=2)).fields] == [("DesiredCapacity",)]

    def test_the_order_of_termination_policies_has_a_meaning(self) -> None:
        two = ["OldestInstance", "Default"]
        assert compare(KIND, {**BODY, "TerminationPolicies": two}, _live(TerminationPolicies=two[::-1])).fields

    def test_a_member_that_aws_adds_later_is_compared_only_if_declared(self) -> None:
        assert compare(KIND, BODY, present_of(_printed(Brandnew=True), BODY, {})).fields == ()
        declared = {**BODY, "Brandnew": False}
        assert compare(KIND, declared, present_of(_printed(Brandnew=True), declared, {})).fields

    @pytest.mark.parametrize(
        ("declared", "live"),
        [
            ([{"Identifier": "arn:aws:elasticloadbalancing:r:1:targetgroup/t/1"}], "elbv2"),
            ([{"Identifier": "arn:aws:vpc-lattice:r:1:targetgroup/tg-1"}], "vpc-lattice"),
            ([{"Identifier": "classic"}], "elb"),
        ],
    )
    def test_the_type_of_a_traffic_source_is_derived_from_its_identifier(self, declared: Any, live: str) -> None:
        """AWS returns it even if it was not sent."""
        present = _live(TrafficSources=[{**declared[0], "Type": live}])
        assert compare(KIND, {**BODY, "TrafficSources": declared}, present).fields == ()

    def test_a_member_without_effect_is_no_difference(self) -> None:
        """Pools that the strategy does not use, and the behaviour of a zonal shift that is off."""
        spread = {"SpotAllocationStrategy": "capacity-optimized"}
        body = {**BODY, "LaunchTemplate": None, "MixedInstancesPolicy": {**MIXED, "InstancesDistribution": spread}}
        printed = {**MIXED, "InstancesDistribution": {**spread, "SpotInstancePools": 2}}
        shift = {"ZonalShiftEnabled": False, "ImpairedZoneHealthCheckBehavior": "ReplaceUnhealthy"}
        live = present_of(
            {**_printed(), "LaunchTemplate": None, "MixedInstancesPolicy": printed},
            {**body, "AvailabilityZoneImpairmentPolicy": None},
            {},
        )
        assert compare(KIND, body, live).fields == ()
        assert compare(KIND, BODY, _live(AvailabilityZoneImpairmentPolicy=shift)).fields == ()

    @pytest.mark.parametrize("member", ["LaunchTemplateId", "LaunchTemplateName"])
    def test_another_template_of_an_override_is_detected(self, member: str) -> None:
        """Of id and name, the declared one is compared; AWS fills in the other."""
        named = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "web"}
        other = {"LaunchTemplateId": "lt-2", "LaunchTemplateName": "other"}

        def policy(template: dict[str, str]) -> dict[str, Any]:
            override = {"InstanceType": "t3.small", "LaunchTemplateSpecification": template}
            return {"LaunchTemplate": {**MIXED["LaunchTemplate"], "Overrides": [override]}}

        body = {**BODY, "LaunchTemplate": None, "MixedInstancesPolicy": policy({member: named[member]})}
        for template, seen in ((named, 0), (other, 1)):
            live = {**_printed(), "LaunchTemplate": None, "MixedInstancesPolicy": policy(template)}
            assert len(compare(KIND, body, present_of(live, body, {})).fields) == seen

    def test_a_template_that_was_created_again_under_its_name_is_another_template(self) -> None:
        """The group still uses the old id, and cannot launch instances."""
        template = Present(body={}, outputs={"id": "lt-new", "name": "web", "latestVersion": "1"})
        world = {Key(application="shop", kind="LaunchTemplate", name="t"): template}
        body = {**BODY, "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "2"}}
        for live_id, seen in (("lt-new", []), ("lt-1", [("LaunchTemplate", "LaunchTemplateId")])):
            named = {"LaunchTemplateId": live_id, "LaunchTemplateName": "web", "Version": "2"}
            present = present_of(_printed(LaunchTemplate=named), body, world)
            assert [one.path for one in compare(KIND, body, present).fields] == seen
        assert compiled(KIND.calls(update(KIND, body, present))) == [  # type: ignore[misc]
            (
                "autoscaling.UpdateAutoScalingGroup",
                {"AutoScalingGroupName": "web", "LaunchTemplate": body["LaunchTemplate"]},
            )
        ]

    def test_propagation_of_tags_is_compared_separately(self) -> None:
        body = {**BODY, "Tags": [{"Key": "a", "Value": "b", "PropagateAtLaunch": True}]}
        assert [one.path for one in compare(KIND, body, _live(Tags=[_tag("a", "b")])).fields] == [
            ("PropagateAtLaunch",)
        ]
        assert compare(KIND, body, _live(Tags=[_tag("a", "b", True), _tag("theirs", "x", True)])).fields == ()


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_never_propagates_our_marks(self) -> None:
        tags = [{"Key": "a", "Value": "b", "PropagateAtLaunch": True}]
        body = {**BODY, "Tags": tags, "EnabledMetrics": [{"Metric": "GroupMinSize"}]}
        calls = KIND.calls(Create(desired=desired(KIND, body), marks={"ecsync:owner": "o"}))  # type: ignore[misc]
        assert not refused(calls)
        mark = {"Key": "ecsync:owner", "Value": "o", "PropagateAtLaunch": False}
        metrics = {"AutoScalingGroupName": "web", "Metrics": ["GroupMinSize"], "Granularity": "1Minute"}
        assert compiled(calls) == [
            ("autoscaling.CreateAutoScalingGroup", {**BODY, "Tags": [*tags, mark]}),
            ("autoscaling.EnableMetricsCollection", metrics),
        ]

    def test_an_update_sends_only_differences(self) -> None:
        assert _updated({"MaxSize": 5}, _live()) == [
            ("autoscaling.UpdateAutoScalingGroup", {"AutoScalingGroupName": "web", "MaxSize": 5})
        ]

    def test_a_template_is_sent_as_declared(self) -> None:
        template = {"LaunchTemplateName": "web", "Version": "3"}
        printed = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "web", "Version": "2"}
        assert _updated({"LaunchTemplate": template}, _live(LaunchTemplate=printed)) == [
            ("autoscaling.UpdateAutoScalingGroup", {"AutoScalingGroupName": "web", "LaunchTemplate": template})
        ]

    def test_a_mixed_policy_replaces_a_template(self) -> None:
        body = {"LaunchTemplate": None, "MixedInstancesPolicy": MIXED}
        assert _updated(body, _live()) == [
            ("autoscaling.UpdateAutoScalingGroup", {"AutoScalingGroupName": "web", "MixedInstancesPolicy": MIXED})
        ]

    @pytest.mark.parametrize(
        ("member", "live", "sent"),
        [
            ("PlacementGroup", "p", ""),
            ("DefaultInstanceWarmup", 60, -1),
            ("MaxInstanceLifetime", 86400, 0),
            ("HealthCheckGracePeriod", 60, 0),
            ("TerminationPolicies", ["OldestInstance"], ["Default"]),
            (
                "InstanceMaintenancePolicy",
                {"MinHealthyPercentage": 90, "MaxHealthyPercentage": 120},
                {"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1},
            ),
        ],
    )
    def test_a_member_that_is_removed_is_cleared(self, member: str, live: Any, sent: Any) -> None:
        params = {"AutoScalingGroupName": "web", member: sent}
        assert _updated({}, _live(**{member: live})) == [("autoscaling.UpdateAutoScalingGroup", params)]

    def test_a_cleared_member_is_no_difference(self) -> None:
        cleared = {"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1}
        assert compare(KIND, BODY, _live(InstanceMaintenancePolicy=cleared, DefaultInstanceWarmup=-1)).fields == ()

    def test_attachments_and_metrics_have_their_own_calls(self) -> None:
        present = _live(TargetGroupARNs=["old"], EnabledMetrics=[{"Metric": "GroupMinSize", "Granularity": "1Minute"}])
        body = {"TargetGroupARNs": ["new"], "EnabledMetrics": [{"Metric": "GroupMaxSize"}]}
        name = {"AutoScalingGroupName": "web"}
        assert _updated(body, present) == [
            ("autoscaling.AttachLoadBalancerTargetGroups", {**name, "TargetGroupARNs": ["new"]}),
            ("autoscaling.DetachLoadBalancerTargetGroups", {**name, "TargetGroupARNs": ["old"]}),
            (
                "autoscaling.EnableMetricsCollection",
                {**name, "Metrics": ["GroupMaxSize"], "Granularity": "1Minute"},
            ),
            ("autoscaling.DisableMetricsCollection", {**name, "Metrics": ["GroupMinSize"]}),
        ]

    def test_propagation_of_a_tag_is_sent_with_its_value(self) -> None:
        body = {"Tags": [{"Key": "a", "Value": "b", "PropagateAtLaunch": True}]}
        put = [("autoscaling.CreateOrUpdateTags", {"Tags": [_tag("a", "b", True)]})]
        assert _updated(body, _live(Tags=[_tag("a", "b")])) == put

    @pytest.mark.parametrize(
        "live",
        [[], [_tag("a", "old", True)], [_tag("a", "old")], [_tag("a", "b")]],
        ids=["new", "value", "both", "flag"],
    )
    def test_a_tag_is_sent_once_with_value_and_propagation(self, live: list[Any]) -> None:
        """For a difference in either of them, or in both."""
        body = {**BODY, "Tags": [{"Key": "a", "Value": "b", "PropagateAtLaunch": True}]}
        present = present_of(_printed(Tags=live), body, {})
        change = Update(desired=desired(KIND, body), observed=present, fields=compare(KIND, body, present).fields)
        calls = (*KIND.calls(update(KIND, body, present)), *tag_calls(TAGGING, change))  # type: ignore[misc]
        assert compiled(calls) == [("autoscaling.CreateOrUpdateTags", {"Tags": [_tag("a", "b", True)]})]

    def test_removed_members_of_a_policy_are_cleared_and_undeclared_ones_are_sent_again(self) -> None:
        """EC2 Auto Scaling keeps the members that an update of a mixed instances policy omits."""
        spread = {"SpotAllocationStrategy": "capacity-optimized", "SpotMaxPrice": "0.5", "OnDemandBaseCapacity": 3}
        printed = {
            "LaunchTemplate": {**MIXED["LaunchTemplate"], "Overrides": [{"InstanceType": "t3.small"}]},
            "InstancesDistribution": spread,
        }
        body = {**BODY, "LaunchTemplate": None, "MixedInstancesPolicy": MIXED}
        present = present_of({**_printed(), "LaunchTemplate": None, "MixedInstancesPolicy": printed}, body, {})
        (call,) = KIND.calls(update(KIND, body, present))  # type: ignore[misc]
        assert call.params["MixedInstancesPolicy"] == {
            "LaunchTemplate": MIXED["LaunchTemplate"],
            "InstancesDistribution": {
                "SpotAllocationStrategy": "lowest-price",
                "SpotInstancePools": 2,
                "SpotMaxPrice": "",
                "OnDemandBaseCapacity": 0,
            },
        }
        two = {"LaunchTemplate": {**MIXED["LaunchTemplate"], "Overrides": [{"InstanceType": "t3.large"}]}}
        adopted = {**body, "MixedInstancesPolicy": two}
        fields = compare(KIND, adopted, present, undeclared=False).fields
        (call,) = KIND.calls(Update(desired=desired(KIND, adopted), observed=present, fields=fields))  # type: ignore[misc]
        assert call.params["MixedInstancesPolicy"] == {**two, "InstancesDistribution": spread}

    def test_a_tag_that_changes_keeps_its_propagation_and_marks_do_not_propagate(self) -> None:
        present = _live(Tags=[_tag("a", "b", True)])
        put = TAGGING.put(present, {"a": "c", "ecsync:owner": "o"})
        assert compiled(put) == [
            ("autoscaling.CreateOrUpdateTags", {"Tags": [_tag("a", "c", True), _tag("ecsync:owner", "o")]})
        ]
        removed = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "a"}
        assert compiled(TAGGING.remove(present, ["a"])) == [("autoscaling.DeleteTags", {"Tags": [removed]})]
        assert not refused((*put, *TAGGING.remove(present, ["a"])))
        assert tag_calls(TAGGING, update(KIND, BODY, present)) == ()

    @pytest.mark.parametrize(
        ("live", "calls"),
        [
            (
                {"Instances": [_instance()]},
                [("UpdateAutoScalingGroup", {"MinSize": 0, "MaxSize": 0, "DesiredCapacity": 0})],
            ),
            (
                {"Instances": [_instance(ProtectedFromScaleIn=True)]},
                [("DeleteAutoScalingGroup", {"ForceDelete": True})],
            ),
            (
                {"Instances": [_instance()], "MinSize": 0, "MaxSize": 0, "DesiredCapacity": 0},
                [("DeleteAutoScalingGroup", {})],
            ),
            ({"Instances": []}, [("DeleteAutoScalingGroup", {})]),
            ({"Status": "Delete in progress"}, []),
        ],
    )
    def test_a_delete_is_the_next_safe_call(self, live: dict[str, Any], calls: list[Any]) -> None:
        made = KIND.calls(Delete(key=key(KIND), observed=_live(**live)))  # type: ignore[misc]
        assert not refused(made)
        named = [(f"autoscaling.{name}", {"AutoScalingGroupName": "web", **params}) for name, params in calls]
        assert compiled(made) == named

    def test_a_change_waits_while_the_group_is_being_deleted(self) -> None:
        deleting = _live(Status="Delete in progress")
        assert isinstance(KIND.gate(desired(KIND, BODY), deleting, (), {}), Wait)  # type: ignore[misc]


class TestHealth:
    """The health of the instances."""

    @pytest.mark.parametrize(
        ("live", "status"),
        [
            ({"Instances": [_instance()]}, "Healthy"),
            ({"Instances": []}, "Progressing"),
            ({"Instances": [_instance(LifecycleState="Pending")]}, "Progressing"),
            ({"Instances": [_instance("1")]}, "Degraded"),
            ({"Status": "Delete in progress"}, "Progressing"),
        ],
    )
    def test_health_follows_the_instances(self, live: dict[str, Any], status: str) -> None:
        assert KIND.health(desired(KIND, BODY), _live(**live)).status == status

    @pytest.mark.parametrize(("alias", "stale"), [("$Default", 1), ("$Latest", 0), (None, 1)])
    def test_an_alias_resolves_to_the_version_of_the_template(self, alias: str | None, stale: int) -> None:
        template = {"LaunchTemplateId": "lt-1", **({"Version": alias} if alias else {})}
        seen = Present(body={}, outputs={"id": "lt-1"}, facts={"default": 1, "latest": 2})
        world = {Key(application="shop", kind="LaunchTemplate", name="t"): seen}
        found = present_of(_printed(LaunchTemplate=template, Instances=[_instance("2")]), BODY, world)
        assert found.facts["stale"] == stale
        assert present_of(_printed(LaunchTemplate=template, Instances=[_instance()]), BODY, {}).facts["stale"] == 0

    @pytest.mark.parametrize(
        ("version", "equal", "degraded"),
        [
            ("$Latest", 1, True),
            ("$Latest", 2, False),
            ("$Latest", None, False),
            ("$Default", 1, False),
            ("2", 1, False),
        ],
    )
    def test_an_undeclared_version_that_a_group_at_latest_uses_degrades_it(
        self, version: str, equal: int | None, degraded: bool
    ) -> None:
        """The template's default version equals the declaration; the version of new instances does not."""
        template = {"LaunchTemplateId": "lt-1", "Version": version}
        facts = {"default": 1, "latest": 2, "equal": equal}
        world = {
            Key(application="shop", kind="LaunchTemplate", name="t"): Present(
                body={}, outputs={"id": "lt-1"}, facts=facts
            )
        }
        found = present_of(_printed(LaunchTemplate=template, DesiredCapacity=0), BODY, world)
        health = KIND.health(desired(KIND, BODY), found)
        assert health.status == ("Degraded" if degraded else "Healthy")
        assert ("version 2" in health.why) is degraded


class TestRead:
    """Finding groups."""

    def test_fifty_groups_are_read_in_one_call(self) -> None:
        reader = Answers(autoscaling_DescribeAutoScalingGroups={"AutoScalingGroups": [_printed()]})
        asked = [wanted(KIND, {**BODY, "AutoScalingGroupName": name}, name) for name in ("web", *map(str, range(60)))]
        found = dict(KIND.read(reader, asked, {}))
        assert isinstance(found[key(KIND)], Present)
        assert found[key(KIND, "7")] == Absent()
        assert [len(params["AutoScalingGroupNames"]) for _, params in reader.asked] == [50, 11]

    def test_a_denied_read_raises_and_is_not_absence(self) -> None:
        with pytest.raises(AwsError):
            observe(KIND, Answers(autoscaling_DescribeAutoScalingGroups=denied()), BODY)


class TestMoto:
    """Against moto, one call at a time."""

    @mock_aws
    def test_it_recovers_from_a_crash_after_each_call_and_a_delete_leaves_nothing(self) -> None:
        cloud = Moto()
        data = {"ImageId": "ami-12345678", "InstanceType": "t3.small"}
        created = cloud.call("ec2", "CreateLaunchTemplate", LaunchTemplateName="t", LaunchTemplateData=data)
        template = {"LaunchTemplateId": created["LaunchTemplate"]["LaunchTemplateId"], "Version": "1"}
        vpc = cloud.call("ec2", "CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = cloud.call("ec2", "CreateSubnet", VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        body = {
            **BODY,
            "LaunchTemplate": template,
            "VPCZoneIdentifier": subnet,
            "Tags": [{"Key": "a", "Value": "b", "PropagateAtLaunch": True}],
            "EnabledMetrics": [{"Metric": "GroupMinSize", "Granularity": "1Minute"}],
            "HealthCheckGracePeriod": 300,  # moto's default; AWS's is 0
        }
        assert converges(KIND, cloud, body) == [
            "autoscaling.CreateAutoScalingGroup",
            "autoscaling.EnableMetricsCollection",
        ]
        assert converges(KIND, cloud, {**body, "MaxSize": 4})[0] == "autoscaling.UpdateAutoScalingGroup"
        while owned := list(KIND.owned(cloud, "prod")):  # type: ignore[misc]
            for call in KIND.calls(Delete(key=key(KIND), observed=owned[0].present)):  # type: ignore[misc]
                cloud.write(call, {})
        assert observe(KIND, cloud, body) == Absent()
