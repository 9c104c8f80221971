"""YAML 1.2 core typing, positions and limits."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
import yaml

from ecsync.language import yaml12
from ecsync.language.nodes import WrittenFloat, plain
from ecsync.language.yaml12 import parse


def only(text: str, name: str = "a.yaml") -> Any:
    """Return the value of the only document, which must have no problem."""
    parsed = parse(name, text.encode())
    assert [str(problem) for problem in parsed.problems] == []
    (document,) = parsed.documents
    return plain(document)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"), ("no", "no"), ("on", "on"), ("off", "off"), ("yes", "yes"), ("y", "y"),
        ("012", "012"), ("012345678901", "012345678901"), ("1:30", "1:30"), ("0b1", "0b1"), ("1_000", "1_000"),
        ("2026-01-02", "2026-01-02"), ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"), ("0x", "0x"),
        ("0o14", 12), ("0x1F", 31), ("0", 0), ("-7", -7), ("+7", 7), ("123456789012", 123456789012),
        (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("-1.5E-2", -0.015), ("1.10", 1.1), ("01.5", "01.5"),
        (".inf", float("inf")), ("-.INF", float("-inf")), ("inf", "inf"), (".", "."), ("+", "+"), ("1.2.3", "1.2.3"),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRUE", "tRUE"),
        ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nULL", "nULL"), ("", None),
        ('"true"', "true"), ("'1'", "1"), ("|-\n  1", "1"), ("!!str 12", "12"), ("!!int 12", 12), ("! 12", "12"),
        ("!!float 1", 1.0), ("!!bool true", True), ("9" * 41, "9" * 41), ("3e" + "9" * 50, "3e" + "9" * 50),
    ],
)  # fmt: skip
def test_a_plain_scalar_has_its_yaml_12_core_value(text: str, value: Any) -> None:
    """Null, booleans, and decimal, octal, hexadecimal and floating numbers are not text. All others are."""
    found = only(f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_float() -> None:
    """`.nan` is the float that is not equal to itself."""
    found = only("a: .nan")["a"]
    assert math.isnan(found)


def test_a_float_keeps_its_written_form() -> None:
    """`1.10` is a number with the text "1.10"."""
    (document,) = parse("a.yaml", b"a: 1.10").documents
    found = document.value["a"].value
    assert isinstance(found, WrittenFloat)
    assert (found, found.text) == (1.1, "1.10")


def test_every_key_is_text() -> None:
    """A key is never a boolean, number or null."""
    assert only("on: 1\n8080: 2\ntrue: 3\n~: 4\n1.10: 5\n") == {"on": 1, "8080": 2, "true": 3, "~": 4, "1.10": 5}


def test_the_origin_of_a_member_is_that_of_its_key() -> None:
    """The origin of an element is its own place. Lines and columns count from 1."""
    (document,) = parse("a.yaml", b"a:\n  bb:\n  - x\n  -   y\n").documents
    below = document.value["a"].value["bb"]
    assert (below.origin.line, below.origin.column) == (2, 3)
    assert [(one.origin.line, one.origin.column) for one in below.value] == [(3, 5), (4, 7)]


def test_several_documents_a_bom_and_carriage_returns_are_accepted() -> None:
    """Files of editors on other systems are valid."""
    parsed = parse("a.yaml", b"\xef\xbb\xbfa: 1\r\n---\r\nb: 2\r\n---\r\n# nothing\r\n")
    assert [plain(document) for document in parsed.documents] == [{"a": 1}, {"b": 2}, None]
    assert parsed.whole


def test_an_alias_has_the_value_of_its_anchor_and_its_own_origin() -> None:
    """An alias is an ordinary value."""
    (document,) = parse("a.yaml", b"a: &x {b: [1]}\nc: *x\n").documents
    assert plain(document) == {"a": {"b": [1]}, "c": {"b": [1]}}
    assert document.value["c"].origin.line == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", '3:1: duplicate key "a": already declared on line 1; remove one of them'),
        ("a: &x [*x]\n", '1:8: the alias "*x" contains itself; write the value instead'),
        ("a: *x\n", '1:4: the alias "*x" is not defined above; write the value instead'),
        ("? [a]\n: 1\n", "1:3: a key must be plain text, not a list or a map"),
        ("a: !!int x\n", '1:4: the value does not match its tag "!!int"; remove the tag'),
        ("a: !!set {x}\n", '1:4: the YAML tag "!!set" is not supported; remove the tag'),
        ("a: !!binary eA==\n", '1:4: the YAML tag "!!binary" is not supported; remove the tag'),
        ("[${A/b}]\n", '1:2: YAML requires quotes around a reference inside {…} or […]; write "${A/b}"'),
        ("a: 'x\n", "2:1: not valid YAML: found unexpected end of stream while scanning a quoted scalar"),
        ("a: b: c\n", "1:5: not valid YAML: mapping values are not allowed in this context"),
    ],
)
def test_every_problem_has_its_place(text: str, message: str) -> None:
    """The place is file, line and column."""
    assert [str(problem) for problem in parse("a.yaml", text.encode()).problems] == [f"a.yaml:{message}"]


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!x", "!!timestamp"])
def test_every_tag_except_the_core_tags_is_rejected(tag: str) -> None:
    """No tag runs code or builds objects, on any type of node."""
    for value in ("x", "[x]", "{x: y}"):
        (problem,) = parse("a.yaml", f"a: {tag} {value}\n".encode()).problems
        assert "is not supported" in problem.message


def test_a_json_file_must_be_json() -> None:
    """A surrogate pair is one character."""
    assert only('{"a": "\\ud83d\\ude00", "b": "\\\\ud83d\\\\ude00", "c": [1e2, null]}', "a.json") == {
        "a": "😀",
        "b": "\\ud83d\\ude00",
        "c": [100.0, None],
    }
    assert [str(problem) for problem in parse("a.json", b'{"a": NaN}').problems] == [
        "a.json:1:1: not valid JSON: NaN is not a JSON value"
    ]
    assert not parse("a.json", b"a: 1").whole


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "a: &a [" * 60 + "*a", '["a",' * 70])
def test_depth_is_limited_before_any_recursion(text: str) -> None:
    """No nesting reaches Python's recursion limit, in YAML and in JSON."""
    for name in ("a.yaml", "a.json"):
        parsed = parse(name, text.encode())
        assert parsed.problems
        assert not parsed.whole


def test_aliases_cannot_make_a_document_deep() -> None:
    """The depth of an alias is counted at each use."""
    text = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40 + "\n"
    assert [problem.message for problem in parse("a.yaml", text.encode()).problems] == [
        "nested deeper than 64 levels; reduce the nesting"
    ]


def test_an_alias_bomb_is_rejected_quickly() -> None:
    """An expansion to 9^9 values stops at the limit."""
    text = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (letter + 1, letter + 1, b",".join([b"*%c" % letter] * 9)) for letter in range(97, 106)
    )
    begin = time.perf_counter()
    (problem,) = parse("a.yaml", text).problems
    assert "more than 100000 values" in problem.message
    assert time.perf_counter() - begin < 1


def test_without_the_c_parser_the_values_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML without libyaml is slower, with the same result."""
    text = 'a: 012\nb: [NO, ~, 1.5]\nc: &x {d: "é"}\ne: *x\n'
    fast = only(text)
    monkeypatch.setattr(yaml12, "_LOADER", yaml.SafeLoader)
    assert only(text) == fast
    (problem,) = parse("a.yaml", b"{a: ${B/c}}").problems
    assert str(problem) == 'a.yaml:1:5: YAML requires quotes around a reference inside {…} or […]; write "${B/c}"'
