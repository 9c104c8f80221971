"""The proof of an import: its files, read as anybody reads them, are valid, and their plan changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from ecsync.core import plan as planning
from ecsync.core.inputs import Inputs
from ecsync.core.kind import World
from ecsync.core.model import Application, Snapshot, Step
from ecsync.core.trees import dotted
from ecsync.importer.gaps import Gap
from ecsync.importer.model import Known
from ecsync.language.manifest import Loaded, load

Look: TypeAlias = Callable[[Inputs], World]  # reads what an application is about, as a plan does

_HEAD = re.compile(r"  (\w+/[\w.-]+):.*")  # where a document begins in a file of ours


def read(texts: Mapping[str, str], known: Known) -> Loaded:
    """Return what the files declare."""
    snapshot = Snapshot(revision="", files={name: text.encode() for name, text in texts.items()})
    return load(snapshot, kinds=known.kinds, shape_of=known.shape_of, environment={}, root_name=known.application)


def invalid(loaded: Loaded, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the documents, as `Kind/name`, that hold the application, and what is wrong with each."""
    found: dict[str, str] = {}
    for problem in loaded.problems:
        lines = texts.get(problem.origin.file, "").split("\n")[: problem.origin.line]
        head = next((match for line in reversed(lines) if (match := _HEAD.fullmatch(line))), None)
        if head is not None:
            found.setdefault(head[1], problem.message)
    return found


def doubts(application: Application, known: Known, look: Look) -> Iterator[str | Gap]:
    """Yield what the plan of the application would have in it: nothing, if all is well."""
    inputs = Inputs(
        application=application, kinds=known.kinds, world={}, target=known.target, installation=known.installation
    )
    found = planning.build(replace(inputs, world=look(inputs)))
    for step in found.steps:
        yield from _changes(step)
    yield from (f"{withheld.step.id} would be held: {withheld.reason}" for withheld in found.withheld)
    yield from (Gap(what=str(key), why=why) for key, why in found.unreadable.items())


def _changes(step: Step) -> Iterator[str]:
    for one in step.fields:
        yield f"{step.id} would differ from what is live: {dotted(one.path)} {one.before!r} → {one.after!r}"
