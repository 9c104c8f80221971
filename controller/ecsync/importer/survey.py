"""Read a live cluster and everything that its services use. This is the only impure part of an import."""

from __future__ import annotations

from ecsync.core.model import Absent
from ecsync.core.ports import AwsError, Reader
from ecsync.core.trees import Body
from ecsync.core.wording import suggestion
from ecsync.importer.express import leave_to_express_mode
from ecsync.importer.load_balancing import read_load_balancing
from ecsync.importer.model import ClusterNotFound, ImportContext, LiveResource, ReviewNote, Survey
from ecsync.importer.reads import Collector
from ecsync.importer.references import referenced
from ecsync.importer.scaling import read_scaling
from ecsync.importer.services import read_services, read_task_definitions
from ecsync.importer.snapshot_reader import SnapshotReader

__all__ = ["ClusterNotFound", "ImportContext", "LiveResource", "ReviewNote", "Survey", "survey"]

# An import never manages these: other clusters may use them too.
_IDENTITY_ONLY = frozenset({"AutoScalingGroup", "Role"})


def survey(reader: Reader, cluster: str, context: ImportContext) -> Survey:
    """Read a cluster, as far as it can be read. Raises ClusterNotFound, and AwsError for lost credentials."""
    collector = Collector(SnapshotReader(reader), context)
    _read_cluster(collector, cluster)
    read_services(collector, cluster)
    read_task_definitions(collector)
    _read_referenced(collector, "Cluster", "Service", "TaskDefinition")
    read_load_balancing(collector)
    read_scaling(collector)
    leave_to_express_mode(collector)
    _read_referenced(collector, "CapacityProvider", "TargetGroup", "LoadBalancer", "Listener", "ListenerRule")
    return collector.survey


def _read_cluster(collector: Collector, name: str) -> None:
    collector.read("Cluster", [{"clusterName": name}])
    if any(isinstance(observed, Absent) for observed in collector.world.values()):
        target = collector.context.target
        place = f"{target.account or 'this account'}/{target.region}"
        raise ClusterNotFound(f"cluster {name!r} does not exist in {place}{_existing_clusters(collector, name)}")


def _existing_clusters(collector: Collector, name: str) -> str:
    try:
        arns = collector.reader.pages("ecs", "ListClusters", "clusterArns")
        return suggestion(name, [str(arn).rsplit("/", 1)[-1] for arn in arns])
    except AwsError:
        return "; `aws ecs list-clusters` lists the clusters that exist"


def _read_referenced(collector: Collector, *kinds: str) -> None:
    """Read what the resources of these kinds refer to by name or ARN."""
    bodies: dict[str, list[Body]] = {name: [] for name in collector.kinds}
    for name in kinds:
        for resource in collector.survey.of_kind(name):
            for other, body in referenced(collector.kinds, collector.kinds[name], resource.present.body):
                bodies[other].append(body)
    for name, found in bodies.items():
        collector.read(name, found, identity_only=name in _IDENTITY_ONLY)
