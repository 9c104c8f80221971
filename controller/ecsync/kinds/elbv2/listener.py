"""Listener: a port of a load balancer, and the actions for requests that match no rule.

A listener has no name. Its port is its identity: another port is another listener.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from ecsync.core.kind import Asked, Gate, Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.marks import applied_equals, with_marks
from ecsync.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Desired,
    FieldChange,
    Key,
    Marks,
    Observed,
    Present,
    Replace,
    Tags,
    Text,
    Update,
)
from ecsync.core.normalise import normalise
from ecsync.core.ports import Reader
from ecsync.core.rules import Clears, Computed, Default, Drop, Immutable, Refers, Rewrite
from ecsync.core.trees import Body, Json, Path, canonical
from ecsync.kinds._common import changed, operations, read_tags, tag_rows, without
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds.elbv2._actions import (
    action_rows,
    contradictions,
)
from ecsync.kinds.elbv2._attributes import of_listener
from ecsync.kinds.elbv2._delegated import Delegation, delegation, reason, with_live_weights
from ecsync.kinds.elbv2._shared import (
    ATTRIBUTE_ROWS,
    TAGGING,
    TAGS,
    all_pages,
    as_printed,
    attribute_calls,
    changed_attributes,
    known_or_declared,
    one_by_one,
    own_arn,
    owned_items,
    present_or_absent,
    read_attributes,
    reads_attributes,
    released_row,
    with_tags,
)
from ecsync.kinds.elbv2._traffic_shift import healthy_targets, staged
from ecsync.kinds.elbv2.constraints import listener as constraints

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_ACTIONS = "DefaultActions"


def _natural(body: Body) -> str | None:
    balancer, port = body.get("LoadBalancerArn"), body.get("Port")
    if not isinstance(balancer, str) or isinstance(port, Text):
        return None
    return f"{balancer}:{port or 0}"  # a gateway load balancer has one listener, without a port


# 2 SHAPE ---------------------------------------------------------------------------------------------------------

SHAPE = ShapeOf(
    operation="elbv2.CreateListener",
    extra={"Attributes": "elbv2.ModifyListenerAttributes:Attributes"},
    describe="elbv2.DescribeListeners:Listeners[]",
)


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    return contradictions(body.get(_ACTIONS), _ACTIONS)


# 3 RULES ---------------------------------------------------------------------------------------------------------


def _first_then_sorted(certificates: Json) -> Json:
    """Return the first certificate, which is the default one, then the others sorted: their order has no meaning."""
    if not isinstance(certificates, list):
        return certificates
    plain = [without(one, "IsDefault") for one in certificates]
    return plain[:1] + sorted((one for one in plain[1:] if one != plain[0]), key=canonical)


_UNCHANGED = "elbv2.ModifyListener: any properties that you do not specify remain unchanged"

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    *ATTRIBUTE_ROWS,
    released_row(of_listener),
    *action_rows(_ACTIONS),
    Rewrite(
        path="Protocol",
        to=lambda protocol: str(protocol).upper(),
        source="elbv2.ProtocolEnum: the values are upper case",
    ),
    Computed(
        path="SslPolicy",
        source="read back from AWS: DescribeListeners returns a default policy; the API and the console differ in it",
    ),
    Rewrite(
        path="Certificates",
        to=_first_then_sorted,
        source="elbv2.DescribeListenerCertificates: a default certificate that is in the list too appears twice",
    ),
    Drop(
        path="MutualAuthentication.TrustStoreAssociationStatus",
        source="elbv2.MutualAuthenticationAttributes: a status that AWS alone sets",
    ),
    Default(
        path="MutualAuthentication.IgnoreClientCertificateExpiry",
        value=False,
        source="read back from AWS: DescribeListeners returns false where it was not sent",
        cases=("cap-ElasticLoadBalancingV2-Listener.MtlsListener",),
    ),
    Default(
        path="MutualAuthentication.AdvertiseTrustStoreCaNames",
        value="off",
        source="read back from AWS: DescribeListeners returns off where it was not sent",
        cases=("cap-ElasticLoadBalancingV2-Listener.MtlsListener",),
    ),
    Rewrite(
        path="MutualAuthentication",
        to=lambda block: None if block.get("Mode", "off") == "off" else block,
        source="read back from AWS: DescribeListeners returns Mode off where none was sent",
        cases=("cap-ElasticLoadBalancingV2-Listener.HuntHttpsListener",),
    ),
    Clears(path="MutualAuthentication", value={"Mode": "off"}, source=_UNCHANGED),
    Rewrite(
        path="AlpnPolicy",
        to=lambda policy: None if policy == ["None"] else policy,
        source="elbv2.ModifyListener: the policy None is the same as no policy",
    ),
    Clears(path="AlpnPolicy", value=["None"], source=_UNCHANGED),
    Immutable(path="LoadBalancerArn", source="elbv2.ModifyListener has no LoadBalancerArn"),
    Immutable(path="Port", source="a listener has no name: load balancer and port identify it"),
    Refers(
        path="LoadBalancerArn",
        kind="LoadBalancer",
        output="arn",
        source="elbv2.CreateListener: the ARN of the load balancer",
    ),
)
_CLEARING_VALUES = {row.path: row.value for row in RULES if isinstance(row, Clears)}

# 4 READ ----------------------------------------------------------------------------------------------------------

_READS = (
    "DescribeListeners",
    "DescribeListenerCertificates",
    "DescribeListenerAttributes",
    "DescribeLoadBalancers",
    "DescribeTags",
    "DescribeTargetHealth",
    "DescribeRules",
)
_READ_MEMBERS = (
    "LoadBalancerArn", "Port", "Protocol", "SslPolicy", "Certificates", "DefaultActions", "AlpnPolicy",
    "MutualAuthentication",
)  # fmt: skip


def body_of(listener: Body, declared: Body) -> dict[str, Json]:
    """Return a described listener in the shape of the create input."""
    return known_or_declared(listener, _READ_MEMBERS, declared)


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    moved = delegation(world)
    by_balancer: dict[str, list[Wanted]] = {}
    for want in wanted:
        by_balancer.setdefault(want.body["LoadBalancerArn"], []).append(want)
    for arn, wants in by_balancer.items():
        listeners = all_pages(reader, "DescribeListeners", "Listeners", LoadBalancerArn=arn)
        ports = {want.body.get("Port") for want in wants}
        at_port = [listener for listener in listeners if listener.get("Port") in ports]
        found = {live.get("Port"): (live, tags) for live, tags in with_tags(reader, at_port, "ListenerArn")}
        for want in wants:
            live = found.get(want.body.get("Port"))
            yield want.key, present_or_absent(partial(_present, reader, *live, want.body, moved)) if live else Absent()


def _present(reader: Reader, listener: Body, live_tags: Body, declared: Body, moved: Delegation) -> Present:
    tags, mark, foreign = read_tags(live_tags)
    arn = listener["ListenerArn"]
    body = {**body_of(listener, declared), "Tags": tags}
    default = body.get("Certificates") or ()
    if default:
        body["Certificates"] = [*default, *_managed_certificates(reader, arn, default, declared, mark)]
    if reads_attributes(declared, mark, tags):
        body["Attributes"] = read_attributes(reader, "Listener", arn)
    facts = moved.facts(listener.get(_ACTIONS), declared.get(_ACTIONS))
    return Present(body=body, outputs={"arn": arn}, marks=mark, facts=facts, foreign=foreign)


def _default_rule(reader: Reader, listener: Present) -> str | None:
    rules = all_pages(reader, "DescribeRules", "Rules", ListenerArn=listener.outputs["arn"])
    return next((str(rule["RuleArn"]) for rule in rules if rule.get("IsDefault")), None)


def _managed_certificates(
    reader: Reader, arn: str, default: Sequence[Body], declared: Body, mark: Marks | None
) -> Sequence[Body]:
    """Return the certificates beyond the default one if this document manages them.

    It does if it declares any, or if it declared exactly the live ones when it was last applied. If there is one more,
    another client added certificates, and the applied mark does not show which ones.
    """
    if len(declared.get("Certificates") or ()) > 1:
        return _additional_certificates(reader, arn)
    applied = mark.applied if mark else None
    if applied is None or applied_equals(applied, "Certificates", _canonical(declared.get("Certificates"))):
        return ()
    additional = _additional_certificates(reader, arn)
    return additional if applied_equals(applied, "Certificates", _canonical([*default, *additional])) else ()


def _canonical(certificates: Json) -> Json:
    return normalise({"Certificates": certificates}, RULES).get("Certificates")


def _additional_certificates(reader: Reader, arn: str) -> list[Body]:
    certificates = reader.pages("elbv2", "DescribeListenerCertificates", "Certificates", ListenerArn=arn)
    return [certificate for certificate in certificates if not certificate.get("IsDefault")]


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    for listener, tags in owned_items(reader, scope, every_listener(reader), "ListenerArn"):
        present = _present(reader, listener, tags, {}, Delegation())
        assert present.marks is not None
        yield Owned(marks=present.marks, natural=str(_natural(listener)), present=present)


def every_listener(reader: Reader) -> Iterator[Body]:
    """Yield every listener of every load balancer."""
    for balancer in all_pages(reader, "DescribeLoadBalancers", "LoadBalancers"):
        yield from all_pages(reader, "DescribeListeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"])


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=mark_tags):
            return _create(desired, mark_tags)
        case Update(observed=observed):
            return tuple(_update(change, observed.outputs["arn"]))
        case Replace(observed=observed) | Delete(observed=observed):
            return (_call("DeleteListener", observed.outputs["arn"]),)


def _call(operation: str, arn: Json, **params: Json) -> Call:
    return Call(service="elbv2", operation=operation, params={"ListenerArn": arn, **params})


def _create(desired: Desired, mark_tags: Tags) -> tuple[Call, ...]:
    body, arn = desired.body, own_arn(desired.key)
    default, additional = _certificates(body)
    create = Call(
        service="elbv2",
        operation="CreateListener",
        params=with_marks(TAGGING, {**without(body, "Attributes", "Certificates"), **default}, mark_tags),
        captures={"arn": ("Listeners", 0, "ListenerArn")},
    )
    return (
        create,
        *(_call("AddListenerCertificates", arn, Certificates=[one]) for one in additional),
        *attribute_calls("Listener", arn, body.get("Attributes") or ()),
    )


def _update(change: Update, arn: Json) -> Iterable[Call]:
    """Yield ModifyListener for what differs; certificates are added before it, and removed after it."""
    members, body = changed(change), change.desired.body
    added: Sequence[Body] = ()
    removed: Sequence[Body] = ()
    if "Certificates" in members:
        default, want = _certificates(body)
        live_default, have = _certificates(normalise(change.observed.body, RULES))
        added, removed = [one for one in want if one not in have], [one for one in have if one not in want]
        members = {**without(members, "Certificates"), **({} if default == live_default else default)}
    for one in added:
        yield _call("AddListenerCertificates", arn, Certificates=[one])
    params = {name: _CLEARING_VALUES.get(name) if value is None else value for name, value in members.items()}
    params = without(params, "Attributes")
    if params:
        yield _call("ModifyListener", arn, **params)
    for one in removed:
        yield _call("RemoveListenerCertificates", arn, Certificates=[one])
    yield from attribute_calls("Listener", arn, changed_attributes(change))


def _certificates(body: Body) -> tuple[dict[str, Json], list[Body]]:
    """Return the default certificate as a parameter of CreateListener, and the others, which have their own calls."""
    certificates = _first_then_sorted(list(body.get("Certificates") or ()))
    return ({"Certificates": certificates[:1]} if certificates else {}), certificates[1:]


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _gate(desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate:
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
    "Certificate": "CertificateArn IsDefault",
    "CreateListenerInput": (
        "AlpnPolicy Attributes Certificates DefaultActions LoadBalancerArn MutualAuthentication Port Protocol "
        "SslPolicy Tags"
    ),
    "FixedResponseActionConfig": "ContentType MessageBody StatusCode",
    "ForwardActionConfig": "TargetGroupStickinessConfig TargetGroups",
    "JwtValidationActionAdditionalClaim": "Format Name Values",
    "JwtValidationActionConfig": "AdditionalClaims Issuer JwksEndpoint",
    "ListenerAttribute": "Key Value",
    "MutualAuthenticationAttributes": (
        "AdvertiseTrustStoreCaNames IgnoreClientCertificateExpiry Mode TrustStoreArn TrustStoreAssociationStatus"
    ),
    "RedirectActionConfig": "Host Path Port Protocol Query StatusCode",
    "Tag": "Key Value",
    "TargetGroupStickinessConfig": "DurationSeconds Enabled",
    "TargetGroupTuple": "TargetGroupArn Weight",
}

KIND = Kind(
    name="Listener",
    example="""
