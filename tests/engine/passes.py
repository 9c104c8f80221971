"""Shared by the tests of the engine: an application on an account in memory, and passes over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from ecsync.core.kind import Kind
from ecsync.core.model import Application, Desired, Key, Options, Ref, Sync, Target, Text
from ecsync.core.outcome import Outcome
from ecsync.core.rules import Default, Immutable, Late, Refers, Rolls
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.inventory import Inventory
from ecsync.engine.reconciler import Destination, PassOptions, reconcile
from ecsync.engine.step_state import StepState
from ecsync.testing import FakeClock, MemoryCloud, memory_kind

NET = memory_kind("Net", calls=None, tagging=None)  # only looked up
BASE = memory_kind("Base", second=("size",), rules=(Late(path="peers"), Immutable(path="zone")))
APP = memory_kind("App", rules=(Default(path="count", value=1), Rolls(path="net"), Refers(path="base", kind="Base")))
LEAF = memory_kind("Leaf", rules=(Refers(path="app", kind="App"),))
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (NET, BASE, APP, LEAF)}
TARGET = Target(account="111111111111", region="eu-west-1")


def key(path: str, application: str = "shop") -> Key:
    """Return the key of `Kind/name`."""
    kind, _, name = path.partition("/")
    return Key(application=application, kind=kind, name=name)


def ref(path: str, output: str = "id", application: str = "shop") -> Text:
    """Return a reference to an output of `Kind/name`."""
    return Text((Ref(key(path, application), output),))


def document(path: str, options: Options | None = None, application: str = "shop", **members: Any) -> Desired:
    """Return the document `Kind/name`; its AWS name is that name unless `members` has another."""
    at = key(path, application)
    return Desired(key=at, body={"name": at.name, **members}, options=options or Options())


def shop(*resources: Desired, name: str = "shop", prune: bool = False, **settings: Any) -> Application:
    """Return an application in mode enforce."""
    sync = Sync(mode="enforce", prune=prune, interval=60.0)
    return Application(name=name, sync=sync, resources=resources, **settings)


def stack() -> tuple[Desired, ...]:
    """Return a chain with a second call, a late part that closes a cycle, and a resource without references."""
    return (
        document("Base/base", size=3, peers=[ref("App/app")]),
        document("App/app", base=ref("Base/base"), tags={"team": "a"}),
        document("Leaf/leaf", app=ref("App/app"), colour="red"),
        document("Leaf/alone"),
    )


ALL_THERE = {"Base": ["base"], "App": ["app"], "Leaf": ["alone", "leaf"]}


@dataclass
class Account:
    """An account, time, and the state of one controller."""

    cloud: MemoryCloud = field(default_factory=MemoryCloud)
    clock: FakeClock = field(default_factory=FakeClock)
    step_state: StepState = field(default_factory=StepState)
    asserted: bool = True
    installation: str = "prod"
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)

    def run(
        self, *applications: Application, options: PassOptions | None = None, pruning: str = "", **more: Any
    ) -> Outcome:
        """Make one enforcing pass over the first of the applications."""
        catalogue = self.declared(*applications, pruning=pruning)
        return self.reconcile(applications[0].name, catalogue, options, **more)

    def declared(self, *applications: Application, pruning: str = "") -> Catalogue:
        """Return the catalogue of these applications, with a revision of its own."""
        revision = sha256(repr(applications).encode()).hexdigest()
        return Catalogue(applications={one.name: one for one in applications}, pruning=pruning, revision=revision)

    def reconcile(self, name: str, catalogue: Catalogue, options: PassOptions | None = None, **more: Any) -> Outcome:
        """Make one enforcing pass over an application of a catalogue."""
        options = options or PassOptions(enforce=True, **more)
        return reconcile(catalogue.applications[name], catalogue, self.destination(), self.step_state, options)

    def destination(self) -> Destination:
        """Return where passes are made."""
        return Destination(
            cloud=self.cloud,
            target=TARGET,
            installation=self.installation,
            kinds=self.kinds,
            clock=self.clock,
            asserted=self.asserted,
        )

    def settle(self, *applications: Application, limit: int = 12) -> Outcome:
        """Make passes, five seconds apart, until one writes nothing."""
        for _ in range(limit):
            before = len(self.cloud.writes)
            outcome = self.run(*applications)
            if len(self.cloud.writes) == before and outcome.plan.empty:
                return outcome
            self.clock.advance(5)
        raise AssertionError(f"does not settle: {self.cloud.writes}")

    def restart(self) -> None:
        """Start with an empty step state, as a new process does."""
        self.step_state = StepState()

    def there(self) -> dict[str, list[str]]:
        """Return the names of the live resources, by kind."""
        found: dict[str, list[str]] = {}
        for id_, one in self.cloud.objects.items():
            found.setdefault(id_.partition("-")[0], []).append(one["name"])
        return {kind: sorted(names) for kind, names in found.items()}

    def body(self, path: str) -> dict[str, Any]:
        """Return the live object `Kind/name`, for an assertion or a manual change."""
        kind, _, name = path.partition("/")
        found = self.cloud.named(kind, name)
        assert found is not None, path
        return found

    def made(self) -> list[str]:
        """Return the create calls, in order."""
        return [write for write in self.cloud.writes if write.startswith("Create")]


@dataclass
class SharedAccount(Account):
    """An account of which the reads are kept between passes."""

    inventory: Inventory | None = None

    def destination(self) -> Destination:
        """Return where passes are made."""
        self.inventory = self.inventory or Inventory(self.cloud, self.clock.monotonic, self.kinds)
        return replace(super().destination(), inventory=self.inventory)
