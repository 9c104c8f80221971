"""Every leaf changed, live and declared: a pass after another one plans what a first pass plans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ecsync.core import plan
from ecsync.core.inputs import CHECKED_WITHIN, Inputs
from ecsync.core.model import Desired, Key, Present
from ecsync.core.outcome import Plan
from ecsync.core.trees import Path, dotted, leaves, thaw
from ecsync.engine.reconciler import ObservedPlan


def missed(observed: ObservedPlan) -> list[str]:
    """Return the changed leaves of which a plan with the shortcut is not that of a first pass. Of a settled plan."""
    warm = replace(observed.inputs, settled=observed.plan.settled, turn=_quiet(observed.inputs))
    assert warm.settled, "nothing is settled, so nothing would be compared"
    unlike = [] if plan.build(warm).settled == warm.settled else ["nothing changed"]
    return unlike + [what for what, now in _changed(warm) if not _as_first(now)]


def _as_first(now: Inputs) -> bool:
    """Return whether the plan is that of a first pass. It is, if it took nothing from the last pass."""
    found = _planned(now)
    if isinstance(found, Plan) and not found.mismatches:
        taken = {key for key, one in found.settled.items() if key in now.settled and one.rest is now.settled[key].rest}
        if not taken:
            return True
    return found == _planned(replace(now, settled={}))


def _quiet(inputs: Inputs) -> int:
    """Return a turn in which no resource is compared in full as a check."""
    busy = {hash(key) % CHECKED_WITHIN for key in inputs.world}
    return next(turn for turn in range(CHECKED_WITHIN) if turn not in busy)


def _changed(warm: Inputs) -> Iterator[tuple[str, Inputs]]:
    """Yield (what was changed, the inputs) for every leaf of the settled resources and of their documents."""
    for key in warm.settled:
        live, document = warm.world[key], warm.desired(key)
        assert isinstance(live, Present)
        assert document is not None
        for member in ("body", "facts", "outputs"):
            for path, value in leaves(getattr(live, member)):
                for other in others(value):
                    now: Any = replace(live, **{member: changed(getattr(live, member), path, other)})
                    yield f"live {member} {dotted(path)}", replace(warm, world={**warm.world, key: now})
        for path, value in leaves(document.body):
            for other in others(value):
                yield f"declared {dotted(path)}", _declared(warm, key, changed(document.body, path, other))


def _declared(warm: Inputs, key: Key, body: Any) -> Inputs:
    """Return the inputs of a revision in which one document has another body."""

    def new(document: Desired) -> Desired:
        return replace(document, body=body if document.key == key else thaw(document.body))

    resources = tuple(new(document) for document in warm.application.resources)
    return replace(warm, application=replace(warm.application, resources=resources), order=())


def others(value: Any) -> tuple[Any, ...]:
    """Return another value of the same type, and a value of another type that is equal or looks alike."""
    match value:
        case bool():
            return not value, int(value)
        case int() | float():
            return value + 1, str(value)
        case str():
            return f"{value}x", ""
        case _:
            return ("changed",)


def changed(tree: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    copy = thaw(tree)
    below = copy
    for part in path[:-1]:
        below = below[part]
    below[path[-1]] = value
    return copy


def _planned(inputs: Inputs) -> Plan | str:
    """Return the plan, or the error of a value that AWS would never return."""
    try:
        return plan.build(inputs)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        return repr(error)
