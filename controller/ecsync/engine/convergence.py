"""What was written to each resource, and whether AWS shows it: no write is repeated for ever (docs/rules.md R30).

A read soon after a write may still show what was there before. Such a read is not believed: the step waits. If AWS does
not show a value after three writes, or another client changes it back three times, the resource is held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TypeAlias

from ecsync.core.inputs import Inputs, InVain
from ecsync.core.marks import APPLIED, FORM, ID, applied_for, owner, unpack
from ecsync.core.model import (
    Adopt,
    Applied,
    Create,
    Delete,
    Desired,
    FieldChange,
    Forget,
    Key,
    Mark,
    Marks,
    Present,
    Replace,
    Update,
)
from ecsync.core.outcome import Plan, Step, StepId, WithheldReason
from ecsync.core.trees import canonical, dotted
from ecsync.core.wording import duration

TRIES = 3  # writes of one value over the same other value
MOST_IN_A_ROW = 9  # writes to one resource that is never in sync in between
SETTLE = 60.0  # seconds after a write in which AWS may still return what was there before
STAYS = (3600.0, 10)  # seconds and intervals in sync after which earlier writes do not count any more

Unit: TypeAlias = tuple[Key, str]  # one thing that a step writes to a resource: a field, the marks, or the whole
_MARKS = "(marks)"
_MOST = 8  # live values that are remembered


@dataclass(frozen=True, slots=True)
class _Value:
    """What a step would write to one unit, and what it would write over: digests, no values."""

    wanted: str
    before: str


@dataclass(slots=True)
class _Written:
    """The writes of one value. Times are monotonic seconds."""

    declared: str  # the digest of the document
    wanted: str
    at: float  # of the last write
    before: Counter[str] = field(default_factory=Counter)  # how often which live value was written over
    unread: bool = True  # not judged since the last write
    unshown: int = 0  # writes in a row after which AWS showed another value
    shown_at: float | None = None  # when the value was first seen after the last write
    read: str = ""  # the live value that was read after the last write
    lifted: int = 0  # how often another live value allowed one more write

    def write(self, value: _Value, now: float) -> None:
        """Note a write. After three in vain, it is one that another live value allowed."""
        self.lifted += self.unshown >= TRIES
        self.at, self.unread, self.shown_at = now, True, None
        self.before[value.before] += 1
        if len(self.before) > _MOST:
            del self.before[next(iter(self.before))]

    def is_stale(self, value: _Value, now: float) -> bool:
        """Return whether a live value may be that of before the last write."""
        return self.shown_at is None and value.before in self.before and now - self.at < SETTLE

    def judge(self, value: _Value, now: float) -> None:
        """Note what a read shows instead of the written value."""
        if self.unread and not self.is_stale(value, now):
            self.unread, self.read = False, value.before
            self.unshown += 1

    def is_exhausted(self, value: _Value) -> bool:
        """Return whether the value was written often enough over this live value, which was judged."""
        if self.unshown < TRIES:
            return self.before[value.before] >= TRIES
        another = value.before != self.read and value.before not in self.before
        return not another or self.lifted >= TRIES


@dataclass(slots=True)
class Writes:
    """The writes to the resources of one application. After a restart each is tried three times again."""

    rows: dict[Unit, _Written] = field(default_factory=dict)
    stays: float = STAYS[0]  # seconds in sync after which a row does not count any more
    created: dict[Key, tuple[str, float]] = field(default_factory=dict)  # not looked at since: document, time
    in_a_row: dict[Key, tuple[str, int]] = field(default_factory=dict)  # writes since it was in sync: document, number

    def wrote(self, step: Step, declared: str, now: float) -> None:
        """Note that the calls of a step succeeded."""
        if isinstance(step.change, Create | Replace):
            self.created[step.id.key] = declared, now
        self.in_a_row[step.id.key] = declared, self._in_a_row(step.id.key, declared) + 1
        for unit, value in _units(step):
            row = self._row(unit, value, declared, now)
            if row is None:
                row = self.rows[unit] = _Written(declared, value.wanted, now)
            row.write(value, now)

    def looked(self, plan: Plan, now: float, interval: float) -> None:
        """Judge the writes by the plan that was made of a new look."""
        steps = (*plan.steps, *(one.step for one in plan.withheld))
        unreadable = plan.unreadable.keys() | plan.stopped.keys()
        self._look_at_created(steps, unreadable, now)
        self._forget_in_sync(plan, unreadable)
        differing = {unit: value for step in steps for unit, value in _units(step)}
        self.stays = max(STAYS[0], STAYS[1] * interval)
        for unit, row in tuple(self.rows.items()):
            if unit[0] in unreadable:
                continue
            value = differing.get(unit)
            if value is not None and value.wanted == row.wanted:
                row.judge(value, now)
                continue
            row.unread, row.unshown = False, 0
            row.shown_at = now if row.shown_at is None else row.shown_at
            if self._is_over(row, now):
                del self.rows[unit]

    def _forget_in_sync(self, plan: Plan, unreadable: Collection[Key]) -> None:
        """Forget the writes to what is in sync."""
        planned, held = {one.id.key for one in plan.steps}, {one.step.id.key for one in plan.withheld}
        self.in_a_row = {
            key: (declared, count)
            for key, (declared, count) in self.in_a_row.items()
            if key in planned or key in unreadable or (count >= MOST_IN_A_ROW and key in held)
        }

    def _in_a_row(self, key: Key, declared: str) -> int:
        """Return the number of writes of this document to a resource since it was in sync."""
        document, count = self.in_a_row.get(key, (declared, 0))
        return count if document == declared else 0

    def _look_at_created(self, steps: Iterable[Step], unreadable: Collection[Key], now: float) -> None:
        """Take a creation as the first write of what differs right after it; a late step is a write of its own."""
        absent = {step.id.key for step in steps if isinstance(step.change, Create)}
        for key in self.created.keys() - absent - set(unreadable):
            declared, at = self.created.pop(key)
            main = StepId(key=key)
            for unit, value in (one for step in steps if step.id == main for one in _units(step)):
                if self._row(unit, value, declared, now) is None:
                    self.rows[unit] = _Written(declared, value.wanted, at, Counter({value.before: 1}))

    def _is_over(self, row: _Written, now: float) -> bool:
        return row.shown_at is not None and now - row.shown_at > self.stays

    def _row(self, unit: Unit, value: _Value, declared: str, now: float) -> _Written | None:
        """Return the writes of this value that count; None if there are none."""
        row = self.rows.get(unit)
        if row is None or (row.declared, row.wanted) != (declared, value.wanted) or self._is_over(row, now):
            return None
        return row

    def awaited(self, step: Step, declared: str, now: float) -> Step:
        """Return the step; it waits, without calls, while AWS may still show what was there before the last write."""
        if not step.calls:
            return step
        rows = [(self._row(unit, value, declared, now), value) for unit, value in _essential(step).items()]
        stale = [row.at for row, value in rows if row is not None and row.is_stale(value, now)]
        if not stale:
            return step
        waiting = f"written {duration(now - max(stale))} ago, and AWS does not show it yet"
        return replace(step, calls=(), waiting=waiting, change=_as_pending(step))

    def exhausted(self, step: Step, declared: str, now: float) -> str:
        """Return the reason why a step is not sent again; empty if it may be sent."""
        if not step.calls:
            return ""
        key, values = step.id.key, _essential(step)
        what = _paths(step.fields) or f"the {type(step.change).__name__.lower()}"
        found = self._exhausted(values, declared, now)
        if found and len(found) == len(values):
            return _why(key, what, _seen(found.values()))
        if (times := self._in_a_row(key, declared)) >= MOST_IN_A_ROW:
            seen = f"it was written {times} times in a row, and AWS never showed it in sync in between"
            return _why(key, what, seen, "the manifest changes")
        return ""

    def part_exhausted(self, step: Step, declared: str, now: float) -> InVain:
        """Return which part of an update is not sent again. Empty if that is all of it: `exhausted` has the reason."""
        found = self._exhausted(dict(_units(step)), declared, now)
        fields = tuple(one for one in step.fields if _field(step, one) in found)
        if not found or len(fields) == len(step.fields):
            return InVain()
        key, marks = step.id.key, found.get((step.id.key, _MARKS))
        return InVain(
            fields=fields,
            why=_why(key, _paths(fields), _seen([found[_field(step, one)] for one in fields])) if fields else "",
            why_marks=_why(key, "the mark", _seen([marks])) if marks else "",
        )

    def _exhausted(self, values: Mapping[Unit, _Value], declared: str, now: float) -> dict[Unit, _Written]:
        """Judge the writes of these values, and return those that were made often enough."""
        rows = {unit: row for unit, value in values.items() if (row := self._row(unit, value, declared, now))}
        for unit, row in rows.items():
            row.judge(values[unit], now)
        return {unit: row for unit, row in rows.items() if row.is_exhausted(values[unit])}

    def forget(self, key: Key | None = None) -> None:
        """Try everything again, or what was written to one resource."""
        self.rows = {unit: row for unit, row in self.rows.items() if key is not None and unit[0] != key}
        self.created = {one: at for one, at in self.created.items() if key is not None and one != key}
        self.in_a_row = {one: row for one, row in self.in_a_row.items() if key is not None and one != key}


def _as_pending(step: Step) -> Update | Replace | Create | Delete | Forget | Mark | Adopt:
    """Return the change of a step with differences that are our own write under way: none of them is drift."""
    if not isinstance(step.change, Update | Replace):
        return step.change
    return replace(step.change, fields=tuple(_pending(one) for one in step.change.fields))


def _pending(one: FieldChange) -> FieldChange:
    return replace(one, reason="pending") if one.reason == "drift" else one


def _paths(fields: Iterable[FieldChange]) -> str:
    return ", ".join(dotted(one.path) for one in fields)


def _why(key: Key, what: str, seen: str, ends: str = "the manifest or the live value changes") -> WithheldReason:
    """Return why something is not written any more, and what ends that, for people."""
    return WithheldReason(
        "not_converging",
        f"not written any more: {what} does not converge: {seen}; it is written again when {ends}, "
        f"or with `ecsync retry {key.application}/{key}`",
    )


def _seen(rows: Collection[_Written]) -> str:
    """Return what was read after these writes, for people."""
    if all(row.unshown for row in rows):
        times = max(row.unshown for row in rows)
        return f"AWS answered without an error {times} times, and did not show it after any of them"
    times = max(max(row.before.values()) for row in rows)
    return f"it was written {times} times, AWS showed it, and another client changed it back"


# ---------------------------------------------------------------- who writes


@dataclass(slots=True)
class _Known:
    """The mark of a resource, as this process knows it: the resource's id, hashes of what may be applied, a time."""

    id: str
    applied: tuple[int, ...]  # before our writes, and after each
    sent: int | None = None  # what we wrote last
    at: float = float("-inf")  # of that write, in monotonic seconds


