"""Measure the CPU of one changed file in a large application: `python -m benchmarks.changed [SERVICES]`.

One file, which declares ten services, changes its images. Reading is parse, checks and compile. The control reads that
file and the settings of its application alone, so it also checks and compiles ten services.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from benchmarks.controller import Controller, EngineClock
from benchmarks.fleet import Fleet
from ecsync.config import Settings
from ecsync.core.model import Snapshot
from ecsync.wiring import Clouds, Workspace

ROUNDS = 5
FILE = "app-0/services-7.yaml"


@dataclass(frozen=True, kw_only=True)
class Changed:
    """CPU seconds."""

    services: int
    whole: float  # the first read of all files
    unchanged: float  # the same files under another revision
    changed: float
    alone: float


def changed(services: int) -> Changed:
    """Measure one application of so many services."""
    fleet = Fleet(services, 1)
    started = time.process_time()
    controller = Controller([fleet], EngineClock())
    whole = time.process_time() - started
    files, revisions = fleet.files(), iter(range(2, 1000))

    def read(tag: int) -> None:
        made = {**files, FILE: files[FILE].replace(b"nginx:1.27", b"nginx:1.%d" % tag)}
        catalogue = controller.workspace.catalogue(Snapshot(revision=str(next(revisions)), files=made))
        assert not catalogue.problems

    def alone(tag: int) -> None:
        settings = Settings()
        workspace = Workspace(settings=settings, clouds=Clouds(settings=settings, read_only=True))
        name = "app-0/application.yaml"
        one = {name: files[name], FILE: files[FILE].replace(b"nginx:1.27", b"nginx:1.%d" % tag)}
        workspace.loaded(Snapshot(revision="1", files=one))

    tags = iter(range(30, 1000))
    return Changed(
        services=services,
        whole=whole,
        unchanged=_least(lambda: read(27)),
        changed=_least(lambda: read(next(tags))),
        alone=_least(lambda: alone(next(tags))),
    )


def _least(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def main() -> None:
    """Measure and print JSON."""
    print(json.dumps(asdict(changed(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))))


if __name__ == "__main__":
    main()
