"""One simulated account for all tests of the import, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecsim import Settings, Simulator, VirtualClock
from ecsync.aws.clients import Access, Clients
from tests.chaos.wire import Wire
from tests.importer.account import ACCOUNT, REGION, SimulatedAccount
from tests.importer.account_builder import AccountBuilder
from tests.whole.support.environment import use_simulated_aws


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """A simulator for the whole session."""
    served = Simulator(Settings(region=REGION, account=ACCOUNT, settling=False), VirtualClock())
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="session")
def clients(simulator: Simulator) -> Clients:
    """Clients of the simulator. Their requests take no socket; those of commands do."""
    made = Clients(Access(region=REGION, endpoint_url=simulator.url))
    Wire(simulator.gateway).connect(made)
    return made


@pytest.fixture(autouse=True)
def simulated_aws(simulator: Simulator) -> Iterator[None]:
    """AWS of this process is the simulated one."""
    with use_simulated_aws(simulator.url):
        yield


@pytest.fixture
def account(simulator: Simulator, clients: Clients) -> SimulatedAccount:
    """An empty account."""
    simulator.reset()
    clients._on_attempt.clear()  # of the clouds of other tests
    return SimulatedAccount(simulator, clients)


@pytest.fixture
def builder(account: SimulatedAccount) -> AccountBuilder:
    """An account with an empty cluster, and a builder that fills it with boto3 alone."""
    return AccountBuilder(account)
