"""Listener: found by its port, certificates beyond the default one, and the parameters of an update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from moto import mock_aws

from ecsync.core import marks
from ecsync.core.kind import Hold, Proceed
from ecsync.core.marks import declared_form
from ecsync.core.model import Absent, Create, Delete, Marks, Present, Ref, Text
from ecsync.core.normalise import normalise
from ecsync.core.outcome import Step
from ecsync.core.ports import AwsError
from ecsync.core.redact import masked
from ecsync.core.trees import leaves
from ecsync.kinds.elbv2.listener import KIND, RULES, body_of
from tests.kinds.elbv2 import answers
from tests.kinds.elbv2.answers import LB, LISTENER, NEW, OLD, forward, group, mine, service, tags_answer
from tests.kinds.infra import (
    Answers,
    Case,
    Moto,
    cases,
    compiled,
    converges,
    denied,
    desired,
    field,
    key,
    missing,
    observe,
    plan_of,
    update,
    wanted,
)

HEALTHY = {"healthyTargets": {OLD: 2}}
BODY: dict[str, Any] = {
    "LoadBalancerArn": LB,
    "Port": 443,
    "Protocol": "HTTPS",
    "DefaultActions": answers.forward(old=1),
    "Certificates": [{"CertificateArn": "arn:a"}],
}
CASES = cases("listener")
SERVER_OWNED = ("ListenerArn", "SslPolicy")


def _differs(desired_action: dict[str, Any], live_action: dict[str, Any]) -> bool:
    body, live = ({**BODY, "DefaultActions": [action]} for action in (desired_action, live_action))
    return bool(update(KIND, body, _live(**live)).fields)


class TestEquivalence:
    """Which differences AWS ignores, and which it does not."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_a_case_differs_only_if_aws_behaves_differently(self, case: Case) -> None:
        assert answers.equivalent(KIND, body_of, case) == case["equivalent"], case["note"]

    @pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
    def test_every_change_of_a_live_value_is_detected(self, case: Case) -> None:
        assert answers.undetected(KIND, body_of, case, (*SERVER_OWNED, "Order")) == []

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_the_canonical_form_is_stable(self, case: Case) -> None:
        assert answers.settled(KIND, body_of, case)

    def test_the_forms_of_an_action_are_equal(self) -> None:
        def redirect(**config: str) -> dict[str, Any]:
            return {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", **config}}

        assert _differs(redirect(Query=""), redirect(Query="#{query}")), "an empty query drops it"
        assert not _differs(redirect(), redirect(Query="#{query}", Path="/#{path}"))
        sticky = {"TargetGroups": [{"TargetGroupArn": OLD}], "TargetGroupStickinessConfig": {"Enabled": False}}
        assert not _differs({"Type": "forward", "TargetGroupArn": OLD}, {"Type": "forward", "ForwardConfig": sticky})
        both = {"Type": "forward", "TargetGroupArn": NEW, "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": OLD}]}}
        assert _differs(both, {"Type": "forward", "TargetGroupArn": OLD})
        assert [path for path, _ in KIND.check({"DefaultActions": [both]})] == [("DefaultActions", 0, "TargetGroupArn")]

    def test_a_client_secret_is_neither_compared_nor_shown(self) -> None:
        action = {"Type": "authenticate-oidc", "AuthenticateOidcConfig": {"ClientId": "c", "ClientSecret": "hush"}}
        body = {**BODY, "DefaultActions": [action]}
        assert "hush" not in str(normalise(body, RULES))
        assert "hush" not in str(list(leaves(masked(body["DefaultActions"], ("DefaultActions",), RULES))))


def _live(**body: Any) -> Present:
    return Present(body={**BODY, **body}, outputs={"arn": LISTENER})


def _updated(body: dict[str, Any], **live: Any) -> list[tuple[str, dict[str, Any]]]:
    calls = KIND.calls(update(KIND, body, _live(**live)))  # type: ignore[misc]
    assert not answers.refused(calls)
    return compiled(calls)


