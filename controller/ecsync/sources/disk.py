"""Manifests from a directory or one file, read whole although another process may be writing them."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ecsync.core.ports import Snapshot, SourceError
from ecsync.sources.files import (
    INDEX,
    MAX_TOTAL,
    OBJECTS,
    Digests,
    check_size,
    indexed,
    is_ignored,
    is_manifest,
    parse_index,
    snapshot,
)

_MAX_DEPTH = 32  # also ends a loop of directory links
# O_NOFOLLOW: the path is resolved, so a link at its end was created since. O_NONBLOCK: opening a pipe must not block.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Reading:
    """One read of all files: their contents, and their inodes and times. The next read must give the same.

    `changed_at` is the wall time of the latest change of a file.
    """

    files: dict[str, bytes]
    states: dict[str, tuple[int, int]]
    changed_at: float


class DiskSource:
    """A directory or one file (`core.ports.Source`).

    All files are read, then read again after a pause, until two successive reads are the same, and no file is younger
    than `settle` seconds: a program may still write to it. This also detects the swap of a link, as Kubernetes does
    with `..data`. `now` is the wall time, which the times of files are compared with.
    """

    def __init__(
        self,
        path: Path,
        *,
        wait: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        pause: float = 0.2,
        settle: float = 1.0,
        attempts: int = 5,
    ) -> None:
        self._path = path
        self._wait = wait
        self._now = now
        self._pause = pause
        self._settle = settle
        self._attempts = attempts
        self._digests = Digests()

    def fetch(self) -> Snapshot:
        """Return everything, or raise SourceError."""
        source = str(self._path)
        files = self._stable()
        if INDEX in files:
            found = indexed(parse_index(files[INDEX], source), files.get, self._digests, source)
        else:
            manifests = {name: content for name, content in files.items() if is_manifest(name)}
            found = snapshot(manifests, self._digests, source=source)
        self._digests.keep(found.files)
        return found

    def _stable(self) -> dict[str, bytes]:
        previous: _Reading | None = None
        why = "its files change"
        unsettled = 0.0  # seconds until no file is too young
        for attempt in range(self._attempts + 1):
            if attempt:
                self._wait(max(self._pause, unsettled))
            try:
                reading = self._read()
            except FileNotFoundError as error:  # listed, then gone: it is being written, or a link is broken
                previous, why = None, f"{error.filename} is a broken link, or was removed"
                continue
            unsettled = self._unsettled(reading)
            if reading == previous and not unsettled:
                return reading.files
            previous = reading
        raise SourceError(
            f"{self._path}: two successive reads never agreed in {self._attempts + 1} reads ({why}); "
            "the last good snapshot is kept",
            reason="changing",
        )

    def _unsettled(self, reading: _Reading) -> float:
        """Return the seconds until no file is too young. A time in the future is of a clock that was set: it is old."""
        age = self._now() - reading.changed_at
        return self._settle - age if 0 <= age < self._settle else 0.0

    def _read(self) -> _Reading:
        root = self._root()
        files: dict[str, bytes] = {}
        states: dict[str, tuple[int, int]] = {}
        total, changed_at = 0, 0.0
        for name, path in _find(root, self._path.name):
            content, status = _content(path)
            total += len(content)
            check_size(str(self._path), len(files) + 1, total)
            files[name] = self._digests.same(name, content)
            states[name] = (status.st_ino, status.st_mtime_ns)
            changed_at = max(changed_at, status.st_mtime, status.st_ctime)
        return _Reading(files, states, changed_at)

    def _root(self) -> Path:
        try:
            return self._path.resolve(strict=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, in Python before 3.13
            raise SourceError(
                f"{self._path}: cannot be opened ({_reason(error)}); check the path", reason="unreachable"
            ) from error


def _find(root: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Yield (name relative to the root, real path) of each file that may be a manifest, in order of names.

    A source of one file keeps the name that the operator gave, also if it is a link.
    """
    if not root.is_dir():
        yield name, root
        return
    yield from _below(root, root, "", 0)


def _below(root: Path, folder: Path, prefix: str, depth: int) -> Iterator[tuple[str, Path]]:
    if depth > _MAX_DEPTH:
        raise SourceError(f"{folder}: folders are nested too deep, or a link has a loop", reason="partial")
    try:
        entries = sorted(os.listdir(folder))  # noqa: PTH208  # names only: the entries are resolved below
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise SourceError(
            f"{folder}: cannot be listed ({_reason(error)}); allow ecsync to read it", reason="denied"
        ) from error
    except OSError as error:
        raise SourceError(f"{folder}: cannot be listed ({_reason(error)})", reason="unreachable") from error
    for entry in entries:
        name = prefix + entry
        if is_ignored(entry):
            continue
        real = _resolved(folder / entry)
        if real.is_dir():
            _refuse_outside(root, real, name)
            yield from _below(root, real, f"{name}/", depth + 1)
        elif is_manifest(name) or name == INDEX or name.startswith(f"{OBJECTS}/"):
            _refuse_outside(root, real, name)
            yield name, real


def _resolved(path: Path) -> Path:
    try:
        return path.resolve(strict=False)
    except (OSError, RuntimeError) as error:  # RuntimeError: as in `_root`
        raise SourceError(
            f"{path}: cannot be followed ({_reason(error)}); remove the link", reason="partial"
        ) from error


def _refuse_outside(root: Path, real: Path, name: str) -> None:
    if not real.is_relative_to(root):
        raise SourceError(
            f"{root}/{name}: is a link to a file outside the source, which is refused; copy the file", reason="denied"
        )


def _content(path: Path) -> tuple[bytes, os.stat_result]:
    try:
        with os.fdopen(os.open(path, _OPEN), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SourceError(f"{path}: is not a regular file; remove it or rename it", reason="partial")
            return file.read(MAX_TOTAL + 1), status
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise SourceError(
            f"{path}: cannot be read ({_reason(error)}); allow ecsync to read it", reason="denied"
        ) from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({_reason(error)})", reason="unreachable") from error


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
