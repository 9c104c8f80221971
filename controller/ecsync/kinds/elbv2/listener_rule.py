"""ListenerRule: conditions, and the actions for requests that meet them.

A rule has no name. Its owner mark identifies it. The priority may change: it only selects the unmarked rule that can be
adopted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from ecsync.core.kind import Gate, Hold, Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.marks import with_marks
from ecsync.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Desired,
    FieldChange,
    Key,
    Observed,
    Present,
    Replace,
    Update,
)
from ecsync.core.normalise import normalise
from ecsync.core.ports import Reader
from ecsync.core.rules import Immutable, Keyed, Refers, Rewrite, Sensitive, Verbatim
from ecsync.core.trees import Body, Json, Path, canonical
from ecsync.kinds._common import changed, operations, pick, read_tags, tag_rows, without
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds.elbv2._actions import (
    action_rows,
    contradictions,
    presents,
)
from ecsync.kinds.elbv2._conditions import canonical_conditions, mixed
from ecsync.kinds.elbv2._delegated import Delegation, delegation, reason, with_live_weights
from ecsync.kinds.elbv2._shared import (
    TAGGING,
    TAGS,
    all_pages,
    as_printed,
    known_or_declared,
    owned_items,
    owner_in,
    with_tags,
)
from ecsync.kinds.elbv2._traffic_shift import healthy_targets, staged
from ecsync.kinds.elbv2.constraints import listener_rule as constraints
from ecsync.kinds.elbv2.listener import every_listener

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_ACTIONS = "Actions"


def _natural(body: Body) -> str | None:
    """Return the listener: the only part of a rule's identity that never changes.

    The mark's id is derived from it. So a mark that was copied to a rule of another listener is detected, and a new
    priority keeps the id. `claim` is what no two documents may both declare.
    """
    listener = body.get("ListenerArn")
    return listener if isinstance(listener, str) else None


def claim(body: Body) -> str | None:
    """Return what no two documents may both declare: a priority of a listener."""
    listener, priority = _natural(body), _number(body.get("Priority"))
    return f"{listener}#{priority}" if listener and isinstance(priority, int) else None


def _number(priority: Json) -> Json:
    """Return a priority as a number: AWS accepts a number and returns text."""
    return int(priority) if isinstance(priority, str) and priority.isdecimal() else priority


# 2 SHAPE ---------------------------------------------------------------------------------------------------------

SHAPE = ShapeOf(operation="elbv2.CreateRule", describe="elbv2.DescribeRules:Rules[]")


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    yield from contradictions(body.get(_ACTIONS), _ACTIONS)
    yield from mixed(body.get("Conditions"))


# 3 RULES ---------------------------------------------------------------------------------------------------------

_EMPTY_REPLACE = "elbv2.RewriteConfig: an empty Replace is a value; it removes the matched text"

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    *action_rows(_ACTIONS),
    Rewrite(path="Priority", to=_number, source="elbv2.CreateRule accepts a number; elbv2.DescribeRules returns text"),
    Rewrite(
        path="Conditions",
        to=canonical_conditions,
        source="read back from AWS: conditions and their values in any order; values beside and inside their config",
        cases=("ack-rule-03", "ack-rule-15", "cap-ElasticLoadBalancingV2-ListenerRule.Rule4C995B7F"),
    ),
    *(
        Sensitive(path=f"Conditions[].{values}", source="a rule may admit those who know a key")
        for values in ("HttpHeaderConfig.Values", "HttpHeaderConfig.RegexValues", "QueryStringConfig.Values")
    ),
    Verbatim(path="Transforms[].HostHeaderRewriteConfig.Rewrites[]", source=_EMPTY_REPLACE),
    Verbatim(path="Transforms[].UrlRewriteConfig.Rewrites[]", source=_EMPTY_REPLACE),
    Keyed(path="Transforms", key=("Type",), source="elbv2.ModifyRule: one transform of each type"),
    Immutable(path="ListenerArn", source="elbv2.ModifyRule has no ListenerArn"),
    Refers(path="ListenerArn", kind="Listener", output="arn", source="elbv2.CreateRule: the ARN of the listener"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

_READS = ("DescribeRules", "DescribeListeners", "DescribeLoadBalancers", "DescribeTags", "DescribeTargetHealth")
_READ_MEMBERS = ("Conditions", "Actions", "Transforms")
_Tagged = tuple[Body, Mapping[str, str]]  # a described rule, and its tags


def body_of(rule: Body, declared: Body) -> dict[str, Json]:
    """Return a described rule in the shape of the create input. AWS returns no listener; it is the declared one."""
    listener = {"ListenerArn": declared["ListenerArn"]} if "ListenerArn" in declared else {}
    return {
        **listener,
        "Priority": _number(rule["Priority"]),
        **known_or_declared(rule, _READ_MEMBERS, without(declared, "Priority")),
    }


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    moved = delegation(world)
    by_listener: dict[str, list[Wanted]] = {}
    for want in wanted:
        by_listener.setdefault(want.body["ListenerArn"], []).append(want)
    for arn, wants in by_listener.items():
        rules = list(with_tags(reader, _rules(reader, arn), "RuleArn"))
        by_owner: dict[str, list[_Tagged]] = {}
        for one in rules:
            by_owner.setdefault(owner_in(one[1]), []).append(one)
        found = {want.key: _candidates(want, wants, rules, by_owner) for want in wants}
        targets = _target_priorities(wants, found, world)
        occupants = {_number(rule["Priority"]): rule["RuleArn"] for rule, _ in rules}
        for want in wants:
            if not found[want.key]:
                yield want.key, Absent()
                continue
            (rule, tags), *copies = found[want.key]
            facts = {"copies": [copy["RuleArn"] for copy, _ in copies]} if copies else {}
            facts |= _move_facts(str(rule["RuleArn"]), targets, occupants)
            yield want.key, _present(rule, tags, want.body, moved, facts)


def _rules(reader: Reader, listener: str) -> list[Body]:
    rules = all_pages(reader, "DescribeRules", "Rules", ListenerArn=listener)
    return [rule for rule in rules if not rule.get("IsDefault")]


def _candidates(
    want: Wanted, wants: Sequence[Wanted], rules: Sequence[_Tagged], by_owner: Mapping[str, list[_Tagged]]
) -> list[_Tagged]:
    """Return the rules with the document's mark, the best match first; if there is none, the rule at its priority."""
    owned = by_owner.get(want.owner, []) if want.managed else []
    if owned:
        return sorted(owned, key=lambda one: _match_order(one[0], want.body)) if len(owned) > 1 else owned
    # A rule of another document may occupy this priority until it moves to its own. It is not this document's rule.
    moving = {one.owner for one in wants if _priority(one.body) != _priority(want.body)}
    at_priority = [one for one in rules if _number(one[0]["Priority"]) == _priority(want.body)]
    return [one for one in at_priority if owner_in(one[1]) not in moving]


