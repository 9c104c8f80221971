"""The rules: promtool accepts them, each alert has a firing and a quiet case, and they name what the registry has."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tests.observability import promql
from tests.observability.panels import ROOT, RULES
from tests.observability.programs import needed, run
from tests.observability.scaled import scaled

FOLDER = RULES.parent
GROUPS: list[Any] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
EVERY = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in EVERY if "alert" in rule}
TESTS = sorted(FOLDER.glob("*.test.yaml"))
CASES = [one for path in TESTS for one in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]]
CONFIGS = sorted([FOLDER / "prometheus.yaml", *FOLDER.glob("scrape/*.yaml"), *FOLDER.glob("agents/*-scrape.yaml")])


def test_promtool_accepts_the_rules() -> None:
    """`promtool check rules`."""
    needed("promtool")
    assert f"{len(EVERY)} rules found" in run("promtool", "check", "rules", str(RULES))


def test_each_alert_fires_and_is_quiet_as_its_cases_state() -> None:
    """`promtool test rules`."""
    needed("promtool")
    assert run("promtool", "test", "rules", *map(str, TESTS)).count("SUCCESS") == len(TESTS)


def test_each_alert_has_a_firing_and_a_quiet_case() -> None:
    """A new alert needs both."""
    cases = [(case["alertname"], bool(case["exp_alerts"])) for one in CASES for case in one["alert_rule_test"]]
    assert {(name, fires) for name in ALERTS for fires in (True, False)} == set(cases)


def test_each_case_has_series_that_do_not_fire() -> None:
    """So an expression that fires for everything fails."""
    for one in CASES:
        firing = max(len(case["exp_alerts"]) for case in one["alert_rule_test"])
        assert len(one["input_series"]) >= firing, one["name"]


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_names_what_the_registry_has(rule: Any) -> None:
    """Metrics, labels and values; and the series of other rules."""
    assert list(promql.mistakes(rule["expr"])) == []
    assert promql.recorded(rule["expr"]) <= {one["record"] for one in EVERY if "record" in one}


@pytest.mark.parametrize(
    ("expr", "mistake"),
    [
        ("ecsync_drifted > 0", "there is no metric ecsync_drifted"),
        ('ecsync_apps{status="Synced"}', "ecsync_apps has no label status"),
        ('ecsync_apps{sync_status=~"Synced|Sync"}', "ecsync_apps{sync_status} is never 'Sync'"),
        ("sum by (app) (ecsync_apps)", "no metric of the expression has the label app"),
        ("rate(ecsync_drift_duration_seconds[5m])", "there is no metric ecsync_drift_duration_seconds"),
    ],
)
def test_a_name_that_no_daemon_has_is_found(expr: str, mistake: str) -> None:
    """The check can fail."""
    assert list(promql.mistakes(expr)) == [mistake]


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_severity_and_texts(name: str) -> None:
    """A summary, a description of sentences, a page and a dashboard."""
    alert = ALERTS[name]
    texts = alert["annotations"]
    assert re.fullmatch(r"Ecsync[A-Z]\w+", name)
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    assert texts.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    assert texts["description"].endswith(".")
    assert not texts["summary"].endswith(".")
    assert texts["runbook_url"] == f"docs/runbooks/{name}.md"
    assert (ROOT / texts["runbook_url"]).is_file()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_promtool_accepts_a_configuration(path: Any) -> None:
    """`promtool check config`."""
    needed("promtool")
    assert "is valid prometheus config file syntax" in run("promtool", "check", "config", str(path))


def test_every_configuration_has_the_job_that_the_rules_expect() -> None:
    """`ecsync`."""
    for path in CONFIGS:
        (job,) = yaml.safe_load(path.read_text(encoding="utf-8"))["scrape_configs"]
        assert job["job_name"] == "ecsync", path.name


def test_amtool_accepts_the_example_of_alertmanager() -> None:
    """`amtool check-config`."""
    needed("amtool")
    assert "SUCCESS" in run("amtool", "check-config", str(FOLDER / "alertmanager.yaml"))


def test_the_example_of_alertmanager_has_no_secret_and_names_alerts_that_exist() -> None:
    """Secrets are in files."""
    config = yaml.safe_load((FOLDER / "alertmanager.yaml").read_text(encoding="utf-8"))
    parts = [part for receiver in config["receivers"] for part in receiver.values() if isinstance(part, list)]
    receivers = [one for part in parts for one in part]
    assert receivers
    assert not any(key in one for one in receivers for key in ("api_url", "routing_key", "service_key", "password"))
    text = str(config["inhibit_rules"])
    assert set(re.findall(r'"(Ecsync\w+)"', text)) <= ALERTS.keys()


def test_the_agents_name_metrics_that_exist() -> None:
    """Each declaration of the CloudWatch agent has a metric with these labels."""
    agent = json.loads((FOLDER / "agents" / "cloudwatch-agent.json").read_text(encoding="utf-8"))
    prometheus = agent["logs"]["metrics_collected"]["prometheus"]
    for one in prometheus["emf_processor"]["metric_declaration"]:
        for selector in one["metric_selectors"]:
            name = selector.removeprefix("^").removesuffix("$")
            for labels in one["dimensions"]:
                assert list(promql.mistakes(f"sum by ({', '.join(labels)}) ({name})")) == []
    found = prometheus["ecs_service_discovery"]["sd_result_file"]
    scrape = yaml.safe_load((FOLDER / "agents" / "cloudwatch-agent-scrape.yaml").read_text(encoding="utf-8"))
    assert scrape["scrape_configs"][0]["file_sd_configs"][0]["files"] == [found]


def test_the_collector_scrapes_what_its_observer_finds() -> None:
    """Each part of its pipeline is declared."""
    collector = yaml.safe_load((FOLDER / "agents" / "collector.yaml").read_text(encoding="utf-8"))
    (job,) = collector["receivers"]["prometheus"]["config"]["scrape_configs"]
    assert job["file_sd_configs"][0]["files"] == [collector["extensions"]["ecs_observer"]["result_file"]]
    service = collector["service"]
    assert set(service["extensions"]) == collector["extensions"].keys()
    for kind, names in service["pipelines"]["metrics"].items():
        assert set(names) == collector[kind].keys()


def test_shorter_times_change_nothing_else() -> None:
    """`for` and ranges are divided; numbers and expressions stay."""
    rule = {"alert": "A", "expr": "rate(x[5m]) > 300 and y[2h] > 2", "for": "10m"}
    made = scaled({"groups": [{"name": "g", "rules": [rule]}]}, by=300, least=4.0)
    (one,) = made["groups"][0]["rules"]
    assert one == {"alert": "A", "expr": "rate(x[4000ms]) > 300 and y[24000ms] > 2", "for": "2000ms"}
    short = scaled({"groups": GROUPS}, by=300, least=4.0)
    for group, before in zip(short["groups"], GROUPS, strict=True):
        for short_rule, long_rule in zip(group["rules"], before["rules"], strict=True):
            assert re.sub(r"\[\w+\]", "", short_rule["expr"]) == re.sub(r"\[\w+\]", "", long_rule["expr"])
