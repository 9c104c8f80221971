"""The manifests in the tree of a commit. What a checkout would turn into something else is refused, not skipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tag, Tree

from ecsync.core.ports import SourceError
from ecsync.core.wording import printable
from ecsync.sources.files import SUFFIXES, check_size, is_ignored, is_manifest

_FOLDER, _LINK, _SUBMODULE = 0o040000, 0o120000, 0o160000
_FILES = (0o100644, 0o100755, 0o100664)
_MAX_DEPTH = 32
_MAX_TAGS = 5  # tags of tags
_SHOWN = 12  # characters of the id of a commit
_MAX_ENTRIES = 100_000
_LFS = b"version https://git-lfs.github.com/spec/"


class Objects(Protocol):
    """Objects of a repository by their id. Raises KeyError."""

    def __getitem__(self, sha: ObjectID, /) -> ShaFile:
        """Return an object."""


def short(sha: bytes) -> str:
    """Return the id of a commit as it is shown."""
    return sha.decode()[:_SHOWN]


def commit_of(objects: Objects, sha: bytes) -> Commit:
    """Return the commit of an id, which may be that of an annotated tag. Raises SourceError."""
    one = ObjectID(sha)
    for _ in range(_MAX_TAGS):
        try:
            found = objects[one]
        except KeyError:
            raise SourceError(f"the server did not send {short(one)}", reason="partial") from None
        if isinstance(found, Commit):
            return found
        if not isinstance(found, Tag):
            break
        one = found.object[1]
    raise SourceError(f"{short(sha)} is not a commit", reason="partial")


def manifests(objects: Objects, tree: ObjectID, subdirectory: str, source: str) -> dict[str, bytes]:
    """Return the content of each manifest by its name in the folder. Raises SourceError."""
    for part in filter(None, subdirectory.split("/")):
        entry = next((one for one in _entries(objects, tree, subdirectory, source) if one[0] == part), None)
        if entry is None or entry[1] != _FOLDER:
            raise SourceError(f"{source}: has no folder {subdirectory!r}; nothing will be deleted", reason="empty")
        tree = entry[2]
    found: dict[str, bytes] = {}
    total = 0
    for name, sha in _files(objects, tree, source):
        try:
            blob = objects[sha]
        except KeyError:
            raise SourceError(f"{source}: {name} is too large to be a manifest", reason="too_large") from None
        if not isinstance(blob, Blob):
            raise SourceError(f"{source}: {name} is not a file, although the tree calls it one", reason="unsafe")
        found[name] = blob.as_raw_string()
        if found[name].startswith(_LFS):
            raise SourceError(
                f"{source}: {name} is a pointer of Git LFS; store manifests in git itself", reason="unsafe"
            )
        total += len(found[name])
        check_size(source, len(found), total)
    return found


def _files(objects: Objects, tree: ObjectID, source: str) -> Iterator[tuple[str, ObjectID]]:
    """Yield (name, id) of each file that may be a manifest, in order of names. Raises SourceError."""
    pending = [("", tree, 0)]
    known: dict[str, str] = {}  # names without case
    count = 0
    while pending:
        folder, sha, depth = pending.pop()
        for part, mode, below in _entries(objects, sha, folder, source):
            count += 1
            name = f"{folder}{part}"
            if depth > _MAX_DEPTH or count > _MAX_ENTRIES:
                raise SourceError(f"{source}: has too many files or folders; name a folder of it", reason="too_large")
            if is_ignored(part):
                continue
            other = known.setdefault(name.casefold(), name)
            if other != name:
                raise SourceError(f"{source}: {other} and {name} differ in case only; rename one", reason="unsafe")
            if mode == _FOLDER:
                pending.append((f"{name}/", below, depth + 1))
            elif mode in _FILES:
                if is_manifest(name):
                    yield name, below
            elif may_hold_manifests(part):
                what = {_LINK: "a symbolic link", _SUBMODULE: "a submodule"}.get(mode, f"of mode {mode:o}")
                raise SourceError(
                    f"{source}: {name} is {what}, which is not followed; put the manifests there themselves",
                    reason="unsafe",
                )


def may_hold_manifests(part: str) -> bool:
    """Return whether what a link points to may be a manifest, or a folder of manifests."""
    return part.endswith(SUFFIXES) or "." not in part


def _entries(objects: Objects, sha: ObjectID, folder: str, source: str) -> list[tuple[str, int, ObjectID]]:
    """Return (name, mode, id) of what is in a folder. Raises SourceError for a name that points elsewhere."""
    try:
        tree = objects[sha]
        if not isinstance(tree, Tree):
            raise ValueError("it is no tree")
        entries = [(name, mode, below) for name, mode, below in tree.iteritems(name_order=True)]
    except KeyError:
        raise SourceError(
            f"{source}: the folder {folder or '/'} is not in what the server sent", reason="partial"
        ) from None
    except (ValueError, AssertionError) as error:
        raise SourceError(f"{source}: the folder {folder or '/'} cannot be read ({error})", reason="partial") from error
    found = []
    for raw, mode, below in entries:
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            name = ""
        if name in ("", ".", "..") or "/" in name or "\0" in name or name.lower() == ".git":
            shown = printable(raw.decode(errors="replace"))
            raise SourceError(f"{source}: {folder}{shown} is not a name of a file", reason="unsafe")
        found.append((name, mode, below))
    return found
