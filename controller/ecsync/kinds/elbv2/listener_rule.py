"""ListenerRule: a condition and what is done with the requests that meet it.

A rule has no name. It is the document's because of its mark; the priority tells only which unmarked rule could be
adopted, since it may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ecsync.core.kind import Gate, Hold, Kind, Owned, ShapeOf, Wanted, World
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
from ecsync.core.rules import Immutable, Keyed, Refers, Rewrite, Verbatim
from ecsync.core.tagging import with_marks
from ecsync.core.trees import Body, Json, Path, canonical
from ecsync.kinds._common import changed, operations, pick, read_tags, tag_rows, without
from ecsync.kinds.elbv2._actions import action_rows, as_ecs_has_it, contradictions, presents, with_pair
from ecsync.kinds.elbv2._conditions import canonical_conditions
from ecsync.kinds.elbv2._shared import TAGGING, as_printed, ours, owner_in, seen, tagged, whole
from ecsync.kinds.elbv2._traffic_shift import staged
from ecsync.kinds.elbv2.listener import every_listener

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_ACTIONS = "Actions"


def _natural(body: Body) -> str | None:
    """Name the listener: all that stays the same for as long as the rule lives.

    The mark's id is made of it, and so a mark that was copied to a rule of another listener is found out, while a
    new priority keeps the id. What two documents must not both have is `claim`.
    """
    listener = body.get("ListenerArn")
    return listener if isinstance(listener, str) else None


def claim(body: Body) -> str | None:
    """Return what no two documents may have: a priority of a listener."""
    listener, priority = _natural(body), _number(body.get("Priority"))
    return f"{listener}#{priority}" if listener and isinstance(priority, int) else None


# 3 RULES ---------------------------------------------------------------------------------------------------------


def _number(priority: Json) -> Json:
    return int(priority) if isinstance(priority, str) and priority.isdecimal() else priority


RULES = (
    *tag_rows("Tags", "Key", "Value"),
    *action_rows(_ACTIONS),
    Rewrite(path="Priority", to=_number, source="normalization.md §4.3: string out, int in"),
    Rewrite(
        path="Conditions",
        to=canonical_conditions,
        source="normalization.md §4.3, Conditions and their mirror",
        cases=("ack-rule-03", "ack-rule-15", "cap-ElasticLoadBalancingV2-ListenerRule.Rule4C995B7F"),
    ),
    Verbatim(path="Transforms[].HostHeaderRewriteConfig.Rewrites[]", source="elbv2.RewriteConfig: an empty Replace"),
    Verbatim(path="Transforms[].UrlRewriteConfig.Rewrites[]", source="elbv2.RewriteConfig: an empty Replace"),
    Keyed(path="Transforms", key=("Type",), source="elbv2.ModifyRule: one of each type"),
    Immutable(path="ListenerArn", source="normalization.md §4.3"),
    Refers(path="ListenerArn", kind="Listener", output="arn", source="manifests.md, References"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

_READS = ("DescribeRules", "DescribeListeners", "DescribeLoadBalancers", "DescribeTags")
_SEEN = ("Conditions", "Actions", "Transforms")
_Tagged = tuple[Body, Mapping[str, str]]


def body_of(rule: Body, declared: Body) -> dict[str, Json]:
    """Return a described rule in the shape of the create input; its listener is the one that it was asked of."""
    asked = {"ListenerArn": declared["ListenerArn"]} if "ListenerArn" in declared else {}
    return {**asked, "Priority": _number(rule["Priority"]), **seen(rule, _SEEN, without(declared, "Priority"))}


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    by_listener: dict[str, list[Wanted]] = {}
    for want in wanted:
        by_listener.setdefault(want.body["ListenerArn"], []).append(want)
    for arn, wants in by_listener.items():
        rules = list(tagged(reader, _rules(reader, arn), "RuleArn"))
        found = {want.key: _candidates(want, wants, rules) for want in wants}
        goals = _goals(wants, found, world)
        standing = {_number(rule["Priority"]): rule["RuleArn"] for rule, _ in rules}
        for want in wants:
            if not found[want.key]:
                yield want.key, Absent()
                continue
            (rule, tags), *copies = found[want.key]
            facts = {"copies": [other["RuleArn"] for other, _ in copies]} if copies else {}
            yield want.key, _present(rule, tags, want.body, world, facts | _way(rule, goals, standing))


def _rules(reader: Reader, listener: str) -> list[Body]:
    every = whole(reader, "DescribeRules", "Rules", ListenerArn=listener)
    return [rule for rule in every if not rule.get("IsDefault")]


def _candidates(want: Wanted, wants: Sequence[Wanted], rules: Sequence[_Tagged]) -> list[_Tagged]:
    """Return the rules with the document's mark, the nearest first; where there is none, the one at its priority."""
    mine = [one for one in rules if want.managed and owner_in(one[1]) == want.owner]
    if mine:
        return sorted(mine, key=lambda one: _distance(one[0], want.body))
    # A rule of another document may stand where this one belongs: it is about to move away, and is not this one.
    moving = {one.owner for one in wants if _goal(one.body) != _goal(want.body)}
    at_priority = [one for one in rules if _number(one[0]["Priority"]) == _goal(want.body)]
    return [one for one in at_priority if owner_in(one[1]) not in moving]


