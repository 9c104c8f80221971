"""The output of `ecsync run` on a terminal."""

from __future__ import annotations

from io import StringIO

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
