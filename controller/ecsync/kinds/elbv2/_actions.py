"""What listeners and rules do with a request: the actions in one canonical form, and where they forward to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from ecsync.core.kind import World
from ecsync.core.model import Key, Present, Unreadable
from ecsync.core.rules import Default, Drop, Refers, Rewrite, Rules, Sensitive, Unordered, Verbatim, WriteOnly
from ecsync.core.trees import Body, Json, canonical
from ecsync.kinds._common import without

Actions: TypeAlias = Sequence[Body]

MEMBER = {"Listener": "DefaultActions", "ListenerRule": "Actions"}  # where each kind keeps its actions
_LOGINS = ("AuthenticateOidcConfig", "AuthenticateCognitoConfig")
_REDIRECT = {"Host": "#{host}", "Path": "/#{path}", "Port": "#{port}", "Protocol": "#{protocol}", "Query": "#{query}"}
_LOGIN = {
    "Scope": "openid",
    "SessionCookieName": "AWSELBAuthSessionCookie",
    "SessionTimeout": 604800,
    "OnUnauthenticatedRequest": "authenticate",
}

# ---------------------------------------------------------------- canonical form


def _in_order(actions: Json) -> Json:
    """Put the actions in the order in which they run; where Order is not written, that is the order of the list."""
    if not isinstance(actions, list):
        return actions
    numbered = [(action.get("Order") or index, index, action) for index, action in enumerate(actions, start=1)]
    ordered = sorted(numbered, key=lambda one: one[:2])
    return [{name: value for name, value in action.items() if name != "Order"} for _, _, action in ordered]


def _one_spelling(action: Json) -> Json:
    """Write a forward to one target group as AWS also echoes it: in full, under ForwardConfig."""
    arn, config = action.get("TargetGroupArn"), action.get("ForwardConfig") or {}
    if arn is None:
        return action
    groups = config.get("TargetGroups") or [{"TargetGroupArn": arn}]
    rest = {name: value for name, value in action.items() if name not in ("TargetGroupArn", "ForwardConfig")}
    if [group.get("TargetGroupArn") for group in groups] != [arn]:
        rest["TargetGroupArn"] = arn  # the two contradict each other: AWS refuses that, and so does `check`
    return {**rest, "ForwardConfig": {**config, "TargetGroups": groups}}


def _when_enabled(stickiness: Json) -> Json:
    return stickiness if stickiness.get("Enabled") else None


def _as_sets(claims: Json) -> Json:
    spelled = [{**claim, "Values": sorted(claim.get("Values") or [], key=canonical)} for claim in claims]
    return sorted(spelled, key=canonical)


def action_rows(member: str) -> Rules:
    """Return the rows of a member that holds actions."""
    each = f"{member}[]"
    groups = f"{each}.ForwardConfig.TargetGroups"
    return (
        Verbatim(path=f"{each}.RedirectConfig", source="TF #19475: an empty Query drops the query string"),
        Rewrite(path=member, to=_in_order, source="normalization.md §4.3, Actions", cases=("der-li-oidc",)),
        Rewrite(
            path=each,
            to=_one_spelling,
            source="normalization.md §4.3, forward mirror",
            cases=("der-li-forward-mirror", "der-li-forward-block"),
        ),
        Default(path=f"{groups}[].Weight", value=1, source="normalization.md §4.3, Weight"),
        Unordered(path=groups, source="normalization.md §4.3, Weight: set of TGs by ARN"),
        Rewrite(
            path=f"{each}.ForwardConfig.TargetGroupStickinessConfig",
            to=_when_enabled,
            source="normalization.md §4.3, sticky forward",
            cases=("der-li-forward-stick",),
        ),
        *(
            Default(path=f"{each}.RedirectConfig.{name}", value=value, source="normalization.md §4.3, redirect")
            for name, value in _REDIRECT.items()
        ),
        *(
            Default(path=f"{each}.{login}.{name}", value=value, source="normalization.md §4.3, authenticate")
            for login in _LOGINS
            for name, value in _LOGIN.items()
        ),
        WriteOnly(
            path=f"{each}.AuthenticateOidcConfig.ClientSecret", source="normalization.md §4.3: never in describe"
        ),
        Drop(path=f"{each}.AuthenticateOidcConfig.UseExistingClientSecret", source="normalization.md §4.3"),
        Sensitive(path=f"{each}.AuthenticateOidcConfig.ClientSecret", source="core-rules.md 21"),
        Rewrite(
            path=f"{each}.JwtValidationConfig.AdditionalClaims",
            to=_as_sets,
            source="elbv2.JwtValidationActionAdditionalClaim: each is checked by itself",
        ),
        Refers(path=f"{each}.TargetGroupArn", kind="TargetGroup", source="manifests.md, References"),
        Refers(path=f"{groups}[].TargetGroupArn", kind="TargetGroup", source="manifests.md, References"),
    )


# ---------------------------------------------------------------- where actions forward to


def _tuples(action: Body) -> list[Body]:
    if action.get("Type") != "forward":
        return []
    written = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    return list(written) or ([{"TargetGroupArn": action["TargetGroupArn"]}] if action.get("TargetGroupArn") else [])


def target_groups(actions: Actions | None) -> tuple[Json, ...]:
    """Return the ARN of every target group that the actions forward to, in any spelling; a reference stays one."""
    return tuple(group.get("TargetGroupArn") for action in actions or () for group in _tuples(action))


def weights(actions: Actions | None) -> dict[Json, int] | None:
    """Return the weight of each target group of a single forward; None where the actions are anything else."""
    forwards = [action for action in actions or () if _tuples(action)]
    if len(forwards) != 1 or len(actions or ()) != 1:
        return None
    found = [(group.get("TargetGroupArn"), group.get("Weight")) for group in _tuples(forwards[0])]
    return {arn: 1 if weight is None else weight for arn, weight in found}


def forward(shares: Mapping[Json, int], like: Actions | None) -> list[Body]:
    """Return a single forward with these weights; it is as sticky as the one it is like."""
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in shares.items()]
    sticky: Body = next((action["ForwardConfig"] for action in like or () if action.get("ForwardConfig")), {})
    return [{"Type": "forward", "ForwardConfig": {**sticky, "TargetGroups": groups}}]


def contradictions(actions: Json, member: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what AWS would refuse in the actions and its model does not say."""
    places = enumerate(actions if isinstance(actions, list) else ())
    for index, action in ((index, action) for index, action in places if isinstance(action, Mapping)):
        groups = target_groups([action])
        if action.get("TargetGroupArn") and groups != (action["TargetGroupArn"],):
            yield (member, index, "TargetGroupArn"), "TargetGroupArn and ForwardConfig name different target groups"


