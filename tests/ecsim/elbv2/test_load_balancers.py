"""Load balancers, listeners, rules, attributes and tags."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecsim.aws import Aws, refused

CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1"


def attributes(pairs: list[dict[str, str]]) -> dict[str, str]:
    """A list of attributes as a dict."""
    return {pair["Key"]: pair["Value"] for pair in pairs}


def test_a_load_balancer_is_provisioning_then_active(aws: Aws) -> None:
    """It has zones, VPC and default security group at once, and is active after some time."""
    arn = aws.load_balancer()
    found = aws.elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
    assert found["State"]["Code"] == "provisioning"
    assert (found["Scheme"], found["Type"], found["IpAddressType"]) == ("internet-facing", "application", "ipv4")
    assert found["VpcId"] == aws.network["vpc"]
    assert [zone["SubnetId"] for zone in found["AvailabilityZones"]] == aws.network["subnets"][:2]
    assert len(found["SecurityGroups"]) == 1
    assert found["DNSName"].endswith(".eu-central-1.elb.amazonaws.com")
    aws.simulator.advance(90)
    assert aws.elbv2.describe_load_balancers(Names=["web"])["LoadBalancers"][0]["State"]["Code"] == "active"


def test_an_equal_load_balancer_is_returned(aws: Aws) -> None:
    """Equal settings return the same load balancer. Other settings are DuplicateLoadBalancerName."""
    arn = aws.load_balancer()
    assert aws.load_balancer() == arn
    for members in ({"Scheme": "internal"}, {"Type": "network"}):
        with refused("DuplicateLoadBalancerName"):
            aws.load_balancer(**members)


def test_an_invalid_load_balancer_is_refused(aws: Aws) -> None:
    """One zone, an unknown subnet and an unknown security group are refused."""
    with refused("ValidationError", "At least two subnets in two different Availability Zones"):
        aws.load_balancer(Subnets=aws.network["subnets"][:1])
    with refused("SubnetNotFound"):
        aws.load_balancer(Subnets=["subnet-0", "subnet-1"])
    with refused("InvalidSecurityGroup"):
        aws.load_balancer(SecurityGroups=["sg-0"])
    with refused("LoadBalancerNotFound"):
        aws.elbv2.describe_load_balancers(Names=["ghost"])


def test_a_load_balancer_has_its_declared_addresses(aws: Aws) -> None:
    """They are described with their zones. Addresses that AWS chooses are not."""
    first, second = aws.network["subnets"][:2]
    mappings = [{"SubnetId": first, "PrivateIPv4Address": "172.31.0.9"}, {"SubnetId": second}]
    made = aws.elbv2.create_load_balancer(Name="net", Type="network", Scheme="internal", SubnetMappings=mappings)
    zones = made["LoadBalancers"][0]["AvailabilityZones"]
    assert [one["LoadBalancerAddresses"] for one in zones] == [[{"PrivateIPv4Address": "172.31.0.9"}], []]
    changed = aws.elbv2.set_subnets(LoadBalancerArn=made["LoadBalancers"][0]["LoadBalancerArn"], Subnets=[first])
    assert [one["LoadBalancerAddresses"] for one in changed["AvailabilityZones"]] == [[]]


def test_a_load_balancer_can_be_changed(aws: Aws) -> None:
    """SetSubnets, SetSecurityGroups and SetIpAddressType replace the value."""
    arn = aws.load_balancer()
    group = aws.ec2.create_security_group(GroupName="web", Description="web", VpcId=aws.network["vpc"])["GroupId"]
    aws.elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[group])
    aws.elbv2.set_subnets(LoadBalancerArn=arn, Subnets=aws.network["subnets"][1:3])
    aws.elbv2.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="dualstack")
    found = aws.elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
    assert found["SecurityGroups"] == [group]
    assert [zone["SubnetId"] for zone in found["AvailabilityZones"]] == aws.network["subnets"][1:3]
    assert found["IpAddressType"] == "dualstack"


def test_a_load_balancer_is_deleted_with_its_listeners_and_rules(aws: Aws) -> None:
    """Deletion protection prevents it. An unknown ARN is not an error. The target group is then free."""
    arn, group = aws.load_balancer(), aws.target_group()
    listener = aws.listener(arn, group)
    protection = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protection)
    with refused("OperationNotPermitted"):
        aws.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    protection[0]["Value"] = "false"
    aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protection)
    aws.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    aws.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    with refused("ListenerNotFound"):
        aws.elbv2.describe_listeners(ListenerArns=[listener])
    aws.elbv2.delete_target_group(TargetGroupArn=group)


def test_attributes_have_all_keys_of_aws(aws: Aws) -> None:
    """All keys are present from the start, as strings. An unknown key is refused."""
    balancer, group = aws.load_balancer(), aws.target_group()
    listener = aws.listener(balancer, group)
    of_balancer = attributes(aws.elbv2.describe_load_balancer_attributes(LoadBalancerArn=balancer)["Attributes"])
    assert len(of_balancer) == 22
    assert of_balancer["idle_timeout.timeout_seconds"] == "60"
    of_group = attributes(aws.elbv2.describe_target_group_attributes(TargetGroupArn=group)["Attributes"])
    assert len(of_group) == 14
    assert of_group["deregistration_delay.timeout_seconds"] == "300"
    of_listener = attributes(aws.elbv2.describe_listener_attributes(ListenerArn=listener)["Attributes"])
    assert of_listener["routing.http.response.server.enabled"] == "true"
    changed = [{"Key": "idle_timeout.timeout_seconds", "Value": "120"}]
    answer = aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=changed)
    assert attributes(answer["Attributes"])["idle_timeout.timeout_seconds"] == "120"
    with refused("InvalidConfigurationRequest"):
        aws.elbv2.modify_load_balancer_attributes(
            LoadBalancerArn=balancer, Attributes=[{"Key": "nonsense", "Value": "1"}]
        )
    network = aws.load_balancer("tcp", Type="network")
    of_network = attributes(aws.elbv2.describe_load_balancer_attributes(LoadBalancerArn=network)["Attributes"])
    assert of_network["load_balancing.cross_zone.enabled"] == "false"


def test_a_forward_is_returned_in_both_forms(aws: Aws) -> None:
    """One target group is in TargetGroupArn and ForwardConfig; several are only in ForwardConfig."""
    balancer, blue, green = aws.load_balancer(), aws.target_group("blue"), aws.target_group("green")
    listener = aws.listener(balancer, blue)
    action = aws.elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"][0]
    assert action == {
        "Type": "forward",
        "TargetGroupArn": blue,
        "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": blue, "Weight": 1}],
            "TargetGroupStickinessConfig": {"Enabled": False},
        },
    }
    both = [{"TargetGroupArn": blue, "Weight": 100}, {"TargetGroupArn": green, "Weight": 0}]
    forward = [{"Type": "forward", "ForwardConfig": {"TargetGroups": both}}]
    action = aws.elbv2.modify_listener(ListenerArn=listener, DefaultActions=forward)["Listeners"][0]["DefaultActions"][
        0
    ]
    assert "TargetGroupArn" not in action
    assert action["ForwardConfig"]["TargetGroups"] == both
    default = aws.elbv2.describe_rules(ListenerArn=listener)["Rules"][-1]
    assert (default["Priority"], default["IsDefault"], default["Actions"]) == ("default", True, [action])


def test_a_network_listener_takes_weights_of_groups_that_are_alike(aws: Aws) -> None:
    """A single group has no weight; groups of two protocols are refused, and a gateway takes one group."""
    balancer = aws.load_balancer(Type="network")
    groups = [aws.target_group(name, Protocol="TCP") for name in ("blue", "green")]
    listener = aws.listener(balancer, groups[0], Protocol="TCP")
    (action,) = aws.elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
    assert action["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": groups[0]}]
    both = [{"TargetGroupArn": groups[0], "Weight": 100}, {"TargetGroupArn": groups[1], "Weight": 0}]
    forward = [{"Type": "forward", "ForwardConfig": {"TargetGroups": both}}]
    aws.elbv2.modify_listener(ListenerArn=listener, DefaultActions=forward)
    (action,) = aws.elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
    assert action["ForwardConfig"]["TargetGroups"] == both
    other = aws.target_group("other", Protocol="TCP_UDP")
    mixed = [{"Type": "forward", "ForwardConfig": {"TargetGroups": [*both, {"TargetGroupArn": other}]}}]
    with refused("InvalidConfigurationRequest", "the same Protocol"):
        aws.elbv2.modify_listener(ListenerArn=listener, DefaultActions=mixed)
    gateway = aws.load_balancer("gateway", Type="gateway")
    with refused("ValidationError", "forwards to one target group"):
        aws.elbv2.create_listener(LoadBalancerArn=gateway, DefaultActions=forward)


def test_a_redirect_gets_defaults(aws: Aws) -> None:
    """Host, path, port, protocol and query default to those of the request."""
    listener = aws.listener(
        aws.load_balancer(),
        aws.target_group(),
        DefaultActions=[{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "StatusCode": "HTTP_301"}}],
    )
    action = aws.elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"][0]
    assert action["RedirectConfig"] == {
        "Protocol": "HTTPS",
        "StatusCode": "HTTP_301",
        "Host": "#{host}",
        "Path": "/#{path}",
        "Port": "#{port}",
        "Query": "#{query}",
    }


def test_a_port_has_one_listener(aws: Aws) -> None:
    """An equal listener is returned. Another one on its port is DuplicateListener."""
    balancer, group = aws.load_balancer(), aws.target_group()
    listener = aws.listener(balancer, group)
    assert aws.listener(balancer, group) == listener
    with refused("DuplicateListener"):
        aws.listener(balancer, aws.target_group("other"))
    with refused("TargetGroupNotFound"):
        aws.listener(balancer, group + "0", port=81)
    with refused("TargetGroupAssociationLimit"):
        aws.listener(aws.load_balancer("second"), group)


def test_https_has_a_certificate_and_a_policy(aws: Aws) -> None:
    """Policy and mutual authentication have defaults. Certificates can be added to the default one."""
    balancer, group = aws.load_balancer(), aws.target_group()
    with refused("ValidationError", "certificate must be specified"):
        aws.listener(balancer, group, 443, Protocol="HTTPS")
    arn = aws.listener(balancer, group, 443, Protocol="HTTPS", Certificates=[{"CertificateArn": CERTIFICATE}])
    found = aws.elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]
    assert found["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    assert found["MutualAuthentication"] == {"Mode": "off"}
    more = [{"CertificateArn": CERTIFICATE + "1"}]
    aws.elbv2.add_listener_certificates(ListenerArn=arn, Certificates=more)

    def certificates() -> list[tuple[str, bool]]:
        shown = aws.elbv2.describe_listener_certificates(ListenerArn=arn)["Certificates"]
        return [(certificate["CertificateArn"], certificate["IsDefault"]) for certificate in shown]

    assert certificates() == [(CERTIFICATE, True), (CERTIFICATE + "1", False)]
    aws.elbv2.remove_listener_certificates(ListenerArn=arn, Certificates=more)
    assert certificates() == [(CERTIFICATE, True)]


def rule(aws: Aws, listener: str, group: str, priority: int, **members: Any) -> str:
    """Create a rule by path and return its ARN."""
    body = {
        "ListenerArn": listener,
        "Priority": priority,
        "Conditions": [{"Field": "path-pattern", "Values": [f"/{priority}/*"]}],
        "Actions": [{"Type": "forward", "TargetGroupArn": group}],
        **members,
    }
    return str(aws.elbv2.create_rule(**body)["Rules"][0]["RuleArn"])


def test_rules_are_listed_by_priority_and_a_priority_is_unique(aws: Aws) -> None:
    """The default rule is the last, and can be neither moved nor deleted."""
    group = aws.target_group()
    listener = aws.listener(aws.load_balancer(), group)
    second, first = rule(aws, listener, group, 20), rule(aws, listener, group, 10)
    shown = aws.elbv2.describe_rules(ListenerArn=listener)["Rules"]
    assert [found["Priority"] for found in shown] == ["10", "20", "default"]
    with refused("PriorityInUse"):
        rule(aws, listener, group, 10)
    swap = [{"RuleArn": first, "Priority": 20}, {"RuleArn": second, "Priority": 10}]
    aws.elbv2.set_rule_priorities(RulePriorities=swap)
    assert aws.elbv2.describe_rules(ListenerArn=listener)["Rules"][0]["RuleArn"] == second
    with refused("PriorityInUse"):
        aws.elbv2.set_rule_priorities(RulePriorities=[{"RuleArn": first, "Priority": 10}])
    with refused("OperationNotPermitted"):
        aws.elbv2.delete_rule(RuleArn=shown[-1]["RuleArn"])
    aws.elbv2.delete_rule(RuleArn=first)
    with refused("RuleNotFound"):
        aws.elbv2.delete_rule(RuleArn=first)


def test_conditions_are_returned_in_both_forms_and_another_order(aws: Aws) -> None:
    """Path and host are in `Values` and in their config. Other conditions have empty `Values`."""
    group = aws.target_group()
    listener = aws.listener(aws.load_balancer(), group)
    conditions: list[dict[str, Any]] = [
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["b.example.com", "a.example.com"]}},
        {"Field": "path-pattern", "Values": ["/v2/*", "/api/*"]},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["1"]}},
    ]
    arn = rule(aws, listener, group, 10, Conditions=conditions)
    shown = aws.elbv2.describe_rules(RuleArns=[arn])["Rules"][0]["Conditions"]
    assert [condition["Field"] for condition in shown] != [condition["Field"] for condition in conditions]
    by_field = {condition["Field"]: condition for condition in shown}
    hosts = ["b.example.com", "a.example.com"]
    assert by_field["host-header"] == {
        "Field": "host-header",
        "Values": hosts,
        "HostHeaderConfig": {"Values": hosts},
    }
    assert sorted(by_field["path-pattern"]["Values"]) == ["/api/*", "/v2/*"]
    assert by_field["path-pattern"]["PathPatternConfig"]["Values"] == by_field["path-pattern"]["Values"]
    assert by_field["http-header"]["Values"] == []


def test_a_rule_can_be_changed(aws: Aws) -> None:
    """ModifyRule replaces the members in the request. A target group that no rule uses is free."""
    blue, green = aws.target_group("blue"), aws.target_group("green")
    listener = aws.listener(aws.load_balancer(), blue)
    arn = rule(aws, listener, green, 10)
    aws.elbv2.modify_rule(RuleArn=arn, Actions=[{"Type": "forward", "TargetGroupArn": blue}])
    found = aws.elbv2.describe_rules(RuleArns=[arn])["Rules"][0]
    assert found["Conditions"][0]["Values"] == ["/10/*"]
    assert found["Actions"][0]["TargetGroupArn"] == blue
    aws.elbv2.delete_target_group(TargetGroupArn=green)


def test_tags_of_up_to_twenty_resources_are_described(aws: Aws) -> None:
    """Load balancers, listeners, rules and target groups have tags. 21 ARNs are refused."""
    balancer, group = aws.load_balancer(), aws.target_group(Tags=[{"Key": "a", "Value": "b"}])
    listener = aws.listener(balancer, group)
    arns = [balancer, group, listener, rule(aws, listener, group, 10)]
    aws.elbv2.add_tags(ResourceArns=arns, Tags=[{"Key": "team", "Value": "web"}])
    aws.elbv2.remove_tags(ResourceArns=[group], TagKeys=["a"])
    described = aws.elbv2.describe_tags(ResourceArns=arns)["TagDescriptions"]
    assert [found["Tags"] for found in described] == [[{"Key": "team", "Value": "web"}]] * 4
    with refused("ValidationError"):
        aws.elbv2.describe_tags(ResourceArns=[balancer] * 21)


@pytest.mark.parametrize("operation", ["describe_load_balancers", "describe_listeners", "describe_rules"])
def test_everything_comes_in_pages(aws: Aws, operation: str) -> None:
    """Each Describe operation has PageSize and Marker."""
    group, balancer = aws.target_group(), aws.load_balancer()
    listener = aws.listener(balancer, group)
    aws.listener(balancer, group, 81)
    aws.load_balancer("second")
    rule(aws, listener, group, 10)
    asked = {"describe_listeners": {"LoadBalancerArn": balancer}, "describe_rules": {"ListenerArn": listener}}
    call = getattr(aws.elbv2, operation)
    first = call(PageSize=1, **asked.get(operation, {}))
    second = call(PageSize=1, Marker=first["NextMarker"], **asked.get(operation, {}))
    assert "NextMarker" not in second
    assert first != second


def test_the_prefix_and_the_pool_of_a_load_balancer_can_be_changed(aws: Aws) -> None:
    """SetSubnets keeps the prefix if it does not name it. ModifyIpPools replaces or removes the pool."""
    arn = aws.load_balancer()
    subnets = aws.network["subnets"]
    aws.elbv2.set_subnets(LoadBalancerArn=arn, Subnets=subnets[:2], EnablePrefixForIpv6SourceNat="on")
    aws.elbv2.set_subnets(LoadBalancerArn=arn, Subnets=subnets[1:3])
    aws.elbv2.modify_ip_pools(LoadBalancerArn=arn, IpamPools={"Ipv4IpamPoolId": "ipam-pool-1"})
    (shown,) = aws.elbv2.describe_load_balancers()["LoadBalancers"]
    assert (shown["EnablePrefixForIpv6SourceNat"], shown["IpamPools"]) == ("on", {"Ipv4IpamPoolId": "ipam-pool-1"})
    aws.elbv2.modify_ip_pools(LoadBalancerArn=arn, RemoveIpamPools=["ipv4"])
    assert "IpamPools" not in aws.elbv2.describe_load_balancers()["LoadBalancers"][0]
