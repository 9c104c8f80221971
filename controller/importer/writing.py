"""Files into a directory: all of them or none, and nothing that is there is overwritten unasked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path


def standing(directory: Path, files: Iterable[str]) -> list[Path]:
    """Return those of the files that are there already."""
    return [path for name in files if (path := directory / name).exists()]


def write(directory: Path, files: Mapping[str, str]) -> list[Path]:
    """Write the files, and return their paths in order.

    Each is written under a name that no source reads, and all are renamed when all are there.
    """
    written: dict[Path, Path] = {}
    try:
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            written[path] = beside
            beside.write_text(text, encoding="utf-8")
        for path, beside in written.items():
            beside.replace(path)
    finally:
        for beside in written.values():
            beside.unlink(missing_ok=True)
    return list(written)
