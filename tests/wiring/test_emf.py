"""The writer of lines for CloudWatch: where they go, when, and what a failure does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ecsync.config import ConfigError, MetricsSettings, load
from ecsync.report.collectors.emf import Emf
from ecsync.report.collectors.watched import Watched
from ecsync.report.metrics import Metrics
from ecsync.testing import FakeClock
from ecsync.wiring.emf import writer


def emf() -> Emf:
    """Return lines of metrics without applications."""
    metrics = Metrics(version="1")
    metrics.watch(Watched())
    return Emf(metrics.registry, "prod")


def test_without_the_setting_nothing_is_written() -> None:
    """There is no thread."""
    assert writer(MetricsSettings(), emf(), FakeClock()) is None


def test_the_lines_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the log driver of a container reads them."""
    made = writer(MetricsSettings(emf="stdout"), emf(), FakeClock())
    assert made is not None
    made.once()
    made.once()
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["Installation"] for line in lines] == ["prod", "prod"]


def test_the_lines_are_appended_to_a_file_that_may_be_rotated(tmp_path: Path) -> None:
    """It is opened for each line."""
    file = tmp_path / "metrics.json"
    made = writer(MetricsSettings(emf=f"file:{file}"), emf(), FakeClock())
    assert made is not None
    made.once()
    made.once()
    file.rename(tmp_path / "metrics.json.1")
    made.once()
    assert len((tmp_path / "metrics.json.1").read_text().splitlines()) == 2
    assert len(file.read_text().splitlines()) == 1


def test_a_line_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    """The next one may be written: the directory is there again."""
    folder = tmp_path / "away"
    folder.mkdir()
    made = writer(MetricsSettings(emf=f"file:{folder}/metrics.json"), emf(), FakeClock())
    assert made is not None
    folder.rename(tmp_path / "moved")
    made.once()
    folder.mkdir()
    made.once()
    assert len((folder / "metrics.json").read_text().splitlines()) == 1


def test_a_file_that_cannot_be_written_is_an_error_at_the_start(tmp_path: Path) -> None:
    """Not at the first line, a minute later; a file that can be written stays as it is."""
    with pytest.raises(ConfigError, match=r"metrics\.emf: .*/away/m\.json: cannot be written \(No such file"):
        writer(MetricsSettings(emf=f"file:{tmp_path}/away/m.json"), emf(), FakeClock())
    with pytest.raises(ConfigError, match="Is a directory"):
        writer(MetricsSettings(emf=f"file:{tmp_path}"), emf(), FakeClock())
    (tmp_path / "m.json").write_text("{}\n")
    assert writer(MetricsSettings(emf=f"file:{tmp_path}/m.json"), emf(), FakeClock()) is not None
    assert (tmp_path / "m.json").read_text() == "{}\n"


def test_the_last_line_is_written_when_the_process_ends(tmp_path: Path) -> None:
    """It has what was counted since the line before."""
    file = tmp_path / "metrics.json"
    made = writer(MetricsSettings(emf=f"file:{file}", emf_interval=3600.0), emf(), FakeClock())
    assert made is not None
    made.start()
    made.stop(5.0)
    assert len(file.read_text().splitlines()) == 1


def test_the_settings_come_from_file_variables_and_flags(tmp_path: Path) -> None:
    """A flag is a text, such as `--metrics-per-app=false`."""
    file = tmp_path / "config.yaml"
    file.write_text("metrics: {per_app: false, emf: stdout, emf_interval: 5m}")
    assert load(file, {}, {}).metrics == MetricsSettings(per_app=False, emf="stdout", emf_interval=300.0)
    assert load(file, {"ECSYNC_METRICS_PER_APP": "true"}, {}).metrics.per_app
    assert not load(None, {}, {"metrics.per_app": "false"}).metrics.per_app


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        ({"metrics.emf": "cloudwatch"}, "--metrics-emf: metrics.emf"),
        ({"metrics.per_app": "perhaps"}, "--metrics-per-app: metrics.per_app"),
    ],
)
def test_a_wrong_value_names_the_flag(flags: dict[str, str], part: str) -> None:
    """And the setting."""
    with pytest.raises(ConfigError) as caught:
        load(None, {}, flags)
    assert part in str(caught.value)
