"""What the kinds of EC2 share: tags of a create."""

from __future__ import annotations

from ecsync.core import marks
from ecsync.core.model import Tags
from ecsync.core.tagging import spelled
from ecsync.core.trees import Body, Json


def tag_specifications(resource_type: str, body: Body, ours: Tags) -> dict[str, Json]:
    """Return the create member that carries tags, ours among them: EC2 takes them by type of resource."""
    tags = {**marks.tag_map(body.get("Tags")), **ours}
    if not tags:
        return {}
    return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": spelled(tags, "Key/Value")}]}
