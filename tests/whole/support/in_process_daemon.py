"""The daemon in this process, with real threads and short intervals; simulated time runs a hundred times as fast."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families

from ecsync import wiring
from ecsync.config import HttpSettings, LoopSettings, Settings
from ecsync.core.ports import Snapshot
from ecsync.engine.catalogue import Catalogue
from ecsync.wiring import daemon
from ecsync.wiring.sources import root_names
from tests.whole.support.environment import ACCOUNT, INSTALLATION, REGION, Environment, SharedClouds

INTERVAL = 0.2  # seconds between two passes, and between two fetches of the source
STEP = (0.02, 2.0)  # in so many real seconds, so many simulated seconds go by
TIMEOUT = 15.0  # seconds until a test fails; it continues as soon as its condition is true

_open = build_opener(ProxyHandler({})).open


def wait_until(condition: Callable[[], object], timeout: float = TIMEOUT) -> None:
    """Wait until the condition is true. It is asked less often the longer it takes: most ask over HTTP."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < timeout, "the condition did not become true in time"
        threading.Event().wait(min(0.01 + waited / 20, 0.1))


def get(url: str) -> tuple[int, str]:
    """Return status and body of an HTTP response."""
    try:
        with _open(url, timeout=5) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def metric(url: str, name: str, /, **labels: str) -> float | None:
    """Return the value of a series; None if it does not exist."""
    lines = (line for line in get(f"{url}/metrics")[1].splitlines(keepends=True) if name in line)  # all take 10 ms
    for family in text_string_to_metric_families("".join(lines)):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


@contextmanager
def advancing_time(environment: Environment) -> Iterator[None]:
    """Advance simulated time in the background."""
    stop = threading.Event()
    pause, seconds = STEP

    def run() -> None:
        while not stop.wait(pause):
            environment.simulator.advance(seconds)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class _DaemonClock:
    """The daemon's clock: intervals in real seconds, dates in simulated time."""

    def __init__(self, environment: Environment) -> None:
        self._simulated = environment.time

    def now(self) -> datetime:
        return self._simulated.now()

    def monotonic(self) -> float:
        return time.monotonic()


class _FastWorkspace(wiring.Workspace):
    """A workspace with a shorter interval than a manifest may declare."""

    def catalogue(self, snapshot: Snapshot) -> Catalogue:
        catalogue = super().catalogue(snapshot)
        applications = {
            name: replace(one, sync=replace(one.sync, interval=INTERVAL))
            for name, one in catalogue.applications.items()
        }
        sources = {name: replace(one, applications=applications) for name, one in catalogue.sources.items()}
        return replace(catalogue, applications=applications, sources=sources)


@dataclass(frozen=True)
class RunningDaemon:
    """A running daemon."""

    running: daemon.Running

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of a path."""
        status, body = get(self.running.url + path)
        return status, json.loads(body)

    def not_ready_because(self) -> Mapping[str, str]:
        """Return the reasons why the daemon is not ready; empty if it is."""
        status, body = self.get("/readyz")
        assert status == (503 if body["because"] else 200)
        because: Mapping[str, str] = body["because"]
        return because

    def metric(self, name: str, /, **labels: str) -> float | None:
        """Return the value of a series."""
        return metric(self.running.url, name, **labels)

    def is_converged(self, name: str = "quickstart") -> bool:
        """Return whether an application is Synced and Healthy."""
        state = self.running.store.application(name)
        outcome = state.outcome if state else None
        return outcome is not None and (outcome.sync, outcome.health) == ("Synced", "Healthy")

    def passes(self) -> float:
        """Return the number of passes so far."""
        return sum(self.metric("ecsync_reconcile_total", result=one) or 0 for one in ("synced", "changed", "skipped"))

    def wait_for_passes(self, passes: int = 3) -> None:
        """Wait for so many more passes."""
        before = self.passes()
        wait_until(lambda: self.passes() >= before + passes)


@contextmanager
def run(
    environment: Environment, where: str, source_interval: float = INTERVAL, **settings: Any
) -> Iterator[RunningDaemon]:
    """Run a daemon for the block."""
    loop = LoopSettings.model_construct(interval=INTERVAL, source_interval=source_interval, workers=2, jitter=0.0)
    values = {"installation": INSTALLATION, "account": ACCOUNT, "region": REGION, "enforce": True, **settings}
    daemon_settings = Settings(**{"http": HttpSettings(port=0), **values}).model_copy(update={"loop": loop})
    metrics = daemon.build_metrics()
    clouds = SharedClouds(settings=daemon_settings, read_only=False, clients=environment.clients)
    workspace = _FastWorkspace(
        settings=daemon_settings,
        clouds=clouds,
        clock=_DaemonClock(environment),
        root_name="manifests",
        root_names=root_names(daemon_settings),
    )
    with advancing_time(environment):
        running = daemon.start(daemon_settings, where, workspace, metrics, {})
        try:
            yield RunningDaemon(running)
        finally:
            assert running.stop(within=20.0)
