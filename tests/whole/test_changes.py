"""A change of a manifest is exactly the calls that it needs, with exactly the members that change."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ecsim import LedgerEntry
from ecsync.core.model import Update
from tests.whole.support.stage import LONG, Body, Controller, names

MARKS = {"ecsync:owner", "ecsync:id", "ecsync:applied"}


def apply(kept: Controller) -> list[LedgerEntry]:
    """Let the controller read the manifests again and converge; what it wrote."""
    kept.read()
    with kept.stage.writes() as writes:
        kept.converge(pause=LONG)
        kept.passes(3)
    return writes


def deployments(kept: Controller) -> list[str]:
    """The service's deployments that ECS knows of, newest first."""
    listed = kept.stage.aws("ecs").list_service_deployments(cluster="quickstart", service="web")
    return [one["serviceDeploymentArn"] for one in listed["serviceDeployments"]]


def tags(entry: LedgerEntry) -> Body:
    """The tags that a call sets, without our marks."""
    return {tag["key"]: tag["value"] for tag in entry.params["tags"] if tag["key"] not in MARKS}


def only(writes: Iterable[LedgerEntry], *expected: str) -> tuple[LedgerEntry, ...]:
    """The writes, which are these and no others."""
    writes = tuple(writes)
    assert names(writes) == list(expected)
    return writes


def test_an_image_is_one_revision_and_one_update(kept: Controller) -> None:
    """One plan holds both steps, and the update has the new revision and what AWS resets when it is left out."""
    kept.stage.edit("nginx:1.27", "nginx:1.28", "application.yaml")
    kept.read()
    plan = kept.plan()
    assert [str(step.id) for step in plan.steps] == ["TaskDefinition/web", "Service/web"]
    assert [change.effect for step in plan.steps for change in step.fields] == ["revise", "rolls-tasks"]
    assert {change.reason for step in plan.steps for change in step.fields} == {"pending"}
    register, update = only(apply(kept), "ecs.RegisterTaskDefinition", "ecs.UpdateService")
    assert register.params["containerDefinitions"][0]["image"].endswith(":1.28")
    revision = kept.status("TaskDefinition/web").physical
    assert revision.endswith(":2")
    assert update.params == {
        "cluster": "quickstart",
        "service": "web",
        "taskDefinition": revision,
        "healthCheckGracePeriodSeconds": 30,  # marked `Resets`
    }


def test_an_environment_variable_is_one_revision_and_one_update(kept: Controller) -> None:
    """So is a variable of the container; the value is in no field of the plan."""
    kept.stage.edit("{GREETING: hello}", "{GREETING: hello, MOOD: canary-value}")
    kept.read()
    fields = [change for step in kept.plan().steps for change in step.fields]
    assert "canary-value" not in repr(fields)
    register, _ = only(apply(kept), "ecs.RegisterTaskDefinition", "ecs.UpdateService")
    environment = register.params["containerDefinitions"][0]["environment"]
    assert {one["name"]: one["value"] for one in environment} == {"GREETING": "hello", "MOOD": "canary-value"}


def test_a_tag_is_one_call_and_starts_no_deployment(kept: Controller) -> None:
    """Adding a tag is one TagResource, which brings the mark up to date in the same breath."""
    before = deployments(kept)
    kept.stage.edit("{team: quickstart}", "{team: quickstart, cost: '42'}")
    (call,) = only(apply(kept), "ecs.TagResource")
    assert tags(call) == {"cost": "42"}
    assert {tag["key"] for tag in call.params["tags"]} - MARKS == {"cost"}
    assert deployments(kept) == before


def test_a_tag_that_is_declared_no_more_goes(kept: Controller) -> None:
    """Removing our tag is one UntagResource and the mark's own; a tag that we never set stays."""
    arn = kept.status("Service/web").physical
    kept.stage.aws("ecs").tag_resource(resourceArn=arn, tags=[{"key": "theirs", "value": "stays"}])
    kept.stage.edit("    tags: {team: quickstart}\n", "")
    untag, mark = sorted(apply(kept), key=lambda one: one.operation, reverse=True)
    assert (untag.operation, untag.params["tagKeys"]) == ("UntagResource", ["team"])
    assert (mark.operation, tags(mark)) == ("TagResource", {})
    live = {tag["key"] for tag in kept.stage.service()["tags"]}
    assert live - MARKS == {"theirs"}


