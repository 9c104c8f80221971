"""The notes of a release, out of CHANGELOG.md: `python -m deploy.release.notes v1.2.3` prints them.

It fails with a reason if the tag is not the version in pyproject.toml, or the changelog has no section with its date.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_DATED = re.compile(r"\[?(?P<version>[^\s\]]+)\]? - (?P<date>\d{4}-\d{2}-\d{2})")


class NotReady(Exception):
    """The tree cannot be released under this tag; the text states what to change."""


def version_of(tag: str, project: str) -> str:
    """Return the version that a tag such as `v1.2.3` stands for. `project` is pyproject.toml. Raises NotReady."""
    version = tomllib.loads(project)["project"]["version"]
    if tag != f"v{version}":
        raise NotReady(f"the tag is {tag}, and pyproject.toml has the version {version}: the tag must be v{version}")
    return str(version)


def notes_of(version: str, changelog: str) -> str:
    """Return the text of the section `## VERSION - DATE` of a changelog, without its heading. Raises NotReady."""
    parts = _SECTION.split(changelog)
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        named = heading.strip().split(" ")[0].strip("[]")
        if named != version:
            continue
        if not _DATED.fullmatch(heading.strip()):
            raise NotReady(f"CHANGELOG.md: write `## {version} - YYYY-MM-DD`, not `## {heading.strip()}`")
        if not text.strip():
            raise NotReady(f"CHANGELOG.md: the section of {version} is empty")
        return text.strip() + "\n"
    raise NotReady(f"CHANGELOG.md has no section `## {version} - YYYY-MM-DD`: rename `## Unreleased`")


def main() -> None:
    """Print the notes, or the reason why there are none."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m deploy.release.notes vVERSION")
    try:
        version = version_of(sys.argv[1], (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        print(notes_of(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")), end="")
    except NotReady as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
