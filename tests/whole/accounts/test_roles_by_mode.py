"""Three accounts with a role for each mode: what CloudTrail shows of each, and how far one wrong role reaches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from ecsim import LedgerEntry, Simulator
from ecsync.aws.clients import Clients
from tests.whole.support.command import Command
from tests.whole.support.environment import ACCOUNT, REGION, Environment

ACCOUNTS = {"dev": "222222222222", "stage": "333333333333", "live": "444444444444"}
MODES = {"observe": "ecsync-look", "apply": "ecsync-write", "prune": "ecsync-remove"}
APPLICATION = """\
apiVersion: ecsync/v1
kind: Application
metadata: {{name: shop-{target}}}
spec:
  target: {{account: {target}}}
  manage: [all]
---
apiVersion: ecsync/v1
resources:
  LogGroup/web: {{logGroupName: /shop/web, retentionInDays: {days}}}
  Cluster/main: {{clusterName: shop}}
"""
SERVICE = """\
apiVersion: ecsync/v1
resources:
  Network/main: {default: true}
  TaskDefinition/web:
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    containerDefinitions: [{name: web, image: nginx}]
  Service/web:
    cluster: ${Cluster/main}
    taskDefinition: ${TaskDefinition/web}
    launchType: FARGATE
    desiredCount: 1
    networkConfiguration: {awsvpcConfiguration: {subnets: "${Network/main.publicSubnetIds}"}}
"""
OLD = "  Cluster/old: {clusterName: old}\n"


@pytest.fixture
def accounts(simulator: Simulator, clients: Clients, tmp_path: Path) -> Environment:
    """Three empty accounts with three roles each, and a folder of manifests for each."""
    environment = Environment(simulator, clients, tmp_path / "manifests")
    for target, account in ACCOUNTS.items():
        declare(environment, target, old=True)
        for name in MODES.values():
            make_role(simulator, account, name)
    (tmp_path / "config.yaml").write_text(json.dumps({"targets": {name: entry(name) for name in ACCOUNTS}}))
    return environment


@pytest.fixture
def ecsync(accounts: Environment, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, with the config of the three targets."""
    monkeypatch.setenv("ECSYNC_CONFIG", str(accounts.manifests.parent / "config.yaml"))
    return Command(accounts, monkeypatch)


def declare(environment: Environment, target: str, *, days: int = 7, old: bool = False) -> None:
    """Write the manifests of a target."""
    folder = environment.manifests / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.yaml").write_text(APPLICATION.format(target=target, days=days) + (OLD if old else ""))


def entry(target: str, **more: Any) -> dict[str, Any]:
    """Return an entry of `targets`."""
    roles = {mode: arn(target, name) for mode, name in MODES.items()}
    return {"account": ACCOUNTS[target], "roles": roles, "external_id": "x1", "session_tags": True, **more}


def arn(target: str, role: str) -> str:
    """Return the ARN of a role in the account of a target."""
    return f"arn:aws:iam::{ACCOUNTS[target]}:role/{role}"


def configure(environment: Environment, **targets: dict[str, Any]) -> None:
    """Replace entries of the config."""
    config = environment.manifests.parent / "config.yaml"
    config.write_text(json.dumps({"targets": {**json.loads(config.read_text())["targets"], **targets}}))


def owner(simulator: Simulator, target: str, service: str) -> Any:
    """Return a client of the owner of the account of a target."""
    account = ACCOUNTS.get(target, target)
    keys = {"aws_access_key_id": account, "aws_secret_access_key": "secret"}
    return boto3.client(service, endpoint_url=simulator.url, region_name=REGION, **keys)


