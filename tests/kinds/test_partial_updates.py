"""`member_to_send`: declared values, live values that were left alone, and defaults for what is no longer declared."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.diff import differences
from ecsync.core.model import Desired, Key, Present, Update
from ecsync.core.rules import Clears, Computed, Default, Keyed, Rules
from ecsync.core.trees import Body, pattern, thaw
from ecsync.kinds._partial_updates import member_to_send

RULES: Rules = (
    Default(path="block.size", value=1),
    Default(path="block.zone", value="any"),
    Clears(path="block.price", value=""),
    Computed(path="block.id"),
    Computed(path="block.parts[].id"),
    Keyed(path="block.disks[].tags", key=("k",), value="v"),
    Keyed(path="block.disks", key=("name",)),
)


def value_sent(declared: Any, live: Any, *, undeclared: bool = True, ignore: tuple[str, ...] = ()) -> Any:
    """Return the value that an update sends for this block."""
    desired: Body = {"block": declared} if declared is not None else {}
    observed = Present(body={"block": live} if live is not None else {}, outputs={})
    before = (thaw(desired), thaw(observed.body))
    found = differences(
        desired, observed.body, RULES, undeclared=undeclared, ignore=tuple(pattern(path) for path in ignore)
    )
    document = Desired(key=Key(application="shop", kind="Thing", name="t"), body=desired)
    result = member_to_send(Update(desired=document, observed=observed, fields=found.fields), "block", RULES)
    assert (desired, observed.body) == before
    return result


@pytest.mark.parametrize(
    ("declared", "live", "sent"),
    [
        ({"size": 2}, {"size": 3}, {"size": 2}),
        ({"colour": "red"}, {"colour": "blue", "size": 5}, {"colour": "red", "size": 1}),
        ({"colour": "red"}, {"colour": "red", "price": "9"}, {"colour": "red", "price": ""}),
        ({"colour": "red"}, {"colour": "blue", "id": "x"}, {"colour": "red"}),
        (
            {"colour": "red", "parts": [{"name": "a"}]},
            {"colour": "blue", "parts": [{"name": "a", "id": "x"}]},
            {"colour": "red", "parts": [{"name": "a"}]},
        ),
        (None, {"size": 5}, None),
        ({"size": 2}, None, {"size": 2}),
    ],
    ids=[
        "as declared",
        "to the default",
        "cleared",
        "computed",
        "computed in a list",
        "no row clears the block",
        "nothing live",
    ],
)
def test_a_block_is_sent_so_that_it_becomes_the_declared_one(declared: Any, live: Any, sent: Any) -> None:
    """The result is the same if AWS replaces the block whole and if AWS keeps what an update leaves out."""
    assert value_sent(declared, live) == sent


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
def test_undeclared_values_of_an_adopted_resource_are_sent_again(declared: Any, live: Any, sent: Any) -> None:
    """The comparison leaves undeclared members alone, and an update does not lose them."""
    assert value_sent(declared, live, undeclared=False) == sent


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
    ids=["another value", "a value that is not live", "in an element", "a whole list"],
)
def test_an_ignored_value_is_sent_as_it_is_live(declared: Any, live: Any, ignore: str, sent: Any) -> None:
    """An update of a neighbour does not change the value at an ignored path."""
    assert value_sent(declared, live, ignore=(ignore,)) == sent
