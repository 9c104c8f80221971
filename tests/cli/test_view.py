"""The output of `ecsync run` on a terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from ecsync.cli import _view
from ecsync.core.model import Key, Target
from ecsync.core.outcome import Health, Outcome, Plan, ResourceStatus
from tests.views import state

WHY = "2 of 2 tasks running: ECS deployment ecs-svc/5680268584103075220 in progress, and more text"


def test_a_long_reason_does_not_cut_the_other_columns() -> None:
    """On 80 columns only the reason is cut, to one line: not the name, the sync or the health."""
    key = Key(application="shop", kind="SecurityGroup", name="load-balancer")
    status = ResourceStatus(key=key, sync="OutOfSync", health=Health(status="Progressing", why=WHY))
    plan = Plan(application="shop", target=Target(account="", region="eu-west-1"), revision="1")
    shown = StringIO()
    table = _view._table([state(outcome=Outcome(plan=plan, statuses=(status,)))])
    Console(file=shown, width=80).print(table)
    heading, application, resource = shown.getvalue().splitlines()
    assert heading.split() == ["RESOURCE", "SYNC", "HEALTH"]
    assert application.split() == ["shop", "OutOfSync", "Progressing"]
    assert resource.split()[:3] == ["SecurityGroup/load-balancer", "OutOfSync", "Progressing"]
    assert WHY[:20] in resource
    assert resource.rstrip().endswith("…")


def test_the_lines_before_the_table_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each goes on below, four columns further in; a pipe gets it whole."""

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    line = "metrics and API: http://127.0.0.1:18442/metrics  http://127.0.0.1:18442/api/v1/applications"
    terminal, pipe = Terminal(), StringIO()
    for stream in (terminal, pipe):
        _view.View(stream).show(line, more=["    " + "word " * 20])
    assert max(map(len, terminal.getvalue().splitlines())) <= 80
    assert "\n    http://127.0.0.1:18442/api/v1/applications\n" in terminal.getvalue()
    assert pipe.getvalue().splitlines()[0] == line
