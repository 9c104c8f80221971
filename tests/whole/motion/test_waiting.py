"""States that AWS prints decide, and everything that waits has a reason that names what it waits for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecsync.core.outcome import Failed
from ecsync.engine.daemon_parts import result
from tests.whole.support.environment import REGION, SETTLE_SECONDS, Controller, Environment, operations

APPLICATION = f"""
apiVersion: ecsync/v1
kind: Application
metadata: {{name: app}}
spec:
  target: {{region: {REGION}}}
  manage: [all]
  sync: {{mode: enforce, interval: 30s, prune: true}}
---
apiVersion: ecsync/v1
"""
PROVIDER = """
resources:
  Network/main: {default: true}
  Cluster/main: {clusterName: cpf, capacityProviders: ["${CapacityProvider/ec2}"]}
  LaunchTemplate/n: {LaunchTemplateName: cpf, LaunchTemplateData: {ImageId: ami-12345678, InstanceType: t3.small}}
  AutoScalingGroup/n:
    AutoScalingGroupName: cpf
    MinSize: 0
    MaxSize: 2
    VPCZoneIdentifier: "${Network/main.subnetIds}"
    LaunchTemplate: {LaunchTemplateId: "${LaunchTemplate/n}", Version: $Latest}
  CapacityProvider/ec2:
    name: cpf-ec2
    autoScalingGroupProvider:
      autoScalingGroupArn: "${AutoScalingGroup/n.arn}"
      managedScaling: {status: ENABLED, targetCapacity: 50}
"""
MANAGED = """
resources:
  Network/main: {default: true}
  Cluster/main:
    clusterName: mi
    capacityProviders: ["${CapacityProvider/mi}"]
    defaultCapacityProviderStrategy: [{capacityProvider: "${CapacityProvider/mi}", weight: 1}]
  CapacityProvider/mi:
    name: mi-default
    cluster: ${Cluster/main}
    managedInstancesProvider:
      infrastructureRoleArn: arn:aws:iam::123456789012:role/ecsInfrastructureRole
      instanceLaunchTemplate:
        ec2InstanceProfileArn: arn:aws:iam::123456789012:instance-profile/ecsInstanceRole
        networkConfiguration: {subnets: "${Network/main.subnetIds}"}
"""
TASKS = """
resources:
  Network/main: {default: true}
  Cluster/td: {}
  TaskDefinition/td:
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    containerDefinitions: [{name: w, image: "nginx:1"}]
  Service/td:
    cluster: ${Cluster/td}
    taskDefinition: ${TaskDefinition/td}
    launchType: FARGATE
    networkConfiguration: {awsvpcConfiguration: {subnets: "${Network/main.publicSubnetIds}"}}
    desiredCount: 1
"""
REASON = "The capacity provider could not be updated because of an internal error. Try again."


class Stack:
    """An application of one file, and its controller."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.environment = environment
        self.file = folder / "app.yaml"
        self.controller: Controller

    def declare(self, resources: str) -> None:
        """Write the manifest, and read it."""
        self.file.write_text(APPLICATION + resources)
        if not hasattr(self, "controller"):
            self.controller = self.environment.controller(self.file.parent)
        self.controller.read()

    def converge(self, resources: str) -> Controller:
        """Converge the manifest."""
        self.declare(resources)
        self.controller.converge(pause=SETTLE_SECONDS)
        return self.controller

    def aws(self, operation: str, **params: object) -> object:
        """Make a call of another client to ECS."""
        return getattr(self.environment.aws("ecs"), operation)(**params)


@pytest.fixture
def stack(environment: Environment, tmp_path: Path) -> Stack:
    """An empty account in which changes take time, and an empty folder."""
    environment.reset(settling=True)
    folder = tmp_path / "app"
    folder.mkdir()
    return Stack(environment, folder)


@pytest.fixture
def failing(stack: Stack) -> Controller:
    """A controller with a change of a capacity provider that ECS gives up."""
    controller = stack.converge(PROVIDER)
    controller.events.clear()
    stack.environment.simulator.fail_provider("cpf-ec2", REASON)
    stack.declare(PROVIDER.replace("targetCapacity: 50", "targetCapacity: 80"))
    return controller


def test_a_provider_that_ecs_cannot_update_is_a_failed_step_that_is_retried_slowly(failing: Controller) -> None:
    """Once in fifteen minutes, with ECS's reason; no drift, no update and no success is reported."""
    with failing.environment.writes() as writes:
        failing.run_passes(28, every=30)
    assert operations(writes).count("ecs.UpdateCapacityProvider") == 1
    (failed,) = (one for one in failing.outcomes["app"].results.values() if isinstance(one, Failed))
    assert (failed.error, failed.retry) == (f"UPDATE_FAILED: {REASON}", "slow")
    status = failing.status("CapacityProvider/ec2")
    assert (status.sync, status.health.status, {one.reason for one in status.fields}) == (
        "OutOfSync",
        "Degraded",
        {"pending"},
    )
    types = {event.type for event in failing.events}
    assert not {"drift.detected", "resource.updated", "sync.succeeded"} & types
    with failing.environment.writes() as later:
        failing.run_passes(28, every=30)
    assert operations(later).count("ecs.UpdateCapacityProvider") == 1


def test_a_new_process_tries_it_once(failing: Controller) -> None:
    """A restart is no reason for more calls."""
    failing.run_passes(4)
    started = failing.environment.controller(failing.where)
    with failing.environment.writes() as writes:
        started.run_passes(10)
    assert operations(writes).count("ecs.UpdateCapacityProvider") == 1


