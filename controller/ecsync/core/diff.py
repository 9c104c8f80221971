"""The one definition of equality: drift, plan, status, `compare` and the web all call `differences`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ecsync.core.model import Effect, Facts, FieldChange, Reason, Text
from ecsync.core.normalise import SCALARS, normalise
from ecsync.core.redact import masked
from ecsync.core.rules import Computed, Delegated, Immutable, NewTasks, Rolls, Rules
from ecsync.core.trees import Body, Elements, Json, Path, contains, leads_to, take_out


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmanagedValue:
    """A live value that is not enforced, and the owner that decides it."""

    path: Path
    value: Json
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How two bodies differ: the fields to change, and the live values that are not enforced."""

    fields: tuple[FieldChange, ...] = ()
    unmanaged: tuple[UnmanagedValue, ...] = ()


def differences(
    desired: Body,
    observed: Body,
    rules: Rules,
    *,
    facts: Facts | None = None,
    undeclared: bool = True,
    enforced: Collection[str] = (),
    newer: Sequence[tuple[str, ...]] = (),
    ignore: tuple[tuple[str, ...], ...] = (),
    reason: Callable[[Path], Reason] = lambda _: "drift",
    whole: Effect | None = None,
) -> Difference:
    """Compare a desired body with a live one.

    `facts` decide the owner of a delegated field. With `undeclared=False`, live members that are not declared are not
    enforced. `enforced` are members that count as declared, also where AWS computes them. `newer` are patterns of
    members without a rule yet: they are compared where they are declared. `ignore` are patterns from the manifest that
    are not compared. `reason` returns the reason per path. `whole` is the effect of every change (a task definition is
    revised).
    """
    facts = facts or {}
    want = normalise(desired, rules)
    have = normalise(observed, rules)
    written = cache(lambda: normalise(desired, rules, fill=False))  # often not needed

    def declared(path: Path) -> bool:
        return path[0] in enforced or contains(written(), path)

    unmanaged: list[UnmanagedValue] = []
    for rule in rules:
        if isinstance(rule, Delegated) and rule.when(facts):
            unmanaged += _leave(want, have, rule.segments, rule.owner)
        elif isinstance(rule, Computed) and (rule.when is None or rule.when(want)):
            unmanaged += _leave(want, have, rule.segments, "AWS", declared)
    for segments in newer:
        unmanaged += _leave(want, have, segments, "AWS (new since this release)", declared)
    for segments in ignore:
        unmanaged += _leave(want, have, segments, "ignored by the manifest")
    if not undeclared:
        unmanaged += [
            UnmanagedValue(path=path, value=value, owner="undeclared")
            for path, value in _restrict(want, have, written())
        ]
    fields = tuple(
        FieldChange(
            path=path,
            before=masked(before, path, rules),
            after=masked(after, path, rules),
            effect=whole or effect_of(path, rules),
            reason=reason(path),
        )
        for path, before, after in walk(have, want)
    )
    seen = tuple(
        UnmanagedValue(path=one.path, value=masked(one.value, one.path, rules), owner=one.owner) for one in unmanaged
    )
    return Difference(fields=fields, unmanaged=seen)


def walk(before: Json, after: Json, path: Path = ()) -> Iterator[tuple[Path, Json, Json]]:
    """Yield (path, before, after) for every place where two canonical trees differ; None means absent.

    A list that is not keyed differs as a whole. A block that is on one side only differs as a whole.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            one, other = before.get(key), after.get(key)
            if type(one) not in SCALARS or type(one) is not type(other) or one != other:
                yield from walk(one, other, (*path, key))
    elif _differs(_something(before), _something(after)):
        yield path, before, after


def _something(value: Json) -> Json:
    """Return None for a block that is empty, for instance because everything in it was taken out."""
    return None if isinstance(value, Mapping) and not value else value


def effect_of(path: Path, rules: Rules) -> Effect:
    """Return the effect of a change at the path, from the rows about effects; the gravest where several apply."""
    effect: Effect = "in-place"
    for rule in rules:
        match rule:
            case Immutable() if rule.covers(path) or leads_to(path, rule.segments):
                return "replace"
            case NewTasks() if rule.covers(path) and effect == "in-place":
                effect = "new-tasks"
            case Rolls(force=True) if rule.covers(path) and effect in ("in-place", "new-tasks"):
                effect = "needs-force"
            case Rolls(force=False) if rule.covers(path):
                effect = "rolls-tasks"
            case _:
                pass
    return effect


def _differs(before: Json, after: Json) -> bool:
    if isinstance(before, bool) != isinstance(after, bool):
        return True
    if isinstance(before, (int, float)) and isinstance(after, (int, float)):
        return before != after
    if isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        return len(before) != len(after) or any(_differs(b, a) for b, a in zip(before, after, strict=True))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() != after.keys() or any(_differs(before[key], after[key]) for key in before)
    # The value of an unresolved reference is unknown, so it differs from every value.
    return isinstance(after, Text) or bool(before != after)


def _leave(
    want: Json, have: Json, segments: tuple[str, ...], owner: str, stays: Callable[[Path], bool] = lambda _: False
) -> list[UnmanagedValue]:
    """Take the places out of both sides, except those that stay; return the live values that are not enforced."""
    taken = take_out(have, segments, stays)
    take_out(want, segments, stays)
    return [UnmanagedValue(path=path, value=value, owner=owner) for path, value in taken]


def _restrict(want: Json, have: Json, written: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Take out of both sides each undeclared member of a block; elements of keyed lists are always compared."""
    if not (isinstance(want, dict) and isinstance(have, dict) and isinstance(written, dict)):
        return
    for key in list(dict.fromkeys([*have, *want])):
        if key not in written and not isinstance(have, Elements) and not isinstance(want, Elements):
            want.pop(key, None)
            if key in have:
                yield (*path, key), have.pop(key)
        else:
            yield from _restrict(want.get(key), have.get(key), written.get(key), (*path, key))
