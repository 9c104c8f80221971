"""Policies: each one looks at one step and returns the reason why it is withheld, or an empty text.

They run while the plan is made: the outputs of a withheld step stay known to other steps. A reason states the effect
first, then what a person can do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal, TypeAlias

from ecsync.core import plan
from ecsync.core.inputs import Inputs, Policy
from ecsync.core.kind import World
from ecsync.core.model import Adopt, Change, Create, Delete, Mark, Present, Replace, Update
from ecsync.core.outcome import Plan, Step, WithheldReason
from ecsync.core.trees import canonical

_FEW = 5  # resources: of fewer than these, any share may be pruned, but not all of them


def standard(*, prune: str = "", not_converging: Policy | None = None) -> tuple[Policy, ...]:
    """Return the policies of an ordinary pass.

    `prune` is the reason why nothing may be pruned now; empty: pruning is allowed. `not_converging` withholds what was
    written in vain; None: nothing was.
    """

    def unpruned(step: Step, inputs: Inputs) -> str:
        return pruning(step, inputs, prune)

    own = (managed, suspended, unpruned, replacing, moved_lookups)
    return own if not_converging is None else (*own, not_converging)


def managed(step: Step, inputs: Inputs) -> str:
    """Withhold a kind that the application does not manage. Without `manage`, this is Role alone."""
    allowed = inputs.application.manage
    kind = step.id.key.kind
    if "all" in allowed or kind in allowed or (not allowed and kind != "Role"):
        return ""
    return WithheldReason(
        "not_managed",
        f"read-only: {kind} is not managed by this application; "
        f"add {kind} (or `all`) to `manage` in its Application document",
    )


def suspended(step: Step, inputs: Inputs) -> str:
    """Withhold every step of a suspended document."""
    desired = inputs.desired(step.id.key)
    return WithheldReason("suspended", "suspended by ecsync/suspend") if desired and desired.options.suspend else ""


def pruning(step: Step, inputs: Inputs, forbidden: str) -> str:
    """Withhold the deletion of an orphan while prune is off, or while `forbidden` is a reason."""
    if step.id.phase != "prune":
        return ""
    if not inputs.application.sync.prune:
        return WithheldReason(
            "off",
            "not deleted: no longer declared, and prune is off (set sync.prune: true in its Application document)",
        )
    if forbidden:
        return forbidden if isinstance(forbidden, WithheldReason) else WithheldReason("stale_source", forbidden)
    if step.id.key in inputs.doubts:
        return WithheldReason("not_listed", f"not deleted yet: {inputs.doubts[step.id.key]}")
    return _too_many(inputs) if isinstance(step.change, Delete) else ""


def _too_many(inputs: Inputs) -> str:
    """Return why so many orphans are not deleted without an explicit word; empty: there are few (docs/rules.md R27).

    Half a release can be a complete and valid reading, and so can an empty directory.
    """
    doomed, application = len(inputs.orphans), inputs.application
    if doomed <= application.sync.prune_limit:
        return ""
    kept = [one.key for one in application.resources if inputs.writable(one)]
    live = sum(isinstance(inputs.world.get(key), Present) for key in kept)
    if not kept:
        what = f"{application.name} declares nothing any more"
    elif doomed + live >= _FEW and 3 * doomed > doomed + live:
        what = f"{doomed} of {doomed + live} resources are no longer declared"
    else:
        return ""
    fix = f"if that is meant, set sync.pruneLimit: {doomed} in its Application document, or run `ecsync apply --prune`"
    return WithheldReason("budget", f"not deleted: {what}; {fix}")


def replacing(step: Step, inputs: Inputs) -> str:
    """Withhold a replacement that is an outage, unless the document allows it.

    One that its kind makes side by side is none, unless the step has a reason in `waiting`.
    """
    if not isinstance(step.change, Replace) or step.change.desired.options.replace == "allow":
        return ""
    if inputs.kind(step.id.key).replaces_itself:
        accept = "set `ecsync/replace: allow` to accept that"
        return WithheldReason("replacement", f"not replaced: {step.waiting}; {accept}") if step.waiting else ""
    fields = ", ".join(".".join(map(str, one.path)) for one in step.change.fields if one.effect == "replace")
    return WithheldReason(
        "replacement",
        f"not replaced: {fields} cannot be changed in place; "
        "set `ecsync/replace: allow` to delete the resource and create it again",
    )


def moved_lookups(step: Step, _: Inputs) -> str:
    """Withhold an update that restarts tasks only because a looked-up value changed (docs/rules.md R20)."""
    if not isinstance(step.change, Update) or step.change.desired.options.refresh == "follow":
        return ""
    rolling = [one for one in step.change.fields if one.effect not in ("in-place", "new-tasks")]
    if not rolling or any(one.reason != "lookup" for one in rolling):
        return ""
    return WithheldReason(
        "lookup",
        "not applied: a looked-up value changed, and applying it would restart tasks; "
        "set `ecsync/refresh: follow` on this document to apply it",
    )


# ---------------------------------------------------------------- approval

NamedEffect: TypeAlias = Literal["replace", "delete"]


@dataclass(frozen=True, slots=True)
class Approval:
    """The effects that need a person. `given` returns whether an application may do all of these steps (digests)."""

    effects: frozenset[NamedEffect]
    given: Callable[[str, frozenset[str]], bool]


def decided(inputs: Inputs, approval: Approval | None) -> tuple[Inputs, Plan]:
    """Return the plan, and the inputs with its policies: without the steps that need an approval and have none.

    An approval is for the steps that are named together: one more of them, and none is approved.
    """
    if approval is None or not approval.effects:
        return inputs, plan.build(inputs)
    held = _with(inputs, approval.effects, frozenset())
    planned = plan.build(held)
    named = planned.unapproved
    if not named or not approval.given(inputs.application.name, named):
        return held, planned
    allowed = _with(inputs, approval.effects, named)
    return allowed, plan.build(allowed)


def _with(inputs: Inputs, effects: frozenset[NamedEffect], approved: frozenset[str]) -> Inputs:
    def unapproved(step: Step, seen: Inputs) -> str:
        effect = _named_effect(step)
        digest = _named_digest(step, seen) if effect in effects else ""
        if not digest or digest in approved:
            return ""
        text = f"not {effect}d: that needs an approval here; `ecsync status` has the command"
        return WithheldReason("approval", text, named=digest)

    return replace(inputs, policies=(*inputs.policies, unapproved))


def _named_effect(step: Step) -> NamedEffect | None:
    """Return the effect of a step that may need an approval. What a replacement leaves behind is a part of it."""
    if isinstance(step.change, Replace):
        return "replace"
    return "delete" if isinstance(step.change, Delete) and step.id.phase != "late" else None


def _named_digest(step: Step, inputs: Inputs) -> str:
    """Return a digest of what a person approves. It stays the same while the step is under way.

    Of a deletion: which resource. Of a replacement: which one, the document, what it looks up, and the fields.
    """
    assert isinstance(step.change, Delete | Replace)
    site = [inputs.target.account, inputs.target.region]
    content = [_named_effect(step), *site, step.id.key.full, step.change.observed.called]
    written = inputs.desired(step.id.key)
    if isinstance(step.change, Replace) and written is not None:
        looked_up = [(str(ref), inputs.value_of(ref)) for ref in written.refs if inputs.looks_up(ref)]
        fields = sorted(str(one.path) for one in step.change.fields if one.effect == "replace")
        content += [canonical([written.body, looked_up, fields])]
    return sha256(canonical(content).encode()).hexdigest()[:12]


def finds_no_owned_resource(plan: Plan, world: World) -> bool:
    """Return whether a first mark is written and nothing has one: as in a wrong account (docs/rules.md R11).

    What exists without a mark is nothing of ours, whether it would be adopted, updated, or marked because it is equal.
    """
    main = [step.change for step in plan.steps if step.id.phase == "main"]
    marked = any(isinstance(one, Present) and one.marks for one in world.values())
    return any(map(_marks, main)) and all(_marks(one) or isinstance(one, Adopt) for one in main) and not marked


def _marks(change: Change) -> bool:
    """Return whether a change writes marks. An update of what is marked already does not."""
    return isinstance(change, Create | Mark) or (isinstance(change, Update) and bool(change.marks))
