"""Every case of invalid input gives exactly its messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.language.cases import bad_cases, contents, load_files, messages


@pytest.mark.parametrize("case", bad_cases(), ids=lambda case: case.name)
def test_a_bad_manifest_gives_exactly_its_messages(case: Path) -> None:
    """The messages of a case are the lines of its `.expected` file, in order."""
    expected = case.with_name(case.name + ".expected").read_text(encoding="utf-8").splitlines()
    assert messages(load_files(contents(case))) == expected


def test_a_file_of_five_mebibytes_is_rejected() -> None:
    """A file beyond the limit is not parsed."""
    loaded = load_files({"big.yaml": b"# " + b"x" * (5 * 1024 * 1024)})
    assert messages(loaded) == ["big.yaml:1:1: the file has 5.0 MiB; at most 1 MiB is read: split the file"]


def test_a_snapshot_beyond_the_limit_blocks_every_application() -> None:
    """More than 25 megabytes in total are rejected before parsing, for every application."""
    files = {f"{number}.yaml": b"#" + b"x" * (1024 * 1024 - 1) for number in range(24)}
    (problem,) = load_files(files).problems
    assert (
        problem.message == "the manifests have 25.2 MB in total; at most 25 MB are read: remove files from the source"
    )
    assert problem.application == ""


def test_a_file_name_cannot_write_to_the_terminal() -> None:
    """A control character in a file name is a problem, and is not printed."""
    (message,) = messages(load_files({"a\x1b[31m.yaml": b"kind: Service\n"}))
    assert message == "a�[31m.yaml:1:1: the file name contains control characters; rename the file"


def test_no_secret_value_is_ever_repeated() -> None:
    """No message contains a value of environment, secrets or tags."""
    files = {
        "a.yaml": b"""
kind: TaskDefinition
metadata: {name: api}
spec:
  tags: [{key: team, value: [hunter2]}, {key: team, valeu: hunter2}, hunter2]
  containerDefinitions:
  - {name: web, image: nginx, memory: 64, environment: [hunter2], secrets: hunter2}
  - {name: two, image: nginx, memory: 64, environment: {A: {b: hunter2}}, secrets: [{name: A, valueFrom: [hunter2]}]}
  - {name: three, image: nginx, memory: 64, environment: hunter2}
"""
    }
    assert len(messages(load_files(files))) > 5
    assert "hunter2" not in "\n".join(messages(load_files(files)))
