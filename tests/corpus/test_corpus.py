"""Real definitions: from text to an empty plan, and back from the describe output."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from tests.corpus.results import REJECTED, SKIPPED, Result
from tests.corpus.run import opened

pytestmark = pytest.mark.skipif("ECSYNC_CORPUS" not in os.environ, reason="ECSYNC_CORPUS is not set")


@pytest.fixture(scope="module")
def results() -> Iterator[list[Result]]:
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        with opened(Path(os.environ["ECSYNC_CORPUS"])) as corpus:
            yield list(corpus.results())


def of(results: list[Result], what: str, outcome: str) -> list[str]:
    return [f"{one.file}: {one.why}" for one in results if (one.what, one.outcome) == (what, outcome)]


def test_every_document_and_every_edit_has_an_expected_result(results: list[Result]) -> None:
    assert [f"{one.outcome}: {one.file}: {one.why}" for one in results if not one.expected] == []


@pytest.mark.parametrize(("what", "least"), [("task definition", 116), ("service", 38)])
def test_every_valid_document_ends_in_an_empty_plan(results: list[Result], what: str, least: int) -> None:
    assert len(of(results, what, "ok")) >= least


@pytest.mark.parametrize("what", ["task definition", "service"])
def test_the_reason_of_an_invalid_document_is_reported(results: list[Result], what: str) -> None:
    assert of(results, what, "invalid, reason reported")


def test_an_edit_changes_exactly_its_paths_in_one_revision(results: list[Result]) -> None:
    """Also for a resource with a new name, and for a service that requires a replacement."""
    assert len(of(results, "task definition, edited", "exact")) >= 39
    assert len(of(results, "service, edited", "exact")) >= 21
    assert of(results, "task definition, edited", "exact, new resource")
    assert of(results, "service, edited", "exact, replacement held")


def test_a_revision_that_aws_rejects_is_rejected_before_any_call(results: list[Result]) -> None:
    (message,) = of(results, "task definition, edited", REJECTED)
    assert "hostPort 80 must be containerPort 8080" in message
    assert "host ports and container ports in port mappings must match" in message


def test_documents_of_other_kinds_are_counted(results: list[Result]) -> None:
    assert sum(one.outcome == SKIPPED for one in results) > 100
