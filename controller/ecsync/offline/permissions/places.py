"""The ARNs of documents: account and Region of an application, and what its documents are called there.

What AWS generates, and what no document declares, is `*` in an ARN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ecsync.core.kind import Kind
from ecsync.core.model import Application, Desired, Key, Ref, Target, Text
from ecsync.core.resolve import resolve
from ecsync.core.trees import Body, Json
from ecsync.offline.permissions.table import EVERY

Forms = Mapping[str, tuple[str, ...]]  # type of resource -> ARNs

_PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("us-isob-", "aws-iso-b"), ("us-iso-", "aws-iso"))
_BALANCERS = {"application": "app", "network": "net", "gateway": "gwy"}


@dataclass(frozen=True, slots=True)
class Place:
    """An account and Region. An empty one is `*` in ARNs."""

    account: str
    region: str
    installation: str = ""

    @property
    def partition(self) -> str:
        """The partition of the Region."""
        return next((name for prefix, name in _PARTITIONS if self.region.startswith(prefix)), "aws")

    def arn(self, tail: str) -> str:
        """Return an ARN; `{region}` and `{account}` in the tail are those of this place."""
        filled = tail.replace("{region}", self.region or "*").replace("{account}", self.account or "*")
        return f"arn:{self.partition}:{filled}"

    def every(self, of: str) -> str:
        """Return the ARN of every resource of a type."""
        return self.arn(EVERY[of])

    def one(self, of: str, name: str) -> str:
        """Return the ARN of a resource of a type by name: the name stands in place of the last `*`."""
        return self.every(of)[:-1] + name


@dataclass(slots=True)
class Places:
    """The documents of all applications with the ARNs of their resources."""

    applications: Iterable[Application]
    kinds: Mapping[str, Kind]
    target_of: Callable[[Application], Target]
    installation: str
    _documents: dict[Key, tuple[Desired, Place]] = field(default_factory=dict)
    _bodies: dict[Key, Body] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for application in self.applications:
            place = self.of(application)
            self._documents |= {one.key: (one, place) for one in application.resources}

    def of(self, application: Application) -> Place:
        """Return the place of an application."""
        target = self.target_of(application)
        return Place(target.account, target.region, self.installation)

    def body(self, key: Key) -> Body:
        """Return the body of a document with its references resolved; an unknown value is `*`."""
        if key not in self._bodies:
            self._bodies[key] = {}  # documents cannot refer to each other in a circle; a self-reference is unknown
            self._bodies[key] = _plain(resolve(self._documents[key][0].body, self._value))
        return self._bodies[key]

    def forms(self, key: Key) -> Forms:
        """Return the ARNs that the resource of a document has, and those that its calls are checked on."""
        form, (desired, place) = _FORMS.get(key.kind), self._documents[key]
        body = self.body(key)
        if key.kind == "Role" and not desired.options.manage and not body.get("Path"):
            body = {**body, "Path": _ANY_PATH}  # it is only looked up, by its name
        return form(body, place) if form else {}

    def document(self, key: Key) -> Desired | None:
        """Return the document of a key; None if it is not declared."""
        return self._documents[key][0] if key in self._documents else None

    def _value(self, ref: Ref) -> str | None:
        if ref.key not in self._documents:
            return None
        kind, output = self.kinds[ref.key.kind], ref.output or self.kinds[ref.key.kind].primary
        known = kind.known(self.body(ref.key)).get(output)
        if known is not None:
            return known
        of = "iam.instance-profile" if output == "instanceProfileArn" else OWN.get(ref.key.kind, "")
        arns = self.forms(ref.key).get(of, ()) if output.lower().endswith("arn") else ()
        return arns[0] if arns else None


_ANY_PATH = "*/"  # `role*/name`: `expanded` makes two ARNs of it


def expanded(arn: str) -> tuple[str, ...]:
    """Return the ARNs of a role with any path or none; another ARN is unchanged."""
    before, found, name = arn.partition(":role*/")
    return (f"{before}:role/{name}", f"{before}:role/*/{name}") if found else (arn,)


def role_arns(value: Json, place: Place) -> tuple[str, ...]:
    """Return the ARN of a role that is given as an ARN, a name or a path; nothing for no role."""
    if not isinstance(value, str) or not value:
        return ()
    return (value,) if value.startswith("arn:") else (place.one("iam.role", value.lstrip("/")),)


def _plain(tree: Json) -> Json:
    """Return a tree with `*` in place of each reference that is not known."""
    if isinstance(tree, Text):
        return "".join(part if isinstance(part, str) else "*" for part in tree.parts)
    if isinstance(tree, Mapping):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_plain(value) for value in tree]
    return tree


def _text(body: Body, member: str, default: str = "*") -> str:
    value = body.get(member)
    return value if isinstance(value, str) and value else default


def _last(value: str) -> str:
    """Return the name in an ARN of ECS; a name is unchanged."""
    return value.rsplit("/", 1)[-1] if value.startswith("arn:") else value


def _cluster(body: Body, place: Place) -> Forms:
    return {"ecs.cluster": (place.one("ecs.cluster", _text(body, "clusterName", "default")),)}


def _service(body: Body, place: Place) -> Forms:
    name = f"{_last(_text(body, 'cluster', 'default'))}/{_text(body, 'serviceName')}"
    return {"ecs.service": (place.one("ecs.service", name),)}


def _task_definition(body: Body, place: Place) -> Forms:
    return {"ecs.task-definition": (place.one("ecs.task-definition", f"{_text(body, 'family')}:*"),)}


def _capacity_provider(body: Body, place: Place) -> Forms:
    return {"ecs.capacity-provider": (place.one("ecs.capacity-provider", _text(body, "name")),)}


def _load_balancer(body: Body, place: Place) -> Forms:
    kind = _BALANCERS.get(_text(body, "Type", "application"), "*")
    return {"elbv2.loadbalancer": (place.one("elbv2.loadbalancer", f"{kind}/{_text(body, 'Name')}/*"),)}


def _listener(body: Body, place: Place) -> Forms:
    arn = _text(body, "LoadBalancerArn")
    balancer = arn if arn.startswith("arn:") else place.every("elbv2.loadbalancer")
    below = balancer.replace(":loadbalancer/", ":listener/")
    return {
        "elbv2.loadbalancer": (balancer,),
        "elbv2.listener": (below if below.endswith("/*") else f"{below}/*",),
    }


def _rule(body: Body, place: Place) -> Forms:
    arn = _text(body, "ListenerArn")
    listener = arn if arn.startswith("arn:") else place.every("elbv2.listener")
    below = listener.replace(":listener/", ":listener-rule/")
    return {
        "elbv2.listener": (listener,),
        "elbv2.listener-rule": (below if below.endswith("/*") else f"{below}/*",),
    }


def _target_group(body: Body, place: Place) -> Forms:
    """Return both names: a replacement is called after the beginning of the name, with six characters of a hash."""
    name = _text(body, "Name")
    names = (f"{name}/*", f"{name[:_KEPT]}-??????/*")
    return {"elbv2.targetgroup": tuple(place.one("elbv2.targetgroup", one) for one in names)}


_KEPT = 24  # characters of the name in that of a replacement (kinds/elbv2/target_group.py)


def _security_group(body: Body, place: Place) -> Forms:
    vpc = _text(body, "VpcId")
    return {"ec2.security-group": (place.every("ec2.security-group"),), "ec2.vpc": (place.one("ec2.vpc", vpc),)}


def _launch_template(_: Body, place: Place) -> Forms:
    return {"ec2.launch-template": (place.every("ec2.launch-template"),)}


def _auto_scaling_group(body: Body, place: Place) -> Forms:
    return {"autoscaling.group": (place.one("autoscaling.group", _text(body, "AutoScalingGroupName")),)}


def _role(body: Body, place: Place) -> Forms:
    """Return the ARN with the path that a role without a declared one is created under (kinds/iam/role.py)."""
    path = _text(body, "Path", f"/ecsync/{place.installation or '*'}/")
    if path == _ANY_PATH:
        return {"iam.role": (place.arn("iam::{account}:role*/" + _text(body, "RoleName")),)}
    name = f"{path}{_text(body, 'RoleName')}".lstrip("/")
    return {of: (place.one(of, name),) for of in ("iam.role", "iam.instance-profile")}


def _log_group(body: Body, place: Place) -> Forms:
    name = _text(body, "logGroupName")
    return {
        "logs.log-group": (place.arn("logs:{region}:{account}:log-group:" + name + ":*"),),
        "logs.log-group-tags": (place.one("logs.log-group-tags", name),),
    }


def _repository(body: Body, place: Place) -> Forms:
    return {"ecr.repository": (place.one("ecr.repository", _text(body, "repositoryName")),)}


def _alarm(body: Body, place: Place) -> Forms:
    return {"cloudwatch.alarm": (place.one("cloudwatch.alarm", _text(body, "AlarmName")),)}


def _scaling(_: Body, place: Place) -> Forms:
    of = "application-autoscaling.scalable-target"
    return {of: (place.every(of),)}


_FORMS: Mapping[str, Callable[[Body, Place], Forms]] = {
    "Alarm": _alarm,
    "AutoScalingGroup": _auto_scaling_group,
    "CapacityProvider": _capacity_provider,
    "Cluster": _cluster,
    "LaunchTemplate": _launch_template,
    "Listener": _listener,
    "ListenerRule": _rule,
    "LoadBalancer": _load_balancer,
    "LogGroup": _log_group,
    "Repository": _repository,
    "Role": _role,
    "ScalableTarget": _scaling,
    "ScalingPolicy": _scaling,
    "ScheduledAction": _scaling,
    "SecurityGroup": _security_group,
    "Service": _service,
    "TargetGroup": _target_group,
    "TaskDefinition": _task_definition,
}

# Kind -> the type of its own resource, on which its tags are.
OWN: Mapping[str, str] = {
    "Alarm": "cloudwatch.alarm",
    "AutoScalingGroup": "autoscaling.group",
    "CapacityProvider": "ecs.capacity-provider",
    "Cluster": "ecs.cluster",
    "LaunchTemplate": "ec2.launch-template",
    "Listener": "elbv2.listener",
    "ListenerRule": "elbv2.listener-rule",
    "LoadBalancer": "elbv2.loadbalancer",
    "LogGroup": "logs.log-group-tags",
    "Repository": "ecr.repository",
    "Role": "iam.role",
    "ScalableTarget": "application-autoscaling.scalable-target",
    "SecurityGroup": "ec2.security-group",
    "Service": "ecs.service",
    "TargetGroup": "elbv2.targetgroup",
    "TaskDefinition": "ecs.task-definition",
}
