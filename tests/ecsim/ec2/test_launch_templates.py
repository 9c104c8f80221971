"""Launch templates and their versions."""

from __future__ import annotations

import pytest

from tests.ecsim.aws import Aws, refused
from tests.ecsim.fleet import Fleet


@pytest.fixture
def fleet(aws: Aws) -> Fleet:
    """An empty account, and the resources that instances need."""
    return Fleet(aws)


def test_a_version_is_returned_unchanged(aws: Aws, fleet: Fleet) -> None:
    """UserData and the image's parameter are returned unchanged. Tags of the template are not tags of instances."""
    data = fleet.data(TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}])
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "team", "Value": "web"}]}]
    made = aws.ec2.create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData=data, TagSpecifications=tags)
    assert made["LaunchTemplate"]["Tags"] == [{"Key": "team", "Value": "web"}]
    assert made["LaunchTemplate"]["Operator"] == {"Managed": False}
    version = aws.ec2.describe_launch_template_versions(LaunchTemplateName="nodes")["LaunchTemplateVersions"][0]
    assert version["LaunchTemplateData"] == data
    assert (version["VersionNumber"], version["DefaultVersion"]) == (1, True)


def test_versions_are_numbered_and_one_is_the_default(aws: Aws, fleet: Fleet) -> None:
    """A new version is the latest one. Only ModifyLaunchTemplate changes the default. $Latest and $Default resolve."""
    template = fleet.template()

    def numbers(*versions: str) -> list[int]:
        found = aws.ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=list(versions))
        return [one["VersionNumber"] for one in found["LaunchTemplateVersions"]]

    aws.ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=fleet.data("other"))
    assert (numbers("$Latest"), numbers("$Default"), numbers()) == ([2], [1], [2, 1])
    aws.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
    assert numbers("$Default") == [2]
    assert numbers("$Default", "$Latest") == [2]
    with refused("InvalidLaunchTemplateId.VersionNotFound"):
        numbers("7")
    with refused("InvalidLaunchTemplateId.VersionNotFound"):
        aws.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="7")
    shown = aws.ec2.describe_launch_templates()["LaunchTemplates"][0]
    assert (shown["DefaultVersionNumber"], shown["LatestVersionNumber"]) == (2, 2)


def test_a_version_can_have_a_source_version(aws: Aws, fleet: Fleet) -> None:
    """With a source version, omitted members come from it. Without one, they are unset."""
    fleet.template()
    change = {"LaunchTemplateName": "nodes", "LaunchTemplateData": {"InstanceType": "t3.large"}}
    over = aws.ec2.create_launch_template_version(**change, SourceVersion="1")["LaunchTemplateVersion"]
    assert over["LaunchTemplateData"] == fleet.data(InstanceType="t3.large")
    alone = aws.ec2.create_launch_template_version(**change)["LaunchTemplateVersion"]
    assert alone["LaunchTemplateData"] == {"InstanceType": "t3.large"}


def test_names_are_unique_and_a_deleted_template_is_not_found(aws: Aws, fleet: Fleet) -> None:
    """A second template of the same name is refused. A deleted template is not found by ID or name."""
    template = fleet.template()
    with refused("InvalidLaunchTemplateName.AlreadyExistsException"):
        fleet.template()
    aws.ec2.delete_launch_template(LaunchTemplateName="nodes")
    with refused("InvalidLaunchTemplateName.NotFoundException"):
        aws.ec2.describe_launch_templates(LaunchTemplateNames=["nodes"])
    with refused("InvalidLaunchTemplateId.NotFound"):
        aws.ec2.delete_launch_template(LaunchTemplateId=template)


def test_templates_are_found_by_tag_and_by_page(aws: Aws, fleet: Fleet) -> None:
    """Filters match tags and names with wildcards, also tags that were set later. Results come in pages."""
    templates = [fleet.template(name) for name in ("one", "two", "three")]
    aws.ec2.create_tags(Resources=[templates[1]], Tags=[{"Key": "owner", "Value": "v1/me/x"}])

    def names(**filter_: object) -> list[str]:
        found = aws.ec2.describe_launch_templates(Filters=[filter_])["LaunchTemplates"]
        return [one["LaunchTemplateName"] for one in found]

    assert names(Name="tag:owner", Values=["v1/me/*"]) == ["two"]
    assert names(Name="tag-key", Values=["owner"]) == ["two"]
    assert names(Name="launch-template-name", Values=["one", "three"]) == ["one", "three"]
    first = aws.ec2.describe_launch_templates(MaxResults=2)
    rest = aws.ec2.describe_launch_templates(MaxResults=2, NextToken=first["NextToken"])
    assert len(first["LaunchTemplates"] + rest["LaunchTemplates"]) == 3
    aws.ec2.delete_tags(Resources=[templates[1]], Tags=[{"Key": "owner"}])
    assert names(Name="tag-key", Values=["owner"]) == []


def test_a_version_is_deleted_unless_it_is_the_default(aws: Aws, fleet: Fleet) -> None:
    """Each version succeeds or fails separately."""
    fleet.template()
    aws.ec2.create_launch_template_version(LaunchTemplateName="nodes", LaunchTemplateData=fleet.data("x"))
    answer = aws.ec2.delete_launch_template_versions(LaunchTemplateName="nodes", Versions=["1", "2"])
    assert [one["VersionNumber"] for one in answer["SuccessfullyDeletedLaunchTemplateVersions"]] == [2]
    assert [one["VersionNumber"] for one in answer["UnsuccessfullyDeletedLaunchTemplateVersions"]] == [1]
    newest = aws.ec2.describe_launch_template_versions(LaunchTemplateName="nodes", Versions=["$Latest"])
    assert [one["VersionNumber"] for one in newest["LaunchTemplateVersions"]] == [1]
    with refused("DryRunOperation"):
        aws.ec2.delete_launch_template(LaunchTemplateName="nodes", DryRun=True)
    assert len(aws.ec2.describe_launch_templates()["LaunchTemplates"]) == 1