@pytest.mark.parametrize(
    ("old", "new", "members"),
    [
        ("desiredCount: 2", "desiredCount: 3", {"desiredCount": 3, "healthCheckGracePeriodSeconds": 30}),
        ("    healthCheckGracePeriodSeconds: 30\n", "", {"healthCheckGracePeriodSeconds": 0}),
        ("    desiredCount: 2\n", "", None),
    ],
    ids=["desired count", "grace period removed", "desired count removed"],
)
def test_a_member_is_one_update(kept: Controller, old: str, new: str, members: Body | None) -> None:
    """Changing or removing one member sends that member and no other, then the mark."""
    before = deployments(kept)
    kept.stage.edit(old, new)
    writes = apply(kept)
    if members is None:
        assert set(names(writes)) <= {"ecs.TagResource"}
    else:
        update, _ = only(writes, "ecs.UpdateService", "ecs.TagResource")
        assert update.params == {"cluster": "quickstart", "service": "web", **members}
    assert deployments(kept) == before


def test_a_member_of_each_other_kind_is_one_call(kept: Controller) -> None:
    """Retention, a health check, an attribute and a setting: each is its one call and its mark, and no more."""
    kept.stage.edit("retentionInDays: 14", "retentionInDays: 30")
    kept.stage.edit("value: enabled", "value: disabled")
    kept.stage.edit("HealthCheckPath: /", "HealthCheckPath: /healthz", "network.yaml")
    kept.stage.edit("idle_timeout.timeout_seconds: 60", "idle_timeout.timeout_seconds: 90", "network.yaml")
    kept.stage.edit("Priority: 100", "Priority: 200", "network.yaml")
    writes = apply(kept)
    changes = [one for one in names(writes) if not one.endswith(("TagResource", "AddTags"))]
    assert sorted(changes) == [
        "ecs.UpdateCluster",
        "elbv2.ModifyLoadBalancerAttributes",
        "elbv2.ModifyTargetGroup",
        "elbv2.SetRulePriorities",
        "logs.PutRetentionPolicy",
    ]
    assert len(writes) == 10
    assert all(isinstance(step.change, Update) for step in kept.plan().steps)


def test_null_says_what_aws_has_of_a_tag_and_of_an_attribute(kept: Controller) -> None:
    """As if they had left the document."""
    kept.stage.edit("{team: quickstart}", "{team: null}")
    kept.stage.edit("timeout_seconds: 30}", "timeout_seconds: null}", "network.yaml")
    made = {one.operation: one.params for one in apply(kept)}
    assert made["UntagResource"]["tagKeys"] == ["team"]
    assert made["ModifyTargetGroupAttributes"]["Attributes"] == [
        {"Key": "deregistration_delay.timeout_seconds", "Value": "300"}
    ]
    assert {tag["key"] for tag in kept.stage.service()["tags"]} == MARKS


def test_an_attribute_that_leaves_the_document_goes_back_to_what_aws_has(kept: Controller) -> None:
    """One call with that attribute alone, and the mark forgets it: whoever sets it from then on may."""
    kept.stage.edit("    Attributes: {deregistration_delay.timeout_seconds: 30}\n", "", "network.yaml")
    modify, _ = only(apply(kept), "elbv2.ModifyTargetGroupAttributes", "elbv2.AddTags")
    assert modify.params["Attributes"] == [{"Key": "deregistration_delay.timeout_seconds", "Value": "300"}]
    group = modify.params["TargetGroupArn"]
    theirs = [{"Key": "deregistration_delay.timeout_seconds", "Value": "7"}]
    kept.stage.aws("elbv2").modify_target_group_attributes(TargetGroupArn=group, Attributes=theirs)
    assert kept.plan().steps == ()


def test_what_is_written_in_other_words_is_no_write(kept: Controller) -> None:
    """A default written down, a list in another order, what AWS has decided itself: the plan is empty."""
    kept.stage.edit("    desiredCount: 2\n", "    desiredCount: 2\n    schedulingStrategy: REPLICA\n    role: null\n")
    kept.stage.edit(
        "    Protocol: HTTP\n    Port: 80\n    DefaultActions",
        "    Protocol: HTTP\n    Port: '80'\n    DefaultActions",
        "network.yaml",
    )
    assert apply(kept) == []
    assert kept.plan().steps == ()