def _certificates(*names: str) -> list[dict[str, str]]:
    return [{"CertificateArn": f"arn:{name}"} for name in names]


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_adds_certificates_and_attributes_by_their_own_calls(self) -> None:
        attributes = [{"Key": "routing.http.response.server.enabled", "Value": "false"}]
        body = {**BODY, "Certificates": _certificates("a", "b", "c"), "Attributes": attributes}
        calls = KIND.calls(Create(desired=desired(KIND, body), marks={"ecsync:owner": "o"}))  # type: ignore[misc]
        own = Text((Ref(key(KIND), "arn"),))
        assert compiled(calls) == [
            ("elbv2.CreateListener", {**BODY, "Tags": [{"Key": "ecsync:owner", "Value": "o"}]}),
            ("elbv2.AddListenerCertificates", {"ListenerArn": own, "Certificates": _certificates("b")}),
            ("elbv2.AddListenerCertificates", {"ListenerArn": own, "Certificates": _certificates("c")}),
            ("elbv2.ModifyListenerAttributes", {"ListenerArn": own, "Attributes": attributes}),
        ]
        assert set(calls[0].captures) == KIND.outputs.keys() - KIND.derived.keys() - KIND.asked.keys()
        assert not answers.refused(calls)

    def test_an_update_sends_only_differences_and_all_actions(self) -> None:
        body = {**BODY, "DefaultActions": answers.forward(new=1), "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"}
        assert _updated(body, SslPolicy="ELBSecurityPolicy-2016-08") == [
            (
                "elbv2.ModifyListener",
                {"ListenerArn": LISTENER, "DefaultActions": body["DefaultActions"], "SslPolicy": body["SslPolicy"]},
            )
        ]

    def test_certificates_are_added_before_and_removed_after_the_default_one_changes(self) -> None:
        body = {**BODY, "Certificates": _certificates("new", "b", "c")}
        assert _updated(body, Certificates=_certificates("a", "b", "d")) == [
            ("elbv2.AddListenerCertificates", {"ListenerArn": LISTENER, "Certificates": _certificates("c")}),
            ("elbv2.ModifyListener", {"ListenerArn": LISTENER, "Certificates": _certificates("new")}),
            ("elbv2.RemoveListenerCertificates", {"ListenerArn": LISTENER, "Certificates": _certificates("d")}),
        ]
        assert _updated(
            {**BODY, "Certificates": _certificates("a", "b")}, Certificates=_certificates("a", "b", "d")
        ) == [
            ("elbv2.RemoveListenerCertificates", {"ListenerArn": LISTENER, "Certificates": _certificates("d")}),
        ]

    def test_a_member_that_is_removed_is_cleared_explicitly(self) -> None:
        live = {"MutualAuthentication": {"Mode": "verify", "TrustStoreArn": "arn:t"}, "AlpnPolicy": ["HTTP2Only"]}
        assert _updated(BODY, **live) == [
            (
                "elbv2.ModifyListener",
                {"ListenerArn": LISTENER, "AlpnPolicy": ["None"], "MutualAuthentication": {"Mode": "off"}},
            )
        ]
        assert _updated(BODY, MutualAuthentication={"Mode": "off"}, AlpnPolicy=["None"]) == []

    def test_a_delete_is_one_call(self) -> None:
        assert compiled(KIND.calls(Delete(key=key(KIND), observed=_live()))) == [  # type: ignore[misc]
            ("elbv2.DeleteListener", {"ListenerArn": LISTENER})
        ]


def _listener(port: int | None = 443, arn: str = LISTENER) -> dict[str, Any]:
    return {**BODY, "Port": port, "ListenerArn": arn, "SslPolicy": "ELBSecurityPolicy-2016-08"}


def _reader(*listeners: dict[str, Any], **more: Any) -> Answers:
    answers = {
        "elbv2_DescribeLoadBalancers": {"LoadBalancers": [{"LoadBalancerArn": LB}]},
        "elbv2_DescribeListeners": {"Listeners": list(listeners)},
        "elbv2_DescribeTags": tags_answer({one["ListenerArn"]: mine(KIND) for one in listeners}),
        "elbv2_DescribeListenerCertificates": {
            "Certificates": [
                {"CertificateArn": "arn:a", "IsDefault": True},
                {"CertificateArn": "arn:c", "IsDefault": False},
                {"CertificateArn": "arn:a", "IsDefault": False},
                {"CertificateArn": "arn:b", "IsDefault": False},
            ]
        },
        "elbv2_DescribeListenerAttributes": {"Attributes": []},
    }
    return Answers(**{**answers, **more})


