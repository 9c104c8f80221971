"""LoadBalancer: subnets from its zones, one call for each aspect, and its state as health."""

from __future__ import annotations

from typing import Any

import pytest
from moto import mock_aws

from ecsync.core.model import Absent, Create, Delete, Present, Ref, Text
from ecsync.core.ports import AwsError
from ecsync.kinds.elbv2.load_balancer import KIND, body_of
from tests.kinds.elbv2 import answers
from tests.kinds.elbv2.answers import LB, mine, tags_answer
from tests.kinds.infra import (
    Answers,
    Case,
    Moto,
    cases,
    compiled,
    converges,
    denied,
    desired,
    key,
    missing,
    observe,
    update,
    wanted,
)

BODY: dict[str, Any] = {"Name": "web", "Subnets": ["subnet-a", "subnet-b"], "SecurityGroups": ["sg-1"]}
CASES = cases("loadBalancer")
SERVER_OWNED = ("LoadBalancerArn", "DNSName", "CanonicalHostedZoneId")


class TestEquivalence:
    """Which differences AWS ignores, and which it does not."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_a_case_differs_only_if_aws_behaves_differently(self, case: Case) -> None:
        assert answers.equivalent(KIND, body_of, case) == case["equivalent"], case["note"]

    @pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
    def test_every_change_of_a_live_value_is_detected(self, case: Case) -> None:
        by_aws = () if "SecurityGroups" in case["desired"] else ("SecurityGroups",)
        idle = (
            ["Attributes/1/Value"] if case["id"] == "der-lb-access-logs-off" else []
        )  # bucket and prefix, while the logs are off
        assert answers.undetected(KIND, body_of, case, (*SERVER_OWNED, *by_aws)) == idle

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_the_canonical_form_is_stable(self, case: Case) -> None:
        assert answers.settled(KIND, body_of, case)


def _live(**body: Any) -> Present:
    return Present(body={**BODY, **body}, outputs={"arn": LB, "name": "web"})


def _updated(body: dict[str, Any], **live: Any) -> list[tuple[str, dict[str, Any]]]:
    calls = KIND.calls(update(KIND, body, _live(**live)))  # type: ignore[misc]
    assert not answers.refused(calls)
    return compiled(calls)


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_captures_every_output_and_sets_attributes_by_their_own_call(self) -> None:
        subnets = Text((Ref(key(KIND, "net"), "subnetIds"),))
        body = {**BODY, "Subnets": subnets, "Attributes": [{"Key": "idle_timeout.timeout_seconds", "Value": "120"}]}
        create, attributes = KIND.calls(Create(desired=desired(KIND, body), marks={"ecsync:owner": "o"}))  # type: ignore[misc]
        assert create.params == {**BODY, "Subnets": subnets, "Tags": [{"Key": "ecsync:owner", "Value": "o"}]}
        assert set(create.captures) == KIND.outputs.keys() - KIND.derived.keys() - KIND.asked.keys()
        assert compiled([attributes]) == [
            (
                "elbv2.ModifyLoadBalancerAttributes",
                {"LoadBalancerArn": Text((Ref(key(KIND), "arn"),)), "Attributes": body["Attributes"]},
            )
        ]

    def test_each_aspect_has_its_own_call(self) -> None:
        body = {**BODY, "SecurityGroups": ["sg-2"], "IpAddressType": "dualstack", "Subnets": ["subnet-a", "subnet-c"]}
        assert _updated(body) == [
            ("elbv2.SetSubnets", {"LoadBalancerArn": LB, "Subnets": ["subnet-a", "subnet-c"]}),
            ("elbv2.SetSecurityGroups", {"LoadBalancerArn": LB, "SecurityGroups": ["sg-2"]}),
            ("elbv2.SetIpAddressType", {"LoadBalancerArn": LB, "IpAddressType": "dualstack"}),
        ]

    def test_the_order_of_subnets_has_no_meaning(self) -> None:
        assert _updated({**BODY, "Subnets": ["subnet-b", "subnet-a"]}) == []

    def test_a_member_that_is_removed_goes_back_to_the_default(self) -> None:
        live = {
            "IpAddressType": "dualstack",
            "EnablePrefixForIpv6SourceNat": "on",
            "IpamPools": {"Ipv4IpamPoolId": "i"},
        }
        assert _updated(BODY, **live) == [
            (
                "elbv2.SetSubnets",
                {"LoadBalancerArn": LB, "Subnets": BODY["Subnets"], "EnablePrefixForIpv6SourceNat": "off"},
            ),
            ("elbv2.SetIpAddressType", {"LoadBalancerArn": LB, "IpAddressType": "ipv4"}),
            ("elbv2.ModifyIpPools", {"LoadBalancerArn": LB, "RemoveIpamPools": ["ipv4"]}),
        ]

    def test_undeclared_security_groups_are_no_difference(self) -> None:
        assert _updated({"Name": "web", "Subnets": BODY["Subnets"]}) == []

    def test_bucket_and_prefix_are_compared_once_the_logs_are_on(self) -> None:
        def logs(enabled: str, bucket: str) -> list[dict[str, str]]:
            return [
                {"Key": "access_logs.s3.enabled", "Value": enabled},
                {"Key": "access_logs.s3.bucket", "Value": bucket},
            ]

        assert _updated({**BODY, "Attributes": logs("false", "mine")}, Attributes=logs("false", "")) == []
        assert _updated({**BODY, "Attributes": logs("true", "mine")}, Attributes=logs("false", "mine")) == [
            ("elbv2.ModifyLoadBalancerAttributes", {"LoadBalancerArn": LB, "Attributes": logs("true", "mine")})
        ]

    def test_a_delete_is_one_call(self) -> None:
        assert compiled(KIND.calls(Delete(key=key(KIND), observed=_live()))) == [  # type: ignore[misc]
            ("elbv2.DeleteLoadBalancer", {"LoadBalancerArn": LB})
        ]

    @pytest.mark.parametrize("member", ["Name", "Scheme", "Type"])
    def test_a_member_that_aws_cannot_change_replaces(self, member: str) -> None:
        fields = update(KIND, {**BODY, member: "internal"}, _live()).fields
        assert "replace" in {field.effect for field in fields}

    @pytest.mark.parametrize(
        ("body", "paths"),
        [
            (BODY, []),
            ({"Name": "internal-web"}, [("Name",)]),
            ({"Name": "a" * 33}, [("Name",)]),
            ({"Subnets": ["a"], "SubnetMappings": [{"SubnetId": "a"}]}, [("SubnetMappings",)]),
            ({"Attributes": [{"Key": "access_logs.s3.bucket", "Value": "b"}]}, [("Attributes",)]),
        ],
    )
    def test_a_body_that_aws_refuses_is_a_problem(self, body: dict[str, Any], paths: list[tuple[str, ...]]) -> None:
        assert [path for path, _ in KIND.check(body)] == paths


def _balancer(**more: Any) -> dict[str, Any]:
    zones = [{"ZoneName": "a", "SubnetId": "subnet-b"}, {"ZoneName": "b", "SubnetId": "subnet-a"}]
    return {
        "LoadBalancerName": "web",
        "LoadBalancerArn": LB,
        "DNSName": "web.example.com",
        "CanonicalHostedZoneId": "Z1",
        "State": {"Code": "active"},
        "SecurityGroups": ["sg-1"],
        "AvailabilityZones": zones,
        **more,
    }


def _reader(*balancers: dict[str, Any], tags: dict[str, Any] | None = None, **more: Any) -> Answers:
    answers = {
        "elbv2_DescribeLoadBalancers": {"LoadBalancers": list(balancers)},
        "elbv2_DescribeTags": tags_answer({LB: mine(KIND)} if tags is None else tags),
        "elbv2_DescribeLoadBalancerAttributes": {"Attributes": [{"Key": "routing.http2.enabled", "Value": "true"}]},
    }
    return Answers(**{**answers, **more})


class TestRead:
    """The calls of a read, and how their responses are interpreted."""

    def test_a_read_makes_only_the_calls_that_it_needs(self) -> None:
        reader = _reader(_balancer(), _balancer(LoadBalancerName="other", LoadBalancerArn="arn:other"))
        found = observe(KIND, reader, BODY)
        assert answers.operations(reader) == ["elbv2.DescribeLoadBalancers", "elbv2.DescribeTags"]
        assert isinstance(found, Present)
        assert found.outputs == {"arn": LB, "dnsName": "web.example.com", "zoneId": "Z1", "name": "web"}
        assert not update(KIND, BODY, found).fields
        assert found.marks is not None

    def test_only_the_declared_members_of_a_mapping_are_compared(self) -> None:
        address = {"IpAddress": "1.2.3.4", "AllocationId": "eip-1"}
        zones = [{"SubnetId": "subnet-a", "LoadBalancerAddresses": [address]}, {"SubnetId": "subnet-b"}]
        reader = _reader(_balancer(Type="network", AvailabilityZones=zones))
        plain = {
            "Name": "web",
            "Type": "network",
            "SubnetMappings": [{"SubnetId": "subnet-b"}, {"SubnetId": "subnet-a"}],
        }
        fixed = {
            **plain,
            "SubnetMappings": [{"SubnetId": "subnet-b"}, {"SubnetId": "subnet-a", "AllocationId": "eip-1"}],
        }
        other = {
            **plain,
            "SubnetMappings": [{"SubnetId": "subnet-b"}, {"SubnetId": "subnet-a", "AllocationId": "eip-2"}],
        }
        found = [observe(KIND, reader, body) for body in (plain, fixed, other)]
        differ = [bool(update(KIND, body, one).fields) for body, one in zip((plain, fixed, other), found, strict=True)]  # type: ignore[arg-type]
        assert differ == [False, False, True]

    def test_one_that_is_deleted_during_the_read_is_absent_and_a_denied_one_is_an_error(self) -> None:
        body = {**BODY, "Attributes": [{"Key": "routing.http2.enabled", "Value": "true"}]}
        assert isinstance(observe(KIND, _reader(_balancer(), tags={}), BODY), Absent)
        gone = _reader(_balancer(), elbv2_DescribeLoadBalancerAttributes=missing())
        assert isinstance(observe(KIND, gone, body), Absent)
        with pytest.raises(AwsError):
            observe(KIND, _reader(_balancer(), elbv2_DescribeLoadBalancerAttributes=denied()), body)
        with pytest.raises(AwsError):
            list(KIND.read(_reader(elbv2_DescribeLoadBalancers=denied()), [wanted(KIND, BODY)], {}))

    def test_only_load_balancers_of_the_installation_are_owned(self) -> None:
        reader = _reader(_balancer(), _balancer(LoadBalancerArn="arn:2"), tags={LB: mine(KIND), "arn:2": []})
        assert [owned.natural for owned in KIND.owned(reader, "prod")] == ["web"]  # type: ignore[misc]
        assert not list(KIND.owned(reader, "staging"))  # type: ignore[misc]

    @pytest.mark.parametrize(
        ("state", "status"),
        [
            ({"Code": "active"}, "Healthy"),
            ({"Code": "provisioning"}, "Progressing"),
            ({"Code": "failed", "Reason": "no addresses"}, "Degraded"),
            ({"Code": "active_impaired"}, "Degraded"),
        ],
    )
    def test_health_follows_the_state(self, state: dict[str, str], status: str) -> None:
        found = observe(KIND, _reader(_balancer(State=state)), BODY)
        assert isinstance(found, Present)
        assert KIND.health(desired(KIND, BODY), found).status == status

    def test_it_converges_from_nothing_after_a_crash_at_any_call(self) -> None:
        with mock_aws():
            cloud = Moto()
            vpc = cloud.call("ec2", "CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            subnets = [
                cloud.call(
                    "ec2", "CreateSubnet", VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{z}"
                )
                for n, z in enumerate("abc")
            ]
            ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
            body = {
                "Name": "web",
                "Subnets": ids[:2],
                "Attributes": [{"Key": "idle_timeout.timeout_seconds", "Value": "9"}],
            }
            assert converges(KIND, cloud, body) == ["elbv2.CreateLoadBalancer", "elbv2.ModifyLoadBalancerAttributes"]
            assert converges(KIND, cloud, {**body, "Subnets": ids}) == ["elbv2.SetSubnets", "elbv2.AddTags"]
