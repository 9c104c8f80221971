"""Listener: a port of a load balancer, and what it does with what no rule takes.

Its port is its identity, because it has no name: another port is another listener.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from ecsync.core.kind import Gate, Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.marks import applied_equals
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
    Text,
    Update,
)
from ecsync.core.normalise import normalise
from ecsync.core.ports import Reader
from ecsync.core.rules import Clears, Computed, Default, Drop, Immutable, Refers, Rewrite
from ecsync.core.tagging import with_marks
from ecsync.core.trees import Body, Json, Path, canonical
from ecsync.kinds._common import changed, operations, read_tags, tag_rows, without
from ecsync.kinds.elbv2._actions import action_rows, as_ecs_has_it, contradictions, with_pair
from ecsync.kinds.elbv2._attributes import of_listener
from ecsync.kinds.elbv2._shared import (
    ATTRIBUTE_ROWS,
    TAGGING,
    as_printed,
    attribute_calls,
    changed_attributes,
    ours,
    own_arn,
    read_attributes,
    reads_attributes,
    released_to,
    seen,
    tagged,
    unless_gone,
    whole,
)
from ecsync.kinds.elbv2._traffic_shift import staged

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_ACTIONS = "DefaultActions"


def _natural(body: Body) -> str | None:
    balancer, port = body.get("LoadBalancerArn"), body.get("Port")
    if not isinstance(balancer, str) or isinstance(port, Text):
        return None
    return f"{balancer}:{port or 0}"  # a gateway load balancer has one listener, without a port


# 3 RULES ---------------------------------------------------------------------------------------------------------


def _first_then_set(certificates: Json) -> Json:
    """Keep the first certificate, the default one, in its place; to the others order means nothing."""
    if not isinstance(certificates, list):
        return certificates
    plain = [without(one, "IsDefault") for one in certificates]
    return plain[:1] + sorted((one for one in plain[1:] if one != plain[0]), key=canonical)


RULES = (
    *tag_rows("Tags", "Key", "Value"),
    *ATTRIBUTE_ROWS,
    released_to(of_listener),
    *action_rows(_ACTIONS),
    Rewrite(
        path="Protocol",
        to=lambda protocol: str(protocol).upper(),
        source="normalization.md §4.3: upper",
    ),
    Computed(path="SslPolicy", source="normalization.md §4.3: unmanaged undeclared"),
    Rewrite(path="Certificates", to=_first_then_set, source="normalization.md §4.3: IsDefault mirror"),
    Drop(path="MutualAuthentication.TrustStoreAssociationStatus", source="elbv2.DescribeListeners: server-owned"),
    Default(
        path="MutualAuthentication.IgnoreClientCertificateExpiry",
        value=False,
        source="captured",
        cases=("cap-ElasticLoadBalancingV2-Listener.MtlsListener",),
    ),
    Default(
        path="MutualAuthentication.AdvertiseTrustStoreCaNames",
        value="off",
        source="captured",
        cases=("cap-ElasticLoadBalancingV2-Listener.MtlsListener",),
    ),
    Rewrite(
        path="MutualAuthentication",
        to=lambda block: None if block.get("Mode", "off") == "off" else block,
        source="normalization.md §4.3: off is absent",
        cases=("cap-ElasticLoadBalancingV2-Listener.HuntHttpsListener",),
    ),
    Clears(path="MutualAuthentication", value={"Mode": "off"}, source="elbv2.ModifyListener: what is not said stays"),
    Rewrite(
        path="AlpnPolicy",
        to=lambda policy: None if policy == ["None"] else policy,
        source="normalization.md §4.3: None is absent",
    ),
    Clears(path="AlpnPolicy", value=["None"], source="elbv2.ModifyListener: what is not said stays"),
    Immutable(path="LoadBalancerArn", source="normalization.md §4.3"),
    Immutable(path="Port", source="our identity"),
    Refers(path="LoadBalancerArn", kind="LoadBalancer", output="arn", source="manifests.md, References"),
)
_CLEARED = {row.path: row.value for row in RULES if isinstance(row, Clears)}

# 4 READ ----------------------------------------------------------------------------------------------------------

_READS = (
    "DescribeListeners",
    "DescribeListenerCertificates",
    "DescribeListenerAttributes",
    "DescribeLoadBalancers",
    "DescribeTags",
)
_SEEN = (
    "LoadBalancerArn", "Port", "Protocol", "SslPolicy", "Certificates", "DefaultActions", "AlpnPolicy",
    "MutualAuthentication",
)  # fmt: skip


def body_of(listener: Body, declared: Body) -> dict[str, Json]:
    """Return a described listener in the shape of the create input."""
    return seen(listener, _SEEN, declared)


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    by_balancer: dict[str, list[Wanted]] = {}
    for want in wanted:
        by_balancer.setdefault(want.body["LoadBalancerArn"], []).append(want)
    for arn, wants in by_balancer.items():
        listeners = whole(reader, "DescribeListeners", "Listeners", LoadBalancerArn=arn)
        ports = {want.body.get("Port") for want in wants}
        at_port = [listener for listener in listeners if listener.get("Port") in ports]
        found = {one.get("Port"): (one, tags) for one, tags in tagged(reader, at_port, "ListenerArn")}
        for want in wants:
            one = found.get(want.body.get("Port"))
            yield want.key, unless_gone(partial(_present, reader, *one, want.body, world)) if one else Absent()


def _present(reader: Reader, listener: Body, tags: Body, declared: Body, world: World) -> Present:
    theirs, live, foreign = read_tags(tags)
    arn = listener["ListenerArn"]
    body = {**body_of(listener, declared), "Tags": theirs}
    first = body.get("Certificates") or ()
    if first:
        body["Certificates"] = [*first, *_further_of_ours(reader, arn, first, declared, live)]
    if reads_attributes(declared, live, theirs):
        body["Attributes"] = read_attributes(reader, "Listener", arn)
    facts = with_pair({}, listener.get(_ACTIONS), world)
    return Present(body=body, outputs={"arn": arn}, marks=live, facts=facts, foreign=foreign)


def _further_of_ours(
    reader: Reader, arn: str, first: Sequence[Body], declared: Body, live: Marks | None
) -> Sequence[Body]:
    """Return the certificates beyond the first where they are ours to tell.

    They are where the document declares any, and where it does so no more and there are just those that we applied:
    with one more, somebody else has put certificates there, and we do not know whose is which.
    """
    if len(declared.get("Certificates") or ()) > 1:
        return _further(reader, arn)
    applied = live.applied if live else None
    if applied is None or applied_equals(applied, "Certificates", _canonical(declared.get("Certificates"))):
        return ()
    further = _further(reader, arn)
    return further if applied_equals(applied, "Certificates", _canonical([*first, *further])) else ()


def _canonical(certificates: Json) -> Json:
    return normalise({"Certificates": certificates}, RULES).get("Certificates")


def _further(reader: Reader, arn: str) -> list[Body]:
    every = reader.pages("elbv2", "DescribeListenerCertificates", "Certificates", ListenerArn=arn)
    return [certificate for certificate in every if not certificate.get("IsDefault")]


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    for listener, tags in ours(reader, installation, every_listener(reader), "ListenerArn"):
        present = _present(reader, listener, tags, {}, {})
        assert present.marks is not None
        yield Owned(marks=present.marks, natural=str(_natural(listener)), present=present)


def every_listener(reader: Reader) -> Iterator[Body]:
    """Yield every listener of every load balancer."""
    for balancer in whole(reader, "DescribeLoadBalancers", "LoadBalancers"):
        yield from whole(reader, "DescribeListeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"])


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=tags):
            return _create(desired, tags)
        case Update(observed=observed):
            return tuple(_update(change, observed.outputs["arn"]))
        case Replace(observed=observed) | Delete(observed=observed):
            return (_call("DeleteListener", observed.outputs["arn"]),)


def _call(operation: str, arn: Json, **params: Json) -> Call:
    return Call(service="elbv2", operation=operation, params={"ListenerArn": arn, **params})


def _create(desired: Desired, tags: Mapping[str, str]) -> tuple[Call, ...]:
    body, arn = desired.body, own_arn(desired.key)
    first, further = _certificates(body)
    create = Call(
        service="elbv2",
        operation="CreateListener",
        params=with_marks(TAGGING, {**without(body, "Attributes", "Certificates"), **first}, tags),
        captures={"arn": ("Listeners", 0, "ListenerArn")},
    )
    return (
        create,
        *(_call("AddListenerCertificates", arn, Certificates=[one]) for one in further),
        *attribute_calls("Listener", arn, body.get("Attributes") or ()),
    )


def _update(change: Update, arn: Json) -> Iterable[Call]:
    """Add certificates before the change that may need them, and remove them after the one that frees them."""
    members, body = changed(change), change.desired.body
    added: Sequence[Body] = ()
    removed: Sequence[Body] = ()
    if "Certificates" in members:
        first, want = _certificates(body)
        before, have = _certificates(normalise(change.observed.body, RULES))
        added, removed = [one for one in want if one not in have], [one for one in have if one not in want]
        members = {**without(members, "Certificates"), **({} if first == before else first)}
    for one in added:
        yield _call("AddListenerCertificates", arn, Certificates=[one])
    said = {name: _CLEARED.get(name) if value is None else value for name, value in members.items()}
    params = without(said, "Attributes")
    if params:
        yield _call("ModifyListener", arn, **params)
    for one in removed:
        yield _call("RemoveListenerCertificates", arn, Certificates=[one])
    yield from attribute_calls("Listener", arn, changed_attributes(change))


def _certificates(body: Body) -> tuple[dict[str, Json], list[Body]]:
    """Return the default certificate as AWS's calls take it, and those beyond it, which have calls of their own."""
    every = _first_then_set(list(body.get("Certificates") or ()))
    return ({"Certificates": every[:1]} if every else {}), every[1:]


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _gate(desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate:
    return staged(_ACTIONS, desired, present, fields, world)


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    return contradictions(body.get(_ACTIONS), _ACTIONS)


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
    outputs=("arn",),
    invalidates={"replace": ("arn",)},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="elbv2.CreateListener",
        extra={"Attributes": "elbv2.ModifyListenerAttributes:Attributes"},
        describe="elbv2.DescribeListeners:Listeners[]",
    ),
    reviewed=REVIEWED,
    check=_check,
    rules=RULES,
    read=_read,
    owned=_owned,
    from_describe=lambda live, declared: as_printed(live, body_of(live, declared)),
    reads=operations("elbv2", *_READS),
    calls=_calls,
    adjust=lambda body, present: as_ecs_has_it(_ACTIONS, body, present),
    gate=_gate,
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
        "cognito-idp:DescribeUserPoolClient",  # for authenticate-cognito
    ),
)
