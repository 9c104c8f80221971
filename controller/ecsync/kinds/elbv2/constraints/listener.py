"""What Elastic Load Balancing accepts of a listener, and of its load balancer and target groups with it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from ecsync.core.constraints.rows import Across, Constraint, Constraints, Spot
from ecsync.core.model import Desired, Documents, Key, Text
from ecsync.core.trees import Json, Path
from ecsync.core.wording import listed
from ecsync.kinds._constraint_parts import (
    arn_constraints,
    blocks,
    member,
    referred,
    tag_constraints,
)
from ecsync.kinds.elbv2.constraints.actions import action_constraints
from ecsync.kinds.elbv2.constraints.load_balancer import balancer_type
from ecsync.kinds.elbv2.constraints.target_group import protocol

_LISTENER = "API Reference elbv2.CreateListener"
_SECURE = ("HTTPS", "TLS")
_OF_TYPE = {"application": ("HTTP", "HTTPS"), "network": ("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC")}

Found = Iterator[tuple[Path, str]]


def _certificate(spot: Spot) -> str:
    kind = protocol(spot.body)
    if spot.value or kind not in _SECURE:
        return ""
    return f"a listener with {kind} needs a certificate; declare Certificates: [{{CertificateArn: arn:aws:acm:...}}]"


def _secure_alone(spot: Spot) -> str:
    kind = protocol(spot.body)
    if not spot.value or kind in ("", *_SECURE):
        return ""
    return f"a listener with {kind} has no {spot.path[-1]}; leave it out, or use HTTPS"


def _no_default(spot: Spot) -> str:
    return "the first certificate is the default; leave IsDefault out" if spot.value is not None else ""


def _alpn(spot: Spot) -> str:
    kind = protocol(spot.body)
    return f"a listener with {kind} has no AlpnPolicy; leave it out" if spot.value and kind not in ("", "TLS") else ""


def _client_certificates(spot: Spot) -> str:
    if spot.block.get("Mode") != "verify" or spot.value:
        return ""
    return "mode verify needs a trust store; declare TrustStoreArn"


# ---------------------------------------------------------------- several documents


def _balancer_of(listener: Desired, documents: Documents) -> Desired | None:
    return referred(listener.body.get("LoadBalancerArn"), "LoadBalancer", documents)


def _protocol_fits(listener: Desired, documents: Documents) -> Found:
    balancer = _balancer_of(listener, documents)
    kind, declared = balancer_type(balancer.body) if balancer is not None else "", protocol(listener.body)
    if kind in _OF_TYPE and declared and declared not in _OF_TYPE[kind]:
        fix = f"use {listed(_OF_TYPE[kind])}"
        yield ("Protocol",), f"the load balancer has type {kind}, which has no listener with {declared}; {fix}"
    if kind in _OF_TYPE and not listener.body.get("Protocol"):
        yield ("Protocol",), f"it is missing; declare {listed(_OF_TYPE[kind])}"
    if kind in _OF_TYPE and not listener.body.get("Port"):
        yield ("Port",), "it is missing; declare the port of the listener, such as 80"


def _forwards(router: Desired, member_name: str) -> Iterator[tuple[Path, Json]]:
    for index, action in enumerate(blocks(router.body.get(member_name))):
        if action.get("TargetGroupArn"):
            yield (member_name, index, "TargetGroupArn"), action["TargetGroupArn"]
        for position, one in enumerate(blocks(member(action.get("ForwardConfig"), "TargetGroups"))):
            path: Path = (member_name, index, "ForwardConfig", "TargetGroups", position, "TargetGroupArn")
            yield path, one.get("TargetGroupArn")


def _balancer_behind(router: Desired, documents: Documents) -> Desired | None:
    """Return the load balancer of a listener or rule; None if it is not in the application."""
    listener: Desired | None = router
    if router.key.kind == "ListenerRule":
        listener = referred(router.body.get("ListenerArn"), "Listener", documents)
    return _balancer_of(listener, documents) if listener is not None else None


def group_fits(router: Desired, documents: Documents) -> Found:
    """Yield the target groups with a protocol that the load balancer does not have."""
    balancer = _balancer_behind(router, documents)
    kind = balancer_type(balancer.body) if balancer is not None else ""
    for path, value in _forwards(router, "DefaultActions" if router.key.kind == "Listener" else "Actions"):
        group = referred(value, "TargetGroup", documents)
        declared = protocol(group.body) if group is not None else ""
        if kind in _OF_TYPE and declared and declared not in _OF_TYPE[kind]:
            fix = f"use a group with {listed(_OF_TYPE[kind])}"
            yield path, f"the load balancer has type {kind}, and the target group has protocol {declared}; {fix}"


def _users(router: Desired, _: Documents) -> Iterator[Hashable]:
    """Yield the target groups of a listener or rule."""
    for _path, value in _forwards(router, "DefaultActions" if router.key.kind == "Listener" else "Actions"):
        ref = value.sole if isinstance(value, Text) else None
        if ref is not None:
            yield ref.key


def _one_balancer(group: Desired, documents: Documents) -> Found:
    found: dict[Key, None] = {}
    for kind in ("Listener", "ListenerRule"):
        for router in documents.find(kind, _users, group.key):
            balancer = _balancer_behind(router, documents)
            found |= {balancer.key: None} if balancer is not None else {}
    if len(found) > 1:
        fix = "declare a target group for each"
        yield (), f"listeners of {listed([str(key) for key in found])} forward to it; {fix}"


def _ip_version(group: Desired, documents: Documents) -> Found:
    if group.body.get("IpAddressType") != "ipv6":
        return
    for kind in ("Listener", "ListenerRule"):
        for router in documents.find(kind, _users, group.key):
            balancer = _balancer_behind(router, documents)
            if balancer is not None and balancer.body.get("IpAddressType") in (None, "ipv4"):
                problem = f"targets with IPv6 need a dualstack load balancer, and {balancer.key} has ipv4"
                yield ("IpAddressType",), f"{problem}; set IpAddressType: dualstack there"
                return


ROWS: Constraints = (
    *tag_constraints("Tags", "Key", "Value", service="elbv2"),
    *action_constraints("DefaultActions"),
    Constraint(path="Certificates", rule="required with HTTPS and TLS", test=_certificate, absent=True,
               source=_LISTENER,
               answer="A certificate must be specified for HTTPS listeners"),
    *(
        Constraint(path=name, rule="with HTTPS and TLS alone", test=_secure_alone, source=_LISTENER,
                   answer=f"{name} can only be specified for HTTPS and TLS listeners")
        for name in ("Certificates", "SslPolicy")
    ),
    *arn_constraints("Certificates[].CertificateArn", "(acm|iam)", "(server-)?certificate/", "a certificate",
                     source="API Reference elbv2.Certificate"),
    Constraint(path="Certificates[].IsDefault", rule="not declared", test=_no_default,
               source="API Reference elbv2.Certificate: do not set IsDefault in an input",
               answer="You cannot set the isDefault parameter for a certificate"),
    Constraint(path="AlpnPolicy", rule="with TLS alone", test=_alpn, source=_LISTENER),
    Constraint(path="MutualAuthentication.TrustStoreArn", rule="required with mode verify", test=_client_certificates,
               absent=True, source="API Reference elbv2.MutualAuthenticationAttributes"),
    *arn_constraints("LoadBalancerArn", "elasticloadbalancing", "loadbalancer/", "a load balancer", source=_LISTENER),
    Across(path="Protocol", rule="one that the type of the load balancer has", test=_protocol_fits, source=_LISTENER,
           answer="Listener protocol must be one of those of the load balancer"),
    Across(path="DefaultActions[].TargetGroupArn", rule="a target group with a protocol of the load balancer",
           test=group_fits, source="API Reference elbv2.CreateTargetGroup"),
)  # fmt: skip

OF_TARGET_GROUP: Constraints = (
    Across(path="", rule="behind one load balancer", test=_one_balancer,
           source="developer guide, target groups: one load balancer",
           answer="The following target groups cannot be associated with more than one load balancer"),
    Across(path="IpAddressType", rule="ipv6 behind a dualstack load balancer", test=_ip_version,
           source="developer guide, target groups: IPv6 target groups can only be used with dualstack load balancers"),
)  # fmt: skip