def _priority(declared: Body) -> Json:
    return _number(declared.get("Priority"))


def _match_order(rule: Body, declared: Body) -> tuple[bool, bool, str]:
    """Return the sort key of rules with the document's mark: by equal priority, then by equal conditions."""
    live, want = (normalise(body, RULES).get("Conditions") for body in (body_of(rule, declared), declared))
    other_priority = _number(rule["Priority"]) != _priority(declared)
    return other_priority, canonical(live) != canonical(want), rule["RuleArn"]


def _target_priorities(
    wants: Sequence[Wanted], found: Mapping[Key, Sequence[_Tagged]], world: World
) -> dict[str, Json]:
    """Return the declared priority of each managed rule by ARN; rules that are not wanted now as they were read."""
    others = presents(world, "ListenerRule")
    targets = {
        str(one.outputs["arn"]): one.facts["targetPriority"] for _, one in others if "targetPriority" in one.facts
    }
    for want in wants:
        owned = [rule["RuleArn"] for rule, tags in found[want.key] if owner_in(tags) == want.owner]
        targets |= {arn: _priority(want.body) for arn in owned[:1] if want.managed}
    return targets


def _move_facts(rule: str, targets: Mapping[str, Json], occupants: Mapping[Json, str]) -> dict[str, Json]:
    """Return the facts about a rule's move to its declared priority.

    `targetPriority` is that priority. `moves` are all moves of the one SetRulePriorities call that is necessary: the
    rule at that priority has to move too, and so on. Each rule of a permutation has the same `moves`, so the first of
    them that is updated moves all. `blockedBy` is a rule on the way that no document moves.
    """
    if rule not in targets:
        return {}
    facts: dict[str, Json] = {"targetPriority": targets[rule]}
    moves: dict[str, Json] = {}
    while targets[rule] is not None and occupants.get(targets[rule]) != rule:
        priority = moves[rule] = targets[rule]
        occupant = occupants.get(priority)
        if occupant is None or occupant in moves:
            break
        if targets.get(occupant, priority) == priority:
            return {**facts, "blockedBy": occupant}
        rule = occupant
    return {**facts, "moves": [{"RuleArn": arn, "Priority": moves[arn]} for arn in sorted(moves)]} if moves else facts


