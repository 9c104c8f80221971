"""Which document is in which file, and the text of the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from ecsync.core.model import Key
from ecsync.core.trees import Json
from ecsync.importer.naming import Owners, valid
from ecsync.importer.text import dump

# The order of the documents in a file. What is before the gap always is in a file that the cluster's services share.
_TRUNK = {
    "Cluster": "cluster.yaml",
    "CapacityProvider": "cluster.yaml",
    "AutoScalingGroup": "cluster.yaml",
    "Network": "network.yaml",
    "LoadBalancer": "network.yaml",
    "Listener": "network.yaml",
}
_SHARED = {"TargetGroup": "network.yaml", "ListenerRule": "network.yaml"}
_ORDER = (
    *_TRUNK, "Service", "TaskDefinition", "ListenerRule", "TargetGroup", "ScalableTarget", "ScalingPolicy",
    "ScheduledAction", "LogGroup", "Role",
)  # fmt: skip
_WHY = {
    "ecsync/adopt": "Left alone until `ecsync adopt`.",
    "ecsync/manage": "Only looked up, never written.",
    "ecsync/undeclared": "What is not written is AWS's default, and held to it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One resource, ready to be written."""

    key: Key
    body: Mapping[str, Json]
    annotations: Mapping[str, str]
    comments: tuple[str, ...] = ()


def owners(links: Mapping[Key, frozenset[Key]]) -> Owners:
    """Return which services each resource is there for: those that lead to it, and those that it leads to."""
    found: dict[Key, set[Key]] = {key: set() for key in links}
    for service in links:
        if service.kind == "Service":
            todo = [service]
            while todo:
                key = todo.pop()
                if service not in found[key]:
                    found[key].add(service)
                    todo += [one for one in links[key] if one.kind not in _TRUNK and one.kind != "Service"]
    for key, others in links.items():
        if not found[key]:
            found[key] = set().union(*(found[one] for one in others if one.kind not in _TRUNK))
    return {key: frozenset(services) for key, services in found.items()}


def homes(keys: Iterable[Key], of: Owners, names: Mapping[Key, str]) -> dict[Key, str]:
    """Return the file of each resource: its service's, or one that all share."""
    found = {}
    files: dict[Key, str] = {}
    for service in sorted(key for key in names if key.kind == "Service"):
        name = valid(names[service])
        files[service] = f"services/{name}.yaml"
    for key in keys:
        services = of[key]
        if key.kind in _TRUNK:
            found[key] = _TRUNK[key.kind]
        elif len(services) == 1:
            found[key] = files[next(iter(services))]
        else:
            found[key] = _SHARED.get(key.kind, "cluster.yaml")
    return found


def header(name: str, place: str) -> Iterator[str]:
    """Yield what the first lines of a file say."""
    match name:
        case "cluster.yaml":
            yield f"{place[0].upper()}{place[1:]}, and what several of its services share."
        case "network.yaml":
            yield f"How the services of {place} are reached."
        case _:
            yield f"A service of {place}, and what only it uses."


def text(documents: Iterable[Document], header: Iterable[str] = ()) -> str:
    """Return the text of one file: documents with the same annotations together, what the file is about first."""
    every = _alike(list(documents))
    first = {_said(one): min(_rank(other.key) for other in every if _said(other) == _said(one)) for one in every}
    ordered = sorted(every, key=lambda one: (first[_said(one)], _said(one), _rank(one.key), one.key))
    parts = [_part(dict(said), list(group)) for said, group in groupby(ordered, key=_said)]
    return _commented(header) + "---\n".join(parts)


def _said(document: Document) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(document.annotations.items()))


def _alike(documents: list[Document]) -> list[Document]:
    """Give all that is written what some need to be told: a part less, and to the others it means nothing new."""
    every = {name: value for one in documents if "ecsync/manage" not in one.annotations for name, value in _said(one)}
    return [replace(one, annotations=every) if "ecsync/undeclared" in one.annotations else one for one in documents]


def _rank(key: Key) -> int:
    return _ORDER.index(key.kind) if key.kind in _ORDER else len(_ORDER)


def _part(annotations: Mapping[str, str], documents: list[Document]) -> str:
    head: dict[str, Json] = {"apiVersion": "ecsync/v1"}
    if annotations:
        head["metadata"] = {"annotations": dict(annotations)}
    why = _commented([" ".join(_WHY[name] for name in annotations if name in _WHY)] if annotations else [])
    blocks = "\n".join(_commented(one.comments, 2) + dump({str(one.key): one.body}, 2) for one in documents)
    return f"{why}{dump(head)}resources:\n{blocks}"


def _commented(lines: Iterable[str], indent: int = 0) -> str:
    return "".join(f"{' ' * indent}# {line}\n" for line in lines)
