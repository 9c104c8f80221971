"""SecurityGroup: compared rule by rule, allowed before revoked; an empty egress differs from an undeclared one."""

from __future__ import annotations

from typing import Any

import pytest
from moto import mock_aws

from ecsync.core import plan
from ecsync.core.inputs import Inputs
from ecsync.core.model import Absent, Application, Create, Delete, Desired, Observed, Present, Ref, Text
from ecsync.core.normalise import normalise
from ecsync.kinds.ec2.security_group import KIND
from tests.kinds.elbv2.answers import refused
from tests.kinds.infra import (
    TARGET,
    Answers,
    Moto,
    compare,
    compiled,
    converges,
    desired,
    key,
    observe,
    plan_of,
    update,
    wanted,
)

ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]
HTTP = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": ANYWHERE}
ALL = {"IpProtocol": "-1", "IpRanges": ANYWHERE}
ALL_V6 = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
NAMES = {"GroupName": "web", "Description": "d", "VpcId": "vpc-1"}


def _group(**more: Any) -> dict[str, Any]:
    """Return a group as DescribeSecurityGroups prints it."""
    return {**NAMES, "GroupId": "sg-1", "OwnerId": "1", "IpPermissions": [], "IpPermissionsEgress": [ALL], **more}


def _answers(*groups: dict[str, Any]) -> Answers:
    return Answers(ec2_DescribeSecurityGroups={"SecurityGroups": list(groups)})


def _live(**more: Any) -> Present:
    found = observe(KIND, _answers(_group(**more)), NAMES)
    assert isinstance(found, Present)
    return found


def _differing(body: dict[str, Any], present: Present) -> list[tuple[str, ...]]:
    return [tuple(map(str, one.path)) for one in compare(KIND, {**NAMES, **body}, present).fields]


