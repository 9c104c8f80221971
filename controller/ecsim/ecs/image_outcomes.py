"""The outcome of a task: its image's name decides it, since no container is really run."""

from __future__ import annotations

from dataclasses import dataclass, field

from ecsim.account.world import Body, World

# ok: runs. pull: cannot be pulled. exit: exits after the start. unhealthy: runs, but fails its target's health checks.
OUTCOMES = ("ok", "pull", "exit", "unhealthy")
DEFAULTS = {"bad": "pull", "crash": "exit", "unhealthy": "unhealthy"}


@dataclass
class ImageOutcomes:
    """The outcome of a task by a part of its image's tag or name; the last match wins."""

    by_match: dict[str, str] = field(default_factory=lambda: dict(DEFAULTS))


def outcome(world: World, image: str) -> str:
    """Return the outcome of an image: that of the last added match in its tag or name."""
    tag = image.rsplit("/", 1)[-1].partition(":")[2] or "latest"
    for match, result in reversed(world.state(ImageOutcomes).by_match.items()):
        if match in tag or match == image or (":" in match and match in image):
            return result
    return "ok"


def task_outcome(world: World, definition: Body) -> tuple[str, Body | None]:
    """Return the worst outcome of the containers of a task, and the container."""
    for wanted in ("pull", "exit", "unhealthy"):
        for container in definition["containerDefinitions"]:
            if outcome(world, container["image"]) == wanted and (container["essential"] or wanted == "pull"):
                return wanted, container
    return "ok", None
