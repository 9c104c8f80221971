"""Measure how the CPU time of one application grows with its size: `python -m benchmarks.scaling [SERVICES …]`.

Each service has eight documents. `load` reads and checks the manifests, `graph` orders the steps, and `plan` compares
every resource with a live one that is in sync and derives its status. The exponent is the slope of log CPU over log
services between the last size and the one a tenth of it: 1 is linear, 2 is quadratic. Garbage collection is on, with
the thresholds of the command.
"""

from __future__ import annotations

import gc
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ecsync import cli, wiring
from ecsync.awsmodel import shapes
from ecsync.config import Settings
from ecsync.core import graph, marks, ownership, plan, status
from ecsync.core.inputs import Inputs
from ecsync.core.model import Absent, Application, Desired, Documents, Key, Marks, Observed, Present, Target
from ecsync.core.ports import Snapshot
from ecsync.engine.catalogue import Catalogue
from ecsync.kinds import BY_NAME
from ecsync.kinds.application_autoscaling._shared import with_identity
from ecsync.language.manifest import Loaded, load

SIZES = (10, 30, 100, 300, 1000)
ROUNDS = 3
ACCOUNT, REGION = "123456789012", "eu-west-1"
T = TypeVar("T")

SHARED = """apiVersion: ecsync/v1
kind: Application
metadata: {name: shop}
spec: {target: {region: eu-west-1}, manage: [all], sync: {mode: enforce}}
---
resources:
  Network/main: {default: true}
  Cluster/main: {clusterName: shop}
  Role/execution:
    RoleName: execution
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}]
  LoadBalancer/web: {Name: web, Subnets: "${Network/main.publicSubnetIds}"}
  Listener/http:
    LoadBalancerArn: ${LoadBalancer/web}
    Protocol: HTTP
    Port: 80
    DefaultActions:
      - Type: fixed-response
        FixedResponseConfig: {StatusCode: 404, ContentType: text/plain, MessageBody: nothing here}
"""
SERVICE = """resources:
  LogGroup/api-NUMBER: {logGroupName: /shop/api-NUMBER, retentionInDays: 14}
  TaskDefinition/api-NUMBER:
    family: api-NUMBER
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    executionRoleArn: ${Role/execution.arn}
    containerDefinitions:
      - name: web
        image: api:1
        portMappings: [{containerPort: 80}]
        logConfiguration:
          logDriver: awslogs
          options: {awslogs-group: "${LogGroup/api-NUMBER}", awslogs-region: eu-west-1, awslogs-stream-prefix: web}
  TargetGroup/api-NUMBER: {Name: api-NUMBER, Protocol: HTTP, Port: 80, TargetType: ip, VpcId: "${Network/main}"}
  ListenerRule/api-NUMBER:
    ListenerArn: ${Listener/http}
    Priority: PRIORITY
    Conditions: [{Field: path-pattern, Values: ["/api-NUMBER/*"]}]
    Actions: [{Type: forward, TargetGroupArn: "${TargetGroup/api-NUMBER}"}]
  Service/api-NUMBER:
    cluster: ${Cluster/main}
    taskDefinition: ${TaskDefinition/api-NUMBER}
    launchType: FARGATE
    desiredCount: 2
    networkConfiguration: {awsvpcConfiguration: {subnets: "${Network/main.publicSubnetIds}"}}
    loadBalancers: [{targetGroupArn: "${TargetGroup/api-NUMBER}", containerName: web, containerPort: 80}]
  ScalableTarget/api-NUMBER: {Service: "${Service/api-NUMBER}", MinCapacity: 2, MaxCapacity: 10}
  ScalingPolicy/api-NUMBER:
    PolicyName: cpu
    Service: ${Service/api-NUMBER}
    PolicyType: TargetTrackingScaling
    TargetTrackingScalingPolicyConfiguration:
      TargetValue: 60
      PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
  ScheduledAction/api-NUMBER:
    ScheduledActionName: evening
    Service: ${Service/api-NUMBER}
    Schedule: cron(0 20 * * ? *)
    ScalableTargetAction: {MinCapacity: 2, MaxCapacity: 4}
"""


def manifests(services: int) -> dict[str, bytes]:
    """Return the manifests of one application: a file of shared resources, and one file for each service."""
    files = {"shared.yaml": SHARED.encode()}
    for number in range(services):
        text = SERVICE.replace("NUMBER", str(number)).replace("PRIORITY", str(number + 1))
        files[f"api-{number}.yaml"] = text.encode()
    return files


def load_files(files: dict[str, bytes]) -> Loaded:
    """Load the manifests with every kind."""
    snapshot = Snapshot(revision="1", files=files)
    return load(snapshot, kinds=BY_NAME, shape_of=shapes.load, environment={}, root_name="shop")


