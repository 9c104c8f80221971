"""Many accounts and Regions in one controller: what is wrong with one of them stays in it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from benchmarks.virtual_daemon import Manifests, VirtualDaemon
from ecsim import Fault, Simulator
from ecsim import Settings as SimulatorSettings
from ecsim.account.clock import VirtualClock
from ecsync.config import Settings
from ecsync.core.ports import Snapshot
from ecsync.wiring import Clouds, Workspace
from tests.whole.support.environment import ACCOUNT, REGION, SimulatedTime

FIRST, SECOND, THIRD, FAILING, THROTTLED, DENIED = (str(number) * 12 for number in (2, 3, 4, 5, 6, 9))
INTERVAL = 30.0
# Name of a target -> account and Region that it names, and the account of its role.
TARGETS = {
    "first": (FIRST, REGION, FIRST),
    "first-elsewhere": (FIRST, "us-east-1", FIRST),
    "second": (SECOND, REGION, SECOND),
    "third": (THIRD, "us-east-1", THIRD),
    "without-role": ("7" * 12, REGION, "7" * 12),
    "other-account": ("8" * 12, REGION, FIRST),
    "failing": (FAILING, REGION, FAILING),
    "throttled": (THROTTLED, REGION, THROTTLED),
    "denied": (DENIED, REGION, DENIED),
}
WELL = ("first", "first-elsewhere", "second", "third")
APPLICATION = """\
apiVersion: ecsync/v1
kind: Application
metadata: {{name: {name}}}
spec:
  target: {{account: {name}}}
  manage: [all]
  sync: {{mode: enforce, interval: {interval}s}}
---
apiVersion: ecsync/v1
resources:
  LogGroup/web: {{logGroupName: /{name}/web, retentionInDays: 7}}
  Cluster/main: {{clusterName: {name}}}
"""


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Accounts in virtual time, each but one with a role that the operator's account may assume."""
    settings = SimulatorSettings(region=REGION, account=ACCOUNT, settling=False, throttling=False)
    found = Simulator(settings, VirtualClock())
    url = found.start()
    for name, value in (("AWS_ENDPOINT_URL", url), ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y")):
        monkeypatch.setenv(name, value)
    statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for account in (FIRST, SECOND, THIRD, FAILING, THROTTLED, DENIED):
        owner(found, account, "iam").create_role(RoleName="ecsync", AssumeRolePolicyDocument=policy)
    found.fault(Fault("error", times=None, account=FAILING))
    found.fault(Fault("throttle", times=None, account=THROTTLED))
    yield found
    found.stop()


def owner(simulator: Simulator, account: str, service: str, region: str = REGION) -> Any:
    """Return a client of the owner of an account."""
    keys = {"aws_access_key_id": account, "aws_secret_access_key": "secret"}
    return boto3.client(service, endpoint_url=simulator.url, region_name=region, **keys)


def found_clock(simulator: Simulator) -> VirtualClock:
    """Return the clock of the accounts."""
    assert isinstance(simulator.clock, VirtualClock)
    return simulator.clock


def test_the_other_accounts_are_reconciled_on_time(accounts: Simulator) -> None:
    """For ten minutes one role is not there, one is of another account, one account fails, and one throttles.

    In another account the role that reads is there, and the one that writes is not: it is read on time too.
    """
    targets: dict[str, dict[str, Any]] = {
        name: {"account": account, "region": region, "role": f"arn:aws:iam::{of}:role/ecsync", "enforce": True}
        for name, (account, region, of) in TARGETS.items()
    }
    reads = targets["denied"].pop("role")
    targets["denied"]["roles"] = {"observe": reads, "apply": f"arn:aws:iam::{DENIED}:role/other"}
    settings = Settings.model_validate(
        {"installation": "prod", "account": ACCOUNT, "region": REGION, "enforce": True, "targets": targets}
    )
    clouds = Clouds(settings=settings, read_only=False, wait=lambda seconds: accounts.advance(seconds))
    workspace = Workspace(settings=settings, clouds=clouds, clock=SimulatedTime(found_clock(accounts)))
    files = {f"{name}/app.yaml": APPLICATION.format(name=name, interval=int(INTERVAL)).encode() for name in TARGETS}
    manifests = Manifests(snapshot=Snapshot(revision="1", files=files))
    daemon = VirtualDaemon(workspace, accounts.advance, manifests)
    daemon.read_source()
    passes: dict[str, set[str]] = defaultdict(set)
    ends = accounts.clock.now() + 600.0
    while accounts.clock.now() < ends:
        daemon.work(1.0)
        for state in daemon.store.applications():
            if state.last_pass is not None:
                passes[state.name].add(state.last_pass.reconcile_id or str(state.last_pass.ended))
    for name in (*WELL, "denied"):
        assert len(passes[name]) / (600.0 / INTERVAL) > 0.95, name
    for name in WELL:
        assert daemon.store.application(name).outcome.sync == "Synced"  # type: ignore[union-attr]
    writes = {(one.account, one.region) for one in accounts.ledger if one.mutating and one.service != "iam" and one.ok}
    assert writes == {TARGETS[name][:2] for name in WELL}
    for name in set(TARGETS) - set(WELL):
        wrong = daemon.store.application(name)
        assert wrong is not None
        assert wrong.last_pass is not None
        assert wrong.last_pass.error or (wrong.outcome is not None and wrong.outcome.sync != "Synced"), name
        assert not any(f"/{name}/" in json.dumps(one.params) and one.ok for one in accounts.ledger if one.mutating)
