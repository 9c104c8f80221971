"""One simulated account per worker process, emptied before each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecsim import Simulator, VirtualClock
from ecsync.aws.clients import Access, Clients
from tests.chaos.wire import Wire
from tests.whole.support.command import Command
from tests.whole.support.environment import (
    QUICKSTART,
    REGION,
    SETTLE_SECONDS,
    Controller,
    Environment,
    use_simulated_aws,
)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """A simulator for the whole session."""
    served = Simulator(clock=VirtualClock())
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="session")
def clients(simulator: Simulator) -> Clients:
    """Clients of the simulator, for controllers and for other clients of the account.

    Their requests take no socket, which saves a third of the time. Those of commands, daemons and tests/ecsim do.
    """
    made = Clients(Access(region=REGION, endpoint_url=simulator.url))
    Wire(simulator.gateway).connect(made)
    return made


@pytest.fixture(scope="module", autouse=True)
def simulated_aws(simulator: Simulator) -> Iterator[None]:
    """AWS of this process is the simulated one; account and installation are set."""
    with use_simulated_aws(simulator.url):
        yield


@pytest.fixture(params=["keep", "reset"])
def both_readings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test under both readings of UpdateService: what it does not name is kept, or reset (docs/rules.md R15)."""
    monkeypatch.setattr(Environment, "unnamed", request.param)


@pytest.fixture
def environment(simulator: Simulator, clients: Clients, tmp_path: Path) -> Environment:
    """An empty account, and a copy of the quickstart's manifests."""
    manifests = tmp_path / "manifests"
    shutil.copytree(QUICKSTART, manifests)
    return Environment(simulator, clients, manifests)


@pytest.fixture
def converged(environment: Environment) -> Controller:
    """A controller that has converged the quickstart."""
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    return controller


@pytest.fixture
def ecsync(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command `ecsync`, run in this process."""
    return Command(environment, monkeypatch)
