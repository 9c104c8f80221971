"""Cluster: an ECS cluster, its settings and its associated capacity providers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ecsync.core.kind import Collection, Kind, Owned, ShapeOf, Unsettled, Wanted, World
from ecsync.core.marks import applied_before, with_marks
from ecsync.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Key,
    Observed,
    Present,
    Replace,
    Unreadable,
    Update,
)
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Clears, Computed, Default, Immutable, Keyed, Late, Refers, Reverts, Rewrite, Unordered
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import (
    arn_tagging,
    batches,
    belongs,
    name_characters,
    operations,
    pick,
    read_tags,
    tag_rows,
    without,
    without_nones,
)
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds.ecs._cluster_providers import MEMBERS, association, gate, only_removes
from ecsync.kinds.ecs._shared import (
    NAME_OR_ARN,
    arn_by_name,
    namespaces,
    short_name,
    strategy_rows,
    value_to_send,
    with_namespace_arn,
)
from ecsync.kinds.ecs.constraints import capacity

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

TAGGING = arn_tagging("ecs", "key/value")
_BUILT_IN = ("FARGATE", "FARGATE_SPOT")


def _natural(body: Body) -> str | None:
    name = body.get("clusterName", "default")
    return name if isinstance(name, str) else None


def _known(body: Body) -> Mapping[str, str]:
    name = _natural(body)
    return {"name": name} if name else {}


# 2 SHAPE ---------------------------------------------------------------------------------------------------------

# No check beyond AWS's model.

# 3 RULES ---------------------------------------------------------------------------------------------------------


def _configuration(block: Json) -> Json:
    """Drop an execute-command block that declares only AWS's default."""
    kept = dict(block)
    if kept.get("executeCommandConfiguration") == {"logging": "DEFAULT"}:
        del kept["executeCommandConfiguration"]
    return kept or None


