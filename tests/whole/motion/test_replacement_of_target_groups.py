"""A target group is replaced in every shape, and no weight ever stands on a group without a healthy target (R9)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ecsim import Simulator
from ecsync.aws.clients import Clients
from tests.whole.motion.shapes import NETWORK_SHAPES, SHAPES, Stack
from tests.whole.support.environment import Body, Controller, Environment
from tests.whole.support.killed import converge_with_a_kill_after_each_call

PAUSE = 50  # seconds between two passes
MOST_PASSES = 400  # with a look each two seconds while a service moves
SPEEDS = [(5, 0), (5, 300), (30, 0), (30, 300)]  # seconds between health checks, deregistration delay


@pytest.fixture
def account(simulator: Simulator, clients: Clients, tmp_path: Path) -> Environment:
    """An empty account, and an empty folder for manifests."""
    return Environment(simulator, clients, tmp_path / "motion")


def running(account: Environment, stack: Stack) -> Controller:
    """Return a controller that has converged a stack."""
    stack.write(account.manifests)
    controller = account.controller()
    controller.converge(pause=400)
    return controller


def outages(account: Environment) -> list[tuple[float, float]]:
    """Return the seconds of each rule without a healthy target: behind all of its weight, behind a part of it."""
    return [(one["unserved"], one["partly"]) for one in account.simulator.outages()]


def groups(account: Environment) -> list[Body]:
    """Return the target groups of the account."""
    found: list[Body] = account.aws("elbv2").describe_target_groups()["TargetGroups"]
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_a_replacement_is_no_outage(account: Environment, shape: str) -> None:
    """At every moment each group with weight has a healthy target, and in the end only the new groups exist."""
    stack = Stack(shape, interval=30, delay=300)
    controller = running(account, stack)
    before, old = outages(account), groups(account)
    replace(stack, port=8080).write(account.manifests)
    controller.read()
    controller.converge(pause=PAUSE)
    assert outages(account) == before
    assert len(groups(account)) == len(old)
    assert {group["Port"] for group in groups(account) if "web" in group["TargetGroupName"]} == {8080}


@pytest.mark.parametrize(("interval", "delay"), SPEEDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_replacement_by_processes_that_die_after_each_call_is_no_outage(
    account: Environment, shape: str, interval: int, delay: int
) -> None:
    """A new process goes on where the last one stopped, from what is live."""
    stack = Stack(shape, interval=interval, delay=delay)
    running(account, stack)
    before, old = outages(account), groups(account)
    replace(stack, port=8080).write(account.manifests)
    converge_with_a_kill_after_each_call(account, pause=PAUSE)
    assert outages(account) == before
    assert len(groups(account)) == len(old)


LOOKS = 4.0  # two looks while a service moves, in seconds


@pytest.mark.parametrize(("shape", "interval", "delay"), [*((one, 5, 0) for one in SHAPES), ("listener", 30, 300)])
def test_another_container_port_is_an_outage_of_two_looks(
    account: Environment, shape: str, interval: int, delay: int
) -> None:
    """The tasks cannot be in both groups: with `ecsync/replace: allow` the weights follow within two looks."""
    stack = Stack(shape, interval=interval, delay=delay, replace="allow")
    controller = running(account, stack)
    before, old = outages(account), groups(account)
    replace(stack, port=8080, container_port=8080).write(account.manifests)
    controller.read()
    (step,) = (one for one in controller.plan("motion").steps if str(one.id) == "TargetGroup/web")
    assert "requests fail for up to 4 s" in step.waiting
    controller.converge(most=MOST_PASSES)
    lost = [after[1] - first[1] for first, after in zip(before, outages(account), strict=True)]
    assert max(lost) <= LOOKS
    assert len(groups(account)) == len(old)


@pytest.mark.parametrize("shape", SHAPES)
def test_another_container_port_without_a_word_changes_in_two_ways_without_an_outage(
    account: Environment, shape: str
) -> None:
    """The service first moves to the new port in its old group; then that group is replaced."""
    stack = Stack(shape, interval=5, delay=30)
    controller = running(account, stack)
    before = outages(account)
    replace(stack, port=8080, container_port=8080).write(account.manifests)
    controller.read()
    (withheld,) = (one for one in controller.plan("motion").withheld if str(one.step.id) == "TargetGroup/web")
    assert "set `ecsync/replace: allow`" in withheld.reason
    controller.converge(pause=PAUSE)
    assert outages(account) == before
    assert {group["Port"] for group in groups(account) if "web" in group["TargetGroupName"]} == {8080}


CHECKS = [(5, 0), (30, 300)]  # seconds between health checks, deregistration delay


@pytest.mark.parametrize(("interval", "delay"), CHECKS)
@pytest.mark.parametrize("shape", NETWORK_SHAPES)
@pytest.mark.parametrize("dies", [False, True], ids=["", "dies after each call"])
def test_a_replacement_behind_a_network_load_balancer_is_no_outage(
    account: Environment, shape: str, interval: int, delay: int, dies: bool
) -> None:
    """Its listeners take weights too, so the groups are side by side until the new one has healthy targets."""
    stack = Stack(shape, interval=interval, delay=delay)
    controller = running(account, stack)
    before, old = outages(account), groups(account)
    replace(stack, port=8080).write(account.manifests)
    if dies:
        converge_with_a_kill_after_each_call(account, pause=PAUSE)
    else:
        controller.read()
        controller.converge(pause=PAUSE)
    assert outages(account) == before
    assert len(groups(account)) == len(old)
    assert {group["Port"] for group in groups(account) if "web" in group["TargetGroupName"]} == {8080}


def test_another_protocol_behind_a_network_load_balancer_is_held(account: Environment) -> None:
    """AWS takes no groups of two protocols in one action: the traffic stays where it is, and no call is refused."""
    stack = Stack("TCP and TLS")
    controller = running(account, stack)
    before = outages(account)
    replace(stack, protocol="TCP_UDP").write(account.manifests)
    controller.read()
    with account.writes() as writes:
        controller.run_passes(10)
    assert all(one.ok for one in writes)
    assert outages(account) == before
    held = {str(one.step.id): one.reason for one in controller.plan("motion").withheld}
    assert "the same Protocol and the same IpAddressType" in held["Listener/tcp"]