def test_a_provider_that_ecs_updates_again_converges(failing: Controller) -> None:
    """The next try succeeds."""
    failing.run_passes(4)
    failing.environment.simulator.fail_provider("cpf-ec2", None)
    failing.environment.simulator.advance(1200)
    failing.converge()
    assert failing.events_of_type("sync.succeeded")


def test_an_update_in_progress_is_waited_for_without_a_call(stack: Stack) -> None:
    """The step is progressing with ECS's state; one call is made."""
    controller = stack.converge(PROVIDER)
    stack.declare(PROVIDER.replace("targetCapacity: 50", "targetCapacity: 80"))
    with stack.environment.writes() as writes:
        controller.run_pass()
        controller.run_passes(3, every=2)
        status = controller.status("CapacityProvider/ec2")
        assert (status.health.status, "UPDATE_IN_PROGRESS" in status.health.why) == ("Progressing", True)
        controller.converge()
    assert operations(writes).count("ecs.UpdateCapacityProvider") == 1
    assert [str(event.key) for event in controller.events_of_type("resource.updated")][-1:] == ["CapacityProvider/ec2"]


def test_the_association_of_a_provider_waits_until_the_provider_is_there(stack: Stack) -> None:
    """No call is refused, and what ECS fills in is no difference."""
    stack.declare(MANAGED)
    stack.controller.run_pass()
    stack.controller.run_pass()
    waits = [str(one) for one in stack.controller.outcomes["app"].results.values()]
    assert any("waits for CapacityProvider/mi: ECS is creating the capacity provider" in one for one in waits)
    stack.controller.converge()
    assert [entry for entry in stack.environment.simulator.ledger.entries(0) if not entry.ok] == []
    assert stack.controller.plan("app").steps == ()


def test_a_provider_that_ecs_cannot_create_is_degraded_and_its_association_is_not_sent(stack: Stack) -> None:
    """The reasons are those of ECS, and of the resource that is not there."""
    stack.environment.simulator.fail_provider("mi-default", "The role cannot be assumed.")
    stack.declare(MANAGED)
    stack.controller.run_passes(6)
    provider, cluster = stack.controller.status("CapacityProvider/mi"), stack.controller.status("Cluster/main")
    assert (provider.health.status, provider.health.why) == ("Degraded", "CREATE_FAILED: The role cannot be assumed.")
    assert cluster.message == "waits for CapacityProvider/mi: CREATE_FAILED: The role cannot be assumed."
    refused = [entry for entry in stack.environment.simulator.ledger.entries(0) if not entry.ok]
    assert refused == []


def test_what_a_withheld_resource_is_needed_for_is_not_sent(stack: Stack) -> None:
    """The reason names the resource."""
    stack.file.write_text((APPLICATION + PROVIDER).replace("manage: [all]", "manage: [Cluster, LaunchTemplate]"))
    stack.controller = stack.environment.controller(stack.file.parent)
    stack.controller.run_passes(2)
    assert stack.controller.status("Cluster/main").message == "waits for CapacityProvider/ec2, which is not there"


def test_the_daemon_and_the_plan_agree_on_a_deregistered_revision(stack: Stack) -> None:
    """It is registered again, and the service moves to the new revision."""
    controller = stack.converge(TASKS)
    (arn,) = stack.environment.aws("ecs").list_task_definitions(familyPrefix="td")["taskDefinitionArns"]
    stack.aws("deregister_task_definition", taskDefinition=arn)
    planned = [str(step.id) for step in stack.environment.controller(stack.file.parent).plan("app").steps]
    with stack.environment.writes() as writes:
        controller.run_pass()
    assert planned == ["TaskDefinition/td", "Service/td"]
    assert operations(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]


def test_a_cluster_with_a_foreign_service_is_not_deleted_and_has_the_reason(stack: Stack) -> None:
    """No call is made; nothing is called "deleting"."""
    controller = stack.converge("resources:\n  Cluster/old: {}\n  LogGroup/keepme: {}\n")
    environment = stack.environment
    definition = environment.aws("ecs").register_task_definition(
        family="foreign", containerDefinitions=[{"name": "w", "image": "nginx:1", "memory": 64}]
    )["taskDefinition"]["taskDefinitionArn"]
    stack.aws("create_service", cluster="old", serviceName="foreign", taskDefinition=definition, desiredCount=0)
    stack.declare("resources:\n  LogGroup/keepme: {}\n")
    with environment.writes() as writes:
        controller.run_passes(3)
    (step, result), *_ = controller.outcomes["app"].results.items()
    assert (str(step), getattr(result, "why", "")) == ("Cluster/old", "not empty: 1 service")
    assert operations(writes) == []


def test_a_pass_that_writes_nothing_is_not_changed(stack: Stack) -> None:
    """An unclaimed cluster is skipped in every pass."""
    stack.aws("create_cluster", clusterName="taken")
    stack.declare("resources:\n  Cluster/taken: {}\n  LogGroup/fresh: {}\n")
    controller = stack.controller
    controller.run_passes(2)
    with stack.environment.writes() as writes:
        controller.run_passes(2)
    assert (operations(writes), result(controller.outcomes["app"])) == ([], "synced")


def test_a_change_for_new_tasks_is_marked_in_the_plan(stack: Stack) -> None:
    """Running tasks are not changed: a person forces a deployment where they need it."""
    controller = stack.converge(TASKS)
    stack.declare(TASKS + "    enableExecuteCommand: true\n    propagateTags: SERVICE\n")
    (step,) = controller.plan("app").steps
    assert {one.effect for one in step.fields} == {"new-tasks"}
    controller.converge()
