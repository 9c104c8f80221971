"""A plan shows what AWS will refuse with the references resolved; other resources are not held by it."""

from __future__ import annotations

from dataclasses import replace

from ecsync.core import plan
from ecsync.core.constraints.plan import of_plan
from ecsync.core.inputs import Inputs
from ecsync.core.model import Absent, Application, Desired, Key, Observed, Present, Ref, Target, Text
from ecsync.kinds import BY_NAME
from ecsync.report import plan_json, plan_markdown, plan_text
from ecsync.report.plan_json import Planned
from tests.language.cases import load_files

NETWORK, GROUP, LOGS = (Key("shop", kind, "web") for kind in ("Network", "SecurityGroup", "LogGroup"))


def inputs(vpc: str) -> Inputs:
    """Return the inputs of a plan: a security group in the VPC of a lookup, and a log group."""
    group = {"GroupName": "web", "Description": "web", "VpcId": Text((Ref(NETWORK, "id"),))}
    resources = (
        Desired(key=NETWORK, body={"default": True}),
        Desired(key=GROUP, body=group),
        Desired(key=LOGS, body={"logGroupName": "/shop", "retentionInDays": 14}),
    )
    found = Present(body={"default": True}, outputs={"id": vpc})
    world: dict[Key, Observed] = {NETWORK: found, GROUP: Absent(), LOGS: Absent()}
    return Inputs(
        application=Application(name="shop", resources=resources, manage=("SecurityGroup", "LogGroup")),
        kinds=BY_NAME,
        world=world,
        target=Target(account="123456789012", region="eu-west-1"),
        installation="prod",
    )


def planned(given: Inputs) -> Planned:
    return Planned(
        plan=plan.build(given), kinds=BY_NAME, refused=of_plan(given), where=lambda key, _: f"{key.name}.yaml:9"
    )


def test_a_resolved_value_that_aws_refuses_is_in_the_plan() -> None:
    """The reference was no problem before its value was known."""
    assert of_plan(inputs("vpc-0123456789abcdef0")) == ()
    (found,) = of_plan(inputs("subnet-0123456789abcdef0"))
    assert (found.key, found.breach.path, found.breach.level) == (GROUP, ("VpcId",), "error")


def test_text_markdown_and_json_have_it() -> None:
    one = planned(inputs("subnet-0123456789abcdef0"))
    words = "SecurityGroup/web: AWS will refuse it: SecurityGroup.VpcId: "
    assert any(words in line.text for line in plan_text.lines([one]))
    assert words in plan_markdown.render([one], (), {}, name="prod")
    (found,) = plan_json.document([one])["applications"][0]["constraints"]
    assert (found["level"], found["path"], found["origin"]) == ("error", "/VpcId", "web.yaml:9")


def test_it_holds_no_other_resource() -> None:
    made = planned(inputs("subnet-0123456789abcdef0")).plan
    assert {step.id.key for step in made.steps} >= {LOGS}


def test_a_lookup_is_not_tested() -> None:
    given = inputs("vpc-0123456789abcdef0")
    bad = Desired(key=LOGS, body={"logGroupName": "/shop", "retentionInDays": 15})
    assert len(of_plan(with_last(given, bad))) == 1
    lookup = replace(bad, options=replace(bad.options, manage=False))
    assert of_plan(with_last(given, lookup)) == ()


def with_last(given: Inputs, desired: Desired) -> Inputs:
    resources = (*given.application.resources[:-1], desired)
    return replace(given, application=replace(given.application, resources=resources))


def test_an_image_or_a_log_group_of_another_region_is_a_note_where_the_region_is_known() -> None:
    """In a plan it is always known; `validate` knows what the Application declares."""
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:1"
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "/shop", "awslogs-region": "us-east-1"}}
    containers = {
        "web": {"name": "web", "memory": 64, "image": image},
        "log": {"name": "web", "memory": 64, "image": "nginx", "logConfiguration": logs},
    }
    given = inputs("vpc-0123456789abcdef0")
    tasks = [
        Desired(key=Key("shop", "TaskDefinition", name), body={"family": name, "containerDefinitions": [one]})
        for name, one in containers.items()
    ]
    application = Application(name="shop", resources=tuple(tasks), manage=("TaskDefinition",))
    found = of_plan(replace(given, application=application, world={one.key: Absent() for one in tasks}))
    assert [(one.key.name, one.breach.level) for one in found] == [("web", "note"), ("log", "note")]
    assert "the image is in us-east-1, and the tasks run in eu-west-1" in found[0].breach.message
    assert "use eu-west-1 if us-east-1 is not meant" in found[1].breach.message
    same = replace(given, application=application, target=Target(account="123456789012", region="us-east-1"))
    assert of_plan(replace(same, world={one.key: Absent() for one in tasks})) == ()
    manifest = """
kind: Application
metadata: {name: shop}
spec: {target: {region: eu-west-1}}
---
resources:
  TaskDefinition/web: {containerDefinitions: [{name: web, memory: 64, image: "%s"}]}
"""
    loaded = load_files({"a.yaml": (manifest % image).encode()})
    assert any("each pull crosses Regions" in str(one) for one in loaded.notes)
