"""Every AWS kind that ecsync knows. To add one: a file beside this, and one line in `ALL`."""

from __future__ import annotations

from controller.core.kind import Kind
from controller.kinds import (
    auto_scaling_group,
    capacity_provider,
    cluster,
    launch_template,
    listener,
    listener_rule,
    load_balancer,
    log_group,
    network,
    repository,
    role,
    scalable_target,
    scaling_policy,
    scheduled_action,
    security_group,
    service,
    target_group,
    task_definition,
)

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