def _goal(declared: Body) -> Json:
    return _number(declared.get("Priority"))


def _distance(rule: Body, declared: Body) -> tuple[bool, bool, str]:
    """Order rules with our mark: the one at our priority first, then the one that says what we want."""
    live, want = (normalise(body, RULES).get("Conditions") for body in (body_of(rule, declared), declared))
    elsewhere = _number(rule["Priority"]) != _goal(declared)
    return elsewhere, canonical(live) != canonical(want), rule["RuleArn"]


def _goals(wants: Sequence[Wanted], found: Mapping[Key, Sequence[_Tagged]], world: World) -> dict[str, Json]:
    """Return which priority each rule of ours is to have: as wanted now, or when the others were read."""
    before = presents(world, "ListenerRule")
    goals = {str(one.outputs["arn"]): one.facts["goal"] for _, one in before if "goal" in one.facts}
    for want in wants:
        mine = [rule["RuleArn"] for rule, tags in found[want.key] if owner_in(tags) == want.owner]
        goals |= {arn: _goal(want.body) for arn in mine[:1] if want.managed}
    return goals


def _way(rule: Body, goals: Mapping[str, Json], standing: Mapping[Json, str]) -> dict[str, Json]:
    """Return the facts about a rule's way to its priority: who has to move with it, and who stands in the way.

    A permutation is one call, so each of its rules knows the whole of it, and whichever comes first makes it.
    """
    arn = str(rule["RuleArn"])
    if arn not in goals:
        return {}
    facts: dict[str, Json] = {"goal": goals[arn]}
    moves: dict[str, Json] = {}
    while goals[arn] is not None and standing.get(goals[arn]) != arn:
        moves[arn] = goals[arn]
        there = standing.get(goals[arn])
        if there is None or there in moves:
            break
        if goals.get(there, goals[arn]) == goals[arn]:
            return {**facts, "inTheWay": there}
        arn = there
    return {**facts, "moves": [{"RuleArn": one, "Priority": moves[one]} for one in sorted(moves)]} if moves else facts


def _present(rule: Body, tags: Body, declared: Body, world: World, facts: Body) -> Present:
    theirs, live, foreign = read_tags(tags)
    body = {**body_of(rule, declared), "Tags": theirs}
    known = with_pair(facts, rule.get(_ACTIONS), world)
    return Present(body=body, outputs={"arn": rule["RuleArn"]}, marks=live, facts=known, foreign=foreign)


def _printed(live: Body, declared: Body) -> Present:
    """Return what DescribeRules prints; a document without a priority says nothing about it."""
    known = {"Priority": declared.get("Priority"), **live}
    return as_printed(live, {**body_of(known, declared), **pick(live, "ListenerArn")})


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    for listener in every_listener(reader):
        arn = listener["ListenerArn"]
        for rule, tags in ours(reader, installation, _rules(reader, arn), "RuleArn"):
            present = _present(rule, tags, {"ListenerArn": arn}, {}, {})
            assert present.marks is not None
            yield Owned(marks=present.marks, natural=arn, present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=tags):
            params = with_marks(TAGGING, without(desired.body), tags)
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
        alone = [{"RuleArn": arn, "Priority": members["Priority"]}]
        yield _call("SetRulePriorities", {"RulePriorities": moves or alone})


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _gate(desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate:
    other = present.facts.get("inTheWay")
    if other and any(field.path[0] == "Priority" for field in fields):
        return Hold(reason=f"priority {_goal(desired.body)} is taken by {other}, which no document moves away")
    return staged(_ACTIONS, desired, present, fields, world)


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    yield from contradictions(body.get(_ACTIONS), _ACTIONS)


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
    outputs=("arn",),
    invalidates={"replace": ("arn",)},
    tagging=TAGGING,
    shape=ShapeOf(operation="elbv2.CreateRule", describe="elbv2.DescribeRules:Rules[]"),
    reviewed=REVIEWED,
    check=_check,
    rules=RULES,
    read=_read,
    owned=_owned,
    from_describe=_printed,
    reads=operations("elbv2", *_READS),
    calls=_calls,
    adjust=lambda body, present: as_ecs_has_it(_ACTIONS, body, present),
    gate=_gate,
    serial_domain=lambda body: str(body.get("ListenerArn")),
    writes=operations("elbv2", "CreateRule", "ModifyRule", "SetRulePriorities"),
    deletes=operations("elbv2", "DeleteRule"),
    rights=(
        "cognito-idp:DescribeUserPoolClient",  # for authenticate-cognito
    ),
)
