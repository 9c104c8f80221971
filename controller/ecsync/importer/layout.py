"""Which document is in which file, and the text of each file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from ecsync.core.model import Key
from ecsync.core.trees import Json
from ecsync.importer.naming import Owners, to_name
from ecsync.importer.text import dump

# Kinds that are never in the file of one service.
_SHARED_FILE = {
    "Cluster": "cluster.yaml",
    "CapacityProvider": "cluster.yaml",
    "AutoScalingGroup": "cluster.yaml",
    "Network": "network.yaml",
    "LoadBalancer": "network.yaml",
    "Listener": "network.yaml",
}
# The file of other kinds that several services use, or none; cluster.yaml for a kind that is not here.
_FILE_IF_SHARED = {"TargetGroup": "network.yaml", "ListenerRule": "network.yaml"}
# The order of the documents in a file.
_ORDER = (
    *_SHARED_FILE, "Service", "TaskDefinition", "ListenerRule", "TargetGroup", "ScalableTarget", "ScalingPolicy",
    "ScheduledAction", "LogGroup", "Role",
)  # fmt: skip
_COMMENT = {
    "ecsync/adopt": "Not adopted until you run `ecsync adopt`.",
    "ecsync/manage": "Read-only.",
    "ecsync/undeclared": "Undeclared fields are enforced at AWS's default.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One resource, ready to be written."""

    key: Key
    body: Mapping[str, Json]
    annotations: Mapping[str, str]
    comments: tuple[str, ...] = ()
    secret: bool = False  # whether a value looks like a secret


# ---------------------------------------------------------------- which file


def owners(links: Mapping[Key, frozenset[Key]]) -> Owners:
    """Return the services that use each resource: those with a path of references to it, else those that it refers to.

    References through a kind that always is in a shared file do not count.
    """
    result: dict[Key, set[Key]] = {key: set() for key in links}
    for service in links:
        if service.kind == "Service":
            for key in _reachable(service, links):
                result[key].add(service)
    for key, others in links.items():
        if not result[key]:
            result[key] = set().union(*(result[other] for other in others if other.kind not in _SHARED_FILE))
    return {key: frozenset(services) for key, services in result.items()}


def _reachable(service: Key, links: Mapping[Key, frozenset[Key]]) -> set[Key]:
    """Return the service and the resources that it refers to, directly or through others."""
    reached: set[Key] = set()
    todo = [service]
    while todo:
        key = todo.pop()
        if key not in reached:
            reached.add(key)
            todo += [other for other in links[key] if other.kind not in _SHARED_FILE and other.kind != "Service"]
    return reached


def files(keys: Iterable[Key], owners: Owners, names: Mapping[Key, str]) -> dict[Key, str]:
    """Return the file of each resource: the file of the only service that uses it, or a shared one."""
    service_files = {key: f"services/{to_name(names[key])}.yaml" for key in names if key.kind == "Service"}
    result = {}
    for key in keys:
        services = owners[key]
        if key.kind in _SHARED_FILE:
            result[key] = _SHARED_FILE[key.kind]
        elif len(services) == 1:
            result[key] = service_files[next(iter(services))]
        else:
            result[key] = _FILE_IF_SHARED.get(key.kind, "cluster.yaml")
    return result


# ---------------------------------------------------------------- text


def header(file: str, place: str) -> str:
    """Return the first line of a file."""
    match file:
        case "cluster.yaml":
            return f"{place[0].upper()}{place[1:]} and the resources that several of its services share."
        case "network.yaml":
            return f"Network and load balancing of {place}."
        case _:
            return f"A service of {place} and the resources that only it uses."


def text(documents: Iterable[Document], first_line: str) -> str:
    """Return the text of one file: documents with the same annotations together, the file's main document first."""
    documents = _with_common_annotations(list(documents))
    rank: dict[tuple[tuple[str, str], ...], int] = {}
    for document in documents:
        group = _annotations(document)
        rank[group] = min(rank.get(group, len(_ORDER)), _rank(document.key))
    ordered = sorted(documents, key=lambda one: (rank[_annotations(one)], _annotations(one), _rank(one.key), one.key))
    parts = [_part(dict(annotations), list(group)) for annotations, group in groupby(ordered, key=_annotations)]
    return _comment([first_line]) + "---\n".join(parts)


def _annotations(document: Document) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(document.annotations.items()))


def _with_common_annotations(documents: list[Document]) -> list[Document]:
    """Give all managed documents the annotations that some of them need: the file has fewer parts.

    `ecsync/adopt: never` changes nothing for the others: it is their default.
    """
    managed = [one for one in documents if "ecsync/manage" not in one.annotations]
    common = {name: value for one in managed for name, value in _annotations(one)}
    return [replace(one, annotations=common) if "ecsync/undeclared" in one.annotations else one for one in documents]


def _rank(key: Key) -> int:
    return _ORDER.index(key.kind) if key.kind in _ORDER else len(_ORDER)


def _part(annotations: Mapping[str, str], documents: list[Document]) -> str:
    """Return one YAML document of a file."""
    head: dict[str, Json] = {"apiVersion": "ecsync/v1"}
    comment = ""
    if annotations:
        head["metadata"] = {"annotations": dict(annotations)}
        comment = _comment([" ".join(_COMMENT[name] for name in annotations if name in _COMMENT)])
    blocks = "\n".join(_comment(one.comments, 2) + dump({str(one.key): one.body}, 2) for one in documents)
    return f"{comment}{dump(head)}resources:\n{blocks}"


def _comment(lines: Iterable[str], indent: int = 0) -> str:
    return "".join(f"{' ' * indent}# {line}\n" for line in lines)
