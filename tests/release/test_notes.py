"""The notes of a release: out of the changelog, and only for the version of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.release.notes import NotReady, notes_of, version_of

PROJECT = '[project]\nname = "ecsync"\nversion = "1.2.0"\n'
CHANGELOG = """# Changelog

## Unreleased

- Something new.

## 1.2.0 - 2026-11-30

### Added

- A thing.

## [1.1.0] - 2026-10-01

- Older.

## 1.0.0 - soon

- Never dated.

## 0.9.0 - 2026-01-01

"""


def test_the_notes_are_the_section_of_the_version() -> None:
    """Without its heading, and without the sections around it."""
    assert notes_of("1.2.0", CHANGELOG) == "### Added\n\n- A thing.\n"
    assert notes_of("1.1.0", CHANGELOG) == "- Older.\n"


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("1.3.0", "no section"),
        ("1.2", "no section"),
        ("1.0.0", "write `## 1.0.0 - YYYY-MM-DD`"),
        ("0.9.0", "is empty"),
        ("Unreleased", "write"),
    ],
)
def test_a_version_without_a_dated_section_is_no_release(version: str, reason: str) -> None:
    """The reason states what to change."""
    with pytest.raises(NotReady, match=reason):
        notes_of(version, CHANGELOG)


@pytest.mark.parametrize("tag", ["1.2.0", "v1.2", "v1.2.1", "v1.2.0-rc1", "v"])
def test_a_tag_of_another_version_is_no_release(tag: str) -> None:
    """The reason has the tag that would be right."""
    with pytest.raises(NotReady, match=r"the tag must be v1\.2\.0"):
        version_of(tag, PROJECT)


def test_the_tag_is_the_version_with_a_v() -> None:
    """That of pyproject.toml."""
    assert version_of("v1.2.0", PROJECT) == "1.2.0"


def test_the_changelog_of_the_project_has_what_comes_next() -> None:
    """Its first section is of a version that can be released, or collects the next one."""
    text = (Path(__file__).resolve().parents[2] / "CHANGELOG.md").read_text()
    first = text.split("\n## ", 1)[1].splitlines()[0]
    assert first == "Unreleased" or notes_of(first.split(" ")[0], text)
