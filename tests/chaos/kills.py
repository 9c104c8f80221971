"""SIGKILL of real processes of `ecsync run`, at random calls of a change: nothing is lost, and nothing is made twice.

The simulated AWS listens on a socket, and its time goes by a hundred times as fast. It kills the process before or
after the effect of a call. A new process goes on, until the last one converges.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from urllib.error import URLError

from ecsim.account.ledger import LedgerEntry
from tests.chaos.account import contents, difference
from tests.chaos.faults import COUNTED
from tests.chaos.forks import Broken, Cores, in_copies
from tests.chaos.scenarios.manifests import COUNT, IMAGE, RETENTION, RULE, SECOND, TG_PORT, adds, edits
from tests.chaos.scenarios.scenario import Act, nothing
from tests.chaos.stage import ROOT, Stage, World, copy_of
from tests.whole.support.environment import SETTLE_SECONDS, Controller, use_simulated_aws
from tests.whole.support.in_process_daemon import advancing_time, get, wait_until

CHANGES: Mapping[str, Act] = {
    "first converge": nothing,
    "image, count and rule": edits(IMAGE, COUNT, RULE),
    "target group port": edits(TG_PORT),
    "a second service and another retention": lambda stage: (adds(SECOND)(stage), edits(RETENTION)(stage))[0],
}
OF_A_LANE = 10  # kills: of each change, in turn
MOST_CALLS = 60  # of a process, until it is killed
REPLACED = re.compile(r"(quickstart-web)-[0-9a-f]{6}\b")
AT_ONCE = 10  # lanes: a process waits most of its time
SECONDS = 120.0  # that a process may need for what is asked of it


@dataclass(frozen=True)
class Made:
    """What the changes made."""

    creates: Mapping[str, Counter[str]]  # by change
    contents: tuple[str, ...]


@dataclass(frozen=True)
class Lane:
    """The end of one lane: one account, and the processes that were killed in it."""

    seed: str
    kills: int = 0
    problem: str = ""


def kills(world: World, seeds: Iterable[str], until: Callable[[], bool]) -> Iterator[Lane]:
    """Make a lane for each seed, in a copy of the process."""
    with tempfile.TemporaryDirectory() as folder:
        clean = _of_one_controller(world, Path(folder))

        def make(seed: str) -> Lane:
            return _Killing(world, Path(folder) / seed, seed).lane(clean) if not until() else Lane(seed)

        for seed, found in in_copies(make, seeds, Cores(AT_ONCE)):
            yield Lane(seed, 0, "\n    ".join((found.why, *found.explained))) if isinstance(found, Broken) else found


def _stage(world: World, folder: Path) -> Stage:
    stage = Stage(world, copy_of("quickstart", folder), "eu-west-1")
    stage.edit("interval: 30s", "interval: 5s", "application.yaml")
    return stage


def _of_one_controller(world: World, folder: Path) -> Made:
    """Return what one controller makes that is not killed."""
    stage, creates = _stage(world, folder), {}
    controller = Controller(stage.environment, str(stage.manifests))
    for name, act in CHANGES.items():
        act(stage)
        controller.read()
        with stage.environment.writes() as made:
            controller.converge(pause=SETTLE_SECONDS)
        creates[name] = _creates(made)
    return Made(creates, _lines(stage))


@dataclass
class _Killing:
    """The account of a lane, and the process that runs in it."""

    world: World
    folder: Path
    seed: str
    process: int = 0  # 0: none
    calls: int = 0
    at: int = 0  # the call at which the process is killed; 0: none
    _killed: threading.Event = field(default_factory=threading.Event)

    def lane(self, clean: Made) -> Lane:
        """Make every change, with kills in between; return what is wrong."""
        self.folder.mkdir()
        self.random = random.Random(self.seed)  # noqa: S311  # no secret
        self.stage, done = _stage(self.world, self.folder), 0
        simulator = self.world.simulator
        with use_simulated_aws(simulator.start()), advancing_time(self.stage.environment), Nursery() as self.nursery:
            for name, planned in zip(CHANGES, _shares(OF_A_LANE, len(CHANGES)), strict=True):
                CHANGES[name](self.stage)
                with self.stage.environment.writes() as made:
                    for _ in range(planned):
                        self._kill_one()
                    self._converge()
                done += planned
                if (creates := _creates(made)) != clean.creates[name]:
                    both = {key: (clean.creates[name][key], creates[key]) for key in clean.creates[name] | creates}
                    return Lane(self.seed, done, f"{name}: creates and deletes differ (clean, now): {both}")
        simulator.on_call()
        other = difference(clean.contents, _lines(self.stage))
        return Lane(self.seed, done, f"the account differs: {other}" if other else "")

    def _kill_one(self) -> None:
        """Start a process, and kill it at a call."""
        self._start(at=self.random.randint(1, MOST_CALLS))
        wait_until(self._killed.is_set, timeout=SECONDS)
        self._end()

    def _converge(self) -> None:
        self._start(at=0)
        wait_until(self._is_converged, timeout=SECONDS)
        self._end()

    def _start(self, at: int) -> None:
        self._killed.clear()
        self.calls, self.at, self.log = 0, at, self.folder / f"log-{self.random.getrandbits(40)}"
        hook = {"after" if self.random.random() < 0.5 else "before": self._called}
        self.process = self.nursery.start(self.stage.manifests, self.log)
        self.world.simulator.on_call(**hook)

    def _called(self, _service: str, _operation: str) -> None:
        """Kill the process at its last call: the simulated AWS breaks the connection."""
        self.calls += 1
        if self.calls == self.at:
            os.kill(self.process, signal.SIGKILL)
            self._killed.set()
            raise ConnectionAbortedError

    def _end(self) -> None:
        if not self._killed.is_set():
            os.kill(self.process, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{self.process}").exists(), timeout=SECONDS)

    def _is_converged(self) -> bool:
        found = re.search(r"http://\S+(?=/metrics)", self.log.read_text()) if self.log.exists() else None
        if found is None:
            return False
        try:
            status, body = get(f"{found[0]}/api/v1/applications/quickstart")
        except (URLError, OSError):
            return False
        application = json.loads(body) if status == 200 else {}
        return (application.get("sync"), application.get("health")) == ("Synced", "Healthy")


def _shares(total: int, parts: int) -> Sequence[int]:
    return [total // parts + (number < total % parts) for number in range(parts)]


def _creates(made: Iterable[LedgerEntry]) -> Counter[str]:
    return Counter(f"{one.service}.{one.operation}" for one in made if one.ok and one.operation.startswith(COUNTED))


def _lines(stage: Stage) -> tuple[str, ...]:
    """Return what is in the account at rest. The name of a replaced target group depends on the id of its VPC."""
    stage.simulator.advance(SETTLE_SECONDS)
    return tuple(REPLACED.sub(r"\1-…", contents(stage.aws)).splitlines())


# ---------------------------------------------------------------- processes


class Nursery:
    """A process that has loaded ecsync, and copies itself for each process of `ecsync run`: that saves the loading."""

    def __enter__(self) -> Nursery:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.kills"], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=SECONDS)

    def start(self, manifests: Path, log: Path) -> int:
        """Start `ecsync run`, and return its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(manifests, log, sep="\t", file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


def _nurse() -> None:
    """Start a process for each line of the input: manifests, and the file of its output."""
    from ecsync import cli, wiring

    wiring.all_kinds()
    import_module("ecsync.wiring.daemon")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # their exit codes are not read
    for line in sys.stdin:
        manifests, log = line.rstrip("\n").split("\t")
        process = os.fork()
        if process:
            print(process, flush=True)
            continue
        output = os.open(log, os.O_WRONLY | os.O_CREAT, 0o600)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.close(0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        cli.main(["run", manifests, "--enforce", "--http-port", "0", "--log-format", "json"])


if __name__ == "__main__":
    _nurse()
