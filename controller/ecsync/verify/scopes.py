"""From the inputs of plans to scopes: the documents of all applications of one account and Region."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from ecsync.core.inputs import Inputs
from ecsync.core.model import Desired, Key, Present, Target, Unreadable
from ecsync.offline.permissions.places import Place
from ecsync.verify.model import Document, Scope


def scope_of(target: Target, applications: Iterable[Inputs], now: datetime) -> Scope:
    """Return the scope of the applications of a target, as they were observed."""
    documents: dict[Key, Document] = {}
    every = tuple(applications)
    for inputs in every:
        documents.update({one.key: one for one in _documents(inputs, inputs.application.resources)})
    for inputs in every:  # a lookup of another application, which has the last word on what it manages
        for one in _documents(inputs, inputs.lookups):
            documents.setdefault(one.key, one)
    return Scope(
        account=target.account,
        region=target.region,
        partition=Place(target.account, target.region).partition,
        now=now,
        documents=tuple(documents.values()),
    )


def _documents(inputs: Inputs, resources: Iterable[Desired]) -> Iterator[Document]:
    for desired in resources:
        observed = inputs.world.get(desired.key)
        yield Document(
            desired=inputs.resolved(desired),
            written=desired.body,
            live=observed if isinstance(observed, Present) else None,
            unread=observed.error if isinstance(observed, Unreadable) else "",
            managed=inputs.writable(desired) and _managed(inputs, desired),
        )


def _managed(inputs: Inputs, desired: Desired) -> bool:
    """Return whether the application may write the kind (`manage`); without a list, that is all but Role."""
    allowed, kind = inputs.application.manage, desired.key.kind
    of_other = desired.key.application != inputs.application.name
    return of_other or "all" in allowed or kind in allowed or (not allowed and kind != "Role")
