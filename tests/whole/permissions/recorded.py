"""Lives of stacks under enforced policies: what is recorded of them, and the policies that are enforced."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ecsim import LedgerEntry
from ecsim.account.policy import Check, allowed
from ecsync import wiring
from ecsync.config import Settings
from ecsync.core.model import Key
from ecsync.engine.reconciler import PassOptions
from ecsync.offline.permissions.life import life_of
from ecsync.offline.permissions.needs import Mode
from ecsync.offline.permissions.policy import Policy, policies
from ecsync.sources.disk import DiskSource
from tests.whole.support.command import Command, Result
from tests.whole.support.environment import ACCOUNT, INSTALLATION, Controller, Environment

CALLER = "simulated"  # the access key of this process
MANIFESTS = Path(__file__).resolve().parents[3] / "manifests"
# Errors of AWS while a right call comes too early or a deletion is under way, as in the other tests of these stacks.
NOT_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


def policies_of(where: Path, mode: Mode) -> list[Policy]:
    """Return the policies that `ecsync permissions` prints for manifests."""
    workspace = wiring.workspace(Settings(installation=INSTALLATION, account=ACCOUNT), str(where), read_only=True)
    loaded = workspace.loaded(DiskSource(where, pause=0.0, settle=0.0).fetch())
    assert not loaded.problems, loaded.problems
    life = life_of(loaded.applications, wiring.all_kinds(), workspace.target_of, installation=INSTALLATION)
    return policies(life.needs(mode))


@dataclass
class Life:
    """A stack in an account that enforces the policies of one mode after the other."""

    environment: Environment
    stack: Path
    region: str
    calls: dict[Mode, list[LedgerEntry]] = field(default_factory=lambda: {"observe": [], "apply": [], "prune": []})
    answers: list[Result] = field(default_factory=list)  # of the commands
    controller: Controller = field(init=False)

    def __post_init__(self) -> None:
        self.controller = self.environment.controller()

    @contextmanager
    def enforced(self, mode: Mode, granted: Sequence[Policy]) -> Iterator[None]:
        """Enforce policies for the controller, and record its calls."""
        simulator = self.environment.simulator
        simulator.settings = replace(simulator.settings, policies={CALLER: tuple(granted)})
        mark = len(simulator.ledger)
        try:
            yield
        finally:
            made = simulator.ledger.entries(mark)
            self.calls[mode] += [one for one in made if one.caller.startswith(f"{CALLER} ")]
            simulator.settings = replace(simulator.settings, policies={})

    def owner(self, service: str) -> Any:
        """Return another client of the account. It may do everything outside of `enforced`."""
        return self.environment.clients.get(service, self.region, once=True)

    def look(self, granted: Sequence[Policy]) -> None:
        """Run `plan`, `status` and passes of a daemon without --enforce, each as a process that has just started."""
        where = self.environment.manifests
        with self.enforced("observe", granted), pytest.MonkeyPatch.context() as patch:
            command = Command(self.environment, patch)
            self.answers += [command("plan", where), command("status", where)]
            observer = self.environment.controller()
            for _ in range(3):
                observer.run_pass(PassOptions(enforce=False))
                self.environment.simulator.advance(30)

    def settle(self, most: int = 80) -> None:
        """Make passes until nothing is left to do."""
        for _ in range(most):
            self.controller.run_pass()
            if not any(outcome.plan.steps for outcome in self.controller.outcomes.values()):
                return
            self.environment.simulator.advance(30)
        raise AssertionError("\n".join(self.controller.explain()))

    def adopt(self, *names: str) -> None:
        """Adopt resources, as `ecsync adopt` does."""
        keys = frozenset(
            desired.key
            for application in self.controller.catalogue.applications.values()
            for desired in application.resources
            if str(desired.key) in names
        )
        assert len(keys) == len(names), keys
        self.controller.run_pass(PassOptions(adopt=keys))

    def until(self, mode: Mode) -> list[LedgerEntry]:
        """Return the calls of a mode: those of the modes that it contains, too."""
        modes: tuple[Mode, ...] = ("observe", "apply", "prune")
        return [call for one in modes[: modes.index(mode) + 1] for call in self.calls[one]]


def checks_of(calls: Sequence[LedgerEntry]) -> list[Check]:
    """Return what IAM was asked about calls, each once."""
    return list({repr(check): check for call in calls for check in call.checks}.values())


def denied(calls: Sequence[LedgerEntry]) -> list[str]:
    """Return the calls that were denied."""
    return [f"{one.service}.{one.operation}: {one.params}" for one in calls if one.error_code in NOT_DENIED]


def without_need(granted: Sequence[Policy], checks: Sequence[Check]) -> list[str]:
    """Return the statements without which all checks are still allowed."""
    statements = [one for policy in granted for one in policy["Statement"]]
    return [
        one["Sid"]
        for one in statements
        if all(allowed([{"Statement": [other for other in statements if other is not one]}], check) for check in checks)
    ]


def use(environment: Environment, name: str) -> None:
    """Replace the manifests of an environment by those of a stack."""
    shutil.rmtree(environment.manifests)
    shutil.copytree(MANIFESTS / name, environment.manifests)
    application = environment.manifests / "application.yaml"
    if "mode: enforce" not in application.read_text():
        application.write_text(f"{application.read_text()}  sync: {{mode: enforce}}\n")


def keys(controller: Controller) -> list[Key]:
    """Return the keys of all documents."""
    return [one.key for application in controller.catalogue.applications.values() for one in application.resources]