def make_role(simulator: Simulator, account: str, name: str, external_id: str | None = "x1") -> None:
    """Make a role that trusts the operator's account, with an external id and with session tags."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
    if external_id:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    owner(simulator, account, "iam").create_role(RoleName=name, AssumeRolePolicyDocument=policy)


def made(simulator: Simulator, since: int) -> Iterator[LedgerEntry]:
    """Yield the calls of ecsync in the accounts of the targets."""
    return (one for one in simulator.ledger.entries(since) if one.account in ACCOUNTS.values())


def role_and_session(one: LedgerEntry) -> tuple[str, str]:
    """Return the role of a caller, and the name of its session."""
    kind, role, session = one.identity.split(":")[5].split("/")
    assert kind == "assumed-role", one
    return role, session


def asked(simulator: Simulator, since: int) -> set[str]:
    """Return the names of the roles that STS was asked for."""
    return {one["RoleArn"].rpartition("/")[2] for one in requests(simulator, since)}


def requests(simulator: Simulator, since: int) -> list[dict[str, Any]]:
    """Return the parameters of each request for a role."""
    return [one.params for one in simulator.ledger.entries(since) if one.operation == "AssumeRole"]


def clusters(simulator: Simulator, target: str) -> set[str]:
    """Return the names of the clusters of a target."""
    found = owner(simulator, target, "ecs").list_clusters()["clusterArns"]
    return {one.rpartition("/")[2] for one in found}


def days(simulator: Simulator, target: str) -> list[int]:
    """Return the retention of the log groups of a target."""
    return [one["retentionInDays"] for one in owner(simulator, target, "logs").describe_log_groups()["logGroups"]]


def test_each_mode_has_its_role_and_each_write_names_application_and_revision(
    ecsync: Command, accounts: Environment
) -> None:
    """Reads by one role, writes by the second, deletes by the third; a process that only looks asks for no other."""
    simulator = accounts.simulator
    mark = len(simulator.ledger)
    assert ecsync("apply", accounts.manifests, "--yes").code == 0
    assert asked(simulator, mark) == {MODES["observe"], MODES["apply"]}
    writes = [one for one in made(simulator, mark) if one.mutating]
    assert {one.account for one in writes} == {*ACCOUNTS.values()}
    names = {target: role_and_session(one) for one in writes for target in ACCOUNTS if ACCOUNTS[target] == one.account}
    tags = [{tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in requests(simulator, mark) if "Tags" in one]
    revision = json.loads(ecsync("plan", accounts.manifests, "-o", "json").out)["applications"][0]["revision"]
    for target, (role, session) in names.items():
        assert (role, session) == (MODES["apply"], f"ecsync-shop-{target}-{revision[:12]}")
    assert {role_and_session(one)[0] for one in writes} == {MODES["apply"]}
    assert [one.pop("ecsync-application") for one in tags] == [f"shop-{target}" for target in sorted(ACCOUNTS)]
    assert (
        tags == [{"ecsync-revision": revision, "ecsync-installation": "test"}] * 3
    )  # the sessions that read have none
    assert {role_and_session(one) for one in made(simulator, mark) if not one.mutating} == {
        (MODES["observe"], "ecsync")
    }

    mark = len(simulator.ledger)
    assert ecsync("apply", accounts.manifests, "--yes", "--prune").code == 0  # in sync
    assert asked(simulator, mark) == {MODES["observe"]}

    for target in ACCOUNTS:
        declare(accounts, target)
    mark = len(simulator.ledger)
    assert ecsync("apply", accounts.manifests, "--yes", "--prune").code == 0
    deletes = [one for one in made(simulator, mark) if one.operation == "DeleteCluster"]
    assert {role_and_session(one)[0] for one in deletes} == {MODES["prune"]}
    assert {one.account for one in deletes} == {*ACCOUNTS.values()}
    assert all(clusters(simulator, target) == {"shop"} for target in ACCOUNTS)


def test_a_role_of_another_account_writes_nothing_and_the_others_converge(
    ecsync: Command, accounts: Environment
) -> None:
    """The account of each session is checked before its first write."""
    wrong = entry("stage")
    wrong["roles"]["apply"] = arn("dev", MODES["apply"])
    configure(accounts, stage=wrong)
    mark = len(accounts.simulator.ledger)
    done = ecsync("apply", accounts.manifests, "--yes")
    assert done.code != 0
    assert (
        f"{arn('dev', MODES['apply'])} is of account {ACCOUNTS['dev']}, the target is {ACCOUNTS['stage']}" in done.err
    )
    writes = [one for one in made(accounts.simulator, mark) if one.mutating]
    assert {role_and_session(one)[1].split("-")[2] for one in writes} == {"dev", "live"}
    assert clusters(accounts.simulator, "stage") == set()
    for target in ("dev", "live"):
        assert clusters(accounts.simulator, target) == {"shop", "old"}


def test_without_the_role_that_deletes_updates_go_on(ecsync: Command, accounts: Environment) -> None:
    """Each deletion is reported with AWS's reason, and nothing is deleted."""
    stage = accounts.manifests / "stage"
    assert ecsync("apply", stage, "--yes").code == 0
    owner(accounts.simulator, "stage", "iam").delete_role(RoleName=MODES["prune"])
    declare(accounts, "stage", days=30)
    done = ecsync("apply", stage, "--yes", "--prune")
    assert done.code == 6
    assert f"not authorized to perform: sts:AssumeRole on resource: {arn('stage', MODES['prune'])}" in done.err
    assert days(accounts.simulator, "stage") == [30]
    assert clusters(accounts.simulator, "stage") == {"shop", "old"}


