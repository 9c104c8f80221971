"""Load balancers: create, describe, delete; and their subnets, security groups and address type."""

from __future__ import annotations

from functools import partial

from ecsim.account.errors import AwsError, validation_error
from ecsim.account.paging import by_marker
from ecsim.account.world import Body, Call, Handler
from ecsim.elbv2 import tags, targets
from ecsim.elbv2.defaults import DENY_IPV6, LOAD_BALANCER
from ecsim.elbv2.store import ElbRegion
from ecsim.moto import seams

PREFIXES = {"application": "app", "network": "net", "gateway": "gwy"}
ADDRESSES = ("AllocationId", "PrivateIPv4Address", "IPv6Address")
ZONES = {"application": "Z215JYRZR1TBD5", "network": "Z3F0SRJ5LGBH90", "gateway": "Z3F0SRJ5LGBH90"}


def create_load_balancer(call: Call) -> Body:
    """Create a load balancer; it starts as `provisioning`. One with the same name and settings is returned."""
    elb, params, world = call.store(ElbRegion), call.params, call.world
    name, kind = params["Name"], params.get("Type", "application")
    _check_name(name)
    zones, vpc = _zones(call, kind)
    settings: Body = {
        "LoadBalancerName": name,
        "Scheme": params.get("Scheme", "internet-facing"),
        "Type": kind,
        "VpcId": vpc,
        "AvailabilityZones": zones,
        "SecurityGroups": _security_groups(call, vpc, params.get("SecurityGroups"), kind),
        "IpAddressType": params.get("IpAddressType", "ipv4"),
        "EnablePrefixForIpv6SourceNat": params.get("EnablePrefixForIpv6SourceNat", "off"),
    }
    settings |= {member: params[member] for member in ("CustomerOwnedIpv4Pool", "IpamPools") if member in params}
    existing = next((b for b in elb.load_balancers.values() if b["LoadBalancerName"] == name), None)
    if existing is not None:
        if {**existing, **settings} != existing:
            raise AwsError(
                "DuplicateLoadBalancerName",
                f"A load balancer with the same name '{name}' exists, but with different settings",
            )
        return {"LoadBalancers": [_show(elb, existing)]}
    identifier = world.hex(16)
    arn = elb.arn(f"loadbalancer/{PREFIXES[kind]}/{name}/{identifier}")
    tags.put(elb, arn, params.get("Tags"))
    body = elb.load_balancers[arn] = {
        **settings,
        "LoadBalancerArn": arn,
        "DNSName": _dns_name(call, settings, identifier),
        "CanonicalHostedZoneId": ZONES[kind],
        "CreatedTime": world.iso,
    }
    if kind == "network" and body["SecurityGroups"]:
        body["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] = "on"
    elb.attributes[arn] = dict(LOAD_BALANCER[kind])
    _follow_address_type(elb, body)
    elb.provisioning.add(arn)
    world.after(world.settings.timings.load_balancer, partial(elb.provisioning.discard, arn))
    return {"LoadBalancers": [_show(elb, body)]}


def _dns_name(call: Call, settings: Body, identifier: str) -> str:
    name, region = settings["LoadBalancerName"], call.region
    if settings["Type"] != "application":
        return f"{name}-{identifier}.elb.{region}.amazonaws.com"
    prefix = "internal-" if settings["Scheme"] == "internal" else ""
    return f"{prefix}{name}-{call.world.digits(9)}.{region}.elb.amazonaws.com"


def _check_name(name: str) -> None:
    if len(name) > 32:
        raise validation_error(f"The load balancer name '{name}' cannot be longer than '32' characters")
    if name.startswith("internal-"):
        raise validation_error(f"The load balancer name '{name}' cannot begin with 'internal-'")
    if not name.replace("-", "").isalnum() or not name.isascii():
        raise validation_error(
            f"The load balancer name '{name}' can only contain characters that are alphanumeric characters and"
            " hyphens(-)"
        )


def _zones(call: Call, kind: str) -> tuple[list[Body], str]:
    given = call.params.get("SubnetMappings") or [{"SubnetId": one} for one in call.params.get("Subnets", [])]
    zones, vpcs = [], []
    for mapping in given:
        subnet_id = mapping["SubnetId"]
        subnet = seams.subnet(call.account, call.region, subnet_id)
        if subnet is None:
            raise AwsError("SubnetNotFound", f"The subnet ID '{subnet_id}' does not exist")
        own = {name: mapping[name] for name in ADDRESSES if name in mapping}
        addresses = [own] if own else []  # AWS does not return addresses that it chooses
        zone = {"ZoneName": subnet.availability_zone, "SubnetId": subnet_id, "LoadBalancerAddresses": addresses}
        if mapping.get("SourceNatIpv6Prefix"):
            zone["SourceNatIpv6Prefixes"] = [mapping["SourceNatIpv6Prefix"]]
        zones.append(zone)
        vpcs.append(str(subnet.vpc_id))
    if len({zone["ZoneName"] for zone in zones}) < len(zones):
        raise AwsError(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        )
    if kind == "application" and len(zones) < 2:
        raise validation_error("At least two subnets in two different Availability Zones must be specified")
    if not zones:
        raise validation_error("You must specify subnets")
    return zones, vpcs[0]


def _security_groups(call: Call, vpc: str, given: list[str] | None, kind: str) -> list[str]:
    for group in given or []:
        if seams.security_group(call.account, call.region, group) is None:
            raise AwsError("InvalidSecurityGroup", f"One or more security groups are invalid: {group}")
    if given or kind != "application":
        return list(given or [])
    default = seams.default_security_group(call.account, call.region, vpc)
    return [default] if default else []


def describe_load_balancers(call: Call) -> Body:
    """Describe all load balancers, or some by ARN or name."""
    elb, params = call.store(ElbRegion), call.params
    found = list(elb.load_balancers.values())
    if params.get("LoadBalancerArns"):
        found = [elb.get("load_balancers", arn) for arn in params["LoadBalancerArns"]]
    names = params.get("Names")
    if names:
        found = [balancer for balancer in found if balancer["LoadBalancerName"] in names]
        if len(found) < len(set(names)):
            raise AwsError("LoadBalancerNotFound", f"Load balancers '[{', '.join(names)}]' not found")
    return by_marker("LoadBalancers", [_show(elb, balancer) for balancer in found], params)


def delete_load_balancer(call: Call) -> Body:
    """Delete a load balancer with its listeners and rules. An unknown ARN is not an error."""
    elb, arn = call.store(ElbRegion), call.params["LoadBalancerArn"]
    if arn not in elb.load_balancers:
        return {}
    if elb.attributes[arn]["deletion_protection.enabled"] == "true":
        raise AwsError(
            "OperationNotPermitted", f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        )
    for listener in [key for key, body in elb.listeners.items() if body["LoadBalancerArn"] == arn]:
        elb.drop_listener(listener)
    del elb.load_balancers[arn]
    elb.forget(arn)
    targets.usage_changed(call.world, elb)
    return {}


def set_subnets(call: Call) -> Body:
    """Replace the subnets."""
    body = call.store(ElbRegion).get("load_balancers", call.params["LoadBalancerArn"])
    body["AvailabilityZones"], _ = _zones(call, body["Type"])
    prefix = "EnablePrefixForIpv6SourceNat"
    body[prefix] = call.params.get(prefix, body[prefix])
    return {name: body[name] for name in ("AvailabilityZones", "IpAddressType", prefix)}


def modify_ip_pools(call: Call) -> Body:
    """Replace or remove the pool of addresses."""
    body = call.store(ElbRegion).get("load_balancers", call.params["LoadBalancerArn"])
    if "ipv4" in call.params.get("RemoveIpamPools", ()):
        body.pop("IpamPools", None)
    if "IpamPools" in call.params:
        body["IpamPools"] = call.params["IpamPools"]
    return {"IpamPools": body.get("IpamPools", {})}


def set_security_groups(call: Call) -> Body:
    """Replace the security groups."""
    body = call.store(ElbRegion).get("load_balancers", call.params["LoadBalancerArn"])
    body["SecurityGroups"] = _security_groups(call, body["VpcId"], call.params["SecurityGroups"], body["Type"])
    return {"SecurityGroupIds": body["SecurityGroups"]}


def set_ip_address_type(call: Call) -> Body:
    """Replace the address type."""
    elb = call.store(ElbRegion)
    body = elb.get("load_balancers", call.params["LoadBalancerArn"])
    body["IpAddressType"] = call.params["IpAddressType"]
    _follow_address_type(elb, body)
    return {"IpAddressType": body["IpAddressType"]}


def _follow_address_type(elb: ElbRegion, body: Body) -> None:
    attributes = elb.attributes[body["LoadBalancerArn"]]
    if body["IpAddressType"] == "ipv4" or body["Type"] == "gateway":
        attributes.pop(DENY_IPV6, None)
    else:
        attributes.setdefault(DENY_IPV6, "false")


def _show(elb: ElbRegion, body: Body) -> Body:
    code = "provisioning" if body["LoadBalancerArn"] in elb.provisioning else "active"
    return {**body, "State": {"Code": code}}


OPERATIONS: dict[str, Handler] = {
    "CreateLoadBalancer": create_load_balancer,
    "DeleteLoadBalancer": delete_load_balancer,
    "DescribeLoadBalancers": describe_load_balancers,
    "ModifyIpPools": modify_ip_pools,
    "SetIpAddressType": set_ip_address_type,
    "SetSecurityGroups": set_security_groups,
    "SetSubnets": set_subnets,
}
