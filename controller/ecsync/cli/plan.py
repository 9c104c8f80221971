"""`ecsync plan`: what would change, and the exact API calls. Read-only: its clients refuse every write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show

if TYPE_CHECKING:
    from ecsync.core.outcome import Plan
    from ecsync.core.ports import AwsError
    from ecsync.engine.reconciler import Catalogue, Refused
    from ecsync.report.plan_json import Planned
    from ecsync.wiring import Workspace


_READERS = 16  # threads: AWS's rates limit a plan, and one thread waits for one answer at a time


def plan(
    path: _options.Where,
    config: _options.Config = None,
    var: _options.Variables = None,
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
    settings = _options.settings(
        config, installation=installation, account=account, region=region, profile=profile, variables=var
    )
    workspace = wiring.workspace(settings, path, read_only=True)
    with ThreadPoolExecutor(_READERS) as workspace.threads:
        workspace.prepare()
        catalogue = workspace.catalogue(workspace.source(path).fetch()).warranted()
        planned, failures = plans(workspace, catalogue, path)
    failed = {name: str(error) for name, error in failures.items()}
    if output == "json":
        _show.put_json(plan_json.document(planned, catalogue.problems, failed))
    elif output == "markdown":
        print(plan_markdown.render(planned, catalogue.problems, failed))
    else:
        _show.problems(catalogue.problems)
        _show.put(plan_text.lines(planned, calls=calls, full=full))
    codes = [_exits.explained(error, name) for name, error in failures.items()]
    if catalogue.problems:
        codes.append(_exits.INVALID)
    if any(one.plan.unreadable for one in planned):
        codes.append(_exits.ERROR)
    if detailed_exitcode and any(_pending(one.plan) for one in planned):
        codes.append(_exits.CHANGES)
    return _exits.worst(codes)


def _pending(plan: Plan) -> bool:
    """Return whether something would change; an adoption counts if fields would change after it."""
    return not plan.empty or bool(plan.withheld) or any(step.fields for step in plan.steps)


def plans(workspace: Workspace, catalogue: Catalogue, path: str) -> tuple[list[Planned], dict[str, AwsError | Refused]]:
    """Return the plan of each application that is valid, and the error of each one that could not be planned."""
    from ecsync.core import status
    from ecsync.core.origins import locator
    from ecsync.core.outcome import Outcome
    from ecsync.core.ports import AwsError
    from ecsync.engine.reconciler import Refused, look
    from ecsync.engine.step_state import StepState
    from ecsync.report.plan_json import Planned

    found, failures = [], {}
    for application in catalogue.applications.values():
        if catalogue.holds(application.name):
            continue
        try:
            destination = workspace.destination_for(application)
            seen = look(application, catalogue, destination, StepState())
        except (AwsError, Refused) as error:
            failures[application.name] = error
            continue
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
    return found, failures
