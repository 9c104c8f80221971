"""Tags of the resources of Amazon ECS."""

from __future__ import annotations

from ecsim.account.errors import AwsError, client_exception, invalid_parameter
from ecsim.account.tags import tags_to_dict, tags_to_list
from ecsim.account.world import Body, Call, Handler
from ecsim.ecs.store import EcsRegion

LIMIT = 50


def check(tags: list[Body] | None) -> None:
    """Refuse an empty list of tags, duplicate keys, reserved keys and more than 50 tags."""
    if tags is None:
        return
    if not tags:
        raise invalid_parameter("Tags can not be empty.")
    keys = [tag["key"] for tag in tags]
    if len(set(keys)) != len(keys):
        raise invalid_parameter("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.lower().startswith("aws:") for key in keys):
        raise client_exception("Tag keys cannot start with the reserved prefix aws:.")
    if len(keys) > LIMIT:
        raise invalid_parameter(f"The number of tags exceeds the limit of {LIMIT}.")


def tag_resource(call: Call) -> Body:
    """Add or change tags of a resource."""
    check(call.params.get("tags"))
    tags = _tags(call)
    merged = {**tags, **tags_to_dict(call.params["tags"])}
    if len(merged) > LIMIT:
        raise invalid_parameter(f"The number of tags exceeds the limit of {LIMIT}.")
    tags.update(merged)
    return {}


def untag_resource(call: Call) -> Body:
    """Remove tags by key. An unknown key is not an error."""
    tags = _tags(call)
    for key in call.params["tagKeys"]:
        tags.pop(key, None)
    return {}


def list_tags_for_resource(call: Call) -> Body:
    """List the tags of one resource."""
    return {"tags": tags_to_list(_tags(call))}


def _tags(call: Call) -> dict[str, str]:
    arn = call.params["resourceArn"]
    found = call.store(EcsRegion).tags.get(arn)
    if found is not None:
        return found
    kind = arn.split(":")[5].split("/")[0] if arn.count(":") >= 5 else ""
    if kind == "cluster":
        raise AwsError("ClusterNotFoundException", "Cluster not found.")
    if kind == "service":
        raise AwsError("ServiceNotFoundException", "Service not found.")
    raise invalid_parameter("The specified resource was not found. Specify a valid resource ARN and try again.")


OPERATIONS: dict[str, Handler] = {
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