Listener/http:
  LoadBalancerArn: ${LoadBalancer/web}
  Protocol: HTTP
  Port: 80
  DefaultActions: [{Type: forward, TargetGroupArn: "${TargetGroup/web}"}]
""",
    natural=_natural,
    primary="arn",
    outputs=OUTPUTS["Listener"],
    asked={"defaultRule": Asked(operation="elbv2.DescribeRules", read=_default_rule)},
    invalidates={"replace": ("arn", "defaultRule")},
    tagging=TAGGING,
    shape=SHAPE,
    reviewed=REVIEWED,
    check=_check,
    constraints=constraints.ROWS,
    rules=RULES,
    read=_read,
    owned=_owned,
    tagged_as="elasticloadbalancing:listener",
    collections=(TAGS, *one_by_one("DescribeListenerAttributes", "DescribeListenerCertificates")),
    from_describe=lambda live, declared: as_printed(live, body_of(live, declared)),
    reads=operations("elbv2", *_READS),
    calls=_calls,
    writes=operations(
        "elbv2",
        "CreateListener",
        "ModifyListener",
        "AddListenerCertificates",
        "RemoveListenerCertificates",
        "ModifyListenerAttributes",
    ),
    deletes=operations("elbv2", "DeleteListener"),
    rights=(
        "cognito-idp:DescribeUserPoolClient",  # AWS checks it on the caller for authenticate-cognito
    ),
    adjust=lambda body, present: with_live_weights(_ACTIONS, body, present),
    inquire=partial(healthy_targets, _ACTIONS),
    reason=partial(reason, _ACTIONS),
    gate=_gate,
)
