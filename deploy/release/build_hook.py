"""The build hook of hatch: it writes the commit into the wheel and the sdist, for `ecsync --version`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

UNKNOWN = "unknown"
PLACE = "ecsync/commit.txt"  # in the wheel
SOURCE = f"controller/{PLACE}"  # in the checkout, in an archive and in the sdist
SHIPPED = ("controller", "manifests/quickstart", "pyproject.toml", "deploy/release/build_hook.py")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?(?:-dirty)?")


def commit_of(root: Path, given: str | None) -> str:
    """Return the commit of the files in `root`, or `unknown`.

    The first answer counts: `given` (the variable ECSYNC_COMMIT, for builds without a repository), the repository, the
    text that `git archive` or an earlier build has written. Raises ValueError if `given` is no commit.
    """
    if given and given != UNKNOWN:
        if not _COMMIT.fullmatch(given):
            raise ValueError(f"ECSYNC_COMMIT is {given!r}: set it to the 40 digits of a commit, or remove it")
        return given
    return _of_repository(root) or _of_file(root / SOURCE) or UNKNOWN


def _of_repository(root: Path) -> str:
    """Return the commit of a repository with this root: a repository around it is another project's."""
    if not (root / ".git").exists() or shutil.which("git") is None:
        return ""
    head = _git(root, "rev-parse", "--verify", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *SHIPPED)
    if head is None or changes is None:
        return ""
    return f"{head}-dirty" if changes else head


def _git(root: Path, *arguments: str) -> str | None:
    done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip() if done.returncode == 0 else None


def _of_file(file: Path) -> str:
    text = file.read_text(encoding="ascii").strip() if file.is_file() else ""
    return text if _COMMIT.fullmatch(text) else ""


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]  # hatch finds a hook as a subclass
    """Puts `commit.txt` with the commit in place of that of the checkout. An editable install keeps the checkout's."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file to what is built."""
        if version == "editable":
            return
        self._folder = tempfile.mkdtemp()
        file = Path(self._folder, "commit.txt")
        file.write_text(commit_of(Path(self.root), os.environ.get("ECSYNC_COMMIT")) + "\n", encoding="ascii")
        build_data["force_include"][str(file)] = SOURCE if self.target_name == "sdist" else PLACE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the file."""
        if version != "editable":
            shutil.rmtree(self._folder)
