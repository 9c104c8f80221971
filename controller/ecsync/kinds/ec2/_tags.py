"""Tags of EC2's kinds: a create sends them by resource type, later calls by resource id."""

from __future__ import annotations

from collections.abc import Sequence

from ecsync.core import marks
from ecsync.core.kind import Tagging
from ecsync.core.marks import spelled
from ecsync.core.model import Call, Present, Tags
from ecsync.core.trees import Body, Json


def tag_specifications(resource_type: str, body: Body, mark_tags: Tags) -> dict[str, Json]:
    """Return the create member that holds the declared tags and our marks, for this type of resource."""
    tags = {**marks.tag_map(body.get("Tags")), **mark_tags}
    if not tags:
        return {}
    return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": spelled(tags, "Key/Value")}]}


def ec2_tagging(output: str = "id") -> Tagging:
    """Return the tagging of EC2's kinds: CreateTags and DeleteTags by id."""

    def put(present: Present, tags: Tags) -> tuple[Call, ...]:
        params = {"Resources": [present.outputs[output]], "Tags": spelled(tags, "Key/Value")}
        return (Call(service="ec2", operation="CreateTags", params=params),)

    def remove(present: Present, keys: Sequence[str]) -> tuple[Call, ...]:
        params = {"Resources": [present.outputs[output]], "Tags": [{"Key": key} for key in keys]}
        return (Call(service="ec2", operation="DeleteTags", params=params),)

    operations = frozenset({"ec2.CreateTags", "ec2.DeleteTags"})
    return Tagging(member="Tags", style="Key/Value", put=put, remove=remove, operations=operations)
