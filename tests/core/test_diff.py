"""The one definition of equality: what differs, the effect of a change, and what is not enforced."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.diff import UnmanagedValue, differences, effect_of, walk
from ecsync.core.model import FieldChange, Key, Ref, Text
from ecsync.core.rules import Computed, Default, Delegated, Immutable, Keyed, Rolls, Rules
from ecsync.core.trees import pattern, same

ARN = Text((Ref(Key(application="shop", kind="Role", name="task"), "arn"),))
TAGS: Rules = (Keyed(path="tags", key=("key",), value="value"), Computed(path="tags.*"), Computed(path="tags"))


def changes(desired: Any, observed: Any, rules: Rules = (), **options: Any) -> list[tuple[Any, Any, Any]]:
    """Return (path, before, after) of each difference."""
    return [(one.path, one.before, one.after) for one in differences(desired, observed, rules, **options).fields]


@pytest.mark.parametrize(
    ("desired", "observed", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [(("a",), 2, 1)]),
        ({"a": 1}, {}, [(("a",), None, 1)]),
        ({}, {"a": 1}, [(("a",), 1, None)]),
        ({"a": None}, {"a": 1}, [(("a",), 1, None)]),
        ({"a": None}, {}, []),
        ({"a": []}, {}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": True}, {"a": 1}, [(("a",), 1, True)]),
        ({"a": False}, {"a": 0}, [(("a",), 0, False)]),
        ({"a": "1"}, {"a": 1}, [(("a",), 1, "1")]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [(("a", "c"), 3, 2)]),
        ({"a": {"b": 1}}, {}, [(("a",), None, {"b": 1})]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [(("a",), [2, 1], [1, 2])]),
        ({"a": [{"b": True}]}, {"a": [{"b": 1}]}, [(("a",), [{"b": 1}], [{"b": True}])]),
        ({"b": 1, "a": 1}, {"a": 2, "b": 2}, [(("a",), 2, 1), (("b",), 2, 1)]),
    ],
)
def test_two_bodies_differ_where_their_meaning_differs(desired: Any, observed: Any, expected: Any) -> None:
    """`before` is live, `after` is declared; null and empty mean absent; true is not 1."""
    assert changes(desired, observed) == expected


def test_an_unresolved_reference_differs_from_every_value() -> None:
    """Its value is unknown, even if it may equal the live one."""
    assert changes({"a": ARN}, {"a": "arn:x"}) == [(("a",), "arn:x", ARN)]
    assert changes({"a": [ARN]}, {"a": ["arn:x"]}) == [(("a",), ["arn:x"], [ARN])]
    assert changes({"a": ARN}, {"a": ARN}) == [(("a",), ARN, ARN)]


@pytest.mark.parametrize(
    ("desired", "observed"),
    [({"a": 1}, {"a": 2}), ({"a": {"b": [1]}}, {"a": {"b": [1, 2]}}), ({}, {"a": "x"}), ({"a": 1}, {"a": 1})],
)
def test_a_difference_is_symmetric(desired: Any, observed: Any) -> None:
    """The same places differ from both sides."""
    there = changes(desired, observed)
    back = [(path, after, before) for path, before, after in changes(observed, desired)]
    assert there == back


def test_elements_of_a_keyed_list_are_compared_one_by_one() -> None:
    """The order of the elements has no effect."""
    rules = (Keyed(path="a", key=("n",)),)
    desired = {"a": [{"n": "x", "v": 1}, {"n": "y", "v": 2}]}
    observed = {"a": [{"n": "y", "v": 3}, {"n": "x", "v": 1}, {"n": "z"}]}
    assert changes(desired, observed, rules) == [(("a", "y", "v"), 3, 2), (("a", "z"), {"n": "z"}, None)]


def test_an_undeclared_default_is_enforced() -> None:
    """A deleted line converges to AWS's default."""
    rules = (Default(path="a", value=7),)
    assert changes({}, {"a": 7}, rules) == []
    assert changes({}, {"a": 8}, rules) == [(("a",), 8, 7)]
    assert changes({"a": 8}, {}, rules) == [(("a",), 7, 8)]


