"""Network: exactly one VPC, its subnets in a fixed order, and which of them are public."""

from __future__ import annotations

from typing import Any

import pytest
from moto import mock_aws

from ecsync.core.model import Absent, Present, Ref, Text, Unreadable
from ecsync.core.ports import AwsError
from ecsync.kinds.ec2.network import KIND
from tests.kinds.infra import Answers, Moto, denied, desired, observe, plan_of, wanted

VPC = {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "Tags": [{"Key": "Name", "Value": "main"}]}
IGW = {"GatewayId": "igw-1", "DestinationCidrBlock": "0.0.0.0/0", "State": "active"}
NAT = {"NatGatewayId": "nat-1", "DestinationCidrBlock": "0.0.0.0/0", "State": "active"}


def _subnet(name: str, zone: str, **more: Any) -> dict[str, Any]:
    tags = [{"Key": "tier", "Value": more.pop("tier", "app")}]
    return {"SubnetId": f"subnet-{name}", "AvailabilityZone": f"us-east-1{zone}", "Tags": tags, **more}


def _table(*routes: Any, main: bool = False, subnets: tuple[str, ...] = ()) -> dict[str, Any]:
    associations: list[dict[str, Any]] = [{"SubnetId": f"subnet-{name}"} for name in subnets]
    return {"Routes": routes, "Associations": [*associations, *([{"Main": True}] if main else [])]}


def _answers(vpcs: list[Any], subnets: list[Any] = [], tables: list[Any] = []) -> Answers:  # noqa: B006 - only read
    return Answers(
        ec2_DescribeVpcs={"Vpcs": vpcs},
        ec2_DescribeSubnets={"Subnets": subnets},
        ec2_DescribeRouteTables={"RouteTables": tables},
    )


def _outputs(found: Any) -> Any:
    assert isinstance(found, Present), found
    return found.outputs


class TestCheck:
    """Which documents are valid."""

    @pytest.mark.parametrize(
        "body",
        [
            {"id": "vpc-1"},
            {"tags": {"Name": "main"}},
            {"default": True},
            {"id": "vpc-1", "subnets": {"public": {"tags": {"tier": "dmz"}}}},
        ],
    )
    def test_each_selector_of_a_vpc_is_valid(self, body: dict[str, Any]) -> None:
        assert list(KIND.check(body)) == []

    @pytest.mark.parametrize(
        ("body", "path", "text"),
        [
            ({}, (), "none"),
            ({"id": "vpc-1", "default": True}, (), "id, default"),
            ({"default": False}, ("default",), "true"),
            ({"tag": {"Name": "x"}}, ("tag",), 'did you mean "tags"?'),
            ({"tags": {}}, ("tags",), "at least one"),
            ({"tags": {"Name": ["x"]}}, ("tags", "Name"), "text"),
            ({"id": "vpc-1", "subnets": {"pubic": {}}}, ("subnets", "pubic"), 'did you mean "public"?'),
            ({"id": "vpc-1", "subnets": {"public": {"ids": []}}}, ("subnets", "public"), "by its tags"),
            ({"id": "vpc-1", "subnets": []}, ("subnets",), "a map"),
            ({"id": 7}, ("id",), "id of a VPC"),
        ],
    )
    def test_a_problem_has_the_path_of_its_member(self, body: dict[str, Any], path: Any, text: str) -> None:
        assert any(at == path and text in message for at, message in KIND.check(body))


