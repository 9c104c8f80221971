"""Rule 9: a target group whose port changes is replaced beside the old one, and traffic always has somewhere to go."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ecsync.core.ports import Cloud
from tests.whole.support.stage import Body, Controller, Stage, names

SEQUENCE = [
    "elbv2.CreateTargetGroup",
    "elbv2.ModifyTargetGroupAttributes",
    "elbv2.ModifyRule",  # old 100, new 0: that associates the new one with the load balancer
    "ecs.UpdateService",
    "elbv2.ModifyRule",  # old 0, new 100
    "elbv2.ModifyRule",  # new alone
    "elbv2.DeleteTargetGroup",
]


def shares(stage: Stage) -> dict[str, int]:
    """Where the rule forwards to: the weight of each target group, by ARN."""
    elb = stage.aws("elbv2")
    balancer = elb.describe_load_balancers(Names=["quickstart"])["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    (rule,) = (one for one in elb.describe_rules(ListenerArn=listener)["Rules"] if not one["IsDefault"])
    (forward,) = rule["Actions"]
    return {one["TargetGroupArn"]: one.get("Weight", 1) for one in forward["ForwardConfig"]["TargetGroups"]}


def healthy(stage: Stage, group: str) -> int:
    """How many targets of a group are healthy."""
    found = stage.aws("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sum(target["TargetHealth"]["State"] == "healthy" for target in found)


def serves(stage: Stage) -> None:
    """Traffic goes only to groups that have healthy targets."""
    weighted = [group for group, weight in shares(stage).items() if weight]
    assert weighted
    assert all(healthy(stage, group) for group in weighted), shares(stage)


def groups(stage: Stage) -> list[Body]:
    """The target groups that there are."""
    found: list[Body] = stage.aws("elbv2").describe_target_groups()["TargetGroups"]
    return found


class Watched:
    """A cloud behind whose every write somebody looks whether the site is up."""

    def __init__(self, cloud: Cloud, stage: Stage) -> None:
        self._cloud = cloud
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def write(self, service: str, operation: str, /, **params: Any) -> Any:
        response = self._cloud.write(service, operation, **params)
        serves(self._stage)
        return response


def finish(controller: Controller) -> None:
    """Converge, looking after each write whether the site is up."""
    controller.wrap = lambda cloud: Watched(cloud, controller.stage)
    controller.converge(pause=60)
    serves(controller.stage)


def assert_replaced(controller: Controller) -> None:
    """The new group alone is there, under the replacement's name, and serves."""
    (group,) = groups(controller.stage)
    assert (group["Port"], list(shares(controller.stage))) == (8080, [group["TargetGroupArn"]])
    assert re.fullmatch(r"quickstart-web-[0-9a-f]{6}", group["TargetGroupName"])
    assert healthy(controller.stage, group["TargetGroupArn"]) == 2
    (balancer,) = controller.stage.service()["loadBalancers"]
    assert balancer["targetGroupArn"] == group["TargetGroupArn"]


def change_port(controller: Controller) -> None:
    """Change what AWS cannot change in place."""
    controller.stage.edit("    Port: 80\n    TargetType: ip", "    Port: 8080\n    TargetType: ip", "network.yaml")
    controller.read()


def test_the_new_group_takes_over_without_a_gap(kept: Controller) -> None:
    """The calls are those of rule 9, in its order; at no time does the rule forward to a group without targets."""
    change_port(kept)
    (old,) = groups(kept.stage)
    with kept.stage.writes() as writes:
        finish(kept)
    assert names(writes) == SEQUENCE
    assert writes[-1].params == {"TargetGroupArn": old["TargetGroupArn"]}
    joins, moves = ([group["Weight"] for group in _forward(writes[index])] for index in (2, 4))
    assert (sorted(joins), sorted(moves)) == ([0, 100], [0, 100])
    assert_replaced(kept)


def test_passes_after_it_write_nothing(kept: Controller) -> None:
    """Either name of the group is no difference: three more passes, and a new process, change nothing."""
    change_port(kept)
    kept.converge(pause=60)
    with kept.stage.writes() as writes:
        kept.passes(3)
        kept.stage.controller().passes(2)
    assert names(writes) == []
    assert kept.told("drift.detected") == []


class Killed(BaseException):
    """What ends the process."""


@pytest.mark.parametrize("index", range(1, len(SEQUENCE) + 1))
def test_a_crash_in_the_middle_of_it_is_harmless(kept: Controller, index: int) -> None:
    """Whichever call was the last, the next process goes on from there, with no call twice and no gap."""
    change_port(kept)
    with kept.stage.writes() as writes:
        _die_after(kept, index)
        finish(kept.stage.controller())
    assert names(writes) == SEQUENCE
    assert_replaced(kept)


def _die_after(controller: Controller, index: int) -> None:
    mark = len(controller.stage.simulator.ledger)

    class Mortal(Watched):
        def write(self, service: str, operation: str, /, **params: Any) -> Any:
            response = super().write(service, operation, **params)
            if len(controller.stage.simulator.ledger.mutations(mark)) == index:
                raise Killed
            return response

    controller.wrap = lambda cloud: Mortal(cloud, controller.stage)
    with pytest.raises(Killed):
        controller.converge(pause=60)


def _forward(write: Any) -> list[Body]:
    (action,) = write.params["Actions"]
    found: list[Body] = action["ForwardConfig"]["TargetGroups"]
    return found
