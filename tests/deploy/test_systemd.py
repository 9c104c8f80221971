"""The unit of systemd: valid, hardened, and with settings that the controller takes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ecsync import config
from tests.deploy.rendered import DEPLOY

UNIT = DEPLOY / "systemd" / "ecsync.service"
SETTINGS = DEPLOY / "systemd" / "ecsync.env"
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def unit(folder: Path) -> Path:
    """Return the unit with a program that is here: systemd checks that it exists."""
    text = UNIT.read_text(encoding="utf-8")
    installed = folder / UNIT.name
    installed.write_text(text.replace("ExecStart=/opt/ecsync/bin/ecsync run", "ExecStart=/bin/true"))
    return installed


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """No unknown section, key or value: each is a line of its output."""
    command = ["systemd-analyze", "verify", str(unit(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if "Failed to initialize manager" in done.stderr:
        pytest.skip("systemd-analyze cannot work on this machine")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_systemd_rates_the_exposure_as_low(tmp_path: Path) -> None:
    """As low as docs/deploy.md states: 10 is a unit without any hardening."""
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=12", str(unit(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if "--offline" in done.stderr:
        pytest.skip("this systemd-analyze cannot rate a file")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_unit_gives_the_controller_the_time_to_end() -> None:
    """SIGKILL comes after the daemon has finished its calls (`loop.drain`), and the lease is where it may write."""
    values = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.M))
    assert int(values["TimeoutStopSec"]) > config.Settings().loop.drain
    assert values["ExecStart"] == "/opt/ecsync/bin/ecsync run"
    assert f"file:/run/{values['RuntimeDirectory']}/" in SETTINGS.read_text(encoding="utf-8")


def test_the_controller_takes_the_settings() -> None:
    """An unknown setting, or a value that is not valid, is an error."""
    given = dict(re.findall(r"^(\w+)=(.*)$", SETTINGS.read_text(encoding="utf-8"), re.M))
    settings = config.load(None, given, {})
    assert settings.lease.startswith("file:")
    assert not settings.enforce
