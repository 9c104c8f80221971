"""Write files into a directory: all of them or none."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from ecsync.language.files import select


class Unwritable(Exception):
    """The files cannot be written into the directory; the text is the reason."""


def check(directory: Path) -> None:
    """Raise Unwritable where the directory, or the nearest parent that exists, cannot be written."""
    nearest = next(path for path in (directory, *directory.absolute().parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise Unwritable(f"{nearest} is not a directory")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise Unwritable(f"{nearest} is not writable")


def existing_manifests(directory: Path) -> dict[str, bytes]:
    """Return the manifests that a directory holds, by the file names that a source uses."""
    files: dict[str, bytes] = {}
    for folder, subfolders, names in os.walk(directory):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        files |= {Path(folder, name).relative_to(directory).as_posix(): b"" for name in names}
    paths = {name: directory / name for name in select(files).names}
    return {name: path.read_bytes() if path.is_file() else b"" for name, path in paths.items()}


def write(directory: Path, files: Mapping[str, str], private: Collection[str] = ()) -> list[Path]:
    """Write the files and return their paths in order. Raises Unwritable before any of them has changed.

    Only the user may read the private ones (mode 0600). Each file is first written under a temporary name that no
    source reads. When all exist, all are renamed.
    """
    temporary: dict[Path, Path] = {}
    try:
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise Unwritable(f"{path} is a directory")
            temporary[path] = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            temporary[path].touch(mode=0o600 if name in private else 0o666)  # less the umask
            temporary[path].write_text(text, encoding="utf-8")
        for path, written in temporary.items():
            written.replace(path)
    except OSError as error:
        raise Unwritable(f"{error.filename}: {error.strerror}") from None
    finally:
        for written in temporary.values():
            written.unlink(missing_ok=True)
    return list(temporary)
