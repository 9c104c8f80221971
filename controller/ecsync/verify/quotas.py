"""Quotas: what the manifests add, together with what is there, stays below them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from ecsync.core.model import Key
from ecsync.core.ports import AwsError
from ecsync.core.trees import Body, Json
from ecsync.verify.ask import Ask, refusal
from ecsync.verify.model import Check, Document, Finding, Scope, is_known, on_fargate, task_of

CHECK = Check("quotas")
_ASK_MORE = "ask for a higher quota (Service Quotas), or declare fewer"
_BALANCERS = {"application": "application-load-balancers", "network": "network-load-balancers"}
_SERVICES = "L-9EF96962"  # ECS Developer Guide, Service quotas: Services per cluster
_VCPU = "L-3032A538"  # the same: Fargate On-Demand vCPU resource count
_UNITS = 1024  # CPU units of one vCPU


def quotas(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield a finding for each quota that an apply would use more of."""
    yield from _of_region(scope, ask)
    yield from _of_balancers(scope, ask)
    yield from _of_clusters(scope, ask)
    yield from _of_fargate(scope, ask)


def _of_region(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield findings about the target groups and the load balancers of the Region."""
    yield from _compared(ask, _added(scope, "TargetGroup"), "target-groups", partial(_target_groups, ask))
    for of, name in _BALANCERS.items():
        added = [one for one in _added(scope, "LoadBalancer") if _type(one) == of]
        yield from _compared(ask, added, name, partial(_balancers, ask, of))


def _of_balancers(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield findings about the listeners of each load balancer, and about its rules."""
    listeners: dict[Key, list[Document]] = {}
    rules: dict[Key, list[Document]] = {}
    for listener in _added(scope, "Listener"):
        balancer = scope.declared("LoadBalancer", listener.get("LoadBalancerArn"))
        if balancer is not None:
            listeners.setdefault(balancer.key, []).append(listener)
    for rule in _added(scope, "ListenerRule"):
        of = scope.declared("Listener", rule.get("ListenerArn"))
        balancer = scope.declared("LoadBalancer", of.get("LoadBalancerArn")) if of is not None else None
        if balancer is not None:
            rules.setdefault(balancer.key, []).append(rule)
    for balancer in scope.of_kind("LoadBalancer"):
        arn = str(balancer.live.outputs.get("arn", "")) if balancer.live is not None else ""
        name, key = _type(balancer), balancer.key
        of_listeners = f"listeners-per-{name}-load-balancer"
        yield from _compared(ask, listeners.get(key, []), of_listeners, partial(_count_listeners, ask, arn), key)
        of_rules = f"rules-per-{name}-load-balancer"
        yield from _compared(ask, rules.get(key, []), of_rules, partial(_count_rules, ask, arn), key)


def _of_clusters(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield findings about the services of each cluster."""
    services: dict[str, list[Document]] = {}
    for service in _added(scope, "Service"):
        cluster = service.get("cluster")
        services.setdefault(str(cluster) if is_known(cluster) else "", []).append(service)
    for cluster, added in services.items():
        try:
            allowed = _allowed_by_code(ask, "ecs", _SERVICES)
            used = _services(ask, cluster) if cluster else 0
        except AwsError as error:
            yield CHECK.refused(added[0].place(), "services per cluster", refusal(error))
            continue
        yield _judged(added, "services per cluster", used, allowed)


def _of_fargate(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield a finding about the vCPUs of all declared services: without those of other tasks in the account."""
    wanted = 0.0
    largest: tuple[float, Document] | None = None
    for service in scope.of_kind("Service"):
        task = task_of(scope, service) if on_fargate(scope, service) and not _on_spot(service) else None
        count, cpu = service.get("desiredCount"), _vcpu(task.get("cpu")) if task is not None else 0.0
        if not cpu or not isinstance(count, int):
            continue
        wanted += count * cpu
        if largest is None or count * cpu > largest[0]:
            largest = count * cpu, service
    if largest is None:
        return
    place, subject = largest[1].place("desiredCount"), "vCPUs of Fargate"
    try:
        allowed = _allowed_by_code(ask, "fargate", _VCPU)
    except AwsError as error:
        yield CHECK.refused(place, subject, refusal(error))
        return
    if allowed is None:
        yield CHECK.unchecked(place, subject, "Service Quotas lists no such quota")
    elif wanted > allowed:
        message = f"the declared services need {wanted:g} vCPUs, and the quota is {allowed:g}"
        yield CHECK.failed(place, subject, message, _ASK_MORE)
    else:
        yield CHECK.passed(place, subject, f"the declared services need {wanted:g} of {allowed:g} vCPUs")


def _on_spot(service: Document) -> bool:
    strategy = service.get("capacityProviderStrategy") or ()
    return any(isinstance(one, Mapping) and one.get("capacityProvider") == "FARGATE_SPOT" for one in strategy)


def _vcpu(text: Json) -> float:
    """Return the vCPUs of a task: `256`, `0.25 vCPU`."""
    plain = str(text).lower().replace("vcpu", "").strip()
    try:
        return float(plain) / (1 if "vcpu" in str(text).lower() else _UNITS)
    except ValueError:
        return 0.0


def _added(scope: Scope, kind: str) -> list[Document]:
    return [document for document in scope.of_kind(kind) if document.added]


def _type(balancer: Document) -> str:
    return str(balancer.get("Type") or "application")


def _compared(
    ask: Ask, added: Sequence[Document], name: str, count: Callable[[], int], of: Key | None = None
) -> Iterator[Finding]:
    """Yield the finding about a quota of Elastic Load Balancing, if something is added."""
    if not added:
        return
    subject = f"{name} ({of})" if of is not None else name
    try:
        limits = {one["Name"]: one["Max"] for one in ask.items("elbv2", "DescribeAccountLimits", "Limits")}
        used = count()
    except AwsError as error:
        yield CHECK.refused(added[0].place(), subject, refusal(error))
        return
    yield _judged(added, subject, used, float(limits[name]) if name in limits else None)


def _judged(added: Sequence[Document], subject: str, used: int, allowed: float | None) -> Finding:
    """Return the finding about a quota, at the first document that is beyond it."""
    if allowed is None:
        return CHECK.unchecked(added[0].place(), subject, "AWS lists no such quota")
    counts = f"{used} there, {len(added)} added, quota {allowed:g}"
    if used + len(added) <= allowed:
        return CHECK.passed(added[0].place(), subject, counts)
    first = added[max(0, min(len(added) - 1, int(allowed) - used))]
    return CHECK.failed(first.place(), subject, f"the quota is exceeded: {counts}", _ASK_MORE)


def _allowed_by_code(ask: Ask, service: str, code: str) -> float | None:
    listed = ask.items("service-quotas", "ListServiceQuotas", "Quotas", ServiceCode=service)
    return next((float(one["Value"]) for one in listed if one.get("QuotaCode") == code), None)


def _target_groups(ask: Ask) -> int:
    return len(ask.items("elbv2", "DescribeTargetGroups", "TargetGroups"))


def _balancers(ask: Ask, of: str) -> int:
    return sum(one.get("Type") == of for one in ask.items("elbv2", "DescribeLoadBalancers", "LoadBalancers"))


def _listeners(ask: Ask, balancer: str) -> Sequence[Body]:
    return ask.items("elbv2", "DescribeListeners", "Listeners", LoadBalancerArn=balancer) if balancer else ()


def _count_listeners(ask: Ask, balancer: str) -> int:
    return len(_listeners(ask, balancer))


def _count_rules(ask: Ask, balancer: str) -> int:
    """Return the number of rules without those of default actions: ELB User Guide, Quotas, does not count them."""
    return sum(
        not rule.get("IsDefault")
        for listener in _listeners(ask, balancer)
        for rule in ask.items("elbv2", "DescribeRules", "Rules", ListenerArn=listener["ListenerArn"])
    )


def _services(ask: Ask, cluster: str) -> int:
    described = ask.call("ecs", "DescribeClusters", clusters=[cluster]).get("clusters") or ()
    return sum(int(one.get("activeServicesCount") or 0) for one in described)
