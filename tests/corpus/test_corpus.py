"""Real definitions go from text to an empty plan, and back from what AWS prints."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from .results import Result
from .run import opened

pytestmark = pytest.mark.skipif("ECSYNC_CORPUS" not in os.environ, reason="ECSYNC_CORPUS is not set")

# What AWS refuses, too, though its model allows it.
REFUSED = re.compile(r"hostPort .* must be containerPort|strategy BLUE_GREEN needs bakeTimeInMinutes")
# A target group under CodeDeploy is not compared, so a change of the controller also shows what is behind it.
CONTROLLER_CHANGES = "not in the index [('loadBalancers'"


@pytest.fixture(scope="module")
def results() -> Iterator[list[Result]]:
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        with opened(Path(os.environ["ECSYNC_CORPUS"])) as corpus:
            yield list(corpus.results())


def of(results: list[Result], what: str, word: str) -> list[str]:
    return [f"{one.file}: {one.why}" for one in results if (one.what, one.word) == (what, word)]


@pytest.mark.parametrize("what", ["task definition", "service"])
def test_every_valid_document_ends_in_an_empty_plan(results: list[Result], what: str) -> None:
    for word in ("refused", "not applied", "plan not empty", "pasted back, not empty"):
        assert of(results, what, word) == [], word
    assert len(of(results, what, "ok")) >= 39


@pytest.mark.parametrize("what", ["task definition", "service"])
def test_an_invalid_document_is_told_why(results: list[Result], what: str) -> None:
    assert of(results, what, "invalid, not told") == []
    assert of(results, what, "invalid, and told why")


def test_an_edit_gives_exactly_its_paths_and_one_revision(results: list[Result]) -> None:
    for what in ("task definition, edited", "service, edited"):
        for word in ("not applied", "other revisions"):
            assert of(results, what, word) == [], word
        for told in of(results, what, "refused"):
            assert REFUSED.search(told)
        assert all(CONTROLLER_CHANGES in told for told in of(results, what, "other paths"))
        assert len(of(results, what, "exact")) >= 18


def test_the_rest_is_counted(results: list[Result]) -> None:
    assert sum(one.word == "not for this" for one in results) > 100
