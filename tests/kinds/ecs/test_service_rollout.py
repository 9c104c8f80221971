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
from ecsync.kinds.ecs import _revision_read, task_definition
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
    """Return the decision of the gate, with the newest deployment of the desired content as `inquire` returns it."""
    attempt = newest and {"superseded": False, "declaredSince": False, **newest}
    observed = replace(observed, facts={**observed.facts, "attempt": attempt})
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
        ({**deployment("STOPPED"), "superseded": True}, Proceed),
        ({**deployment("ROLLBACK_SUCCESSFUL"), "declaredSince": True}, Proceed),
    ],
)
def test_the_newest_deployment_of_the_content_decides(newest: Mapping[str, Any] | None, verdict: type) -> None:
    gate = decided(BODY, live(), newest)
    assert type(gate) is verdict
    assert "because" in str(gate) or isinstance(gate, Proceed)


@pytest.mark.parametrize(("deployed", "named"), [("d1", True), ("d2", False)])
def test_a_change_that_waits_for_a_paused_deployment_names_its_hook(deployed: str, named: bool) -> None:
    """Only if it is that deployment which waits."""
    pause = {"hookId": "hook-1", "stage": "POST_SCALE_UP", "deployment": "d1"}
    observed = live()
    observed = replace(observed, facts={**observed.facts, "pause": pause})
    gate = decided(BODY, observed, {**deployment("IN_PROGRESS"), "serviceDeploymentArn": deployed})
    assert isinstance(gate, Wait)
    assert ("paused at POST_SCALE_UP by hook hook-1;" in gate.why) == named


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


class History:
    """The deployments of a service, oldest first, as ECS's API returns them; an hour between two."""

    def __init__(self, *deployments: tuple[str, str], superseded: bool = False) -> None:
        begins = [NOW + timedelta(hours=hour) for hour in range(len(deployments))]
        last = timedelta(hours=1) if superseded else timedelta(minutes=10)
        self.listed = [
            {
                "status": status,
                "createdAt": begin.isoformat(),
                "finishedAt": (begin + last).isoformat(),
                "serviceDeploymentArn": f"d{number}",
                "targetServiceRevisionArn": f"r{number}",
            }
            for number, ((status, _), begin) in enumerate(zip(deployments, begins, strict=True))
        ]
        self.revisions = {f"r{number}": target for number, (_, target) in enumerate(deployments)}

    def describe(self, *, serviceRevisionArns: list[str]) -> Body:  # noqa: N803 - AWS's spelling
        """Describe service revisions."""
        found = ((arn, self.revisions[arn]) for arn in serviceRevisionArns)
        return {"serviceRevisions": [{"serviceRevisionArn": arn, "taskDefinition": target} for arn, target in found]}

    def verdict(self, ours: str = "") -> Gate:
        """Return the decision on deploying EIGHT while SEVEN runs. `ours` is a task definition with our mark."""

        def tags(*, taskDefinition: str, include: list[str]) -> Body:  # noqa: N803 - AWS's spelling
            mark = [{"key": OWNER, "value": "v1/prod/shop/TaskDefinition/web"}]
            return {"tags": mark if taskDefinition == ours and include else []}

        facts, _ = inquire(
            BODY,
            live(),
            ecs_ListServiceDeployments={"serviceDeployments": self.listed},
            ecs_DescribeServiceRevisions=self.describe,
            ecs_DescribeServiceDeployments={"serviceDeployments": [{"rollback": {"serviceRevisionArn": "r0"}}]},
            ecs_DescribeTaskDefinition=tags,
        )
        observed = live()
        assert KIND.gate is not None
        change = update(KIND, BODY, observed)
        return KIND.gate(change.desired, replace(observed, facts={**observed.facts, **facts}), change.fields, {})


GOOD, ROLLED_BACK = ("SUCCESSFUL", SEVEN), ("ROLLBACK_SUCCESSFUL", EIGHT)
NINE = answers.arn("task-definition/web:9")


