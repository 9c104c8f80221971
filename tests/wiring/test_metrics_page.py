"""docs/metrics.md is what the registry has, and every metric follows the conventions of Prometheus."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ecsync.report.collectors.watched import Watched
from ecsync.report.metrics import Metrics
from ecsync.wiring import metrics_page

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
FAMILIES = metrics_page.families()

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="the metrics of the process need /proc, as Linux has it"
)


def test_the_page_is_what_the_registry_has() -> None:
    """`make metrics` writes it."""
    assert PAGE.read_text(encoding="utf-8") == metrics_page.page(), "run `make metrics`"


def test_a_new_metric_would_be_missed_on_the_page() -> None:
    """The comparison is with all of the page: a name that is not there is a difference."""
    page = metrics_page.page()
    assert all(f"| `{one.name}` |" in page for one in FAMILIES)
    assert "ecsync_nothing" not in page


@pytest.mark.parametrize("one", FAMILIES, ids=lambda one: one.name)
def test_a_metric_follows_the_conventions(one: metrics_page.Family) -> None:
    """Prefix, `_total` for counters alone, base units, a help text, and labels with known values."""
    assert one.name.startswith(("ecsync_", "process_"))
    assert one.name.endswith("_total") == (one.kind == "counter")
    assert not any(unit in one.name for unit in ("milliseconds", "minutes", "_ms_", "kilobytes"))
    assert one.kind != "histogram" or one.name.endswith("_seconds")
    assert len(one.text) > 10
    assert metrics_page.section(one.name)
    assert all(one.values(label) for label in one.labels)
    assert not set(one.labels) & {"arn", "task", "user", "message", "image", "reconcile_id"}
    assert "revision" not in one.labels or one.name.endswith("_info")


def test_every_table_of_values_is_of_a_label_that_exists() -> None:
    """No row is left over from a metric that is gone."""
    used = {label for one in FAMILIES for label in one.labels}
    used |= {f"{one.name.removesuffix('_total')} {label}" for one in FAMILIES for label in one.labels}
    assert metrics_page._VALUES.keys() - used == set()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool of Prometheus is not installed")
def test_promtool_accepts_the_exposition() -> None:
    """It checks the format, and the conventions about names."""
    metrics = Metrics(version="1")
    metrics.watch(Watched())
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics.render()[0], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
