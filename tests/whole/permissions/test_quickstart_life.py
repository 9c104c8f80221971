"""The quickstart with its own policies enforced: every call of its life is allowed, and no statement is idle."""

from __future__ import annotations

import pytest

from ecsim import Simulator
from ecsync.aws.clients import Clients
from ecsync.core import marks
from tests.whole.permissions.recorded import MANIFESTS, Life, checks_of, denied, policies_of, use, without_need
from tests.whole.support.environment import REGION, SETTLE_SECONDS, Environment

STACK = MANIFESTS / "quickstart"
NOTHING = """
apiVersion: ecsync/v1
resources:
  Network/main: {default: true}
"""


@pytest.fixture(scope="module")
def life(simulator: Simulator, clients: Clients, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """The whole life of the stack, recorded: create, look, drift, repair, replace, adopt, prune."""
    manifests = tmp_path_factory.mktemp("quickstart") / "manifests"
    manifests.mkdir()
    environment = Environment(simulator, clients, manifests)
    use(environment, "quickstart")
    environment.reset(settling=True)
    life = Life(environment, REGION)
    _create(life)
    _drift(life)
    life.look(policies_of(STACK, "observe"))
    _repair_change_and_replace(life)
    _adopt(life)
    _prune(life)
    return life


def _create(life: Life) -> None:
    with life.enforced("apply", policies_of(STACK, "apply")):
        life.controller.converge()


def _drift(life: Life) -> None:
    elb = life.owner("elbv2")
    group = elb.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group(TargetGroupArn=group, HealthCheckPath="/other")
    life.owner("ecs").update_service(cluster="quickstart", service="web", desiredCount=1)
    life.owner("logs").put_retention_policy(logGroupName="/quickstart/web", retentionInDays=1)


def _repair_change_and_replace(life: Life) -> None:
    with life.enforced("apply", policies_of(STACK, "apply")):
        life.controller.converge(pause=SETTLE_SECONDS)
        edit(life, "tags: {team: quickstart}", "tags: {team: changed}")
        edit(life, "retentionInDays: 14", "retentionInDays: 30")
        edit(life, "FromPort: 80, ToPort: 80, IpRanges", "FromPort: 80, ToPort: 81, IpRanges", "network.yaml")
        edit(life, "HealthCheckIntervalSeconds: 10", "HealthCheckIntervalSeconds: 15", "network.yaml")
        life.controller.read()
        life.controller.converge(pause=SETTLE_SECONDS)
        edit(life, "    Port: 80\n    TargetType: ip", "    Port: 8080\n    TargetType: ip", "network.yaml")
        life.controller.read()
        life.controller.converge(pause=SETTLE_SECONDS)
        life.settle()


def edit(life: Life, old: str, new: str, file: str = "service.yaml") -> None:
    """Replace a text in a manifest."""
    life.environment.edit(old, new, file)


def _adopt(life: Life) -> None:
    """Take the marks off a resource of each service that knows at which create a tag is written, and adopt it."""
    ecs, elb, ec2 = life.owner("ecs"), life.owner("elbv2"), life.owner("ec2")
    keys = [marks.OWNER, marks.ID, marks.APPLIED]
    ecs.untag_resource(
        resourceArn=ecs.describe_clusters(clusters=["quickstart"])["clusters"][0]["clusterArn"], tagKeys=keys
    )
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    elb.remove_tags(ResourceArns=[balancer], TagKeys=keys)
    group = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["quickstart-web"]}])
    ec2.delete_tags(Resources=[group["SecurityGroups"][0]["GroupId"]], Tags=[{"Key": key} for key in keys])
    with life.enforced("apply", policies_of(STACK, "apply")):
        life.adopt("Cluster/main", "LoadBalancer/web", "SecurityGroup/web")
        life.controller.converge(pause=SETTLE_SECONDS)


def _prune(life: Life) -> None:
    for file in ("network.yaml", "service.yaml"):
        (life.environment.manifests / file).unlink()
    (life.environment.manifests / "nothing.yaml").write_text(NOTHING)
    edit(life, "mode: enforce", "prune: true\n    pruneLimit: 30\n    mode: enforce", "application.yaml")
    life.controller.read()
    with life.enforced("prune", policies_of(STACK, "prune")):
        life.settle()


@pytest.mark.parametrize("mode", ["observe", "apply", "prune"])
def test_no_call_of_the_life_is_denied(life: Life, mode: str) -> None:
    """Every recorded call was allowed by the policies of its mode."""
    assert life.calls[mode]  # type: ignore[index]
    assert denied(life.calls[mode]) == []  # type: ignore[index]


def test_plan_and_status_need_the_observe_policy_alone(life: Life) -> None:
    """Both end as they do without a policy, and so does a pass of a daemon without --enforce."""
    assert {one.code for one in life.answers} == {0}, life.answers
    assert all("desiredCount: 1 → 2 [drift]" in one.out for one in life.answers)


@pytest.mark.parametrize("mode", ["observe", "apply", "prune"])
def test_no_statement_can_be_left_out(life: Life, mode: str) -> None:
    """Without any one statement, some recorded call is denied."""
    checks = checks_of(life.until(mode))  # type: ignore[arg-type]
    assert without_need(policies_of(STACK, mode), checks) == []  # type: ignore[arg-type]
