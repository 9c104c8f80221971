"""Read a live cluster and everything that its services touch, with each kind's own read; the only impure part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from controller.core import marks
from controller.core.fitting import fitted
from controller.core.json import Body, Json
from controller.core.kind import Kind, ShapeOf, Wanted
from controller.core.model import Absent, Key, Observed, Present, Target, Unreadable
from controller.core.ports import AwsError, Reader
from controller.core.schema import Shape
from controller.importer.snapshot_reader import SnapshotReader
from controller.importer.trails import ATTRIBUTES, NAMED, Routes, chosen, forwards, identity, leads

_SCALING = "application-autoscaling"
_DIMENSION = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
_CHILDREN = (
    ("ScalingPolicy", "DescribeScalingPolicies", "ScalingPolicies", "PolicyName"),
    ("ScheduledAction", "DescribeScheduledActions", "ScheduledActions", "ScheduledActionName"),
)
# Found on the way, and never written by an import: they belong to more than the cluster.
_LOOKED_UP = frozenset({"AutoScalingGroup", "Role"})


class NoCluster(Exception):
    """There is no such cluster; the text says what there is to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A live resource that becomes a document. Its key has what AWS calls it in place of a name.

    `managed`: the document may write it; else `why` says why not, where that is not so for all of its kind. Not
    `whole`: the document only names it.
    """

    key: Key
    present: Present
    managed: bool = True
    why: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a person should look at: of one resource, in words that follow its name."""

    key: Key
    text: str


