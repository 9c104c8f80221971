"""Desired x observed -> Plan: which steps, in which order, with which exact calls. Nothing here calls AWS.

How one resource is decided (the first line that fits):

    observed      mark                        step
    Unreadable    -                           none; resources that refer to it are not decided either
    Absent        -                           Create, then its late step
    Present       none                        Adopt; with `ecsync/adopt: if-untagged`, Update
    Present       of another owner, copied    withheld
    Present       ours, `state: absent`       Delete
    Present       ours, fields differ         Replace if one cannot change in place; else Update, then its late step
    Present       ours, in sync, outdated     Mark
    Present       ours, in sync               none
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ecsync.core import deletes, graph, marks, ownership
from ecsync.core.inputs import Inputs, basis, blocked, due, not_found, unmoved, waits_for
from ecsync.core.kind import Gate, GiveUp, Hold, Kind, Proceed, Wait
from ecsync.core.marks import with_released
from ecsync.core.model import (
    Absent,
    Adopt,
    Call,
    Create,
    Desired,
    Effect,
    FieldChange,
    Key,
    Mark,
    Observed,
    Present,
    Ref,
    Replace,
    Text,
    Unreadable,
    Update,
)
from ecsync.core.outcome import LOOK_AGAIN, Phase, Plan, Settled, Step, StepId, Unmanaged, Withheld
from ecsync.core.resource_diff import declares, difference, with_ignored, without
from ecsync.core.trees import Json, Path


@dataclass(frozen=True, slots=True)
class _Draft:
    """The plan while it is made. `invalid`: outputs that its own changes replace; `changing`, `replaced`: resources."""

    steps: list[Step] = field(default_factory=list)
    withheld: list[Withheld] = field(default_factory=list)
    unmanaged: list[Unmanaged] = field(default_factory=list)
    paths: dict[Path, Path] = field(default_factory=dict)  # of those values: each once, because services repeat them
    unreadable: dict[Key, str] = field(default_factory=dict)
    behind: dict[Key, Key] = field(default_factory=dict)  # for each of those the resource that made it so
    stopped: dict[Key, str] = field(default_factory=dict)
    settled: dict[Key, Settled] = field(default_factory=dict)
    mismatches: list[Key] = field(default_factory=list)
    unchanged: list[Key] = field(default_factory=list)
    invalid: set[tuple[Key, str]] = field(default_factory=set)
    changing: set[Key] = field(default_factory=set)
    replaced: set[Key] = field(default_factory=set)
    differing: set[Key] = field(default_factory=set)  # also where a gate leaves nothing to do

    @property
    def decisions(self) -> tuple[int, ...]:
        """The number of resources or steps in each list of the draft that a settled resource is not in."""
        return tuple(len(i) for i in (self.steps, self.withheld, self.unreadable, self.stopped, self.differing))


def build(inputs: Inputs) -> Plan:
    """Return the plan of an application. Raises graph.Cycle."""
    draft = _Draft()
    for desired in inputs.order or decision_order(inputs):
        _decide(inputs, draft, desired)
    for doomed in deletes.of_orphans(inputs, draft.steps):
        _admit(inputs, draft, doomed)
    return _made(inputs, draft, graph.arranged(inputs.application.documents, inputs.kinds, draft.steps))


def _made(inputs: Inputs, draft: _Draft, steps: Iterable[Step]) -> Plan:
    return Plan(
        application=inputs.application.name,
        target=inputs.target,
        revision=inputs.revision,
        steps=tuple(steps),
        withheld=tuple(draft.withheld),
        unmanaged=tuple(draft.unmanaged),
        unreadable=draft.unreadable,
        stopped=draft.stopped,
        settled=draft.settled,
        mismatches=tuple(draft.mismatches),
        unchanged=len(draft.unchanged),
    )


def decision_order(inputs: Inputs) -> tuple[Desired, ...]:
    """Return the documents in the order in which they are decided: one for a whole revision. Raises graph.Cycle."""
    _, order = graph.course(inputs.application.documents, inputs.kinds)
    declared = (inputs.desired(step.key) for step in order if step.phase == "main")
    return tuple(desired for desired in declared if desired is not None)


def replan(inputs: Inputs, step: Step) -> Plan:
    """Return the plan of the step's resource alone, from a new read: this is what the executor applies."""
    draft = _Draft()
    desired = inputs.desired(step.id.key)
    if desired is not None:
        _decide_in_full(inputs, draft, desired)
    return _made(inputs, draft, draft.steps)


# ---------------------------------------------------------------- one resource


