"""`ecsync adopt`: tag live resources as owned, and change nothing else."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show
from ecsync.cli._interrupts import Stop, leaving

if TYPE_CHECKING:
    from ecsync.core.model import Application
    from ecsync.core.outcome import Plan, Result, Step
    from ecsync.engine.catalogue import Catalogue
    from ecsync.wiring import Workspace


def adopt(
    path: _options.Where,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[KIND/NAME]…", help="Adopt only these resources.")
    ] = None,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
) -> int:
    """Tag live resources as owned, and change nothing else.

    The manifests then manage the tagged resources. A field that no manifest declares keeps its live value.

    Example: ecsync adopt manifests/shop Service/api TargetGroup/api
    """
    from ecsync import wiring
    from ecsync.core.ports import AwsError
    from ecsync.core.wording import suggestion
    from ecsync.engine.catalogue import keys_of
    from ecsync.engine.reconciler import Refused

    settings = _options.settings(config, installation=installation, account=account, region=region, profile=profile)
    settings.installation_to_write()
    workspace = wiring.workspace(settings, path, read_only=False)
    catalogue = workspace.catalogue(workspace.source(path).fetch())
    _show.problems(catalogue.problems)
    chosen = frozenset(names or ())
    declared = {str(key) for application in catalogue.applications.values() for key in keys_of(application)}
    if unknown := sorted(chosen - declared):
        close = suggestion(unknown[0], declared)
        raise typer.BadParameter(f"not declared in the manifests: {', '.join(unknown)}{close}")
    codes = [_exits.INVALID] if catalogue.problems else []
    adopted: list[str] = []
    with Stop() as stop, leaving(lambda: stop.left(adopted, (), ())):
        for name, application in catalogue.applications.items():
            if catalogue.holds(name):
                continue
            try:
                codes.append(_adopted(workspace, catalogue, application, chosen, stop, adopted))
            except (AwsError, Refused) as error:
                codes.append(_exits.explained(error, name))
            stop.check()
    return _exits.worst(codes)


def _adopted(
    workspace: Workspace,
    catalogue: Catalogue,
    application: Application,
    chosen: Collection[str],
    stop: Stop,
    adopted: list[str],
) -> int:
    """Tag the chosen resources of an application, or all of them, note their names, and return the exit code."""
    from ecsync.core.model import Adopt
    from ecsync.core.outcome import Done, Failed
    from ecsync.engine.catalogue import keys_of
    from ecsync.engine.reconciler import PassOptions, reconcile
    from ecsync.engine.step_state import StepState

    keys = frozenset(key for key in keys_of(application) if not chosen or str(key) in chosen)
    if not keys:
        return _exits.OK

    def planned(_plan: Plan) -> None:
        stop.writing = True

    def announce(step: Step, result: Result) -> None:
        if isinstance(result, Done):
            adopted.append(str(step.id))

    options = PassOptions(adopt=keys, planned=planned, announce=announce, may_go_on=lambda: not stop.asked)
    outcome = reconcile(application, catalogue, workspace.destination_for(application), StepState(), options)
    code = _exits.OK
    for step in outcome.plan.steps:
        result = outcome.results.get(step.id)
        if isinstance(step.change, Adopt) and result is not None:
            code = _exits.PARTIAL if isinstance(result, Failed) else code
            print(f"{step.id}: {_text(result)}")
    return code


def _text(result: Result) -> str:
    from ecsync.core.outcome import Done, Failed, Progressing, Skipped

    match result:
        case Done():
            return "adopted"
        case Progressing(why=reason) | Skipped(reason=reason) | Failed(error=reason):
            return reason
