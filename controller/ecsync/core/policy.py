"""What keeps a plan safe: each policy looks at one step and says why it is withheld, or nothing.

They are asked while the plan is made, so that a step which is withheld does not make its outputs unknown to others.
The words name what would let the step through.
"""

from __future__ import annotations

from collections.abc import Collection

from ecsync.core.inputs import Inputs, Policy
from ecsync.core.kind import World
from ecsync.core.model import Create, Key, Plan, Present, Replace, Step, Update, WithheldReason


def standard(*, prune: str = "", contended: Collection[Key] = ()) -> tuple[Policy, ...]:
    """Return the policies of an ordinary pass.

    `prune` says why nothing may be pruned now (empty: it may). `contended` are resources whose repair has come
    undone too often.
    """

    def unpruned(step: Step, inputs: Inputs) -> str:
        return pruning(step, inputs, prune)

    def contention(step: Step, _: Inputs) -> str:
        if step.id.key in contended and isinstance(step.change, Update | Replace):
            return WithheldReason(
                "contention", "somebody changes it back each time; nothing more is written until the manifest changes"
            )
        return ""

    return (managed, suspended, unpruned, replacing, moved_lookups, contention)


def managed(step: Step, inputs: Inputs) -> str:
    """Only kinds that the application may write are written."""
    allowed = inputs.application.manage
    kind = step.id.key.kind
    if "all" in allowed or kind in allowed or (not allowed and kind != "Role"):
        return ""
    return WithheldReason(
        "not_managed",
        f"{kind} is not written by this application; add {kind} (or `all`) to `manage` in its Application document",
    )


def suspended(step: Step, inputs: Inputs) -> str:
    """A suspended document is reported, not written."""
    desired = inputs.desired(step.id.key)
    return WithheldReason("suspended", "suspended by ecsync/suspend") if desired and desired.options.suspend else ""


def pruning(step: Step, inputs: Inputs, forbidden: str) -> str:
    """What is declared no more goes only on an explicit word, from a source that was read whole."""
    if step.id.phase != "prune":
        return ""
    if not inputs.application.sync.prune:
        words = "not declared any more; prune is off (sync.prune: true in its Application document removes it)"
        return WithheldReason("off", words)
    return (
        WithheldReason("stale_source", forbidden)
        if forbidden and not isinstance(forbidden, WithheldReason)
        else forbidden
    )


def replacing(step: Step, inputs: Inputs) -> str:
    """A replacement is an outage unless the kind knows how to do it side by side."""
    if not isinstance(step.change, Replace) or inputs.kind(step.id.key).replaces_itself:
        return ""
    if step.change.desired.options.replace == "allow":
        return ""
    fields = ", ".join(".".join(map(str, one.path)) for one in step.change.fields if one.effect == "replace")
    words = f"{fields} cannot be changed in place; `ecsync/replace: allow` deletes it and makes it again"
    return WithheldReason("replacement", words)


def moved_lookups(step: Step, _: Inputs) -> str:
    """A looked-up value that moved does not restart production by itself (rule 20)."""
    if not isinstance(step.change, Update) or step.change.desired.options.refresh == "follow":
        return ""
    rolling = [one for one in step.change.fields if one.effect != "in-place"]
    if not rolling or any(one.reason != "lookup" for one in rolling):
        return ""
    return WithheldReason(
        "lookup",
        "a value that is only looked up has changed and following it would restart tasks; "
        "`ecsync/refresh: follow` on this document follows it",
    )


def finds_no_owned_resource(plan: Plan, world: World) -> bool:
    """Tell whether all is to be made: with no state file, a wrong account looks like that (rule 11)."""
    main = [step for step in plan.steps if step.id.phase == "main"]
    marked = any(isinstance(one, Present) and one.marks for one in world.values())
    return bool(main) and all(isinstance(step.change, Create) for step in main) and not marked
