"""The canonical form: equal for bodies that mean the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecsync.core.model import Key, Ref, Text
from ecsync.core.normalise import normalise
from ecsync.core.rules import Default, Derived, Drop, Keyed, Reshape, Rewrite, Rule, Rules, Unordered, Verbatim
from ecsync.core.trees import Elements

ARN = Text((Ref(Key(application="shop", kind="Role", name="task"), "arn"),))


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        ({"a": None, "b": "", "c": [], "d": {}}, {}),
        ({"a": 0, "b": False, "c": 0.0}, {"a": 0, "b": False, "c": 0.0}),
        ({"a": {"b": {"c": None}}}, {}),
        ({"a": [{"b": None}, {"b": 1}]}, {"a": [{"b": 1}]}),
        ({"a": [None, {}, []]}, {}),
        ({"command": [""]}, {"command": [""]}),
        ({"command": ["", "x"]}, {"command": ["", "x"]}),
        ({"a": ("x", "y")}, {"a": ["x", "y"]}),
        ({"a": ARN}, {"a": ARN}),
        ({"a": [ARN, ""]}, {"a": [ARN, ""]}),
    ],
)
def test_empty_values_are_removed(body: Any, canonical: Any) -> None:
    """Null, empty strings, lists and blocks; zero, false and an empty argument are values."""
    assert normalise(body, ()) == canonical


def test_the_given_body_is_not_changed() -> None:
    """Normalising makes a copy."""
    body = {"list": [3, 1, 2], "empty": None}
    normalise(body, (Unordered(path="list"), Default(path="more", value=1)))
    assert body == {"list": [3, 1, 2], "empty": None}


@pytest.mark.parametrize(
    ("rules", "body", "canonical"),
    [
        # a map in which empty strings are values
        ((Verbatim(path="env[]"),), {"env": [{"k": "A", "v": ""}]}, {"env": [{"k": "A", "v": ""}]}),
        ((Verbatim(path="env[]"),), {"env": {"A": "", "B": None}}, {"env": {"A": ""}}),  # that list, written as a map
        ((Verbatim(path="labels"),), {"labels": {"a": "", "b": None}}, {"labels": {"a": ""}}),
        ((Verbatim(path="labels"),), {"labels": {}, "other": {"a": ""}}, {}),
        # a member computed from the others, unless it is declared
        ((Derived(path="b", value=lambda body: body.get("a")),), {"a": 1}, {"a": 1, "b": 1}),
        ((Derived(path="b", value=lambda body: body.get("a")),), {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ((Derived(path="b", value=lambda body: body.get("a")),), {"c": 1}, {"c": 1}),
        # lists that are maps, or sets
        ((Keyed(path="a", key=("n",)),), {"a": [{"n": "y"}, {"n": "x"}]}, {"a": {"x": {"n": "x"}, "y": {"n": "y"}}}),
        ((Keyed(path="a", key=("n",), value="v"),), {"a": [{"n": "x", "v": "1"}]}, {"a": {"x": "1"}}),
        ((Keyed(path="a", key=("n",), value="v"),), {"a": [{"n": "x", "v": None}]}, {}),
        ((Keyed(path="a", key=("p", "q")),), {"a": [{"p": 80, "q": "tcp"}]}, {"a": {"80/tcp": {"p": 80, "q": "tcp"}}}),
        ((Keyed(path="a", key=("n",)),), {"a": [{"n": "x"}, {"n": "x"}]}, {"a": {"x": {"n": "x"}, "x#2": {"n": "x"}}}),
        ((Keyed(path="a", key=("n",), value="v"),), {"a": {"x": "1"}}, {"a": {"x": "1"}}),
        ((Unordered(path="a"),), {"a": ["b", "a", "c"]}, {"a": ["a", "b", "c"]}),
        ((Unordered(path="a[].b"),), {"a": [{"b": [2, 1]}, {"c": 1}]}, {"a": [{"b": [1, 2]}, {"c": 1}]}),
        # AWS's defaults
        ((Default(path="a", value=1),), {}, {"a": 1}),
        ((Default(path="a", value=1),), {"a": 0}, {"a": 0}),
        ((Default(path="a", value=1),), {"a": None}, {"a": 1}),
        ((Default(path="a.b", value=1),), {}, {}),
        ((Default(path="a.b", value=1),), {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ((Default(path="a[].b", value=1),), {"a": [{"c": 2}]}, {"a": [{"b": 1, "c": 2}]}),
        ((Default(path="a", value=1, when=lambda body: body.get("b") == "x"),), {"b": "x"}, {"a": 1, "b": "x"}),
        ((Default(path="a", value=1, when=lambda body: body.get("b") == "x"),), {"b": "y"}, {"b": "y"}),
        ((Default(path="a[].b", value=lambda block, _: block["c"]),), {"a": [{"c": 2}]}, {"a": [{"b": 2, "c": 2}]}),
        ((Default(path="a", value=lambda _, body: body.get("c")),), {"b": 1}, {"b": 1}),
        # other spellings
        ((Rewrite(path="a", to=str.lower),), {"a": "X"}, {"a": "x"}),
        ((Rewrite(path="a", to=lambda _: None),), {"a": "X", "b": 1}, {"b": 1}),
        ((Rewrite(path="a", to=str.lower),), {"a": ARN}, {"a": ARN}),
        ((Reshape(path="a", to=lambda value, body: value + body["b"]),), {"a": 1, "b": 2}, {"a": 3, "b": 2}),
        ((Reshape(path="a", to=lambda *_: 9, when=lambda body: "b" in body),), {"a": 1}, {"a": 1}),
        # never compared
        ((Drop(path="a"),), {"a": 1, "b": 2}, {"b": 2}),
        ((Drop(path="a[].b"),), {"a": [{"b": 1, "c": 2}]}, {"a": [{"c": 2}]}),
        ((Drop(path="a", when=lambda body: body.get("b") == 2),), {"a": 1, "b": 3}, {"a": 1, "b": 3}),
    ],
)
def test_each_row_shapes_the_body(rules: Rules, body: Any, canonical: Any) -> None:
    """At the places of its pattern, and at no other place."""
    assert normalise(body, rules) == canonical


def test_rows_are_applied_in_table_order() -> None:
    """A row sees the default that an earlier row filled in."""
    default, lower = Default(path="a", value="X"), Rewrite(path="a", to=str.lower)
    assert normalise({}, (default, lower)) == {"a": "x"}
    assert normalise({}, (lower, default)) == {"a": "X"}


def test_a_derived_member_is_added_without_fill() -> None:
    """It is no default: a mark records it."""
    assert normalise({"a": 1}, (Derived(path="b", value=lambda body: body["a"]),), fill=False) == {"a": 1, "b": 1}


def test_without_fill_no_default_is_added() -> None:
    """Only declared members remain."""
    assert normalise({"b": 1}, (Default(path="a", value=1),), fill=False) == {"b": 1}


def test_a_default_is_a_copy_each_time() -> None:
    """Two bodies never share a block."""
    rules = (Default(path="a", value={"x": [0]}),)
    first, second = normalise({}, rules), normalise({}, rules)
    first["a"]["x"].append(1)
    assert second == {"a": {"x": [0]}}


def test_a_keyed_list_becomes_elements() -> None:
    """Its elements are always compared, also where undeclared members are not."""
    tree = normalise({"a": [{"n": "x"}]}, (Keyed(path="a", key=("n",)),))
    assert isinstance(tree["a"], Elements)


# ---------------------------------------------------------------- idempotent

_NAMES = st.sampled_from(["a", "b", "c", "n", "v"])
_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["", "x", "X"]), st.just(ARN))
_TREES = st.recursive(
    _LEAVES,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(_NAMES, below, max_size=3)),
    max_leaves=8,
)
_PATHS = st.sampled_from(["a", "b", "a.b", "a[]", "a[].b", "a[].n", "b.*", "c.*.a"])
_ROWS: st.SearchStrategy[Rule] = st.one_of(
    _PATHS.map(lambda path: Verbatim(path=path)),
    _PATHS.map(lambda path: Unordered(path=path)),
    _PATHS.map(lambda path: Keyed(path=path, key=("n",))),
    _PATHS.map(lambda path: Keyed(path=path, key=("n",), value="v")),
    _PATHS.map(lambda path: Drop(path=path)),
    st.builds(lambda path, value: Default(path=path, value=value), _PATHS, st.sampled_from([0, "x", {"n": 1}])),
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.dictionaries(_NAMES, _TREES, max_size=4), _ROWS)
def test_normalising_is_idempotent(body: dict[str, Any], row: Rule) -> None:
    """For every body and row; it never raises."""
    once = normalise(body, (row,))
    assert normalise(once, (row,)) == once
