"""The policy of manifests with every field allows each repair of a manual change."""

from __future__ import annotations

import shutil
from pathlib import Path

from ecsim import Simulator
from ecsync.aws.clients import Clients
from tests.whole.permissions.recorded import Life, denied, policies_of
from tests.whole.support.drift_cases import rounds
from tests.whole.support.environment import REGION, SETTLE_SECONDS, Environment
from tests.whole.support.manual_changes import ManualChanges
from tests.whole.test_field_drift import MANIFESTS


def test_no_repair_is_denied(simulator: Simulator, clients: Clients, tmp_path: Path) -> None:
    """Each field is changed by another client, and the repair of each is allowed."""
    manifests = tmp_path / "manifests"
    shutil.copytree(MANIFESTS, manifests)
    environment = Environment(simulator, clients, manifests)
    life = Life(environment, MANIFESTS, REGION)
    granted = policies_of(MANIFESTS, "apply")
    with life.enforced("apply", granted):
        life.controller.converge(pause=SETTLE_SECONDS)
    manual = ManualChanges(environment)
    for cases in rounds():
        for one in cases:
            one.change(manual)
        with life.enforced("apply", granted):
            life.controller.run_pass()
        for step_state in life.controller.step_states.values():
            step_state.writes.forget()  # the same value is changed in several rounds
    with life.enforced("apply", granted):
        life.controller.converge(pause=SETTLE_SECONDS)
    assert denied(life.calls["apply"]) == []
    assert len({one.operation for one in life.calls["apply"] if one.mutating}) > 25
