"""What the kinds of EC2 share: tags of a create."""

from __future__ import annotations

from controller.core import marks
from controller.core.json import Body, Json
from controller.core.model import Tags
from controller.core.tagging import spelled


def tag_specifications(resource_type: str, body: Body, ours: Tags) -> dict[str, Json]:
    """Return the create member that carries tags, ours among them: EC2 takes them by type of resource."""
    tags = {**marks.tag_map(body.get("Tags")), **ours}
    if not tags:
        return {}
    return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": spelled(tags, "Key/Value")}]}
