"""`ecsync eject`: our tags are taken off, nothing else changes, and `ecsync adopt` brings them back."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from ecsim import Fault
from ecsync import wiring
from ecsync.config import Settings
from ecsync.core.model import Key, Present
from ecsync.engine.reconciler import look
from ecsync.engine.step_state import StepState
from tests.whole.permissions.recorded import CALLER, policies_of
from tests.whole.support.account_contents import contents
from tests.whole.support.command import Command
from tests.whole.support.environment import (
    ACCOUNT,
    INSTALLATION,
    REGION,
    SETTLE_SECONDS,
    Controller,
    Environment,
    operations,
)
from tests.whole.test_field_drift import MANIFESTS as EVERY_FIELD
from tests.whole.test_prune import EXTRA

UNTAGS = {"UntagResource", "UntagRole", "RemoveTags", "DeleteTags"}


def without_marks(environment: Environment) -> Any:
    """Return the content of the account without our tags."""
    return _without(json.loads(contents(environment)))


def _without(tree: Any) -> Any:
    if isinstance(tree, dict):
        rest = {key: _without(value) for key, value in tree.items() if not key.startswith("ecsync:")}
        return {key: value for key, value in rest.items() if key.lower() != "tags" or value}
    if isinstance(tree, list):
        return [_without(one) for one in tree if not (isinstance(one, dict) and _is_mark(one))]
    return tree


def _is_mark(tag: dict[str, Any]) -> bool:
    return str(tag.get("key", tag.get("Key"))).startswith("ecsync:")


def marks_in(environment: Environment) -> list[str]:
    """Return the owner marks that the tagging API lists, and those of EC2 and IAM."""
    return re.findall(r"v1/test/[A-Za-z0-9/-]+", contents(environment))


def test_our_tags_are_taken_off_once_and_adopt_brings_them_back(converged: Controller, ecsync: Command) -> None:
    """Nothing else changes, a second eject asks and writes nothing, and after `adopt` all is ours and in sync again.

    The policy of the manifests for `apply` allows both.
    """
    environment = converged.environment
    before = without_marks(environment)
    assert marks_in(environment)
    simulator = environment.simulator
    granted = policies_of(environment.manifests, "apply")
    simulator.settings = replace(simulator.settings, policies={CALLER: granted})
    with environment.writes() as writes:
        answer = ecsync("eject", environment.manifests, "--yes")
    simulator.settings = replace(simulator.settings, policies={})
    assert answer.code == 0, answer
    assert "Service/web: released" in answer.out
    assert {one.operation for one in writes} == UNTAGS
    assert marks_in(environment) == []
    assert without_marks(environment) == before
    with environment.writes() as writes:
        again = ecsync("eject", environment.manifests)
    assert (again.code, again.out, operations(writes)) == (0, "", [])
    with environment.writes() as writes:
        converged.run_passes(2)
    assert operations(writes) == ["logs.TagResource"]  # a daemon adopts a log group by itself
    simulator.settings = replace(simulator.settings, policies={CALLER: granted})
    assert ecsync("adopt", environment.manifests).code == 0
    simulator.settings = replace(simulator.settings, policies={})
    assert ecsync("plan", environment.manifests, "-o", "json").json["applications"][0]["steps"] == []
    assert without_marks(environment) == before


def test_without_a_yes_or_the_lease_nothing_is_written(converged: Controller, ecsync: Command) -> None:
    """It lists what it would release, and stops: a process that writes puts our tags on what it writes."""
    environment = converged.environment
    settings = Settings(installation=INSTALLATION, account=ACCOUNT, region=REGION)
    clouds = wiring.Clouds(settings=settings, read_only=False)
    with environment.writes() as writes:
        unsure = ecsync("eject", environment.manifests)
        with wiring.lease.held(settings, str(environment.manifests), clouds, "run", ""):
            late = ecsync("eject", environment.manifests, "--yes")
    assert (unsure.code, late.code) == (130, 7)
    assert "Service/web" in unsure.err
    assert operations(writes) == []


def test_orphans_and_older_revisions_are_released_too(environment: Environment, ecsync: Command) -> None:
    """A service that is not declared any more, and the first revision of a task definition, lose our tags."""
    (environment.manifests / "extra.yaml").write_text(EXTRA)
    environment.controller().converge(pause=SETTLE_SECONDS)
    environment.edit("GREETING: hello", "GREETING: hi")
    environment.controller().converge(pause=SETTLE_SECONDS)
    (environment.manifests / "extra.yaml").unlink()
    answer = ecsync("eject", environment.manifests, "--yes")
    assert answer.code == 0, answer
    assert "Service/extra (not declared any more): released" in answer.out
    assert "TaskDefinition/web and 1 older: released" in answer.out
    listed = environment.aws("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "ecsync:owner"}])
    assert listed["ResourceTagMappingList"] == []


def test_the_marks_of_another_application_stay(environment: Environment, ecsync: Command) -> None:
    """A resource that belongs to another application or installation keeps its tags."""
    other = environment.controller(installation="other")
    other.converge(pause=SETTLE_SECONDS)
    with environment.writes() as writes:
        answer = ecsync("eject", environment.manifests, "--yes")
    assert answer.code == 0, answer
    assert operations(writes) == []


def test_what_fails_is_released_by_a_second_run_and_a_copy_of_our_tags_stays(
    converged: Controller, ecsync: Command
) -> None:
    """The exit code is 6. A security group with the tags of another one is not ours, so it keeps them."""
    environment = converged.environment
    ec2 = environment.aws("ec2")
    named = [{"Name": "group-name", "Values": ["quickstart-web"]}]
    (group,) = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    copied = ec2.create_security_group(GroupName="copy", Description="a copy", VpcId=group["VpcId"])["GroupId"]
    ec2.create_tags(Resources=[copied], Tags=group["Tags"])
    environment.simulator.fault(Fault("deny", "iam", "UntagRole", times=1))
    first = ecsync("eject", environment.manifests, "--yes")
    assert first.code == 6, first
    assert "Role/execution: " in first.out
    assert "Service/web: released" in first.out
    second = ecsync("eject", environment.manifests, "--yes")
    assert (second.code, second.out) == (0, "Role/execution: released\n")
    left = ec2.describe_security_groups(GroupIds=[copied])["SecurityGroups"][0]["Tags"]
    assert sorted(tag["Key"] for tag in left) == sorted(tag["Key"] for tag in group["Tags"])


def test_every_kind_with_tags_is_released(environment: Environment, ecsync: Command) -> None:
    """After it, a plan adopts each resource that was ours, and each line of the output has one of them."""
    for file in environment.manifests.iterdir():
        file.unlink()
    for file in EVERY_FIELD.iterdir():
        (environment.manifests / file.name).write_text(file.read_text())
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    tagged = {
        str(key) for key, one in _present(controller).items() if one.marks is not None and _has_tags(controller, key)
    }
    answer = ecsync("eject", environment.manifests, "--yes")
    assert answer.code == 0, answer
    assert {line.removesuffix(": released") for line in answer.out.splitlines()} == tagged
    assert [str(key) for key, one in _present(environment.controller()).items() if one.marks is not None] == []


def _present(controller: Controller) -> dict[Key, Present]:
    application = controller.catalogue.applications["all-fields"]
    seen = look(application, controller.catalogue, controller.workspace.destination_for(application), StepState())
    return {key: one for key, one in seen.inputs.world.items() if isinstance(one, Present)}


def _has_tags(controller: Controller, key: Key) -> bool:
    application = controller.catalogue.applications["all-fields"]
    return controller.workspace.destination_for(application).kinds[key.kind].tagging is not None
