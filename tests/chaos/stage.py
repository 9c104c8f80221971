"""A scenario's stage: the account, a controller, and what can go wrong between them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ecsim import Simulator, VirtualClock
from ecsync.aws.clients import Access, Clients
from ecsync.core.inputs import CHECKED_WITHIN
from ecsync.core.ports import AwsError
from ecsync.engine.reconciler import Refused
from tests.chaos import wire
from tests.chaos.answers import Answers
from tests.chaos.faults import Injector
from tests.chaos.stale import StaleReads
from tests.whole.support.environment import Controller, Environment, SimulatedTime

ROOT = Path(__file__).resolve().parents[2]
REGIONS = {"quickstart": "eu-west-1", "tilog": "ap-northeast-2"}
ELSEWHERE = "us-west-2"  # where an application moves to


class WallClock(SimulatedTime):
    """The engine's clock, with a wall clock that can be set."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.ahead = 0.0  # seconds

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def set_by(self, seconds: float) -> None:
        """Set the wall clock ahead or back."""
        self.ahead += seconds


@dataclass
class World:
    """The simulated AWS of this process, and its clients: made once, and copied with the process."""

    simulator: Simulator
    clients: Clients
    injector: Injector
    stale: StaleReads
    answers: Answers
    clock: WallClock

    @classmethod
    def make(cls) -> World:
        """Make the one of this process."""
        simulator = Simulator(clock=VirtualClock())
        assert isinstance(simulator.clock, VirtualClock)
        clock = WallClock(simulator.clock)
        stale = StaleReads(simulator)
        clients, sends = Clients(Access(region="eu-west-1", endpoint_url=wire.URL)), wire.Wire(stale)
        sends.connect(clients)

        def set_stale(value: bool) -> None:
            stale.once = value

        injector = Injector(simulator, clock.set_by, set_stale)
        stale.active = lambda: injector.active
        answers = Answers(simulator, injector, stale, sends)
        for client in wire.warm(clients, *REGIONS.values(), ELSEWHERE):
            answers.connect(client)
        return cls(simulator, clients, injector, stale, answers, clock)


class Stage:
    """An empty account with manifests to edit."""

    def __init__(self, world: World, manifests: Path, region: str) -> None:
        self.world = world
        self.region = region
        self.environment = Environment(world.simulator, world.clients, manifests)
        self.environment.time = world.clock
        world.clock.ahead = 0.0
        world.stale.forget()
        world.answers.forget()
        self.simulator = world.simulator
        self.manifests = manifests
        self.foreign: frozenset[str] = frozenset()  # the lines of the contents that are of other owners

    def aws(self, service: str) -> Any:
        """Return a client of another owner."""
        return self.world.clients.get(service, self.region, once=True)

    def controller(self) -> Controller:
        """Return a controller that has just started, with an empty memory."""
        return Controller(self.environment, str(self.manifests), checked_within=CHECKED_WITHIN)

    def restarted(self, old: Controller) -> Controller:
        """Return the controller of a new process. The recorded events go on."""
        return Controller(self.environment, old.where, events=old.events, checked_within=old.checked_within)

    def move(self, controller: Controller, manifests: Path) -> None:
        """Let this copy of the process have manifests of its own."""
        controller.where = str(manifests)
        self.environment.manifests = self.manifests = manifests

    def edit(self, old: str, new: str, file: str = "service.yaml") -> None:
        """Replace the only occurrence of a text in a manifest."""
        self.environment.edit(old, new, file)

    def replace_all(self, old: str, new: str, *files: str) -> None:
        """Replace every occurrence of a text in some manifests."""
        for file in files:
            path = self.manifests / file
            text = path.read_text()
            assert old in text, f"{file} does not contain {old!r}"
            path.write_text(text.replace(old, new))

    def cut(self, start: str, end: str, file: str = "service.yaml") -> str:
        """Remove the text from `start` up to `end` (empty: the end of the file), and return it."""
        path = self.manifests / file
        text = path.read_text()
        begin = text.index(start)
        stop = text.index(end, begin + 1) if end else len(text)
        path.write_text(text[:begin] + text[stop:])
        return text[begin:stop]

    @contextmanager
    def injected(self) -> Iterator[None]:
        """Let faults happen in the calls inside."""
        injector = self.world.injector
        injector.active = True
        try:
            yield
        finally:
            injector.active = False

    def run_pass(self, controller: Controller) -> Exception | None:
        """Make a pass over every application, as the daemon does: a lost pass is one result. Raises Killed."""
        lost: Exception | None = None
        with self.injected():
            try:
                controller.run_pass()
            except AwsError as error:
                if error.kind == "credentials":
                    for state in controller.step_states.values():
                        state.retries.forget_denied()
                lost = error
            except Refused as error:
                lost = error
        return lost


def copy_of(name: str, folder: Path) -> Path:
    """Copy the manifests of an example, and return the folder."""
    manifests = folder / "manifests"
    shutil.copytree(ROOT / "manifests" / name, manifests)
    return manifests