@dataclass(slots=True)
class KnownMarks:
    """The marks that this process found first, or wrote. Another one was written by another controller (R32)."""

    rows: MutableMapping[Key, _Known] = field(default_factory=dict)

    def sent(self, step: Step, now: float) -> None:
        """Note that a step writes a mark. Until AWS shows it, the one before may be there too."""
        change = step.change
        tags = change.marks if isinstance(change, Create | Update | Replace | Mark | Adopt) else {}
        applied = unpack(tags.get(APPLIED, ""))
        if applied is None:
            return
        row = self.rows.setdefault(step.id.key, _Known(tags.get(ID, ""), ()))
        row.id, row.at, row.sent = tags.get(ID, row.id), now, _hash(applied)
        if row.sent not in row.applied:
            row.applied += (row.sent,)

    def looked(self, inputs: Inputs, now: float) -> None:
        """Take what a look shows as known, except the marks of another controller; forget what is not declared."""
        documents = inputs.application.documents
        self.rows = {key: row for key, row in self.rows.items() if documents.get(key) is not None}
        for desired in documents:
            live = _mark_of(inputs, desired.key)
            if live is None or live.applied is None or self.is_foreign(inputs, desired, now):
                continue
            row = self.rows.get(desired.key)
            if row is None or row.id != live.id:
                self.rows[desired.key] = _Known(live.id, (_hash(live.applied),))
            elif _hash(live.applied) == row.sent or now - row.at >= SETTLE:
                row.applied = (_hash(live.applied),)

    def is_foreign(self, inputs: Inputs, desired: Desired, now: float) -> bool:
        """Return whether another controller of this installation wrote the mark of a resource.

        A mark of what is declared now is none, nor is one that a read shows within the settle window of our write.
        """
        row, live = self.rows.get(desired.key), _mark_of(inputs, desired.key)
        if row is None or live is None or live.applied is None or row.id != live.id:
            return False
        if _hash(live.applied) in row.applied or now - row.at < SETTLE:
            return False
        declared = applied_for(inputs.kind(desired.key), desired)
        return declared is None or declared.members != live.applied.members

    def reason(self, step: Step, inputs: Inputs, now: float) -> str:
        """Return why a step is not sent: another controller writes its resource; empty: none does."""
        key, desired = step.id.key, inputs.application.documents.get(step.id.key)
        if step.id.phase == "prune" or desired is None or not self.is_foreign(inputs, desired, now):
            return ""
        return WithheldReason(
            "no_ownership",
            "another controller of this installation wrote it: its ecsync:applied tag is of no revision that this "
            f"process knows; stop that controller, then run `ecsync retry {key.application}/{key}`",
        )

    def forget(self, key: Key | None = None) -> None:
        """Take what is there next as known: of one resource, or of all."""
        self.rows = {one: row for one, row in self.rows.items() if key is not None and one != key}


