"""What ECS accepts of a capacity provider strategy, of a service or of a cluster."""

from __future__ import annotations

from ecsync.core.constraints.rows import Constraint, Constraints, Length, Range, Spot
from ecsync.kinds._constraint_parts import blocks, is_whole, text

_FARGATE = ("FARGATE", "FARGATE_SPOT")


def one_kind_of_provider(spot: Spot) -> str:
    """Return the problem of a strategy with Fargate and instances."""
    names = [text(one.get("capacityProvider")) for one in blocks(spot.value)]
    if not is_whole(spot.value) or not all(names) or len({name in _FARGATE for name in names}) < 2:
        return ""
    return "it mixes Fargate and Auto Scaling groups; keep providers of one of them"


def some_weight(spot: Spot) -> str:
    """Return the problem of a strategy in which every weight is 0."""
    items = blocks(spot.value)
    if len(items) < 2 or not is_whole(spot.value) or any(one.get("weight") not in (None, 0) for one in items):
        return ""
    return "every weight is 0, so no task can be placed; give one provider a weight of 1 or more"


def one_base(spot: Spot) -> str:
    """Return the problem of a strategy with several bases."""
    bases = [one for one in blocks(spot.value) if one.get("base") not in (None, 0)]
    return f"{len(bases)} providers have a base; keep the base of one of them" if len(bases) > 1 else ""


def strategy_constraints(path: str) -> Constraints:
    """Return the rows of a capacity provider strategy, of a cluster or of a service."""
    item = "API Reference ecs.CapacityProviderStrategyItem"
    return (
        Constraint(path=path, rule="Fargate or Auto Scaling groups, not both", test=one_kind_of_provider, source=item,
                   answer="A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling"
                   " groups and Fargate providers"),
        Constraint(path=path, rule="one weight above 0", test=some_weight, source=item),
        Constraint(path=path, rule="one base", test=one_base, source=item),
        Constraint(path=path, rule="at most 20 providers", test=Length(most=20), source=item),
        Constraint(path=f"{path}[].weight", rule="0 to 1000", test=Range(least=0, most=1000), source=item),
        Constraint(path=f"{path}[].base", rule="0 to 100000", test=Range(least=0, most=100000), source=item),
    )  # fmt: skip