_EXECUTE = "configuration.executeCommandConfiguration"
_ENCRYPTED = "ecs.ExecuteCommandLogConfiguration: encryption is off if not specified"
_UNCLEARABLE = "ecs.UpdateCluster keeps a block that is left out; logging DEFAULT is the value without one"
RULES = (
    *tag_rows(),
    name_characters("clusterName", "ecs.CreateCluster: letters, numbers, underscores and hyphens"),
    Keyed(path="settings", key=("name",), value="value", source="ECS keeps one value per setting name"),
    Computed(
        path="settings[]",
        source="ecs.CreateCluster: an undeclared setting takes the account's default",
        cases=("cap-ECS-Cluster.HuntEcsCluster",),
    ),
    Computed(path="settings", source="the same, for a document without settings"),
    Reverts(
        path="settings",
        value=lambda facts: facts.get("settingsWithoutDocument"),
        source="ecs.UpdateCluster keeps settings that are left out; ecs.CreateCluster takes the account's default",
    ),
    Default(
        path=f"{_EXECUTE}.logging",
        value="DEFAULT",
        source="ecs.ExecuteCommandConfiguration: DEFAULT is used if logging is not specified",
    ),
    Default(path=f"{_EXECUTE}.logConfiguration.cloudWatchEncryptionEnabled", value=False, source=_ENCRYPTED),
    Default(path=f"{_EXECUTE}.logConfiguration.s3EncryptionEnabled", value=False, source=_ENCRYPTED),
    Rewrite(path="configuration", to=_configuration, source="a block with logging DEFAULT alone has no effect"),
    Computed(path="configuration.managedStorageConfiguration", source="ecs.UpdateCluster has no value that removes it"),
    Clears(path="configuration", value={"executeCommandConfiguration": {"logging": "DEFAULT"}}, source=_UNCLEARABLE),
    Clears(path=_EXECUTE, value={"logging": "DEFAULT"}, source=_UNCLEARABLE),
    Clears(
        path="serviceConnectDefaults",
        value={"namespace": ""},
        source='ecs.ClusterServiceConnectDefaultsRequest: an empty string ("") removes the default namespace',
    ),
    Rewrite(path="capacityProviders[]", to=short_name, source=NAME_OR_ARN),
    Unordered(
        path="capacityProviders",
        source="ecs.DescribeClusters returns the providers sorted",
        cases=("der-cl-cp-order", "cap-ECS-ClusterCapacityProviderAssociations.CcpaReorder"),
    ),
    *strategy_rows("defaultCapacityProviderStrategy"),
    Computed(
        path="capacityProviders",
        source="undeclared providers stay: PutClusterCapacityProviders replaces the whole list",
    ),
    Computed(path="defaultCapacityProviderStrategy", source="as capacityProviders: the same call replaces it"),
    *(
        Reverts(path=path, value=lambda _: [], source="ecs.CreateCluster associates no provider that is not declared")
        for path in MEMBERS
    ),
    *(Late(path=path, source="the group behind a provider may refer back to the cluster") for path in MEMBERS),
    Immutable(path="clusterName", source="ecs.UpdateCluster has no name to change"),
    Refers(path="capacityProviders[]", kind="CapacityProvider"),
    Refers(path="defaultCapacityProviderStrategy[].capacityProvider", kind="CapacityProvider"),
    Refers(path=f"{_EXECUTE}.logConfiguration.cloudWatchLogGroupName", kind="LogGroup"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

_INSIGHTS = "containerInsights"  # the only setting of a cluster that the account has too
_INCLUDE = ["TAGS", "SETTINGS", "CONFIGURATIONS", "ATTACHMENTS"]
_CONTENT_COUNTS = {
    "activeServicesCount": "service",
    "runningTasksCount": "running task",
    "pendingTasksCount": "pending task",
    "registeredContainerInstancesCount": "container instance",
}


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    named = namespaces(reader, (_namespace(want.body) for want in wanted))
    for batch in batches(wanted, 100):
        names = sorted({str(_natural(want.body)) for want in batch})
        response = reader.call("ecs", "DescribeClusters", clusters=names, include=_INCLUDE)
        live = {cluster["clusterName"]: cluster for cluster in response.get("clusters", ())}
        failed = {short_name(failure.get("arn")): failure.get("reason", "") for failure in response.get("failures", ())}
        for want in batch:
            name = str(_natural(want.body))
            if name in live:
                yield want.key, _with_account_setting(reader, want, _observed(live[name], named))
            elif name in failed:
                reason = failed[name]
                yield want.key, Absent() if reason == "MISSING" else Unreadable(f"ecs.DescribeClusters: {reason}")


def _with_account_setting(reader: Reader, want: Wanted, observed: Present | Absent) -> Observed:
    """Add what the settings of a new cluster would be, if we applied settings that are not declared any more."""
    if isinstance(observed, Absent) or "settings" in want.body or not applied_before(observed, "settings"):
        return observed
    try:
        found = reader.call("ecs", "ListAccountSettings", name=_INSIGHTS, effectiveSettings=True)["settings"]
    except AwsError as error:
        if error.kind == "credentials":
            raise
        return Unreadable(str(error))
    default = {one["name"]: one["value"] for one in found}
    settings = [{**one, "value": default.get(one["name"], one["value"])} for one in observed.body["settings"]]
    return replace(observed, facts={**observed.facts, "settingsWithoutDocument": settings})


def _observed(cluster: Body, named: Mapping[str, Sequence[str]]) -> Present | Absent:
    """Return the cluster, or Absent if it is INACTIVE: ECS describes a deleted cluster for a while."""
    return Absent() if cluster.get("status") == "INACTIVE" else present_of(cluster, named)


def present_of(cluster: Body, named: Mapping[str, Sequence[str]] | None = None) -> Present:
    """Return a cluster from DescribeClusters in the shape of CreateCluster."""
    tags, our_marks, foreign = read_tags(cluster.get("tags"))
    members = ("clusterName", "settings", "configuration", "serviceConnectDefaults", *MEMBERS)
    body = without_nones({**pick(cluster, *members), "tags": tags})
    facts = {
        **pick(cluster, "status", "attachmentsStatus", *_CONTENT_COUNTS),
        "namespaceArnByName": arn_by_name(named or {}, _namespace(cluster)),
    }
    outputs = {"name": cluster["clusterName"], "arn": cluster["clusterArn"]}
    return Present(body=body, outputs=outputs, marks=our_marks, facts=facts, foreign=foreign)


def _namespace(body: Body) -> Json:
    return (body.get("serviceConnectDefaults") or {}).get("namespace")


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    for batch in batches(reader.pages("ecs", "ListClusters", "clusterArns"), 100):
        for cluster in reader.call("ecs", "DescribeClusters", clusters=batch, include=_INCLUDE).get("clusters", ()):
            observed = _observed(cluster, {})
            if isinstance(observed, Present) and observed.marks and belongs(observed, scope):
                yield Owned(marks=observed.marks, natural=cluster["clusterName"], present=observed)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=marks):
            body = with_marks(TAGGING, without(desired.body, *MEMBERS), marks)
            captures = {"name": ("cluster", "clusterName"), "arn": ("cluster", "clusterArn")}
            return (Call(service="ecs", operation="CreateCluster", params=body, captures=captures),)
        case Update():
            return _update(change)
        case Replace(observed=observed) | Delete(observed=observed):
            return _delete(observed)


def _update(change: Update) -> tuple[Call, ...]:
    differing = dict.fromkeys(str(one.path[0]) for one in change.fields)
    cluster = _natural(change.desired.body)
    calls = []
    sent = {member: _sent(change, member) for member in differing if member not in MEMBERS}
    if sent:
        calls.append(Call(service="ecs", operation="UpdateCluster", params={"cluster": cluster, **without_nones(sent)}))
    if any(member in MEMBERS for member in differing):
        params = {"cluster": cluster, **association(change.desired.body, change.observed.body)}
        calls.append(Call(service="ecs", operation="PutClusterCapacityProviders", params=params))
    return tuple(calls)


def _sent(change: Update, member: str) -> Json:
    """Return the value of a member for UpdateCluster; settings that are not declared keep their live value."""
    if member != "settings":
        return value_to_send(member, change.desired.body, change.observed, change.fields, RULES)
    declared = {one["name"]: one for one in change.desired.body.get("settings") or ()}
    live = {one["name"]: one for one in change.observed.body.get("settings") or ()}
    return list({**live, **declared}.values())


def _delete(observed: Present) -> tuple[Call, ...]:
    """Return the next safe call: detach the providers, then delete the cluster.

    No call while ECS changes the cluster, or while it holds instances, services or tasks.
    """
    cluster, facts = observed.outputs["name"], observed.facts
    if _updating(observed) or facts.get("status") == "DEPROVISIONING":
        return ()
    if any(name not in _BUILT_IN for name in observed.body.get("capacityProviders") or ()):
        params: Body = {"cluster": cluster, "capacityProviders": [], "defaultCapacityProviderStrategy": []}
        return (Call(service="ecs", operation="PutClusterCapacityProviders", params=params),)
    if _contents(observed):
        return ()
    return (Call(service="ecs", operation="DeleteCluster", params={"cluster": cluster}),)


def _contents(observed: Present) -> str:
    """Return what is still in a cluster: `2 services and 3 running tasks`; empty if nothing is."""
    found = [(observed.facts.get(count), what) for count, what in _CONTENT_COUNTS.items()]
    return " and ".join(f"{number} {what}{'s' if number != 1 else ''}" for number, what in found if number)


def _delete_waits(observed: Present) -> str:
    """Return why no call of a delete can be made now; empty if one can."""
    contents = _contents(observed)
    return f"not empty: {contents}" if contents and not _delete(observed) else ""


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _updating(present: Present) -> bool:
    return present.facts.get("attachmentsStatus") == "UPDATE_IN_PROGRESS"


def _adjust(body: Body, present: Present) -> Body:
    """Replace the name of the default namespace by the ARN that ECS returns."""
    defaults = body.get("serviceConnectDefaults")
    return {**body, "serviceConnectDefaults": with_namespace_arn(defaults, present.facts)} if defaults else body


def _unsettled(present: Present) -> Unsettled | None:
    """Return ECS's own work on a cluster. Services can use it meanwhile, unless ECS is still creating it."""
    status, attachments = present.facts.get("status"), present.facts.get("attachmentsStatus")
    if status == "FAILED" or attachments == "UPDATE_FAILED":
        return Unsettled(state="failed", why="ECS failed to attach the cluster's capacity providers", members=MEMBERS)
    if status == "DEPROVISIONING":
        return Unsettled(state="in progress", why="ECS is deleting the cluster", usable=False)
    if status == "PROVISIONING" or _updating(present):
        why = "ECS is attaching the cluster's capacity providers"
        return Unsettled(state="in progress", why=why, usable=status != "PROVISIONING", members=MEMBERS)
    return None


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "CapacityProviderStrategyItem": "base capacityProvider weight",
    "ClusterConfiguration": "executeCommandConfiguration managedStorageConfiguration",
    "ClusterServiceConnectDefaultsRequest": "namespace",
    "ClusterSetting": "name value",
    "CreateClusterRequest": (
        "capacityProviders clusterName configuration defaultCapacityProviderStrategy serviceConnectDefaults settings "
        "tags"
    ),
    "ExecuteCommandConfiguration": "kmsKeyId logConfiguration logging",
    "ExecuteCommandLogConfiguration": (
        "cloudWatchEncryptionEnabled cloudWatchLogGroupName s3BucketName s3EncryptionEnabled s3KeyPrefix"
    ),
    "ManagedStorageConfiguration": "fargateEphemeralStorageKmsKeyId kmsKeyId",
    "Tag": "key value",
}

