"""What a directory is in git, for people: the commit of its work tree, the author and the subject."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from ecsync.sources.files import is_manifest

CHANGED = "-dirty"  # the end of a commit that has other files, as `git describe` writes it
_SECONDS = 20.0
# The commands print objects. They run no hook, filter, pager or file system monitor, and reach no other machine.
_GIT = ("git", "--no-pager", "--no-replace-objects", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never")


def about(path: Path, files: Mapping[str, bytes]) -> dict[str, str]:
    """Return commit, author, subject and time of the work tree that a path is in; empty in none, or without git.

    The commit ends with `-dirty`, and has no time, where it does not have exactly these files (name relative to the
    path to content).
    """
    folder = path if path.is_dir() else path.parent
    commit = _git(folder, "rev-parse", "--verify", "--end-of-options", "HEAD^{commit}").strip().decode()
    if not commit:
        return {}
    head, _, message = _git(folder, "cat-file", "commit", commit).decode(errors="replace").partition("\n\n")
    author = next((line for line in head.splitlines() if line.startswith("author ")), "author ")
    subject = " ".join(message.strip().partition("\n\n")[0].split())
    committed = _committed(folder, commit)
    if folder == path:
        same = committed == {name: _blob(content, commit) for name, content in files.items()}
    else:
        same = all(committed.get(name) == _blob(content, commit) for name, content in files.items())
    name = author.removeprefix("author ").partition(" <")[0]
    found = {"commit": commit if same else commit + CHANGED, "author": name, "subject": subject}
    return found | (_committer_time(head) if same else {})


def _committer_time(head: str) -> dict[str, str]:
    """Return the time of a commit in UTC, by its header; nothing if it is malformed."""
    line = next((line for line in head.splitlines() if line.startswith("committer ")), "")
    try:
        at = datetime.fromtimestamp(int(line.split()[-2]), UTC)
    except (ValueError, IndexError, OverflowError, OSError):
        return {}
    return {"committed": at.isoformat().replace("+00:00", "Z")}


def _committed(folder: Path, commit: str) -> dict[str, str]:
    """Return the digests of the manifests below a folder in a commit, by name relative to the folder."""
    found = {}
    for entry in _git(folder, "ls-tree", "-r", "-z", commit).decode(errors="surrogateescape").split("\0"):
        about, _, name = entry.partition("\t")
        if is_manifest(name):
            found[name] = about.split()[2]
    return found


def _blob(content: bytes, commit: str) -> str:
    """Return the digest of a file as git has it, by the algorithm of the repository."""
    algorithm = hashlib.sha256 if len(commit) == 64 else hashlib.sha1
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()


def _git(folder: Path, *arguments: str) -> bytes:
    """Return what a command of git prints; nothing if it fails."""
    try:
        done = subprocess.run(  # noqa: S603  # fixed commands of git
            [*_GIT, "-C", str(folder), *arguments],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""
