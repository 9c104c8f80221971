"""The lives of the stacks of `manifests/`: create, drift, look, repair, change, replace, adopt, prune."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ecsync import wiring
from ecsync.config import Settings
from ecsync.core import marks
from ecsync.wiring import seeding
from tests.whole.permissions.recorded import MANIFESTS, Life, policies_of
from tests.whole.support.environment import INSTALLATION, SETTLE_SECONDS, Environment

OURS = [marks.OWNER, marks.ID, marks.APPLIED]
Edits = tuple[tuple[str, str, str], ...]  # file, old text, new text


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack: what other clients of the account do to it, and how its manifests change."""

    name: str
    region: str
    drift: Callable[[Life], object]  # what another client changes
    changes: Edits = ()
    replacement: Edits = ()
    unmark: Callable[[Life], object] = lambda _: None  # another client takes marks off
    adopted: tuple[str, ...] = ()
    prepare: Callable[[Life], object] = lambda _: None
    nothing: str = "apiVersion: ecsync/v1\nresources: {}\n"  # what is left in the manifests at the end
    mode: tuple[str, str] = ("mode: enforce", "prune: true\n    pruneLimit: 30\n    mode: enforce")


def lived(stack: Stack, environment: Environment) -> Life:
    """Return the recorded life of a stack. The policies are those of the manifests before they change."""
    where = MANIFESTS / stack.name
    life = Life(environment, where, stack.region)
    stack.prepare(life)
    with life.enforced("apply", policies_of(where, "apply")):
        life.controller.converge(pause=SETTLE_SECONDS)
    stack.drift(life)
    life.look(policies_of(where, "observe"))
    with life.enforced("apply", policies_of(where, "apply")):
        life.controller.converge(pause=SETTLE_SECONDS)
        for edits in filter(None, (stack.changes, stack.replacement)):
            _edit(life, edits)
            life.controller.converge(pause=SETTLE_SECONDS)
        life.settle()
    stack.unmark(life)
    with life.enforced("apply", policies_of(where, "apply")):
        life.adopt(*stack.adopted)
        life.controller.converge(pause=SETTLE_SECONDS)
    _remove_documents(life, stack)
    with life.enforced("prune", policies_of(where, "prune")):
        life.settle()
    return life


def _edit(life: Life, edits: Edits) -> None:
    for file, old, new in edits:
        life.environment.edit(old, new, file)
    life.controller.read()


def _remove_documents(life: Life, stack: Stack) -> None:
    for file in life.environment.manifests.glob("*.yaml"):
        if file.name != "application.yaml":
            file.unlink()
    (life.environment.manifests / "nothing.yaml").write_text(stack.nothing)
    _edit(life, (("application.yaml", *stack.mode),))


# ---------------------------------------------------------------- what other clients do


def _take_marks(life: Life, cluster: str, group: str) -> None:
    """Take the marks off a cluster, a load balancer and a security group."""
    ecs, elb, ec2 = life.owner("ecs"), life.owner("elbv2"), life.owner("ec2")
    arn = ecs.describe_clusters(clusters=[cluster])["clusters"][0]["clusterArn"]
    ecs.untag_resource(resourceArn=arn, tagKeys=OURS)
    elb.remove_tags(ResourceArns=[elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]], TagKeys=OURS)
    found = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [group]}])["SecurityGroups"]
    ec2.delete_tags(Resources=[found[0]["GroupId"]], Tags=[{"Key": key} for key in OURS])


def _change_health_check(life: Life) -> None:
    elb = life.owner("elbv2")
    group = elb.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group(TargetGroupArn=group, HealthCheckPath="/other")


def _quickstart_drifts(life: Life) -> None:
    _change_health_check(life)
    life.owner("ecs").update_service(cluster="quickstart", service="web", desiredCount=1)
    life.owner("logs").put_retention_policy(logGroupName="/quickstart/web", retentionInDays=1)


def _tilog_is_prepared(life: Life) -> None:
    """Create the VPC that the stack looks up, as `run --aws simulated` does."""
    where = str(MANIFESTS / "tilog")
    workspace = wiring.workspace(Settings(), where, read_only=True)
    catalogue = workspace.catalogue(workspace.source(where).fetch())
    assert list(seeding.seed(catalogue, Settings(), life.environment.simulator.url))


