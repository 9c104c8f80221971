"""LaunchTemplate: user data as text, versions that are reused, and a default version that follows."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from moto import mock_aws

from ecsync.core.model import Absent, Create, Delete, Present, Ref, Text, Update
from ecsync.kinds.ec2._user_data import encoded, plain
from ecsync.kinds.ec2.launch_template import KIND
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
    desired,
    key,
    observe,
    plan_of,
    update,
    wanted,
)

SCRIPT = "#!/bin/bash\necho ECS_CLUSTER=main >> /etc/ecs/ecs.config\n"
BODY: dict[str, Any] = {
    "LaunchTemplateName": "web",
    "LaunchTemplateData": {"ImageId": "ami-1", "InstanceType": "t3.small", "UserData": SCRIPT},
}
OLD = {"ImageId": "ami-0", "InstanceType": "t3.small"}
CASES = cases("launchTemplate")


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _sent(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, **({"UserData": _b64(data["UserData"])} if "UserData" in data else {})}


def _answers(*versions: dict[str, Any], default: int = 1, deleted: Collection[int] = ()) -> Answers:
    """Return a reader of a template with these versions, counted from 1, without the deleted ones."""
    template = {
        "LaunchTemplateId": "lt-1",
        "LaunchTemplateName": "web",
        "DefaultVersionNumber": default,
        "LatestVersionNumber": len(versions),
    }
    listed = [
        {"VersionNumber": n, "LaunchTemplateData": _sent(data), "DefaultVersion": n == default}
        for n, data in enumerate(versions, start=1)
        if n not in deleted
    ]
    aliases = {"$Default": str(default), "$Latest": str(listed[-1]["VersionNumber"])}

    def described(**params: Any) -> dict[str, Any]:
        every = [str(one["VersionNumber"]) for one in listed]
        numbers = [aliases.get(version, version) for version in params.get("Versions") or every]
        assert set(numbers) <= set(every), "AWS refuses a version that does not exist"
        return {"LaunchTemplateVersions": [one for one in listed if str(one["VersionNumber"]) in numbers]}

    return Answers(
        ec2_DescribeLaunchTemplates={"LaunchTemplates": [template]}, ec2_DescribeLaunchTemplateVersions=described
    )


def _live(*versions: dict[str, Any], default: int = 1, body: dict[str, Any] = BODY) -> Present:
    found = observe(KIND, _answers(*versions, default=default), body)
    assert isinstance(found, Present)
    return found


def _updated(present: Present, body: dict[str, Any] = BODY) -> list[tuple[str, dict[str, Any]]]:
    calls = KIND.calls(update(KIND, body, present))  # type: ignore[misc]
    assert not refused(calls)
    return compiled(calls)


def _of_case(live: Any, *_: Any) -> Present:
    return Present(body=live, outputs={})


class TestEquivalence:
    """Which differences AWS ignores, and which it does not."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_a_case_differs_only_if_aws_behaves_differently(self, case: Case) -> None:
        assert equivalent(KIND, _of_case, case) == case["equivalent"], case["note"]
        assert settled(KIND, _of_case, case)

    @pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
    def test_every_change_of_a_live_value_is_detected(self, case: Case) -> None:
        assert unseen(KIND, _of_case, case) == set()


class TestUserData:
    """Text in a manifest, base64 in AWS."""

    @pytest.mark.parametrize(
        "text", [SCRIPT, "#cloud-config\n", "<powershell>\n", "[settings.ecs]\n", "Content-Type: x"]
    )
    def test_text_and_its_encoding_are_equal_and_nothing_is_encoded_twice(self, text: str) -> None:
        assert plain(_b64(text)) == plain(text) == text
        assert encoded(text) == encoded(_b64(text)) == _b64(text)

    @pytest.mark.parametrize("value", ["H4sIAAAAAAAAA0vOzy0oSi0uTk0BAJ", Text((Ref(key(KIND), "id"),))])
    def test_compressed_data_and_unresolved_references_are_unchanged(self, value: Any) -> None:
        assert encoded(value) == plain(value) == value

    def test_a_script_that_was_encoded_twice_is_a_difference(self) -> None:
        live = {**BODY["LaunchTemplateData"], "UserData": _b64(SCRIPT)}  # the response encodes it once more
        assert [one.path[-1] for one in compare(KIND, BODY, _live(live)).fields] == ["UserData"]

    def test_text_that_happens_to_be_base64_is_text(self) -> None:
        assert plain("abcd") == "abcd"
        assert encoded("abcd") == _b64("abcd")


