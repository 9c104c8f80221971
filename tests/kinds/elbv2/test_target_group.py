"""TargetGroup: AWS's defaults, the automatic replacement, and the deletion of superseded groups."""

from __future__ import annotations

from typing import Any

import pytest
from moto import mock_aws

from ecsync.core import marks
from ecsync.core.model import Absent, Create, Delete, Key, Marks, PhysicalId, Present, Ref, Replace, Text, Unreadable
from ecsync.core.ports import AwsError
from ecsync.kinds.elbv2.target_group import KIND, body_of, replacement_name
from tests.kinds.elbv2 import answers
from tests.kinds.elbv2.answers import LISTENER, NEW, OLD, mine, tags_answer
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

BODY: dict[str, Any] = {"Name": "web", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "TargetType": "ip"}
CASES = cases("targetGroup")
SERVER_OWNED = ("TargetGroupArn", "TargetGroupName", "LoadBalancerArns")


class TestEquivalence:
    """Which differences AWS ignores, and which it does not."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_a_case_differs_only_if_aws_behaves_differently(self, case: Case) -> None:
        assert answers.equivalent(KIND, body_of, case) == case["equivalent"], case["note"]

    @pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
    def test_every_change_of_a_live_value_is_detected(self, case: Case) -> None:
        assert answers.undetected(KIND, body_of, case, SERVER_OWNED) == []

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_the_canonical_form_is_stable(self, case: Case) -> None:
        assert answers.settled(KIND, body_of, case)

    def test_a_timeout_without_a_known_default_is_no_difference(self) -> None:
        body = {"Name": "n", "Protocol": "TCP", "Port": 80, "VpcId": "vpc-1", "HealthCheckProtocol": "HTTPS"}
        live = Present(body={**body, "HealthCheckTimeoutSeconds": 10}, outputs={})
        assert not update(KIND, body, live).fields
        assert update(KIND, {**body, "HealthCheckTimeoutSeconds": 7}, live).fields


def _live(**body: Any) -> Present:
    return Present(body={**BODY, **body}, outputs={"arn": NEW, "name": "web"})


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_sets_attributes_by_their_own_call(self) -> None:
        body = {
            **BODY,
            "Attributes": [{"Key": "stickiness.enabled", "Value": "true"}],
            "Tags": [{"Key": "a", "Value": "b"}],
        }
        calls = KIND.calls(Create(desired=desired(KIND, body), marks={"ecsync:owner": "o"}))  # type: ignore[misc]
        assert compiled(calls) == [
            (
                "elbv2.CreateTargetGroup",
                {**BODY, "Tags": [{"Key": "a", "Value": "b"}, {"Key": "ecsync:owner", "Value": "o"}]},
            ),
            (
                "elbv2.ModifyTargetGroupAttributes",
                {
                    "TargetGroupArn": Text((Ref(key(KIND), "arn"),)),
                    "Attributes": [{"Key": "stickiness.enabled", "Value": "true"}],
                },
            ),
        ]
        assert set(calls[0].captures) == KIND.outputs.keys() - KIND.derived.keys() - KIND.asked.keys()
        assert not answers.refused(calls)

    def test_an_update_sends_only_differences(self) -> None:
        body = {
            **BODY,
            "HealthCheckPath": "/health",
            "HealthCheckPort": Text((Ref(key(KIND, "x"), "name"),)),
            "Attributes": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
        }
        live = _live(Attributes=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "0"}, {"Key": "c", "Value": "9"}])
        calls = KIND.calls(update(KIND, body, live))  # type: ignore[misc]
        assert compiled(calls) == [
            (
                "elbv2.ModifyTargetGroup",
                {"TargetGroupArn": NEW, "HealthCheckPath": "/health", "HealthCheckPort": body["HealthCheckPort"]},
            ),
            (
                "elbv2.ModifyTargetGroupAttributes",
                {"TargetGroupArn": NEW, "Attributes": [{"Key": "b", "Value": "2"}]},
            ),
        ]
        assert not answers.refused(calls)

    def test_a_member_that_is_removed_goes_back_to_the_default(self) -> None:
        live = _live(HealthCheckPath="/old", HealthCheckTimeoutSeconds=9, Matcher={"HttpCode": "200-299"})
        assert compiled(KIND.calls(update(KIND, BODY, live))) == [  # type: ignore[misc]
            (
                "elbv2.ModifyTargetGroup",
                {
                    "TargetGroupArn": NEW,
                    "HealthCheckPath": "/",
                    "HealthCheckTimeoutSeconds": 5,
                    "Matcher": {"HttpCode": "200"},
                },
            )
        ]

    def test_a_delete_is_one_call(self) -> None:
        assert compiled(KIND.calls(Delete(key=key(KIND), observed=_live()))) == [  # type: ignore[misc]
            ("elbv2.DeleteTargetGroup", {"TargetGroupArn": NEW})
        ]

    def test_a_replacement_is_a_new_group_named_by_a_hash_of_name_owner_and_immutable_members(self) -> None:
        body = {**BODY, "Name": "a-name-of-all-the-32-characters-", "Port": 8080}
        change = Replace(desired=desired(KIND, body), observed=_live(), fields=(), marks={"ecsync:owner": "o"})
        (call,) = KIND.calls(change)  # type: ignore[misc]
        assert call.operation == "CreateTargetGroup"
        name = replacement_name(body, "o")
        assert call.params == {**body, "Name": name, "Tags": [{"Key": "ecsync:owner", "Value": "o"}]}
        assert len(call.params["Name"]) == 31
        assert name == replacement_name({**body, "HealthCheckPath": "/x"}, "o")
        assert name == replacement_name({**body, "ProtocolVersion": "HTTP1"}, "o")
        assert name != replacement_name({**body, "Port": 1}, "o")

    def test_two_documents_never_share_the_name_of_a_replacement(self) -> None:
        """CreateTargetGroup succeeds on a group that exists: the names differ where only the ends or the owners do."""
        body = {**BODY, "Name": "production-checkout-web-a"}
        assert replacement_name(body, "o") != replacement_name({**body, "Name": "production-checkout-web-b"}, "o")
        assert replacement_name(body, "o") != replacement_name(body, "p")

    def test_an_immutable_field_replaces(self) -> None:
        assert {field.effect for field in update(KIND, {**BODY, "Port": 81}, _live()).fields} == {"replace"}

    @pytest.mark.parametrize(
        ("name", "fine"),
        [("web-1", True), ("a" * 32, True), ("a" * 33, False), ("-web", False), ("web-", False), ("a_b", False)],
    )
    def test_names_are_checked(self, name: str, *, fine: bool) -> None:
        assert (not list(KIND.check({"Name": name}))) is fine


def _group(name: str, arn: str, port: int = 80, balancers: tuple[str, ...] = ()) -> dict[str, Any]:
    described = {member: value for member, value in BODY.items() if member != "Name"}
    return {
        **described,
        "TargetGroupName": name,
        "TargetGroupArn": arn,
        "Port": port,
        "LoadBalancerArns": list(balancers),
    }


def _reader(*groups: dict[str, Any], tags: dict[str, Any], **more: Any) -> Answers:
    answers = {
        "elbv2_DescribeTargetGroups": {"TargetGroups": list(groups)},
        "elbv2_DescribeTags": tags_answer(tags),
        "elbv2_DescribeTargetHealth": {"TargetHealthDescriptions": [{"TargetHealth": {"State": "healthy"}}]},
        "elbv2_DescribeTargetGroupAttributes": {"Attributes": [{"Key": "a", "Value": "1"}]},
    }
    return Answers(**{**answers, **more})


def _present(reader: Answers, body: dict[str, Any] = BODY) -> Present:
    found = observe(KIND, reader, body)
    assert isinstance(found, Present)
    return found


def _id(natural: str) -> list[dict[str, str]]:
    physical = PhysicalId(account="123456789012", region="us-east-1", kind="TargetGroup", natural=natural)
    owner = {"Key": marks.OWNER, "Value": "v1/prod/shop/TargetGroup/frontend"}
    return [owner, {"Key": marks.ID, "Value": marks.identity(physical)}]


class TestRead:
    """The calls of a read, and how their responses are interpreted."""

    def test_a_read_makes_only_the_calls_that_it_needs(self) -> None:
        reader = _reader(_group("web", OLD), _group("other", NEW), tags={OLD: mine(KIND)})
        found = _present(reader)
        assert answers.operations(reader) == ["elbv2.DescribeTargetGroups", "elbv2.DescribeTags"]
        assert found.body == {**BODY, "Tags": {}}
        assert found.outputs == {"arn": OLD, "name": "web"}
        assert found.facts == {"arn": OLD, "loadBalancers": [], "superseded": []}

    def test_attributes_are_read_if_declared_now_or_when_applied(self) -> None:
        declared = {**BODY, "Attributes": [{"Key": "a", "Value": "1"}]}
        reader = _reader(_group("web", OLD), tags={OLD: mine(KIND)})
        assert _present(reader, declared).body["Attributes"] == [{"Key": "a", "Value": "1"}]
        applied = {"Key": marks.APPLIED, "Value": marks.pack(declared, "Tags", ["Attributes"])}
        assert "Attributes" in _present(_reader(_group("web", OLD), tags={OLD: [*mine(KIND), applied]})).body

    def test_the_group_that_equals_the_declaration_is_live_and_the_others_are_superseded(self) -> None:
        reader = _reader(
            _group("web", OLD, 80, (answers.LB,)),
            _group("web-0a1b2c", NEW, 8080),
            tags={OLD: mine(KIND), NEW: mine(KIND)},
        )
        found = _present(reader, {**BODY, "Port": 8080})
        assert found.outputs == {"arn": NEW, "name": "web-0a1b2c"}
        assert found.body["Name"] == "web"
        (old,) = found.facts["superseded"]
        assert old == {"arn": OLD, "name": "web", "in_use": True, "serves": ("HTTP", "ipv4")}
        back = _present(reader, BODY)
        assert (back.outputs["arn"], back.facts["superseded"][0]["arn"]) == (OLD, NEW)

    def test_without_an_equal_group_the_one_with_a_load_balancer_is_live(self) -> None:
        groups = _group("web", OLD), _group("web-0a1b2c", NEW, 8080, (answers.LB,))
        found = _present(_reader(*groups, tags={OLD: mine(KIND), NEW: mine(KIND)}), {**BODY, "Port": 9})
        assert found.outputs["arn"] == NEW

    def test_a_copied_mark_makes_no_group_superseded(self) -> None:
        copied = [mine(KIND)[0], {"Key": marks.ID, "Value": "another"}]
        reader = _reader(_group("web", OLD), _group("web-0a1b2c", NEW), tags={OLD: mine(KIND), NEW: copied})
        assert _present(reader).facts["superseded"] == []

    def test_a_replacement_with_another_mark_is_ignored(self) -> None:
        reader = _reader(_group("web-0a1b2c", NEW), tags={NEW: mine(KIND, "api")})
        assert isinstance(observe(KIND, reader, BODY), Absent)

    def test_an_unmarked_group_with_the_declared_name_is_found(self) -> None:
        found = _present(_reader(_group("web", OLD), tags={OLD: [{"Key": "a", "Value": "b"}]}))
        assert found.marks is None
        assert found.body["Tags"] == {"a": "b"}

    def test_a_lookup_goes_by_name(self) -> None:
        reader = _reader(_group("web", OLD), _group("web-0a1b2c", NEW), tags={OLD: [], NEW: mine(KIND)})
        ((_, found),) = KIND.read(reader, [wanted(KIND, BODY, managed=False)], {})
        assert isinstance(found, Present)
        assert found.outputs["arn"] == OLD

    def test_a_group_that_is_deleted_during_the_read_is_absent_and_hides_no_other(self) -> None:
        reader = _reader(_group("web", OLD), _group("api", NEW), tags={NEW: mine(KIND, "api")})
        wants = [wanted(KIND, BODY), wanted(KIND, {**BODY, "Name": "api"}, "api")]
        found = dict(KIND.read(reader, wants, {}))
        assert isinstance(found[key(KIND)], Absent)
        assert isinstance(found[key(KIND, "api")], Present)

    def test_a_missing_target_health_is_absence_and_a_denied_one_is_an_error(self) -> None:
        live, tags = _group("web", OLD, 80, (answers.LB,)), {OLD: mine(KIND)}
        assert isinstance(observe(KIND, _reader(live, tags=tags, elbv2_DescribeTargetHealth=missing()), BODY), Absent)
        with pytest.raises(AwsError):
            observe(KIND, _reader(live, tags=tags, elbv2_DescribeTargetHealth=denied()), BODY)

    def test_tags_are_read_twenty_at_a_time(self) -> None:
        arns = {answers.arn("targetgroup", f"g{n}"): mine(KIND, f"g{n}") for n in range(45)}
        groups = [_group(f"g{n}", arn) for n, arn in enumerate(arns)]
        reader = _reader(*groups, tags=arns)
        wants = [wanted(KIND, {**BODY, "Name": f"g{n}"}, f"g{n}") for n in range(45)]
        assert all(isinstance(found, Present) for _, found in KIND.read(reader, wants, {}))
        assert answers.operations(reader).count("elbv2.DescribeTags") == 3

    @pytest.mark.parametrize(
        ("live", "natural", "found"),
        [
            ("web", "web", "web"),
            ("web-0a1b2c", "web", "web"),
            ("web-0a1b2c", "web-0a1b2c", "web-0a1b2c"),
            ("production-shop-frontend-0a1b2c", "production-shop-frontend", "production-shop-frontend"),
            (
                "prod-ap-northeast-2-shop-0a1b2c",
                "prod-ap-northeast-2-shop-frontend"[:32],
                "prod-ap-northeast-2-shop-0a1b2c",
            ),
            ("prod-northeast-2-shop-fr-0a1b2c", "prod-northeast-2-shop-frontend", "prod-northeast-2-shop-frontend"),
        ],
    )
    def test_an_owned_group_has_the_name_of_its_document(self, live: str, natural: str, found: str) -> None:
        reader = _reader(_group(live, OLD), _group("x", NEW), tags={OLD: _id(natural), NEW: []})
        (owned,) = KIND.owned(reader, "prod")  # type: ignore[misc]
        assert owned.natural == found


def _reason_to_keep(world: dict[Key, Any], *, in_use: bool = False) -> str:
    superseded = [{"arn": OLD, "name": "web", "in_use": in_use}]
    present = Present(
        body=BODY,
        outputs={"arn": NEW, "name": "web-0a1b2c"},
        marks=Marks(owner="o", id="i"),
        facts={"superseded": superseded},
    )
    ((old, why),) = KIND.superseded(present, world)  # type: ignore[misc]
    assert old.outputs == {"arn": OLD, "name": "web"}
    assert old.marks == present.marks
    return why


class TestAfterwards:
    """Superseded groups, and the health of the targets."""

    def test_a_superseded_group_is_deleted_when_nothing_uses_it(self) -> None:
        rule = Key(application="shop", kind="ListenerRule", name="web")
        forwarding = {
            rule: Present(body={"ListenerArn": LISTENER, "Actions": answers.forward(old=0, new=100)}, outputs={})
        }
        assert _reason_to_keep(forwarding) == "ListenerRule/web still forwards to web"
        assert _reason_to_keep(dict([answers.service(OLD)])) == "Service/web still registers its tasks with web"
        assert _reason_to_keep(dict([answers.service(NEW, steady=False)])) == "Service/web is not steady yet"
        assert _reason_to_keep({rule: Unreadable("denied")}) == "ListenerRule/web could not be read and may use web"
        assert _reason_to_keep({}, in_use=True) == "a load balancer still uses web"
        assert _reason_to_keep(dict([answers.service(NEW)])) == ""

    @pytest.mark.parametrize(
        ("targets", "status"),
        [
            ({"healthy": 2}, "Healthy"),
            ({"healthy": 1, "draining": 1}, "Healthy"),
            ({"healthy": 1, "initial": 1}, "Progressing"),
            ({"healthy": 1, "initial": 1, "unhealthy": 1}, "Degraded"),
            ({}, "Healthy"),
            (None, "Healthy"),
        ],
    )
    def test_health_is_that_of_the_targets(self, targets: Any, status: str) -> None:
        present = Present(body=BODY, outputs={}, facts={"targets": targets})
        assert KIND.health(desired(KIND, BODY), present).status == status


class TestConvergence:
    """From nothing to the declared state, one call at a time."""

    def test_it_converges_from_nothing_after_a_crash_at_any_call(self) -> None:
        with mock_aws():
            cloud = Moto()
            vpc = cloud.call("ec2", "CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            body = {
                **BODY,
                "VpcId": vpc,
                "HealthCheckPath": "/h",
                "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "15"}],
            }
            assert converges(KIND, cloud, body) == ["elbv2.CreateTargetGroup", "elbv2.ModifyTargetGroupAttributes"]
            assert converges(KIND, cloud, {**body, "HealthCheckPath": "/g"}) == [
                "elbv2.ModifyTargetGroup",
                "elbv2.AddTags",
            ]
            moved = converges(KIND, cloud, {**body, "Port": 8080})
            assert moved == ["elbv2.CreateTargetGroup", "elbv2.ModifyTargetGroupAttributes", "elbv2.DeleteTargetGroup"]


@pytest.mark.parametrize(
    ("states", "cadence"),
    [
        (["healthy", "healthy"], "slow"),
        (["healthy", "draining"], "slow"),
        (["draining"], "fast"),
        (["healthy", "initial"], "fast"),
        (["healthy", "unhealthy"], "fast"),
        ([], "fast"),
    ],
)
def test_targets_are_read_seldom_while_all_that_stay_are_healthy(states: list[str], cadence: str) -> None:
    """A target drains for 300 s by default: after a roll-out most groups have one that leaves."""
    answer = {"TargetHealthDescriptions": [{"TargetHealth": {"State": state}} for state in states]}
    collection = next(one for one in KIND.collections if one.operation == "elbv2.DescribeTargetHealth")
    assert collection.settled is not None
    assert (collection.cadence if collection.settled(answer) else "fast") == cadence
