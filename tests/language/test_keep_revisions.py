"""`ecsync/keep-revisions`: a whole number from 1 up, on a TaskDefinition only."""

from __future__ import annotations

import pytest

from tests.language.cases import load_files, messages

TASK = """
kind: TaskDefinition
metadata:
  name: web
  annotations: {ecsync/keep-revisions: %s}
spec: {containerDefinitions: [{name: web, image: "nginx:1", memory: 64}]}
"""


@pytest.mark.parametrize(("written", "kept"), [("10", 10), ('"10"', 10), ("1", 1), ("null", 0)])
def test_the_value_is_a_number_or_its_text(written: str, kept: int) -> None:
    """Quotes are allowed, and null disables the clean-up."""
    loaded = load_files({"a.yaml": (TASK % written).encode()})
    assert messages(loaded) == []
    (application,) = loaded.applications
    assert [one.options.keep_revisions for one in application.resources] == [kept]


@pytest.mark.parametrize("written", ["0", "-1", '"-1"', "1.5", "1.0", "ten", "true", '""', "[2]", "²"])
def test_any_other_value_is_a_problem_at_its_place(written: str) -> None:
    """The message contains the allowed values."""
    (message,) = messages(load_files({"a.yaml": (TASK % written).encode()}))
    assert message.startswith("a.yaml:5:")
    assert "ecsync/keep-revisions must be a whole number from 1 up" in message


def test_the_annotation_is_rejected_on_other_kinds() -> None:
    """The message contains the fix: remove it."""
    text = b"kind: LogGroup\nmetadata: {name: web, annotations: {ecsync/keep-revisions: 2}}\nspec: {}\n"
    (message,) = messages(load_files({"a.yaml": text}))
    assert "ecsync/keep-revisions applies to a TaskDefinition only; LogGroup has no revisions: remove it" in message
