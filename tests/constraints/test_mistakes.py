"""Typical mistakes are found before AWS refuses them: at the right line, with the fix."""

from __future__ import annotations

import re

import pytest

from tests.constraints.mistakes import Mistake, everything, good, mistakes
from tests.language.cases import load_files

FIX = re.compile(
    r"[;:] (use|write|declare|set|leave|add|remove|keep|move|swap|put|name|give|begin|make|change|check|rename|did you"
    r"|valid:|or\b)|AWS accepts|did you mean|\(or left out\)"
)


@pytest.mark.parametrize("name", ["fargate", "ec2"])
def test_a_good_manifest_has_no_problem_and_no_note(name: str) -> None:
    """It has every part that the mistakes change, and Korean where AWS takes any text."""
    loaded = load_files({f"{name}.yaml": good(name).encode()})
    assert [str(one) for one in (*loaded.problems, *loaded.notes)] == []


@pytest.mark.parametrize("mistake", mistakes(), ids=lambda mistake: mistake.name)
def test_a_mistake_is_reported_at_its_line(mistake: Mistake) -> None:
    """As a problem, or as a note where AWS may accept it."""
    assert mistake.found(), f"line {mistake.line}, {mistake.has}: {[str(one) for one in everything(mistake)]}"


def test_nine_of_ten_messages_have_a_fix() -> None:
    """The others name the value that AWS does not accept."""
    without = [one.name for one in mistakes() if not any(FIX.search(found.message) for found in one.found())]
    assert len(without) <= len(mistakes()) / 10, without
    assert [one.name for one in mistakes() if one.has_fix and one.name in without] == []


def test_there_are_many_mistakes() -> None:
    """A few per kind."""
    assert len(mistakes()) >= 150


def test_no_secret_value_is_in_a_message() -> None:
    """A value of the environment that looks like a secret is named by its place alone."""
    secret = [one for one in mistakes() if "hunter2" in one.text]
    assert len(secret) == 2
    for one in secret:
        assert "hunter2" not in "\n".join(map(str, everything(one)))
