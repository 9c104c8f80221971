"""Tags of EC2's kinds: in a create by type of resource, later by id."""

from __future__ import annotations

from collections.abc import Sequence

from ecsync.core import marks
from ecsync.core.kind import Tagging
from ecsync.core.model import Call, Present, Tags
from ecsync.core.tagging import spelled
from ecsync.core.trees import Body, Json


def tag_specifications(resource_type: str, body: Body, ours: Tags) -> dict[str, Json]:
    """Return the create member that carries tags, ours among them: EC2 takes them by type of resource."""
    tags = {**marks.tag_map(body.get("Tags")), **ours}
    if not tags:
        return {}
    return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": spelled(tags, "Key/Value")}]}


def ec2_tagging(output: str = "id") -> Tagging:
    """Tags as EC2 takes them: CreateTags and DeleteTags by id."""

    def put(present: Present, tags: Tags) -> tuple[Call, ...]:
        params = {"Resources": [present.outputs[output]], "Tags": spelled(tags, "Key/Value")}
        return (Call(service="ec2", operation="CreateTags", params=params),)

    def remove(present: Present, keys: Sequence[str]) -> tuple[Call, ...]:
        params = {"Resources": [present.outputs[output]], "Tags": [{"Key": key} for key in keys]}
        return (Call(service="ec2", operation="DeleteTags", params=params),)

    operations = frozenset({"ec2.CreateTags", "ec2.DeleteTags"})
    return Tagging(member="Tags", style="Key/Value", put=put, remove=remove, operations=operations)
