"""A controller without the daemon: the real workspace, clouds and `reconcile`, on a clock that the bench moves.

A round is one pass of every application. It uses only what every verb uses, so it measures what users run.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable
from datetime import UTC, datetime

from benchmarks.fleet import ACCOUNT, INSTALLATION, REGION, Fleet, files_of
from ecsync import config
from ecsync.cli import COLLECTION
from ecsync.config import Settings
from ecsync.core.outcome import Outcome
from ecsync.core.ports import Clock, Snapshot
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.ordering import in_order
from ecsync.engine.reconciler import PassOptions, reconcile
from ecsync.engine.step_state import StepState
from ecsync.language import files
from ecsync.wiring import Clouds, Workspace
from ecsync.wiring.system import give_back

UNLIMITED = 1e9  # seconds of AWS's clock in one second: every bucket is full again before the next call
START = 1_767_312_000.0  # 2026-01-02T00:00:00Z: a day after everything in the simulated AWS was created


class EngineClock:
    """The engine's clock: it moves only by `advance`."""

    def __init__(self, start: float = START) -> None:
        self._seconds = start

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._seconds += seconds

    def now(self) -> datetime:
        """Return the wall time."""
        return datetime.fromtimestamp(self._seconds, UTC)

    def monotonic(self) -> float:
        """Return the seconds."""
        return self._seconds


def new_workspace(clock: Clock, pace: float = UNLIMITED) -> Workspace:
    """Return the workspace of a controller that may write."""
    settings = Settings(installation=INSTALLATION, account=ACCOUNT, region=REGION, enforce=True)
    return Workspace(settings=settings, clouds=Clouds(settings=settings, read_only=False, pace=pace), clock=clock)


class Controller:
    """One controller: its state between passes is kept from round to round."""

    def __init__(self, fleets: Iterable[Fleet], clock: Clock, pace: float = UNLIMITED) -> None:
        self.workspace = new_workspace(clock, pace)
        self._states: dict[str, StepState] = {}
        self.catalogue = self.read(fleets)

    def read(self, fleets: Iterable[Fleet], revision: str = "1") -> Catalogue:
        """Read the manifests of these sites from now on."""
        manifests = files_of(tuple(fleets))
        # The controller reads 25 MB of manifests, which is about 12,000 services of this shape: beyond that, raise it.
        files.LARGEST_SNAPSHOT = max(files.LARGEST_SNAPSHOT, sum(map(len, manifests.values())))
        self.catalogue = self.workspace.catalogue(Snapshot(revision=revision, files=manifests))
        assert not self.catalogue.problems, "\n".join(map(str, self.catalogue.problems[:10]))
        return self.catalogue

    def round(self) -> dict[str, Outcome]:
        """Make one pass of every application, each after those that it waits for."""
        return {
            application.name: self.reconcile(application.name) for application in in_order(self.catalogue.applications)
        }

    def reconcile(self, name: str) -> Outcome:
        """Make one pass of one application."""
        application = self.catalogue.applications[name]
        destination = self.workspace.destination_for(application)
        state = self._states.setdefault(name, StepState())
        return reconcile(application, self.catalogue, destination, state, PassOptions(enforce=True))

    def steady_round(self) -> None:
        """Make a round that has nothing to do. Free memory goes back to the system, as the daemon does it."""
        check(self.round())
        give_back()


def is_steady(outcome: Outcome) -> bool:
    """Return whether a pass did nothing and nothing is left to do."""
    return (outcome.sync, outcome.health) == ("Synced", "Healthy") and not outcome.results


def check(outcomes: dict[str, Outcome]) -> None:
    """Raise AssertionError with the first resources that are not steady."""
    lines = [
        f"{one.key}: {one.sync} {one.health.status} {one.message or one.health.why}"
        for outcome in outcomes.values()
        if not is_steady(outcome)
        for one in outcome.statuses
        if (one.sync, one.health.status) != ("Synced", "Healthy")
    ]
    unsteady = [name for name, outcome in outcomes.items() if not is_steady(outcome)]
    assert not unsteady, "\n".join([f"not steady: {', '.join(unsteady[:5])}", *lines[:10]])


def use(url: str) -> None:
    """Make this process use the AWS at `url`, and none of the settings of its environment."""
    for name in [name for name in os.environ if name.startswith(("ECSYNC_", "AWS_"))]:
        del os.environ[name]
    config.use_simulated(url, REGION)
    gc.set_threshold(*COLLECTION)  # as the command does
