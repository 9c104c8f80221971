"""`ecsync eject`: our tags are taken off, nothing else changes, and `ecsync adopt` brings them back."""

from __future__ import annotations

import json
import re
from typing import Any

from ecsim import Fault
from ecsync import wiring
from ecsync.config import Settings
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


def test_only_our_tags_are_taken_off(converged: Controller, ecsync: Command) -> None:
    """Each resource stays as it is, and the calls write no more than tags."""
    environment = converged.environment
    before = without_marks(environment)
    assert marks_in(environment)
    with environment.writes() as writes:
        answer = ecsync("eject", environment.manifests, "--yes")
    assert answer.code == 0, answer
    assert "Service/web: released" in answer.out
    assert {one.operation for one in writes} == UNTAGS
    assert marks_in(environment) == []
    assert without_marks(environment) == before


def test_a_second_eject_finds_nothing(converged: Controller, ecsync: Command) -> None:
    """It asks nothing, writes nothing and exits 0."""
    environment = converged.environment
    assert ecsync("eject", environment.manifests, "--yes").code == 0
    with environment.writes() as writes:
        answer = ecsync("eject", environment.manifests)
    assert (answer.code, answer.out) == (0, ""), answer
    assert operations(writes) == []


def test_adopt_reverses_it(converged: Controller, ecsync: Command) -> None:
    """After it, everything is in sync and ours again; a daemon adopts the log group by itself, and writes no more."""
    environment = converged.environment
    before = without_marks(environment)
    ecsync("eject", environment.manifests, "--yes")
    assert ecsync("adopt", environment.manifests).code == 0
    answer = ecsync("plan", environment.manifests, "-o", "json")
    steps = [(step["key"], step["action"]) for step in answer.json["applications"][0]["steps"]]
    assert steps == [("LogGroup/quickstart/web", "mark")]
    environment.controller().converge()
    assert without_marks(environment) == before


def test_without_a_yes_nothing_is_written(converged: Controller, ecsync: Command) -> None:
    """It lists what it would release, and ends as an interrupted command."""
    with converged.environment.writes() as writes:
        answer = ecsync("eject", converged.environment.manifests)
    assert answer.code == 130
    assert "Service/web" in answer.err
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


def test_a_copied_mark_stays(converged: Controller, ecsync: Command) -> None:
    """A security group with a copy of the tags of another one is not ours: it keeps them."""
    environment = converged.environment
    ec2 = environment.aws("ec2")
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["quickstart-web"]}])[
        "SecurityGroups"
    ]
    copied = ec2.create_security_group(GroupName="copy", Description="a copy", VpcId=group["VpcId"])["GroupId"]
    ec2.create_tags(Resources=[copied], Tags=group["Tags"])
    assert ecsync("eject", environment.manifests, "--yes").code == 0
    left = ec2.describe_security_groups(GroupIds=[copied])["SecurityGroups"][0]["Tags"]
    assert sorted(tag["Key"] for tag in left) == sorted(tag["Key"] for tag in group["Tags"])


def test_a_failed_call_is_reported_and_the_others_go_on(converged: Controller, ecsync: Command) -> None:
    """The exit code is 6, and a second run releases the rest."""
    environment = converged.environment
    environment.simulator.fault(Fault("deny", "iam", "UntagRole", times=1))
    first = ecsync("eject", environment.manifests, "--yes")
    assert first.code == 6, first
    assert "Role/execution: " in first.out
    assert "Service/web: released" in first.out
    second = ecsync("eject", environment.manifests, "--yes")
    assert (second.code, second.out) == (0, "Role/execution: released\n")


def test_another_process_with_the_lease_stops_it(converged: Controller, ecsync: Command) -> None:
    """While a daemon writes, nothing is released: it would register revisions that have our tags again."""
    environment = converged.environment
    settings = Settings(installation=INSTALLATION, account=ACCOUNT, region=REGION)
    clouds = wiring.Clouds(settings=settings, read_only=False)
    with (
        wiring.lease.held(settings, str(environment.manifests), clouds, "run", ""),
        environment.writes() as writes,
    ):
        answer = ecsync("eject", environment.manifests, "--yes")
    assert answer.code == 7, answer
    assert operations(writes) == []
