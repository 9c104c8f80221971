"""What moto's EC2 does not refuse."""

from __future__ import annotations

from ecsim.account.errors import AwsError
from ecsim.account.world import Call
from ecsim.moto import seams


def check_delete_security_group(call: Call) -> None:
    """A security group stays while a load balancer, a task, an instance or another group's rule uses it."""
    group = call.params.get("GroupId")
    if group is None:
        return
    users = [group in balancer["SecurityGroups"] for balancer in call.elb.load_balancers.values()]
    users += [group in task.security_groups for task in call.ecs.tasks.values() if task.last != "STOPPED"]
    users += [group in i.security_groups for owner in call.groups.groups.values() for i in owner.instances]
    if any(users) or seams.group_is_referenced(call.world.settings.account, call.region, group):
        raise AwsError("DependencyViolation", f"resource {group} has a dependent object")
