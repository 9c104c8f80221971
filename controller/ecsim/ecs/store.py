"""What Amazon ECS remembers in one Region, and how names and ARNs find it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ecsim.account.errors import AwsError, client_exception
from ecsim.account.world import Body
from ecsim.autoscaling.store import Instance

FIRST_DYNAMIC_PORT = 32768
PENDING_STATES = ("PROVISIONING", "PENDING", "ACTIVATING")


@dataclass
class Deployment:
    """One entry of a service's `deployments`: a revision being rolled out, or being drained."""

    id: str
    revision: Body  # as DescribeServiceRevisions shows it
    created_at: float
    updated_at: float
    status: str = "PRIMARY"
    desired: int = 0
    failed_tasks: int = 0
    failures_in_a_row: int = 0
    throttled_at: int = 0  # the failure that starts were last throttled for
    start_not_before: float = 0.0
    healthy_seen: set[str] = field(default_factory=set)
    groups: dict[str, str] = field(default_factory=dict)  # declared target group → the one of its pair in use
    shifted_at: float | None = None  # when a blue/green deployment got the traffic
    rolling_back: Body | None = None  # the service deployment that this one undoes
    rollout_state: str = "IN_PROGRESS"
    rollout_reason: str = ""
    history: Body = field(default_factory=dict)  # as DescribeServiceDeployments shows it

    @property
    def task_definition(self) -> str:
        """The ARN of the task definition it runs."""
        return str(self.revision["taskDefinition"])

    def group(self, declared: str) -> str:
        """The target group that its tasks are registered with, where that one is declared."""
        return self.groups.get(declared, declared)


@dataclass
class Service:
    """A service: `body` is what was declared, with AWS's defaults; the rest is what happens to it."""

    arn: str
    name: str
    cluster: str
    body: Body
    created_at: float
    created_by: str
    client_token: str | None = None
    request: Body = field(default_factory=dict)
    launch_type: str | None = None  # as created: what `capacityProviderStrategy: []` goes back to
    status: str = "ACTIVE"
    steady: bool = False
    awake: bool = False  # the scheduler is going to look at it
    look: Callable[[], None] = lambda: None  # have the scheduler look at it
    deleted: Callable[[], None] = lambda: None  # called by DeleteService; Application Auto Scaling sets it
    deployments: list[Deployment] = field(default_factory=list)  # PRIMARY first
    last_completed: Deployment | None = None
    history: list[Body] = field(default_factory=list)  # service deployments, newest first
    revisions: dict[str, Body] = field(default_factory=dict)
    events: list[Body] = field(default_factory=list)  # newest first
    tasks: list[Task] = field(default_factory=list)

    @property
    def desired(self) -> int:
        """The declared number of tasks."""
        return int(self.body["desiredCount"])

    @property
    def primary(self) -> Deployment:
        """The deployment that is wanted now."""
        return self.deployments[0]

    def tasks_of(self, deployment: Deployment) -> list[Task]:
        """The tasks that a deployment started and that are not STOPPED."""
        return [t for t in self.tasks if t.deployment is deployment and t.last != "STOPPED"]


@dataclass
class ContainerInstance:
    """An EC2 instance whose agent has joined a cluster."""

    arn: str
    host: Instance
    group: str  # the ARN of its Auto Scaling group
    cluster: str
    provider: str | None
    cpu: int
    memory: int
    registered_at: float
    attributes: dict[str, str | None]
    status: str = "ACTIVE"
    version: int = 1
    next_port: int = FIRST_DYNAMIC_PORT

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rsplit("/", 1)[1]


@dataclass
class Target:
    """Where a load balancer finds one container of a task."""

    group: str
    id: str
    port: int


@dataclass
class Task:
    """One task, from PROVISIONING until an hour after STOPPED."""

    arn: str
    cluster_arn: str
    definition: Body
    created_at: float
    group: str
    started_by: str
    launch: Body  # launchType or capacityProviderName, platformVersion, enableExecuteCommand
    subnet: str | None = None
    service: Service | None = None
    deployment: Deployment | None = None
    desired: str = "RUNNING"
    last: str = "PROVISIONING"
    health: str = "UNKNOWN"
    version: int = 1
    stop_code: str | None = None
    stopped_reason: str | None = None
    times: dict[str, float] = field(default_factory=dict)
    containers: list[Body] = field(default_factory=list)
    attachment: Body | None = None
    address: str | None = None
    zone: str | None = None
    security_groups: list[str] = field(default_factory=list)
    overrides: Body = field(default_factory=dict)
    instance: ContainerInstance | None = None  # where it runs, unless that is Fargate's business
    placement: Body = field(default_factory=dict)  # placementStrategy and placementConstraints
    targets: list[Target] = field(default_factory=list)
    step: int = 0  # a timer that was set in an earlier step is void
    watch: Callable[[], None] = lambda: None  # called at each step

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rsplit("/", 1)[1]

    @property
    def waiting(self) -> bool:
        """Whether it waits for a container instance with room for it."""
        return self.instance is None and self.launch.get("launchType") == "EC2" and self.desired == "RUNNING"


