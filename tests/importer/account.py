"""A simulated account that another client filled with boto3, and the import of its cluster `prod`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ecsim import Simulator
from ecsync import wiring
from ecsync.aws.clients import Clients
from ecsync.aws.cloud import BotoCloud
from ecsync.aws.limits import Limiter
from ecsync.awsmodel import shapes
from ecsync.core.model import Adopt, Application, Target
from ecsync.core.outcome import Outcome, Plan
from ecsync.core.ports import Reader, Snapshot
from ecsync.core.trees import pointer
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.observe import observe
from ecsync.engine.reconciler import Destination, PassOptions, look, reconcile
from ecsync.engine.step_state import StepState
from ecsync.importer.manifests import GeneratedManifests, generate
from ecsync.importer.survey import ImportContext, survey
from ecsync.language.manifest import load
from ecsync.wiring import SystemClock

REGION = "eu-west-1"
ACCOUNT = "123456789012"
INSTALLATION = "test"
CLUSTER = "prod"

Body = dict[str, Any]


@dataclass
class SimulatedAccount:
    """The account, and the import of its cluster `prod`."""

    simulator: Simulator
    clients: Clients

    def aws(self, service: str) -> Any:
        """Return a boto3 client: another client of the account."""
        return self.clients.get(service, REGION, once=True)

    def cloud(self) -> BotoCloud:
        """Return the controller's access to the account, with an empty cache and no rate limit."""
        limiter = Limiter(monotonic=lambda: 0.0, wait=lambda _: None)
        return BotoCloud(self.clients, region=REGION, reads=wiring.all_reads(), limiter=limiter, account=ACCOUNT)

    def context(self) -> ImportContext:
        """Return the settings of an import."""
        return ImportContext(
            kinds=wiring.all_kinds(),
            shape_of=shapes.load,
            application=CLUSTER,
            target=Target(account=ACCOUNT, region=REGION),
            installation=INSTALLATION,
        )

    def import_cluster(self, reader: Reader | None = None) -> GeneratedManifests:
        """Return the files of an import without writing them. The proof reads as a plan does."""
        known = self.context()
        found = survey(reader or self.cloud(), CLUSTER, known)
        assert found.reader is not None
        proof_reader = found.reader
        return generate(found, CLUSTER, known, lambda inputs: observe(proof_reader, inputs, datetime.now(UTC)))

    def calls(self, since: int = 0) -> Counter[str]:
        """Return how often each operation was called since a mark in the ledger."""
        return Counter(f"{one.service}.{one.operation}" for one in self.simulator.ledger.entries(since))


@dataclass
class ImportedApplication:
    """The files of an import as an application that a controller reconciles."""

    account: SimulatedAccount
    files: dict[str, str]

    def catalogue(self) -> Catalogue:
        """Return what the files declare."""
        known = self.account.context()
        snapshot = Snapshot(revision="r1", files={name: text.encode() for name, text in self.files.items()})
        loaded = load(snapshot, kinds=known.kinds, shape_of=known.shape_of, environment={}, root_name=CLUSTER)
        assert loaded.problems == ()
        return Catalogue(applications={one.name: one for one in loaded.applications}, revision="r1")

    def application(self) -> Application:
        """Return the only application of the files."""
        (application,) = self.catalogue().applications.values()
        return application

    def destination(self) -> Destination:
        """Return the account and the installation that reconcile it."""
        known = self.account.context()
        return Destination(
            cloud=self.account.cloud(),
            target=known.target,
            installation=INSTALLATION,
            kinds=known.kinds,
            clock=SystemClock(),
        )

    def plan(self) -> Plan:
        """Return the plan of a pass."""
        return look(self.application(), self.catalogue(), self.destination(), StepState()).plan

    def adopt(self) -> Outcome:
        """Adopt every resource."""
        keys = frozenset(one.key for one in self.application().resources)
        return reconcile(self.application(), self.catalogue(), self.destination(), StepState(), PassOptions(adopt=keys))


def changes(plan: Plan) -> list[str]:
    """Return what a plan would change: `Kind/name /path` for a field, `Kind/name Create` for a step without fields.

    An adoption without fields changes nothing.
    """
    assert not plan.unreadable
    assert not plan.withheld
    found = [f"{step.id} {pointer(one.path)}" for step in plan.steps for one in step.fields]
    others = (step for step in plan.steps if not step.fields and not isinstance(step.change, Adopt))
    return sorted(found + [f"{step.id} {type(step.change).__name__}" for step in others])