@dataclass(slots=True, kw_only=True)
class Survey:
    """What was found, in the order in which it was read, and what a person should look at."""

    items: dict[Key, Item] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def of(self, kind: str) -> list[Item]:
        """Return what was found of a kind."""
        return [item for key, item in self.items.items() if key.kind == kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an import is given: the kinds and AWS's shapes, the application it makes, where and as whom."""

    kinds: Mapping[str, Kind]
    shape_of: Callable[[ShapeOf], Shape]
    application: str
    target: Target
    installation: str = ""  # whose marks are ours

    def shape(self, kind: Kind) -> Shape | None:
        """Return the shape of a kind's body; None where it is a document of our own."""
        return self.shape_of(kind.shape) if kind.shape else None


def survey(reader: Reader, cluster: str, known: Known) -> Survey:
    """Read a cluster. Raises NoCluster, and AwsError where the cluster or its services cannot be read."""
    walk = _Walk(SnapshotReader(reader), known)
    walk.cluster(cluster)
    walk.services(cluster)
    walk.task_definitions()
    walk.follow("Cluster", "Service", "TaskDefinition")
    walk.load_balancing()
    walk.scaling()
    walk.follow("CapacityProvider", "TargetGroup", "LoadBalancer", "Listener", "ListenerRule")
    return walk.found


class _Walk:
    def __init__(self, reader: SnapshotReader, known: Known) -> None:
        self.reader = reader
        self.known = known
        self.kinds = known.kinds
        self.found = Survey()
        self.world: dict[Key, Observed] = {}

    # ------------------------------------------------------------ one layer after the other

    def cluster(self, name: str) -> None:
        if not self.read("Cluster", [{"clusterName": name}], needed=True):
            raise NoCluster(f"there is no cluster {name!r} in this account and Region")

    def services(self, cluster: str) -> None:
        arns = self.reader.pages("ecs", "ListServices", "serviceArns", cluster=cluster)
        named = sorted(arn.rsplit("/", 1)[-1] for arn in arns)
        read = self.read("Service", [{"cluster": cluster, "serviceName": name} for name in named], needed=True)
        for item in read:
            if item.present.facts.get("status") != "ACTIVE":
                self.note(item.key, "is being deleted, and was left out")
                del self.found.items[item.key]
            elif item.present.facts.get("deployments") and not item.present.facts.get("steady"):
                self.note(item.key, "is not steady: what was written is what its newest deployment is to be")

    def task_definitions(self) -> None:
        """Read the revision that services run; of several revisions of a family, the newest is the document's."""
        families: dict[str, set[str]] = defaultdict(set)
        for service in self.found.of("Service"):
            arn = str(service.present.body.get("taskDefinition") or "")
            if arn:
                families[arn.rsplit("/", 1)[-1].rsplit(":", 1)[0]].add(arn)
        bodies = []
        for family, arns in sorted(families.items()):
            newest = max(arns, key=lambda arn: int(arn.rsplit(":", 1)[-1]))
            described = self.reader.cached("ecs", "DescribeTaskDefinition", taskDefinition=newest, include=["TAGS"])
            key = self.key("TaskDefinition", family)
            if described["taskDefinition"].get("status", "ACTIVE") == "ACTIVE":
                bodies.append(self.fit("TaskDefinition", described["taskDefinition"]))
            else:
                self.note(key, f"runs as {newest}, which was deregistered: services name it, and it is not written")
            if len(arns) > 1:
                self.note(key, f"runs in {len(arns)} revisions: the newest is written, the others are named")
        self.read("TaskDefinition", bodies)

    def follow(self, *kinds: str) -> None:
        """Read what the documents so far refer to by name or ARN."""
        found: dict[str, list[Body]] = {name: [] for name in NAMED}
        for name in kinds:
            for item in self.found.of(name):
                for other, body in leads(self.kinds[name], item.present.body):
                    found[other].append(body)
        for name, bodies in found.items():
            self.read(name, bodies, whole=name not in _LOOKED_UP)

    def load_balancing(self) -> None:
        groups = self.found.of("TargetGroup")
        ours = {str(item.present.outputs["arn"]) for item in groups}
        arns = sorted({str(arn) for item in groups for arn in item.present.facts.get("loadBalancers") or ()})
        balancers = self.read("LoadBalancer", [body for arn in arns if (body := NAMED["LoadBalancer"](arn))])
        listener, rule = self.kinds.get("Listener"), self.kinds.get("ListenerRule")
        if not balancers or listener is None or rule is None:
            return
        listeners = [one for balancer in balancers for one in self._listeners(str(balancer.present.outputs["arn"]))]
        rules = {str(one["ListenerArn"]): self._rules(str(one["ListenerArn"])) for one in listeners}
        routes, shared = chosen(Routes(listeners=tuple(listeners), rules=rules), ours, listener, rule)
        every = [body for one in routes.listeners for body in (one, *routes.rules[one["ListenerArn"]])]
        beyond = sorted(frozenset().union(*(forwards(listener, one) | forwards(rule, one) for one in every)) - ours)
        lookup = "no service of this cluster registers its tasks with it"
        self.read("TargetGroup", [NAMED["TargetGroup"](arn) or {} for arn in beyond], looked_up=lookup)
        self.read("Listener", [_listener(one) for one in routes.listeners])
        self.read("ListenerRule", [_rule(one, each) for one in routes.rules for each in routes.rules[one]])
        for item in balancers:
            if item.present.outputs["arn"] in shared:
                self.note(item.key, "also forwards to target groups that no service of this cluster uses")

    def _listeners(self, balancer: str) -> list[Body]:
        return list(self.reader.pages("elbv2", "DescribeListeners", "Listeners", LoadBalancerArn=balancer))

    def _rules(self, listener: str) -> tuple[Body, ...]:
        every = self.reader.pages("elbv2", "DescribeRules", "Rules", ListenerArn=listener)
        return tuple(one for one in every if not one.get("IsDefault"))

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
        for kind, operation, result, member in _CHILDREN:
            self.read(kind, [child for one in targets for child in self._children(operation, result, member, one)])
            for child in self.found.of(kind):
                parent = targets[child.present.body["ResourceId"]]
                if not parent.managed:  # a child has no mark of its own
                    self.found.items[child.key] = replace(child, managed=False, why=parent.why)

    def _children(self, operation: str, result: str, member: str, resource: str) -> list[Body]:
        scope = {**_DIMENSION, "ResourceId": resource}
        listed = self.reader.pages(_SCALING, operation, result, **scope)
        return [{**scope, member: one[member]} for one in listed if all(one[name] == scope[name] for name in scope)]

    # ------------------------------------------------------------ reading

    def fit(self, kind: str, described: Body) -> Body:
        """Return what describe prints in the shape of a body."""
        shape = self.known.shape(self.kinds[kind])
        assert shape is not None
        body: Body = fitted(described, shape, strict=False)
        return {name: value for name, value in body.items() if name in shape.members}

    def read(
        self, name: str, bodies: Iterable[Body], *, whole: bool = True, looked_up: str = "", needed: bool = False
    ) -> list[Item]:
        """Read the resources of a kind; what is not there or cannot be read is noted, and stays a literal."""
        kind = self.kinds.get(name)
        if kind is None:
            return []
        wanted: dict[Key, Wanted] = {}
        for body in bodies:
            key = self.key(name, str(identity(kind, body)))
            if key not in self.world:
                wanted[key] = Wanted(key=key, body=body, owner=self._owner(key), managed=False)
        observed: dict[Key, Observed] = {}
        error = "AWS's answer did not speak of it"
        try:
            observed.update(kind.read(self.reader, list(wanted.values()), self.world) if wanted else ())
        except AwsError as failure:
            if needed or failure.kind == "credentials":
                raise
            error = str(failure)
        observed |= {key: Unreadable(error) for key in wanted if key not in observed}
        self.world |= observed
        return [item for key in wanted if (item := self._item(key, observed[key], whole, looked_up))]

    def _owner(self, key: Key) -> str:
        """Return an owner mark that nothing has: reads tell by it what belongs to a document, and none is made yet."""
        nobody = replace(key, name=f"import-{sha256(key.name.encode()).hexdigest()[:32]}")
        return marks.owner(self.known.installation or "import", nobody)

    def _item(self, key: Key, observed: Observed, whole: bool, looked_up: str) -> Item | None:
        match observed:
            case Absent():
                self.note(key, "is not there: what names it keeps the name")
                return None
            case Unreadable(error=error):
                self.note(key, f"could not be read, and what names it keeps the name: {error}")
                return None
        if observed.marks and observed.marks.owner == self._owner(key):
            observed = replace(observed, marks=None)  # a child that would be the document's: it has no mark of its own
        why = looked_up or self._not_ours(observed)
        whole = whole and not looked_up
        item = Item(
            key=key, present=observed, managed=whole and not why, why=why if whole or looked_up else "", whole=whole
        )
        self.found.items[key] = item
        return item

    def _not_ours(self, present: Present) -> str:
        """Say who else keeps a resource; empty where nobody does, or this application itself."""
        live = present.marks
        if live is None:
            return f"{present.foreign} manages it" if present.foreign else ""
        parsed = marks.key_of(live.owner)
        if parsed is None:
            return "its ecsync:owner tag is in a format that this version does not know"
        if (parsed[0], parsed[1].application) == (self.known.installation, self.known.application):
            return ""
        return f"installation {parsed[0]} manages it as {parsed[1].full}"

    def key(self, kind: str, natural: str) -> Key:
        return Key(application=self.known.application, kind=kind, name=natural)

    def note(self, key: Key, text: str) -> None:
        self.found.notes.append(Note(key, text))


def _listener(described: Body) -> Body:
    """Return what a listener's read needs; with two certificates in it, it reads those beyond the first."""
    certificates: Json = list(described.get("Certificates") or ()) * 2
    more = {"Certificates": certificates} if certificates else {}
    return {"LoadBalancerArn": described["LoadBalancerArn"], "Port": described.get("Port"), **more, **ATTRIBUTES}


def _rule(listener: str, described: Body) -> Body:
    return {"ListenerArn": listener, "Priority": int(described["Priority"])}