def running_and_pending(tasks: Iterable[Task]) -> tuple[int, int]:
    """How many tasks run, and how many are on their way there."""
    states = [task.last for task in tasks]
    return states.count("RUNNING"), sum(state in PENDING_STATES for state in states)


@dataclass
class ServiceLinkedRole:
    """The service-linked role of Amazon ECS, which the account's first cluster creates."""

    created_at: float | None = None


@dataclass
class EcsRegion:
    """Amazon ECS in one Region of one account."""

    region: str
    account: str
    clusters: dict[str, Body] = field(default_factory=dict)
    families: dict[str, dict[int, Body]] = field(default_factory=dict)
    services: dict[tuple[str, str], Service] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    providers: dict[str, Body] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    instances: dict[str, ContainerInstance] = field(default_factory=dict)  # by ARN
    spare_since: dict[str, float] = field(default_factory=dict)  # provider → when it began to have too many instances
    awake: set[str] = field(default_factory=set)  # clusters whose capacity is going to be looked at
    capacity_changed: Callable[[str], None] = lambda _: None  # room came or went, or tasks wait for it
    addresses: dict[str, int] = field(default_factory=dict)  # per subnet: how many were given out

    def arn(self, kind: str, name: str) -> str:
        """The ARN of something of this Region."""
        return f"arn:aws:ecs:{self.region}:{self.account}:{kind}/{name}"

    def cluster(self, reference: str | None) -> Body:
        """An ACTIVE cluster by name or ARN; absent means `default`."""
        found = self.clusters.get(self.cluster_name(reference))
        if found is None:
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        if found["status"] == "INACTIVE":
            raise AwsError("ClusterNotFoundException", "The referenced cluster was inactive.")
        return found

    def cluster_name(self, reference: str | None) -> str:
        """The short name in a name or ARN; an ARN of another account or Region names nothing here."""
        if not reference:
            return "default"
        if reference.startswith("arn:"):
            prefix = self.arn("cluster", "")
            return reference.removeprefix(prefix) if reference.startswith(prefix) else ""
        return reference

    def find_service(self, cluster: Body, reference: str) -> Service | None:
        """A service in any state by name or ARN."""
        cluster_name = str(cluster["clusterName"])
        if reference.startswith("arn:"):
            prefix = self.arn("service", "")
            if not reference.startswith(prefix):
                return None
            owner, _, name = reference.removeprefix(prefix).rpartition("/")
            return self.services.get((cluster_name, name)) if owner in ("", cluster_name) else None
        return self.services.get((cluster_name, reference))

    def service(self, cluster: Body, reference: str) -> Service:
        """A service in any state, or ServiceNotFoundException."""
        found = self.find_service(cluster, reference)
        if found is None:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        return found

    def instances_of(self, cluster: str) -> list[ContainerInstance]:
        """The container instances of a cluster in any state."""
        return [instance for instance in self.instances.values() if instance.cluster == cluster]

    def tasks_on(self, instance: ContainerInstance) -> list[Task]:
        """The tasks that take room on a container instance."""
        return [task for task in self.tasks.values() if task.instance is instance and task.last != "STOPPED"]

    def find_task_definition(self, reference: str) -> Body | None:
        """A revision by ARN or `family:revision`, the latest ACTIVE one by `family`."""
        prefix = self.arn("task-definition", "")
        if reference.startswith("arn:") and not reference.startswith(prefix):
            return None
        family, _, revision = reference.removeprefix(prefix).partition(":")
        revisions = self.families.get(family, {})
        if revision:
            return revisions.get(int(revision)) if revision.isdigit() else None
        active = [number for number, body in revisions.items() if body["status"] == "ACTIVE"]
        return revisions[max(active)] if active else None

    def usable_task_definition(self, reference: str) -> Body:
        """A revision that a service or task may start with."""
        found = self.find_task_definition(reference)
        if found is None:
            raise client_exception("TaskDefinition not found.")
        if found["status"] != "ACTIVE":
            raise client_exception("TaskDefinition is inactive")
        return found
