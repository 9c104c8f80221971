"""`make review`: which members of AWS's shapes no kind has reviewed, and the `REVIEWED` table of a kind to copy."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

from ecsync import kinds
from ecsync.awsmodel.reviewed import members_of
from ecsync.awsmodel.shapes import load
from ecsync.core.kind import Kind

_WIDTH = 108  # of a line of names: 120 columns less the indentation and the quotes


def missing(kind: Kind) -> list[str]:
    """Return the members that the kind has not reviewed, as `Shape.member`."""
    if kind.shape is None:
        return []
    return [
        f"{shape}.{name}"
        for shape, names in members_of(load(kind.shape)).items()
        for name in names.split()
        if name not in kind.reviewed.get(shape, "").split()
    ]


def table(kind: Kind) -> str:
    """Return the source text of the kind's `REVIEWED` with every member that botocore has now."""
    assert kind.shape is not None, f"{kind.name} has no shape"
    rows = "".join(_row(shape, names) for shape, names in sorted(members_of(load(kind.shape)).items()))
    return f"REVIEWED = {{\n{rows}}}\n"


def _row(shape: str, names: str) -> str:
    row = f'    "{shape}": "{names}",\n'
    if len(row) <= 121:
        return row
    return f'    "{shape}": (\n' + "".join(_wrapped(names)) + "    ),\n"


def _wrapped(names: str) -> Iterator[str]:
    lines = textwrap.wrap(names, _WIDTH)
    for number, line in enumerate(lines, start=1):
        yield f'        "{line}{" " if number < len(lines) else ""}"\n'


def main(names: list[str]) -> int:
    """Print the tables of the named kinds; without names, the members that are not reviewed."""
    unknown = [name for name in names if name not in kinds.BY_NAME or kinds.BY_NAME[name].shape is None]
    if unknown:
        print(f"no kind with a shape of AWS's: {', '.join(unknown)}", file=sys.stderr)
        return 64
    for name in names:
        print(table(kinds.BY_NAME[name]), end="")
    for kind in () if names else kinds.ALL:
        for member in missing(kind):
            print(f"{kind.name}: {member}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
