"""AWS that forgets or rewrites one value after each write: each leaf of some stacks, and each member of each kind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ecsync.core.trees import Path as Leaf
from ecsync.kinds import BY_NAME
from tests.chaos.bases import base
from tests.chaos.forks import Broken, in_copies
from tests.chaos.members import kept
from tests.chaos.run import run
from tests.chaos.scenarios.scenario import Scenario, nothing
from tests.chaos.stage import Stage, World
from tests.chaos.walks import Walk
from tests.kinds.conformance import simulated_credentials
from tests.kinds.kept import account_in_process
from tests.whole.support.forgetful import PACES, Changes, Forgetful, Stack, halves

PROCESSES = 3  # one after another, in a quarter of the waves: a controller that is restarted twice
CHAINS = 3  # stacks at the end of a generated chain
STEPS = 12  # of such a chain


@dataclass(frozen=True)
class Forgot:
    """What AWS forgot at once: one value of each of half the resources of a stack."""

    name: str
    values: int = 0
    writes: int = 0
    problems: tuple[str, ...] = ()


def forgetful(world: World, seed: int, share: int, until: Callable[[], bool]) -> Iterator[Forgot]:
    """Let each value be forgotten once, at a pace that the seed chooses, while drift of the rest is to be repaired.

    Of the halves of all waves, one of `share` is made: another seed makes others.
    """
    seen: set[tuple[str, Leaf]] = set()
    for name, stack in _stacks(world, seed):
        waves = list(stack.waves(lambda key, leaf: (key.kind, leaf) not in seen))
        seen.update((key.kind, leaf) for wave in waves for key, (leaf, _) in wave.items())
        both = [(number, half) for number in range(len(waves)) for half in range(2)]
        both = [one for at, one in enumerate(both, seed) if at % share == 0]
        for (number, half), found in in_copies(partial(_forgot, stack, waves, seed, until), both):
            what = f"{name}, wave {number}, half {half}"
            problems = found.explained or (found.why,) if isinstance(found, Broken) else found[2]
            values, writes = (0, 0) if isinstance(found, Broken) else found[:2]
            yield Forgot(what, values, writes, problems)


def of_kinds(seed: int, share: int, until: Callable[[], bool]) -> Iterator[Forgot]:
    """Add each member of each kind to a resource and remove it, and let AWS forget it in a stack with it alone.

    Of the kinds, one of `share` is made, and of its values too: another seed makes others.
    """
    chosen = [kind for number, kind in enumerate(sorted(BY_NAME), seed) if number % share == 0 and BY_NAME[kind].calls]
    for name, found in in_copies(partial(_of_kind, seed, share, until), chosen):
        what = f"each member of {name}"
        problems = found.explained or (found.why,) if isinstance(found, Broken) else found[2]
        values, writes = (0, 0) if isinstance(found, Broken) else found[:2]
        yield Forgot(what, values, writes, problems)


def _of_kind(seed: int, share: int, until: Callable[[], bool], kind: str) -> tuple[int, int, tuple[str, ...]]:
    """Return the number of values, the writes, and the problems."""
    values = writes = 0
    problems: dict[str, None] = {}
    with simulated_credentials():
        for number, member in enumerate(kept(account_in_process(), BY_NAME[kind]), seed):
            if number % share == 0 and not until():
                problems |= dict.fromkeys(member.added_and_removed())
            for change in (one for at, one in enumerate(member.changes, number) if at % share == 0 and not until()):
                values += 1
                pace = PACES[(values + seed) % len(PACES)]
                account = Forgetful(member.stack, change)
                account.live(pace, PROCESSES if (values + seed) % 4 == 0 else 1)
                writes += account.cloud.count
                problems |= {f"{member.name} at {pace}: {one}": None for one in account.problems}
    return values, writes, tuple(problems)


def _forgot(
    stack: Stack, waves: list[Changes], seed: int, until: Callable[[], bool], which: tuple[int, int]
) -> tuple[int, int, tuple[str, ...]]:
    """Return the number of values, the writes, and the problems."""
    number, half = which
    if until():
        return 0, 0, ()
    forgotten, drifted = halves(waves[number])[half]
    account = Forgetful(stack, forgotten, drifted)
    restarts = number // len(PACES) % 4 == seed % 4
    account.live(PACES[(number + half + seed) % len(PACES)], PROCESSES if restarts else 1)
    return len(forgotten), account.cloud.count, tuple(dict.fromkeys(account.problems))


def _stacks(world: World, seed: int) -> Iterator[tuple[str, Stack]]:
    """Yield the tutorial's stack, and some with optional members, converged."""
    with tempfile.TemporaryDirectory() as folder:
        _, controller = base(world, Scenario("the tutorial's stack", nothing, example="tilog"), Path(folder))
        yield "the tutorial's stack", Stack.of(controller)
    for number in range(CHAINS):
        walk = Walk(f"{seed}-{number}")
        for _ in range(STEPS):
            walk.step()
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage(world, Path(folder) / "manifests", "eu-west-1")
            walk.write(stage.manifests)
            controller = stage.controller()
            problem = run(stage, controller).problem
            assert not problem, f"chain {walk.seed}: {problem}"
            yield f"the chain {walk.seed}", Stack.of(controller)
