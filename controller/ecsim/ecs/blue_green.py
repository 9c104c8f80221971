"""Services that change target groups with each deployment: blue/green, and linear and canary simplified to it.

A deployment registers its tasks with the target group of the pair that serves nobody. When all are healthy, the
production rule's weights are moved over at once; the old tasks go when the bake time has passed.
"""

from __future__ import annotations

from ecsim.account.world import Body, World
from ecsim.ecs import task_lifecycle
from ecsim.ecs.store import Deployment, EcsRegion, Service
from ecsim.elbv2 import targets
from ecsim.elbv2.store import ElbRegion

ALTERNATE = "alternateTargetGroupArn"
RULES = ("productionListenerRule", "testListenerRule")


def pairs(body: Body) -> list[tuple[Body, tuple[str, str]]]:
    """The load balancers of a service that has pairs of target groups, with these."""
    if body.get("deploymentConfiguration", {}).get("strategy", "ROLLING") == "ROLLING":
        return []
    return [
        (balancer["advancedConfiguration"], (balancer["targetGroupArn"], balancer["advancedConfiguration"][ALTERNATE]))
        for balancer in body["loadBalancers"]
        if balancer.get("advancedConfiguration", {}).get(ALTERNATE) and balancer.get("targetGroupArn")
    ]


def begin(world: World, ecs: EcsRegion, service: Service, deployment: Deployment) -> None:
    """Give a new deployment the target groups that the last one through does not have, at no weight yet."""
    before = service.last_completed
    for advanced, (declared, alternate) in pairs(service.body):
        live = before.group(declared) if before is not None else declared
        if before is not None and live in (declared, alternate):
            deployment.groups[declared] = alternate if live == declared else declared
        _weigh(world.store(ElbRegion, ecs.region), advanced, (declared, alternate), live)
    targets.usage_changed(world, world.store(ElbRegion, ecs.region))


def _weigh(elb: ElbRegion, advanced: Body, pair: tuple[str, str], live: str) -> None:
    """Send all of a pair's traffic to one of the two, in the rules that the service names."""
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
    """Move the traffic when all new tasks are healthy; True when the old ones are not needed any more."""
    primary = service.primary
    if primary.shifted_at is None:
        tasks = service.tasks_of(primary)
        if sum(task_lifecycle.is_healthy(world, ecs, task) for task in tasks) < service.desired:
            return False
        primary.shifted_at = world.now
        for advanced, pair in pairs(service.body):
            _weigh(world.store(ElbRegion, ecs.region), advanced, pair, primary.group(pair[0]))
        targets.usage_changed(world, world.store(ElbRegion, ecs.region))
    bake = 60.0 * service.body["deploymentConfiguration"].get("bakeTimeInMinutes", 0)
    left = primary.shifted_at + bake - world.now
    if left <= 0 or len(service.deployments) == 1:
        return True
    world.after(left, service.look)
    return False