KIND = Kind(
    name="Cluster",
    example="""
Cluster/main:
  clusterName: shop
  settings: [{name: containerInsights, value: enabled}]
  capacityProviders: ["${CapacityProvider/main}"]
""",
    natural=_natural,
    name_member="clusterName",
    primary="name",
    outputs=OUTPUTS["Cluster"],
    known=_known,
    invalidates={"replace": ("name", "arn")},
    tagging=TAGGING,
    shape=ShapeOf(operation="ecs.CreateCluster", describe="ecs.DescribeClusters:clusters[]"),
    reviewed=REVIEWED,
    constraints=capacity.CLUSTER,
    rules=RULES,
    read=_read,
    owned=_owned,
    from_describe=lambda live, _: present_of({"clusterName": "", "clusterArn": "", **live}),
    collections=(Collection(operation="ecs.ListAccountSettings", cadence="slow"),),
    reads=operations("ecs", "DescribeClusters", "ListClusters", "ListAccountSettings")
    | operations("servicediscovery", "ListNamespaces"),
    calls=_calls,
    adjust=_adjust,
    gate=gate,
    only_removes=only_removes,
    unsettled=_unsettled,
    delete_waits=_delete_waits,
    serial_domain=lambda body: str(_natural(body)),
    writes=operations("ecs", "CreateCluster", "UpdateCluster", "PutClusterCapacityProviders"),
    deletes=operations("ecs", "DeleteCluster", "PutClusterCapacityProviders"),
    rights=("iam:CreateServiceLinkedRole",),
)
