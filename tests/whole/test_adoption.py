"""Manually created resources: a plan offers to adopt them, enforcing writes nothing, `ecsync adopt` marks them."""

from __future__ import annotations

import re

from ecsync.core.model import Adopt
from ecsync.core.trees import pointer
from tests.whole.support import manual_quickstart
from tests.whole.support.command import Command
from tests.whole.support.environment import SETTLE_SECONDS, Environment, operations

UNMARKED = {
    "Cluster/main",
    "Listener/http",
    "ListenerRule/web",
    "LoadBalancer/web",
    "Role/execution",
    "SecurityGroup/lb",
    "SecurityGroup/web",
    "Service/web",
    "TargetGroup/web",
    "TaskDefinition/web",
}  # LogGroup/web is adopted automatically, because fluent-bit and awslogs create log groups


def test_the_plan_offers_to_adopt_every_resource(environment: Environment, ecsync: Command) -> None:
    """Each resource is one `? adopt` without a changed field; the plan creates, changes and deletes nothing."""
    manual_quickstart.create(environment)
    with environment.writes() as writes:
        answer = ecsync("plan", environment.manifests, "-o", "json", "--detailed-exitcode")
        text = ecsync("plan", environment.manifests).out
    assert operations(writes) == []
    (application,) = answer.json["applications"]
    adopted = {step["key"].replace("quickstart/", "") for step in application["steps"] if step["action"] == "adopt"}
    assert adopted == UNMARKED
    assert [field for step in application["steps"] for field in step["fields"]] == []
    assert {step["action"] for step in application["steps"]} <= {"adopt", "mark"}
    assert set(re.findall(r"^ +\? +(\S+) +adopt$", text, re.MULTILINE)) == UNMARKED


def test_the_plan_lists_what_enforcing_would_change_and_reset(environment: Environment, ecsync: Command) -> None:
    """Declared fields that differ are listed, and undeclared fields that enforcing would reset are listed apart."""
    manual_quickstart.create(environment, grace=77)
    environment.aws("ecs").update_service(
        cluster="quickstart", service="web", enableExecuteCommand=True, healthCheckGracePeriodSeconds=77
    )
    (step,) = [one for one in environment.controller().plan().steps if str(one.id) == "Service/web"]
    assert isinstance(step.change, Adopt)
    fields = {pointer(one.path): (one.before, one.after) for one in step.change.fields}
    assert fields == {"/healthCheckGracePeriodSeconds": (77, 30), "/enableExecuteCommand": (True, False)}
    assert [pointer(one.path) for one in step.change.resets] == ["/enableExecuteCommand"]
    text = ecsync("plan", environment.manifests).out
    assert "healthCheckGracePeriodSeconds" in text
    assert "enableExecuteCommand" in text


def test_enforcing_writes_nothing_to_unmarked_resources(environment: Environment) -> None:
    """Ten enforcing passes change nothing; only the log group is adopted."""
    manual_quickstart.create(environment, grace=77)
    controller = environment.controller()
    with environment.writes() as writes:
        controller.run_passes(10)
    assert set(operations(writes)) <= {"logs.TagResource"}
    assert len(writes) <= 1
    assert controller.events_of_type("drift.detected") == []


def test_after_adopt_the_plan_is_empty(environment: Environment, ecsync: Command) -> None:
    """`ecsync adopt` marks every resource and changes nothing else."""
    manual_quickstart.create(environment)
    controller = environment.controller()
    controller.run_passes(2)
    with environment.writes() as writes:
        answer = ecsync("adopt", environment.manifests)
    assert answer.code == 0, answer
    assert {line.split(":")[0] for line in answer.out.splitlines()} == UNMARKED
    assert {name.split(".")[1] for name in operations(writes)} == {"TagResource", "AddTags", "CreateTags", "TagRole"}
    after = ecsync("plan", environment.manifests, "--detailed-exitcode", "-o", "json")
    assert (after.code, after.json["applications"][0]["steps"]) == (0, [])
    with environment.writes() as more:
        controller.read()
        controller.run_passes(3)
    assert operations(more) == []


def test_a_single_adopted_service_is_reconciled(environment: Environment, ecsync: Command) -> None:
    """Its declared fields are repaired, and its undeclared fields stay as they were set."""
    manual_quickstart.create(environment, grace=77)
    environment.aws("ecs").update_service(
        cluster="quickstart", service="web", enableExecuteCommand=True, healthCheckGracePeriodSeconds=77
    )
    environment.simulator.advance(SETTLE_SECONDS)
    assert ecsync("adopt", environment.manifests, "Service/web").code == 0
    controller = environment.controller()
    with environment.writes() as writes:
        controller.run_passes(4)
    (update,) = [one for one in writes if one.operation == "UpdateService"]
    assert update.params == {"cluster": "quickstart", "service": "web", "healthCheckGracePeriodSeconds": 30}
    assert environment.service()["enableExecuteCommand"] is True