def _decide(inputs: Inputs, draft: _Draft, written: Desired) -> None:
    """Decide a resource: settled as in the last pass where nothing moved, else in full.

    The shortcut is checked: a share of the settled resources is decided in full in each pass. If the results differ,
    the full one holds, and the key is among the mismatches.
    """
    key, observed = written.key, inputs.world.get(written.key)
    if not isinstance(observed, Present) or not _stands_alone(inputs, draft, written, observed):
        _decide_in_full(inputs, draft, written)
        return
    made_from = basis(inputs, written, observed)
    last = unmoved(inputs, written, made_from)
    if last is not None and not due(inputs, key):
        draft.settled[key] = last
        draft.unchanged.append(key)
        draft.unmanaged.extend(last.unmanaged)
        return
    before, seen = draft.decisions, len(draft.unmanaged)
    _decide_in_full(inputs, draft, written)
    nothing, unmanaged = draft.decisions == before, tuple(draft.unmanaged[seen:])
    if last is not None and not (nothing and unmanaged == last.unmanaged):
        draft.mismatches.append(key)
    if nothing and made_from is not None:
        draft.settled[key] = Settled(
            content=written.content,
            values=made_from[0],
            rest=made_from[1],
            unmanaged=unmanaged,
            revision=observed.revision,
        )


def _stands_alone(inputs: Inputs, draft: _Draft, written: Desired, observed: Present) -> bool:
    """Return whether what `inputs.basis` names decides a resource: nothing beside it in this plan does."""
    kind = inputs.kind(written.key)
    if not inputs.writable(written) or blocked(inputs, written, draft.behind):
        return False
    if any(ref.key in draft.changing or (ref.key, ref.output) in draft.invalid for ref in written.refs):
        return False
    return kind.superseded is None or not any(True for _ in kind.superseded(observed, inputs.world))


def _decide_in_full(inputs: Inputs, draft: _Draft, written: Desired) -> None:
    key = written.key
    observed: Observed = inputs.world.get(key, Unreadable("not read"))
    cause = blocked(inputs, written, draft.behind)
    if cause is not None:
        draft.unreadable[key], draft.behind[key] = waits_for(inputs, cause), cause
    elif isinstance(observed, Unreadable):
        draft.unreadable[key], draft.behind[key] = observed.error, key
    elif not inputs.writable(written):
        if isinstance(observed, Absent):
            draft.unreadable[key], draft.behind[key] = not_found(inputs, written), key
    elif written.options.state == "absent":
        _remove(inputs, draft, key, observed)
    elif isinstance(observed, Absent):
        _create(inputs, draft, written)
    else:
        _claim(inputs, draft, written, observed)


def _create(inputs: Inputs, draft: _Draft, written: Desired) -> None:
    kind = inputs.kind(written.key)
    desired = inputs.resolved(written, draft.invalid)
    if kind.complete_create is not None:
        desired = replace(desired, body=kind.complete_create(desired, inputs.application.documents))
    change = Create(desired=desired, marks=ownership.tags_for(inputs, desired, written))
    step = Step(id=StepId(key=desired.key), change=change, calls=kind.calls(change) if kind.calls else ())
    known = kind.known(desired.body)
    if not _admit(inputs, draft, step, [output for output in kind.outputs if output not in known]):
        return
    # The late step sends what the create leaves out, to an id that is not known yet.
    unknown: dict[str, Json] = {output: Text((Ref(desired.key, output),)) for output in kind.outputs}
    nothing = Present(body={}, outputs=unknown)
    fields = difference(inputs, desired, written, nothing, draft.changing).fields
    late = tuple(one for one in fields if graph.late(kind.rules, one.path))
    if late:
        update = Update(desired=desired, observed=nothing, fields=late)
        _admit(inputs, draft, _step(kind, update, "late"))


def _claim(inputs: Inputs, draft: _Draft, written: Desired, observed: Present) -> None:
    """Decide a live resource by its owner."""
    desired = inputs.resolved(written, draft.invalid)
    state = ownership.claim_state(inputs, desired, observed)
    adopts = state == ownership.UNCLAIMED and desired.options.adopt == "if-untagged"
    if state == ownership.OURS or adopts:
        _reconcile(inputs, draft, desired, written, observed)
    elif state == ownership.UNCLAIMED:
        _admit(inputs, draft, _adoption(inputs, draft, desired, written, observed))
    else:
        draft.withheld.append(Withheld(step=_adoption(inputs, draft, desired, written, observed), reason=state))


