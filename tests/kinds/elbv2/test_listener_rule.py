"""ListenerRule: identified by its mark, moved by priority, and its traffic moved stage by stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws
from moto.elbv2.models import elbv2_backends

from ecsync.core import plan
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Gate, Hold, Proceed, Wait
from ecsync.core.model import Absent, Application, Create, Delete, Desired, Key, Present, Ref, Text, Unreadable
from ecsync.core.ports import AwsError
from ecsync.kinds.elbv2 import target_group
from ecsync.kinds.elbv2._actions import target_groups, weights
from ecsync.kinds.elbv2.listener_rule import KIND, body_of, claim
from tests.kinds.elbv2 import answers
from tests.kinds.elbv2.answers import LISTENER, NEW, OLD, OTHER, forward, group, mine, service, tags_answer
from tests.kinds.infra import (
    TARGET,
    Answers,
    Case,
    Moto,
    cases,
    compare,
    compiled,
    converges,
    denied,
    desired,
    field,
    key,
    missing,
    observe,
    update,
    wanted,
)

PATH = {"Field": "path-pattern", "Values": ["/api/*"]}
BODY: dict[str, Any] = {
    "ListenerArn": LISTENER,
    "Priority": 10,
    "Conditions": [PATH],
    "Actions": [{"Type": "forward", "TargetGroupArn": NEW}],
}
NOT_FOUND = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
CASES = cases("listenerRule")
SERVER_OWNED = ("RuleArn", "IsDefault", "ListenerArn")


def rule_arn(number: int, listener: str = LISTENER) -> str:
    """Return the ARN of a rule."""
    return f"{listener.replace('listener', 'listener-rule')}/{number}"


class TestEquivalence:
    """Which differences AWS ignores, and which it does not."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_a_case_differs_only_if_aws_behaves_differently(self, case: Case) -> None:
        assert answers.equivalent(KIND, body_of, case) == case["equivalent"], case["note"]

    @pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
    def test_every_change_of_a_live_value_is_detected(self, case: Case) -> None:
        by_ecs = ("Weight", "Enabled") if case.get("context") else ()
        assert answers.undetected(KIND, body_of, case, (*SERVER_OWNED, *by_ecs)) == []

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_the_canonical_form_is_stable(self, case: Case) -> None:
        assert answers.settled(KIND, body_of, case)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (
                {"Field": "host-header", "Values": ["A.example.com"]},
                {"Field": "host-header", "Values": ["a.example.com"]},
            ),
            (
                {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["1"]}},
                {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-a", "Values": ["1"]}, "Values": []},
            ),
            (
                {"Field": "path-pattern", "RegexValues": ["^/a", "^/b"]},
                {"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/b", "^/a"]}},
            ),
        ],
    )
    def test_conditions_that_match_the_same_requests_are_equal(
        self, one: dict[str, Any], other: dict[str, Any]
    ) -> None:
        assert not compare(KIND, {**BODY, "Conditions": [one]}, _live(Conditions=[other])).fields


@pytest.mark.parametrize(
    ("condition", "problems"),
    [
        ({"Field": "path-pattern", "Values": ["/a"], "RegexValues": ["^/b"]}, 1),
        ({"Field": "path-pattern", "Values": ["/a"], "PathPatternConfig": {"RegexValues": ["^/b"]}}, 1),
        ({"Field": "host-header", "HostHeaderConfig": {"Values": ["a.com"], "RegexValues": ["^b"]}}, 1),
        ({"Field": "path-pattern", "Values": ["/a"], "PathPatternConfig": {"Values": ["/a"]}}, 0),
        ({"Field": "path-pattern", "Values": [], "RegexValues": ["^/b"]}, 0),
        ("not a condition", 0),
    ],
)
def test_a_condition_has_values_or_regular_expressions(condition: Any, problems: int) -> None:
    """AWS keeps one of the two, so a manifest with both would never be in sync."""
    assert len(list(KIND.check({**BODY, "Conditions": [condition]}))) == problems


def _live(**body: Any) -> Present:
    return Present(body={**BODY, **body}, outputs={"arn": rule_arn(1)})


