"""Reads that show for some seconds what was there before a write: it is our own write under way, and no drift."""

from __future__ import annotations

import pytest

from tests.whole.support.environment import Environment, count_creates


@pytest.mark.parametrize("seconds", [1.0, 5.0, 40.0])
def test_what_was_just_created_is_not_reported_as_deleted(environment: Environment, seconds: float) -> None:
    """Also where what it belongs to is not shown either, so that its own calls are not known yet."""
    environment.reset(lags={"ecs:*": seconds, "elbv2:*": seconds})
    controller = environment.controller()
    with environment.writes() as writes:
        controller.converge()
    assert [event.message for event in controller.events if event.type.startswith("drift")] == []
    assert {name: many for name, many in count_creates(writes).items() if many > 1} == {
        "ec2.CreateSecurityGroup": 2,
        "ec2.AuthorizeSecurityGroupIngress": 2,
    }
