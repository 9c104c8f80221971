"""Listeners with their default rules, and their certificates."""

from __future__ import annotations

from ecsim.account.errors import AwsError, validation_error
from ecsim.account.paging import by_marker
from ecsim.account.world import Body, Call, Handler
from ecsim.elbv2 import actions, tags, targets
from ecsim.elbv2.defaults import SSL_POLICY, listener_attributes
from ecsim.elbv2.store import ElbRegion

SECURE = ("HTTPS", "TLS")
ENCRYPTED = ("SslPolicy", "Certificates", "MutualAuthentication")  # members of a listener with TLS


def create_listener(call: Call) -> Body:
    """Create a listener with its default rule. An equal listener on the same port is returned unchanged."""
    elb, params, world = call.store(ElbRegion), call.params, call.world
    balancer = elb.get("load_balancers", params["LoadBalancerArn"])
    arn = balancer["LoadBalancerArn"].replace(":loadbalancer/", ":listener/", 1) + f"/{world.hex(16)}"
    body: Body = {
        "ListenerArn": arn,
        "LoadBalancerArn": balancer["LoadBalancerArn"],
        "DefaultActions": actions.actions(elb, params.get("DefaultActions", []), balancer),
        **{member: params[member] for member in ("Protocol", "Port", "AlpnPolicy") if member in params},
    }
    _secure(body, params)
    _check_protocol(balancer, body)
    existing = _on_port(elb, body)
    if existing is not None:
        if {**existing, "ListenerArn": arn} != body:
            raise AwsError(
                "DuplicateListener",
                f"A listener already exists on this port for this load balancer '{balancer['LoadBalancerArn']}'",
            )
        return {"Listeners": [existing]}
    tags.put(elb, arn, params.get("Tags"))
    elb.listeners[arn] = body
    elb.attributes[arn] = listener_attributes(params.get("Protocol"))
    rule = arn.replace(":listener/", ":listener-rule/", 1) + f"/{world.hex(16)}"
    elb.rules[rule] = {
        "RuleArn": rule,
        "Priority": "default",
        "Conditions": [],
        "Actions": body["DefaultActions"],
        "IsDefault": True,
    }
    tags.put(elb, rule, None)
    targets.usage_changed(world, elb)
    return {"Listeners": [body]}


def _secure(body: Body, params: Body) -> None:
    """Set the members of a listener with TLS, or remove them."""
    if body.get("Protocol") not in SECURE:
        for member in ENCRYPTED:
            if params.get(member) and params[member] != {"Mode": "off"}:
                raise validation_error(f"{member} can only be specified for HTTPS and TLS listeners")
            body.pop(member, None)
        return
    if any(certificate.get("IsDefault") is not None for certificate in params.get("Certificates", [])):
        raise validation_error("You cannot set the isDefault parameter for a certificate")
    certificates = params.get("Certificates") or body.get("Certificates")
    if not certificates:
        raise validation_error(f"A certificate must be specified for {body['Protocol']} listeners")
    body["Certificates"] = [{"CertificateArn": c["CertificateArn"]} for c in certificates[:1]]
    body["SslPolicy"] = params.get("SslPolicy") or body.get("SslPolicy", SSL_POLICY)
    if body["Protocol"] == "HTTPS":
        mode = params.get("MutualAuthentication") or body.get("MutualAuthentication", {"Mode": "off"})
        body["MutualAuthentication"] = mode


def _check_protocol(balancer: Body, body: Body) -> None:
    allowed = {"application": ("HTTP", "HTTPS"), "network": ("TCP", "UDP", "TCP_UDP", "TLS", "QUIC", "TCP_QUIC")}
    protocols = allowed.get(balancer["Type"])
    if protocols is not None and body.get("Protocol") not in protocols:
        raise validation_error(f"Listener protocol '{body.get('Protocol')}' must be one of '{', '.join(protocols)}'")
    if protocols is not None and not body.get("Port"):
        raise validation_error("A listener port must be specified")


def _on_port(elb: ElbRegion, body: Body) -> Body | None:
    for other in elb.listeners.values():
        same = other["LoadBalancerArn"] == body["LoadBalancerArn"] and other.get("Port") == body.get("Port")
        if same and other["ListenerArn"] != body["ListenerArn"]:
            return other
    return None