def _present(rule: Body, live_tags: Body, declared: Body, moved: Delegation, facts: Body) -> Present:
    tags, mark, foreign = read_tags(live_tags)
    body = {**body_of(rule, declared), "Tags": tags}
    facts = {**facts, **moved.facts(rule.get(_ACTIONS), declared.get(_ACTIONS))}
    return Present(body=body, outputs={"arn": rule["RuleArn"]}, marks=mark, facts=facts, foreign=foreign)


def _printed(live: Body, declared: Body) -> Present:
    """Return the rule that DescribeRules prints; without a priority in `live`, it has the declared one."""
    rule = {"Priority": declared.get("Priority"), **live}
    return as_printed(live, {**body_of(rule, declared), **pick(live, "ListenerArn")})


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    for listener in every_listener(reader):
        arn = listener["ListenerArn"]
        for rule, tags in owned_items(reader, scope, _rules(reader, arn), "RuleArn"):
            present = _present(rule, tags, {"ListenerArn": arn}, Delegation(), {})
            assert present.marks is not None
            yield Owned(marks=present.marks, natural=arn, present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=mark_tags):
            params = with_marks(TAGGING, without(desired.body), mark_tags)
            return (_call("CreateRule", params, captures={"arn": ("Rules", 0, "RuleArn")}),)
        case Update(observed=observed):
            moves = observed.facts.get("moves")
            return tuple(_update(changed(change), observed.outputs["arn"], moves))
        case Replace(observed=observed) | Delete(observed=observed):
            return (_call("DeleteRule", {"RuleArn": observed.outputs["arn"]}),)


def _call(operation: str, params: Body, captures: Mapping[str, tuple[str | int, ...]] | None = None) -> Call:
    return Call(service="elbv2", operation=operation, params=params, captures=captures or {})


