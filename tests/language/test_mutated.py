"""Manifests that are changed at random: the loader returns problems and never raises."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.language.cases import load_files

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
SETS = 20
OF_EACH = 5
KEYS = (
    "LogGroup/web",
    "Service/web",
    "TargetGroup/web",
    "Network/main",
    "Cluster/tilog",
    "LaunchTemplate/tilog",
    "No/x",
)
NAMES = (
    "name",
    "kind",
    "spec",
    "metadata",
    "tags",
    "annotations",
    "ecsync/adopt",
    "Name",
    "Tags",
    "logGroupName",
    "Nope",
)
OUTPUTS = ("arn", "name", "id", "publicSubnetIds", "nope", "")
ODD: tuple[Any, ...] = (
    None, [], {}, "", " ", 0, -1, 1.5, True, False, 10**30, float("nan"), "x" * 300, [[]], [None], {"": None},
    {"a": None}, "${", "${}", "$${x}", "${a}", "${var:image}", "${var:nope}", "${env:X}", "${image:x}",
    "${app:other/LogGroup/x}", "${app:quickstart/LogGroup/web}", ["${Network/main.publicSubnetIds}", None],
    {"Key": "a", "Value": None}, "\u0000", "a/b", "arn:aws:iam::1:role/x", "1:30", "é" * 70, {"$ref": 1},
    [{"name": "a"}, {"name": "a"}],
)  # fmt: skip

Documents = dict[str, list[Any]]  # by file


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of every value."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from places(tree[key])


def odd(chance: random.Random) -> Any:
    """Return a value that is seldom right: a constant, or a reference."""
    whole = f"${{{chance.choice(KEYS)}}}"
    of = f"${{{chance.choice(KEYS)}.{chance.choice(OUTPUTS)}}}"
    return deepcopy(chance.choice((*ODD, whole, f"pre{whole}post", of, [of])))


def mutate(documents: Documents, chance: random.Random) -> None:
    """Change one place: another value, one more member, another name, a member less, or a copy of another place."""
    found = list(places(documents[chance.choice(list(documents))]))
    if not found:
        return
    container, key = chance.choice(found)
    way = chance.random()
    if way < 0.55:
        container[key] = odd(chance)
    elif way < 0.7 and isinstance(container, dict):
        container[chance.choice(NAMES)] = odd(chance)
    elif way < 0.8 and isinstance(container, dict):
        container[f"{key}{chance.choice(('', 'x', '/y'))}"] = container.pop(key)
    elif way < 0.9:
        del container[key]
    else:
        other, place = chance.choice(found)
        container[key] = deepcopy(other[place])


def mutated(chance: random.Random) -> dict[str, bytes]:
    """Return the files of a set of manifests with up to six changes."""
    folder = MANIFESTS / chance.choice(("quickstart", "tilog"))
    documents = {path.name: list(yaml.safe_load_all(path.read_text())) for path in sorted(folder.glob("*.yaml"))}
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        mutate(documents, chance)
    return {name: yaml.safe_dump_all(found, allow_unicode=True).encode() for name, found in documents.items()}


@pytest.mark.parametrize("seed", range(SETS))
def test_no_manifest_raises(seed: int) -> None:
    """Each problem has a place in a file."""
    chance = random.Random(seed)  # noqa: S311  # not for secrets
    for _ in range(OF_EACH):
        files = mutated(chance)
        for problem in load_files(files).problems:
            assert problem.origin.file in ("", *files)
