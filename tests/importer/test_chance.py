"""Whatever boto3 makes: its import plans nothing, is the same however AWS answers, and makes it again elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from ecsync.core.model import Done, Failed
from ecsync.engine.reconciler import PassOptions, reconcile
from ecsync.engine.step_state import StepState
from tests.importer.account import ImportedApplication, SimulatedAccount, changes
from tests.importer.account_builder import AccountBuilder
from tests.importer.chance import Chance
from tests.importer.readers import ShufflingReader

SEEDS = range(8)
SERVICES = 7
PASSES = 10
TRUST = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
"Principal": {"Service": ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"]}}]}"""


@pytest.mark.parametrize("seed", SEEDS)
def test_the_plan_of_any_import_is_empty(builder: AccountBuilder, seed: int) -> None:
    """Its proof says so, and so does a plan from a fresh read; nothing is left out."""
    Chance(builder, seed).account(SERVICES)
    generated = builder.account.import_cluster()
    plan = ImportedApplication(builder.account, dict(generated.files)).plan()
    assert (changes(plan), plan.empty) == ([], True)
    assert (generated.gaps, generated.unplanned) == ((), ())
    assert [note for note in generated.notes if "would" in note] == []


@pytest.mark.parametrize("seed", SEEDS[-2:])
def test_adopted_it_plans_nothing_at_all(builder: AccountBuilder, seed: int) -> None:
    """Tags change no content: another import is the same files."""
    Chance(builder, seed).account(SERVICES)
    builder.account.simulator.advance(600)
    imported = ImportedApplication(builder.account, dict(builder.account.import_cluster().files))
    assert {type(result) for result in imported.adopt().results.values()} == {Done}
    plan = imported.plan()
    assert (changes(plan), plan.steps) == ([], ())
    assert dict(builder.account.import_cluster().files) == imported.files


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_an_import_is_the_same_in_whatever_order_aws_answers(builder: AccountBuilder, seed: int) -> None:
    """Two imports of one account are the same files, byte by byte."""
    Chance(builder, seed).account(SERVICES)
    first, *others = (
        dict(builder.account.import_cluster(ShufflingReader(builder.account.cloud(), order)).files)
        for order in range(3)
    )
    assert others == [first, first]


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_what_was_written_makes_it_again_in_an_empty_account(builder: AccountBuilder, seed: int) -> None:
    """Nothing that AWS wants to be told was left out as its default."""
    account = builder.account
    Chance(builder, seed, plain=True).account(SERVICES)
    account.simulator.advance(600)
    generated = account.import_cluster()
    before = _places(account)
    account.simulator.reset()
    for role in sorted(set(re.findall(r"^  Role/([\w-]+):", "".join(generated.files.values()), re.MULTILINE))):
        account.aws("iam").create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
    imported = ImportedApplication(account, _moved(generated.files, before, _places(account)))
    assert _applied(imported) == []
    plan = imported.plan()
    assert (changes(plan), plan.steps) == ([], ())


def _applied(imported: ImportedApplication) -> list[str]:
    """Make passes until nothing is left to do; what failed on the way."""
    step_state, failed = StepState(), []
    for _ in range(PASSES):
        destination = replace(imported.destination(), asserted=True)
        outcome = reconcile(
            imported.application(), imported.catalogue(), destination, step_state, PassOptions(enforce=True)
        )
        failed += [f"{step}: {one.error}" for step, one in outcome.results.items() if isinstance(one, Failed)]
        if not outcome.results:
            break
        imported.account.simulator.advance(60)
    return failed


def _places(account: SimulatedAccount) -> dict[str, str]:
    """What is there in every account under ids of its own: the default network."""
    ec2 = account.aws("ec2")
    subnets = {one["AvailabilityZone"]: one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]}
    groups = {one["GroupName"]: one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]}
    return {**subnets, **groups, "vpc": ec2.describe_vpcs()["Vpcs"][0]["VpcId"]}


def _moved(files: Mapping[str, str], before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    ids = {before[place]: after[place] for place in before}
    known = re.compile("|".join(ids))
    return {name: known.sub(lambda found: ids[found[0]], text) for name, text in files.items()}
