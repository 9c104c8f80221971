"""One simulated account for all tests of ecsim, reset before each; boto3 clients that never retry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecsim import Settings, Simulator, VirtualClock
from tests.ecsim.aws import Aws


@pytest.fixture(scope="session")
def served() -> Iterator[Simulator]:
    """A simulator that serves for the whole session."""
    simulator = Simulator(Settings(settling=False), VirtualClock())
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def clients(served: Simulator) -> Aws:
    """Clients of the simulator."""
    return Aws(served)


@pytest.fixture
def simulator(served: Simulator) -> Simulator:
    """The simulator with an empty account."""
    served.reset()
    return served


@pytest.fixture
def aws(simulator: Simulator, clients: Aws) -> Aws:
    """An empty account."""
    assert clients.simulator is simulator
    clients.forget()
    return clients
