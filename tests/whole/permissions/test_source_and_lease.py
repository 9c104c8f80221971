"""Manifests in S3: the policy allows reading them, and the lease beside them or in a table."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ecsim.account.policy import allowed
from ecsync.offline.permissions.policy import Policy
from tests.whole.permissions.recorded import CALLER, denied
from tests.whole.support.command import Command
from tests.whole.support.environment import REGION, Environment

BUCKET, TABLE = "shop-manifests", "leases"
WHERE = f"s3://{BUCKET}/prod"
SMALL = """
apiVersion: ecsync/v1
kind: Application
metadata: {name: small}
spec:
  target: {region: eu-west-1}
  sync: {mode: enforce}
---
apiVersion: ecsync/v1
resources:
  Cluster/main: {clusterName: small}
"""


@pytest.fixture
def small(environment: Environment) -> Path:
    """A small application on disk and in S3, and a table for leases."""
    shutil.rmtree(environment.manifests)
    environment.manifests.mkdir()
    (environment.manifests / "all.yaml").write_text(SMALL)
    s3, dynamodb = environment.aws("s3"), environment.aws("dynamodb")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=BUCKET, Key="prod/all.yaml", Body=SMALL.encode())
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return environment.manifests


@pytest.mark.parametrize(("lease", "count"), [("auto", 4), (f"dynamodb:{TABLE}", 4)])
def test_apply_from_s3_needs_no_more_than_its_policy(
    environment: Environment, ecsync: Command, small: Path, lease: str, count: int
) -> None:
    """No call is denied; without the statements of the source or of the lease, some are."""
    printed = ecsync("permissions", small, "--mode", "apply", "--source", WHERE, "--lease", lease, "--region", REGION)
    assert printed.code == 0, printed
    policy: Policy = printed.json
    simulator = environment.simulator
    mark = len(simulator.ledger)
    simulator.settings = replace(simulator.settings, policies={CALLER: (policy,)})
    answer = ecsync("apply", WHERE, "--lease", lease, "--no-wait")
    simulator.settings = replace(simulator.settings, policies={})
    made = simulator.ledger.entries(mark)
    assert answer.code == 0, answer
    assert denied(made) == []
    checks = [check for one in made for check in one.checks]
    beside = [one for one in policy["Statement"] if one["Action"][0].startswith(("s3:", "dynamodb:"))]
    assert len(beside) == count
    for removed in beside:
        rest = {"Statement": [one for one in policy["Statement"] if one is not removed]}
        assert not all(allowed([rest], check) for check in checks), removed["Sid"]
