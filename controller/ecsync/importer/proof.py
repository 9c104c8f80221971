"""The proof of an import: its files are valid, and their plan changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from ecsync.core import plan as planning
from ecsync.core.inputs import Inputs
from ecsync.core.kind import World
from ecsync.core.model import Application, FieldChange
from ecsync.core.ports import Snapshot
from ecsync.core.trees import Json, dotted
from ecsync.importer.gaps import Gap
from ecsync.importer.model import ImportContext
from ecsync.language.manifest import Loaded, load

Observe: TypeAlias = Callable[[Inputs], World]  # reads the live resources of an application, as a plan does

_DOCUMENT_START = re.compile(r"  (\w+/[\w.-]+):.*")  # the first line of a document in an imported file


def load_files(texts: Mapping[str, str], context: ImportContext) -> Loaded:
    """Return what the files declare."""
    snapshot = Snapshot(revision="", files={name: text.encode() for name, text in texts.items()})
    return load(snapshot, kinds=context.kinds, shape_of=context.shape_of, environment={}, root_name=context.application)


def invalid_documents(loaded: Loaded, texts: Mapping[str, str]) -> dict[str, str]:
    """Return each invalid document, as `Kind/name`, with its first problem."""
    result: dict[str, str] = {}
    for problem in loaded.problems:
        lines = texts.get(problem.origin.file, "").split("\n")[: problem.origin.line]
        start = next((match for line in reversed(lines) if (match := _DOCUMENT_START.fullmatch(line))), None)
        if start is not None:
            result.setdefault(start[1], problem.message)
    return result


def unexpected(application: Application, context: ImportContext, observe: Observe) -> tuple[list[str], list[Gap]]:
    """Return what the plan of an import should not contain: changes and held steps, and unreadable resources."""
    inputs = Inputs(
        application=application,
        kinds=context.kinds,
        world={},
        target=context.target,
        installation=context.installation,
    )
    plan = planning.build(replace(inputs, world=observe(inputs)))
    changes = [
        f"{step.id} would change on the next apply: {_shown(change)}" for step in plan.steps for change in step.fields
    ]
    changes += [f"{withheld.step.id} would be held: {withheld.reason}" for withheld in plan.withheld]
    return changes, [Gap(resource=str(key), reason=reason) for key, reason in plan.unreadable.items()]


def _shown(change: FieldChange) -> str:
    return f"{dotted(change.path)}: {_as_json(change.before)} → {_as_json(change.after)} [{change.reason}]"


def _as_json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
