"""Network: exactly one VPC, its subnets in one order, and what makes one of them public."""

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
    """What may be written."""

    @pytest.mark.parametrize(
        "body",
        [
            {"id": "vpc-1"},
            {"tags": {"Name": "main"}},
            {"default": True},
            {"id": "vpc-1", "subnets": {"public": {"tags": {"tier": "dmz"}}}},
        ],
    )
    def test_each_way_to_find_a_vpc_is_right(self, body: dict[str, Any]) -> None:
        assert list(KIND.check(body)) == []

    @pytest.mark.parametrize(
        ("body", "path", "words"),
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
    def test_what_is_wrong_is_named_where_it_stands(self, body: dict[str, Any], path: Any, words: str) -> None:
        assert any(at == path and words in message for at, message in KIND.check(body))


class TestRead:
    """Which VPC, which subnets."""

    def test_public_is_where_the_routes_lead_to_an_internet_gateway(self) -> None:
        subnets = [_subnet("4", "b"), _subnet("3", "a"), _subnet("2", "a"), _subnet("1", "b")]
        tables = [_table(NAT, main=True), _table(IGW, subnets=("1", "2"))]
        found = observe(KIND, _answers([VPC], subnets, tables), {"id": "vpc-1"})
        assert _outputs(found) == {
            "vpcId": "vpc-1",
            "subnetIds": ("subnet-2", "subnet-3", "subnet-1", "subnet-4"),
            "publicSubnetIds": ("subnet-2", "subnet-1"),
            "privateSubnetIds": ("subnet-3", "subnet-4"),
            "availabilityZones": ("us-east-1a", "us-east-1b"),
        }

    def test_a_subnet_without_a_table_of_its_own_has_the_main_one(self) -> None:
        found = observe(KIND, _answers([VPC], [_subnet("1", "a")], [_table(IGW, main=True)]), {"id": "vpc-1"})
        assert _outputs(found)["publicSubnetIds"] == ("subnet-1",)

    def test_a_route_into_nowhere_makes_nothing_public(self) -> None:
        dead = {**IGW, "State": "blackhole"}
        found = observe(KIND, _answers([VPC], [_subnet("1", "a")], [_table(dead, main=True)]), {"id": "vpc-1"})
        assert _outputs(found)["publicSubnetIds"] == ()

    def test_load_balancers_get_one_subnet_for_each_zone_the_first_by_id(self) -> None:
        subnets = [_subnet("2", "a"), _subnet("1", "a"), _subnet("3", "b")]
        found = observe(KIND, _answers([VPC], subnets, [_table(IGW, main=True)]), {"id": "vpc-1"})
        assert _outputs(found)["publicSubnetIds"] == ("subnet-1", "subnet-3")
        assert _outputs(found)["subnetIds"] == ("subnet-1", "subnet-2", "subnet-3")

    def test_declared_groups_are_by_their_tags_and_limit_what_all_subnets_are(self) -> None:
        subnets = [_subnet("1", "a", tier="dmz"), _subnet("2", "a"), _subnet("3", "a", tier="db")]
        body = {"id": "vpc-1", "subnets": {"public": {"tags": {"tier": "dmz"}}, "private": {"tags": {"tier": "app"}}}}
        found = observe(KIND, _answers([VPC], subnets), body)
        assert _outputs(found)["subnetIds"] == ("subnet-1", "subnet-2")
        assert _outputs(found)["publicSubnetIds"] == ("subnet-1",)
        assert _outputs(found)["privateSubnetIds"] == ("subnet-2",)

    def test_a_declared_group_that_matches_nothing_is_no_empty_list(self) -> None:
        body = {"id": "vpc-1", "subnets": {"private": {"tags": {"tier": "db"}}}}
        found = observe(KIND, _answers([VPC], [_subnet("1", "a")]), body)
        assert found == Unreadable("no subnet of vpc-1 has the tags of the private group (tier=db)")

    def test_several_vpcs_are_named(self) -> None:
        found = observe(KIND, _answers([{**VPC, "VpcId": "vpc-2"}, VPC]), {"tags": {"Name": "main"}})
        assert isinstance(found, Unreadable)
        assert "2 VPCs match: vpc-1, vpc-2" in found.error

    def test_no_vpc_is_absent(self) -> None:
        assert observe(KIND, _answers([]), {"id": "vpc-9"}) == Absent()

    def test_a_tag_is_compared_exactly_though_filters_know_wildcards(self) -> None:
        assert observe(KIND, _answers([VPC]), {"tags": {"Name": "m*"}}) == Absent()

    def test_a_denied_read_is_no_absence(self) -> None:
        with pytest.raises(AwsError):
            observe(KIND, Answers(ec2_DescribeVpcs=denied()), {"id": "vpc-1"})

    def test_a_lookup_is_never_a_difference_and_never_written(self) -> None:
        body = {"id": "vpc-1"}
        found = observe(KIND, _answers([VPC], [_subnet("1", "a")]), body)
        assert plan_of(KIND, desired(KIND, body), found).steps == ()
        assert KIND.calls is None

    def test_a_reference_that_is_not_known_has_no_name(self) -> None:
        text = Text((Ref(wanted(KIND, {}).key, "vpcId"),))
        assert KIND.natural({"id": text}) is None
        assert KIND.natural({"id": "vpc-1"}) == '{"id":"vpc-1"}'


class TestMoto:
    """Against moto, call by call."""

    @mock_aws
    def test_the_default_vpc_of_moto(self) -> None:
        cloud = Moto()
        found = observe(KIND, cloud, {"default": True})
        assert len(_outputs(found)["publicSubnetIds"]) == len(_outputs(found)["availabilityZones"]) > 1
