"""Every AWS kind that ecsync knows. To add one: a file beside this, and one line in `ALL`."""

from __future__ import annotations

from ecsync.core.kind import Kind
from ecsync.kinds.application_autoscaling import scalable_target, scaling_policy, scheduled_action
from ecsync.kinds.autoscaling import auto_scaling_group
from ecsync.kinds.ec2 import launch_template, network, security_group
from ecsync.kinds.ecr import repository
from ecsync.kinds.ecs import capacity_provider, cluster, service, task_definition
from ecsync.kinds.elbv2 import listener, listener_rule, load_balancer, target_group
from ecsync.kinds.iam import role
from ecsync.kinds.logs import log_group

# In the order in which they are observed: what identifies a resource comes before it. Service comes before Listener and
# ListenerRule, whose weights ECS may own for it, and before TaskDefinition, whose live revision is first looked for
# where a service runs it (rule 17).
ALL: tuple[Kind, ...] = (
    network.KIND,
    security_group.KIND,
    role.KIND,
    log_group.KIND,
    repository.KIND,
    launch_template.KIND,
    auto_scaling_group.KIND,
    capacity_provider.KIND,
    cluster.KIND,
    target_group.KIND,
    load_balancer.KIND,
    service.KIND,
    listener.KIND,
    listener_rule.KIND,
    scalable_target.KIND,
    scaling_policy.KIND,
    scheduled_action.KIND,
    task_definition.KIND,
)

BY_NAME = {kind.name: kind for kind in ALL}
