"""Prints docs/constraints.md: `python -m ecsync.offline.constraints_page > docs/constraints.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ecsync import kinds
from ecsync.core.constraints.rows import Across, Row
from ecsync.core.kind import Kind
from ecsync.core.rules import Characters

_HEAD = """\
# Constraints

What AWS accepts of each field, beyond its type. `ecsync validate` checks these rows on what is written, and
`ecsync plan` on what is resolved. A value that is not known yet, such as a reference, is never wrong.

- **error**: AWS refuses it. The application is not applied.
- **note**: AWS accepts it although it is surely not meant, or refuses it unless something outside the manifests helps.
  `ecsync validate --notes` and `ecsync plan` print notes.
- **documents**: the row looks at several documents together.

Besides these rows, ecsync checks the types, values and sizes of AWS's own model (botocore). `make constraints` writes
this page from the rows in `controller/ecsync/kinds/`.
"""


def page() -> str:
    """Return the page: the rows of every kind."""
    parts = [_HEAD]
    parts += ["\n".join(_kind(kind)) for kind in kinds.ALL if kind.constraints]
    return "\n".join(parts)


def _kind(kind: Kind) -> Iterator[str]:
    yield f"## {kind.name}"
    yield ""
    yield "| Field | Accepted | Level | Source |"
    yield "|---|---|---|---|"
    for row in kind.rules:
        if isinstance(row, Characters):
            yield _line(row.path, row.text, "error", row.source)
    for constraint in sorted(kind.constraints, key=lambda one: one.path):
        yield _line(constraint.path, constraint.rule, _level(constraint), constraint.source)
    yield ""


def _level(row: Row) -> str:
    return f"{row.level}, documents" if isinstance(row, Across) else row.level


def _line(path: str, accepted: str, level: str, source: str) -> str:
    cells = (f"`{path}`" if path else "(the whole)", accepted, level, source)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
