"""The actions of listeners and rules: their canonical form, and the target groups and services behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from ecsync.core.kind import World
from ecsync.core.model import Key, Observed, Present, Unreadable
from ecsync.core.rules import Default, Drop, Keyed, Refers, Rewrite, Rules, Sensitive, Verbatim, WriteOnly
from ecsync.core.trees import Body, Json, canonical

Actions: TypeAlias = Sequence[Body]

MEMBER = {"Listener": "DefaultActions", "ListenerRule": "Actions"}  # the member that holds the actions, by kind
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
    """Return the actions in the order in which they run: by Order, else by position in the list."""
    if not isinstance(actions, list):
        return actions
    numbered = [(action.get("Order") or index, index, action) for index, action in enumerate(actions, start=1)]
    ordered = sorted(numbered, key=lambda one: one[:2])
    return [{name: value for name, value in action.items() if name != "Order"} for _, _, action in ordered]


def _one_spelling(action: Json) -> Json:
    """Return a forward to one target group in its long form, under ForwardConfig; AWS returns both forms."""
    arn, config = action.get("TargetGroupArn"), action.get("ForwardConfig") or {}
    if arn is None or isinstance(config.get("TargetGroups"), Mapping):  # or in canonical form already
        return action
    groups = config.get("TargetGroups") or [{"TargetGroupArn": arn}]
    rest = {name: value for name, value in action.items() if name not in ("TargetGroupArn", "ForwardConfig")}
    if [group.get("TargetGroupArn") for group in groups] != [arn]:
        rest["TargetGroupArn"] = arn  # a contradiction: AWS refuses it, and so does `check`
    return {**rest, "ForwardConfig": {**config, "TargetGroups": groups}}


def _when_enabled(stickiness: Json) -> Json:
    return stickiness if stickiness.get("Enabled") else None


def _sorted_claims(claims: Json) -> Json:
    claims_with_sorted_values = [
        {**claim, "Values": sorted(claim.get("Values") or [], key=canonical)} for claim in claims
    ]
    return sorted(claims_with_sorted_values, key=canonical)


def action_rows(member: str) -> Rules:
    """Return the rows of a member that holds actions."""
    each = f"{member}[]"
    groups = f"{each}.ForwardConfig.TargetGroups"
    secret = f"{each}.AuthenticateOidcConfig.ClientSecret"
    return (
        Verbatim(
            path=f"{each}.RedirectConfig",
            source="elbv2.RedirectActionConfig: an empty Query drops the query string (terraform-provider-aws #19475)",
        ),
        Rewrite(
            path=member,
            to=_in_order,
            source="elbv2.Action: the action with the lowest Order is performed first",
            cases=("der-li-oidc",),
        ),
        Rewrite(
            path=each,
            to=_one_spelling,
            source="read back from AWS: a forward to one target group has TargetGroupArn and ForwardConfig",
            cases=("der-li-forward-mirror", "der-li-forward-block"),
        ),
        Default(
            path=f"{groups}[].Weight",
            value=1,
            source="read back from AWS: a target group of a forward has weight 1 where none was sent",
        ),
        Keyed(
            path=groups,
            key=("TargetGroupArn",),
            source="elbv2.ForwardActionConfig: each target group has a weight; order has no meaning",
        ),
        Rewrite(
            path=f"{each}.ForwardConfig.TargetGroupStickinessConfig",
            to=_when_enabled,
            source="read back from AWS: a forward has Enabled false where no stickiness was sent",
            cases=("der-li-forward-stick",),
        ),
        *(
            Default(
                path=f"{each}.RedirectConfig.{name}",
                value=value,
                source=f"elbv2.RedirectActionConfig: a part that is not changed keeps its keyword {value}",
            )
            for name, value in _REDIRECT.items()
        ),
        *(
            Default(
                path=f"{each}.{login}.{name}",
                value=value,
                source=f"elbv2.AuthenticateOidcActionConfig, AuthenticateCognitoActionConfig: the default is {value}",
            )
            for login in _LOGINS
            for name, value in _LOGIN.items()
        ),
        WriteOnly(path=secret, source="elbv2.DescribeRules and DescribeListeners do not return ClientSecret"),
        Drop(
            path=f"{each}.AuthenticateOidcConfig.UseExistingClientSecret",
            source="elbv2.AuthenticateOidcActionConfig: it is an instruction to ModifyRule, and describe omits it",
        ),
        Sensitive(path=secret, source="elbv2.AuthenticateOidcActionConfig: the OAuth 2.0 client secret"),
        Rewrite(
            path=f"{each}.JwtValidationConfig.AdditionalClaims",
            to=_sorted_claims,
            source="elbv2.JwtValidationActionAdditionalClaim: each claim is checked alone; order has no meaning",
        ),
        Refers(path=f"{each}.TargetGroupArn", kind="TargetGroup", source="elbv2.Action: the ARN of the target group"),
        Refers(
            path=f"{groups}[].TargetGroupArn",
            kind="TargetGroup",
            source="elbv2.TargetGroupTuple: the ARN of the target group",
        ),
    )


# ---------------------------------------------------------------- where actions forward to


def forward_groups(action: Body) -> list[Body]:
    """Return the target groups of a forward in its long form; nothing for any other action."""
    if action.get("Type") != "forward":
        return []
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    return list(groups) or ([{"TargetGroupArn": action["TargetGroupArn"]}] if action.get("TargetGroupArn") else [])


def target_groups(actions: Actions | None) -> tuple[Json, ...]:
    """Return the ARN of every target group that the actions forward to, in either form; a reference stays one."""
    return tuple(group.get("TargetGroupArn") for action in actions or () for group in forward_groups(action))


def weights(actions: Actions | None) -> dict[Json, int] | None:
    """Return the weight of each target group of a single forward; None if there is any other action."""
    forwards = [action for action in actions or () if forward_groups(action)]
    if len(forwards) != 1 or len(actions or ()) != 1:
        return None
    found = [(group.get("TargetGroupArn"), group.get("Weight")) for group in forward_groups(forwards[0])]
    return {arn: 1 if weight is None else weight for arn, weight in found}


def forward(shares: Mapping[Json, int], like: Actions | None) -> list[Body]:
    """Return a single forward with these weights and the stickiness of the forward in `like`."""
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in shares.items()]
    sticky: Body = next((action["ForwardConfig"] for action in like or () if action.get("ForwardConfig")), {})
    return [{"Type": "forward", "ForwardConfig": {**sticky, "TargetGroups": groups}}]


def contradictions(actions: Json, member: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what AWS refuses in the actions, although its model allows it."""
    places = enumerate(actions if isinstance(actions, list) else ())
    for index, action in ((index, action) for index, action in places if isinstance(action, Mapping)):
        groups = target_groups([action])
        if action.get("TargetGroupArn") and groups != (action["TargetGroupArn"],):
            yield (member, index, "TargetGroupArn"), "TargetGroupArn and ForwardConfig name different target groups"


