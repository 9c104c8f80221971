"""Traffic that another controller moves by right: which target group has it is no difference (docs/rules.md R9).

    who                                              what it moves
    ECS, with a strategy other than ROLLING          the weights within the two target groups of a service
    CodeDeploy, and external deployment controllers  the target group of every action that forwards to the service
    Express Mode of ECS                              the same

The rest of such an action is compared: its conditions, its stickiness, the actions beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ecsync.core.kind import World
from ecsync.core.model import Present, Reason
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import without
from ecsync.kinds.elbv2._actions import (
    Actions,
    forward_groups,
    presents,
    registered_groups,
    target_groups,
    weights,
)

_ALTERNATE = "alternateTargetGroupArn"
_PAIR = "ecsBlueGreenTargetGroups"
_UNDER_WAY = "movedByStages"


@dataclass(frozen=True, slots=True)
class Delegation:
    """Which traffic the observed services delegate, of any listener or rule; empty: none."""

    pairs: Mapping[Json, list[list[Json]]] = field(default_factory=dict)  # a target group -> pairs that it is part of
    handed: Sequence[frozenset[str]] = ()  # the target groups of each service that another controller deploys
    together: Sequence[frozenset[str]] = ()  # the target groups of each other service
    replaced: frozenset[str] = frozenset()  # superseded target groups: a replacement is never hidden

    def pair(self, actions: Actions | None) -> list[str]:
        """Return the two target groups between which ECS moves the traffic of these actions; empty if none."""
        live = target_groups(actions)
        return next((pair for pair in self.pairs.get(live[0], ()) if set(live) <= set(pair)), []) if live else []

    def facts(self, live: Actions | None, want: Actions | None) -> dict[str, Json]:
        """Return the facts about actions: the target groups within which others move their traffic, if any do."""
        pair, have = self.pair(live), set(target_groups(live))
        if pair:
            return {_PAIR: pair}
        if not have & self.replaced and any(have & groups for groups in self.handed):
            return {_PAIR: sorted({*have, *(group for group in target_groups(want) if isinstance(group, str))})}
        return {_UNDER_WAY: True} if self._is_under_way(weights(live) or {}, weights(want) or {}) else {}

    def _is_under_way(self, shares: Mapping[Json, int], goal: Mapping[Json, int]) -> bool:
        """Return whether the additional target groups are those of a move: without weight, or of the same service."""
        more = [group for group in shares if group not in goal]
        if not goal or not more or not set(goal) <= set(shares):
            return False
        return not any(shares[group] for group in more) or any(set(shares) <= groups for groups in self.together)


def delegation(world: World) -> Delegation:
    """Return which traffic the observed services delegate."""
    pairs: dict[Json, list[list[Json]]] = {}
    handed: list[frozenset[str]] = []
    together: list[frozenset[str]] = []
    for _, service in presents(world, "Service"):
        groups = frozenset((*registered_groups(service), *service.facts.get("taskSetGroups", ())))
        (handed if _is_handed(service) else together).append(groups)
        for pair in _pairs(service.body.get("loadBalancers") or ()):
            for group in dict.fromkeys(pair):
                pairs.setdefault(group, []).append(pair)
    old = (one["arn"] for _, group in presents(world, "TargetGroup") for one in group.facts.get("superseded", ()))
    return Delegation(pairs, handed, together, frozenset(old))


def _is_handed(service: Present) -> bool:
    controller: Body = service.body.get("deploymentController") or {}
    return controller.get("type", "ECS") in ("CODE_DEPLOY", "EXTERNAL") or bool(service.facts.get("express"))


def _pairs(balancers: Iterable[Body]) -> Iterable[list[Json]]:
    for one in balancers:
        pair = [one.get("targetGroupArn"), (one.get("advancedConfiguration") or {}).get(_ALTERNATE)]
        if all(pair):
            yield pair


def reason(member: str, path: Path, present: Present) -> Reason | None:
    """Return `pending` for actions with target groups of a move that is under way: no other client changed them."""
    return "pending" if path[0] == member and present.facts.get(_UNDER_WAY) else None


def with_live_weights(member: str, body: Body, present: Present) -> Body:
    """Return the desired body with the live target groups and weights, if another controller decides those.

    The stickiness of the forward stays as declared.
    """
    pair = set(present.facts.get(_PAIR) or ())
    want, live = body.get(member) or (), present.body.get(member) or ()
    live_forward = next((action for action in live if forward_groups(action)), None)
    within_pair = pair and {*target_groups(want), *target_groups(live)} <= pair
    if live_forward is None or not within_pair or not target_groups(want):
        return body
    live_groups = forward_groups(live_forward)
    actions = [_with_groups(action, live_groups) if forward_groups(action) else action for action in want]
    return {**body, member: actions}


def _with_groups(action: Body, groups: list[Body]) -> Body:
    forward = {**without(action.get("ForwardConfig") or {}, "TargetGroups"), "TargetGroups": groups}
    return {**without(action, "TargetGroupArn"), "ForwardConfig": forward}
