"""Files into a directory: all of them or none, and nothing that is there is overwritten unasked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ecsync.core.model import Snapshot
from ecsync.language.files import select


class Unwritable(Exception):
    """The files cannot be written there; the text says why."""


def check(directory: Path) -> None:
    """Raise Unwritable where it is plain already that nothing can be written."""
    standing = next(path for path in (directory, *directory.absolute().parents) if os.path.lexists(path))
    if not standing.is_dir():
        raise Unwritable(f"{standing} is not a directory")
    if not os.access(standing, os.W_OK | os.X_OK):
        raise Unwritable(f"{standing} may not be written to")


def manifests(directory: Path) -> dict[str, bytes]:
    """Return the manifests that are in a directory already, by the names that a source gives them."""
    found: dict[str, bytes] = {}
    for here, below, names in os.walk(directory):
        below[:] = [name for name in below if not name.startswith(".")]
        found |= {Path(here, name).relative_to(directory).as_posix(): b"" for name in names}
    standing = {name: directory / name for name in select(Snapshot(revision="", files=found)).names}
    return {name: path.read_bytes() if path.is_file() else b"" for name, path in standing.items()}


def write(directory: Path, files: Mapping[str, str]) -> list[Path]:
    """Write the files, and return their paths in order. Raises Unwritable before any of them has changed.

    Each is written under a name that no source reads, and all are renamed when all are there.
    """
    written: dict[Path, Path] = {}
    try:
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise Unwritable(f"{path} is a directory")
            beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            written[path] = beside
            beside.write_text(text, encoding="utf-8")
        for path, beside in written.items():
            beside.replace(path)
    except OSError as error:
        raise Unwritable(f"{error.filename}: {error.strerror}") from None
    finally:
        for beside in written.values():
            beside.unlink(missing_ok=True)
    return list(written)