class TestRead:
    """Which VPC and which subnets are found."""

    def test_a_subnet_with_a_route_to_an_internet_gateway_is_public(self) -> None:
        subnets = [_subnet("4", "b"), _subnet("3", "a"), _subnet("2", "a"), _subnet("1", "b")]
        tables = [_table(NAT, main=True), _table(IGW, subnets=("1", "2"))]
        found = observe(KIND, _answers([VPC], subnets, tables), {"id": "vpc-1"})
        assert _outputs(found) == {
            "vpcId": "vpc-1",
            "subnetIds": ("subnet-2", "subnet-3", "subnet-1", "subnet-4"),
            "publicSubnetIds": ("subnet-2", "subnet-1"),
            "privateSubnetIds": ("subnet-3", "subnet-4"),
            "availabilityZones": ("us-east-1a", "us-east-1b"),
            "cidr": "10.0.0.0/16",
        }

    def test_a_range_of_ipv6_is_an_output_while_it_is_associated(self) -> None:
        gone = {"Ipv6CidrBlock": "2600:1::/56", "Ipv6CidrBlockState": {"State": "disassociated"}}
        used = {"Ipv6CidrBlock": "2600:2::/56", "Ipv6CidrBlockState": {"State": "associated"}}
        vpc = {**VPC, "Ipv6CidrBlockAssociationSet": [gone, used]}
        assert _outputs(observe(KIND, _answers([vpc]), {"id": "vpc-1"}))["ipv6Cidr"] == "2600:2::/56"

    def test_a_subnet_without_its_own_route_table_uses_the_main_one(self) -> None:
        found = observe(KIND, _answers([VPC], [_subnet("1", "a")], [_table(IGW, main=True)]), {"id": "vpc-1"})
        assert _outputs(found)["publicSubnetIds"] == ("subnet-1",)

    def test_a_blackhole_route_makes_no_subnet_public(self) -> None:
        dead = {**IGW, "State": "blackhole"}
        found = observe(KIND, _answers([VPC], [_subnet("1", "a")], [_table(dead, main=True)]), {"id": "vpc-1"})
        assert _outputs(found)["publicSubnetIds"] == ()

    def test_public_subnets_are_one_for_each_zone_the_first_by_id(self) -> None:
        subnets = [_subnet("2", "a"), _subnet("1", "a"), _subnet("3", "b")]
        found = observe(KIND, _answers([VPC], subnets, [_table(IGW, main=True)]), {"id": "vpc-1"})
        assert _outputs(found)["publicSubnetIds"] == ("subnet-1", "subnet-3")
        assert _outputs(found)["subnetIds"] == ("subnet-1", "subnet-2", "subnet-3")

    def test_declared_groups_are_selected_by_tags_and_limit_all_subnets(self) -> None:
        subnets = [_subnet("1", "a", tier="dmz"), _subnet("2", "a"), _subnet("3", "a", tier="db")]
        body = {"id": "vpc-1", "subnets": {"public": {"tags": {"tier": "dmz"}}, "private": {"tags": {"tier": "app"}}}}
        found = observe(KIND, _answers([VPC], subnets), body)
        assert _outputs(found)["subnetIds"] == ("subnet-1", "subnet-2")
        assert _outputs(found)["publicSubnetIds"] == ("subnet-1",)
        assert _outputs(found)["privateSubnetIds"] == ("subnet-2",)

    def test_a_declared_group_without_a_match_is_unreadable(self) -> None:
        body = {"id": "vpc-1", "subnets": {"private": {"tags": {"tier": "db"}}}}
        found = observe(KIND, _answers([VPC], [_subnet("1", "a")]), body)
        assert found == Unreadable("no subnet of vpc-1 has the tags of the private group (tier=db)")

    def test_several_matching_vpcs_are_unreadable_and_listed(self) -> None:
        found = observe(KIND, _answers([{**VPC, "VpcId": "vpc-2"}, VPC]), {"tags": {"Name": "main"}})
        assert isinstance(found, Unreadable)
        assert "2 VPCs match: vpc-1, vpc-2" in found.error

    def test_no_matching_vpc_is_absent(self) -> None:
        assert observe(KIND, _answers([]), {"id": "vpc-9"}) == Absent()

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ({"tags": {"Name": "tilog-vpc"}}, "VPC with tag Name=tilog-vpc"),
            ({"tags": {"b": "2", "a": 1}}, "VPC with tags a=1, b=2"),
            ({"id": "vpc-9"}, "VPC vpc-9"),
            ({"default": True}, "default VPC"),
        ],
    )
    def test_what_is_looked_for_as_text(self, body: dict[str, Any], text: str) -> None:
        assert KIND.looks_for is not None
        assert KIND.looks_for(body) == text

    def test_a_tag_is_compared_exactly_although_filters_have_wildcards(self) -> None:
        assert observe(KIND, _answers([VPC]), {"tags": {"Name": "m*"}}) == Absent()

    def test_a_denied_read_raises_and_is_not_absence(self) -> None:
        with pytest.raises(AwsError):
            observe(KIND, Answers(ec2_DescribeVpcs=denied()), {"id": "vpc-1"})

    def test_a_lookup_never_differs_and_is_never_written(self) -> None:
        body = {"id": "vpc-1"}
        found = observe(KIND, _answers([VPC], [_subnet("1", "a")]), body)
        assert plan_of(KIND, desired(KIND, body), found).steps == ()
        assert KIND.calls is None

    def test_an_unresolved_reference_has_no_identity(self) -> None:
        text = Text((Ref(wanted(KIND, {}).key, "vpcId"),))
        assert KIND.natural({"id": text}) is None
        assert KIND.natural({"id": "vpc-1"}) == '{"id":"vpc-1"}'


class TestMoto:
    """Against moto, one call at a time."""

    @mock_aws
    def test_the_default_vpc_is_found(self) -> None:
        cloud = Moto()
        found = observe(KIND, cloud, {"default": True})
        assert len(_outputs(found)["publicSubnetIds"]) == len(_outputs(found)["availabilityZones"]) > 1
