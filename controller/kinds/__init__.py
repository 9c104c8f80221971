"""Every AWS kind that ecsync knows. To add one: a file beside this, and one line in `ALL`."""

from __future__ import annotations

from controller.core.kind import Kind
from controller.kinds import log_group

# In the order in which they are observed: what identifies a resource comes before it, and Service comes before
# TaskDefinition, whose live revision is first looked for where a service runs it (rule 17).
ALL: tuple[Kind, ...] = (log_group.KIND,)

BY_NAME = {kind.name: kind for kind in ALL}
