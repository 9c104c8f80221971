"""What carries our marks of an application, and the calls that take them off: adoption reversed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ecsync.core import marks
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind
from ecsync.core.model import Application, Call, Forget, Key, Present
from ecsync.core.ports import AwsError, Cloud, Purpose
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.reconciler import Destination, look
from ecsync.engine.step_state import StepState
from ecsync.engine.views import at_cadence


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A resource with our marks, and others of its key with the same: older revisions, replaced target groups."""

    key: Key
    declared: bool
    calls: tuple[Call, ...]
    others: int = 0

    def __str__(self) -> str:
        more = "" if self.declared else " (not declared any more)"
        older = f" and {self.others} older" if self.others else ""
        return f"{self.key}{older}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What carries the marks of an application; `unread` has a reason for each part that is not known."""

    marked: tuple[Marked, ...]
    unread: tuple[str, ...]


def marked_by(application: Application, catalogue: Catalogue, destination: Destination) -> Found:
    """Return what carries the marks of an application. Raises AwsError only for lost credentials."""
    destination, state = destination.shared(), StepState()
    state.enter(destination.target)
    seen = look(application, catalogue, destination, state)
    inputs, listing = seen.inputs, state.orphan_listing
    unread = [f"{key}: {reason}" for key, reason in seen.plan.unreadable.items() if _may_be_marked(inputs, key)]
    unread += [listing.incomplete] if listing is not None and listing.incomplete else []
    live: dict[tuple[str, str], list[tuple[Key, Present]]] = {}
    for key, observed in inputs.world.items():
        if key.application == application.name and isinstance(observed, Present):
            live.setdefault(_identity(inputs, key, observed), []).append((key, observed))
    for orphan in listing.orphans if listing is not None else ():
        parsed = marks.key_of(orphan.marks.owner)
        if parsed is not None:
            live.setdefault((orphan.marks.owner, orphan.marks.id), []).append((parsed[1], orphan.present))
    found = [one for mark, presents in live.items() for one in _marked(inputs, destination, mark, presents)]
    return Found(marked=tuple(sorted(found, key=str)), unread=tuple(map(str, unread)))


def take_off(cloud: Cloud, one: Marked) -> None:
    """Take our marks off a resource; one that is gone has none. Raises AwsError."""
    for call in one.calls:
        try:
            with Purpose(application=one.key.application).applies():
                cloud.write(call.service, call.operation, **call.params)
        except AwsError as error:
            if error.kind != "missing":
                raise


def _may_be_marked(inputs: Inputs, key: Key) -> bool:
    desired = inputs.desired(key)
    return inputs.kind(key).tagging is not None and (desired is None or desired.options.manage)


def _identity(inputs: Inputs, key: Key, observed: Present) -> tuple[str, str]:
    """Return the owner and id of the marks that a declared resource has, or would have."""
    if observed.marks is not None:
        return observed.marks.owner, observed.marks.id
    desired = inputs.desired(key)
    natural = inputs.kind(key).natural(inputs.resolved(desired).body) if desired else None
    identity = marks.identity(inputs.physical(key.kind, natural)) if natural else ""
    return marks.owner(inputs.installation, key), identity


def _marked(
    inputs: Inputs, destination: Destination, mark: tuple[str, str], presents: list[tuple[Key, Present]]
) -> Iterator[Marked]:
    """Yield the live resources with a mark, and with the first one all others that the tagging API lists with it."""
    key, first = presents[0]
    kind, desired = inputs.kind(key), inputs.desired(key)
    if kind.tagging is None or not _is_ours(inputs, key, mark, first):
        return
    calls: list[Call] = []
    arns: set[str] = set()
    for _, present in presents:
        if present.marks is not None:
            calls += marks.tag_calls(kind.tagging, Forget(key=key, observed=present))
        arns |= {str(value) for value in (*present.outputs.values(), present.facts.get("arn"))}
    others = sorted(_listed(inputs, destination, kind, mark) - arns)
    for arn in others:
        alike = Present(body={}, outputs={"arn": arn})
        calls += marks.tag_calls(kind.tagging, Forget(key=key, observed=alike))
    if calls:
        yield Marked(key=key, declared=desired is not None, calls=tuple(calls), others=len(others))


def _is_ours(inputs: Inputs, key: Key, mark: tuple[str, str], present: Present) -> bool:
    """Return whether the marks are of this application, and were not copied from another resource."""
    parsed = marks.key_of(mark[0])
    own = (inputs.application.name, *inputs.application.formerly)
    if parsed is None or parsed[0] != inputs.installation or parsed[1].application not in own:
        return False
    desired = inputs.desired(key)
    if desired is None or not mark[1]:
        return True  # the listing of orphans leaves copies out
    unmarked = Present(body=present.body, outputs=present.outputs, marks=None)
    return _identity(inputs, key, unmarked)[1] in ("", mark[1])


def _listed(inputs: Inputs, destination: Destination, kind: Kind, mark: tuple[str, str]) -> set[str]:
    """Return the ARNs that the tagging API lists with these marks, of a kind that it lists."""
    if not kind.tagged_as or destination.inventory is None or not mark[1]:
        return set()
    listed = destination.inventory.marked(at_cadence(inputs.application.sync.interval), kind)
    application, of_kind, _ = mark[0].rsplit("/", 2)
    return {arn for owner, arn, id_ in listed.marks(application, of_kind) if (owner, id_) == mark}