def test_a_client_secret_that_the_document_changed_is_sent_although_aws_returns_none() -> None:
    """The applied mark shows the change; the plan shows a masked value."""

    def login(**more: str) -> dict[str, Any]:
        config = {"Issuer": "https://id", "ClientId": "c", **more}
        return {**BODY, "DefaultActions": [{"Type": "authenticate-oidc", "AuthenticateOidcConfig": config}]}

    def planned(applied: str) -> Sequence[Step]:
        form = declared_form(login(ClientSecret=applied), RULES)
        packed = marks.unpack(marks.pack(form, "Tags", ["Attributes"]))
        mark = Marks(owner="v1/prod/shop/Listener/web", id="", applied=packed)
        live = Present(body=login(), outputs={"arn": LISTENER}, marks=mark)
        return plan_of(KIND, desired(KIND, login(ClientSecret="hush")), live).steps

    assert [step for step in planned("hush") if step.fields] == []
    (step,) = planned("another")
    assert [(one.path[-1], one.reason) for one in step.fields] == [("ClientSecret", "pending")]
    assert "hush" not in repr(step.fields)
    (operation, params), _ = compiled(step.calls)
    assert operation == "elbv2.ModifyListener"
    assert params["DefaultActions"][0]["AuthenticateOidcConfig"]["ClientSecret"] == "hush"


