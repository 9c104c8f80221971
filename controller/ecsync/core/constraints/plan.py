"""The constraints of a plan: what AWS refuses of the documents with their references resolved, and notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ecsync.core.constraints.find import Breach, across, breaches
from ecsync.core.inputs import Inputs
from ecsync.core.model import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A resource that AWS will refuse (error), or that is surely not meant so (note). It blocks no other resource."""

    key: Key
    breach: Breach


def of_plan(inputs: Inputs) -> tuple[Refused, ...]:
    """Return the breaches of every document that is written, in order."""
    documents = inputs.application.documents
    return tuple(
        Refused(key=written.key, breach=breach)
        for written in documents
        if inputs.writable(written)
        for breach in _of(inputs, written.key)
    )


def _of(inputs: Inputs, key: Key) -> Iterator[Breach]:
    written, kind = inputs.desired(key), inputs.kind(key)
    if written is not None and kind.constraints:
        yield from breaches(kind.constraints, inputs.resolved(written).body, name=kind.name)
        yield from across(kind.constraints, written, inputs.application.documents)
