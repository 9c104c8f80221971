"""Stacks with their own policies enforced: every call of their life is allowed, and no statement is idle."""

from __future__ import annotations

import pytest

from ecsim import Simulator
from ecsync.aws.clients import Clients
from ecsync.offline.permissions.needs import Mode
from tests.whole.permissions.lives import STACKS, lived
from tests.whole.permissions.recorded import Life, checks_of, denied, policies_of, use, without_need
from tests.whole.support.environment import Environment

MODES = pytest.mark.parametrize("mode", ["observe", "apply", "prune"])


@pytest.fixture(scope="module", params=sorted(STACKS))
def life(
    request: pytest.FixtureRequest, simulator: Simulator, clients: Clients, tmp_path_factory: pytest.TempPathFactory
) -> Life:
    """The recorded life of a stack."""
    manifests = tmp_path_factory.mktemp(request.param) / "manifests"
    manifests.mkdir()
    environment = Environment(simulator, clients, manifests)
    use(environment, request.param)
    environment.reset(settling=True)
    return lived(STACKS[request.param], environment)


@MODES
def test_no_call_of_the_life_is_denied(life: Life, mode: Mode) -> None:
    """Every recorded call was allowed by the policies of its mode."""
    assert life.calls[mode]
    assert denied(life.calls[mode]) == []


def test_plan_and_status_need_the_observe_policy_alone(life: Life) -> None:
    """Both report the drift as they do without a policy, and so does a pass of a daemon without --enforce."""
    assert {one.code for one in life.answers} == {0}, life.answers
    assert all("[drift]" in one.out for one in life.answers)


@MODES
def test_no_statement_can_be_left_out(life: Life, mode: Mode) -> None:
    """Without any one statement, some recorded call is denied."""
    assert without_need(policies_of(life.stack, mode), checks_of(life.until(mode))) == []
