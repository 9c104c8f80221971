"""The evaluation of constraints: which places are tested, what is never wrong, and how a message names a place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecsync.core.constraints.find import across, breaches, constraint_table
from ecsync.core.constraints.model import with_patterns
from ecsync.core.constraints.rows import Across, Constraint, Length, OneOf, Pattern, Range, Spot
from ecsync.core.model import Desired, Documents, Key, Ref, Text
from ecsync.core.schema import Fixed, listing, structure
from ecsync.core.trees import Body, Json, Path

REFERENCE = Text((Ref(Key("app", "Cluster", "main"), "name"),))
DIGITS = Pattern(allowed="[0-9]+", text="digits")


def found(row: Constraint, body: Body) -> list[tuple[Path, str]]:
    return [(one.path, one.message) for one in breaches(constraint_table((row,)), body, name="Thing")]


def row(path: str, test: Json, **more: Json) -> Constraint:
    return Constraint(path=path, rule="", test=test, source="", **more)


@pytest.mark.parametrize(
    ("test", "good", "bad", "message"),
    [
        (DIGITS, "12", "ab", 'Thing.a: "ab" is not what AWS accepts; use digits'),
        (Range(least=1, most=5), 5, 6, "Thing.a: 6 is out of range; use 1 to 5"),
        (Range(least=1, most=5, also=(0,)), 0, -1, "Thing.a: -1 is out of range; use 1 to 5, or 0"),
        (Length(most=2), "ab", "abc", "Thing.a: it has 3 characters; use 0 to 2"),
        (Length(least=1, most=2), ["a"], [], "Thing.a: it has 0 elements; use 1 to 2"),
        (OneOf(("on", "off")), "on", "of", 'Thing.a: "of" is not a value that AWS accepts; use on, off'),
    ],
)
def test_a_row_reports_what_is_wrong_and_the_fix(test: Json, good: Json, bad: Json, message: str) -> None:
    assert found(row("a", test), {"a": good}) == []
    assert found(row("a", test), {"a": bad}) == [(("a",), message)]


@pytest.mark.parametrize("value", [REFERENCE, "{{ .Name }}", "$NAME", "<NAME>", "${NAME}", None, ""])
def test_a_value_that_is_not_known_is_never_wrong(value: Json) -> None:
    """A reference, a placeholder of another tool, and no value."""
    assert found(row("a", DIGITS), {"a": value}) == []


def test_a_list_with_a_reference_has_no_known_length() -> None:
    """A reference may stand for several elements."""
    assert found(row("a", Length(least=2, most=4)), {"a": [REFERENCE]}) == []


def test_a_row_looks_at_every_place_of_its_path() -> None:
    body = {"list": [{"name": "web", "port": 1}, {"name": "db", "port": 9}, REFERENCE]}
    assert found(row("list[].port", Range(least=1, most=5)), body) == [
        (("list", 1, "port"), "Thing.list[db].port: 9 is out of range; use 1 to 5")
    ]


def test_an_absent_member_is_tested_only_by_a_row_that_asks_for_it() -> None:
    def missing(spot: Spot) -> str:
        return "" if spot.value else "it is missing; declare it"

    assert found(row("block.a", missing), {"block": {}}) == []
    assert found(row("block.a", missing, absent=True), {"block": {}}) == [
        (("block", "a"), "Thing.block.a: it is missing; declare it")
    ]
    assert found(row("block.a", missing, absent=True), {}) == []


def test_a_test_can_report_a_place_below() -> None:
    def deep(_: Spot) -> tuple[Path, str]:
        return ("b", 0), "wrong; fix it"

    assert found(row("a", deep, answer="No"), {"a": {}}) == [(("a", "b", 0), "Thing.a.b[0]: wrong; fix it (AWS: No)")]


def test_a_condition_of_the_whole_body_turns_a_row_off() -> None:
    only = row("a", DIGITS, when=lambda body: body.get("on") is True)
    assert found(only, {"a": "x"}) == []
    assert len(found(only, {"a": "x", "on": True})) == 1


def test_a_value_below_environment_is_not_repeated() -> None:
    (one,) = found(row("environment[].value", DIGITS), {"environment": [{"value": "hunter2"}]})
    assert "hunter2" not in one[1]


def test_a_row_across_documents_gets_them() -> None:
    def alone(_: Desired, documents: Documents) -> Iterator[tuple[Path, str]]:
        if documents.get(Key("app", "Thing", "other")) is None:
            yield ("a",), "no other; declare it"

    constraint = Across(path="a", rule="", test=alone, source="")
    desired = Desired(key=Key("app", "Thing", "one"), body={"a": 1})
    other = Desired(key=Key("app", "Thing", "other"), body={})
    assert [one.path for one in across(constraint_table((constraint,)), desired, Documents([desired]))] == [("a",)]
    assert list(across(constraint_table((constraint,)), desired, Documents([desired, other]))) == []


def test_a_pattern_of_the_model_is_a_row_where_the_kind_has_none() -> None:
    text = Fixed(type="string", pattern="[a-z]+")
    shape = structure({"own": text, "list": listing(text)})
    rows = with_patterns((row("own", DIGITS),), shape, ())
    assert [one.path for one in rows] == ["own", "list[]"]
    (breach,) = breaches(constraint_table(rows), {"list": ["a", "B"]}, name="Thing")
    assert breach.path == ("list", 1)
