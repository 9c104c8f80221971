"""Which commit of a reference counts, where only signed ones do: the newest one that a listed key has signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from dulwich.objects import Commit, ObjectID, Tag

from ecsync.core.ports import SourceError
from ecsync.sources.git_errors import BadSignature
from ecsync.sources.git_tree import Objects, commit_of, short

if TYPE_CHECKING:
    from ecsync.sources.git_signers import Signers  # cryptography takes 7 MiB, and most sources have no signers

TAGS = b"refs/tags/"
DEPTHS = (1, 10, 100)  # commits that are looked at, each time if none of them counts


@dataclass(frozen=True, slots=True)
class Counted:
    """The commit that counts, and why a newer one does not; empty: there is no newer one.

    `history` is where it was found: without its files, where the server can filter.
    """

    commit: bytes
    unsigned: str = ""
    history: Objects | None = None


def newest(
    history: Callable[[int], Objects], sha: bytes, name: bytes, signers: Signers, applied: bytes = b""
) -> Counted:
    """Return what counts of a reference. Raises SourceError if nothing does.

    Of a branch (`name`), the first parents are followed, to the commit that is applied and no further: that one is
    never left for an older one. Of a tag and of a commit that is named, nothing else counts. `history` takes a depth.
    """
    why, root = "", False
    for depth in DEPTHS if name and not name.startswith(TAGS) else DEPTHS[:1]:
        objects = history(depth)
        for number, commit in enumerate(islice(_line(objects, sha), depth)):
            refused = _refused(signers, commit, objects[ObjectID(sha)] if number == 0 else None, name)
            if not refused:
                unsigned = f"{why}; {commit.id.decode()} is the newest one that counts, and nothing will be deleted"
                return Counted(commit.id, unsigned if number else "", objects)
            why = why or f"{short(commit.id)} does not count: {refused}"
            if commit.id == applied:
                raise SourceError(f"{why}; nor does any commit back to the applied one, which stays", reason="unsigned")
            root = not commit.parents
        if root:
            break
    raise SourceError(f"{why}; sign it with a key of git.signers or git.signers_gpg", reason="unsigned")


def _line(objects: Objects, sha: bytes) -> Iterator[Commit]:
    """Yield a commit and its first parents, as far as they are there."""
    commit = commit_of(objects, sha)
    yield commit
    while commit.parents:
        try:
            parent = objects[commit.parents[0]]
        except KeyError:
            return
        if not isinstance(parent, Commit):
            return
        commit = parent
        yield commit


def _refused(signers: Signers, commit: Commit, tag: object, name: bytes) -> str:
    """Return why a commit does not count; empty if it does, by its own signature or by that of its tag."""
    try:
        if isinstance(tag, Tag):
            signers.of_tag(tag, name.removeprefix(TAGS))
            return ""
    except BadSignature:
        pass  # the commit may be signed
    try:
        signers.of_commit(commit)
    except BadSignature as error:
        return str(error)
    return ""
