"""From file names and contents to a Snapshot: the rules that all sources share."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ecsync.core.ports import Snapshot, SourceError
from ecsync.core.wording import printable

INDEX = "ecsync.index.json"
RELEASE = "ecsync.release"  # an entry of the index that is no manifest: the digest of what the release is, for people
OBJECTS = "ecsync.objects"  # a published file may be here under its digest, so that a release is always whole
SUFFIXES = (".yaml", ".yml", ".json")
MAX_TOTAL = 25_000_000  # bytes, about 12,000 services; the parser has its own limit for one file
MAX_FILES = 10_000

_ABOUT = ("commit", "author", "subject", "committed")
_LONGEST = 200  # characters of one of them
_IGNORED_ENDINGS = ("~", ".swp", ".tmp")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_manifest(name: str) -> bool:
    """Return whether a relative name is that of a manifest: not hidden, not an editor's, with a known suffix.

    A name with `.` or `..` as a segment counts as hidden, so no name can point out of its source.
    """
    parts = name.split("/")
    if name == INDEX or parts[0] == OBJECTS or any(is_ignored(part) for part in parts):
        return False
    return name.endswith(SUFFIXES)


def is_ignored(part: str) -> bool:
    """Return whether one segment of a name is hidden or an editor's: `.x`, `.#x`, `#x#`, `x~`, `x.swp`, `x.tmp`."""
    return not part or part.startswith((".", "#")) or part.endswith(_IGNORED_ENDINGS) or "\\" in part


def digest(content: bytes) -> str:
    """Return the SHA-256 of the content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class Digests:
    """The SHA-256 of contents, by name. A content that is the same as in the read before is not hashed again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, str]] = {}

    def of(self, name: str, content: bytes) -> str:
        """Return the digest of a content."""
        known = self._known.get(name)
        if known is None or known[0] != content:
            known = self._known[name] = (content, digest(content))
        return known[1]

    def same(self, name: str, content: bytes) -> bytes:
        """Return the content; the object that is kept if it is equal, so that it is in memory once."""
        known = self._known.get(name)
        return known[0] if known is not None and known[0] == content else content

    def keep(self, names: Iterable[str]) -> None:
        """Forget every name but these."""
        self._known = {name: self._known[name] for name in names if name in self._known}


def revision(digests: Mapping[str, str]) -> str:
    """Return the revision of a set of files: the same names and digests give the same revision in every source."""
    lines = "".join(f"{name}\0{sha}\n" for name, sha in sorted(digests.items()))
    return digest(lines.encode(errors="surrogateescape"))[:12]


def snapshot(files: Mapping[str, bytes], digests: Digests, *, source: str, durable: bool = False) -> Snapshot:
    """Return the Snapshot. Raises SourceError for no files: an empty source never means "delete everything"."""
    if not files:
        raise SourceError(
            f"{source}: has no manifest ({', '.join(SUFFIXES)}), so nothing will be deleted; check the path or prefix",
            reason="empty",
        )
    check_size(source, len(files), sum(map(len, files.values())))
    name = revision({name: digests.of(name, content) for name, content in files.items()})
    return Snapshot(revision=name, files=dict(sorted(files.items())), source=source, durable=durable)


def check_size(source: str, count: int, total: int) -> None:
    """Raise SourceError where the files exceed the limits."""
    if count > MAX_FILES or total > MAX_TOTAL:
        raise SourceError(
            f"{source}: has {count} files with {total} bytes; the limits are {MAX_FILES} files and {MAX_TOTAL} bytes; "
            "use a folder that contains only manifests",
            reason="partial",
        )


def parse_index(content: bytes, source: str) -> dict[str, str]:
    """Return the content of `ecsync.index.json`: a map from a manifest's relative name to its SHA-256.

    It may have one entry more, `ecsync.release`: an object that describes the release (`about`).
    """
    try:
        index = json.loads(content)
    except ValueError as error:
        raise SourceError(f"{source}/{INDEX}: not JSON ({error}); publish again", reason="partial") from error
    if not isinstance(index, dict) or not all(_is_entry(name, sha) for name, sha in index.items()):
        raise SourceError(
            f"{source}/{INDEX}: must map relative names to SHA-256 digests; publish again", reason="partial"
        )
    return {name: sha for name, sha in index.items() if is_manifest(name) or name == RELEASE}


def index_of(digests: Mapping[str, str], release: str) -> bytes:
    """Return the content of an index. `release` is the digest of `about_text`; empty without one.

    Readers that do not know the entry ignore it: its name is not that of a manifest, and its value is a digest.
    """
    entries = dict(sorted(digests.items())) | ({RELEASE: release} if release else {})
    return json.dumps(entries, indent=1).encode() + b"\n"


def about_text(about: Mapping[str, str]) -> bytes:
    """Return the object that describes a release."""
    return json.dumps({name: about[name] for name in _ABOUT if about.get(name)}, sort_keys=True).encode()


def about(content: bytes) -> dict[str, str]:
    """Return what an object states of a release (`_ABOUT`), safe to print. Nothing if it is malformed."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    texts = {name: found.get(name) for name in _ABOUT} if isinstance(found, dict) else {}
    return {name: printable(text, _LONGEST) for name, text in texts.items() if isinstance(text, str) and text}


def indexed(index: Mapping[str, str], read: Callable[[str], bytes | None], digests: Digests, source: str) -> Snapshot:
    """Return the snapshot of exactly the files that the index lists, each verified (docs/rules.md R27).

    A listed file is read from `ecsync.objects/<digest>` where that exists, else under its own name. Other files belong
    to no release, or to the next one. `read` returns None for a name that does not exist.
    """
    files: dict[str, bytes] = {}
    for name, sha in sorted(index.items()):
        if name == RELEASE:
            continue
        stored = f"{OBJECTS}/{sha}"
        content = read(stored)
        if content is None:
            stored, content = name, read(name)
        if content is None:
            raise SourceError(f"{source}: {name} is in {INDEX} and does not exist; publish again", reason="partial")
        files[name] = digests.same(name, content)
        if digests.of(name, content) != sha:
            raise SourceError(
                f"{source}: {name} does not have the digest in {INDEX}; a release may be in progress, or another "
                f"client changed {stored}",
                reason="changing",
            )
    found = snapshot(files, digests, source=source, durable=True)
    described = read(f"{OBJECTS}/{index[RELEASE]}") if RELEASE in index else None
    if described is None or digest(described) != index[RELEASE]:
        return found
    return replace(found, about=about(described))


def _is_entry(name: object, sha: object) -> bool:
    return isinstance(name, str) and isinstance(sha, str) and bool(_SHA256.fullmatch(sha))
