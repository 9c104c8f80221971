"""Which ecsync this is: its version, and the commit that it was built from."""

from __future__ import annotations

import re
from importlib.metadata import version as _version_of
from importlib.resources import files

UNKNOWN = "unknown"
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?(?:-dirty)?")


def version() -> str:
    """Return the version of the installed package."""
    return _version_of("ecsync")


def commit() -> str:
    """Return the commit that this package was built from; `unknown` in a checkout, or if it was built without git.

    `commit.txt` is written by the build (`deploy/release/build_hook.py`), or by `git archive`. Changes that were not
    committed add `-dirty`.
    """
    text = files("ecsync").joinpath("commit.txt").read_text(encoding="ascii").strip()
    return text if _COMMIT.fullmatch(text) else UNKNOWN
