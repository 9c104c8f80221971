"""One simulated account per worker process, emptied before each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.loaders import Loader, create_loader

from ecsim import Simulator, VirtualClock
from ecsync.aws.clients import Access, Clients
from tests.whole.support.command import Command
from tests.whole.support.stage import LONG, QUICKSTART, REGION, Controller, Stage, operating


@pytest.fixture(scope="session")
def served() -> Iterator[Simulator]:
    """A simulator that serves for the whole session."""
    simulator = Simulator(clock=VirtualClock())
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def loader() -> Loader:
    """The service models of botocore, parsed once."""
    return create_loader()


@pytest.fixture(scope="session")
def clients(served: Simulator, loader: Loader) -> Clients:
    """Clients of the simulator, for controllers and for somebody else."""
    return Clients(Access(region=REGION, endpoint_url=served.url), loader=loader)


@pytest.fixture(scope="module", autouse=True)
def environment(served: Simulator) -> Iterator[None]:
    """This process's AWS is the simulated one, and the operator has named account and installation."""
    with operating(served.url):
        yield


@pytest.fixture
def stage(served: Simulator, clients: Clients, tmp_path: Path) -> Stage:
    """An empty account, and the quickstart's manifests."""
    manifests = tmp_path / "manifests"
    shutil.copytree(QUICKSTART, manifests)
    return Stage(served, clients, manifests)


@pytest.fixture
def kept(stage: Stage) -> Controller:
    """A controller that has converged the quickstart."""
    controller = stage.controller()
    controller.converge(pause=LONG)
    return controller


@pytest.fixture
def ecsync(stage: Stage, loader: Loader, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, in this process."""
    return Command(stage, loader, monkeypatch)
