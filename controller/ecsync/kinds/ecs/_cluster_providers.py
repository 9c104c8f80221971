"""The capacity providers of a cluster: one call replaces the list, and ECS refuses to remove one that is in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ecsync.core.kind import Gate, Proceed, Wait, World
from ecsync.core.model import Desired, FieldChange, Key, Present, Update
from ecsync.core.trees import Body, Json
from ecsync.kinds.ecs._shared import short_name

MEMBERS = ("capacityProviders", "defaultCapacityProviderStrategy")


def association(desired: Body, live: Body) -> dict[str, Json]:
    """Return both lists: the call replaces them whole, so the live value is sent for an undeclared one."""
    providers = desired.get("capacityProviders")
    if providers is None:
        providers = live.get("capacityProviders") or []
    strategy = desired.get("defaultCapacityProviderStrategy")
    if strategy is None:
        names = {short_name(name) for name in providers}
        live_strategy = live.get("defaultCapacityProviderStrategy") or []
        strategy = [one for one in live_strategy if short_name(one["capacityProvider"]) in names]
    return {"capacityProviders": providers, "defaultCapacityProviderStrategy": strategy}


def gate(desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate:
    """Let a provider stay in the cluster while a service uses it: the service moves to another one first."""
    wanted = desired.body.get("capacityProviders")
    live = _names(present.body)
    if wanted is None or not any(one.path[0] == "capacityProviders" for one in fields):
        return Proceed(body=desired.body)
    users = {name: user for user, name in _used(present, world) if name in live - _names(desired.body)}
    if not users:
        return Proceed(body=desired.body)
    name, user = min(users.items())
    why = f"{name} stays in the cluster while {user} uses it"
    if _names(desired.body) <= live and all(one.path[0] == "capacityProviders" for one in fields):
        return Wait(why=why)
    return Proceed(body={**desired.body, "capacityProviders": [*wanted, *sorted(users)]}, waiting=why)


def only_removes(change: Update) -> bool:
    """Return whether a change takes providers away, and adds and sets nothing: no service needs it."""
    only = all(one.path[0] == "capacityProviders" for one in change.fields)
    return only and _names(change.desired.body) <= _names(change.observed.body)


def _names(cluster: Body) -> set[Json]:
    """Return the providers of a cluster. A reference of which the value is not known is one of its own."""
    return {short_name(one) if isinstance(one, str) else one for one in cluster.get("capacityProviders") or ()}


def _used(cluster: Present, world: World) -> Iterator[tuple[Key, str]]:
    """Yield (service, provider) for each provider that a service of the cluster has tasks of, or is to have."""
    for key, observed in world.items():
        if key.kind != "Service" or not isinstance(observed, Present):
            continue
        if short_name(observed.body.get("cluster") or "default") != cluster.outputs["name"]:
            continue
        for one in (observed.body, *observed.facts.get("deployments", ())):
            for item in one.get("capacityProviderStrategy") or ():
                yield key, str(short_name(item["capacityProvider"]))
