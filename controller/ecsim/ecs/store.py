"""The state of Amazon ECS in one Region, with its lookups by name and ARN."""

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
    revision: Body  # as DescribeServiceRevisions returns it
    created_at: float
    updated_at: float
    status: str = "PRIMARY"
    desired: int = 0
    failed_tasks: int = 0
    failures_in_a_row: int = 0
    throttled_at: int = 0  # failures in a row at the last throttling
    start_not_before: float = 0.0
    healthy_seen: set[str] = field(default_factory=set)
    groups: dict[str, str] = field(default_factory=dict)  # declared target group → the one of its pair in use
    shifted_at: float | None = None  # when a blue/green deployment got the traffic
    successor: Body | None = None  # of CodeDeploy: the body of the service when it has the traffic
    wait: float = 0.0  # of CodeDeploy: seconds from then until the old tasks stop
    hooks: dict[tuple[str, int], Body] = field(default_factory=dict)  # by stage and number: as AWS describes it
    rolling_back: Body | None = None  # the record of the service deployment that this one rolls back
    rollout_state: str = "IN_PROGRESS"
    rollout_reason: str = ""
    history: Body = field(default_factory=dict)  # as DescribeServiceDeployments returns it

    @property
    def task_definition(self) -> str:
        """The ARN of its task definition."""
        return str(self.revision["taskDefinition"])

    def group(self, declared: str) -> str:
        """Return the target group of its tasks in place of a declared one."""
        return self.groups.get(declared, declared)


@dataclass
class Service:
    """A service; `body` is the declared configuration with AWS's defaults."""

    arn: str
    name: str
    cluster: str
    body: Body
    created_at: float
    created_by: str
    client_token: str | None = None
    request: Body = field(default_factory=dict)
    launch_type: str | None = None  # at creation; `capacityProviderStrategy: []` restores it
    kept_by: str = "CUSTOMER"  # ECS: a service of Express Mode
    status: str = "ACTIVE"
    steady: bool = False
    awake: bool = False  # a reconcile is scheduled
    wake: Callable[[], None] = lambda: None  # schedule a reconcile
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
        """The PRIMARY deployment."""
        return self.deployments[0]

    def tasks_of(self, deployment: Deployment) -> list[Task]:
        """Return the tasks of a deployment that are not STOPPED."""
        return [t for t in self.tasks if t.deployment is deployment and t.last_status != "STOPPED"]


@dataclass
class ContainerInstance:
    """An EC2 instance that is registered with a cluster."""

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
    """The registration of one container of a task in a target group."""

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
    desired_status: str = "RUNNING"
    last_status: str = "PROVISIONING"
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
    instance: ContainerInstance | None = None  # None on Fargate, and while it waits
    placement: Body = field(default_factory=dict)  # placementStrategy and placementConstraints
    targets: list[Target] = field(default_factory=list)
    step: int = 0  # a timer from an earlier step has no effect
    watch: Callable[[], None] = lambda: None  # called at each step

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rsplit("/", 1)[1]

    @property
    def waiting(self) -> bool:
        """Whether it waits for a container instance with enough free resources."""
        return self.instance is None and self.launch.get("launchType") == "EC2" and self.desired_status == "RUNNING"


def running_and_pending(tasks: Iterable[Task]) -> tuple[int, int]:
    """Return the number of running tasks and of tasks that do not run yet."""
    states = [task.last_status for task in tasks]
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
    spare_since: dict[str, float] = field(default_factory=dict)  # provider → since when it has too many instances
    awake: set[str] = field(default_factory=set)  # clusters and providers with a scheduled reconcile
    capacity_changed: Callable[[str], None] = lambda _: None  # called when free capacity changed or tasks wait
    addresses: dict[str, int] = field(default_factory=dict)  # subnet → number of assigned addresses
    account_settings: dict[str, str] = field(default_factory=lambda: {"containerInsights": "disabled"})

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of a resource in this Region."""
        return f"arn:aws:ecs:{self.region}:{self.account}:{kind}/{name}"

    def cluster(self, reference: str | None) -> Body:
        """Return an ACTIVE cluster by name or ARN; None is `default`. Raises ClusterNotFoundException."""
        found = self.clusters.get(self.cluster_name(reference))
        if found is None:
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        if found["status"] == "INACTIVE":
            raise AwsError("ClusterNotFoundException", "The referenced cluster was inactive.")
        return found

    def cluster_name(self, reference: str | None) -> str:
        """Return the short name in a name or ARN; empty for an ARN of another account or Region."""
        if not reference:
            return "default"
        if reference.startswith("arn:"):
            prefix = self.arn("cluster", "")
            return reference.removeprefix(prefix) if reference.startswith(prefix) else ""
        return reference

    def find_service(self, cluster: Body, reference: str) -> Service | None:
        """Return a service in any state by name or ARN, or None."""
        cluster_name = str(cluster["clusterName"])
        if reference.startswith("arn:"):
            prefix = self.arn("service", "")
            if not reference.startswith(prefix):
                return None
            owner, _, name = reference.removeprefix(prefix).rpartition("/")
            return self.services.get((cluster_name, name)) if owner in ("", cluster_name) else None
        return self.services.get((cluster_name, reference))

    def service(self, cluster: Body, reference: str) -> Service:
        """Return a service in any state by name or ARN. Raises ServiceNotFoundException."""
        found = self.find_service(cluster, reference)
        if found is None:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        return found

    def instances_of(self, cluster: str) -> list[ContainerInstance]:
        """Return the container instances of a cluster in any state."""
        return [instance for instance in self.instances.values() if instance.cluster == cluster]

    def tasks_on(self, instance: ContainerInstance) -> list[Task]:
        """Return the tasks on a container instance that are not STOPPED."""
        return [task for task in self.tasks.values() if task.instance is instance and task.last_status != "STOPPED"]

    def find_task_definition(self, reference: str) -> Body | None:
        """Return a revision by ARN or `family:revision`, or the latest ACTIVE one by `family`; None if unknown."""
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
        """Return a revision for a new service or task. Raises ClientException if it is not ACTIVE."""
        found = self.find_task_definition(reference)
        if found is None:
            raise client_exception("TaskDefinition not found.")
        if found["status"] != "ACTIVE":
            raise client_exception("TaskDefinition is inactive")
        return found