class TestNotEnforced:
    """Values that the manifest does not enforce."""

    def test_an_undeclared_computed_value_is_reported_and_not_enforced(self) -> None:
        """AWS decides it."""
        found = differences({}, {"a": "x"}, (Computed(path="a"),))
        assert found.fields == ()
        assert found.unmanaged == (UnmanagedValue(path=("a",), value="x", owner="AWS"),)

    def test_a_declared_computed_value_is_enforced(self) -> None:
        """The declaration makes it ours."""
        assert changes({"a": "y"}, {"a": "x"}, (Computed(path="a"),)) == [(("a",), "x", "y")]

    def test_an_absent_computed_value_is_no_difference(self) -> None:
        """It is not reported either."""
        assert differences({}, {}, (Computed(path="a"),)).unmanaged == ()

    def test_a_computed_value_may_depend_on_the_body(self) -> None:
        """It is computed only where the condition is true."""
        rules = (Computed(path="a", when=lambda body: body.get("mode") == "auto"),)
        assert changes({"mode": "auto"}, {"mode": "auto", "a": 1}, rules) == []
        assert changes({"mode": "own"}, {"mode": "own", "a": 1}, rules) == [(("a",), 1, None)]

    def test_undeclared_tags_stay_and_declared_tags_are_enforced(self) -> None:
        """Tags are compared one by one."""
        observed = {"tags": [{"key": "team", "value": "b"}, {"key": "cost", "value": "7"}]}
        assert changes({"tags": {"team": "a"}}, observed, TAGS) == [(("tags", "team"), "b", "a")]
        assert changes({}, observed, TAGS) == []
        assert changes({"tags": {"team": "a"}}, {}, TAGS) == [(("tags",), None, {"team": "a"})]

    def test_a_delegated_field_is_not_compared_while_it_is_delegated(self) -> None:
        """Declared or not: the autoscaler decides it."""
        rules = (Delegated(path="count", when=lambda facts: bool(facts.get("target")), owner="autoscaling"),)
        found = differences({"count": 2}, {"count": 3}, rules, facts={"target": {}, "more": 1} | {"target": {"min": 2}})
        assert found.fields == ()
        assert found.unmanaged == (UnmanagedValue(path=("count",), value=3, owner="autoscaling", declared=2),)
        assert changes({"count": 2}, {"count": 3}, rules) == [(("count",), 3, 2)]

    def test_an_ignored_path_is_reported_and_not_compared(self) -> None:
        """Declared or not, at that path and below."""
        found = differences({"a": {"b": 1}, "c": 1}, {"a": {"b": 2}, "c": 2}, (), ignore=(pattern("a.b"),))
        assert [one.path for one in found.fields] == [("c",)]
        assert found.unmanaged == (UnmanagedValue(path=("a", "b"), value=2, owner="ignored by the manifest"),)


class TestUndeclared:
    """`undeclared: ignore`, the initial setting of an adopted resource."""

    def test_undeclared_members_are_not_enforced(self) -> None:
        """At every depth, defaults included."""
        rules = (Default(path="d", value=1),)
        found = differences({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "e": 3, "d": 9}, rules, undeclared=False)
        assert found.fields == ()
        assert {one.path for one in found.unmanaged} == {("a", "c"), ("e",), ("d",)}

    def test_declared_members_are_enforced(self) -> None:
        """As in every other resource."""
        assert changes({"a": {"b": 1}}, {"a": {"b": 2, "c": 2}}, undeclared=False) == [(("a", "b"), 2, 1)]

    def test_an_absent_default_is_no_difference(self) -> None:
        """It is neither declared nor live."""
        assert changes({}, {}, (Default(path="d", value=1),), undeclared=False) == []

    def test_elements_of_a_keyed_list_are_always_compared(self) -> None:
        """A container that is not declared is a difference."""
        rules = (Keyed(path="a", key=("n",)),)
        observed = {"a": [{"n": "x", "v": 1}, {"n": "y"}]}
        assert changes({"a": [{"n": "x"}]}, observed, rules, undeclared=False) == [(("a", "y"), {"n": "y"}, None)]


class TestEffects:
    """The effect of a change at a place."""

    ROWS: Rules = (
        Rolls(path="soft", force=True),
        Rolls(path="roll"),
        Immutable(path="fixed"),
        Rolls(path="block"),
        Immutable(path="block.inner"),
        Rolls(path="both", force=True),
        Rolls(path="both"),
    )

    @pytest.mark.parametrize(
        ("path", "effect"),
        [
            (("plain",), "in-place"),
            (("soft",), "needs-force"),
            (("roll",), "rolls-tasks"),
            (("roll", "below"), "rolls-tasks"),
            (("fixed",), "replace"),
            (("fixed", "below"), "replace"),
            (("block", "other"), "rolls-tasks"),
            (("block", "inner"), "replace"),
            (("block",), "replace"),  # the whole block appears or goes, and the fixed part with it
            (("both",), "rolls-tasks"),
        ],
    )
    def test_the_row_with_the_gravest_effect_wins(self, path: Any, effect: str) -> None:
        """A row covers its place and below; a block above an immutable place has the same effect."""
        assert effect_of(path, self.ROWS) == effect

    def test_a_kind_may_have_one_effect_for_every_change(self) -> None:
        """Every change of a task definition revises it."""
        found = differences({"a": 1}, {"a": 2}, self.ROWS, whole="revise")
        assert [one.effect for one in found.fields] == ["revise"]


def test_each_place_has_its_own_reason() -> None:
    """Drift for one, pending for the other."""
    found = differences({"a": 1, "b": 1}, {"a": 2, "b": 2}, (), reason=lambda p: "drift" if p == ("a",) else "pending")
    assert found.fields == (
        FieldChange(path=("a",), before=2, after=1, reason="drift"),
        FieldChange(path=("b",), before=2, after=1, reason="pending"),
    )


def test_walk_yields_every_place_once_and_in_order() -> None:
    """Plans are stable."""
    before, after = {"b": {"x": 1, "y": 1}, "a": 1}, {"b": {"x": 2, "z": 1}, "c": 1}
    assert [path for path, _, _ in walk(before, after)] == [("a",), ("b", "x"), ("b", "y"), ("b", "z"), ("c",)]


def test_same_compares_canonical_trees() -> None:
    """The order of members has no effect, the order of a list has."""
    assert same({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1})
    assert not same([1, 2], [2, 1])
