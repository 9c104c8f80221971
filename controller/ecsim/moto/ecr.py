"""Corrections of moto's ECR, and what it does not have."""

from __future__ import annotations

import json

from ecsim.account.errors import AwsError
from ecsim.account.exchange import Response
from ecsim.account.world import Body, Call, Handler
from ecsim.moto import seams


def check_put_image(call: Call) -> None:
    """Refuse to move a tag of an immutable repository to another image."""
    name, tag = call.params["repositoryName"], call.params.get("imageTag", "")
    manifest = seams.tagged_image(call.account, call.region, name, tag)
    if manifest is not None and manifest != call.params["imageManifest"]:
        raise AwsError(
            "ImageTagAlreadyExistsException",
            f"The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the"
            " repository is immutable.",
        )


def complete_images(call: Call, response: Response) -> Response:
    """Add the media types of the manifests to moto's response."""
    result = json.loads(response.body)
    types = seams.image_media_types(call.account, call.region, call.params["repositoryName"])
    for detail in result["imageDetails"]:
        media_type = types.get(detail["imageDigest"])
        detail.update({"imageManifestMediaType": media_type} if media_type else {})
    return Response(response.status, json.dumps(result).encode(), response.headers)


def describe_pull_through_cache_rules(call: Call) -> Body:
    """Return no rule: this account has none."""
    del call
    return {"pullThroughCacheRules": []}


OPERATIONS: dict[str, Handler] = {"DescribePullThroughCacheRules": describe_pull_through_cache_rules}