@pytest.mark.parametrize(
    ("history", "verdict"),
    [
        (History(GOOD, ROLLED_BACK), GiveUp),
        (History(GOOD, ROLLED_BACK, GOOD), GiveUp),
        (History(GOOD, ROLLED_BACK, GOOD, GOOD), GiveUp),
        (History(GOOD, ROLLED_BACK, ("IN_PROGRESS", SEVEN)), GiveUp),
        (History(GOOD, ROLLED_BACK, ("SUCCESSFUL", NINE)), GiveUp),
        (History(GOOD, ("STOPPED", EIGHT), GOOD), GiveUp),
        (History(GOOD, ("STOPPED", EIGHT), GOOD, superseded=True), Proceed),
        (History(GOOD, ("IN_PROGRESS", EIGHT), ("IN_PROGRESS", SEVEN)), Proceed),
        (History(GOOD, ROLLED_BACK, ("SUCCESSFUL", EIGHT), GOOD), Proceed),
        (History(GOOD, ("IN_PROGRESS", EIGHT)), Wait),
        (History(GOOD, ("IN_PROGRESS", NINE)), Proceed),
        (History(GOOD), Proceed),
        (History(), Proceed),
    ],
)
def test_ecs_record_decides(history: History, verdict: type) -> None:
    """A bad revision is not tried again, though other deployments came after it; a superseded one was never judged."""
    assert type(history.verdict()) is verdict


def test_other_content_of_ours_since_the_rollback_lifts_it() -> None:
    """The document had other content in between, so it was changed back on purpose."""
    assert isinstance(History(GOOD, ROLLED_BACK, ("SUCCESSFUL", NINE), GOOD).verdict(ours=NINE), Proceed)


def test_the_reason_is_what_ecs_did() -> None:
    """Rolled back, or stopped."""
    assert "ECS rolled back" in str(History(GOOD, ROLLED_BACK).verdict())
    assert "was stopped" in str(History(GOOD, ("STOPPED", EIGHT)).verdict())


def test_what_rolls_no_task_is_written_though_the_revision_is_bad() -> None:
    """The count is sent, the task definition is not."""
    observed = live()
    facts = {**observed.facts, "attempt": {"superseded": False, "declaredSince": False, **deployment("STOPPED")}}
    assert KIND.calls is not None
    assert KIND.gate is not None
    change = update(KIND, {**BODY, "desiredCount": 5}, replace(observed, facts=facts))
    gate = KIND.gate(change.desired, change.observed, change.fields, {})
    assert isinstance(gate, GiveUp)
    (call,) = KIND.calls(replace(change, fields=gate.rest))
    assert call.params == {"cluster": "prod", "service": "web", "desiredCount": 5}


def test_a_withheld_platform_version_is_sent_as_it_is() -> None:
    """ECS resets a platform version that an update leaves out: the live one is sent, not the refused one."""
    observed = live(platformVersion="1.3.0", launchType="FARGATE")
    body = {**BODY, "launchType": "FARGATE", "platformVersion": "1.4.0", "desiredCount": 5}
    change = update(KIND, body, observed)
    count = tuple(one for one in change.fields if one.path == ("desiredCount",))
    assert KIND.calls is not None
    (call,) = KIND.calls(replace(change, fields=count))
    assert call.params["platformVersion"] == "1.3.0"


def test_nothing_is_read_for_a_change_that_starts_no_deployment() -> None:
    assert inquire({**BODY, "taskDefinition": SEVEN, "enableExecuteCommand": True}, live()) == ({}, [])


def test_a_service_without_history_has_no_newest_deployment() -> None:
    facts, _ = inquire(
        BODY, live(), ecs_ListServiceDeployments={}, ecs_DescribeTaskDefinition=missing("ClientException")
    )
    assert facts == {"newestDeployment": None, "attempt": None, "runningRevisionOwner": ""}


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


# ---------------------------------------------------------------- in one plan


def ours(kind: str, natural: str) -> Marks:
    physical = PhysicalId(account=TARGET.account, region=TARGET.region, kind=kind, natural=natural)
    return Marks(owner=f"v1/prod/shop/{kind}/web", id=identity(physical))


def planned(task: Body) -> Plan:
    """Plan a task definition and the service that refers to it, both live and ours."""
    web = Key(application="shop", kind="TaskDefinition", name="web")
    live_body = {"family": "web", "containerDefinitions": [{"name": "web", "image": "web:7"}]}
    found = _revision_read.present_of({**live_body, "taskDefinitionArn": SEVEN, "revision": 7}, (), task)
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