def loaded(files: dict[str, bytes]) -> Application:
    """Return the application that the manifests declare."""
    found = load_files(files)
    assert not found.problems, found.problems[0]
    (application,) = found.applications
    return application


def first_catalogue(files: dict[str, bytes]) -> Catalogue:
    """Return the catalogue of a process that reads these manifests first."""
    workspace = wiring.workspace(Settings(), "shop", read_only=True)
    return workspace.catalogue(Snapshot(revision="1", files=files))


def unread(application: Application) -> Inputs:
    """Return the inputs of a plan for an empty account."""
    world: dict[Key, Observed] = {desired.key: Absent() for desired in application.resources}
    target = Target(account=ACCOUNT, region=REGION)
    return Inputs(application=application, kinds=BY_NAME, world=world, target=target, installation="prod")


def in_sync(inputs: Inputs) -> Inputs:
    """Return the inputs with a live resource for every document: its content, and our marks."""
    world: dict[Key, Observed] = {}
    made = replace(inputs, world=world)
    for step in graph.order(graph.edges(inputs.application.documents, BY_NAME)):
        desired = inputs.desired(step.key)
        if desired is not None:
            world[step.key] = _live(made, desired)
    return made


def _live(inputs: Inputs, desired: Desired) -> Present:
    key, kind = desired.key, BY_NAME[desired.key.kind]
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:{key.kind.lower()}/shop/{key.name}"
    outputs: dict[str, str | tuple[str, ...]] = {
        name: (f"{arn}/{name}",) if name in kind.list_outputs else arn if name == "arn" else f"{key.name}-{name}"
        for name in kind.outputs
    }
    outputs |= kind.known(desired.body)
    resolved = inputs.resolved(desired)
    tags = ownership.tags_for(inputs, resolved, desired)
    ours = marks.read(tags) if tags else Marks(owner=ownership.owner_of(inputs, key), id="")
    body = with_identity(resolved.body) if key.kind.startswith("Sc") else resolved.body
    return Present(body=body, outputs=outputs, marks=ours)


def planned(inputs: Inputs) -> int:
    """Plan and derive the statuses; return the number of steps."""
    found = plan.build(inputs)
    status.statuses(inputs, found, {})
    status.summary(found)
    return len(found.steps)


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    """Return the least CPU seconds of `ROUNDS` rounds, and the result."""
    best = math.inf
    for _ in range(ROUNDS):
        gc.collect()
        started = time.process_time()
        made = work()
        best = min(best, time.process_time() - started)
        result = made  # frees the one before, outside of the measured time
    return best, result


def measured(services: int) -> dict[str, float]:
    """Return the CPU seconds of each part for one size."""
    gc.set_threshold(*cli.COLLECTION)
    files = manifests(services)
    spent: dict[str, float] = {}
    spent["load"], catalogue = seconds(lambda: first_catalogue(files))
    (application,) = catalogue.applications.values()
    spent["graph"], _ = seconds(lambda: graph.order(graph.edges(Documents(application.resources), BY_NAME)))
    empty = unread(application)
    synced = in_sync(empty)
    spent["plan, in sync"], steps = seconds(lambda: planned(synced))
    assert steps == 0, f"{steps} steps"
    spent["plan, all new"], steps = seconds(lambda: planned(empty))
    assert steps >= services
    return spent


def main(sizes: tuple[int, ...]) -> None:
    """Measure and print the table."""
    measured(1)  # reads AWS's shapes once
    print(f"{'services':>8}  {'part':<16}{'CPU s':>10}{'ms/service':>12}")
    table: dict[int, dict[str, float]] = {}
    for services in sizes:
        table[services] = measured(services)
        for part, spent in table[services].items():
            print(f"{services:>8}  {part:<16}{spent:>10.3f}{spent / services * 1e3:>12.2f}", flush=True)
    found = exponents(table)
    if found:
        print("\nexponent between the largest size and the one a tenth of it (1: linear)")
        for part, slope in found.items():
            print(f"{'':>8}  {part:<16}{slope:>10.2f}")


def exponents(table: dict[int, dict[str, float]]) -> dict[str, float]:
    """Return the exponent of each part between the largest size and the largest of those up to a tenth of it."""
    largest = max(table)
    smaller = max((size for size in table if size * 10 <= largest), default=largest)
    return {
        part: math.log(spent / table[smaller][part]) / math.log(largest / smaller)
        for part, spent in table[largest].items()
        if smaller < largest
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--json"]:
        measured(1)
        every = {size: measured(size) for size in (10, 100, 1000)}
        print(json.dumps({"spent": every, "exponents": exponents(every)}))
    else:
        main(tuple(map(int, sys.argv[1:])) or SIZES)
