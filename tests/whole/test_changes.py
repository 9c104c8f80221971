"""A change of a manifest results in exactly the calls that it needs, with exactly the changed members."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ecsim import LedgerEntry
from ecsync.core.model import Update
from tests.whole.support.environment import SETTLE_SECONDS, Body, Controller, operations

MARKS = {"ecsync:owner", "ecsync:id", "ecsync:applied"}


def apply(converged: Controller) -> list[LedgerEntry]:
    """Read the manifests again and converge; return the mutating calls."""
    converged.read()
    with converged.environment.writes() as writes:
        converged.converge(pause=SETTLE_SECONDS)
        converged.run_passes(3)
    return writes


def deployments(converged: Controller) -> list[str]:
    """Return the ARNs of the service's deployments, newest first."""
    listed = converged.environment.aws("ecs").list_service_deployments(cluster="quickstart", service="web")
    return [one["serviceDeploymentArn"] for one in listed["serviceDeployments"]]


def tags(entry: LedgerEntry) -> Body:
    """Return the tags that a call sets, without ecsync's marks."""
    return {tag["key"]: tag["value"] for tag in entry.params["tags"] if tag["key"] not in MARKS}


def only(writes: Iterable[LedgerEntry], *expected: str) -> tuple[LedgerEntry, ...]:
    """Return the mutating calls; they must be exactly the expected ones."""
    writes = tuple(writes)
    assert operations(writes) == list(expected)
    return writes


def test_a_changed_image_is_one_revision_and_one_update(converged: Controller) -> None:
    """One plan has both steps; the update has the new revision and the member that AWS resets if it is missing."""
    converged.environment.edit("nginx:1.27", "nginx:1.28", "application.yaml")
    converged.read()
    plan = converged.plan()
    assert [str(step.id) for step in plan.steps] == ["TaskDefinition/web", "Service/web"]
    assert [change.effect for step in plan.steps for change in step.fields] == ["revise", "rolls-tasks"]
    assert {change.reason for step in plan.steps for change in step.fields} == {"pending"}
    register, update = only(apply(converged), "ecs.RegisterTaskDefinition", "ecs.UpdateService")
    assert register.params["containerDefinitions"][0]["image"].endswith(":1.28")
    revision = converged.status("TaskDefinition/web").physical
    assert revision.endswith(":2")
    assert update.params == {
        "cluster": "quickstart",
        "service": "web",
        "taskDefinition": revision,
        "healthCheckGracePeriodSeconds": 30,  # marked `Resets`
    }


def test_a_changed_environment_variable_is_one_revision_and_one_update(converged: Controller) -> None:
    """No field of the plan contains its value."""
    converged.environment.edit("{GREETING: hello}", "{GREETING: hello, MOOD: canary-value}")
    converged.read()
    fields = [change for step in converged.plan().steps for change in step.fields]
    assert "canary-value" not in repr(fields)
    register, _ = only(apply(converged), "ecs.RegisterTaskDefinition", "ecs.UpdateService")
    environment = register.params["containerDefinitions"][0]["environment"]
    assert {one["name"]: one["value"] for one in environment} == {"GREETING": "hello", "MOOD": "canary-value"}


def test_a_new_tag_is_one_call_and_starts_no_deployment(converged: Controller) -> None:
    """One TagResource sets the tag and updates the mark."""
    before = deployments(converged)
    converged.environment.edit("{team: quickstart}", "{team: quickstart, cost: '42'}")
    (call,) = only(apply(converged), "ecs.TagResource")
    assert tags(call) == {"cost": "42"}
    assert {tag["key"] for tag in call.params["tags"]} - MARKS == {"cost"}
    assert deployments(converged) == before


