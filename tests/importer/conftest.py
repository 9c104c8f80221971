"""One simulated account for all tests of the import, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.loaders import create_loader

from ecsim import Settings, Simulator, VirtualClock
from ecsync.aws.clients import Access, Clients
from tests.importer.account import ACCOUNT, REGION, SimulatedAccount
from tests.importer.account_builder import AccountBuilder
from tests.whole.support.stage import operating


@pytest.fixture(scope="session")
def served() -> Iterator[Simulator]:
    """A simulator that serves for the whole session."""
    simulator = Simulator(Settings(region=REGION, account=ACCOUNT, settling=False), VirtualClock())
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def clients(served: Simulator) -> Clients:
    """Clients of the simulator."""
    return Clients(Access(region=REGION, endpoint_url=served.url), loader=create_loader())


@pytest.fixture(autouse=True)
def environment(served: Simulator) -> Iterator[None]:
    """This process's AWS is the simulated one."""
    with operating(served.url):
        yield


@pytest.fixture
def account(served: Simulator, clients: Clients) -> SimulatedAccount:
    """An empty account."""
    served.reset()
    return SimulatedAccount(served, clients)


@pytest.fixture
def builder(account: SimulatedAccount) -> AccountBuilder:
    """An account with an empty cluster, and somebody who makes things in it with boto3 alone."""
    return AccountBuilder(account)
