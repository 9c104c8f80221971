"""`ecsync plan`: what would change, and the exact API calls. Read-only: its clients refuse every write."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ecsync.core.model import Application
    from ecsync.core.outcome import Plan
    from ecsync.core.ports import AwsError
    from ecsync.engine.catalogue import Catalogue
    from ecsync.engine.reconciler import ObservedPlan, Refused
    from ecsync.report.plan_json import Planned
    from ecsync.wiring import Workspace


READERS = 16  # threads: AWS's rates limit a plan, and one thread waits for one answer at a time


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
        bool,
        typer.Option("--full", help="Also list the fields of what is created, and the values that are left alone."),
    ] = False,
    name: Annotated[
        str, typer.Option("--name", help="The name in a plan as Markdown and in its marker. Default: the installation.")
    ] = "",
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
    if name and not plan_markdown.NAME.fullmatch(name):
        raise typer.BadParameter(
            f"--name {name}: must be 1 to 64 of A-Z a-z 0-9 . _ / - and begin with a letter or digit"
        )
    settings = _options.settings(
        config, installation=installation, account=account, region=region, profile=profile, variables=var
    )
    workspace = wiring.workspace(settings, path, read_only=True)
    with ThreadPoolExecutor(READERS) as workspace.threads:
        workspace.prepare()
        catalogue = workspace.catalogue(workspace.source(path).fetch()).warranted()
        planned, failures = plans(workspace, catalogue, path)
    given = {"config": config, "installation": installation, "account": account, "region": region, "profile": profile}
    command = _command(path, given)
    planned = [replace(one, remarks=(*one.remarks, *unclaimed(one.plan, command))) for one in planned]
    failed = {name: str(error) for name, error in failures.items()}
    if output == "json":
        _show.put_json(plan_json.document(planned, catalogue.problems, failed))
    elif output == "markdown":
        named = name or settings.installation or "default"
        print(plan_markdown.render(planned, catalogue.problems, failed, name=named), end="")
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


MOST_NAMES = 8  # of resources in a command; without names it adopts all


def _command(path: str, options: Mapping[str, object]) -> str:
    """Return the command that adopts, with the options of this one."""
    given = [part for name, value in options.items() if value is not None for part in (f"--{name}", str(value))]
    return shlex.join(["ecsync", "adopt", path, *given])


def unclaimed(plan: Plan, command: str) -> Iterator[str]:
    """Yield what exists and is not ours, with the command that adopts it. What another tool marks stays held."""
    from ecsync.core.model import Adopt

    names = sorted({str(step.id.key) for step in plan.steps if isinstance(step.change, Adopt)})
    if names:
        exist = "resource exists and has" if len(names) == 1 else "resources exist and have"
        only = f" {shlex.join(names)}" if len(names) <= MOST_NAMES else ""
        yield f"{len(names)} {exist} no mark of ours: nothing is written there before you run: {command}{only}"


def _pending(plan: Plan) -> bool:
    """Return whether something would change; an adoption counts if fields would change after it."""
    return not plan.empty or bool(plan.withheld) or any(step.fields for step in plan.steps)


def plans(workspace: Workspace, catalogue: Catalogue, path: str) -> tuple[list[Planned], dict[str, AwsError | Refused]]:
    """Return the plan of each application that is valid, and the error of each one that could not be planned."""
    from ecsync.core import status
    from ecsync.core.constraints.plan import of_plan
    from ecsync.core.origins import locator
    from ecsync.core.outcome import Outcome
    from ecsync.engine.reconciler import ObservedPlan
    from ecsync.report.plan_json import Planned
    from ecsync.wiring import targets

    found: dict[str, Planned] = {}
    failures: dict[str, AwsError | Refused] = {}
    for application, seen in looks(workspace, catalogue):
        if not isinstance(seen, ObservedPlan):
            failures[application.name] = seen
            continue
        outcome = Outcome(plan=seen.plan, statuses=status.statuses(seen.inputs, seen.plan, {}))
        found[application.name] = Planned(
            plan=seen.plan,
            kinds=seen.inputs.kinds,
            where=locator(application.resources, seen.inputs.kinds),
            source=path,
            sync=outcome.sync,
            health=outcome.health,
            notes=status.stays(seen.inputs),
            refused=of_plan(seen.inputs),
            remarks=targets.remarks(workspace.settings, application, seen.plan),
        )
    return [one for name, one in found.items() if name not in failures], failures


def looks(
    workspace: Workspace, catalogue: Catalogue
) -> Iterator[tuple[Application, ObservedPlan | AwsError | Refused]]:
    """Yield what is seen of each valid application, or its error.

    One with orphans that others may mean is yielded once more, after all others: then it is known what they mean.
    """
    from ecsync.core.ports import AwsError
    from ecsync.engine.reconciler import Refused, look
    from ecsync.engine.step_state import StepState

    pending = [one for one in catalogue.applications.values() if not catalogue.holds(one.name)]
    for _ in range(2):
        doubted = []
        for application in pending:
            try:
                seen = look(application, catalogue, workspace.destination_for(application), StepState())
            except (AwsError, Refused) as error:
                yield application, error
                continue
            if seen.inputs.doubts:
                doubted.append(application)
            yield application, seen
        pending = doubted
