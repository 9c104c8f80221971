"""`python -m ecsync.offline.review` prints the members of AWS's shapes that no release has reviewed."""

from __future__ import annotations

import json
import sys

from ecsync import kinds
from ecsync.awsmodel.reviewed import FILE, members_of, reviewed
from ecsync.awsmodel.shapes import load


def main() -> None:
    """Print what is new; with `--write`, list it as reviewed."""
    now = {kind.name: members_of(load(kind.shape)) for kind in kinds.ALL if kind.shape}
    before = reviewed() if FILE.exists() else {}
    for kind, by_shape in now.items():
        for shape, names in by_shape.items():
            for name in sorted({*names} - {*before.get(kind, {}).get(shape, ())}):
                print(f"{kind}: {shape}.{name}")
    if "--write" in sys.argv[1:]:
        lines = [
            f"  {json.dumps(kind)}: {{\n"
            + ",\n".join(f"    {json.dumps(shape)}: {json.dumps(names)}" for shape, names in sorted(by_shape.items()))
            + "\n  }"
            for kind, by_shape in sorted(now.items())
        ]
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
