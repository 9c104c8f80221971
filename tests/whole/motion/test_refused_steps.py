"""A step that AWS refuses delays itself alone, in the account of the simulated AWS."""

from __future__ import annotations

import itertools
from pathlib import Path

from ecsim import Fault
from tests.whole.support.environment import REGION, Controller, Environment, operations

APPLICATION = f"""
apiVersion: ecsync/v1
kind: Application
metadata: {{name: app}}
spec: {{target: {{region: {REGION}}}, manage: [all], sync: {{mode: enforce, interval: 30s}}}}
---
apiVersion: ecsync/v1
"""
MISSING = """
resources:
  Network/main: {default: true}
  LoadBalancer/miss: {Subnets: "${Network/main.publicSubnetIds}"}
  Listener/miss:
    LoadBalancerArn: ${LoadBalancer/miss}
    Protocol: HTTP
    Port: 80
    DefaultActions:
      - Type: forward
        TargetGroupArn: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/typo/0123456789abcdef
  Cluster/miss: {}
  Service/miss:
    cluster: ${Cluster/miss}
    taskDefinition: typo:7
    launchType: FARGATE
    networkConfiguration: {awsvpcConfiguration: {subnets: "${Network/main.publicSubnetIds}"}}
    desiredCount: 1
"""
REFUSED = """
resources:
  LogGroup/watched: {logGroupName: /watched, retentionInDays: 14}
  Repository/refused: {}
"""


def controller_of(environment: Environment, folder: Path, resources: str) -> Controller:
    """Return a controller of an application with these resources."""
    (folder / "app").mkdir()
    (folder / "app" / "app.yaml").write_text(APPLICATION + resources)
    return environment.controller(folder / "app")


def test_what_is_created_with_a_wrong_name_is_tried_seldom(environment: Environment, tmp_path: Path) -> None:
    """Each of two such resources has its own, growing time: at most 20 tries of each in the first five minutes."""
    controller = controller_of(environment, tmp_path, MISSING)
    with environment.writes() as writes:
        controller.run_passes(100, every=3.0)
    tries = {
        name: [one.time for one in writes if one.operation == name] for name in ("CreateListener", "CreateService")
    }
    for times in tries.values():
        pauses = [after - before for before, after in itertools.pairwise(times)]
        assert 5 <= len(times) <= 20
        assert pauses[-1] >= 4 * pauses[0]
    assert tries["CreateListener"] != tries["CreateService"]
    assert "TargetGroupNotFound" in controller.status("Listener/miss").message


def test_a_refused_step_delays_no_drift(environment: Environment, tmp_path: Path) -> None:
    """The change of another resource is repaired in the next pass."""
    environment.simulator.fault(Fault("deny", service="ecr", operation="CreateRepository"))
    controller = controller_of(environment, tmp_path, REFUSED)
    controller.run_passes(3)
    environment.aws("logs").put_retention_policy(logGroupName="/watched", retentionInDays=30)
    with environment.writes() as writes:
        controller.run_passes(1)
    assert operations(writes) == ["logs.PutRetentionPolicy"]
