"""The traffic probe: the seconds in which weight stood on no healthy target."""

from __future__ import annotations

from tests.ecsim.aws import Aws
from tests.ecsim.elbv2.test_targets import balanced


def seconds(aws: Aws) -> tuple[float, float]:
    """The seconds of the only rule without a healthy target: behind all of its weight, behind a part of it."""
    (one,) = aws.simulator.outages()
    return one["unserved"], one["partly"]


def weigh(aws: Aws, **weights: int) -> None:
    """Set the weights of target groups, given by name, in the only listener."""
    found = aws.elbv2.describe_target_groups(Names=list(weights))["TargetGroups"]
    arns = {group["TargetGroupName"]: group["TargetGroupArn"] for group in found}
    shares = [{"TargetGroupArn": arns[name], "Weight": weight} for name, weight in weights.items()]
    balancer = aws.elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    listener = aws.elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}
    aws.elbv2.modify_listener(ListenerArn=listener, DefaultActions=[action])


def test_a_rule_is_unserved_until_a_target_is_healthy_and_while_all_targets_drain(aws: Aws) -> None:
    """The seconds before the first healthy target count, those with one do not, and draining targets do not serve."""
    balanced(aws)
    aws.simulator.advance(400)
    first, partly = seconds(aws)
    assert 0 < first == partly < 400
    aws.simulator.advance(1000)
    assert seconds(aws) == (first, first)
    aws.update(desiredCount=0)
    aws.simulator.advance(30)
    assert 25 < seconds(aws)[0] - first <= 30


def test_weight_on_an_empty_group_beside_a_healthy_one_is_a_part(aws: Aws) -> None:
    """A group at weight 0 counts for nothing; with weight, the requests that it gets fail."""
    group = balanced(aws)
    name = group.split("/")[1]
    aws.simulator.advance(400)
    unserved, partly = seconds(aws)
    aws.target_group("empty")
    weigh(aws, **{name: 100, "empty": 0})
    aws.simulator.advance(50)
    assert seconds(aws) == (unserved, partly)
    weigh(aws, **{name: 90, "empty": 10})
    aws.simulator.advance(50)
    assert seconds(aws) == (unserved, partly + 50)
    weigh(aws, **{name: 0, "empty": 0})
    aws.simulator.advance(7)
    assert seconds(aws) == (unserved + 7, partly + 50)
