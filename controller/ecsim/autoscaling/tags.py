"""Tags of Auto Scaling groups."""

from __future__ import annotations

from ecsim.account.errors import validation_error
from ecsim.account.paging import by_token
from ecsim.account.world import Body, Call, Handler
from ecsim.autoscaling.store import AutoScalingRegion, Group

LIMIT = 50


def put(group: Group, tags: list[Body]) -> None:
    """Add tags, or change their value and `PropagateAtLaunch`."""
    if any(tag["Key"].lower().startswith("aws:") for tag in tags):
        raise validation_error("Tag keys cannot start with the reserved prefix aws:")
    changed = {
        **group.tags,
        **{tag["Key"]: (tag.get("Value", ""), bool(tag.get("PropagateAtLaunch"))) for tag in tags},
    }
    if len(changed) > LIMIT:
        raise validation_error(f"The number of tags exceeds the limit of {LIMIT}.")
    group.tags = changed


def show(group: Group) -> list[Body]:
    """Return a group's tags in order of their keys."""
    return [
        {
            "ResourceId": group.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagated,
        }
        for key, (value, propagated) in sorted(group.tags.items())
    ]


def create_or_update_tags(call: Call) -> Body:
    """Add or change tags of one or more groups."""
    region = call.store(AutoScalingRegion)
    for tag in call.params["Tags"]:
        put(region.group(tag.get("ResourceId", "")), [tag])
    return {}


def delete_tags(call: Call) -> Body:
    """Remove tags by key. An unknown key is not an error."""
    region = call.store(AutoScalingRegion)
    for tag in call.params["Tags"]:
        region.group(tag.get("ResourceId", "")).tags.pop(tag["Key"], None)
    return {}


def describe_tags(call: Call) -> Body:
    """Describe the tags of all groups, with filters by group, key, value or propagation."""
    wanted = {one["Name"]: one["Values"] for one in call.params.get("Filters", [])}
    names = {
        "auto-scaling-group": "ResourceId",
        "key": "Key",
        "value": "Value",
        "propagate-at-launch": "PropagateAtLaunch",
    }
    tags = [
        tag
        for group in call.store(AutoScalingRegion).groups.values()
        for tag in show(group)
        if all(str(tag[names[name]]).lower() in [v.lower() for v in values] for name, values in wanted.items())
    ]
    return by_token("Tags", tags, call.params, 50, service="autoscaling")


OPERATIONS: dict[str, Handler] = {
    "CreateOrUpdateTags": create_or_update_tags,
    "DeleteTags": delete_tags,
    "DescribeTags": describe_tags,
}
