"""ARNs and tags of the resources that a request names, and the context keys of its tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ecsim.account.policy import Check
from ecsim.account.tags import tags_to_dict
from ecsim.account.world import Call
from ecsim.cloudwatch.store import CloudWatchRegion
from ecsim.ecs.store import EcsRegion
from ecsim.elbv2.store import ElbRegion
from ecsim.moto import seams

Context = dict[str, tuple[str, ...]]
NEW = "0" * 16  # the id of a resource that is only being created

_EC2_TYPES = {"sg": "security-group", "lt": "launch-template", "i": "instance", "vpc": "vpc", "subnet": "subnet"}


def arn(call: Call, service: str, path: str, *, region: bool = True) -> str:
    """Return an ARN in the account, and in the Region unless the service has none."""
    return f"arn:aws:{service}:{call.region if region else ''}:{call.account}:{path}"


def tags_of(call: Call, resource: str) -> dict[str, str]:
    """Return the tags of a resource of a service with which conditions on tags are simulated."""
    service, path = resource.split(":")[2], resource.split(":", 5)[5]
    if service == "ec2":
        return seams.ec2_tags(call.account, call.region, path.rsplit("/", 1)[-1])
    if service == "ecs":
        return call.store(EcsRegion).tags.get(resource, {})
    if service == "elasticloadbalancing":
        return call.store(ElbRegion).tags.get(resource, {})
    if service == "cloudwatch":
        return call.store(CloudWatchRegion).tags.get(resource, {})
    return {}


def on(
    call: Call, action: str, resources: Iterable[str], more: Mapping[str, tuple[str, ...]] | None = None
) -> Iterator[Check]:
    """Yield a check for each resource, with its tags in the context."""
    for resource in resources:
        tags = tags_of(call, resource) if resource.count(":") >= 5 else {}
        present = {f"aws:ResourceTag/{key}": (value,) for key, value in tags.items()}
        yield Check(action, resource, {**present, **(more or {})})


def requested(tags: Any) -> Context:
    """Return the context keys of the tags in a request, in any spelling."""
    named = tag_map(tags)
    keys: Context = {f"aws:RequestTag/{key}": (value,) for key, value in named.items()}
    return {**keys, "aws:TagKeys": tuple(named)} if named else {}


def tag_map(tags: Any) -> dict[str, str]:
    """Return the tags of a request as a map."""
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    spelled = "key" if tags and "key" in tags[0] else "Key"
    return tags_to_dict(tags or [], key=spelled, value="value" if spelled == "key" else "Value")


def ec2_arn(call: Call, identifier: str) -> str:
    """Return the ARN of an EC2 resource by the prefix of its id."""
    prefix = identifier.split("-")[0]
    return arn(call, "ec2", f"{_EC2_TYPES.get(prefix, prefix)}/{identifier}")


def role_arn(call: Call, name: str) -> str:
    """Return the ARN of a role by name; of one that does not exist, without a path."""
    found = seams.role(call.account, name.rsplit("/", 1)[-1])
    return str(found.arn) if found else arn(call, "iam", f"role/{name.lstrip('/')}", region=False)


def passed(call: Call, reference: Any, service: str) -> Iterator[Check]:
    """Yield the check for a role, by name or ARN, that is passed to a service."""
    if isinstance(reference, str) and reference:
        role = reference if reference.startswith("arn:") else role_arn(call, reference)
        yield Check("iam:PassRole", role, {"iam:PassedToService": (service,)})


def linked_role(call: Call, service: str) -> Check:
    """Return the check for the creation of a service-linked role."""
    role = arn(call, "iam", f"role/aws-service-role/{service}/AWSServiceRole", region=False)
    return Check("iam:CreateServiceLinkedRole", role, {"iam:AWSServiceName": (service,)})
