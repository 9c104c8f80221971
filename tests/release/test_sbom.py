"""The bill of materials: every locked package, with its version and its hashes."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from deploy.release import sbom

LOCK = sbom.ROOT / "locks" / "run.txt"


def locked() -> dict[str, tuple[str, set[str]]]:
    """Return version and hashes of each package of the lock."""
    found: dict[str, tuple[str, set[str]]] = {}
    for block in re.split(r"\n(?=[a-z])", LOCK.read_text()):
        named = re.match(r"([a-z0-9.-]+)==([^ ;\\]+)", block)
        assert named, block
        found[named[1]] = named[2], set(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
    return found


def test_it_lists_each_locked_package_with_version_and_hashes(tmp_path: Path) -> None:
    """And it is the same, byte for byte, when it is made again."""
    pytest.importorskip("cyclonedx_py", reason="cyclonedx-bom is not installed: make install")
    file = sbom.write(tmp_path / "one")
    content = json.loads(file.read_text())
    listed = {
        part["name"]: (
            part["version"],
            {one["content"] for place in part["externalReferences"] for one in place["hashes"]},
        )
        for part in content["components"]
    }
    assert listed == locked()
    assert all(hashes for _, hashes in listed.values())
    assert content["bomFormat"] == "CycloneDX"
    assert content["metadata"]["component"]["name"] == "ecsync"
    assert sbom.write(tmp_path / "two").read_bytes() == file.read_bytes()


def test_the_lock_has_the_dependencies_of_the_project() -> None:
    """Each one that runs, in a locked version."""
    project = tomllib.loads((sbom.ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split("[<>=]", requirement)[0] for requirement in project["dependencies"]}
    assert {"boto3", "botocore"} <= names
    assert names <= set(locked())
