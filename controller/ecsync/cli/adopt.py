"""`ecsync adopt`: tag live resources as owned, and change nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show

if TYPE_CHECKING:
    from ecsync.core.outcome import Result


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
    from ecsync.core.model import Adopt
    from ecsync.core.outcome import Failed
    from ecsync.engine.reconciler import PassOptions, reconcile
    from ecsync.engine.step_state import StepState

    settings = _options.settings(config, installation=installation, account=account, region=region, profile=profile)
    settings.installation_to_write()
    workspace = wiring.workspace(settings, path, read_only=False)
    catalogue = workspace.catalogue(workspace.source(path).fetch())
    if catalogue.problems:
        _show.problems(catalogue.problems)
        return _exits.INVALID
    chosen = set(names or ())
    declared = {str(d.key) for app in catalogue.applications.values() for d in app.resources}
    if chosen - declared:
        raise typer.BadParameter(f"not declared in the manifests: {', '.join(sorted(chosen - declared))}")
    failed = 0
    for application in catalogue.applications.values():
        keys = frozenset(d.key for d in application.resources if not chosen or str(d.key) in chosen)
        options = PassOptions(adopt=keys)
        outcome = reconcile(application, catalogue, workspace.destination_for(application), StepState(), options)
        for step in outcome.plan.steps:
            result = outcome.results.get(step.id)
            if not isinstance(step.change, Adopt) or result is None:
                continue
            failed += isinstance(result, Failed)
            print(f"{step.id}: {_text(result)}")
    return _exits.PARTIAL if failed else _exits.OK


def _text(result: Result) -> str:
    from ecsync.core.outcome import Done, Failed, Progressing, Skipped

    match result:
        case Done():
            return "adopted"
        case Progressing(why=reason) | Skipped(reason=reason) | Failed(error=reason):
            return reason
