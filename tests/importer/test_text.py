"""YAML for people, which ecsync's own parser reads back unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsync.importer.naming import to_name
from ecsync.importer.text import dump
from ecsync.language.nodes import plain
from ecsync.language.yaml12 import parse

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff\ufffe\uffff"), max_size=40)
TREES = st.recursive(
    TEXT | st.integers(-(10**9), 10**9) | st.booleans(),
    lambda below: st.lists(below, min_size=1, max_size=3) | st.dictionaries(TEXT, below, min_size=1, max_size=3),
    max_leaves=8,
)


def _read(text: str) -> Any:
    parsed = parse("it.yaml", text.encode())
    assert parsed.problems == ()
    (document,) = parsed.documents
    return plain(document)


@given(st.dictionaries(TEXT, TREES, min_size=1, max_size=3), st.sampled_from([0, 2, 4]))
def test_written_yaml_is_read_back_unchanged(tree: dict[str, Any], indent: int) -> None:
    """Any tree comes back unchanged, at any indentation."""
    if indent == 0:
        assert _read(dump(tree)) == tree
    else:
        assert _read("a:\n" + dump(tree, indent)) == {"a": tree}


@pytest.mark.parametrize(
    "text", ["no", "on", "012", "1:30", "1e5", "0o17", "0x1f", "1.10", "null", "~", "true", "2026-01-01"]
)
def test_text_that_looks_like_another_type_is_quoted(text: str) -> None:
    """Text that YAML could read as a number, date or boolean has quotes."""
    assert dump({"a": text}) == f"a: '{text}'\n"


def test_text_of_several_lines_is_a_literal_block() -> None:
    """A script is written as it would be in a file."""
    assert dump({"command": ["sh", "set -e\nexec app\n"]}) == "command:\n  - sh\n  - |\n    set -e\n    exec app\n"


def test_no_alias_is_written() -> None:
    """A value in two places is written twice."""
    shared = {"a": 1}
    assert "&" not in dump({"one": shared, "two": shared})


@pytest.mark.parametrize(
    ("name", "document"),
    [("/ecs/api", "ecs-api"), ("api", "api"), ("_x", "x"), ("a b/c", "a-b-c"), ("...", "unnamed")],
)
def test_aws_names_become_document_names(name: str, document: str) -> None:
    """A document name has letters, digits, `_ . -`, and begins with a letter or digit."""
    assert to_name(name) == document


def test_long_names_stay_different() -> None:
    """Two long names with the same start become two names of at most 63 characters."""
    one, other = to_name("a" * 80), to_name("a" * 81)
    assert one != other
    assert {len(one), len(other)} == {63}
