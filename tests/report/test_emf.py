"""Lines for CloudWatch: each follows the specification of the embedded metric format, and has the right values."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # jsonschema has no types

from ecsync.core.model import Key
from ecsync.core.outcome import ApplicationState, Event
from ecsync.report.collectors.emf import EXPORTED, Emf
from ecsync.report.collectors.watched import SourceAge, Watched
from ecsync.report.metrics import Metrics
from ecsync.wiring.metrics_page import families
from tests.report.outcomes import API, NOW, TARGET, WEB, outcome, status

# Written from the rules of "Specification: Embedded metric format": metadata, directive, dimension set, definition.
NAME = {"type": "string", "minLength": 1, "maxLength": 255}
SPECIFICATION: dict[str, Any] = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 1_000_000_000_000, "maximum": 9_999_999_999_999},
                "CloudWatchMetrics": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": {**NAME, "pattern": "^[A-Za-z0-9._/#:-]+$", "not": {"pattern": "^AWS/"}},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "array", "maxItems": 30, "items": NAME},
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {"Name": NAME, "Unit": {"enum": ["Count", "Seconds"]}},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}


def check(line: str) -> dict[str, Any]:
    """Return the document of a line. Fails where it breaks a rule of the specification."""
    assert "\n" not in line, "a line is one event of the log"
    assert len(line.encode()) < 256 * 1024
    document: dict[str, Any] = json.loads(line)
    Draft202012Validator(SPECIFICATION).validate(document)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        names = [one["Name"] for one in directive["Metrics"]]
        assert len(names) == len(set(names))
        for name in names:
            assert type(document[name]) in (int, float), f"{name}: the target of a metric is a number"
        for dimension in {each for of in directive["Dimensions"] for each in of}:
            value = document[dimension]
            assert isinstance(value, str)
            assert re.fullmatch(r"[!-9;-~][ -~]{0,1023}", value), "printable ASCII, and no colon at the start"
    return document


class Daemon:
    """Metrics with two applications, of which one drifts."""

    def __init__(self, installation: str = "prod", **rest: Any) -> None:
        self.now = NOW.timestamp()
        self.metrics = Metrics(version="1", now=lambda: self.now, **rest)
        broken = outcome(status(API, health="Degraded", sync="OutOfSync"))
        self.apps = [
            ApplicationState(name="shop", target=TARGET, outcome=broken),
            ApplicationState(name="blog", target=TARGET, outcome=outcome(status(WEB))),
        ]
        drift: dict[str, list[Key]] = {"shop": [API]}
        self.metrics.watch(
            Watched(
                applications=lambda: self.apps,
                drift=lambda name: drift.get(name, []),
                sources=lambda: [SourceAge("a", 12.0, True), SourceAge("b", 90.0, True), SourceAge("c", None, False)],
            )
        )
        self.emf = Emf(self.metrics.registry, installation)

    def document(self) -> dict[str, Any]:
        """Return the next document."""
        return check(self.emf.line(self.now))


@pytest.mark.parametrize("installation", ["prod", ""])
@pytest.mark.parametrize("per_app", [True, False])
def test_a_line_follows_the_specification(installation: str, per_app: bool) -> None:
    """With the installation as its only dimension, or without a dimension; also without metrics of applications."""
    document = Daemon(installation, per_app=per_app).document()
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "ecsync"
    assert directive["Dimensions"] == ([["Installation"]] if installation else [[]])
    assert document["_aws"]["Timestamp"] == int(NOW.timestamp() * 1000)


def test_a_line_has_the_state_of_all_applications() -> None:
    """Sums, and the greatest of an age."""
    one = Daemon()
    one.metrics.record(Event(type="drift.detected", time=NOW, application="shop", message="", key=API))
    one.metrics.beat("source", NOW)
    one.now += 40
    found = one.document()
    expected = {
        "AppsSynced": 1, "AppsOutOfSync": 1, "AppsSyncUnknown": 0, "AppsHealthy": 1, "AppsDegraded": 1,
        "DriftedResources": 1, "OldestDrift": 40, "HeartbeatAge": 40, "SourceAge": 90, "DriftDetected": 1,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


def test_a_loop_that_is_stuck_decides_the_age_of_the_heartbeat() -> None:
    """The oldest of the loops; a pass is no loop. Before the first heartbeat there is none."""
    one = Daemon()
    assert "HeartbeatAge" not in one.document()
    one.metrics.reconciled("synced", NOW)
    one.metrics.beat("worker-0", NOW)
    one.now += 500
    one.metrics.beat("source", NOW)
    assert one.document()["HeartbeatAge"] == 500


def test_a_counter_is_the_increase_since_the_line_before() -> None:
    """The first line has what came since the start."""
    one = Daemon()
    one.metrics.error("throttled")
    one.metrics.observe_request("ecs", "ListTasks", "throttled", 0.1)
    first, second = one.document(), one.document()
    one.metrics.error("denied")
    one.metrics.error("source")
    assert [each["ReconcileErrors"] for each in (first, second, one.document())] == [1, 0, 2]
    assert [each["AwsThrottles"] for each in (first, second)] == [1, 0]


def test_the_lines_do_not_change_without_metrics_of_applications() -> None:
    """The sums are the same."""
    lines = [Daemon(per_app=per_app).document() for per_app in (True, False)]
    assert lines[0] == lines[1]


def test_each_exported_metric_is_of_a_metric_that_exists() -> None:
    """A metric that is renamed would else be 0 for ever."""
    names = {one.name for one in families()} | {f"{one.name}_count" for one in families() if one.kind == "histogram"}
    labels = {one.name: one.labels for one in families()} | {f"{one.name}_count": one.labels for one in families()}
    assert {one.sample for one in EXPORTED} - names == set()
    for one in EXPORTED:
        assert one.labels.keys() <= set(labels[one.sample])
        described = next(each for each in families() if one.sample.removesuffix("_count") == each.name)
        for label, value in one.labels.items():
            assert value in described.values(label)


def test_the_page_about_the_command_lists_them_all() -> None:
    """With their number: it is what CloudWatch bills."""
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    section = text.partition("### Metrics without Prometheus")[2]
    assert {one.name for one in EXPORTED} - set(re.findall(r"`(\w+)`", section)) == set()
    assert f": {len(EXPORTED)} metrics" in section
