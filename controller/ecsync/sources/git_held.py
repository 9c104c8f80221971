"""The objects of the last commit, kept so that a server sends only what is new of the next one."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from dulwich.object_store import MemoryObjectStore
from dulwich.objects import S_ISGITLINK, Commit, ObjectID, ShaFile, Tag, Tree

MAX_HELD = 48 * 2**20  # bytes; a source of manifests may have 25 MB, and other files lie beside them
MAX_OBJECTS = 50_000


@dataclass(frozen=True, slots=True)
class Held:
    """A commit with all its objects but those that a server has left out, which it leaves out again."""

    commit: ObjectID
    objects: tuple[ShaFile, ...]
    lacking: Set[ObjectID]

    def copy(self) -> MemoryObjectStore:
        """Return a store of the objects, to add others to."""
        store = MemoryObjectStore()
        for one in self.objects:
            store.add_object(one)
        return store


def hold(store: MemoryObjectStore, sha: bytes, lacking: Set[ObjectID] | None = None) -> Held | None:
    """Return the objects of a commit or an annotated tag; None if they are too many, or if one is missing.

    Those in `lacking` may be missing; None: any file may be, because the server has sent all that it would.
    """
    found: dict[ObjectID, ShaFile] = {}
    missing: set[ObjectID] = set()
    pending, commit, total = [ObjectID(sha)], None, 0
    while pending:
        one = pending.pop()
        if one in found or one in missing:
            continue
        try:
            read = store[one]
        except KeyError:
            if lacking is not None and one not in lacking:
                return None
            missing.add(one)
            continue
        found[one] = read
        total += read.raw_length()
        if total > MAX_HELD or len(found) > MAX_OBJECTS:
            return None
        if isinstance(read, Tag):
            pending.append(read.object[1])
        elif isinstance(read, Commit):
            commit = read.id
            pending.append(read.tree)
        elif isinstance(read, Tree):
            pending += [entry.sha for entry in read.iteritems() if entry.mode and not S_ISGITLINK(entry.mode)]
    return None if commit is None else Held(commit, tuple(found.values()), missing)
