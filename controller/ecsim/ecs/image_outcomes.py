"""What becomes of a task is said by its images' names: there is nothing here that could run them."""

from __future__ import annotations

from dataclasses import dataclass, field

from ecsim.account.world import Body, World

# ok: runs; pull: cannot be pulled; exit: stops by itself; unhealthy: runs and fails its load balancer's checks.
OUTCOMES = ("ok", "pull", "exit", "unhealthy")
DEFAULTS = {"bad": "pull", "crash": "exit", "unhealthy": "unhealthy"}


@dataclass
class ImageOutcomes:
    """The outcome of a task by a part of its image's tag or name; the last match wins."""

    by_match: dict[str, str] = field(default_factory=lambda: dict(DEFAULTS))


def outcome(world: World, image: str) -> str:
    """What becomes of a container: the rule set last whose text is in the image's tag (or name) decides."""
    tag = image.rsplit("/", 1)[-1].partition(":")[2] or "latest"
    for match, result in reversed(world.state(ImageOutcomes).by_match.items()):
        if match in tag or match == image or (":" in match and match in image):
            return result
    return "ok"


def task_outcome(world: World, definition: Body) -> tuple[str, Body | None]:
    """The worst that happens to an essential container of a task, and to which."""
    for wanted in ("pull", "exit", "unhealthy"):
        for container in definition["containerDefinitions"]:
            if outcome(world, container["image"]) == wanted and (container["essential"] or wanted == "pull"):
                return wanted, container
    return "ok", None