def test_no_role_stands_in_for_that_which_deletes(ecsync: Command, accounts: Environment) -> None:
    """The role that writes could delete, and may not: the deletion is held, and the reason names the setting."""
    without, stage = entry("stage"), accounts.manifests / "stage"
    del without["roles"]["prune"]
    configure(accounts, stage=without)
    assert ecsync("apply", stage, "--yes").code == 0
    declare(accounts, "stage", days=30)
    reason = "its target has no role that deletes (set targets.stage.roles.prune in the operator's config)"
    done = ecsync("apply", stage, "--yes", "--prune")
    assert (done.code, reason in done.err) == (4, True), done.err
    assert days(accounts.simulator, "stage") == [30]
    assert clusters(accounts.simulator, "stage") == {"shop", "old"}


def test_with_a_role_that_only_reads_nothing_is_sent(ecsync: Command, accounts: Environment) -> None:
    """`plan` works, and `apply` names the setting."""
    only, stage = entry("stage"), accounts.manifests / "stage"
    only["roles"] = {"observe": arn("stage", MODES["observe"])}
    configure(accounts, stage=only)
    assert ecsync("plan", stage).code == 0
    done = ecsync("apply", stage, "--yes")
    assert done.code == 6
    assert "set roles.apply of the target" in done.err
    assert clusters(accounts.simulator, "stage") == set()


def test_the_operators_own_account_may_have_roles_that_write(
    ecsync: Command, accounts: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The credentials of the process observe; the variable has the name of the setting."""
    make_role(accounts.simulator, ACCOUNT, "write", external_id=None)
    folder = accounts.manifests / "dev"
    text = (folder / "app.yaml").read_text()
    (folder / "app.yaml").write_text(text.replace("  target: {account: dev}\n", ""))
    monkeypatch.setenv("ECSYNC_ROLES_APPLY", f"arn:aws:iam::{ACCOUNT}:role/write")
    mark = len(accounts.simulator.ledger)
    assert ecsync("apply", folder, "--yes").code == 0
    writes = [one for one in accounts.simulator.ledger.mutations(mark) if one.service != "iam"]
    assert {(one.account, role_and_session(one)[0]) for one in writes} == {(ACCOUNT, "write")}


def test_the_printed_policy_of_each_mode_suffices_for_its_role(ecsync: Command, accounts: Environment) -> None:
    """A service is created and deleted by three roles that may do what `permissions` prints, and no more."""
    folder, simulator = accounts.manifests / "live", accounts.simulator
    (folder / "service.yaml").write_text(SERVICE)
    granted = {
        arn("live", role): statements(ecsync("permissions", folder, "--mode", mode).json)
        for mode, role in MODES.items()
    }
    simulator.settings = replace(simulator.settings, policies=granted)
    mark = len(simulator.ledger)
    done = ecsync("apply", folder, "--yes")
    assert done.code == 0, done.err
    (folder / "service.yaml").write_text(SERVICE.partition("  Service/web:")[0])
    done = ecsync("apply", folder, "--yes", "--prune")
    assert done.code == 0, done.err
    calls = list(made(simulator, mark))
    assert [one for one in calls if one.error_code in ("AccessDenied", "AccessDeniedException")] == []
    deleted = {one.operation for one in calls if role_and_session(one)[0] == MODES["prune"]}
    assert deleted == {"UpdateService", "DeleteService"}
    assert all(one.mutating for one in calls if role_and_session(one)[0] != MODES["observe"])


def statements(printed: Any) -> list[Any]:
    """Return policies as a list."""
    return printed if isinstance(printed, list) else [printed]
