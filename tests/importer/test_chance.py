"""Whatever boto3 makes: its import plans nothing, is the same however AWS answers, and makes it again elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from ecsync.core.model import Done, Failed
from ecsync.engine.reconciler import PassOptions, reconcile
from ecsync.engine.step_state import StepState
from tests.importer.builder import Builder
from tests.importer.chance import Chance
from tests.importer.reluctant import Shuffled
from tests.importer.stage import Kept, Stage, changes

SEEDS = range(8)
SERVICES = 7
PASSES = 10
TRUST = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
"Principal": {"Service": ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"]}}]}"""


@pytest.mark.parametrize("seed", SEEDS)
def test_the_plan_of_any_import_is_empty(built: Builder, seed: int) -> None:
    """Its proof says so, and so does a plan from a fresh read; nothing is left out."""
    Chance(built, seed).account(SERVICES)
    drawn = built.stage.imported()
    plan = Kept(built.stage, dict(drawn.files)).plan()
    assert (changes(plan), plan.empty) == ([], True)
    assert (drawn.gaps, drawn.unplanned) == ((), ())
    assert [note for note in drawn.notes if "would" in note] == []


@pytest.mark.parametrize("seed", SEEDS[-2:])
def test_adopted_it_plans_nothing_at_all(built: Builder, seed: int) -> None:
    """Tags change no content: another import is the same files."""
    Chance(built, seed).account(SERVICES)
    built.stage.simulator.advance(600)
    kept = Kept(built.stage, dict(built.stage.imported().files))
    assert {type(result) for result in kept.adopt().results.values()} == {Done}
    plan = kept.plan()
    assert (changes(plan), plan.steps) == ([], ())
    assert dict(built.stage.imported().files) == kept.files


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_an_import_is_the_same_in_whatever_order_aws_answers(built: Builder, seed: int) -> None:
    """Two imports of one account are the same files, byte by byte."""
    Chance(built, seed).account(SERVICES)
    first, *others = (dict(built.stage.imported(Shuffled(built.stage.cloud(), order)).files) for order in range(3))
    assert others == [first, first]


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_what_was_written_makes_it_again_in_an_empty_account(built: Builder, seed: int) -> None:
    """Nothing that AWS wants to be told was left out as its default."""
    stage = built.stage
    Chance(built, seed, plain=True).account(SERVICES)
    stage.simulator.advance(600)
    drawn = stage.imported()
    before = _places(stage)
    stage.simulator.reset()
    for role in sorted(set(re.findall(r"^  Role/([\w-]+):", "".join(drawn.files.values()), re.MULTILINE))):
        stage.aws("iam").create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
    kept = Kept(stage, _moved(drawn.files, before, _places(stage)))
    assert _applied(kept) == []
    plan = kept.plan()
    assert (changes(plan), plan.steps) == ([], ())


def _applied(kept: Kept) -> list[str]:
    """Make passes until nothing is left to do; what failed on the way."""
    step_state, failed = StepState(), []
    for _ in range(PASSES):
        destination = replace(kept.destination(), asserted=True)
        outcome = reconcile(kept.application(), kept.catalogue(), destination, step_state, PassOptions(enforce=True))
        failed += [f"{step}: {one.error}" for step, one in outcome.results.items() if isinstance(one, Failed)]
        if not outcome.results:
            break
        kept.stage.simulator.advance(60)
    return failed


def _places(stage: Stage) -> dict[str, str]:
    """What is there in every account under ids of its own: the default network."""
    ec2 = stage.aws("ec2")
    subnets = {one["AvailabilityZone"]: one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]}
    groups = {one["GroupName"]: one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]}
    return {**subnets, **groups, "vpc": ec2.describe_vpcs()["Vpcs"][0]["VpcId"]}


def _moved(files: Mapping[str, str], before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    ids = {before[place]: after[place] for place in before}
    known = re.compile("|".join(ids))
    return {name: known.sub(lambda found: ids[found[0]], text) for name, text in files.items()}
