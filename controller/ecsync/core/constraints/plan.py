"""The constraints of a plan: what AWS refuses of the documents with their references resolved, and notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ecsync.core.constraints.find import Breach, ConstraintTable, across, breaches, constraint_table
from ecsync.core.inputs import Inputs
from ecsync.core.model import Desired, Documents, Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A resource that AWS will refuse (error), or that is surely not meant so (note). It blocks no other resource."""

    key: Key
    breach: Breach


def of_plan(inputs: Inputs) -> tuple[Refused, ...]:
    """Return the breaches of every document that is written, in order."""
    tables: dict[str, ConstraintTable] = {}
    documents = inputs.application.documents
    if not documents.region:
        documents = Documents(inputs.application.resources, inputs.target.region)
    return tuple(
        Refused(key=written.key, breach=breach)
        for written in documents
        if inputs.writable(written)
        for breach in _of(inputs, written, documents, tables)
    )


def _of(inputs: Inputs, written: Desired, documents: Documents, tables: dict[str, ConstraintTable]) -> Iterator[Breach]:
    name = written.key.kind
    if name not in tables:
        tables[name] = constraint_table(inputs.kind(written.key).constraints)
    yield from breaches(tables[name], inputs.resolved(written).body, name=name)
    yield from across(tables[name], written, documents)