# ---------------------------------------------------------------- who else is concerned


def presents(world: World, *kinds: str) -> Iterator[tuple[Key, Present]]:
    """Yield the live resources of these kinds."""
    return ((key, one) for key, one in world.items() if key.kind in kinds and isinstance(one, Present))


def unread(world: World, *kinds: str) -> str:
    """Name a resource of these kinds that could not be read: nobody knows what it uses. Empty where all could."""
    return next((str(key) for key, one in world.items() if key.kind in kinds and isinstance(one, Unreadable)), "")


def forwarders(world: World, arn: str) -> list[Key]:
    """Return the live listeners and rules that forward to a target group."""
    return [key for key, one in presents(world, *MEMBER) if arn in target_groups(one.body.get(MEMBER[key.kind]))]


def services_behind(world: World, arns: Iterable[Json]) -> list[tuple[Key, Present]]:
    """Return the live services that register their tasks with any of these target groups."""
    wanted = set(arns)
    return [(key, one) for key, one in presents(world, "Service") if wanted & set(registered(one))]


def registered(service: Present) -> list[str]:
    """Return the target groups that a live service registers its tasks with."""
    return [one["targetGroupArn"] for one in service.body.get("loadBalancers") or () if one.get("targetGroupArn")]


# ---------------------------------------------------------------- what ECS moves by itself


def pair_of(actions: Actions | None, world: World) -> list[str]:
    """Return the two target groups between which ECS moves the traffic of these live actions; empty for none."""
    live = set(target_groups(actions))
    for _, service in presents(world, "Service"):
        for one in service.body.get("loadBalancers") or ():
            other = (one.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
            if other and live and live <= {one.get("targetGroupArn"), other}:
                return [one["targetGroupArn"], other]
    return []


def with_pair(facts: Mapping[str, Json], actions: Actions | None, world: World) -> dict[str, Json]:
    """Return the facts with the blue/green pair that the live actions belong to, where they do."""
    pair = pair_of(actions, world)
    return {**facts, "ecsBlueGreenTargetGroups": pair} if pair else dict(facts)


def as_ecs_has_it(member: str, body: Body, present: Present) -> Body:
    """Return the desired body with the live weights, where both stay within one blue/green pair: ECS decides those.

    How sticky the forward is stays the manifest's.
    """
    pair = set(present.facts.get("ecsBlueGreenTargetGroups") or ())
    want, live = body.get(member) or (), present.body.get(member) or ()
    moved = next((action for action in live if _tuples(action)), None)
    within = pair and {*target_groups(want), *target_groups(live)} <= pair
    if moved is None or not within or not target_groups(want):
        return body
    kept = [_weighted(one, _tuples(moved)) if _tuples(one) else one for one in want]
    return {**body, member: kept}


def _weighted(action: Body, groups: list[Body]) -> Body:
    forward = {**without(action.get("ForwardConfig") or {}, "TargetGroups"), "TargetGroups": groups}
    return {**without(action, "TargetGroupArn"), "ForwardConfig": forward}
