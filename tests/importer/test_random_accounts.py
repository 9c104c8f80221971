"""Random accounts: an import has an empty plan, does not depend on the order of responses, and can be created again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from ecsync.core.outcome import Done, Failed
from ecsync.engine.reconciler import PassOptions, reconcile
from ecsync.engine.step_state import StepState
from tests.importer.account import ImportedApplication, SimulatedAccount, changes
from tests.importer.account_builder import AccountBuilder
from tests.importer.random_account.account import RandomAccount
from tests.importer.readers import ShufflingReader

SEEDS = range(8)
SERVICES = 7
PASSES = 10
TRUST = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
"Principal": {"Service": ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"]}}]}"""


@pytest.mark.parametrize("seed", SEEDS)
def test_the_plan_of_an_import_is_empty(builder: AccountBuilder, seed: int) -> None:
    """Both the proof and a plan from a new read are empty, and nothing is left out."""
    RandomAccount(builder, seed).fill(SERVICES)
    generated = builder.account.import_cluster()
    plan = ImportedApplication(builder.account, dict(generated.files)).plan()
    assert (changes(plan), plan.empty) == ([], True)
    assert (generated.gaps, generated.unplanned) == ((), ())
    assert [note for note in generated.notes if "would" in note] == []


@pytest.mark.parametrize("seed", SEEDS[-2:])
def test_the_plan_after_adopt_is_empty(builder: AccountBuilder, seed: int) -> None:
    """Adoption changes no content: another import gives the same files."""
    RandomAccount(builder, seed).fill(SERVICES)
    builder.account.simulator.advance(600)
    imported = ImportedApplication(builder.account, dict(builder.account.import_cluster().files))
    assert {type(result) for result in imported.adopt().results.values()} == {Done}
    plan = imported.plan()
    assert (changes(plan), plan.steps) == ([], ())
    assert dict(builder.account.import_cluster().files) == imported.files


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_the_files_do_not_depend_on_the_order_of_responses(builder: AccountBuilder, seed: int) -> None:
    """Imports of one account give the same files, byte by byte."""
    RandomAccount(builder, seed).fill(SERVICES)
    first, *others = (
        dict(builder.account.import_cluster(ShufflingReader(builder.account.cloud(), order)).files)
        for order in range(3)
    )
    assert others == [first, first]


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_the_files_create_the_same_resources_in_an_empty_account(builder: AccountBuilder, seed: int) -> None:
    """No member that AWS requires was left out as a default."""
    account = builder.account
    RandomAccount(builder, seed, recreatable=True).fill(SERVICES)
    account.simulator.advance(600)
    generated = account.import_cluster()
    before = _network_ids(account)
    account.simulator.reset()
    for role in sorted(set(re.findall(r"^  Role/([\w-]+):", "".join(generated.files.values()), re.MULTILINE))):
        account.aws("iam").create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
    imported = ImportedApplication(account, _with_other_ids(generated.files, before, _network_ids(account)))
    assert _failed_steps(imported) == []
    plan = imported.plan()
    assert (changes(plan), plan.steps) == ([], ())


def _failed_steps(imported: ImportedApplication) -> list[str]:
    """Make passes until no step is left; return the steps that failed."""
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


def _network_ids(account: SimulatedAccount) -> dict[str, str]:
    """Return the ids of the default network, which every account has: name -> id."""
    ec2 = account.aws("ec2")
    subnets = {one["AvailabilityZone"]: one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]}
    groups = {one["GroupName"]: one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]}
    return {**subnets, **groups, "vpc": ec2.describe_vpcs()["Vpcs"][0]["VpcId"]}


def _with_other_ids(files: Mapping[str, str], before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    ids = {before[name]: after[name] for name in before}
    pattern = re.compile("|".join(ids))
    return {name: pattern.sub(lambda found: ids[found[0]], text) for name, text in files.items()}
