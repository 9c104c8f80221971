"""Corrections of moto's ECR."""

from __future__ import annotations

from ecsim.account.errors import AwsError
from ecsim.account.world import Call
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
