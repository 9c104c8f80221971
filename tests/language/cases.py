"""Reads the cases in tests/cases/bad: a file or a directory of files, with the expected messages next to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ecsync.awsmodel import shapes
from ecsync.core.ports import Snapshot
from ecsync.kinds import BY_NAME
from ecsync.language.manifest import Loaded, load

BAD = Path(__file__).parent.parent / "cases" / "bad"


def bad_cases() -> list[Path]:
    """Return every case, also one without a file of expected messages."""
    return sorted(path for path in BAD.iterdir() if path.suffix != ".expected")


def contents(case: Path) -> Mapping[str, bytes]:
    """Return the files of a case in the form of a source."""
    if case.is_file():
        return {case.name: case.read_bytes()}
    files = sorted(path for path in case.rglob("*") if path.is_file())
    return {path.relative_to(case).as_posix(): path.read_bytes() for path in files}


def load_files(files: Mapping[str, bytes], environment: Mapping[str, str] | None = None) -> Loaded:
    """Load files with the real kinds and shapes."""
    snapshot = Snapshot(revision="test", files=files)
    return load(snapshot, kinds=BY_NAME, shape_of=shapes.load, environment=environment or {}, root_name="here")


def messages(loaded: Loaded) -> list[str]:
    """Return each problem as `validate` prints it, once."""
    return list(dict.fromkeys(str(problem) for problem in loaded.problems))