class TestRead:
    """Which version is live."""

    def test_the_default_version_is_compared_and_a_newer_manual_one_is_no_output(self) -> None:
        present = _live(BODY["LaunchTemplateData"], OLD)
        assert compare(KIND, BODY, present).fields == ()
        assert present.outputs == {"id": "lt-1", "name": "web", "latestVersion": "1"}
        assert present.facts == {"default": 1, "latest": 2, "equal": 1}

    def test_a_default_that_was_moved_back_is_detected(self) -> None:
        present = _live(OLD, BODY["LaunchTemplateData"])
        assert {one.path[-1] for one in compare(KIND, BODY, present).fields} == {"ImageId", "UserData"}

    def test_a_newest_version_that_was_deleted_is_not_read(self) -> None:
        """AWS counts it in LatestVersionNumber, and refuses a describe of it."""
        data = BODY["LaunchTemplateData"]
        for body in (BODY, {**BODY, "DefaultVersion": "keep"}):
            found = observe(KIND, _answers(data, OLD, OLD, deleted={3}), body)
            assert isinstance(found, Present)
            assert compare(KIND, body, found).fields == ()
            assert found.outputs["latestVersion"] == "1"

    def test_a_member_that_only_aws_sets_is_no_difference(self) -> None:
        """`Operator.Managed` and the state of options are none; another `Operator.Principal` is one."""
        by_aws = {"MetadataOptions": {"HttpTokens": "required", "State": "pending"}, "Operator": {"Managed": False}}
        sent = {**BODY["LaunchTemplateData"], "MetadataOptions": {"HttpTokens": "required"}}
        reader = _answers({**sent, **by_aws})
        template = reader.answers["ec2.DescribeLaunchTemplates"]["LaunchTemplates"][0]
        template["Operator"] = {"Managed": False, "HiddenByDefault": False}
        body = {**BODY, "LaunchTemplateData": sent}
        found = observe(KIND, reader, body)
        assert isinstance(found, Present)
        assert compare(KIND, body, found).fields == ()
        template["Operator"] = {"Managed": True, "Principal": "eks.amazonaws.com"}
        managed = observe(KIND, reader, body)
        assert isinstance(managed, Present)
        assert [(one.path[0], one.effect) for one in compare(KIND, body, managed).fields] == [("Operator", "replace")]

    def test_a_tag_with_an_empty_value_is_a_tag(self) -> None:
        """A tag of instances and volumes with an empty value differs from no tag."""
        tags = [{"Key": "a", "Value": ""}, {"Key": "b", "Value": "1"}]
        specified = [{"ResourceType": "instance", "Tags": tags}]
        body = {**BODY, "LaunchTemplateData": {**BODY["LaunchTemplateData"], "TagSpecifications": specified}}
        live = {**BODY["LaunchTemplateData"], "TagSpecifications": [{**specified[0], "Tags": tags[1:]}]}
        (one,) = compare(KIND, body, _live(live, body=body)).fields
        assert one.path == ("LaunchTemplateData", "TagSpecifications", "instance", "Tags", "a")

    def test_with_keep_the_default_version_is_not_compared(self) -> None:
        keep = {**BODY, "DefaultVersion": "keep"}
        present = _live(OLD, BODY["LaunchTemplateData"], OLD, body=keep)
        assert compare(KIND, keep, present).fields == ()
        assert present.outputs["latestVersion"] == "2"

    def test_older_versions_are_read_only_if_the_newest_differs(self) -> None:
        reader = _answers(OLD, BODY["LaunchTemplateData"], default=2)
        observe(KIND, reader, BODY)
        assert [name for name, _ in reader.asked] == [
            "ec2.DescribeLaunchTemplates",
            "ec2.DescribeLaunchTemplateVersions",
        ]
        reader = _answers(BODY["LaunchTemplateData"], OLD, OLD, default=3)
        assert observe(KIND, reader, BODY).facts["equal"] == 1  # type: ignore[union-attr]
        assert len(reader.asked) == 3

    def test_a_template_that_is_not_listed_is_absent(self) -> None:
        reader = Answers(ec2_DescribeLaunchTemplates={"LaunchTemplates": []})
        assert observe(KIND, reader, BODY) == Absent()


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_encodes_user_data_and_captures_every_output(self) -> None:
        body = {**BODY, "Tags": [{"Key": "a", "Value": "b"}], "DefaultVersion": "latest"}
        (create,) = KIND.calls(Create(desired=desired(KIND, body), marks={"ecsync:owner": "o"}))  # type: ignore[misc]
        assert not refused([create])
        tags = [{"Key": "a", "Value": "b"}, {"Key": "ecsync:owner", "Value": "o"}]
        assert create.params == {
            "LaunchTemplateName": "web",
            "LaunchTemplateData": _sent(BODY["LaunchTemplateData"]),
            "TagSpecifications": [{"ResourceType": "launch-template", "Tags": tags}],
        }
        assert set(create.captures) == set(KIND.outputs)

    def test_a_change_creates_a_version_and_then_moves_the_default(self) -> None:
        version = Text((Ref(key(KIND), "latestVersion"),))
        assert _updated(_live(OLD)) == [
            (
                "ec2.CreateLaunchTemplateVersion",
                {"LaunchTemplateId": "lt-1", "LaunchTemplateData": _sent(BODY["LaunchTemplateData"])},
            ),
            ("ec2.ModifyLaunchTemplate", {"LaunchTemplateId": "lt-1", "DefaultVersion": version}),
        ]

    def test_undeclared_members_are_copied_to_the_new_version(self) -> None:
        """An adopted template keeps undeclared members in every block and every list."""
        disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "Encrypted": True}}
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "1"}]}]
        live = _live({**OLD, "KeyName": "k", "BlockDeviceMappings": [disk], "TagSpecifications": tags})
        smaller = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 40}}]
        body = {**BODY, "LaunchTemplateData": {"ImageId": "ami-1", "BlockDeviceMappings": smaller}}
        fields = compare(KIND, body, live, undeclared=False).fields
        assert {one.path[-1] for one in fields} == {"ImageId", "VolumeSize"}
        change = Update(desired=desired(KIND, body), observed=live, fields=fields)
        create = KIND.calls(change)[0]  # type: ignore[misc]
        assert create.params["LaunchTemplateData"] == {
            "ImageId": "ami-1",
            "InstanceType": "t3.small",
            "KeyName": "k",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 40, "Encrypted": True}}],
            "TagSpecifications": tags,
        }

    def test_a_version_that_equals_the_declaration_is_reused(self) -> None:
        modify = {"LaunchTemplateId": "lt-1", "DefaultVersion": "2"}
        assert _updated(_live(OLD, BODY["LaunchTemplateData"])) == [("ec2.ModifyLaunchTemplate", modify)]

    def test_with_keep_the_default_version_stays(self) -> None:
        keep = {**BODY, "DefaultVersion": "keep"}
        assert [name for name, _ in _updated(_live(OLD, body=keep), keep)] == ["ec2.CreateLaunchTemplateVersion"]

    def test_an_unresolved_reference_in_user_data_is_unchanged(self) -> None:
        text = Text(("#!/bin/sh\n", Ref(key(KIND, "x"), "name")))
        body = {**BODY, "LaunchTemplateData": {**BODY["LaunchTemplateData"], "UserData": text}}
        (step,) = plan_of(KIND, desired(KIND, body), Absent()).steps
        assert step.calls[0].params["LaunchTemplateData"]["UserData"] == text

    def test_a_delete_is_one_call(self) -> None:
        calls = KIND.calls(Delete(key=key(KIND), observed=_live(OLD)))  # type: ignore[misc]
        assert compiled(calls) == [("ec2.DeleteLaunchTemplate", {"LaunchTemplateId": "lt-1"})]

    def test_a_default_version_other_than_latest_or_keep_is_a_problem(self) -> None:
        assert [path for path, _ in KIND.check({**BODY, "DefaultVersion": "3"})] == [("DefaultVersion",)]


