"""A simulated account in which one resource of every kind is created call by call, with a read after each call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from ecsim import Settings, Simulator, VirtualClock
from ecsync import kinds, wiring
from ecsync.aws.clients import Access, Clients
from ecsync.aws.cloud import BotoCloud
from ecsync.aws.limits import Limiter
from ecsync.awsmodel import models, shapes
from ecsync.core import plan
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind
from ecsync.core.model import Application, Call, Create, Key, Observed, Present, Target, Text
from ecsync.core.outcome import Step
from ecsync.core.ports import Snapshot
from ecsync.core.resolve import resolve
from ecsync.core.trees import at, thaw, transform
from ecsync.engine.observe import observe
from ecsync.language.manifest import load
from tests.chaos import wire

CASES = Path(__file__).parent.parent / "cases" / "conformance"
REGION, ACCOUNT = "eu-west-1", "123456789012"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = 150.0  # seconds after which every operation in progress in the account is complete
Sent = tuple[str, dict[str, Any]]


def application(*files: str) -> Application:
    """Return the application that manifests declare, loaded with the real kinds and shapes."""
    snapshot = Snapshot(revision="test", files={file: (CASES / file).read_bytes() for file in files})
    loaded = load(snapshot, kinds=kinds.BY_NAME, shape_of=shapes.load, environment={}, root_name="shop")
    assert not loaded.problems, [str(problem) for problem in loaded.problems]
    return replace(loaded.applications[0], manage=("all",))


@dataclass
class Half:
    """The remaining calls after `made` calls of a create, and the calls that a plan gives at that point."""

    key: Key
    made: int
    left: list[Sent]
    planned: list[Sent]


@dataclass
class Account:
    """The account, and what was recorded while the resources were created."""

    simulator: Simulator
    cloud: BotoCloud
    halves: list[Half] = field(default_factory=list)
    calls: dict[str, list[Call]] = field(default_factory=dict)  # by kind
    _last: Inputs | None = None

    def inputs(self, of: Application) -> Inputs:
        """Return the inputs of a plan, with every resource read."""
        inputs = Inputs(
            application=of,
            kinds=kinds.BY_NAME,
            world={},
            target=Target(account=ACCOUNT, region=REGION),
            installation="test",
        )
        return replace(inputs, world=observe(self.cloud, inputs, NOW))

    @property
    def application(self) -> Application | None:
        """The application to which the account converged last."""
        return self._last.application if self._last else None

    @property
    def last(self) -> Inputs:
        """The inputs after the last step."""
        assert self._last is not None
        return self._last

    @property
    def world(self) -> Mapping[Key, Observed]:
        """The live resources after the last step."""
        return self.last.world

    def again(self, inputs: Inputs, step: Step) -> tuple[Inputs, tuple[Step, ...]]:
        """Read one resource again, and plan its step again."""
        now = replace(inputs, world=observe(self.cloud, inputs, NOW, only=(step.id.key,)))
        return now, plan.replan(now, step).steps

    def converge(self, of: Application) -> None:
        """Create everything, in order; after each call of a create, record the remaining and the planned calls."""
        for _ in range(8):
            inputs = self.inputs(of)
            steps = plan.build(inputs).steps
            if not steps:
                self._last = inputs
                return
            for step in steps:
                inputs = self.carry_out(inputs, step)
            self.simulator.advance(LONG)
        raise AssertionError(f"does not converge: {[str(step.id) for step in steps]}")

    def carry_out(self, inputs: Inputs, step: Step) -> Inputs:
        """Make the calls of a step; return the inputs with the resource read again."""
        inputs, fresh = self.again(inputs, step)
        current = next((one for one in fresh if one.id == step.id), None)
        if current is None or not current.calls:
            return inputs
        sequence = [call for one in fresh for call in one.calls]
        captured: dict[str, str] = {}
        self.calls.setdefault(step.id.key.kind, []).extend(sequence)
        for number, call in enumerate(current.calls, start=1):
            response = self.cloud.write(call.service, call.operation, **_resolved(inputs, step.id.key, call, captured))
            captured |= {name: str(at(response, path)) for name, path in call.captures.items()}
            inputs, rest = self.again(inputs, step)
            if isinstance(current.change, Create):
                left = [_sent(inputs, step.id.key, one, captured) for one in sequence[number:]]
                planned = [_sent(inputs, step.id.key, one, captured) for later in rest for one in later.calls]
                self.halves.append(Half(step.id.key, number, left, planned))
        return _with_outputs(inputs, step.id.key, captured)


def _resolved(inputs: Inputs, key: Key, call: Call, captured: Mapping[str, str]) -> dict[str, Any]:
    return resolve(
        call.params,
        lambda ref: captured.get(ref.output, inputs.value_of(ref)) if ref.key == key else inputs.value_of(ref),
    )


def _sent(inputs: Inputs, key: Key, call: Call, captured: Mapping[str, str]) -> Sent:
    return call.name, thaw(_resolved(inputs, key, call, captured))


def _with_outputs(inputs: Inputs, key: Key, captured: Mapping[str, str]) -> Inputs:
    """Return the inputs with the outputs of the responses, which a read may not show yet."""
    observed: Observed = inputs.world[key]
    if not isinstance(observed, Present):
        return inputs
    updated = replace(observed, outputs={**observed.outputs, **captured})
    return replace(inputs, world={**inputs.world, key: updated})


@contextmanager
def simulated_credentials() -> Iterator[None]:
    """Have credentials for a simulated account in the environment, and nothing else of AWS."""
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(AWS_ACCESS_KEY_ID="simulated", AWS_SECRET_ACCESS_KEY="simulated")
        os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
        yield


def served() -> Iterator[Simulator]:
    """Serve an account with a clock that does not advance on its own."""
    simulator = Simulator(Settings(region=REGION, account=ACCOUNT, settling=False), VirtualClock())
    simulator.start()
    yield simulator
    simulator.stop()


def converged(simulator: Simulator, file: str) -> Account:
    """Return an account in which every resource of a manifest was created."""
    simulator.reset()
    clients = Clients(Access(region=REGION, endpoint_url=simulator.url))
    wire.Wire(simulator.gateway).connect(clients)
    account = Account(simulator, unlimited(clients))
    account.converge(application(file))
    return account


def unlimited(clients: Clients) -> BotoCloud:
    """Return a cloud of these clients without a rate limit."""
    return BotoCloud(
        clients,
        region=REGION,
        reads=wiring.all_reads(),
        limiter=Limiter(monotonic=lambda: 0.0, wait=lambda _: None),
        account=ACCOUNT,
    )


def writable() -> list[Kind]:
    """Return the kinds with calls."""
    return [kind for kind in kinds.ALL if kind.calls is not None]


def refused(calls: Iterable[Call]) -> list[str]:
    """Return the errors of botocore's validation of the calls; a reference counts as text."""
    found = []
    for call in calls:
        params = transform(call.params, lambda leaf: str(leaf) if isinstance(leaf, Text) else leaf)
        report = ParamValidator().validate(params, _input(call.service, call.operation))
        found += [f"{call.name}: {report.generate_report()}"] if report.has_errors() else []
    return found


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(models.shared_loader().load_service_model(service, "service-2"), service)


def _input(service: str, operation: str) -> Any:
    return _model(service).operation_model(operation).input_shape


def unknown_operations(names: Iterable[str]) -> list[str]:
    """Return the names, as `ecs.DescribeServices`, that are not operations of botocore's models."""
    found = []
    for name in sorted(names):
        service, _, operation = name.partition(".")
        if operation not in _model(service).operation_names:
            found.append(name)
    return found
