"""The command that adds an extra fits how ecsync was installed."""

from __future__ import annotations

import json
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from ecsync.installed import command_for

FOLDER = {"url": "file:///src/my%20ecsync", "dir_info": {}}
EDITABLE = {"url": "file:///src/ecsync", "dir_info": {"editable": True}}
GIT = {
    "url": "https://example.com/ecsync.git",
    "vcs_info": {"vcs": "git", "requested_revision": "v1", "commit_id": "0"},
}
WHEEL = {"url": "file:///wheels/ecsync-1.0-py3-none-any.whl", "archive_info": {}}


@pytest.mark.parametrize(
    ("installer", "origin", "file", "command"),
    [
        ("pip", None, "", "/env/bin/python -m pip install 'ecsync[gpg]'"),
        ("uv", None, "", "uv pip install --python /env/bin/python 'ecsync[gpg]'"),
        ("pip", None, "pipx_metadata.json", "pipx install --force 'ecsync[gpg]'"),
        ("uv", None, "uv-receipt.toml", "uv tool install --force 'ecsync[gpg]'"),
        ("pip", FOLDER, "", "/env/bin/python -m pip install '/src/my ecsync[gpg]'"),
        ("pip", GIT, "", "/env/bin/python -m pip install 'ecsync[gpg] @ git+https://example.com/ecsync.git@v1'"),
        (
            "pip",
            GIT,
            "pipx_metadata.json",
            "pipx install --force 'ecsync[gpg] @ git+https://example.com/ecsync.git@v1'",
        ),
        ("pip", EDITABLE, "", "/env/bin/python -m pip install --editable '/src/ecsync[gpg]'"),
        ("pip", EDITABLE, ".installed", "make -C /src/ecsync clean install"),
        ("pip", WHEEL, "", "docker build --build-arg LOCK=gpg ."),
    ],
)
def test_the_command_that_adds_an_extra_fits_the_installation(
    tmp_path: Path, installer: str, origin: dict[str, Any] | None, file: str, command: str
) -> None:
    (tmp_path / "ecsync.dist-info").mkdir()
    (tmp_path / "ecsync.dist-info" / "INSTALLER").write_text(f"{installer}\n")
    if origin is not None:
        (tmp_path / "ecsync.dist-info" / "direct_url.json").write_text(json.dumps(origin))
    if file:
        (tmp_path / file).touch()
    found = command_for("gpg", Distribution.at(tmp_path / "ecsync.dist-info"), tmp_path)
    assert found.replace(str(tmp_path), "/env") == command
