"""The fixtures of the whole-system tests, and small manifests that converge at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.whole.conftest import clients, converged, ecsync, environment, simulated_aws, simulator

__all__ = ["clients", "converged", "ecsync", "environment", "simulated_aws", "simulator", "small"]

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
  LogGroup/main: {logGroupName: /small, retentionInDays: 14}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return the directory of an application with a cluster and a log group."""
    directory = tmp_path / "small"
    directory.mkdir()
    (directory / "all.yaml").write_text(SMALL)
    return directory
