"""Services that switch target groups at each deployment: blue/green; linear and canary are simulated as blue/green.

A deployment registers its tasks with the target group of the pair that has no traffic. When all its tasks are healthy,
the weights of the production rule change at once. The old tasks stop after the bake time.
"""

from __future__ import annotations

from ecsim.account.world import Body, World
from ecsim.ecs import code_deploy, pauses, task_lifecycle
from ecsim.ecs.store import Deployment, EcsRegion, Service
from ecsim.elbv2 import targets
from ecsim.elbv2.store import ElbRegion

ALTERNATE = "alternateTargetGroupArn"
RULES = ("productionListenerRule", "testListenerRule")


def pairs(body: Body) -> list[tuple[Body, tuple[str, str]]]:
    """Return each load balancer configuration of a service that has a pair of target groups, and the pair."""
    if body.get("deploymentConfiguration", {}).get("strategy", "ROLLING") == "ROLLING":
        return []
    return [
        (balancer["advancedConfiguration"], (balancer["targetGroupArn"], balancer["advancedConfiguration"][ALTERNATE]))
        for balancer in body["loadBalancers"]
        if balancer.get("advancedConfiguration", {}).get(ALTERNATE) and balancer.get("targetGroupArn")
    ]


def moves_traffic(service: Service) -> bool:
    """Return whether the deployment of a service moves the traffic when all its tasks are healthy."""
    return bool(pairs(service.body)) or service.primary.successor is not None


def begin(world: World, ecs: EcsRegion, service: Service, deployment: Deployment) -> None:
    """Give a new deployment the target groups that the last completed one does not use, with no weight yet."""
    before = service.last_completed
    for advanced, (declared, alternate) in pairs(service.body):
        live = before.group(declared) if before is not None else declared
        if before is not None and live in (declared, alternate):
            deployment.groups[declared] = alternate if live == declared else declared
        _weigh(world.store(ElbRegion, ecs.region), advanced, (declared, alternate), live)
    targets.usage_changed(world, world.store(ElbRegion, ecs.region))


def _weigh(elb: ElbRegion, advanced: Body, pair: tuple[str, str], live: str) -> None:
    """Send all traffic of a pair to one target group, in the rules that the service declares."""
    for member in RULES:
        rule = elb.rules.get(advanced.get(member, ""))
        for action in rule["Actions"] if rule else []:
            if action["Type"] != "forward":
                continue
            config = action["ForwardConfig"]
            known = [group["TargetGroupArn"] for group in config["TargetGroups"]]
            others = {group["TargetGroupArn"]: group for group in config["TargetGroups"]}
            ordered = [*known, *(arn for arn in pair if arn not in known)]
            config["TargetGroups"] = [
                {"TargetGroupArn": arn, "Weight": 100 if arn == live else 0} if arn in pair else others[arn]
                for arn in ordered
            ]
            action.pop("TargetGroupArn", None)


def taken_over(world: World, ecs: EcsRegion, service: Service) -> bool:
    """Shift the traffic if all new tasks are healthy. Returns True if the old tasks can stop."""
    primary = service.primary
    if primary.shifted_at is None:
        tasks = service.tasks_of(primary)
        if sum(task_lifecycle.is_healthy(world, ecs, task) for task in tasks) < service.desired:
            return False
        if not pauses.passed(world, service, pauses.BEFORE):
            return False
        primary.shifted_at = world.now
        if primary.successor is not None:
            code_deploy.shift(world, ecs, service, primary.successor)
        for advanced, pair in pairs(service.body):
            _weigh(world.store(ElbRegion, ecs.region), advanced, pair, primary.group(pair[0]))
        targets.usage_changed(world, world.store(ElbRegion, ecs.region))
    if not pauses.passed(world, service, pauses.AFTER):
        return False
    bake = 60.0 * service.body["deploymentConfiguration"].get("bakeTimeInMinutes", 0)
    left = primary.shifted_at + max(bake, primary.wait) - world.now
    if left <= 0 or len(service.deployments) == 1:
        return True
    world.after(left, service.wake)
    return False
