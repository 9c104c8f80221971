"""The same stack made by hand: it is seen, left alone, and taken over on a word."""

from __future__ import annotations

import re

from ecsync.core.model import Adopt
from ecsync.core.trees import pointer
from tests.whole.support import byhand
from tests.whole.support.command import Command
from tests.whole.support.stage import LONG, Stage, names

BY_HAND = {
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
}  # and LogGroup/web, which is adopted by itself, as fluent-bit and awslogs create log groups


def test_a_plan_of_it_offers_to_adopt_everything(stage: Stage, ecsync: Command) -> None:
    """Each resource is one `? adopt` of no difference; nothing is to be created, changed or deleted."""
    byhand.build(stage)
    with stage.writes() as writes:
        answer = ecsync("plan", stage.manifests, "-o", "json", "--detailed-exitcode")
        told = ecsync("plan", stage.manifests).out
    assert names(writes) == []
    (application,) = answer.json["applications"]
    adopted = {step["key"].replace("quickstart/", "") for step in application["steps"] if step["action"] == "adopt"}
    assert adopted == BY_HAND
    assert [field for step in application["steps"] for field in step["fields"]] == []
    assert {step["action"] for step in application["steps"]} <= {"adopt", "mark"}
    assert set(re.findall(r"^ +\? +(\S+) +adopt$", told, re.MULTILINE)) == BY_HAND


def test_a_plan_of_it_tells_what_enforcing_would_reset(stage: Stage, ecsync: Command) -> None:
    """What the manifest says otherwise is listed, and apart from it what nobody declares and we would reset."""
    byhand.build(stage, grace=77)
    stage.aws("ecs").update_service(
        cluster="quickstart", service="web", enableExecuteCommand=True, healthCheckGracePeriodSeconds=77
    )
    (step,) = [one for one in stage.controller().plan().steps if str(one.id) == "Service/web"]
    assert isinstance(step.change, Adopt)
    fields = {pointer(one.path): (one.before, one.after) for one in step.change.fields}
    assert fields == {"/healthCheckGracePeriodSeconds": (77, 30), "/enableExecuteCommand": (True, False)}
    assert [pointer(one.path) for one in step.change.resets] == ["/enableExecuteCommand"]
    told = ecsync("plan", stage.manifests).out
    assert "healthCheckGracePeriodSeconds" in told
    assert "enableExecuteCommand" in told


def test_enforcing_writes_nothing_to_it(stage: Stage) -> None:
    """Ten enforcing passes leave all of it as it was made; the log group alone is taken over."""
    byhand.build(stage, grace=77)
    controller = stage.controller()
    with stage.writes() as writes:
        controller.passes(10)
    assert set(names(writes)) <= {"logs.TagResource"}
    assert len(writes) <= 1
    assert controller.told("drift.detected") == []


def test_after_adopt_the_plan_is_empty(stage: Stage, ecsync: Command) -> None:
    """`ecsync adopt` puts marks on everything and changes nothing else; then there is nothing left to do."""
    byhand.build(stage)
    controller = stage.controller()
    controller.passes(2)
    with stage.writes() as writes:
        answer = ecsync("adopt", stage.manifests)
    assert answer.code == 0, answer
    assert {line.split(":")[0] for line in answer.out.splitlines()} == BY_HAND
    assert {name.split(".")[1] for name in names(writes)} == {"TagResource", "AddTags", "CreateTags", "TagRole"}
    after = ecsync("plan", stage.manifests, "--detailed-exitcode", "-o", "json")
    assert (after.code, after.json["applications"][0]["steps"]) == (0, [])
    with stage.writes() as more:
        controller.read()
        controller.passes(3)
    assert names(more) == []


def test_one_that_is_adopted_is_kept_though_others_are_not(stage: Stage, ecsync: Command) -> None:
    """Of an adopted service what is declared is repaired, and what was set by hand and is declared nowhere stays."""
    byhand.build(stage, grace=77)
    stage.aws("ecs").update_service(
        cluster="quickstart", service="web", enableExecuteCommand=True, healthCheckGracePeriodSeconds=77
    )
    stage.simulator.advance(LONG)
    assert ecsync("adopt", stage.manifests, "Service/web").code == 0
    controller = stage.controller()
    with stage.writes() as writes:
        controller.passes(4)
    (update,) = [one for one in writes if one.operation == "UpdateService"]
    assert update.params == {"cluster": "quickstart", "service": "web", "healthCheckGracePeriodSeconds": 30}
    assert stage.service()["enableExecuteCommand"] is True
