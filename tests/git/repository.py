"""A git repository for tests, made with the command git; nothing of the user's settings is used."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "apiVersion: ecsync/v1\nresources:\n  LogGroup/{name}: {{logGroupName: {name}, retentionInDays: {days}}}\n"
IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}


def git(*arguments: str, at: Path, given: bytes = b"", **more: str) -> str:
    """Run git and return its output."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(at), **IDENTITY, **more}
    done = subprocess.run(["git", *arguments], cwd=at, env=environment, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@dataclass(frozen=True)
class Repository:
    """A bare repository, and a work tree that pushes to it."""

    bare: Path
    work: Path

    @classmethod
    def create(cls, folder: Path, name: str = "deploy.git") -> Repository:
        """Create an empty repository with the branch main."""
        made = cls(folder / name, folder / f"{name}-work")
        made.bare.mkdir(parents=True)
        git("init", "--quiet", "--bare", "--initial-branch=main", at=made.bare)
        git("clone", "--quiet", str(made.bare), str(made.work), at=folder)
        git("checkout", "--quiet", "-B", "main", at=made.work)
        return made

    def commit(
        self,
        files: dict[str, str | bytes],
        subject: str = "a change",
        *,
        branch: str = "main",
        signed: Sequence[str] = (),
    ) -> str:
        """Write files, commit everything, push, and return the id of the commit. `signed`: settings of git for it."""
        for name, content in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        git("add", "--all", at=self.work)
        sign = ["--gpg-sign"] if signed else []
        git(*signed, "commit", *sign, "--quiet", "--allow-empty", "-m", subject, at=self.work)
        git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}", at=self.work)
        return git("rev-parse", "HEAD", at=self.work)

    def rewind(self, commits: int) -> None:
        """Forget the last commits of the work tree: the next push rewrites the branch."""
        git("reset", "--quiet", "--hard", f"HEAD~{commits}", at=self.work)

    def tree(self, *entries: tuple[str, str, bytes]) -> str:
        """Point main at a commit of a tree with these entries (mode, id, name) as they are, and return its id."""
        raw = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(sha) for mode, sha, name in entries)
        tree = git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", at=self.bare, given=raw)
        commit = git("commit-tree", tree, "-m", "a tree", at=self.bare)
        git("update-ref", "refs/heads/main", commit, at=self.bare)
        return commit

    def blob(self, content: bytes) -> str:
        """Store a file and return its id."""
        return git("hash-object", "-w", "--stdin", at=self.bare, given=content)


def manifest(name: str = "web", days: int = 7) -> str:
    """Return a manifest of one log group."""
    return MANIFEST.format(name=name, days=days)