def _adoption(inputs: Inputs, draft: _Draft, desired: Desired, written: Desired, observed: Present) -> Step:
    kind = inputs.kind(desired.key)
    found = difference(inputs, desired, written, observed, draft.changing).fields
    declared = declares(desired, kind)
    change = Adopt(
        desired=desired,
        observed=observed,
        fields=found,
        resets=tuple(one for one in found if not declared(one.path)),
        marks=ownership.tags_for(inputs, desired, written, adopted=desired.options.undeclared == "adopted"),
    )
    calls = marks.tag_calls(kind.tagging, change) if kind.tagging else ()
    return Step(id=StepId(key=desired.key), change=change, calls=calls)


# ---------------------------------------------------------------- one resource that we own


def _reconcile(inputs: Inputs, draft: _Draft, desired: Desired, written: Desired, observed: Present) -> None:
    """Reconcile a resource that we own, then delete what a finished replacement superseded."""
    kind = inputs.kind(desired.key)
    desired = with_released(kind, desired, written, observed)
    found = difference(inputs, desired, written, observed, draft.changing)
    if found.fields:
        draft.differing.add(desired.key)
    for one in found.unmanaged:
        path = draft.paths.setdefault(one.path, one.path)
        left = Unmanaged(key=desired.key, path=path, value=one.value, owner=one.owner, declared=one.declared)
        draft.unmanaged.append(left)
    change = Update(
        desired=desired,
        observed=observed,
        fields=found.fields,
        marks=ownership.marks_to_write(inputs, desired, written, observed, found.fields),
        untag=ownership.tags_to_remove(inputs, written, observed),
    )
    asked = with_ignored(kind, desired, observed) if found.fields else desired
    gate = kind.decide(asked, observed, found.fields, inputs.world_of_gates) if found.fields else None
    if gate is not None:
        _change_through_gate(inputs, draft, change, written, gate)
    else:
        _change(inputs, draft, change)
    _remove_superseded(inputs, draft, desired.key, observed)


def _change_through_gate(inputs: Inputs, draft: _Draft, change: Update, written: Desired, gate: Gate) -> None:
    """Admit the change as far as the gate of its kind allows it now."""
    key, kind = change.desired.key, inputs.kind(change.desired.key)
    match gate:
        case Wait(why=why, after=after):
            _admit(inputs, draft, Step(id=StepId(key=key), change=change, calls=(), waiting=why, again=after))
        case GiveUp() if key in inputs.retried:
            _change(inputs, draft, change)
        case GiveUp(why=why, rest=rest):
            draft.stopped[key] = why
            _change_rest(inputs, draft, change, rest)
        case Hold(reason=reason, rest=rest):
            held = replace(change, fields=tuple(one for one in change.fields if one not in rest))
            draft.withheld.append(Withheld(step=_step(kind, held), reason=reason))
            _change_rest(inputs, draft, change, rest)
        case Proceed(body=body, waiting=waiting, after=after):
            staged = replace(change.desired, body=body)
            fields = difference(inputs, staged, written, change.observed, draft.changing).fields
            # A mark records what is applied: only the last stage writes it.
            marks = {} if waiting else change.marks
            _change(inputs, draft, replace(change, desired=staged, fields=fields, marks=marks), waiting, after)


def _change_rest(inputs: Inputs, draft: _Draft, change: Update, rest: tuple[FieldChange, ...]) -> None:
    """Admit what a change that is refused or held leaves free. The mark stays: not all that it records is applied."""
    if rest:
        _change(inputs, draft, replace(change, fields=rest, marks={}))


def _change(inputs: Inputs, draft: _Draft, change: Update, waiting: str = "", again: float = LOOK_AGAIN) -> None:
    """Admit the steps of a resource that we own: a replacement, an update, a mark, or none."""
    change = _without_vain(inputs, draft, change)
    if _any_effect(change.fields, "replace"):
        _replace(inputs, draft, change)
    elif change.fields or change.untag or waiting:
        _update(inputs, draft, change, waiting, again)
    elif change.marks:
        _admit(inputs, draft, ownership.marking(inputs.kind(change.desired.key), change))


def _without_vain(inputs: Inputs, draft: _Draft, change: Update) -> Update:
    """Withhold the part of a change that was written in vain, and return the rest."""
    vain, kind = inputs.in_vain(change, inputs), inputs.kind(change.desired.key)
    if vain.fields:
        held = replace(change, fields=vain.fields, marks={}, untag=())
        draft.withheld.append(Withheld(step=_step(kind, held), reason=vain.why))
        change = without(kind, change, vain.fields)
    if vain.why_marks and not _any_effect(change.fields, "revise"):  # a revision cannot do without its marks
        draft.withheld.append(Withheld(step=ownership.marking(kind, change), reason=vain.why_marks))
        change = replace(change, marks={})
    return change


