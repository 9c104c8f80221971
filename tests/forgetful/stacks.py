"""The applications that the simulated AWS forgets values of: together they have every kind."""

from __future__ import annotations

import shutil
from pathlib import Path

CASES = Path(__file__).resolve().parents[1] / "cases"
STACKS = {
    "rich": CASES / "conformance" / "rich.yaml",
    "plain": CASES / "conformance" / "plain.yaml",
    "all-fields": CASES / "all_fields",
}
APPLICATION = """\
apiVersion: ecsync/v1
kind: Application
metadata: {{name: {name}}}
spec: {{manage: [all], sync: {{mode: enforce}}, target: {{region: eu-west-1}}}}
"""


def write(name: str, folder: Path) -> None:
    """Write the manifests of a stack into a new folder."""
    source = STACKS[name]
    if source.is_dir():
        shutil.copytree(source, folder)
        return
    folder.mkdir(parents=True)
    shutil.copy(source, folder)
    (folder / "application.yaml").write_text(APPLICATION.format(name=name))