def _updated(body: dict[str, Any], **live: Any) -> list[tuple[str, dict[str, Any]]]:
    calls = KIND.calls(update(KIND, body, _live(**live)))  # type: ignore[misc]
    assert not answers.refused(calls)
    return compiled(calls)


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_is_one_call_that_captures_the_arn(self) -> None:
        body = {**BODY, "ListenerArn": Text((Ref(key(KIND, "l"), "arn"),)), "Transforms": None}
        (call,) = KIND.calls(Create(desired=desired(KIND, body), marks={"ecsync:owner": "o"}))  # type: ignore[misc]
        assert call.params == {
            **BODY,
            "ListenerArn": body["ListenerArn"],
            "Tags": [{"Key": "ecsync:owner", "Value": "o"}],
        }
        assert set(call.captures) == set(KIND.outputs)
        assert not answers.refused([call])

    def test_an_update_sends_only_differences_and_whole_lists(self) -> None:
        conditions = [PATH, {"Field": "host-header", "Values": ["a.example.com"]}]
        assert _updated({**BODY, "Conditions": conditions, "Priority": 20}) == [
            ("elbv2.ModifyRule", {"RuleArn": rule_arn(1), "Conditions": conditions}),
            ("elbv2.SetRulePriorities", {"RulePriorities": [{"RuleArn": rule_arn(1), "Priority": 20}]}),
        ]
        assert _updated({**BODY, "Actions": forward(old=1)}) == [
            ("elbv2.ModifyRule", {"RuleArn": rule_arn(1), "Actions": forward(old=1)}),
        ]

    def test_transforms_that_are_removed_are_reset(self) -> None:
        rewrite = {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/a", "Replace": ""}]}}
        assert _updated(BODY, Transforms=[rewrite]) == [
            ("elbv2.ModifyRule", {"RuleArn": rule_arn(1), "ResetTransforms": True})
        ]
        assert _updated({**BODY, "Transforms": [rewrite]}) == [
            ("elbv2.ModifyRule", {"RuleArn": rule_arn(1), "Transforms": [rewrite]})
        ]

    def test_a_delete_is_one_call(self) -> None:
        assert compiled(KIND.calls(Delete(key=key(KIND), observed=_live()))) == [  # type: ignore[misc]
            ("elbv2.DeleteRule", {"RuleArn": rule_arn(1)})
        ]


def _rule(number: int, priority: str, **more: Any) -> dict[str, Any]:
    live = {member: BODY[member] for member in ("Conditions", "Actions")}
    return {"RuleArn": rule_arn(number), "Priority": priority, "IsDefault": priority == "default", **live, **more}


def _reader(*rules: dict[str, Any], tags: dict[int, Any], **more: Any) -> Answers:
    every = [*rules, _rule(0, "default")]
    responses = {
        "elbv2_DescribeLoadBalancers": {"LoadBalancers": [{"LoadBalancerArn": answers.LB}]},
        "elbv2_DescribeListeners": {"Listeners": [{"ListenerArn": LISTENER}]},
        "elbv2_DescribeRules": {"Rules": every},
        "elbv2_DescribeTags": tags_answer({rule_arn(number): some for number, some in tags.items()}),
    }
    return Answers(**{**responses, **more})


def _found(reader: Answers, body: dict[str, Any] = BODY) -> tuple[str, Present]:
    found = observe(KIND, reader, body)
    assert isinstance(found, Present)
    return str(found.outputs["arn"]), found


class TestIdentity:
    """Which live rule belongs to the document."""

    def test_a_new_priority_keeps_the_identity_and_changes_the_claim(self) -> None:
        assert KIND.natural(BODY) == KIND.natural({**BODY, "Priority": 20}) == LISTENER
        assert claim(BODY) == f"{LISTENER}#10"
        assert claim({**BODY, "ListenerArn": Text((Ref(key(KIND), "arn"),))}) is None

    def test_a_rule_is_found_by_its_mark_at_any_priority(self) -> None:
        reader = _reader(_rule(1, "99"), _rule(2, "10"), tags={1: mine(KIND), 2: []})
        arn, found = _found(reader)
        assert arn == rule_arn(1)
        assert [one.path for one in compare(KIND, BODY, found).fields] == [("Priority",)]
        assert answers.operations(reader) == ["elbv2.DescribeRules", "elbv2.DescribeTags"]

    def test_of_two_rules_with_our_mark_the_one_at_our_priority_is_used_and_the_other_is_a_copy(self) -> None:
        arn, found = _found(_reader(_rule(1, "99"), _rule(2, "10"), tags={1: mine(KIND), 2: mine(KIND)}))
        assert arn == rule_arn(2)
        assert found.facts["copies"] == [rule_arn(1)]

    def test_a_rule_at_our_priority_is_returned_with_the_mark_of_its_owner(self) -> None:
        _, unmarked = _found(_reader(_rule(1, "10"), tags={1: []}))
        assert unmarked.marks is None
        _, foreign = _found(_reader(_rule(1, "10"), tags={1: mine(KIND, "api")}))
        assert foreign.marks is not None
        assert foreign.marks.owner.endswith("/api")

    def test_a_rule_that_will_move_away_does_not_block_our_priority(self) -> None:
        reader = _reader(_rule(1, "10"), tags={1: mine(KIND, "api")})
        wants = [wanted(KIND, BODY), wanted(KIND, {**BODY, "Priority": 20}, "api")]
        found = dict(KIND.read(reader, wants, {}))
        assert isinstance(found[key(KIND)], Absent)
        assert isinstance(found[key(KIND, "api")], Present)

    def test_every_rule_of_a_permutation_has_all_its_moves(self) -> None:
        live = {1: mine(KIND, "a"), 2: mine(KIND, "b"), 3: mine(KIND, "c"), 4: mine(KIND, "d")}
        rules = [_rule(1, "1"), _rule(2, "2"), _rule(3, "3"), _rule(4, "4")]
        goals = {"a": 2, "b": 3, "c": 1, "d": 4}
        wants = [wanted(KIND, {**BODY, "Priority": goal}, name) for name, goal in goals.items()]
        found = dict(KIND.read(_reader(*rules, tags=live), wants, {}))
        ring = [{"RuleArn": rule_arn(n), "Priority": goal} for n, goal in ((1, 2), (2, 3), (3, 1))]
        moves = {name: found[key(KIND, name)].facts.get("moves") for name in goals}  # type: ignore[union-attr]
        assert moves == {"a": ring, "b": ring, "c": ring, "d": None}
        again = dict(KIND.read(_reader(*rules, tags=live), wants[:1], found))
        assert again[key(KIND, "a")].facts["moves"] == ring, "read alone, it still has the moves of the others"  # type: ignore[union-attr]
        calls = KIND.calls(update(KIND, wants[0].body, found[key(KIND, "a")]))  # type: ignore[misc, arg-type]
        assert compiled(calls) == [("elbv2.SetRulePriorities", {"RulePriorities": ring})]
        assert not answers.refused(calls)

    def test_our_rule_is_held_if_no_document_moves_the_rule_at_its_priority(self) -> None:
        for tags in ([], mine(KIND, "elsewhere")):
            found = _found(_reader(_rule(1, "99"), _rule(2, "10"), tags={1: mine(KIND), 2: tags}))[1]
            assert found.facts["blockedBy"] == rule_arn(2)
            gate = KIND.gate(desired(KIND, BODY), found, [field("Priority")], {})  # type: ignore[misc]
            assert isinstance(gate, Hold)
            assert rule_arn(2) in gate.reason

    def test_without_its_listener_it_is_absent(self) -> None:
        gone = _reader(tags={}, elbv2_DescribeRules=missing("ListenerNotFound"))
        assert isinstance(observe(KIND, gone, BODY), Absent)
        with pytest.raises(AwsError):
            observe(KIND, _reader(tags={}, elbv2_DescribeRules=denied()), BODY)

    def test_owned_rules_are_found_on_every_listener(self) -> None:
        reader = _reader(_rule(1, "10"), _rule(2, "20"), tags={1: mine(KIND), 2: []})
        (owned,) = KIND.owned(reader, "prod")  # type: ignore[misc]
        assert (owned.natural, owned.present.outputs) == (LISTENER, {"arn": rule_arn(1)})
        assert owned.present.body["ListenerArn"] == LISTENER


def _gate(
    live: list[dict[str, Any]], *world: tuple[Key, Any], want: Any = None, path: str = "Actions", healthy: Any = None
) -> Gate:
    facts = {"healthyTargets": healthy or {OLD: 2}}
    present = Present(body={**BODY, "Actions": live}, outputs={"arn": rule_arn(1)}, facts=facts)
    body = {**BODY, "Actions": want or forward(new=1)}
    return KIND.gate(desired(KIND, body), present, [field(path)], dict(world))  # type: ignore[misc]


def _shares(gate: Gate) -> dict[str, int]:
    return {one["TargetGroupArn"]: one["Weight"] for one in _groups(gate)}


def _groups(gate: Gate) -> list[dict[str, Any]]:
    assert isinstance(gate, Proceed)
    (action,) = gate.body["Actions"]
    found: list[dict[str, Any]] = action.get("ForwardConfig", {}).get("TargetGroups") or [{**action, "Weight": 1}]
    return found


REPLACING = group(superseded=[{"arn": OLD, "name": "web", "in_use": True}])


class TestMovingTraffic:
    """From the old target group to the new one, stage by stage (docs/rules.md R9)."""

    def test_the_new_group_is_attached_without_traffic(self) -> None:
        gate = _gate(forward(old=1), REPLACING, service(OLD))
        assert _shares(gate) == {OLD: 100, NEW: 0}
        assert isinstance(gate, Proceed)
        assert gate.waiting

    def test_a_group_that_this_plan_creates_is_attached_by_reference(self) -> None:
        new = Text((Ref(REPLACING[0], "arn"),))
        gate = _gate(forward(old=1), group(arn_=OLD), service(OLD), want=[{"Type": "forward", "TargetGroupArn": new}])
        assert _shares(gate) == {OLD: 100, new: 0}

    def test_traffic_stays_until_the_service_is_steady_in_both_groups(self) -> None:
        live = forward(old=100, new=0)
        for one in (service(OLD), service(OLD, NEW, steady=False)):
            gate = _gate(live, REPLACING, one, healthy={OLD: 4, NEW: 2})
            waiting = "Service/web is moving to the new target group"
            assert gate == Proceed(body={**BODY, "Actions": live}, waiting=waiting)

    def test_traffic_stays_while_too_few_new_targets_are_healthy(self) -> None:
        live = forward(old=100, new=0)
        moved = service(NEW, steady=False, desiredCount=2)  # it could not be in both groups
        for healthy in ({OLD: 2}, {OLD: 2, NEW: 1}, {}, {OLD: 0, NEW: 0}):
            gate = _gate(live, REPLACING, moved, healthy=healthy or {OLD: 0})
            assert isinstance(gate, Proceed)
            assert (gate.body["Actions"], gate.after) == (live, 2.0)

    @pytest.mark.parametrize("healthy", [{OLD: 2, NEW: 2}, {OLD: 1, NEW: 1}, {OLD: 0, NEW: 1}])
    def test_traffic_moves_once_the_new_group_has_as_many_healthy_targets_as_the_old_one(self, healthy: Any) -> None:
        moved = service(NEW, steady=False, desiredCount=2)
        gate = _gate(forward(old=100, new=0), REPLACING, moved, healthy=healthy)
        assert _shares(gate) == {OLD: 0, NEW: 100}

    def test_traffic_follows_the_service_and_then_the_old_group_is_removed(self) -> None:
        healthy = {OLD: 2, NEW: 2}
        gate = _gate(forward(old=100, new=0), REPLACING, service(OLD, NEW), healthy=healthy)
        assert _shares(gate) == {OLD: 0, NEW: 100}
        moved = forward(old=0, new=100)
        for one in (service(OLD, NEW), service(NEW, steady=False)):
            gate = _gate(moved, REPLACING, one, healthy=healthy)
            assert gate == Proceed(body={**BODY, "Actions": moved}, waiting="the services leave the old target group")
        assert _gate(moved, REPLACING, service(NEW), healthy=healthy) == Proceed(
            body={**BODY, "Actions": forward(new=1)}
        )

    def test_every_stage_keeps_the_stickiness(self) -> None:
        want = forward(new=1)
        want[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 60}
        gate = _gate(forward(old=1), REPLACING, service(OLD), want=want)
        assert isinstance(gate, Proceed)
        assert gate.body["Actions"][0]["ForwardConfig"]["TargetGroupStickinessConfig"]["DurationSeconds"] == 60

    @pytest.mark.parametrize("world", [[REPLACING], []], ids=["no service", "nothing"])
    def test_where_no_target_is_healthy_and_no_service_is_behind_it_the_change_is_made_at_once(
        self, world: list[tuple[Key, Any]]
    ) -> None:
        gate = _gate(forward(old=1), *world, healthy={OLD: 0, NEW: 0})
        assert gate == Proceed(body={**BODY, "Actions": forward(new=1)})

    @pytest.mark.parametrize("world", [[service(OLD)], [group(superseded=[]), service(OLD)], []])
    def test_traffic_moves_to_any_other_group_in_the_same_stages(self, world: list[tuple[Key, Any]]) -> None:
        assert _shares(_gate(forward(old=1), *world)) == {OLD: 100, NEW: 0}
        waiting = _gate(forward(old=100, new=0), *world)
        assert isinstance(waiting, Proceed)
        assert waiting.waiting == "0 of at least 2 targets in the new target group are healthy"
        moved = _gate(forward(old=100, new=0), *world, healthy={OLD: 2, NEW: 2})
        assert isinstance(moved, Proceed)
        assert {one["TargetGroupArn"]: one["Weight"] for one in _groups(moved)}[NEW]

    def test_several_groups_keep_their_weights(self) -> None:
        two = forward(old=90, other=10)
        assert _shares(_gate(two, REPLACING, service(OLD), want=forward(new=90, other=10))) == {
            OLD: 90,
            OTHER: 10,
            NEW: 0,
        }
        attached, healthy = forward(old=90, other=10, new=0), {OLD: 2, OTHER: 1, NEW: 2}
        both = service(OLD, NEW)
        gate = _gate(attached, REPLACING, both, want=forward(new=90, other=10), healthy=healthy)
        assert _shares(gate) == {OLD: 0, NEW: 90, OTHER: 10}

    def test_a_group_without_a_healthy_target_gets_no_weight(self) -> None:
        gate = _gate(forward(old=100, new=0), want=forward(old=90, new=10), healthy={OLD: 2, NEW: 0})
        assert isinstance(gate, Proceed)
        assert gate.body["Actions"] == forward(old=100, new=0)
        assert gate.waiting

    def test_a_change_of_another_member_is_made_at_once(self) -> None:
        assert isinstance(_gate(forward(old=1), REPLACING, service(OLD), path="Priority"), Proceed)

    def test_a_change_that_cannot_be_staged_is_held(self) -> None:
        login = {"Type": "authenticate-oidc", "AuthenticateOidcConfig": {}}
        assert isinstance(_gate([login, *forward(old=1)], REPLACING, service(OLD)), Hold)
        code_deploy = service(OLD, deploymentController={"type": "CODE_DEPLOY"})
        assert isinstance(_gate(forward(old=1), REPLACING, code_deploy), Hold)
        blue_green = service(OLD, deploymentConfiguration={"strategy": "BLUE_GREEN"})
        assert isinstance(_gate(forward(old=1), REPLACING, blue_green), Hold)

    def test_traffic_waits_for_a_service_that_could_not_be_read(self) -> None:
        unread = (service()[0], Unreadable("denied"))
        assert isinstance(_gate(forward(old=1), REPLACING, unread), Wait)


def _blue_green(*, steady: bool = True) -> tuple[Key, Present]:
    advanced = {"alternateTargetGroupArn": NEW, "productionListenerRule": rule_arn(1)}
    balancers = [{"targetGroupArn": OLD, "containerName": "web", "advancedConfiguration": advanced}]
    return service()[0], Present(body={"loadBalancers": balancers}, outputs={}, facts={"steady": steady})


class TestBlueGreen:
    """Weights that ECS sets are not changed."""

    def test_weights_within_a_blue_green_pair_are_no_difference(self) -> None:
        reader = _reader(_rule(1, "10", Actions=forward(old=0, new=100)), tags={1: mine(KIND)})
        ((_, found),) = KIND.read(reader, [wanted(KIND, BODY)], dict([_blue_green()]))
        assert isinstance(found, Present)
        assert found.facts["ecsBlueGreenTargetGroups"] == [OLD, NEW]
        for want in (forward(old=1), forward(new=1)):
            assert not compare(KIND, {**BODY, "Actions": want}, found).fields
        assert compare(KIND, {**BODY, "Actions": forward(other=1)}, found).fields

    def test_another_change_of_the_actions_keeps_the_weights_of_ecs(self) -> None:
        login = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {}}
        want = [login, {"Type": "forward", "Order": 2, "TargetGroupArn": OLD}]
        present = Present(
            body={**BODY, "Actions": forward(old=0, new=100)},
            outputs={},
            facts={"ecsBlueGreenTargetGroups": [OLD, NEW]},
        )
        gate = KIND.gate(desired(KIND, {**BODY, "Actions": want}), present, [field("Actions")], {})  # type: ignore[misc]
        assert isinstance(gate, Proceed)
        assert gate.body["Actions"] == [login, {**forward(old=0, new=100)[0], "Order": 2}]

    def test_no_rule_of_a_pair_is_changed_while_ecs_shifts_traffic(self) -> None:
        live = forward(old=50, new=50)
        assert isinstance(_gate(live, _blue_green(steady=False), want=forward(other=1)), Wait)
        assert isinstance(_gate(live, _blue_green(), want=forward(other=1)), Proceed)

    @pytest.mark.parametrize("controller", ["CODE_DEPLOY", "EXTERNAL", "Express Mode"])
    def test_the_group_that_another_controller_gave_the_traffic_is_no_difference(self, controller: str) -> None:
        reader = _reader(_rule(1, "10", Actions=forward(new=1)), tags={1: mine(KIND)})
        deployed = service(NEW, deploymentController={"type": controller})
        if controller == "Express Mode":
            key, present = service(NEW)
            deployed = key, replace(present, facts={**present.facts, "express": True})
        for world in ([deployed], [deployed, group(arn_=NEW)]):
            declared = {**BODY, "Actions": forward(old=1)}
            ((_, found),) = KIND.read(reader, [wanted(KIND, declared)], dict(world))
            assert isinstance(found, Present)
            assert not compare(KIND, declared, found).fields
            assert compare(KIND, {**declared, "Conditions": [{**PATH, "Values": ["/v2/*"]}]}, found).fields

    def test_a_group_that_is_replaced_under_another_controller_is_held(self) -> None:
        reader = _reader(_rule(1, "10", Actions=forward(old=1)), tags={1: mine(KIND)})
        deployed = service(OLD, deploymentController={"type": "CODE_DEPLOY"})
        ((_, found),) = KIND.read(reader, [wanted(KIND, BODY)], dict([REPLACING, deployed]))
        assert isinstance(found, Present)
        assert compare(KIND, BODY, found).fields
        gate = KIND.gate(desired(KIND, BODY), found, [field("Actions")], dict([REPLACING, deployed]))  # type: ignore[misc]
        assert isinstance(gate, Hold)

    def test_what_is_left_of_a_move_is_not_reported_as_drift(self) -> None:
        for live in (forward(old=0, new=100), forward(new=100, old=0)):
            reader = _reader(_rule(1, "10", Actions=live), tags={1: mine(KIND)})
            ((_, found),) = KIND.read(reader, [wanted(KIND, BODY)], {})
            assert isinstance(found, Present)
            assert KIND.reason is not None
            assert (KIND.reason(("Actions",), found), KIND.reason(("Priority",), found)) == ("pending", None)

    def test_target_groups_are_found_in_both_forms(self) -> None:
        assert target_groups([{"Type": "forward", "TargetGroupArn": OTHER}, *forward(old=1, new=0)]) == (
            OTHER,
            OLD,
            NEW,
        )
        assert target_groups(None) == ()


