"""The daemon on real threads, in this process, with small intervals; simulated time runs a hundred times as fast."""

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
from ecsync.core.model import Snapshot
from ecsync.engine.reconciler import Catalogue
from ecsync.wiring import daemon
from tests.whole.support.stage import ACCOUNT, INSTALLATION, REGION, SharedClouds, Stage

INTERVAL = 0.2  # seconds between two passes, and between two readings of the source
STEP = (0.02, 2.0)  # so many simulated seconds pass in so many real ones
PATIENCE = 15.0  # seconds until a test gives up; it goes on at once when what it waits for is so

_open = build_opener(ProxyHandler({})).open


def until(what: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + patience
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        threading.Event().wait(0.01)


def get(url: str) -> tuple[int, str]:
    """Status and body of an answer over HTTP."""
    try:
        with _open(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def metric(url: str, name: str, **labels: str) -> float | None:
    """The value of one series; None where there is none."""
    for family in text_string_to_metric_families(get(f"{url}/metrics")[1]):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


@contextmanager
def time_runs(stage: Stage) -> Iterator[None]:
    """Let simulated time pass by itself."""
    stop = threading.Event()
    pause, seconds = STEP

    def run() -> None:
        while not stop.wait(pause):
            stage.simulator.advance(seconds)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class _Time:
    """The daemon's clock: it counts in real seconds, and shows people the simulated date."""

    def __init__(self, stage: Stage) -> None:
        self._shown = stage.time

    def now(self) -> datetime:
        return self._shown.now()

    def monotonic(self) -> float:
        return time.monotonic()


class _Bench(wiring.Workspace):
    """What every verb works with; applications are looked at more often than a manifest may ask for."""

    def catalogue(self, snapshot: Snapshot) -> Catalogue:
        read = super().catalogue(snapshot)
        often = {
            name: replace(one, sync=replace(one.sync, interval=INTERVAL)) for name, one in read.applications.items()
        }
        return replace(read, applications=often)


@dataclass(frozen=True)
class Live:
    """A daemon that runs."""

    running: daemon.Running

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON at a path."""
        status, body = get(self.running.url + path)
        return status, json.loads(body)

    def ready(self) -> Mapping[str, str]:
        """Why it is not ready; nothing when it is."""
        status, body = self.get("/readyz")
        assert status == (503 if body["because"] else 200)
        because: Mapping[str, str] = body["because"]
        return because

    def metric(self, name: str, **labels: str) -> float | None:
        """The value of a series."""
        return metric(self.running.url, name, **labels)

    def well(self, name: str = "quickstart") -> bool:
        """Whether an application is in sync and healthy."""
        state = self.running.store.application(name)
        outcome = state.outcome if state else None
        return outcome is not None and (outcome.sync, outcome.health) == ("Synced", "Healthy")

    def passes(self) -> float:
        """How many passes there were."""
        return sum(self.metric("ecsync_reconcile_total", result=one) or 0 for one in ("synced", "changed", "skipped"))

    def goes_on(self, passes: int = 3) -> None:
        """Wait for some more passes."""
        before = self.passes()
        until(lambda: self.passes() >= before + passes)


@contextmanager
def run(stage: Stage, where: str, **settings: Any) -> Iterator[Live]:
    """Run a daemon, and stop it."""
    loop = LoopSettings.model_construct(interval=INTERVAL, source_interval=INTERVAL, workers=2, jitter=0.0)
    known = {"installation": INSTALLATION, "account": ACCOUNT, "region": REGION, "enforce": True, **settings}
    told = Settings(**known, http=HttpSettings(port=0)).model_copy(update={"loop": loop})
    metrics = daemon.build_metrics()
    clouds = SharedClouds(settings=told, read_only=False, clients=stage.clients)
    workspace = _Bench(settings=told, clouds=clouds, clock=_Time(stage), root_name="manifests")
    with time_runs(stage):
        running = daemon.start(told, where, workspace, metrics, {})
        try:
            yield Live(running)
        finally:
            assert running.stop(within=20.0)