# ---------------------------------------------------------------- users of a target group


def presents(world: World, *kinds: str) -> Iterator[tuple[Key, Present]]:
    """Yield the live resources of these kinds."""
    return ((key, one) for key, one in world.items() if key.kind in kinds and isinstance(one, Present))


def unread(world: World, *kinds: str) -> str:
    """Return a resource of these kinds that could not be read, so what it uses is not known; empty if none."""
    return next((str(key) for key, one in world.items() if key.kind in kinds and isinstance(one, Unreadable)), "")


def forwarders(world: World, arn: str) -> list[Key]:
    """Return the live listeners and rules that forward to a target group."""
    return [key for key, one in presents(world, *MEMBER) if arn in target_groups(one.body.get(MEMBER[key.kind]))]


def traffic_to(world: World, arn: str) -> list[Key]:
    """Return the live listeners and rules that give a target group weight."""
    return [key for key in forwarders(world, arn) if arn in _weighted(world[key], MEMBER[key.kind])]


def _weighted(router: Observed, member: str) -> set[Json]:
    groups = [group for action in _live_actions(router, member) for group in forward_groups(action)]
    return {group.get("TargetGroupArn") for group in groups if group.get("Weight") != 0}


def _live_actions(router: Observed, member: str) -> Actions:
    return (router.body.get(member) or ()) if isinstance(router, Present) else ()


def services_behind(world: World, arns: Iterable[Json]) -> list[tuple[Key, Present]]:
    """Return the live services that register their tasks with any of these target groups."""
    wanted = set(arns)
    return [(key, service) for key, service in presents(world, "Service") if wanted & set(registered_groups(service))]


def serves(group: Body) -> tuple[str, str]:
    """Return the protocol of a target group and the type of its targets' IP addresses."""
    return str(group.get("Protocol")), str(group.get("IpAddressType") or "ipv4")


def registered_groups(service: Present) -> list[str]:
    """Return the target groups that a live service registers its tasks with."""
    return [one["targetGroupArn"] for one in service.body.get("loadBalancers") or () if one.get("targetGroupArn")]
