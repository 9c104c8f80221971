"""Changes that move traffic: deployment strategies to and fro, and target groups that are replaced in every shape."""

from __future__ import annotations

from dataclasses import replace

from tests.chaos.scenarios.scenario import Act, Scenario
from tests.chaos.stage import Stage
from tests.whole.motion.shapes import SHAPES, Stack
from tests.whole.motion.test_strategies import ALL, manifest


def instead(text: str) -> Act:
    """Return an act that replaces all manifests by one."""

    def act(stage: Stage) -> None:
        for path in stage.manifests.iterdir():
            path.unlink()
        (stage.manifests / "app.yaml").write_text(text)

    return act


def strategy(before: str, after: str) -> Scenario:
    """Return the scenario of a change of strategy."""
    return Scenario(f"{before} to {after}", instead(manifest(ALL[after])), prepare=instead(manifest(ALL[before])))


def image(under: str) -> Scenario:
    """Return the scenario of a new image under a strategy."""
    text = ALL[under]
    return Scenario(f"image under {under}", instead(manifest(text, "nginx:2")), prepare=instead(manifest(text)))


def replaced(shape: str) -> Scenario:
    """Return the scenario of a target group that gets another port."""

    def write(port: int) -> Act:
        def act(stage: Stage) -> None:
            instead("")(stage)
            (stage.manifests / "app.yaml").unlink()
            replace(Stack(shape), port=port).write(stage.manifests)

        return act

    return Scenario(f"target group port, {shape}", write(81), prepare=write(80))


SCENARIOS = (
    strategy("rolling", "blue/green"),
    strategy("blue/green", "rolling"),
    strategy("canary", "rolling"),
    strategy("rolling", "canary"),
    strategy("linear", "blue/green"),
    image("blue/green"),
    image("canary"),
    *(replaced(shape) for shape in SHAPES),
)