def _tilog_drifts(life: Life) -> None:
    _change_health_check(life)
    life.owner("ecs").update_service(cluster="tilog", service="tilog", desiredCount=0)
    life.owner("logs").put_retention_policy(logGroupName="firelens-container", retentionInDays=1)
    _change_scaling(life, "service/tilog/tilog")


def _nightly_is_prepared(life: Life) -> None:
    """Create the service that the stack scales; it is not declared there."""
    ecs = life.owner("ecs")
    ecs.create_cluster(clusterName="shop")
    life.environment.simulator.advance(60)  # until the service-linked role works
    container = {"name": "api", "image": "nginx", "memory": 128}
    ecs.register_task_definition(family="api", containerDefinitions=[container])
    ecs.create_service(cluster="shop", serviceName="api", taskDefinition="api", desiredCount=2)


def _nightly_drifts(life: Life) -> None:
    _change_scaling(life, "service/shop/api")
    trust = '{"Version": "2012-10-17", "Statement": []}'
    life.owner("iam").create_role(RoleName="other", Path=f"/ecsync/{INSTALLATION}/", AssumeRolePolicyDocument=trust)


def _change_scaling(life: Life, service: str) -> None:
    dimension = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
    client = life.owner("application-autoscaling")
    client.register_scalable_target(**dimension, ResourceId=service, MaxCapacity=5)


STACKS: Mapping[str, Stack] = {
    "quickstart": Stack(
        name="quickstart",
        region="eu-west-1",
        drift=_quickstart_drifts,
        changes=(
            ("service.yaml", "tags: {team: quickstart}", "tags: {team: changed}"),
            ("service.yaml", "retentionInDays: 14", "retentionInDays: 30"),
            ("network.yaml", "FromPort: 80, ToPort: 80, IpRanges", "FromPort: 80, ToPort: 81, IpRanges"),
            ("network.yaml", "HealthCheckIntervalSeconds: 10", "HealthCheckIntervalSeconds: 15"),
        ),
        replacement=(("network.yaml", "    Port: 80\n    TargetType: ip", "    Port: 8080\n    TargetType: ip"),),
        unmark=lambda life: _take_marks(life, "quickstart", "quickstart-web"),
        adopted=("Cluster/main", "LoadBalancer/web", "SecurityGroup/web"),
        nothing="apiVersion: ecsync/v1\nresources:\n  Network/main: {default: true}\n",
    ),
    "tilog": Stack(
        name="tilog",
        region="ap-northeast-2",
        prepare=_tilog_is_prepared,
        drift=_tilog_drifts,
        changes=(
            ("network.yaml", "      ToPort: 80\n", "      ToPort: 81\n"),
            ("network.yaml", "deregistration_delay.timeout_seconds: 60", "deregistration_delay.timeout_seconds: 30"),
            ("service.yaml", "scanOnPush: true", "scanOnPush: false"),
            ("service.yaml", "TargetValue: 60", "TargetValue: 50"),
            ("cluster.yaml", "MaxSize: 3", "MaxSize: 4"),
            ("cluster.yaml", "      value: enabled", "      value: disabled"),
        ),
        replacement=(("network.yaml", "  Port: 80\n  TargetType", "  Port: 8080\n  TargetType"),),
        unmark=lambda life: _take_marks(life, "tilog", "tilog-instances"),
        adopted=("Cluster/tilog", "LoadBalancer/tilog", "SecurityGroup/instances"),
        nothing="apiVersion: ecsync/v1\nresources:\n  Network/main: {tags: {Name: tilog-vpc}}\n",
    ),
    "nightly": Stack(
        name="nightly",
        region="eu-west-1",
        prepare=_nightly_is_prepared,
        drift=_nightly_drifts,
        changes=(("scaling.yaml", "cron(0 7 * * ? *)", "cron(0 6 * * ? *)"),),
        mode=("  sync: {mode: enforce}\n", "  sync: {mode: enforce, prune: true, pruneLimit: 30}\n"),
    ),
}
