"""A real Prometheus scrapes a real daemon while things break: every panel has data, alerts fire and go quiet.

The rules are those of the project with shorter times (`scaled`); the scenario is in `scenario`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
import yaml

from tests.observability import scenario
from tests.observability.panels import RULES, Query, queries, substituted
from tests.observability.programs import INTERVAL, NEEDED, needed, prometheus, run
from tests.observability.scaled import scaled
from tests.whole.support.in_process_daemon import get

DIVIDED_BY = 360.0  # an hour is ten seconds
LEAST = 10 * INTERVAL  # of a range, so that it has two passes of an application, and some scrapes
STEP = 2.0  # seconds between two points of a query
APPLICATIONS = ("quickstart", "groups")

# Queries without data in the scenario, with the reason. It should have no entry: let the scenario cause it instead.
EMPTY: Mapping[str, str] = {}

# Alerts that the scenario does not cause, with the reason. Their unit tests are in deploy/prometheus/*.test.yaml.
NOT_PLAYED: Mapping[str, str] = {
    "EcsyncRestarting": "more than three starts take too long",
    "EcsyncReconcileStalled": "a worker counts as stuck after five minutes of the clock, whatever the rules",
    "EcsyncSeveralLeaseHolders": "a lease does not allow it",
    "EcsyncReconcileSlow": "a pass would have to take a minute",
    "EcsyncQueueLate": "an application would have to wait for five minutes",
    "EcsyncJobsMissed": "the scheduler would have to fail",
    "EcsyncPanics": "it needs a bug",
    "EcsyncShortcutMismatches": "it needs a bug",
    "EcsyncEventsDropped": "a sink would have to fail",
    "EcsyncFrozen": "a freeze of eight hours would be eighty seconds",
    "EcsyncNotConverging": "three writes in vain take three intervals and the pauses between them",
    "EcsyncBudgetUsedUp": "it ends after an hour of the clock",
    "EcsyncCredentialsExpiring": "credentials are renewed before",
}


@dataclass
class Played:
    """What Prometheus has after the scenario."""

    fired: list[str]  # alerts for which the scenario waited
    firing: set[str]  # at the end
    exposition: str  # of /metrics, at the end
    empty: set[str]  # queries that never had a value
    wrong: dict[str, str]  # queries that Prometheus refused


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Play the scenario once, and ask every query of every panel over its time."""
    needed(*NEEDED, "git")
    folder = tmp_path_factory.mktemp("stage")
    rules = scaled(yaml.safe_load(RULES.read_text(encoding="utf-8")), by=DIVIDED_BY, least=LEAST)
    with scenario.stage(folder) as on, prometheus(folder, on.target, rules) as at:
        on.prometheus = at
        began = time.time()
        scenario.prepare(on)
        scenario.play(on)
        ended = time.time()
        made = Played(list(on.fired), at.firing(), get(f"http://{on.target}/metrics")[1], set(), {})
        for query in queries():
            try:
                points = [at.points(expr, began, ended, STEP) for expr in expressions(query, ended - began)]
            except AssertionError as error:
                made.wrong[str(query)] = str(error)
            else:
                made.empty |= {str(query)} if not any(points) else set()
        yield made


def expressions(query: Query, seconds: float) -> Iterator[str]:
    """Yield a query as Grafana sends it: with all values of its variables, or with one application."""
    short = f"{round(5 * INTERVAL)}s"
    every = dict.fromkeys(("job", "instance", "service", "account", "application"), ".*")
    values = every | {"__interval": short, "__rate_interval": short, "__range": f"{round(seconds)}s"}
    for application in APPLICATIONS if query.dashboard == "application" else (".*",):
        yield substituted(query.expr, values | {"app": application})


def test_promtool_finds_nothing_wrong_with_the_metrics(played: Played) -> None:
    """`promtool check metrics`, for the names and texts of a daemon in use."""
    assert run("promtool", "check", "metrics", given=played.exposition) == ""


def test_prometheus_accepts_every_query(played: Played) -> None:
    """None is refused."""
    assert played.wrong == {}


def test_every_query_has_data(played: Played) -> None:
    """Numbers: NaN is no data. What is empty for a reason is in EMPTY, and nothing else is."""
    assert played.empty == EMPTY.keys()


def test_what_was_broken_fired_and_is_quiet_at_the_end(played: Played) -> None:
    """The scenario fails where an alert does not fire, or does not end."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert alerts - set(played.fired) == NOT_PLAYED.keys()
    assert played.firing & set(played.fired) == set()
