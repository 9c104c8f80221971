"""Role: documents compared by what they grant, one call for each policy and profile, and the calls of a delete."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from moto import mock_aws

from ecsync.core.model import Absent, Create, Delete, Present, Ref, Replace, Target, Text
from ecsync.core.normalise import normalise
from ecsync.core.ports import AwsError
from ecsync.kinds.iam._policy_documents import as_text, policy
from ecsync.kinds.iam.role import KIND
from tests.kinds.elbv2.answers import refused
from tests.kinds.infra import (
    Answers,
    Moto,
    compare,
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

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
READS = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}}
BODY: dict[str, Any] = {"RoleName": "web", "AssumeRolePolicyDocument": TRUST}
ATTACHED = "arn:aws:iam::aws:policy/ReadOnlyAccess"
BOUNDARY = "arn:aws:iam::aws:policy/Boundary"
OWNER = {"Key": "ecsync:owner", "Value": "v1/prod/shop/Role/web"}


def _answers(role: dict[str, Any] | None = None, **more: Any) -> Answers:
    live = {
        "RoleName": "web",
        "Path": "/",
        "Arn": "arn:aws:iam::1:role/web",
        "MaxSessionDuration": 3600,
        "AssumeRolePolicyDocument": quote(json.dumps(TRUST)),
        **(role or {}),
    }
    answers = {
        "iam_GetRole": {"Role": live},
        "iam_ListInstanceProfilesForRole": {"InstanceProfiles": []},
        "iam_ListAttachedRolePolicies": {"AttachedPolicies": []},
        "iam_ListRolePolicies": {"PolicyNames": []},
        **more,
    }
    return Answers(**answers)


def _live(role: dict[str, Any] | None = None, **more: Any) -> Present:
    found = observe(
        KIND, _answers(role, **more), {"RoleName": "web", "InstanceProfile": "iam_GetInstanceProfile" in more}
    )
    assert isinstance(found, Present)
    return found


def _updated(body: dict[str, Any], present: Present) -> list[tuple[str, dict[str, Any]]]:
    calls = KIND.calls(update(KIND, {**BODY, **body}, present))  # type: ignore[misc]
    assert not refused(calls)
    return compiled(calls)


class TestDocuments:
    """Two documents that grant the same permissions are equal."""

    @pytest.mark.parametrize(
        "other",
        [
            json.dumps(READS),
            quote(json.dumps(READS)),
            {**READS, "Statement": [READS["Statement"]]},
            {**READS, "Statement": [{"Resource": ["*"], "Effect": "Allow", "Action": "s3:GetObject"}]},
            {**READS, "Statement": [{"Resource": ["*"], "Effect": "Allow", "Action": ["s3:GetObject"] * 2}]},
        ],
    )
    def test_equal_forms_of_a_document_do_not_differ(self, other: Any) -> None:
        assert policy(other) == policy(READS)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"Principal": "*"}, {"Principal": {"AWS": "*"}}),
            ({"Principal": {"AWS": "123456789012"}}, {"Principal": {"AWS": ["arn:aws:iam::123456789012:root"]}}),
            ({"Principal": {"Service": ["b", "a"]}}, {"Principal": {"Service": ["a", "b"]}}),
            ({"Condition": {"Bool": {"aws:x": True}}}, {"Condition": {"Bool": {"aws:x": ["true"]}}}),
        ],
    )
    def test_principals_and_conditions_are_sets_of_text(self, one: Any, other: Any) -> None:
        assert policy({"Statement": one}) == policy({"Statement": [other]})

    @pytest.mark.parametrize(
        "other",
        [
            {**READS, "Version": "2008-10-17"},
            {**READS, "Statement": {**READS["Statement"], "Action": ["s3:*"]}},  # type: ignore[dict-item]
            {**READS, "Statement": []},
            {**READS, "Statement": {**READS["Statement"], "Sid": "x"}},  # type: ignore[dict-item]
        ],
    )
    def test_a_document_that_grants_something_else_differs(self, other: Any) -> None:
        assert policy(other) != policy(READS)

    def test_a_document_without_a_version_has_the_oldest_version(self) -> None:
        assert policy({"Statement": []})["Version"] == "2008-10-17"

    def test_the_canonical_form_is_stable_and_text_that_is_not_json_is_unchanged(self) -> None:
        assert policy(policy(READS)) == policy(READS)
        assert policy("no json") == "no json"

    def test_text_contains_references_until_they_are_resolved(self) -> None:
        ref = Ref(key(KIND, "logs"), "arn")
        text = as_text({"Resource": [Text((ref, ':"*"'))], "Action": "é"})
        assert isinstance(text, Text)
        assert str(text) == '{"Resource":["${Role/logs.arn}:\\"*\\""],"Action":"é"}'
        assert as_text({"a": 1}) == '{"a":1}'


class TestCompare:
    """Which members differ."""

    def test_aws_defaults_and_percent_encoding_are_no_difference(self) -> None:
        assert compare(KIND, BODY, _live()).fields == ()

    def test_an_undeclared_path_is_no_difference(self) -> None:
        found = compare(KIND, BODY, _live({"Path": "/ecsync/prod/"}))
        assert found.fields == ()
        assert [one.path for one in found.unmanaged] == [("Path",)]

    def test_a_declared_path_that_differs_cannot_change_in_place(self) -> None:
        (one,) = compare(KIND, {**BODY, "Path": "/app/"}, _live()).fields
        assert one.effect == "replace"

    def test_permissions_that_were_added_manually_are_detected(self) -> None:
        present = _live(
            iam_ListAttachedRolePolicies={"AttachedPolicies": [{"PolicyName": "A", "PolicyArn": ATTACHED}]},
            iam_ListRolePolicies={"PolicyNames": ["p"]},
            iam_GetRolePolicy={"PolicyDocument": quote(json.dumps(READS))},
        )
        assert {one.path[0] for one in compare(KIND, BODY, present).fields} == {"ManagedPolicyArns", "Policies"}
        assert _updated({}, present) == [
            ("iam.DetachRolePolicy", {"RoleName": "web", "PolicyArn": ATTACHED}),
            ("iam.DeleteRolePolicy", {"RoleName": "web", "PolicyName": "p"}),
        ]

    def test_an_undeclared_profile_is_no_difference(self) -> None:
        profiles = {"InstanceProfiles": [{"InstanceProfileName": "web", "Arn": "arn:p"}]}
        present = _live(iam_ListInstanceProfilesForRole=profiles)
        assert present.outputs["instanceProfileArn"] == "arn:p"
        assert compare(KIND, BODY, present).fields == ()
        assert compare(KIND, {**BODY, "InstanceProfile": False}, _live()).fields == ()
        assert [name for name, _ in _updated({"InstanceProfile": False}, present)] == [
            "iam.RemoveRoleFromInstanceProfile",
            "iam.DeleteInstanceProfile",
        ]

    def test_the_canonical_form_is_stable(self) -> None:
        body = {**BODY, "Policies": {"p": READS}, "ManagedPolicyArns": ["b", "a"], "InstanceProfile": True}
        once = normalise(body, KIND.rules)
        assert normalise(once, KIND.rules) == once
        assert not compare(KIND, body, Present(body=body, outputs={})).fields

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ({"Path": "/aws-service-role/x/"}, ("Path",)),
            ({"AssumeRolePolicyDocument": "{"}, ("AssumeRolePolicyDocument",)),
            ({"Policies": []}, None),
            ({"Policies": ["p"]}, ("Policies",)),
            ({"Policies": {"p": [1]}}, ("Policies", "p")),
        ],
    )
    def test_an_invalid_body_is_a_problem_at_its_path(self, body: dict[str, Any], path: Any) -> None:
        found = [at for at, _ in KIND.check({**BODY, **body})]
        assert found == ([path] if path else [("Policies",)])


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_makes_one_call_for_each_part_and_captures_every_output(self) -> None:
        body = {**BODY, "Policies": {"p": READS}, "ManagedPolicyArns": [ATTACHED], "InstanceProfile": True}
        calls = KIND.calls(Create(desired=desired(KIND, body), marks={"ecsync:owner": OWNER["Value"]}))  # type: ignore[misc]
        assert not refused(calls)
        create, *rest = compiled(calls)
        assert json.loads(create[1].pop("AssumeRolePolicyDocument")) == TRUST
        assert create == ("iam.CreateRole", {"RoleName": "web", "Path": "/ecsync/prod/", "Tags": [OWNER]})
        assert [name for name, _ in rest] == [
            "iam.AttachRolePolicy",
            "iam.PutRolePolicy",
            "iam.CreateInstanceProfile",
            "iam.AddRoleToInstanceProfile",
        ]
        assert json.loads(rest[1][1]["PolicyDocument"]) == READS
        captured = {output for call in calls for output in call.captures}
        assert captured == KIND.outputs.keys() - KIND.derived.keys()

    def test_a_declared_path_is_used(self) -> None:
        calls = KIND.calls(Create(desired=desired(KIND, {**BODY, "Path": "/"}), marks={"ecsync:owner": OWNER["Value"]}))  # type: ignore[misc]
        assert calls[0].params["Path"] == "/"

    def test_both_settings_are_sent_together_because_one_resets_the_other(self) -> None:
        present = _live({"MaxSessionDuration": 7200, "Description": "old"})
        params = {"RoleName": "web", "Description": "new", "MaxSessionDuration": 7200}
        assert _updated({"Description": "new", "MaxSessionDuration": 7200}, present) == [("iam.UpdateRole", params)]
        assert _updated({}, present) == [("iam.UpdateRole", {**params, "Description": "", "MaxSessionDuration": 3600})]

    def test_the_trust_policy_and_the_boundary_have_their_own_calls(self) -> None:
        present = _live({"PermissionsBoundary": {"PermissionsBoundaryArn": BOUNDARY}})
        ((name, params), (other, gone)) = _updated({"AssumeRolePolicyDocument": READS}, present)
        assert (name, json.loads(params["PolicyDocument"])) == ("iam.UpdateAssumeRolePolicy", READS)
        assert (other, gone) == ("iam.DeleteRolePermissionsBoundary", {"RoleName": "web"})
        put = [("iam.PutRolePermissionsBoundary", {"RoleName": "web", "PermissionsBoundary": BOUNDARY})]
        assert _updated({"PermissionsBoundary": BOUNDARY}, _live()) == put

    def test_only_an_inline_policy_that_differs_is_sent(self) -> None:
        present = _live(
            iam_ListRolePolicies={"PolicyNames": ["a", "b"]}, iam_GetRolePolicy={"PolicyDocument": json.dumps(READS)}
        )
        changed = {**READS, "Statement": []}
        ((name, params),) = _updated({"Policies": {"a": READS, "b": changed}}, present)
        assert (name, params["PolicyName"]) == ("iam.PutRolePolicy", "b")

    @pytest.mark.parametrize("change", [Delete, Replace])
    def test_a_delete_detaches_everything_first(self, change: Any) -> None:
        profiles = [{"InstanceProfileName": name, "Arn": name} for name in ("other", "web")]
        present = _live(
            iam_ListInstanceProfilesForRole={"InstanceProfiles": profiles},
            iam_ListAttachedRolePolicies={"AttachedPolicies": [{"PolicyArn": "arn:aws:iam::1:policy/a"}]},
            iam_ListRolePolicies={"PolicyNames": ["p"]},
            iam_GetRolePolicy={"PolicyDocument": "{}"},
        )
        parts = {"desired": desired(KIND, BODY), "fields": (), "marks": {}} if change is Replace else {"key": key(KIND)}
        calls = KIND.calls(change(observed=present, **parts))  # type: ignore[misc]
        assert not refused(calls)
        assert [(call.operation, call.params.get("InstanceProfileName", "")) for call in calls] == [
            ("RemoveRoleFromInstanceProfile", "other"),
            ("RemoveRoleFromInstanceProfile", "web"),
            ("DeleteInstanceProfile", "web"),
            ("DetachRolePolicy", ""),
            ("DeleteRolePolicy", ""),
            ("DeleteRole", ""),
        ]


class TestRead:
    """How roles are found."""

    def test_a_missing_role_is_absent_and_a_denied_read_raises(self) -> None:
        assert observe(KIND, Answers(iam_GetRole=missing()), {"RoleName": "web"}) == Absent()
        with pytest.raises(AwsError):
            observe(KIND, Answers(iam_GetRole=denied()), {"RoleName": "web"})

    def test_a_lookup_reads_only_the_outputs(self) -> None:
        reader = _answers()
        list(KIND.read(reader, [wanted(KIND, {"RoleName": "web"}, managed=False)], {}))
        assert [name for name, _ in reader.asked] == ["iam.GetRole", "iam.ListInstanceProfilesForRole"]

    def test_an_empty_profile_is_detected_as_an_interrupted_create(self) -> None:
        present = _live(iam_GetInstanceProfile={"InstanceProfile": {"Roles": []}})
        added = {"InstanceProfileName": "web", "RoleName": "web"}
        assert _updated({"InstanceProfile": True}, present) == [("iam.AddRoleToInstanceProfile", added)]

    def test_a_service_linked_role_is_managed_by_aws(self) -> None:
        assert "service-linked" in _live({"Path": "/aws-service-role/ecs.amazonaws.com/"}).foreign

    def test_owned_roles_are_found_under_our_path(self) -> None:
        reader = _answers(
            {"Tags": [OWNER]}, iam_ListRoles={"Roles": [{"RoleName": "web"}]}, iam_GetInstanceProfile=missing()
        )
        assert [one.natural for one in KIND.owned(reader, "prod")] == ["web"]  # type: ignore[misc]
        assert reader.asked[0] == ("iam.ListRoles", {"PathPrefix": "/ecsync/prod/"})
        assert list(KIND.owned(_answers({}, iam_ListRoles={"Roles": []}), "prod")) == []  # type: ignore[misc]


class TestMoto:
    """Against moto, one call at a time."""

    @mock_aws
    def test_it_recovers_from_a_crash_after_each_call_and_a_delete_leaves_nothing(self) -> None:
        cloud = Moto()
        document = {**READS, "Statement": [{**READS["Statement"], "Action": "s3:*"}]}  # type: ignore[dict-item]
        arn = cloud.call("iam", "CreatePolicy", PolicyName="q", PolicyDocument=json.dumps(READS))["Policy"]["Arn"]
        body = {**BODY, "Policies": {"p": document}, "ManagedPolicyArns": [arn], "InstanceProfile": True}
        assert converges(KIND, cloud, body) == [
            "iam.CreateRole",
            "iam.AttachRolePolicy",
            "iam.PutRolePolicy",
            "iam.CreateInstanceProfile",
            "iam.AddRoleToInstanceProfile",
        ]
        (owned,) = KIND.owned(cloud, "prod")  # type: ignore[misc]
        for call in KIND.calls(Delete(key=key(KIND), observed=owned.present)):  # type: ignore[misc]
            cloud.write(call, {})
        assert observe(KIND, cloud, body) == Absent()


def test_a_role_has_one_identity_in_all_regions_of_an_account() -> None:
    """IAM has no Regions: an application that moves to another Region keeps its roles."""
    here, there = (Target(account="111111111111", region=region) for region in ("eu-west-1", "us-east-1"))
    assert KIND.physical(here, "exec") == KIND.physical(there, "exec")
    assert KIND.physical(here, "exec") != KIND.physical(Target(account="222222222222", region="eu-west-1"), "exec")
