"""Deployments of a service: a rolled-back change is not retried, and AWS holds the only record of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecsync.core import plan
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Gate, GiveUp, Hold, Proceed, Wait
from ecsync.core.marks import OWNER, identity
from ecsync.core.model import Application, Desired, Key, Marks, Observed, PhysicalId, Present, Text
from ecsync.core.outcome import Plan
from ecsync.core.ports import AwsError
from ecsync.core.trees import Body
from ecsync.kinds.ecs import task_definition
from ecsync.kinds.ecs._service_read import present_of
from ecsync.kinds.ecs.service import KIND
from tests.kinds.ecs import answers
from tests.kinds.ecs.answers import Reader
from tests.kinds.infra import TARGET, denied, desired, missing, update

SEVEN, EIGHT = answers.arn("task-definition/web:7"), answers.arn("task-definition/web:8")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BODY: dict[str, Any] = {"cluster": "prod", "serviceName": "web", "taskDefinition": EIGHT}
LIVE: dict[str, Any] = {
    "serviceName": "web",
    "serviceArn": answers.arn("service/prod/web"),
    "clusterArn": answers.arn("cluster/prod"),
    "status": "ACTIVE",
    "taskDefinition": SEVEN,
    "desiredCount": 2,
    "runningCount": 2,
    "pendingCount": 0,
    "tags": [{"key": OWNER, "value": "v1/prod/shop/Service/web"}],
    "deployments": [{"status": "PRIMARY", "rolloutState": "COMPLETED", "taskDefinition": SEVEN}],
}
BALANCERS = {"loadBalancers": [{"targetGroupArn": "arn:tg", "containerName": "web", "containerPort": 80}]}


def live(**more: Any) -> Present:
    return present_of({**LIVE, **more}, BODY)


def decided(body: Body, observed: Present, newest: Mapping[str, Any] | None) -> Gate:
    """Return the decision of the gate, with the newest deployment as `inquire` returns it."""
    observed = replace(observed, facts={**observed.facts, "newestDeployment": newest})
    change = update(KIND, body, observed)
    assert KIND.gate is not None
    return KIND.gate(change.desired, observed, change.fields, {})


def deployment(status: str, **target: Any) -> dict[str, Any]:
    return {"status": status, "statusReason": "because", "target": {"taskDefinition": EIGHT, **target}}


# ---------------------------------------------------------------- the gate (docs/rules.md R15)


@pytest.mark.parametrize(
    ("newest", "verdict"),
    [
        (None, Proceed),
        (deployment("IN_PROGRESS"), Wait),
        (deployment("PENDING"), Wait),
        (deployment("ROLLBACK_IN_PROGRESS"), GiveUp),
        (deployment("ROLLBACK_SUCCESSFUL"), GiveUp),
        (deployment("ROLLBACK_FAILED"), GiveUp),
        (deployment("STOPPED"), GiveUp),
        (deployment("SUCCESSFUL"), Proceed),
        (deployment("IN_PROGRESS", taskDefinition=SEVEN), Proceed),
        (deployment("ROLLBACK_SUCCESSFUL", taskDefinition=SEVEN), Proceed),
    ],
)
def test_the_newest_deployment_decides(newest: Mapping[str, Any] | None, verdict: type) -> None:
    gate = decided(BODY, live(), newest)
    assert type(gate) is verdict
    assert "because" in str(gate) or isinstance(gate, Proceed)


def test_every_member_of_the_deployment_target_is_compared() -> None:
    body = {**BODY, "taskDefinition": SEVEN, **BALANCERS}
    failed = deployment("ROLLBACK_SUCCESSFUL", taskDefinition=SEVEN)
    assert isinstance(decided(body, live(), {**failed, "target": {**failed["target"], **BALANCERS}}), GiveUp)
    assert isinstance(decided(body, live(), failed), Proceed), "the failed deployment had no load balancer"


def test_an_unresolved_body_was_not_deployed_yet() -> None:
    body = {**BODY, "taskDefinition": answers.ref("TaskDefinition", "web", "arn")}
    assert isinstance(decided(body, live(), deployment("ROLLBACK_SUCCESSFUL")), Proceed)


def test_the_number_of_the_latest_platform_version_is_no_difference() -> None:
    failed = deployment("ROLLBACK_SUCCESSFUL", platformVersion="1.4.0", launchType="FARGATE")
    body = {**BODY, "launchType": "FARGATE", "platformVersion": "LATEST"}
    assert isinstance(decided(body, live(launchType="FARGATE", platformVersion="LATEST"), failed), GiveUp)


def test_a_change_that_starts_no_deployment_proceeds() -> None:
    body = {**BODY, "taskDefinition": SEVEN, "enableExecuteCommand": True}
    assert isinstance(decided(body, live(), deployment("IN_PROGRESS", taskDefinition=SEVEN)), Proceed)


def test_a_change_waits_while_the_service_drains() -> None:
    assert isinstance(decided(BODY, live(status="DRAINING"), None), Wait)


@pytest.mark.parametrize(
    ("controller", "change", "verdict"),
    [
        ("CODE_DEPLOY", {}, Hold),
        ("CODE_DEPLOY", {"taskDefinition": SEVEN, "deploymentConfiguration": {"maximumPercent": 150}}, Proceed),
        ("EXTERNAL", {"taskDefinition": SEVEN, "deploymentConfiguration": {"maximumPercent": 150}}, Hold),
        ("EXTERNAL", {"taskDefinition": SEVEN, "desiredCount": 3}, Proceed),
    ],
)
def test_a_change_that_another_controller_must_deploy_is_held(controller: str, change: Body, verdict: type) -> None:
    by = {"deploymentController": {"type": controller}}
    assert type(decided({**BODY, **by, **change}, live(**by), None)) is verdict


# ---------------------------------------------------------------- facts that are read for it


def inquire(body: Body, observed: Present, **answers: Any) -> tuple[Mapping[str, Any], list[str]]:
    reader = Reader(**answers)
    change = update(KIND, body, observed)
    assert KIND.inquire is not None
    return KIND.inquire(reader, change.desired, observed, change.fields), [name for name, _ in reader.asked]


def test_the_newest_deployment_is_read_with_its_target() -> None:
    deployments = [
        {"status": "SUCCESSFUL", "createdAt": NOW, "targetServiceRevisionArn": "r7"},
        {
            "status": "ROLLBACK_SUCCESSFUL",
            "statusReason": "circuit breaker",
            "createdAt": NOW + timedelta(hours=1),
            "targetServiceRevisionArn": "r8",
        },
    ]

    def revisions(*, serviceRevisionArns: list[str]) -> Body:  # noqa: N803 - AWS's spelling
        assert serviceRevisionArns == ["r8"]
        return {"serviceRevisions": [{"taskDefinition": EIGHT, "serviceRevisionArn": "r8", **BALANCERS}]}

    facts, _ = inquire(
        BODY,
        live(),
        ecs_ListServiceDeployments={"serviceDeployments": deployments},
        ecs_DescribeServiceRevisions=revisions,
        ecs_DescribeTaskDefinition={"tags": [{"key": OWNER, "value": "v1/prod/shop/TaskDefinition/web"}]},
    )
    newest = facts["newestDeployment"]
    assert (newest["status"], newest["statusReason"]) == ("ROLLBACK_SUCCESSFUL", "circuit breaker")
    assert newest["target"] == {"taskDefinition": EIGHT, **BALANCERS}
    assert facts["runningRevisionOwner"] == "v1/prod/shop/TaskDefinition/web"


def test_nothing_is_read_for_a_change_that_starts_no_deployment() -> None:
    assert inquire({**BODY, "taskDefinition": SEVEN, "enableExecuteCommand": True}, live()) == ({}, [])


def test_a_service_without_history_has_no_newest_deployment() -> None:
    facts, _ = inquire(
        BODY, live(), ecs_ListServiceDeployments={}, ecs_DescribeTaskDefinition=missing("ClientException")
    )
    assert facts == {"newestDeployment": None, "runningRevisionOwner": ""}


def test_a_failed_read_of_deployments_is_an_error() -> None:
    with pytest.raises(AwsError):
        inquire(BODY, live(), ecs_ListServiceDeployments=denied(), ecs_DescribeTaskDefinition={})


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        ("v1/prod/shop/TaskDefinition/web", "pending"),
        ("v1/test/shop/TaskDefinition/web", "drift"),
        ("", "drift"),
        (None, None),
    ],
)
def test_an_older_revision_of_ours_is_pending_and_any_other_is_drift(owner: str | None, reason: str | None) -> None:
    assert KIND.reason is not None
    observed = live()
    facts = {} if owner is None else {"runningRevisionOwner": owner}
    assert KIND.reason(("taskDefinition",), replace(observed, facts={**observed.facts, **facts})) == reason
    assert KIND.reason(("desiredCount",), observed) is None


# ---------------------------------------------------------------- health


def primary(state: str, **more: Any) -> dict[str, Any]:
    return {"deployments": [{"status": "PRIMARY", "rolloutState": state, **more}]}


@pytest.mark.parametrize(
    ("more", "status", "part"),
    [
        ({}, "Healthy", ""),
        ({"desiredCount": 0, "runningCount": 0}, "Healthy", "scaled to 0"),
        ({"status": "DRAINING"}, "Progressing", "draining"),
        (primary("IN_PROGRESS", rolloutStateReason="in progress", failedTasks=1), "Progressing", "1 failed"),
        (primary("IN_PROGRESS", rolloutStateReason="circuit breaker: rolling back to 7"), "Degraded", "rolling back"),
        (primary("FAILED", rolloutStateReason="tasks failed to start"), "Degraded", "failed to start"),
        ({"runningCount": 1, "events": [{"message": "unable to place a task"}]}, "Degraded", "unable to place"),
        ({"runningCount": 1, "events": [{"message": "started 1 task", "createdAt": NOW}]}, "Progressing", "1 of 2"),
        (
            {"runningCount": 1, "events": [{"message": "m", "createdAt": NOW - timedelta(hours=1)}]},
            "Degraded",
            "1 of 2 tasks running: m",
        ),
        ({"runningCount": 3}, "Progressing", "3 of 2"),
        ({"deployments": [], "taskSets": [{"id": "1"}]}, "Healthy", ""),
    ],
)
def test_health_has_the_reason_of_ecs(more: Mapping[str, Any], status: str, part: str) -> None:
    health = KIND.health(desired(KIND, BODY), replace(live(**more), read_at=NOW + timedelta(minutes=1)))
    assert (health.status, part in health.why) == (status, True)


def test_a_rolled_back_service_is_degraded_even_if_its_tasks_run() -> None:
    observed = live()
    facts = {**observed.facts, "newestDeployment": deployment("ROLLBACK_SUCCESSFUL")}
    health = KIND.health(desired(KIND, BODY), replace(observed, facts=facts))
    assert (health.status, health.why) == ("Degraded", "because")


# ---------------------------------------------------------------- in one plan


def ours(kind: str, natural: str) -> Marks:
    physical = PhysicalId(account=TARGET.account, region=TARGET.region, kind=kind, natural=natural)
    return Marks(owner=f"v1/prod/shop/{kind}/web", id=identity(physical))


def planned(task: Body) -> Plan:
    """Plan a task definition and the service that refers to it, both live and ours."""
    web = Key(application="shop", kind="TaskDefinition", name="web")
    live_body = {"family": "web", "containerDefinitions": [{"name": "web", "image": "web:7"}]}
    found = task_definition.present_of({**live_body, "taskDefinitionArn": SEVEN, "revision": 7}, (), task)
    service = desired(KIND, {**BODY, "taskDefinition": answers.ref("TaskDefinition", "web", "arn")})
    world: dict[Key, Observed] = {
        web: replace(found, marks=ours("TaskDefinition", "web")),
        service.key: replace(live(), marks=ours("Service", "prod/web")),
    }
    kinds = {"Service": KIND, "TaskDefinition": task_definition.KIND}
    application = Application(name="shop", resources=(Desired(key=web, body=task), service))
    return plan.build(Inputs(application=application, kinds=kinds, world=world, target=TARGET, installation="prod"))


def test_an_image_change_is_one_registration_and_one_update() -> None:
    task = {"family": "web", "containerDefinitions": [{"name": "web", "image": "web:8"}]}
    register, roll = planned(task).steps
    assert [call.operation for call in register.calls] == ["RegisterTaskDefinition"]
    (call,) = roll.calls
    assert set(call.params) == {"cluster", "service", "taskDefinition"}
    assert isinstance(call.params["taskDefinition"], Text)
    assert roll.after == {register.id}
    assert {one.reason for one in roll.fields} == {"pending"}


def test_a_service_that_runs_the_content_needs_no_step() -> None:
    assert planned({"family": "web", "containerDefinitions": [{"name": "web", "image": "web:7"}]}).steps == ()
