"""Read a live cluster and everything that its services touch; the only impure part of an import."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ecsync.core.model import Absent
from ecsync.core.ports import AwsError, Reader
from ecsync.core.trees import Body, Json
from ecsync.core.wording import suggestion
from ecsync.importer import display_names, gaps
from ecsync.importer.model import Item, Known, NoCluster, Note, Survey
from ecsync.importer.reads import Finding
from ecsync.importer.references import ATTRIBUTES, NAMED, Routes, addressed, chosen, forwards, leads
from ecsync.importer.snapshot_reader import SnapshotReader

__all__ = ["Item", "Known", "NoCluster", "Note", "Survey", "survey"]

_SCALING = "application-autoscaling"
_DIMENSION = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
_CHILDREN = (
    ("ScalingPolicy", "DescribeScalingPolicies", "ScalingPolicies", "PolicyName", "scaling policies"),
    ("ScheduledAction", "DescribeScheduledActions", "ScheduledActions", "ScheduledActionName", "scheduled actions"),
)
# Found on the way, and never written by an import: they belong to more than the cluster.
_LOOKED_UP = frozenset({"AutoScalingGroup", "Role"})
# Who else deploys services, by the type of the deployment controller.
_SHIFTERS = {"CODE_DEPLOY": "CodeDeploy", "EXTERNAL": "an external deployment controller"}
# What services are read without where it fails, and what is then not known of them.
_BESIDE = {
    "DescribeScalableTargets": "the scaling of services",
    "DescribeServiceRevisions": "the monitoring and gateway connectors of services",
}
# With these in a service's body, it is read as far as AWS tells of it.
_ON_REVISION: Body = {"monitoring": None, "gatewayConnectors": None}


def survey(reader: Reader, cluster: str, known: Known) -> Survey:
    """Read a cluster, as far as it can be read. Raises NoCluster, and AwsError for lost credentials."""
    walk = _Walk(SnapshotReader(reader), known)
    walk.cluster(cluster)
    walk.services(cluster)
    walk.task_definitions()
    walk.follow("Cluster", "Service", "TaskDefinition")
    walk.load_balancing()
    walk.scaling()
    walk.follow("CapacityProvider", "TargetGroup", "LoadBalancer", "Listener", "ListenerRule")
    return walk.found


class _Walk(Finding):
    """One layer after the other: each tells what the next is to read."""

    def cluster(self, name: str) -> None:
        self.read("Cluster", [{"clusterName": name}])
        if any(isinstance(observed, Absent) for observed in self.world.values()):
            target = self.known.target
            place = f"{target.account or 'this account'}/{target.region}"
            raise NoCluster(f"there is no cluster {name!r} in {place}{self._clusters(name)}")

    def _clusters(self, name: str) -> str:
        try:
            arns = self.reader.pages("ecs", "ListClusters", "clusterArns")
            return suggestion(name, [str(arn).rsplit("/", 1)[-1] for arn in arns])
        except AwsError:
            return "; `aws ecs list-clusters` names those that there are"

    def services(self, cluster: str) -> None:
        arns = self.listed("the list of services", "ecs", "ListServices", "serviceArns", cluster=cluster)
        named = sorted(str(arn).rsplit("/", 1)[-1] for arn in arns)
        self.reader.optional = frozenset(_BESIDE)
        read = self.read("Service", [{"cluster": cluster, "serviceName": name, **_ON_REVISION} for name in named])
        self.reader.optional = frozenset()
        for operation, failure in self.reader.failed.items():
            self.found.gaps.append(gaps.unread(_BESIDE[operation], failure))
        for item in read:
            if item.present.facts.get("status") != "ACTIVE":
                self.note(item.key, "is being deleted, and was left out")
                del self.found.items[item.key]
            elif item.present.facts.get("deployments") and not item.present.facts.get("steady"):
                self.note(item.key, "is not steady: what was written is what its newest deployment is to be")

    def task_definitions(self) -> None:
        """Read the revisions that services run; of several of a family, the newest that is registered is written."""
        families: dict[str, set[str]] = defaultdict(set)
        for service in self.found.of("Service"):
            arn = str(service.present.body.get("taskDefinition") or "")
            if arn:
                families[arn.rsplit("/", 1)[-1].rsplit(":", 1)[0]].add(arn)
        bodies = [body for family, arns in sorted(families.items()) if (body := self._definition(family, arns))]
        self.read("TaskDefinition", bodies)

    def _definition(self, family: str, arns: Iterable[str]) -> Body | None:
        key = self.key("TaskDefinition", family)
        newest_first = sorted(arns, key=lambda arn: int(arn.rsplit(":", 1)[-1]), reverse=True)
        found, gone = None, []
        for arn in newest_first:
            revision = self._registered(arn)
            if revision is None:
                return None
            found = revision or found
            if found:
                break
            gone.append(arn.rsplit("/", 1)[-1])
        if gone:
            self.note(key, f"runs as {', '.join(gone)}, deregistered: services name it, and it is not written")
        if found and len(newest_first) > 1 + len(gone):
            self.note(key, f"runs in {len(newest_first)} revisions: the newest is written, the others are named")
        return found or None

    def _registered(self, arn: str) -> Body | None:
        """Return a revision as it was registered, empty where it is not any more, and None where nobody tells."""
        try:
            described = self.reader.cached("ecs", "DescribeTaskDefinition", taskDefinition=arn, include=["TAGS"])
        except AwsError as failure:
            if failure.kind == "missing":
                return {}
            self.missed(f"TaskDefinition {arn.rsplit('/', 1)[-1]}", failure)
            return None
        revision = described["taskDefinition"]
        return self.fit("TaskDefinition", revision) if revision.get("status", "ACTIVE") == "ACTIVE" else {}

    def follow(self, *kinds: str) -> None:
        """Read what the documents so far refer to by name or ARN."""
        found: dict[str, list[Body]] = {name: [] for name in NAMED}
        for name in kinds:
            for item in self.found.of(name):
                for other, body in leads(self.kinds[name], item.present.body):
                    found[other].append(body)
        self.reader.expect_log_groups(str(body["logGroupName"]) for body in found["LogGroup"])
        for name, bodies in found.items():
            self.read(name, bodies, whole=name not in _LOOKED_UP)

    def load_balancing(self) -> None:
        groups = self.found.of("TargetGroup")
        ours = {str(item.present.outputs["arn"]) for item in groups}
        arns = sorted({str(arn) for item in groups for arn in item.present.facts.get("loadBalancers") or ()})
        balancers = self.read("LoadBalancer", [{**body, **self._addresses(arn)} for arn, body in _named(arns)])
        listener, rule = self.kinds.get("Listener"), self.kinds.get("ListenerRule")
        if not arns or listener is None or rule is None:
            return
        routes, shared = chosen(self._routes(arns), ours, listener, rule)
        every = [body for one in routes.listeners for body in (one, *routes.rules[one["ListenerArn"]])]
        beyond = sorted(frozenset().union(*(forwards(listener, one) | forwards(rule, one) for one in every)) - ours)
        lookup = "no service of this cluster registers its tasks with it"
        self.read("TargetGroup", [NAMED["TargetGroup"](arn) or {} for arn in beyond], looked_up=lookup)
        self.read("Listener", [_listener(one) for one in routes.listeners])
        self.read("ListenerRule", [_rule(one, each) for one in routes.rules for each in routes.rules[one]])
        self._leave_traffic()
        for item in balancers:
            if item.present.outputs["arn"] in shared:
                self.note(item.key, "also forwards to target groups that no service of this cluster uses")

    def _leave_traffic(self) -> None:
        """Leave alone what forwards to a service that another controller deploys: it moves the traffic."""
        moved: dict[str, str] = {}
        for service in self.found.of("Service"):
            by = _SHIFTERS.get((service.present.body.get("deploymentController") or {}).get("type", "ECS"))
            for one in service.present.body.get("loadBalancers") or () if by else ():
                why = f"{by} moves the traffic of service {service.present.outputs['name']}"
                moved[str(one.get("targetGroupArn"))] = why
        for item in [*self.found.of("Listener"), *self.found.of("ListenerRule")]:
            there = forwards(self.kinds[item.key.kind], item.present.body) & moved.keys()
            if there and item.managed:
                self.found.items[item.key] = replace(item, managed=False, why=moved[min(there)])

    def _addresses(self, balancer: str) -> Body:
        """Return the subnets of a load balancer that has addresses of its own in them, as its read needs them."""
        try:
            every = self.reader.pages("elbv2", "DescribeLoadBalancers", "LoadBalancers")
            return next((addressed(one) for one in every if one["LoadBalancerArn"] == balancer), {})
        except AwsError:  # its read fails in the same way, and tells
            return {}

    def _routes(self, balancers: Sequence[str]) -> Routes:
        listeners: list[Body] = []
        rules: dict[str, tuple[Body, ...]] = {}
        unknown = set()
        for balancer in balancers:
            what = f"the listeners of LoadBalancer {display_names.balancer(balancer)}"
            listeners += self.listed(what, "elbv2", "DescribeListeners", "Listeners", LoadBalancerArn=balancer)
        for one in listeners:
            arn, before = str(one["ListenerArn"]), len(self.found.gaps)
            what = f"the rules of Listener {display_names.listener(one)}"
            every = self.listed(what, "elbv2", "DescribeRules", "Rules", ListenerArn=arn)
            rules[arn] = tuple(each for each in every if not each.get("IsDefault"))
            if len(self.found.gaps) > before:
                unknown.add(str(one["LoadBalancerArn"]))
        return Routes(listeners=tuple(listeners), rules=rules, unknown=frozenset(unknown))

    def scaling(self) -> None:
        scaled = [item for item in self.found.of("Service") if item.present.facts.get("scalableTarget")]
        ids = [f"service/{item.key.name}" for item in scaled]
        if not ids or "ScalableTarget" not in self.kinds:
            return
        self.reader.wide = len(ids) > 1
        read = self.read("ScalableTarget", [{**_DIMENSION, "ResourceId": one} for one in ids])
        targets = {str(target.present.outputs["resourceId"]): target for target in read}
        for target in read:
            if target.present.facts.get("scheduledActions"):
                self.note(target.key, "has scheduled actions: its bounds are written as they are now, maybe set by one")
        for kind, operation, result, member, what in _CHILDREN:
            listed = [(one, f"the {what} of {display_names.scaled(one)}") for one in targets]
            self.read(kind, [child for one in listed for child in self._children(operation, result, member, *one)])
            for child in self.found.of(kind):
                parent = targets[child.present.body["ResourceId"]]
                if not parent.managed:  # a child has no mark of its own
                    self.found.items[child.key] = replace(child, managed=False, why=parent.why)

    def _children(self, operation: str, result: str, member: str, resource: str, what: str) -> list[Body]:
        scope = {**_DIMENSION, "ResourceId": resource}
        listed = self.listed(what, _SCALING, operation, result, **scope)
        return [{**scope, member: one[member]} for one in listed if all(one[name] == scope[name] for name in scope)]


def _named(arns: Iterable[str]) -> list[tuple[str, Body]]:
    """Return what the read of each load balancer needs, beside its ARN."""
    return [(arn, body) for arn in arns if (body := NAMED["LoadBalancer"](arn))]


def _listener(described: Body) -> Body:
    """Return what a listener's read needs; with two certificates in it, it reads those beyond the first."""
    certificates: Json = list(described.get("Certificates") or ()) * 2
    more = {"Certificates": certificates} if certificates else {}
    return {"LoadBalancerArn": described["LoadBalancerArn"], "Port": described.get("Port"), **more, **ATTRIBUTES}


def _rule(listener: str, described: Body) -> Body:
    return {"ListenerArn": listener, "Priority": int(described["Priority"])}