def describe_listeners(call: Call) -> Body:
    """Describe the listeners of a load balancer, or some by ARN."""
    elb, params = call.store(ElbRegion), call.params
    if params.get("ListenerArns"):
        found = [elb.get("listeners", arn) for arn in params["ListenerArns"]]
    elif params.get("LoadBalancerArn"):
        elb.get("load_balancers", params["LoadBalancerArn"])
        found = [b for b in elb.listeners.values() if b["LoadBalancerArn"] == params["LoadBalancerArn"]]
    else:
        raise validation_error("You must specify either listener ARNs or a load balancer ARN")
    return by_marker("Listeners", found, params)


def modify_listener(call: Call) -> Body:
    """Change a listener. Omitted members are kept."""
    elb, params = call.store(ElbRegion), call.params
    current = elb.get("listeners", params["ListenerArn"])
    balancer = elb.load_balancers[current["LoadBalancerArn"]]
    body: Body = {**current, **{m: params[m] for m in ("Protocol", "Port", "AlpnPolicy") if m in params}}
    if params.get("DefaultActions"):
        body["DefaultActions"] = actions.actions(elb, params["DefaultActions"], balancer)
    _secure(body, params)
    _check_protocol(balancer, body)
    if _on_port(elb, body) is not None:
        raise AwsError(
            "DuplicateListener",
            f"A listener already exists on this port for this load balancer '{balancer['LoadBalancerArn']}'",
        )
    if body.get("Protocol") != current.get("Protocol"):
        kept = elb.attributes[body["ListenerArn"]]
        defaults = listener_attributes(body.get("Protocol"))
        elb.attributes[body["ListenerArn"]] = {key: kept.get(key, value) for key, value in defaults.items()}
    elb.listeners[body["ListenerArn"]] = body
    elb.rules_of(body["ListenerArn"])[-1]["Actions"] = body["DefaultActions"]
    targets.usage_changed(call.world, elb)
    return {"Listeners": [body]}


def delete_listener(call: Call) -> Body:
    """Delete a listener with its rules."""
    elb = call.store(ElbRegion)
    elb.drop_listener(elb.get("listeners", call.params["ListenerArn"])["ListenerArn"])
    targets.usage_changed(call.world, elb)
    return {}


def describe_listener_certificates(call: Call) -> Body:
    """Describe the default certificate and the additional ones."""
    elb = call.store(ElbRegion)
    body = elb.get("listeners", call.params["ListenerArn"])
    shown = [{**certificate, "IsDefault": True} for certificate in body.get("Certificates", [])]
    others = elb.certificates.get(body["ListenerArn"], [])
    shown += [{"CertificateArn": arn, "IsDefault": False} for arn in others]
    return {"Certificates": shown}


def add_listener_certificates(call: Call) -> Body:
    """Add certificates to the default one."""
    elb = call.store(ElbRegion)
    body = elb.get("listeners", call.params["ListenerArn"])
    if body.get("Protocol") not in SECURE:
        raise validation_error("Certificates can only be added to HTTPS and TLS listeners")
    kept = elb.certificates.setdefault(body["ListenerArn"], [])
    given = [certificate["CertificateArn"] for certificate in call.params["Certificates"]]
    kept += [arn for arn in given if arn not in kept]
    return {"Certificates": [{"CertificateArn": arn, "IsDefault": False} for arn in given]}


def remove_listener_certificates(call: Call) -> Body:
    """Remove additional certificates; the default one cannot be removed."""
    elb = call.store(ElbRegion)
    body = elb.get("listeners", call.params["ListenerArn"])
    removed = [certificate["CertificateArn"] for certificate in call.params["Certificates"]]
    if any(certificate["CertificateArn"] in removed for certificate in body.get("Certificates", [])):
        raise AwsError("OperationNotPermitted", "The default certificate cannot be removed from a listener")
    kept = elb.certificates.get(body["ListenerArn"], [])
    elb.certificates[body["ListenerArn"]] = [arn for arn in kept if arn not in removed]
    return {}


OPERATIONS: dict[str, Handler] = {
    "AddListenerCertificates": add_listener_certificates,
    "CreateListener": create_listener,
    "DeleteListener": delete_listener,
    "DescribeListenerCertificates": describe_listener_certificates,
    "DescribeListeners": describe_listeners,
    "ModifyListener": modify_listener,
    "RemoveListenerCertificates": remove_listener_certificates,
}
