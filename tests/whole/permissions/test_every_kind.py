"""The policy of manifests with every kind allows each call of their creation, and of their deletion."""

from __future__ import annotations

from pathlib import Path

from ecsim import Simulator
from ecsync import kinds
from ecsync.aws.clients import Clients
from tests.whole.permissions.recorded import Life, denied, policies_of
from tests.whole.support.environment import REGION, SETTLE_SECONDS, Environment

CASES = Path(__file__).resolve().parents[2] / "cases" / "conformance"
HEAD = """
apiVersion: ecsync/v1
kind: Application
metadata: {name: every}
spec:
  target: {region: eu-west-1}
  manage: [all]
  sync: {mode: enforce}
"""


def test_no_call_is_denied(simulator: Simulator, clients: Clients, tmp_path: Path) -> None:
    """Each kind is created and repaired by the policy for apply, and deleted or released by that for prune."""
    manifests = tmp_path / "every"
    manifests.mkdir()
    (manifests / "application.yaml").write_text(HEAD)
    (manifests / "rich.yaml").write_text((CASES / "rich.yaml").read_text())
    environment = Environment(simulator, clients, manifests)
    granted = policies_of(manifests, "apply")
    life = Life(environment, manifests, REGION)
    with life.enforced("apply", granted):
        life.controller.converge(pause=SETTLE_SECONDS)
    made = {f"{one.service}.{one.operation}" for one in life.calls["apply"] if one.error_code is None}
    assert {kind.name for kind in kinds.ALL if kind.shape and kind.shape.operation not in made} == set()
    assert denied(life.calls["apply"]) == []
    deletes = policies_of(manifests, "prune")
    (manifests / "rich.yaml").write_text("apiVersion: ecsync/v1\nresources: {}\n")
    (manifests / "application.yaml").write_text(HEAD.replace("enforce}", "enforce, prune: true, pruneLimit: 50}"))
    life.controller.read()
    with life.enforced("prune", deletes):
        life.settle()
    assert denied(life.calls["prune"]) == []
    left = {one.operation for one in life.calls["prune"] if one.mutating}
    assert {"DeleteService", "DeleteAutoScalingGroup", "DeleteCapacityProvider", "DeleteAlarms", "UntagRole"} <= left
