"""ECR, EC2 and autoscaling, field by field: a manual change is detected and repaired, and nothing else changes.

All tests share one account: each begins and ends in sync.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ecsim import Fault, Simulator
from ecsync import kinds
from ecsync.aws.clients import Clients
from ecsync.core.model import Effect, Reason
from ecsync.core.trees import pointer
from tests.whole.support.drift_cases import DriftCase, optional_members, rounds, without
from tests.whole.support.environment import SETTLE_SECONDS, Body, Controller, Environment, operations
from tests.whole.support.manual_changes import ManualChanges

MANIFESTS = Path(__file__).parent.parent / "cases" / "all_fields"
APPLICATION = "all-fields"
ORPHAN_SEARCH = "resourcegroupstaggingapi.GetResources"  # it may fail: orphans are then not found
Fields = list[tuple[str, Effect, Reason]]
TAGGING = {
    f"{service}.{operation}"
    for service in ("ecr", "ec2", "ecs", "autoscaling", "application-autoscaling")
    for operation in ("TagResource", "UntagResource", "CreateTags", "DeleteTags", "CreateOrUpdateTags")
}
TWO_CALLS = {
    "LaunchTemplate/nodes": "create a version, then make it the default",
    "AutoScalingGroup/nodes": "its own member, and the new version of its template",
}
KINDS = ("Repository", "LaunchTemplate", "AutoScalingGroup", "CapacityProvider", "ScalableTarget", "ScalingPolicy",
         "ScheduledAction")  # fmt: skip
READS = sorted({operation for kind in KINDS for operation in kinds.BY_NAME[kind].reads} - {ORPHAN_SEARCH})


@dataclass
class SharedAccount:
    """A controller that has converged, and another client of its account."""

    controller: Controller
    manual: ManualChanges
    contents: Body  # of the account, after it had converged

    def one_pass(self) -> tuple[dict[str, Fields], dict[str, list[str]]]:
        """Make one pass; return the fields that differ and the calls, by resource."""
        for step_state in self.controller.step_states.values():
            step_state.writes.forget()  # each case is its own: the same value is changed in several
        with self.controller.environment.writes() as writes:
            self.controller.run_pass()
        outcome = self.controller.outcomes[APPLICATION]
        assert not outcome.plan.unreadable
        assert [(one.operation, one.error_code) for one in writes if not one.ok] == []
        steps = {str(step.id.key): step for step in (*outcome.plan.steps, *(one.step for one in outcome.plan.withheld))}
        differs = {
            key: [(pointer(field.path), field.effect, field.reason) for field in step.fields]
            for key, step in steps.items()
        }
        calls = {key: [call.name for call in step.calls] for key, step in steps.items()}
        assert sorted(operations(writes)) == sorted(name for planned in calls.values() for name in planned)
        return differs, calls

    def in_sync(self) -> bool:
        """Return whether a controller that has just started finds nothing to do."""
        plan = self.controller.environment.controller(self.controller.where).plan(APPLICATION)
        return not (plan.steps or plan.withheld or plan.unreadable)


@pytest.fixture(scope="module")
def shared_account(simulator: Simulator, clients: Clients, tmp_path_factory: pytest.TempPathFactory) -> SharedAccount:
    """An account with every field declared, in sync."""
    manifests = tmp_path_factory.mktemp("all-fields") / "manifests"
    shutil.copytree(MANIFESTS, manifests)
    environment = Environment(simulator, clients, manifests)
    controller = environment.controller()
    assert controller.catalogue.problems == ()
    controller.converge(pause=SETTLE_SECONDS)
    manual = ManualChanges(environment)
    return SharedAccount(controller, manual, manual.contents())


@pytest.fixture
def account(shared_account: SharedAccount) -> Iterator[SharedAccount]:
    """The shared account; its content must be unchanged after the test."""
    yield shared_account
    now = shared_account.manual.contents()
    assert {name: one for name, one in now.items() if one != shared_account.contents[name]} == {}


def test_ten_passes_over_a_converged_account_write_nothing(account: SharedAccount) -> None:
    """The manifests have values as strings, in other orders, by name and by ARN, with and without AWS's defaults."""
    with account.controller.environment.writes() as writes:
        account.controller.run_passes(10)
    assert operations(writes) == []
    assert account.in_sync()
    assert [one.type for one in account.controller.events if one.type.startswith("drift")] == []


@pytest.mark.parametrize("cases", rounds())
def test_a_manually_changed_field_is_detected_and_repaired_by_one_call(
    account: SharedAccount, cases: list[DriftCase]
) -> None:
    """The plan contains that field and no other, and the repair changes no other field."""
    for one in cases:
        one.change(account.manual)
    differs, calls = account.one_pass()
    assert differs == {one.resource: [(path, "in-place", "drift") for path in one.paths] for one in cases}
    assert calls == {one.resource: [one.call] for one in cases}
    assert account.one_pass() == ({}, {})


@contextmanager
def without_members(account: SharedAccount, members: list[tuple[str, str]]) -> Iterator[None]:
    """Remove these members from the manifests for the block."""
    files = {path: path.read_text() for path in account.controller.environment.manifests.glob("*.yaml")}
    for path, whole in files.items():
        text = whole
        for name, member in members:
            text = without(text, name, member)
        path.write_text(text)
    account.controller.read()
    assert account.controller.catalogue.problems == ()
    try:
        yield
    finally:
        for path, whole in files.items():
            path.write_text(whole)
        account.controller.read()


def assert_only_these_change(account: SharedAccount, names: set[str]) -> None:
    """Make a pass that changes exactly these resources, with one call each beside tags; the next changes nothing."""
    differs, calls = account.one_pass()
    assert differs.keys() == names
    assert {reason for fields in differs.values() for *_, reason in fields} <= {"pending"}
    own_calls = {key: [name for name in called if name not in TAGGING] for key, called in calls.items()}
    assert {key: called for key, called in own_calls.items() if len(called) > (2 if key in TWO_CALLS else 1)} == {}
    assert account.one_pass() == ({}, {})


@pytest.mark.parametrize("members", optional_members())
def test_a_removed_member_returns_to_its_default_and_can_be_declared_again(
    account: SharedAccount, members: list[tuple[str, str]]
) -> None:
    """Both changes are pending, not drift, and no other member changes."""
    events_before = len(account.controller.events)
    with without_members(account, members):
        assert_only_these_change(account, {name for name, _ in members})
    assert_only_these_change(account, {name for name, _ in members})
    assert [one.type for one in account.controller.events[events_before:] if one.type.startswith("drift")] == []


@pytest.mark.parametrize("kind", ["deny", "reset"])
def test_an_unreadable_resource_is_neither_created_nor_changed(account: SharedAccount, kind: Any) -> None:
    """For each read operation of these kinds: nothing is written; the error names the operation, and the rest waits."""
    simulator = account.controller.environment.simulator
    for name in READS:
        service, operation = name.split(".")
        simulator.fault(Fault(kind=kind, service=service, operation=operation, times=None))
        # Without this listing the tags are read by the operations of the kinds.
        simulator.fault(Fault(kind="deny", service="resourcegroupstaggingapi", operation="GetResources", times=None))
        with account.controller.environment.writes() as writes:
            account.controller.run_pass()
        simulator.clear_faults()
        assert operations(writes) == [], name
        unreadable = account.controller.outcomes[APPLICATION].plan.unreadable
        assert any(name in error for error in unreadable.values()), name
        assert all(name in error or "waits for " in error for error in unreadable.values())
    assert account.in_sync()
