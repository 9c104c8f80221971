"""What an update says of a block: as declared, as it is live where it was left alone, and what goes by its default."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.diff import differences
from ecsync.core.model import Desired, Key, Present, Update
from ecsync.core.rules import Clears, Computed, Default, Keyed, Rules
from ecsync.core.trees import Body, pattern, thaw
from ecsync.kinds._partial_updates import said

RULES: Rules = (
    Default(path="block.size", value=1),
    Default(path="block.zone", value="any"),
    Clears(path="block.price", value=""),
    Computed(path="block.id"),
    Keyed(path="block.disks[].tags", key=("k",), value="v"),
    Keyed(path="block.disks", key=("name",)),
)


def told(declared: Any, live: Any, *, undeclared: bool = True, ignore: tuple[str, ...] = ()) -> Any:
    """Return what an update of a resource with this block would say of it."""
    desired: Body = {"block": declared} if declared is not None else {}
    observed = Present(body={"block": live} if live is not None else {}, outputs={})
    before = (thaw(desired), thaw(observed.body))
    found = differences(
        desired, observed.body, RULES, undeclared=undeclared, ignore=tuple(pattern(path) for path in ignore)
    )
    document = Desired(key=Key(application="shop", kind="Thing", name="t"), body=desired)
    result = said(Update(desired=document, observed=observed, fields=found.fields), "block", RULES)
    assert (desired, observed.body) == before
    return result


@pytest.mark.parametrize(
    ("declared", "live", "sent"),
    [
        ({"size": 2}, {"size": 3}, {"size": 2}),
        ({"colour": "red"}, {"colour": "blue", "size": 5}, {"colour": "red", "size": 1}),
        ({"colour": "red"}, {"colour": "red", "price": "9"}, {"colour": "red", "price": ""}),
        ({"colour": "red"}, {"colour": "blue", "id": "x"}, {"colour": "red"}),
        (None, {"size": 5}, None),
        ({"size": 2}, None, {"size": 2}),
    ],
    ids=["as declared", "to the default", "taken away", "computed", "no row takes the block away", "nothing live"],
)
def test_a_block_is_said_so_that_it_becomes_what_is_declared(declared: Any, live: Any, sent: Any) -> None:
    """Whether AWS takes the block whole or keeps what an update leaves out."""
    assert told(declared, live) == sent


@pytest.mark.parametrize(
    ("declared", "live", "sent"),
    [
        ({"size": 2}, {"size": 3, "zone": "a", "price": "9"}, {"size": 2, "zone": "a", "price": "9"}),
        (
            {"disks": [{"name": "b", "gb": 2}]},
            {"disks": [{"name": "b", "gb": 1, "kind": "ssd", "tags": [{"k": "a", "v": "1"}]}]},
            {"disks": [{"name": "b", "gb": 2, "kind": "ssd", "tags": [{"k": "a", "v": "1"}]}]},
        ),
        (
            {"disks": [{"name": "b"}]},
            {"disks": [{"name": "a"}, {"name": "b", "gb": 1}]},
            {"disks": [{"name": "b", "gb": 1}]},
        ),
        ({"size": 2}, {"size": 3, "disks": [{"name": "a"}]}, {"size": 2, "disks": [{"name": "a"}]}),
    ],
    ids=["a member", "a member of an element", "an element that is not declared goes", "a list"],
)
def test_what_was_adopted_is_said_again(declared: Any, live: Any, sent: Any) -> None:
    """Members that the document does not speak of were left alone, and an update does not lose them."""
    assert told(declared, live, undeclared=False) == sent


@pytest.mark.parametrize(
    ("declared", "live", "ignore", "sent"),
    [
        ({"size": 2, "zone": "a"}, {"size": 3, "zone": "b"}, "block.zone", {"size": 2, "zone": "b"}),
        ({"size": 2, "colour": "red"}, {"size": 3}, "block.colour", {"size": 2}),
        (
            {"size": 2, "disks": [{"name": "a", "tags": [{"k": "x", "v": "1"}]}]},
            {"size": 3, "disks": [{"name": "a", "tags": [{"k": "x", "v": "2"}, {"k": "y", "v": "3"}]}]},
            "block.disks[].tags",
            {"size": 2, "disks": [{"name": "a", "tags": [{"k": "x", "v": "2"}, {"k": "y", "v": "3"}]}]},
        ),
        (
            {"size": 2},
            {"size": 3, "disks": [{"name": "a", "gb": 1}]},
            "block.disks",
            {"size": 2, "disks": [{"name": "a", "gb": 1}]},
        ),
    ],
    ids=["another value", "a value that is not there", "in an element", "a whole list"],
)
def test_what_is_ignored_is_said_as_it_is(declared: Any, live: Any, ignore: str, sent: Any) -> None:
    """Whoever ignores a path wants nobody to write it, an update of its neighbour least of all."""
    assert told(declared, live, ignore=(ignore,)) == sent
