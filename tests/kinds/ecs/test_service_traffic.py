"""Which target groups a service registers with while its traffic moves (docs/rules.md R9)."""

from __future__ import annotations

from typing import Any

from ecsync.core.kind import Gate, Hold, Proceed, Wait
from ecsync.core.model import Key, Present, Unreadable
from ecsync.kinds.ecs.service import KIND
from tests.kinds.elbv2.answers import NEW, OLD, forward, group
from tests.kinds.infra import desired, field

LISTENER = Key(application="shop", kind="Listener", name="http")


def registered(*arns: str, port: int = 80, **more: Any) -> dict[str, Any]:
    """Return a body with these target groups."""
    balancers = [{"targetGroupArn": arn, "containerName": "web", "containerPort": port} for arn in arns]
    return {"serviceName": "web", "taskDefinition": "web:1", "desiredCount": 2, "loadBalancers": balancers, **more}


def gate(live: dict[str, Any], want: dict[str, Any], *world: tuple[Key, Any], **options: Any) -> Gate:
    """Return what a service may write now."""
    present = Present(body=live, outputs={"name": "web"}, facts={"steady": True})
    assert KIND.gate is not None
    return KIND.gate(desired(KIND, want, **options), present, [field("loadBalancers")], dict(world))


def routes(**shares: int) -> tuple[Key, Present]:
    """Return a live listener that forwards with these weights."""
    return LISTENER, Present(body={"DefaultActions": forward(**shares)}, outputs={})


def groups(found: Gate) -> list[str]:
    """Return the target groups of the body that may be written."""
    assert isinstance(found, Proceed), found
    return [one["targetGroupArn"] for one in found.body["loadBalancers"]]


REPLACED = group(superseded=[{"arn": OLD, "name": "web", "in_use": True}])


def test_it_registers_with_both_groups_while_the_old_one_has_the_traffic() -> None:
    found = gate(registered(OLD), registered(NEW), REPLACED, routes(old=100, new=0))
    assert groups(found) == [NEW, OLD]
    assert isinstance(found, Proceed)
    assert found.waiting == "Listener/http sends traffic to web"


def test_it_leaves_the_old_group_once_the_traffic_has_moved() -> None:
    found = gate(registered(NEW, OLD), registered(NEW), REPLACED, routes(old=0, new=100))
    assert (groups(found), found) == ([NEW], Proceed(body=registered(NEW)))


def test_it_stays_where_a_listener_of_another_application_forwards_to_it() -> None:
    other = group(superseded=[{"arn": OLD, "name": "web", "in_use": True}], loadBalancers=["lb"])
    assert groups(gate(registered(OLD), registered(NEW), other)) == [NEW, OLD]


def test_the_rest_of_a_change_goes_out_while_the_new_group_has_no_listener() -> None:
    found = gate(registered(OLD), registered(NEW, taskDefinition="web:2"), REPLACED, routes(old=1))
    assert groups(found) == [OLD]
    assert isinstance(found, Proceed)
    assert found.body["taskDefinition"] == "web:2"


def test_it_stays_while_a_listener_could_not_be_read() -> None:
    assert groups(gate(registered(OLD), registered(NEW), REPLACED, routes(new=1), unread())) == [OLD]


def unread() -> tuple[Key, Unreadable]:
    """Return a rule that could not be read."""
    return Key(application="shop", kind="ListenerRule", name="r"), Unreadable("denied")


def test_another_port_leaves_the_group_with_the_traffic_only_with_a_word() -> None:
    live, want, routed = registered(OLD), registered(NEW, port=8080), routes(old=100, new=0)
    assert isinstance(gate(live, want, REPLACED, routed), Hold)
    allowed = group(superseded=[{"arn": OLD, "name": "web", "in_use": True}], mayInterrupt=True)
    assert groups(gate(live, want, allowed, routed)) == [NEW]
    assert groups(gate(live, want, REPLACED, routed, replace="allow")) == [NEW]
    assert isinstance(gate(registered(NEW, OLD), want, allowed, routed), Wait)  # the traffic moves first


def test_it_leaves_its_only_group_when_the_traffic_has_moved_elsewhere() -> None:
    assert isinstance(gate(registered(OLD), registered(), routes(old=1)), Wait)
    assert groups(gate(registered(OLD), registered(), routes(other=1))) == []


def test_a_change_of_the_port_waits_until_the_new_group_has_a_listener() -> None:
    allowed = group(superseded=[{"arn": OLD, "name": "web", "in_use": True}], mayInterrupt=True)
    assert isinstance(gate(registered(OLD), registered(NEW, port=8080), allowed, routes(old=1)), Wait)


def test_another_port_in_a_group_that_must_be_replaced_is_held() -> None:
    live, want = registered(OLD), registered(OLD, port=8080)
    same = group(arn_=OLD, differs=["Port"])
    assert groups(gate(live, want, same, routes(old=1))) == [OLD]
    assert isinstance(gate(live, want, group(arn_=OLD, differs=["Protocol", "Port"]), routes(old=1)), Hold)


def test_a_service_that_leaves_a_pair_stays_in_the_group_with_the_traffic() -> None:
    advanced = {"alternateTargetGroupArn": NEW, "productionListenerRule": "r", "roleArn": "a"}
    live = registered(OLD, deploymentConfiguration={"strategy": "CANARY"})
    live["loadBalancers"][0]["advancedConfiguration"] = advanced
    assert groups(gate(live, registered(OLD), routes(old=0, new=100))) == [OLD, NEW]
    assert groups(gate(live, registered(OLD), routes(old=100, new=0))) == [OLD]


def test_a_service_with_a_strategy_of_its_own_is_held() -> None:
    strategy: dict[str, Any] = {"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}
    found = gate(registered(OLD, **strategy), registered(NEW, **strategy), REPLACED, routes(old=100, new=0))
    assert isinstance(found, Hold)


def test_five_groups_are_the_most() -> None:
    many = [f"{NEW}{number}" for number in range(5)]
    assert isinstance(gate(registered(OLD), registered(*many), routes(old=1)), Hold)
