"""Recorded pairs of a desired body and a live body, and every single change of the live side."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ecsync.core.trees import Path as Place
from ecsync.core.trees import leaves, thaw

Pair = Mapping[str, Any]
_OWN = Path(__file__).parent.parent / "cases" / "equivalence"


def pairs() -> list[Pair]:
    """Return every pair of the repository, and the collection at ECSYNC_CASES if it is set."""
    found = {one["id"]: one for file in sorted(_OWN.glob("*.json")) for one in json.loads(file.read_text())}
    elsewhere = os.environ.get("ECSYNC_CASES")
    if elsewhere:
        found = {one["id"]: one for one in json.loads(Path(elsewhere).read_text())} | found
    return [_named(found[name]) for name in sorted(found)]


def _named(pair: Pair) -> Pair:
    """Return the pair in the form of a kind: associations as a cluster, a task set as its service."""
    desired, live = dict(pair["desired"]), dict(pair["live"])
    name = str(pair["kind"])
    if name == "clusterCapacityProviders":
        name = "Cluster"
        desired["clusterName"] = desired.pop("cluster")
        live["clusterName"] = live.pop("cluster")
    elif name == "taskSet":
        name = "Service"
        desired["serviceName"], live["serviceName"] = desired.pop("service"), live.pop("service")
        live["clusterArn"] = live.pop("cluster")
        desired.pop("scale", None)  # of the task set alone
    return {**pair, "kind": name[0].upper() + name[1:], "desired": desired, "live": live}


def changes(live: Mapping[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield each place of a leaf, with the live side in which only that leaf is changed."""
    for place, leaf in leaves(live):
        if leaf in ([], {}, None):
            continue
        changed = thaw(live)
        container = changed
        for part in place[:-1]:
            container = container[part]
        number = isinstance(leaf, (int, float)) and not isinstance(leaf, bool)
        container[place[-1]] = not leaf if isinstance(leaf, bool) else leaf + 1 if number else f"{leaf}9"
        yield place, changed


def written(place: Place) -> str:
    """Return a place in the form of the tables: `tags.[].key`."""
    return ".".join("[]" if isinstance(part, int) else part for part in place)
