"""The place in the manifests of a canonical path."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.model import Desired, Origin
from ecsync.core.origins import locator, where
from ecsync.core.rules import Keyed
from tests.core.tiny import KINDS, at

RULES = (
    Keyed(path="containers", key=("name",)),
    Keyed(path="containers[].ports", key=("port", "protocol")),
    Keyed(path="tags", key=("key",), value="value"),
)
DOCUMENT = Desired(
    key=at("Widget/w"),
    body={
        "size": 1,
        "containers": [{"name": "log"}, {"name": "web", "ports": [{"port": 80, "protocol": "tcp"}]}],
        "tags": {"team": "a"},
        "plain": ["x", "y"],
    },
    origin=Origin("shop.yaml", 1),
    origins={
        ("size",): Origin("shop.yaml", 2),
        ("containers",): Origin("shop.yaml", 3),
        ("containers", 1): Origin("shop.yaml", 5),
        ("containers", 1, "ports", 0, "port"): Origin("shop.yaml", 7),
        ("tags", "team"): Origin("shop.yaml", 9),
        ("plain",): Origin("shop.yaml", 10),
    },
)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("size",), 2),
        (("containers", "web"), 5),
        (("containers", "web", "image"), 5),  # a default: the longest part that was written
        (("containers", "web", "ports", "80/tcp", "port"), 7),
        (("containers", "log", "image"), 3),
        (("containers", "unknown"), 3),
        (("tags", "team"), 9),
        (("plain", 1), 10),
        (("nothing",), 1),
        ((), 1),
    ],
)
def test_the_place_is_that_of_the_longest_declared_part(path: Any, line: int) -> None:
    """Keys of keyed lists are found among the declared elements."""
    assert where(DOCUMENT, path, RULES).line == line


def test_the_locator_returns_file_and_line() -> None:
    """An orphan has no place."""
    find = locator([DOCUMENT], KINDS)
    assert find(at("Widget/w"), ("size",)) == "shop.yaml:2"
    assert find(at("Widget/orphan"), ("size",)) == ""
