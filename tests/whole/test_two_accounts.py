"""Two accounts: the operator's own, and one in which a role is assumed with an external id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from ecsim import Simulator
from ecsync.aws.clients import Clients
from tests.whole.support.command import Command
from tests.whole.support.environment import ACCOUNT, REGION, Environment, operations

OTHER = "222222222222"
ROLE = f"arn:aws:iam::{OTHER}:role/deploy/ecsync"
CONFIG = f"""\
targets:
  live: {{account: "{OTHER}", role: "{ROLE}", external_id: x1, enforce: true}}
"""
APPLICATION = """\
apiVersion: ecsync/v1
kind: Application
metadata: {{name: {name}}}
spec:
  {target}manage: [all]
  sync: {{mode: enforce}}
---
apiVersion: ecsync/v1
resources:
  LogGroup/web: {{logGroupName: /shop/web, retentionInDays: {days}}}
  Cluster/main: {{clusterName: shop}}
"""


@pytest.fixture
def account(simulator: Simulator, clients: Clients, tmp_path: Path) -> Environment:
    """Two empty accounts, a folder of manifests for each, and a role in the other account."""
    environment = Environment(simulator, clients, tmp_path / "manifests")
    for name, target, days in (("own", "", 7), ("live", "target: {account: live}\n  ", 30)):
        folder = environment.manifests / name
        folder.mkdir(parents=True)
        (folder / "app.yaml").write_text(APPLICATION.format(name=name, target=target, days=days))
    (tmp_path / "config.yaml").write_text(CONFIG)
    make_role(simulator)
    return environment


def owner(simulator: Simulator, service: str) -> Any:
    """Return a client of the owner of the other account."""
    keys = {"aws_access_key_id": OTHER, "aws_secret_access_key": "secret"}
    return boto3.client(service, endpoint_url=simulator.url, region_name=REGION, **keys)


def make_role(simulator: Simulator, external_id: str = "x1") -> None:
    """Make the role that ecsync assumes; it trusts the operator's account."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    owner(simulator, "iam").create_role(RoleName="ecsync", Path="/deploy/", AssumeRolePolicyDocument=policy)


@pytest.fixture
def ecsync(account: Environment, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, with the config of the two targets."""
    monkeypatch.setenv("ECSYNC_CONFIG", str(account.manifests.parent / "config.yaml"))
    return Command(account, monkeypatch)


def days(logs: Any) -> dict[str, int]:
    """Return the retention of each log group."""
    return {one["logGroupName"]: one["retentionInDays"] for one in logs.describe_log_groups()["logGroups"]}


def test_each_application_is_applied_in_the_account_of_its_target(ecsync: Command, account: Environment) -> None:
    """The same names in both; neither changes what the other has, and a second apply writes nothing."""
    done = ecsync("apply", account.manifests, "--yes")
    assert done.code == 0, done.err + done.out
    assert days(account.aws("logs")) == {"/shop/web": 7}
    assert days(owner(account.simulator, "logs")) == {"/shop/web": 30}
    clusters = owner(account.simulator, "ecs").list_clusters()["clusterArns"]
    assert clusters == [f"arn:aws:ecs:{REGION}:{OTHER}:cluster/shop"]
    with account.writes() as writes:
        assert ecsync("apply", account.manifests, "--yes").code == 0
    assert operations(writes) == []


def test_a_role_that_cannot_be_assumed_stops_its_application_alone(ecsync: Command, account: Environment) -> None:
    """The other external id is refused: nothing is written there, and the own account is applied."""
    account.simulator.reset()
    make_role(account.simulator, external_id="another")
    done = ecsync("apply", account.manifests, "--yes")
    assert done.code != 0
    assert "AccessDenied" in done.err + done.out
    assert days(account.aws("logs")) == {"/shop/web": 7}
    assert days(owner(account.simulator, "logs")) == {}
    assert {one.account for one in account.simulator.ledger if one.mutating and one.service != "iam"} == {ACCOUNT}


def test_another_account_than_that_of_the_role_is_refused(ecsync: Command, account: Environment) -> None:
    """The target names one account, and its role is of another: nothing is written."""
    config = account.manifests.parent / "config.yaml"
    config.write_text(config.read_text().replace(f'account: "{OTHER}"', 'account: "333333333333"'))
    done = ecsync("apply", account.manifests, "--yes")
    assert done.code != 0
    assert OTHER in done.err + done.out
    assert days(owner(account.simulator, "logs")) == {}