def test_a_tag_that_is_no_longer_declared_is_removed(converged: Controller) -> None:
    """One UntagResource removes it, one TagResource updates the mark; a tag of another client stays."""
    arn = converged.status("Service/web").physical
    converged.environment.aws("ecs").tag_resource(resourceArn=arn, tags=[{"key": "theirs", "value": "stays"}])
    converged.environment.edit("    tags: {team: quickstart}\n", "")
    untag, mark = sorted(apply(converged), key=lambda one: one.operation, reverse=True)
    assert (untag.operation, untag.params["tagKeys"]) == ("UntagResource", ["team"])
    assert (mark.operation, tags(mark)) == ("TagResource", {})
    live = {tag["key"] for tag in converged.environment.service()["tags"]}
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
def test_a_changed_member_is_one_update(converged: Controller, old: str, new: str, members: Body | None) -> None:
    """The update sends that member and no other; then the mark is updated."""
    before = deployments(converged)
    converged.environment.edit(old, new)
    writes = apply(converged)
    if members is None:
        assert set(operations(writes)) <= {"ecs.TagResource"}
    else:
        update, _ = only(writes, "ecs.UpdateService", "ecs.TagResource")
        assert update.params == {"cluster": "quickstart", "service": "web", **members}
    assert deployments(converged) == before


def test_a_changed_member_of_each_other_kind_is_one_call(converged: Controller) -> None:
    """Retention, health check, attribute, setting, priority: each is one call, and one call for its mark."""
    converged.environment.edit("retentionInDays: 14", "retentionInDays: 30")
    converged.environment.edit("value: enabled", "value: disabled")
    converged.environment.edit("HealthCheckPath: /", "HealthCheckPath: /healthz", "network.yaml")
    converged.environment.edit("idle_timeout.timeout_seconds: 60", "idle_timeout.timeout_seconds: 90", "network.yaml")
    converged.environment.edit("Priority: 100", "Priority: 200", "network.yaml")
    writes = apply(converged)
    changes = [one for one in operations(writes) if not one.endswith(("TagResource", "AddTags"))]
    assert sorted(changes) == [
        "ecs.UpdateCluster",
        "elbv2.ModifyLoadBalancerAttributes",
        "elbv2.ModifyTargetGroup",
        "elbv2.SetRulePriorities",
        "logs.PutRetentionPolicy",
    ]
    assert len(writes) == 10
    assert all(isinstance(step.change, Update) for step in converged.plan().steps)


def test_null_removes_a_tag_and_resets_an_attribute(converged: Controller) -> None:
    """The calls are the same as if the document did not declare them."""
    converged.environment.edit("{team: quickstart}", "{team: null}")
    converged.environment.edit("timeout_seconds: 30}", "timeout_seconds: null}", "network.yaml")
    calls = {one.operation: one.params for one in apply(converged)}
    assert calls["UntagResource"]["tagKeys"] == ["team"]
    assert calls["ModifyTargetGroupAttributes"]["Attributes"] == [
        {"Key": "deregistration_delay.timeout_seconds", "Value": "300"}
    ]
    assert {tag["key"] for tag in converged.environment.service()["tags"]} == MARKS


def test_an_attribute_that_is_no_longer_declared_is_reset_to_its_default(converged: Controller) -> None:
    """One call resets that attribute alone, and the mark no longer contains it: later changes are not drift."""
    converged.environment.edit("    Attributes: {deregistration_delay.timeout_seconds: 30}\n", "", "network.yaml")
    modify, _ = only(apply(converged), "elbv2.ModifyTargetGroupAttributes", "elbv2.AddTags")
    assert modify.params["Attributes"] == [{"Key": "deregistration_delay.timeout_seconds", "Value": "300"}]
    group = modify.params["TargetGroupArn"]
    other_value = [{"Key": "deregistration_delay.timeout_seconds", "Value": "7"}]
    converged.environment.aws("elbv2").modify_target_group_attributes(TargetGroupArn=group, Attributes=other_value)
    assert converged.plan().steps == ()


def test_a_different_notation_is_no_change(converged: Controller) -> None:
    """A declared default, a null, a number as a string: the plan is empty."""
    converged.environment.edit(
        "    desiredCount: 2\n", "    desiredCount: 2\n    schedulingStrategy: REPLICA\n    role: null\n"
    )
    converged.environment.edit(
        "    Protocol: HTTP\n    Port: 80\n    DefaultActions",
        "    Protocol: HTTP\n    Port: '80'\n    DefaultActions",
        "network.yaml",
    )
    assert apply(converged) == []
    assert converged.plan().steps == ()
