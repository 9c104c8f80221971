"""Notes about tasks that use another Region than their own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsync.core.constraints.rows import Across, Constraints
from ecsync.core.model import Desired, Documents
from ecsync.core.trees import Path
from ecsync.kinds._constraint_parts import blocks, member, text

_ECR = re.compile(r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.")

Found = Iterator[tuple[Path, str]]


def image_region(image: object) -> str:
    """Return the Region of an image in ECR; empty for one of another registry."""
    found = _ECR.match(image) if isinstance(image, str) else None
    return found[1] if found else ""


def _images(task: Desired, documents: Documents) -> Found:
    for index, container in enumerate(blocks(task.body.get("containerDefinitions"))):
        region = image_region(container.get("image"))
        if documents.region and region and region != documents.region:
            each = f"the image is in {region}, and the tasks run in {documents.region}: each pull crosses Regions"
            fix = f"replicate the repository to {documents.region}, and use the image there"
            yield ("containerDefinitions", index, "image"), f"{each}; {fix}"


def _logs(task: Desired, documents: Documents) -> Found:
    containers = blocks(task.body.get("containerDefinitions"))
    if any(image_region(one.get("image")) for one in containers):
        return  # the row of the kind compares the Regions of logs and images
    for index, container in enumerate(containers):
        options = member(container.get("logConfiguration"), "options")
        region = text(member(options, "awslogs-region"))
        if documents.region and region and region != documents.region:
            path: Path = ("containerDefinitions", index, "logConfiguration", "options", "awslogs-region")
            yield path, f"the tasks run in {documents.region}; use {documents.region} if {region} is not meant"


OF_TASKS: Constraints = (
    Across(path="containerDefinitions[].image", rule="an image of the Region of the tasks", test=_images, level="note",
           source="ECR User Guide, private image replication: pulls of the same Region"),
    Across(path="containerDefinitions[].logConfiguration.options.awslogs-region", rule="the Region of the tasks",
           test=_logs, level="note", source="developer guide, awslogs: awslogs-region"),
)  # fmt: skip