class _CorrectedMoto(Moto):
    """Moto, corrected: it adds the template's tags to the data of version 1, and returns no tags that are set later."""

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        for item in super().pages(service, operation, result, **params):
            data = item.get("LaunchTemplateData", {})
            if any(one["ResourceType"] == "launch-template" for one in data.get("TagSpecifications", ())):
                del data["TagSpecifications"]
            if operation == "DescribeLaunchTemplates":
                filters = [{"Name": "resource-id", "Values": [item["LaunchTemplateId"]]}]
                item["Tags"] = list(super().pages("ec2", "DescribeTags", "Tags", Filters=filters))
            yield item


class TestMoto:
    """Against moto, one call at a time."""

    @mock_aws
    def test_it_recovers_from_a_crash_after_each_call(self) -> None:
        cloud = _CorrectedMoto()
        assert converges(KIND, cloud, {**BODY, "LaunchTemplateData": OLD}) == ["ec2.CreateLaunchTemplate"]
        changed = converges(KIND, cloud, BODY)
        assert [name for name in changed if name != "ec2.CreateTags"] == [
            "ec2.CreateLaunchTemplateVersion",
            "ec2.ModifyLaunchTemplate",
        ]
        back = converges(KIND, cloud, {**BODY, "LaunchTemplateData": OLD})
        assert [name for name in back if name != "ec2.CreateTags"] == ["ec2.ModifyLaunchTemplate"]
        assert [one.natural for one in KIND.owned(cloud, "prod")] == ["web"]  # type: ignore[misc]
        assert isinstance(dict(KIND.read(cloud, [wanted(KIND, BODY)], {}))[key(KIND)], Present)


