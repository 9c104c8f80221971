"""Read the load balancers, listeners and rules in front of a cluster's target groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ecsync.core.ports import AwsError
from ecsync.core.trees import Body, Json
from ecsync.importer import display_names, routing
from ecsync.importer.reads import Collector
from ecsync.importer.references import ATTRIBUTES, DEFAULT_OF, DEFAULT_RULE, places, read_body
from ecsync.importer.routing import Routing

# Who shifts the traffic of a service, by the type of its deployment controller. ECS itself is not in the table.
_TRAFFIC_SHIFTERS = {"CODE_DEPLOY": "CodeDeploy", "EXTERNAL": "an external deployment controller"}


def read_load_balancing(collector: Collector) -> None:
    """Read what forwards to the target groups that the survey holds by now."""
    groups = collector.survey.of_kind("TargetGroup")
    group_arns = {str(group.present.outputs["arn"]) for group in groups}
    balancer_arns = sorted({str(arn) for group in groups for arn in group.present.facts.get("loadBalancers") or ()})
    balancers = collector.read("LoadBalancer", _balancer_bodies(collector, balancer_arns))
    if not balancer_arns or not {"Listener", "ListenerRule"} <= collector.kinds.keys():
        return
    routes, shared = routing.of_cluster(_describe_routing(collector, balancer_arns), group_arns, collector.kinds)
    _read_other_target_groups(collector, routes, group_arns)
    collector.read("Listener", [_listener_body(listener) for listener in routes.listeners])
    rules = [_rule_body(arn, rule) for arn, rules in routes.rules.items() for rule in rules]
    collector.read("ListenerRule", rules)
    _name_default_rules(collector)
    _leave_shifted_traffic(collector)
    for balancer in balancers:
        if balancer.present.outputs["arn"] in shared:
            text = "is shared: listeners and rules that do not forward to this cluster are left out"
            collector.add_note(balancer.key, text)


def _balancer_bodies(collector: Collector, arns: Sequence[str]) -> list[Body]:
    bodies = [(arn, read_body(collector.kinds["LoadBalancer"], arn)) for arn in arns]
    return [{**body, **_subnet_mappings(collector, arn)} for arn, body in bodies if body]


def _subnet_mappings(collector: Collector, arn: str) -> Body:
    """Return the subnet mappings that the read of a load balancer needs where it has addresses of its own."""
    try:
        balancers = collector.reader.pages("elbv2", "DescribeLoadBalancers", "LoadBalancers")
        return next((routing.subnet_mappings(one) for one in balancers if one["LoadBalancerArn"] == arn), {})
    except AwsError:  # the read of the load balancer fails in the same way, and adds the gap
        return {}


def _describe_routing(collector: Collector, balancer_arns: Sequence[str]) -> Routing:
    """List all listeners and rules of these load balancers."""
    listeners: list[Body] = []
    rules: dict[str, tuple[Body, ...]] = {}
    incomplete = set()
    for arn in balancer_arns:
        what = f"the listeners of LoadBalancer {display_names.balancer(arn)}"
        listeners += collector.list_all(what, "elbv2", "DescribeListeners", "Listeners", LoadBalancerArn=arn)
    for listener in listeners:
        arn, gaps_before = str(listener["ListenerArn"]), len(collector.survey.gaps)
        what = f"the rules of Listener {display_names.listener(listener)}"
        described = collector.list_all(what, "elbv2", "DescribeRules", "Rules", ListenerArn=arn)
        rules[arn] = tuple(rule for rule in described if not rule.get("IsDefault"))
        if len(collector.survey.gaps) > gaps_before:
            incomplete.add(str(listener["LoadBalancerArn"]))
    return Routing(listeners=tuple(listeners), rules=rules, incomplete=frozenset(incomplete))


def _read_other_target_groups(collector: Collector, routes: Routing, group_arns: set[str]) -> None:
    """Read the target groups that the cluster's listeners and rules forward to beside those of its services."""
    forwarded = (routing.target_groups(collector.kinds[kind], body) for kind, body in routes.everything())
    others = sorted(frozenset().union(*forwarded) - group_arns)
    bodies = [read_body(collector.kinds["TargetGroup"], arn) or {} for arn in others]
    collector.read("TargetGroup", bodies, lookup_reason="no service of this cluster registers tasks in it")


def _name_default_rules(collector: Collector) -> None:
    """Add the default rule to the outputs of each listener of which a service names it."""
    services, kind = collector.survey.of_kind("Service"), collector.kinds["Service"]
    named = {value for one in services for row, _, _, value in places(kind, one.present.body) if row.kind == DEFAULT_OF}
    named -= {str(rule.present.outputs["arn"]) for rule in collector.survey.of_kind(DEFAULT_OF)}
    for listener in collector.survey.of_kind("Listener") if named else ():
        try:
            found = collector.kinds["Listener"].asked[DEFAULT_RULE].read(collector.reader, listener.present)
        except AwsError as failure:
            collector.add_gap(display_names.listener(listener.present.body), failure, left_out=False)
            continue
        if found in named:
            present = replace(listener.present, outputs={**listener.present.outputs, DEFAULT_RULE: str(found)})
            collector.survey.resources[listener.key] = replace(listener, present=present)


def _leave_shifted_traffic(collector: Collector) -> None:
    """Make listeners and rules read-only where another deployment controller shifts the traffic behind them."""
    reason_by_group: dict[str, str] = {}
    for service in collector.survey.of_kind("Service"):
        controller = (service.present.body.get("deploymentController") or {}).get("type", "ECS")
        shifter = _TRAFFIC_SHIFTERS.get(controller)
        for load_balancer in service.present.body.get("loadBalancers") or () if shifter else ():
            reason = f"{shifter} shifts the traffic of service {service.present.outputs['name']}"
            reason_by_group[str(load_balancer.get("targetGroupArn"))] = reason
    for resource in [*collector.survey.of_kind("Listener"), *collector.survey.of_kind("ListenerRule")]:
        groups = routing.target_groups(collector.kinds[resource.key.kind], resource.present.body)
        shifted = groups & reason_by_group.keys()
        if shifted and resource.managed:
            read_only = replace(resource, managed=False, reason=reason_by_group[min(shifted)])
            collector.survey.resources[resource.key] = read_only


def _listener_body(described: Body) -> Body:
    """Return what a listener's read needs: with two certificates in its body, it lists all of its certificates."""
    certificates: Json = list(described.get("Certificates") or ()) * 2
    more = {"Certificates": certificates} if certificates else {}
    return {"LoadBalancerArn": described["LoadBalancerArn"], "Port": described.get("Port"), **more, **ATTRIBUTES}


def _rule_body(listener_arn: str, described: Body) -> Body:
    return {"ListenerArn": listener_arn, "Priority": int(described["Priority"])}
