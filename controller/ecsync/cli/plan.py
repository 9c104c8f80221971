"""`ecsync plan`: what would change, and the exact API calls. Read-only: its clients refuse every write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show

if TYPE_CHECKING:
    from ecsync.engine.reconciler import Catalogue
    from ecsync.report.plan_json import Planned
    from ecsync.wiring import Workspace


_READERS = 16  # threads: AWS's rates limit a plan, and one thread waits for one answer at a time


def plan(
    path: _options.Where,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    output: _options.Output = "text",
    calls: Annotated[bool, typer.Option("--calls", help="Print the exact API calls.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Also list the values that AWS sets and ecsync does not manage.")
    ] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when changes are pending.")
    ] = False,
) -> int:
    """Print what would change. Read-only.

    Each change is one line: `path: before → after [drift] (effect) file:line`. The tag is [drift], [pending] (the
    manifest changed) or [lookup] (a value that the manifest refers to changed).

    Example: ecsync plan manifests/shop --detailed-exitcode
    """
    from ecsync import wiring
    from ecsync.report import plan_json, plan_markdown, plan_text

    _options.choice(output, "text", "json", "markdown")
    settings = _options.settings(config, installation=installation, account=account, region=region, profile=profile)
    workspace = wiring.workspace(settings, path, read_only=True)
    with ThreadPoolExecutor(_READERS) as workspace.threads:
        workspace.prepare()
        catalogue = workspace.catalogue(workspace.source(path).fetch()).warranted()
        planned = plans(workspace, catalogue, path)
    if output == "json":
        _show.put_json(plan_json.document(planned, catalogue.problems))
    elif output == "markdown":
        print(plan_markdown.render(planned, catalogue.problems))
    else:
        _show.problems(catalogue.problems)
        _show.put(plan_text.lines(planned, calls=calls, full=full))
    if catalogue.problems:
        return _exits.INVALID
    if any(one.plan.unreadable for one in planned):
        return _exits.ERROR
    pending = any(not one.plan.empty or one.plan.withheld for one in planned)
    return _exits.CHANGES if detailed_exitcode and pending else _exits.OK


def plans(workspace: Workspace, catalogue: Catalogue, path: str) -> list[Planned]:
    """Return the plan of each application that is valid."""
    from ecsync.core import status
    from ecsync.core.origins import locator
    from ecsync.core.outcome import Outcome
    from ecsync.engine.reconciler import look
    from ecsync.engine.step_state import StepState
    from ecsync.report.plan_json import Planned

    found = []
    for application in catalogue.applications.values():
        if catalogue.holds(application.name):
            continue
        destination = workspace.destination_for(application)
        seen = look(application, catalogue, destination, StepState())
        outcome = Outcome(plan=seen.plan, statuses=status.statuses(seen.inputs, seen.plan, {}))
        found.append(
            Planned(
                plan=seen.plan,
                kinds=destination.kinds,
                where=locator(application.resources, destination.kinds),
                source=path,
                sync=outcome.sync,
                health=outcome.health,
                notes=status.stays(seen.inputs),
            )
        )
    return found