def _listener(cloud: Moto) -> tuple[str, str]:
    """Create a listener that returns 404; return its ARN and its VPC."""
    vpc = cloud.call("ec2", "CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = cloud.call("ec2", "CreateSubnet", VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    lb = cloud.call("elbv2", "CreateLoadBalancer", Name="web", Subnets=[subnet])["LoadBalancers"][0]["LoadBalancerArn"]
    made = cloud.call(
        "elbv2", "CreateListener", LoadBalancerArn=lb, Port=80, Protocol="HTTP", DefaultActions=[NOT_FOUND]
    )
    return made["Listeners"][0]["ListenerArn"], vpc


def _weights(cloud: Moto, listener: str) -> dict[Any, int] | None:
    rules = cloud.call("elbv2", "DescribeRules", ListenerArn=listener)["Rules"]
    return weights(next(rule for rule in rules if not rule["IsDefault"])["Actions"])


def _pass(cloud: Moto, documents: tuple[Desired, ...], live: tuple[Key, Any] | None) -> None:
    """Run one pass over a group and the rule that forwards to it, with a given service."""
    kinds = {kind.name: kind for kind in (target_group.KIND, KIND)}
    world: dict[Key, Any] = dict([live] if live else [])
    inputs = Inputs(
        application=Application(name="shop", resources=documents),
        kinds=kinds,
        world=world,
        target=TARGET,
        installation="prod",
    )
    for kind in kinds.values():
        asked = [document for document in documents if document.key.kind == kind.name]
        wants = [wanted(kind, inputs.resolved(document).body, document.key.name) for document in asked]
        world.update(kind.read(cloud, wants, world))
    captured: dict[str, Any] = {}
    for step in plan.build(inputs).steps:
        for call in step.calls:
            cloud.write(call, captured)


class TestConvergence:
    """From nothing to the declared state, one call at a time."""

    def test_it_converges_from_nothing_after_a_crash_at_any_call(self) -> None:
        with mock_aws():
            cloud = Moto()
            body = {**BODY, "ListenerArn": _listener(cloud)[0], "Actions": [NOT_FOUND]}
            assert converges(KIND, cloud, body) == ["elbv2.CreateRule"]
            moved = converges(KIND, cloud, {**body, "Priority": 20, "Conditions": [{**PATH, "Values": ["/v2/*"]}]})
            assert moved == ["elbv2.ModifyRule", "elbv2.SetRulePriorities", "elbv2.AddTags"]

    def test_a_target_group_is_replaced_under_a_running_service(self) -> None:
        """With the real plan, every pass makes one safe step, and the old group is deleted (docs/rules.md R9)."""
        with mock_aws():
            cloud = Moto()
            listener, vpc = _listener(cloud)
            groups = {"Name": "web", "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "TargetType": "ip"}
            to = Text((Ref(key(target_group.KIND), "arn"),))
            rule = {**BODY, "ListenerArn": listener, "Actions": [{"Type": "forward", "TargetGroupArn": to}]}
            first = (desired(target_group.KIND, groups), desired(KIND, rule))
            _pass(cloud, first, None)
            old = cloud.call("elbv2", "DescribeTargetGroups")["TargetGroups"][0]["TargetGroupArn"]
            cloud.writes.clear()
            second = (desired(target_group.KIND, {**groups, "Port": 8080}), first[1])
            for _ in range(3):
                _pass(cloud, second, service(old))
            assert cloud.writes == [
                "elbv2.CreateTargetGroup",
                "elbv2.ModifyRule",
            ]
            (new,) = {one["TargetGroupArn"] for one in cloud.call("elbv2", "DescribeTargetGroups")["TargetGroups"]} - {
                old
            }
            assert _weights(cloud, listener) == {old: 100, new: 0}
            cloud.writes.clear()
            _pass(cloud, second, service(old, new, steady=False))
            assert cloud.writes == []
            for _ in range(2):
                _pass(cloud, second, service(old, new, desiredCount=0))  # moto's targets are never healthy
                assert _weights(cloud, listener) == {old: 0, new: 100}
            _pass(cloud, second, service(new))
            assert _weights(cloud, listener) == {new: 1}
            # AWS detaches the load balancer from a group without forwards; moto does not.
            elbv2_backends["123456789012"]["us-east-1"].target_groups[old].load_balancer_arns.clear()
            for _ in range(3):
                _pass(cloud, second, service(new))
            assert cloud.writes == ["elbv2.ModifyRule", "elbv2.ModifyRule", "elbv2.DeleteTargetGroup"]
            (left,) = cloud.call("elbv2", "DescribeTargetGroups")["TargetGroups"]
            assert left["TargetGroupArn"] == new