def _until(time: str) -> dict[str, Any]:
    spot = {"MarketType": "spot", "SpotOptions": {"ValidUntil": time}}
    return {**BODY, "LaunchTemplateData": {**BODY["LaunchTemplateData"], "InstanceMarketOptions": spot}}


class TestTimes:
    """`ValidUntil` of spot instances."""

    @pytest.mark.parametrize("time", ["2031-02-03T04:05:06Z", "2031-02-03T05:05:06+01:00", "2031-02-03T04:05:06"])
    def test_the_same_instant_is_in_sync_and_is_sent_in_utc(self, time: str) -> None:
        """EC2 returns it with milliseconds. boto3 takes a time without a zone for that of the machine."""
        declared, live = _until(time), _until("2031-02-03T04:05:06.000Z")["LaunchTemplateData"]
        assert compare(KIND, declared, _live(live)).fields == ()
        (call,) = KIND.calls(Create(desired=desired(KIND, declared), marks={}))  # type: ignore[misc]
        sent = call.params["LaunchTemplateData"]["InstanceMarketOptions"]["SpotOptions"]["ValidUntil"]
        assert sent == "2031-02-03T04:05:06+00:00"

    def test_another_instant_is_a_difference_and_other_text_is_a_problem(self) -> None:
        """The next second, and a word."""
        live = _until("2031-02-03T04:05:07.000Z")["LaunchTemplateData"]
        assert len(compare(KIND, _until("2031-02-03T04:05:06Z"), _live(live)).fields) == 1
        ((path, message),) = KIND.check(_until("tomorrow"))
        assert (path[-1], message[:24]) == ("ValidUntil", "ValidUntil must be a tim")