def _hash(applied: Applied) -> int:
    return hash(frozenset(applied.members.items()))


def _mark_of(inputs: Inputs, key: Key) -> Marks | None:
    """Return the mark of a live resource that is ours; None without one, or in another format. Revisions have many."""
    observed, kind = inputs.world.get(key), inputs.kind(key)
    live = observed.marks if isinstance(observed, Present) else None
    if live is None or live.applied is None or live.applied.form != FORM or kind.any_change == "revise":
        return None
    return live if live.owner == owner(inputs.installation, key) else None


# ---------------------------------------------------------------- what a step writes


def _units(step: Step) -> Iterator[tuple[Unit, _Value]]:
    """Yield each thing that a step writes."""
    change = step.change
    if isinstance(change, Adopt):
        return
    if isinstance(change, Update | Replace) and change.fields:
        for one in change.fields:
            yield _field(step, one), _Value(_digest(one.after), _digest(one.before))
    elif not isinstance(change, Mark):
        # The calls of a create may name resources that AWS does not show yet either: the document identifies it.
        calls = [] if isinstance(change, Create) else [[call.name, call.params] for call in step.calls]
        whole = _digest([type(change).__name__, _physical(change), calls])
        yield (step.id.key, whole), _Value(whole, "")
    if isinstance(change, Create | Update | Mark) and change.marks:
        yield (step.id.key, _MARKS), _Value(_digest(dict(change.marks)), "")


def _field(step: Step, one: FieldChange) -> Unit:
    return step.id.key, canonical(one.path)


def _essential(step: Step) -> Mapping[Unit, _Value]:
    """Return what a step is sent for: marks come with other values, or alone."""
    values = dict(_units(step))
    return {unit: value for unit, value in values.items() if unit[1] != _MARKS} or values


def _physical(change: Create | Update | Replace | Delete | Forget) -> Mapping[str, object] | None:
    return change.observed.outputs if isinstance(change, Delete | Forget) else None


def _digest(value: object) -> str:
    return sha256(canonical(value).encode()).hexdigest()[:16]