class TestRead:
    """The calls of a read, and how their responses are interpreted."""

    def test_a_read_lists_the_listeners_of_each_load_balancer_once(self) -> None:
        reader = _reader(_listener(), _listener(80, "arn:80"), _listener(81, "arn:81"))
        wants = [
            wanted(KIND, BODY),
            wanted(KIND, {**BODY, "Port": 80}, "http"),
            wanted(KIND, {**BODY, "Port": 1}, "no"),
        ]
        found = dict(KIND.read(reader, wants, {}))
        assert answers.operations(reader) == ["elbv2.DescribeListeners", "elbv2.DescribeTags"]
        assert [type(one).__name__ for one in found.values()] == ["Present", "Present", "Absent"]
        assert not update(KIND, BODY, found[key(KIND)]).fields  # type: ignore[arg-type]

    def test_certificates_beyond_the_default_one_are_read_if_declared(self) -> None:
        body = {**BODY, "Certificates": _certificates("a", "b", "c")}
        found = observe(KIND, _reader(_listener()), body)
        assert isinstance(found, Present)
        assert not update(KIND, body, found).fields

    @pytest.mark.parametrize(
        ("applied", "asked", "found"),
        [
            (("a",), 0, ("a",)),
            (("a", "b", "c"), 1, ("a", "b", "c")),
            (("a", "b"), 1, ("a",)),
            ((), 0, ("a",)),
        ],
        ids=["never declared", "declared before", "declared before, and another client added one", "no mark"],
    )
    def test_certificates_that_are_removed_from_the_document_are_removed_if_we_applied_them(
        self, applied: tuple[str, ...], asked: int, found: tuple[str, ...]
    ) -> None:
        """Only if exactly the applied certificates are live."""
        packed = marks.pack(declared_form({**BODY, "Certificates": _certificates(*applied)}, RULES), "Tags")
        tags = [*mine(KIND), *([{"Key": marks.APPLIED, "Value": packed}] if applied else [])]
        reader = _reader(_listener(), elbv2_DescribeTags=tags_answer({LISTENER: tags}))
        present = observe(KIND, reader, BODY)
        assert isinstance(present, Present)
        have = normalise(present.body, RULES)["Certificates"]
        assert have == normalise({"Certificates": _certificates(*found)}, RULES)["Certificates"]
        assert answers.operations(reader).count("elbv2.DescribeListenerCertificates") == asked

    def test_a_gateway_has_one_listener_without_a_port(self) -> None:
        body = {"LoadBalancerArn": LB, "DefaultActions": BODY["DefaultActions"]}
        described = {**body, "ListenerArn": LISTENER}
        assert isinstance(observe(KIND, _reader(described), body), Present)
        assert KIND.natural(body) == f"{LB}:0"

    @pytest.mark.parametrize(
        ("protocol", "held"),
        [("HTTPS", ""), ("TCP", ""), ("TLS", ""), ("UDP", ""), ("TCP_UDP", ""), ("QUIC", "QUIC"), (None, "GENEVE")],
    )
    def test_traffic_is_moved_where_aws_takes_weights(self, protocol: str | None, held: str) -> None:
        body = {**BODY, "Protocol": protocol, "DefaultActions": forward(new=1)}
        live = Present(body={**body, "DefaultActions": forward(old=1)}, outputs={"arn": LISTENER}, facts=HEALTHY)
        want = desired(KIND, {name: value for name, value in body.items() if value is not None})
        gate = KIND.gate(want, live, [field("DefaultActions")], dict([service(OLD)]))  # type: ignore[misc]
        if held:
            assert isinstance(gate, Hold)
            assert f"a listener with the protocol {held} takes weights" in gate.reason
        else:
            assert isinstance(gate, Proceed)
            assert gate.body["DefaultActions"] == forward(old=100, new=0)

    def test_groups_of_two_protocols_are_not_put_into_one_action_of_a_network_listener(self) -> None:
        body = {**BODY, "Protocol": "TCP", "DefaultActions": forward(new=1)}
        live = Present(body={**body, "DefaultActions": forward(old=1)}, outputs={"arn": LISTENER}, facts=HEALTHY)
        for old, held in ((("HTTP", "ipv4"), False), (("TLS", "ipv4"), True), (("HTTP", "ipv6"), True)):
            replacing = group(superseded=[{"arn": OLD, "name": "web", "in_use": True, "serves": old}])
            world = dict([replacing, service(OLD)])
            gate = KIND.gate(desired(KIND, body), live, [field("DefaultActions")], world)  # type: ignore[misc]
            assert isinstance(gate, Hold) == held

    def test_without_its_load_balancer_it_is_absent(self) -> None:
        assert isinstance(observe(KIND, _reader(elbv2_DescribeListeners=missing("LoadBalancerNotFound")), BODY), Absent)
        with pytest.raises(AwsError):
            observe(KIND, _reader(elbv2_DescribeListeners=denied()), BODY)

    def test_its_identity_is_unknown_while_its_load_balancer_is(self) -> None:
        assert KIND.natural({**BODY, "LoadBalancerArn": Text((Ref(key(KIND), "arn"),))}) is None
        assert KIND.natural(BODY) == f"{LB}:443"

    def test_owned_listeners_are_found_on_every_load_balancer(self) -> None:
        (owned,) = KIND.owned(_reader(_listener()), "prod")  # type: ignore[misc]
        assert (owned.natural, owned.present.outputs) == (f"{LB}:443", {"arn": LISTENER})

    def test_it_converges_from_nothing_after_a_crash_at_any_call(self) -> None:
        with mock_aws():
            cloud = Moto()
            vpc = cloud.call("ec2", "CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            subnet = cloud.call("ec2", "CreateSubnet", VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
            lb = cloud.call("elbv2", "CreateLoadBalancer", Name="web", Subnets=[subnet])["LoadBalancers"][0]
            fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
            body = {
                "LoadBalancerArn": lb["LoadBalancerArn"],
                "Port": 80,
                "Protocol": "HTTP",
                "DefaultActions": [fixed],
                "Attributes": [{"Key": "routing.http.response.server.enabled", "Value": "false"}],
            }
            assert converges(KIND, cloud, body)[0] == "elbv2.CreateListener"
            ok = {**fixed, "FixedResponseConfig": {"StatusCode": "200"}}
            assert converges(KIND, cloud, {**body, "DefaultActions": [ok]}) == ["elbv2.ModifyListener", "elbv2.AddTags"]
