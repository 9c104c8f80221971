"""Tags of the resources of Elastic Load Balancing."""

from __future__ import annotations

from ecsim.account.errors import AwsError, validation_error
from ecsim.account.tags import tags_to_dict, tags_to_list
from ecsim.account.world import Body, Call, Handler
from ecsim.elbv2.store import NOT_FOUND, ElbRegion

AT_ONCE = 20
LIMIT = 50
COLLECTIONS = {
    "loadbalancer": "load_balancers",
    "listener": "listeners",
    "listener-rule": "rules",
    "targetgroup": "target_groups",
}


def kind(arn: str) -> str:
    """Return the resource type in an ARN: `loadbalancer`, `listener`, `listener-rule` or `targetgroup`."""
    return arn.split(":")[5].split("/")[0]


def put(elb: ElbRegion, arn: str, tags: list[Body] | None) -> None:
    """Add or change tags of a resource."""
    keys = [tag["Key"] for tag in tags or []]
    if len(set(keys)) != len(keys):
        raise AwsError("DuplicateTagKeys", "A tag key was specified more than once")
    if any(key.lower().startswith("aws:") for key in keys):
        raise validation_error("Tag keys cannot begin with aws:")
    merged = {**elb.tags.get(arn, {}), **tags_to_dict(tags, key="Key", value="Value")}
    if len(merged) > LIMIT:
        raise AwsError("TooManyTags", f"The maximum number of tags per resource is {LIMIT}")
    elb.tags[arn] = merged


def add_tags(call: Call) -> Body:
    """Add or change tags of several resources."""
    elb = call.store(ElbRegion)
    for arn in _known(call):
        put(elb, arn, call.params.get("Tags"))
    return {}


def remove_tags(call: Call) -> Body:
    """Remove tags of several resources by key."""
    elb = call.store(ElbRegion)
    for arn in _known(call):
        for key in call.params.get("TagKeys", []):
            elb.tags[arn].pop(key, None)
    return {}


def describe_tags(call: Call) -> Body:
    """Describe the tags of up to 20 resources."""
    tags = call.store(ElbRegion).tags
    return {
        "TagDescriptions": [
            {"ResourceArn": arn, "Tags": tags_to_list(tags[arn], key="Key", value="Value")} for arn in _known(call)
        ]
    }


def _known(call: Call) -> list[str]:
    tags = call.store(ElbRegion).tags
    arns: list[str] = call.params.get("ResourceArns", [])
    if len(arns) > AT_ONCE:
        raise validation_error(f"The maximum number of resources that can be specified is {AT_ONCE}")
    for arn in arns:
        if arn not in tags:
            collection = COLLECTIONS.get(kind(arn) if arn.count(":") >= 5 else "")
            if collection is None:
                raise validation_error(f"'{arn}' is not a valid load balancer ARN")
            raise AwsError(*NOT_FOUND[collection])
    return arns


OPERATIONS: dict[str, Handler] = {
    "AddTags": add_tags,
    "DescribeTags": describe_tags,
    "RemoveTags": remove_tags,
}
