"""The place in the manifests of a canonical path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ecsync.core.kind import Kind
from ecsync.core.model import Desired, Key, Origin
from ecsync.core.normalise import keyed
from ecsync.core.rules import Keyed, Rules
from ecsync.core.trees import Json, Path, element_names


def where(desired: Desired, path: Path, rules: Rules) -> Origin:
    """Return the place of the longest declared part of a canonical path; else the place of the document."""
    written = _written(desired.body, path, rules)
    for length in range(len(written), 0, -1):
        origin = desired.origins.get(written[:length])
        if origin is not None:
            return origin
    return desired.origin


def _written(body: Json, path: Path, rules: Rules) -> Path:
    """Return the canonical path as a path of the declared body: keys of keyed lists become indexes."""
    tree, found = body, []
    for depth, part in enumerate(path):
        if isinstance(tree, Mapping) and part in tree:
            found.append(part)
            tree = tree[part]
        elif isinstance(tree, Sequence) and not isinstance(tree, str):
            index = _index(tree, str(part), path[:depth], rules)
            if index is None:
                break
            found.append(index)
            tree = tree[index]
        else:
            break
    return tuple(found)


def _index(elements: Sequence[Json], name: str, path: Path, rules: Rules) -> int | None:
    for rule in rules:
        if isinstance(rule, Keyed) and len(rule.segments) == len(path) and rule.covers(path):
            names = [next(iter(keyed([element], rule.key)), "") for element in elements]
            return names.index(name) if name in names else None
    names = element_names(elements)
    return names.index(name) if name in names else int(name) if name.isdecimal() and int(name) < len(elements) else None


def locator(resources: Sequence[Desired], kinds: Mapping[str, Kind]) -> Callable[[Key, Path], str]:
    """Return a function from (key, path) to `file:line`; empty for a key that no document declares."""
    documents = {desired.key: desired for desired in resources}

    def find(key: Key, path: Path) -> str:
        desired = documents.get(key)
        return str(where(desired, path, kinds[key.kind].rules)) if desired else ""

    return find
