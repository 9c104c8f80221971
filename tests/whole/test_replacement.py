"""Replacement of a target group (docs/rules.md R9): the new one is created beside the old one, without an outage."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.whole.support.after_writes import AfterWrites
from tests.whole.support.environment import Body, Controller, Environment, operations
from tests.whole.support.killed import Killed

SEQUENCE = [
    "elbv2.CreateTargetGroup",
    "elbv2.ModifyTargetGroupAttributes",
    "elbv2.ModifyRule",  # old 100, new 0: associates the new one with the load balancer
    "ecs.UpdateService",  # registers with both
    "elbv2.ModifyRule",  # old 0, new 100
    "ecs.UpdateService",  # leaves the old one
    "elbv2.ModifyRule",  # new alone
    "elbv2.DeleteTargetGroup",
]


def shares(environment: Environment) -> dict[str, int]:
    """Return the weight of each target group that the rule forwards to, by ARN."""
    elb = environment.aws("elbv2")
    balancer = elb.describe_load_balancers(Names=["quickstart"])["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    (rule,) = (one for one in elb.describe_rules(ListenerArn=listener)["Rules"] if not one["IsDefault"])
    (forward,) = rule["Actions"]
    return {one["TargetGroupArn"]: one.get("Weight", 1) for one in forward["ForwardConfig"]["TargetGroups"]}


def healthy(environment: Environment, group: str) -> int:
    """Return the number of healthy targets of a group."""
    found = environment.aws("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sum(target["TargetHealth"]["State"] == "healthy" for target in found)


def assert_served(environment: Environment) -> None:
    """Assert that traffic goes only to groups with healthy targets."""
    weighted = [group for group, weight in shares(environment).items() if weight]
    assert weighted
    assert all(healthy(environment, group) for group in weighted), shares(environment)


def groups(environment: Environment) -> list[Body]:
    """Return the target groups of the account."""
    found: list[Body] = environment.aws("elbv2").describe_target_groups()["TargetGroups"]
    return found


def finish(controller: Controller) -> None:
    """Converge, and check after each write that the site is served."""
    controller.wrap = lambda cloud: AfterWrites(cloud, lambda: assert_served(controller.environment))
    controller.converge(pause=60)
    assert_served(controller.environment)


def assert_replaced(controller: Controller) -> None:
    """Assert that only the new group exists, under the replacement's name, and is served."""
    (group,) = groups(controller.environment)
    assert (group["Port"], list(shares(controller.environment))) == (8080, [group["TargetGroupArn"]])
    assert re.fullmatch(r"quickstart-web-[0-9a-f]{6}", group["TargetGroupName"])
    assert healthy(controller.environment, group["TargetGroupArn"]) == 2
    (balancer,) = controller.environment.service()["loadBalancers"]
    assert balancer["targetGroupArn"] == group["TargetGroupArn"]


def change_port(controller: Controller) -> None:
    """Change the port of the target group, which AWS cannot change in place."""
    controller.environment.edit(
        "    Port: 80\n    TargetType: ip", "    Port: 8080\n    TargetType: ip", "network.yaml"
    )
    controller.read()


def test_a_target_group_is_replaced_without_an_outage(converged: Controller) -> None:
    """The calls are those of SEQUENCE; the rule never forwards to a group without healthy targets."""
    change_port(converged)
    (old,) = groups(converged.environment)
    with converged.environment.writes() as writes:
        finish(converged)
    assert operations(writes) == SEQUENCE
    assert writes[-1].params == {"TargetGroupArn": old["TargetGroupArn"]}
    first_weights, second_weights = ([group["Weight"] for group in _forward(writes[index])] for index in (2, 4))
    assert (sorted(first_weights), sorted(second_weights)) == ([0, 100], [0, 100])
    assert_replaced(converged)


def test_passes_after_a_replacement_write_nothing(converged: Controller) -> None:
    """The replacement's name is no drift, neither for this process nor for a new one."""
    change_port(converged)
    converged.converge(pause=60)
    with converged.environment.writes() as writes:
        converged.run_passes(3)
        converged.environment.controller().run_passes(2)
    assert operations(writes) == []
    assert converged.events_of_type("drift.detected") == []


@pytest.mark.parametrize("index", range(1, len(SEQUENCE) + 1))
def test_a_new_process_continues_a_replacement_after_a_kill_at_any_call(converged: Controller, index: int) -> None:
    """No call is made twice, and there is no outage."""
    change_port(converged)
    with converged.environment.writes() as writes:
        _kill_after(converged, index)
        finish(converged.environment.controller())
    assert operations(writes) == SEQUENCE
    assert_replaced(converged)


def _kill_after(controller: Controller, index: int) -> None:
    mark = len(controller.environment.simulator.ledger)

    def check() -> None:
        assert_served(controller.environment)
        if len(controller.environment.simulator.ledger.mutations(mark)) == index:
            raise Killed

    controller.wrap = lambda cloud: AfterWrites(cloud, check)
    with pytest.raises(Killed):
        controller.converge(pause=60)


def _forward(write: Any) -> list[Body]:
    (action,) = write.params["Actions"]
    found: list[Body] = action["ForwardConfig"]["TargetGroups"]
    return found