def _replace(inputs: Inputs, draft: _Draft, change: Update) -> None:
    desired, kind = change.desired, inputs.kind(change.desired.key)
    tags = ownership.tags_for(inputs, desired, inputs.desired(desired.key) or desired)
    asked = with_ignored(kind, desired, change.observed)
    new = Replace(desired=asked, observed=change.observed, fields=change.fields, marks=tags)
    why = kind.interrupts(new, inputs.world, inputs.application.documents)
    step = Step(id=StepId(key=desired.key), change=new, calls=kind.calls(new) if kind.calls else (), waiting=why)
    _admit(inputs, draft, step, kind.invalidates.get("replace", tuple(kind.outputs)))


def _update(inputs: Inputs, draft: _Draft, change: Update, waiting: str, again: float) -> None:
    """Admit the main step of an update and its late step; where both exist, the late one writes the mark."""
    kind = inputs.kind(change.desired.key)
    late = tuple(one for one in change.fields if graph.late(kind.rules, one.path))
    main = tuple(one for one in change.fields if one not in late)
    if main or change.untag or not late:
        step = _step(kind, replace(change, fields=main, marks={} if late else change.marks))
        _admit(inputs, draft, replace(step, waiting=waiting, again=again), _renewed(kind, step))
    if late:
        _admit(inputs, draft, _step(kind, replace(change, fields=late, untag=()), "late"))


def _renewed(kind: Kind, step: Step) -> tuple[str, ...]:
    """Return the outputs that get another value by an update; none if it makes no call.

    These are the outputs in `Kind.invalidates` and those that the calls capture: only some updates of a launch template
    create a version.
    """
    if not step.calls:
        return ()
    named = kind.invalidates.get("revise" if _any_effect(step.fields, "revise") else "update", ())
    return (*named, *(output for call in step.calls for output in call.captures))


def _any_effect(fields: Iterable[FieldChange], effect: Effect) -> bool:
    return any(one.effect == effect for one in fields)


def _step(kind: Kind, change: Update, phase: Phase = "main") -> Step:
    return Step(id=StepId(key=change.desired.key, phase=phase), change=change, calls=_calls(kind, change))


def _calls(kind: Kind, change: Update) -> tuple[Call, ...]:
    """Compile the kind's own calls, then the tag calls: a mark records what is done, so it comes last."""
    own = tuple(one for one in change.fields if not _is_tag(kind, one))
    sent = replace(change, desired=with_ignored(kind, change.desired, change.observed), fields=own)
    calls = kind.calls(sent) if own and kind.calls else ()
    if kind.tagging is None or (kind.any_change == "revise" and own):
        return calls  # a new revision is registered with its tags
    return calls + marks.tag_calls(kind.tagging, change)


def _is_tag(kind: Kind, change: FieldChange) -> bool:
    return kind.tagging is not None and change.path[0] == kind.tagging.member


def _remove(inputs: Inputs, draft: _Draft, key: Key, observed: Observed) -> None:
    """Delete a resource that we own and that is declared with `ecsync/state: absent`."""
    if not isinstance(observed, Present):
        return
    step = deletes.deletion(inputs, key, observed)
    if observed.marks is None or observed.marks.owner != ownership.owner_of(inputs, key):
        reason = "not deleted: ecsync/state: absent deletes only a resource with this document's ecsync:owner tag"
        draft.withheld.append(Withheld(step=step, reason=reason))
    else:
        _admit(inputs, draft, step, inputs.kind(key).outputs)


def _remove_superseded(inputs: Inputs, draft: _Draft, key: Key, observed: Present) -> None:
    """Delete what a finished replacement superseded, when it is no longer used (docs/rules.md R9)."""
    kind = inputs.kind(key)
    if kind.superseded is None or key in draft.replaced:
        return
    for superseded, not_yet in kind.superseded(observed, inputs.world):
        _admit(inputs, draft, deletes.deletion(inputs, key, superseded, waiting=not_yet, phase="late"))
        return  # one per pass: a step has one result


def _admit(inputs: Inputs, draft: _Draft, step: Step, invalidated: Iterable[str] = ()) -> bool:
    """Add a step to the plan, unless a policy withholds it. Only an admitted step makes outputs unknown."""
    reason = next((found for policy in inputs.policies if (found := policy(step, inputs))), "")
    if reason:
        draft.withheld.append(Withheld(step=step, reason=reason))
        return False
    draft.steps.append(step)
    if isinstance(step.change, Replace):
        draft.replaced.add(step.id.key)
    if not isinstance(step.change, (Adopt, Mark)):
        draft.changing.add(step.id.key)
    draft.invalid.update((step.id.key, output) for output in invalidated)
    return True