class TestSame:
    """Rules that AWS returns in another form."""

    @pytest.mark.parametrize(
        ("written", "printed"),
        [
            ([HTTP], [{**HTTP, "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}]),
            ([{**HTTP, "IpProtocol": "6"}], [HTTP]),
            (
                [{**HTTP, "IpRanges": [{"CidrIp": "100.68.0.18/18"}]}],
                [{**HTTP, "IpRanges": [{"CidrIp": "100.68.0.0/18"}]}],
            ),
            ([{**ALL, "FromPort": 0, "ToPort": 65535}], [ALL]),
            ([{"IpProtocol": "all", "IpRanges": ANYWHERE}], [ALL]),
            ([{**HTTP, "IpProtocol": "50"}], [{"IpProtocol": "50", "IpRanges": ANYWHERE}]),
            (
                [{"IpProtocol": "icmpv6", "Ipv6Ranges": [{"CidrIpv6": "2001:DB8:0::/32"}]}],
                [{"IpProtocol": "icmpv6", "FromPort": -1, "ToPort": -1, "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]}],
            ),
            (
                [{**HTTP, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, {**HTTP, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}],
                [{**HTTP, "IpRanges": [{"CidrIp": "10.1.0.0/16"}, {"CidrIp": "10.0.0.0/8"}]}],
            ),
            (
                [{**HTTP, "IpRanges": [], "UserIdGroupPairs": [{"GroupId": "sg-2"}]}],
                [{**HTTP, "IpRanges": [], "UserIdGroupPairs": [{"GroupId": "sg-2", "UserId": "1", "VpcId": "v"}]}],
            ),
        ],
    )
    def test_rules_that_allow_the_same_traffic_are_equal(self, written: list[Any], printed: list[Any]) -> None:
        assert _differing({"IpPermissions": written}, _live(IpPermissions=printed)) == []

    def test_undeclared_egress_allows_all_traffic_with_ipv6_too(self) -> None:
        assert _differing({}, _live()) == []
        assert _differing({}, _live(IpPermissionsEgress=[ALL, ALL_V6])) == []

    def test_empty_egress_is_no_rule(self) -> None:
        assert _differing({"IpPermissionsEgress": []}, _live(IpPermissionsEgress=[])) == []

    def test_the_canonical_form_is_stable(self) -> None:
        for body in ({}, {"IpPermissions": [HTTP, ALL_V6]}, _live(IpPermissionsEgress=[]).body):
            once = normalise(body, KIND.rules)
            assert normalise(once, KIND.rules) == once
            assert not compare(KIND, body, Present(body=body, outputs={})).fields


class TestDifferent:
    """Differences, by the name of the rule."""

    def test_a_difference_has_the_name_of_its_rule(self) -> None:
        ping = {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        wide = {**HTTP, "FromPort": 1024, "ToPort": 65535}
        assert _differing({"IpPermissions": [wide, ping]}, _live(IpPermissions=[HTTP])) == [
            ("IpPermissions", "icmp type 8 code -1 10.0.0.0/8"),
            ("IpPermissions", "tcp 1024-65535 0.0.0.0/0"),
            ("IpPermissions", "tcp 80 0.0.0.0/0"),
        ]

    def test_a_port_that_was_opened_manually_is_detected(self) -> None:
        assert _differing({}, _live(IpPermissions=[HTTP])) == [("IpPermissions",)]

    def test_a_description_is_compared_below_its_rule(self) -> None:
        named = {**HTTP, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "web"}]}
        paths = _differing({"IpPermissions": [named]}, _live(IpPermissions=[HTTP]))
        assert paths == [("IpPermissions", "tcp 80 0.0.0.0/0", "Description")]

    def test_missing_and_additional_egress_are_detected(self) -> None:
        assert _differing({}, _live(IpPermissionsEgress=[]))
        assert _differing({"IpPermissionsEgress": []}, _live())
        assert _differing({}, _live(IpPermissionsEgress=[ALL_V6]))

    def test_a_new_description_replaces_the_group(self) -> None:
        (one,) = compare(KIND, {**NAMES, "Description": "other"}, _live()).fields
        assert one.effect == "replace"


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_adds_the_rules_in_a_late_step(self) -> None:
        body = {**NAMES, "IpPermissions": [HTTP], "IpPermissionsEgress": [], "Tags": [{"Key": "a", "Value": "b"}]}
        main, late = plan_of(KIND, desired(KIND, body), Absent()).steps
        assert isinstance(main.change, Create)
        (create,) = main.calls
        tags = create.params["TagSpecifications"][0]
        assert tags["ResourceType"] == "security-group"
        assert {tag["Key"] for tag in tags["Tags"]} == {"a", "ecsync:owner", "ecsync:id", "ecsync:applied"}
        assert {name: create.params[name] for name in NAMES} == NAMES
        assert set(create.captures) == set(KIND.outputs)
        self_id = Text((Ref(key(KIND), "id"),))
        assert late.id.phase == "late"
        assert compiled(late.calls) == [
            ("ec2.AuthorizeSecurityGroupIngress", {"GroupId": self_id, "IpPermissions": [HTTP]}),
            ("ec2.RevokeSecurityGroupEgress", {"GroupId": self_id, "IpPermissions": [ALL]}),
        ]
        assert not refused([create, *late.calls])

    def test_undeclared_egress_has_no_call(self) -> None:
        (main,) = plan_of(KIND, desired(KIND, NAMES), Absent()).steps
        assert [call.operation for call in main.calls] == ["CreateSecurityGroup"]

    def test_an_update_allows_before_it_revokes_and_changes_nothing_else(self) -> None:
        https = {**HTTP, "FromPort": 443, "ToPort": 443}
        ssh = {**HTTP, "FromPort": 22, "ToPort": 22}
        calls = KIND.calls(update(KIND, {**NAMES, "IpPermissions": [HTTP, https]}, _live(IpPermissions=[HTTP, ssh])))  # type: ignore[misc]
        assert compiled(calls) == [
            ("ec2.AuthorizeSecurityGroupIngress", {"GroupId": "sg-1", "IpPermissions": [https]}),
            ("ec2.RevokeSecurityGroupIngress", {"GroupId": "sg-1", "IpPermissions": [ssh]}),
        ]
        assert not refused(calls)

    def test_a_description_is_changed_without_replacing_the_rule(self) -> None:
        named = {**HTTP, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "web"}]}
        body = {**NAMES, "IpPermissions": [HTTP]}
        calls = KIND.calls(update(KIND, body, _live(IpPermissions=[named])))  # type: ignore[misc]
        params = {"GroupId": "sg-1", "IpPermissions": [HTTP]}
        assert compiled(calls) == [("ec2.UpdateSecurityGroupRuleDescriptionsIngress", params)]

    def test_a_rule_may_contain_an_unresolved_reference(self) -> None:
        other = Text((Ref(key(KIND, "alb"), "id"),))
        permission = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]}
        calls = KIND.calls(update(KIND, {**NAMES, "IpPermissions": [permission]}, _live()))  # type: ignore[misc]
        assert compiled(calls) == [
            ("ec2.AuthorizeSecurityGroupIngress", {"GroupId": "sg-1", "IpPermissions": [permission]})
        ]

    def test_groups_that_name_each_other_are_created_before_their_rules(self) -> None:
        def naming(name: str, other: str) -> Desired:
            pairs = [{"GroupId": Text((Ref(key(KIND, other), "id"),))}]
            rule = {"IpProtocol": "-1", "UserIdGroupPairs": pairs}
            return desired(KIND, {**NAMES, "GroupName": name, "IpPermissions": [rule]}, name)

        both = (naming("a", "b"), naming("b", "a"))
        inputs = Inputs(
            application=Application(name="shop", resources=both),
            kinds={KIND.name: KIND},
            world={one.key: Absent() for one in both},
            target=TARGET,
            installation="prod",
        )
        assert [(step.id.key.name, step.id.phase) for step in plan.build(inputs).steps] == [
            ("a", "main"),
            ("b", "main"),
            ("a", "late"),
            ("b", "late"),
        ]

    def test_a_delete_revokes_references_to_other_groups_first(self) -> None:
        pairs = [{"GroupId": "sg-2"}, {"GroupId": "sg-1"}]
        present = _live(IpPermissions=[{**HTTP, "UserIdGroupPairs": pairs}])
        calls = KIND.calls(Delete(key=key(KIND), observed=present))  # type: ignore[misc]
        revoked = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": "sg-2"}]}
        assert compiled(calls) == [
            ("ec2.RevokeSecurityGroupIngress", {"GroupId": "sg-1", "IpPermissions": [revoked]}),
            ("ec2.DeleteSecurityGroup", {"GroupId": "sg-1"}),
        ]


class TestRead:
    """How groups are found."""

    def test_many_groups_of_one_vpc_are_read_in_one_call_and_wildcards_match_no_other(self) -> None:
        reader = _answers(_group(), _group(GroupName="w*b", GroupId="sg-2"))
        asked = [wanted(KIND, {**NAMES, "GroupName": name}, name) for name in ("web", "w*b", "api")]
        found = dict(KIND.read(reader, asked, {}))
        assert [_id(found[want.key]) for want in asked] == ["sg-1", "sg-2", ""]
        assert len(reader.asked) == 1

    def test_a_group_with_the_same_name_in_another_vpc_is_absent(self) -> None:
        assert observe(KIND, _answers(_group(VpcId="vpc-2")), NAMES) == Absent()

    def test_without_a_resolved_vpc_the_identity_is_unknown(self) -> None:
        assert KIND.natural({**NAMES, "VpcId": Text((Ref(key(KIND), "vpcId"),))}) is None

    def test_owned_groups_are_found_by_tag(self) -> None:
        owner = {"Key": "ecsync:owner", "Value": "v1/prod/shop/SecurityGroup/web"}
        reader = _answers(_group(Tags=[owner]), _group(GroupName="x", Tags=[{**owner, "Value": "v1/production/s/S/x"}]))
        assert [one.natural for one in KIND.owned(reader, "prod")] == ["vpc-1/web"]  # type: ignore[misc]


def _id(observed: Observed) -> str:
    return str(observed.outputs["id"]) if isinstance(observed, Present) else ""


class TestMoto:
    """Against moto, one call at a time."""

    @mock_aws
    def test_it_recovers_from_a_crash_after_each_call_and_then_the_plan_is_empty(self) -> None:
        cloud = Moto()
        vpc = cloud.call("ec2", "DescribeVpcs")["Vpcs"][0]["VpcId"]
        body = {**NAMES, "VpcId": vpc, "IpPermissions": [HTTP, ALL_V6], "IpPermissionsEgress": []}
        assert converges(KIND, cloud, body) == [
            "ec2.CreateSecurityGroup",
            "ec2.AuthorizeSecurityGroupIngress",
            "ec2.RevokeSecurityGroupEgress",
        ]
        assert [one.natural for one in KIND.owned(cloud, "prod")] == [f"{vpc}/web"]  # type: ignore[misc]