def _update(members: Mapping[str, Json], arn: Json, moves: Json) -> Iterable[Call]:
    params = without(members, "Priority")
    if "Transforms" in members and not members["Transforms"]:
        params = {**without(params, "Transforms"), "ResetTransforms": True}
    if params:
        yield _call("ModifyRule", {"RuleArn": arn, **params})
    if "Priority" in members:
        this_rule = [{"RuleArn": arn, "Priority": members["Priority"]}]
        yield _call("SetRulePriorities", {"RulePriorities": moves or this_rule})


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _gate(desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate:
    other = present.facts.get("blockedBy")
    if other and any(field.path[0] == "Priority" for field in fields):
        priority = _priority(desired.body)
        return Hold(
            reason=f"priority {priority} is in use by {other}, which no document moves; move or delete that rule"
        )
    return staged(_ACTIONS, desired, present, fields, world)


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "Action": (
        "AuthenticateCognitoConfig AuthenticateOidcConfig FixedResponseConfig ForwardConfig JwtValidationConfig Order "
        "RedirectConfig TargetGroupArn Type"
    ),
    "AuthenticateCognitoActionConfig": (
        "AuthenticationRequestExtraParams OnUnauthenticatedRequest Scope SessionCookieName SessionTimeout UserPoolArn "
        "UserPoolClientId UserPoolDomain"
    ),
    "AuthenticateOidcActionConfig": (
        "AuthenticationRequestExtraParams AuthorizationEndpoint ClientId ClientSecret Issuer OnUnauthenticatedRequest "
        "Scope SessionCookieName SessionTimeout TokenEndpoint UseExistingClientSecret UserInfoEndpoint"
    ),
    "CreateRuleInput": "Actions Conditions ListenerArn Priority Tags Transforms",
    "FixedResponseActionConfig": "ContentType MessageBody StatusCode",
    "ForwardActionConfig": "TargetGroupStickinessConfig TargetGroups",
    "HostHeaderConditionConfig": "RegexValues Values",
    "HostHeaderRewriteConfig": "Rewrites",
    "HttpHeaderConditionConfig": "HttpHeaderName RegexValues Values",
    "HttpRequestMethodConditionConfig": "Values",
    "JwtValidationActionAdditionalClaim": "Format Name Values",
    "JwtValidationActionConfig": "AdditionalClaims Issuer JwksEndpoint",
    "PathPatternConditionConfig": "RegexValues Values",
    "QueryStringConditionConfig": "Values",
    "QueryStringKeyValuePair": "Key Value",
    "RedirectActionConfig": "Host Path Port Protocol Query StatusCode",
    "RewriteConfig": "Regex Replace",
    "RuleCondition": (
        "Field HostHeaderConfig HttpHeaderConfig HttpRequestMethodConfig PathPatternConfig QueryStringConfig "
        "RegexValues SourceIpConfig Values"
    ),
    "RuleTransform": "HostHeaderRewriteConfig Type UrlRewriteConfig",
    "SourceIpConditionConfig": "IpAddressType Values",
    "Tag": "Key Value",
    "TargetGroupStickinessConfig": "DurationSeconds Enabled",
    "TargetGroupTuple": "TargetGroupArn Weight",
    "UrlRewriteConfig": "Rewrites",
}

KIND = Kind(
    name="ListenerRule",
    example="""
ListenerRule/web:
  ListenerArn: ${Listener/http}
  Priority: 100
  Conditions: [{Field: path-pattern, Values: [/api/*]}]
  Actions: [{Type: forward, TargetGroupArn: "${TargetGroup/web}"}]
""",
    natural=_natural,
    claim=claim,
    primary="arn",
    outputs=OUTPUTS["ListenerRule"],
    invalidates={"replace": ("arn",)},
    tagging=TAGGING,
    shape=SHAPE,
    reviewed=REVIEWED,
    check=_check,
    constraints=constraints.ROWS,
    rules=RULES,
    read=_read,
    owned=_owned,
    tagged_as="elasticloadbalancing:listener-rule",
    collections=(TAGS,),
    from_describe=_printed,
    reads=operations("elbv2", *_READS),
    calls=_calls,
    writes=operations("elbv2", "CreateRule", "ModifyRule", "SetRulePriorities"),
    deletes=operations("elbv2", "DeleteRule"),
    rights=(
        "cognito-idp:DescribeUserPoolClient",  # AWS checks it on the caller for authenticate-cognito
    ),
    adjust=lambda body, present: with_live_weights(_ACTIONS, body, present),
    inquire=partial(healthy_targets, _ACTIONS),
    reason=partial(reason, _ACTIONS),
    gate=_gate,
    serial_domain=lambda body: str(body.get("ListenerArn")),
)
