"""One life of the daemon of a soak, in simulated time: `python -m benchmarks.soak` starts it as a process of its own.

It has what the daemon keeps between passes: source on disk, store, recorder and metrics. At fixed minutes of each hour
it changes manifests, lets log groups drift, and has the load AWS throttle. It prints a line of JSON for each hour.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.controller import START, EngineClock, new_workspace, use
from benchmarks.cost import resident
from benchmarks.fleet import Fleet
from benchmarks.load.client import Remote
from benchmarks.throttled import OPERATIONS
from benchmarks.virtual_daemon import VirtualDaemon
from ecsync.core.outcome import Event
from ecsync.report import log
from ecsync.sources.disk import DiskSource
from ecsync.sources.last_good import LastGood

MINUTE, HOUR = 60.0, 3600.0
DRIFTS, DRIFTED_TO = 3, 30  # log groups that a person changes at the start of each hour, and their retention in days
EDIT_AT = (5, 15, 25, 35, 45, 55)  # minutes
THROTTLE_AT, THROTTLE_END = 30, 35  # minutes


@dataclass(frozen=True, kw_only=True)
class Hour:
    """What was measured in one simulated hour. Calls are those that the load AWS received, by operation."""

    number: int  # since the start of the soak
    first: bool  # of its life
    calls: Mapping[str, int]
    throttles: int
    writes: int
    repairs: int  # the writes that undid a drift
    drifts: int  # log groups that a person changed
    errors: Mapping[str, int]
    events: Mapping[str, int]  # by type
    steady: bool  # whether everything was in sync and healthy at the end
    memory: int  # bytes, at the end: resident
    blocks: int  # of Python's allocator, in use at the end: they do not grow where only free memory is scattered
    cpu: float  # seconds of this process

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.calls.values())


class Account:
    """The load AWS as the life changes it, and its counts: each change of settings begins them again."""

    def __init__(self, aws: Remote) -> None:
        self._aws = aws
        self._counts: dict[str, Counter[str]] = {}

    def change(self, **options: Any) -> None:
        """Change settings, and keep the counts until now."""
        received = self._aws.received()
        self._aws.set(**options)
        self._counts.setdefault("calls", Counter()).update(received.operations())
        for name in ("throttles", "writes", "repairs", "errors"):
            self._counts.setdefault(name, Counter()).update(getattr(received, name))

    def hour(self) -> dict[str, Counter[str]]:
        """Return the counts since the last hour."""
        self.change()
        counts, self._counts = self._counts, {}
        return counts


# ---------------------------------------------------------------- edits


def edited(files: Mapping[str, bytes], hour: int, index: int) -> dict[str, bytes]:
    """Return the manifests with one edit of an hour. Each replaces the one before, and none needs a write."""
    names = sorted(name for name in files if "/services-" in name)
    name = names[hour % len(names)]
    head, *services = files[name].decode().split(_FIRST_DOCUMENT)
    return {**files, name: _EDITS[index](head, services).encode()}


def _with_comment(head: str, services: list[str]) -> str:
    return "# every line moves\n" + _unchanged(head, services)


def _in_another_order(head: str, services: list[str]) -> str:
    return _unchanged(head, services[::-1])


def _in_another_notation(head: str, services: list[str]) -> str:
    return _unchanged(head, services).replace("memory: 512\n", 'memory: "512"\n')


def _without_one(head: str, services: list[str]) -> str:
    """Leave out the last service: its resources become orphans, which are reported and not removed."""
    return _unchanged(head, services[:-1]) if services[1:] else _with_comment(head, services)


def _unchanged(head: str, services: list[str]) -> str:
    return _FIRST_DOCUMENT.join([head, *services])


_FIRST_DOCUMENT = "  LogGroup/"  # of each service
_EDITS = (_with_comment, _in_another_order, _in_another_notation, _without_one, _with_comment, _unchanged)


# ---------------------------------------------------------------- the life


@dataclass
class Life:
    """A daemon in a folder of manifests, and the clock that it runs on."""

    aws: Remote
    fleet: Fleet
    folder: Path
    begin: int  # the number of its first hour
    leak: int = 0  # bytes that it keeps more in each hour: a control of the soak
    leaked: list[bytearray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = EngineClock(START + self.begin * HOUR)
        self.account = Account(self.aws)
        self.events: Counter[str] = Counter()
        self._files = self.fleet.files()
        self._written: dict[str, bytes] = {}
        workspace = new_workspace(self.clock, pace=1.0)
        workspace.clouds.wait = self.clock.advance
        source = DiskSource(self.folder, wait=lambda _: None, now=lambda: self.clock.now().timestamp())
        self.daemon = VirtualDaemon(workspace, self.clock.advance, LastGood(source, self.clock), {"soak": self._count})

    def hours(self, count: int) -> Iterator[Hour]:
        """Live so many hours, and yield the figures of each."""
        self._write(self._files)
        for number in range(self.begin, self.begin + count):
            self.events.clear()
            before = time.process_time()
            groups = [(number * DRIFTS + index) % self.fleet.services for index in range(DRIFTS)]
            self.account.change(drifts={self.fleet.region: dict.fromkeys(groups, DRIFTED_TO)})
            for minute in range(60):
                self._minute(number, minute)
            self.leaked.append(bytearray(b"x" * self.leak))  # zeros would take no memory
            counts = self.account.hour()
            gc.collect()
            yield Hour(
                number=number,
                first=number == self.begin,
                calls=dict(counts["calls"]),
                throttles=counts["throttles"].total(),
                writes=counts["writes"].total(),
                repairs=counts["repairs"].total(),
                drifts=DRIFTS,
                errors=dict(counts["errors"]),
                events=dict(self.events),
                steady=self.daemon.is_steady(),
                memory=resident(),
                blocks=sys.getallocatedblocks(),
                cpu=time.process_time() - before,
            )

    def _minute(self, hour: int, minute: int) -> None:
        if minute == THROTTLE_AT:
            self.account.change(throttled=[OPERATIONS[hour % len(OPERATIONS)]])
        if minute == THROTTLE_END:
            self.account.change(throttled=[])
        if minute in EDIT_AT:
            self._write(edited(self._files, hour, EDIT_AT.index(minute)))
        self.daemon.read_source()
        self.daemon.metrics.render()
        end = START + hour * HOUR + (minute + 1) * MINUTE
        self.daemon.work(end - self.clock.monotonic())

    def _write(self, files: Mapping[str, bytes]) -> None:
        for name, body in files.items():
            if self._written.get(name) != body:
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
        self._written = dict(files)

    def _count(self, event: Event) -> None:
        self.events[event.type] += 1


@contextmanager
def virtual_monotonic(clock: EngineClock) -> Iterator[None]:
    """Give the limiter the simulated time: it takes the seconds of `time`."""
    real, time.monotonic = time.monotonic, clock.monotonic
    try:
        yield
    finally:
        time.monotonic = real


def main() -> None:
    """Live against the load AWS at a URL, which serves the fleet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("fleet", help="JSON")
    parser.add_argument("--begin", type=int, default=0, help="number of the first hour")
    parser.add_argument("--hours", type=int, default=8)
    parser.add_argument("--leak", type=int, default=0)
    wanted = parser.parse_args()
    use(wanted.url)
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(**json.loads(wanted.fleet))
        life = Life(Remote(wanted.url), fleet, Path(folder), wanted.begin, wanted.leak)
        log.configure(sys.stderr, life.clock, level="warning", format="json")
        with virtual_monotonic(life.clock):
            for hour in life.hours(wanted.hours):
                print(json.dumps(asdict(hour)), flush=True)


if __name__ == "__main__":
    main()
