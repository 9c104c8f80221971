"""`ecsync verify`: ask AWS, read-only, what only AWS knows, before anything is written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show
from ecsync.cli.plan import READERS, looks

if TYPE_CHECKING:
    from ecsync.core.inputs import Inputs
    from ecsync.core.model import Target
    from ecsync.core.ports import AwsError, Cloud
    from ecsync.engine.catalogue import Catalogue
    from ecsync.engine.reconciler import Refused
    from ecsync.verify.model import Finding
    from ecsync.wiring import Workspace


def verify(
    path: _options.Where,
    config: _options.Config = None,
    var: _options.Variables = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    output: _options.Data = "text",
    all_: Annotated[bool, typer.Option("--all", help="Also print the checks that passed.")] = False,
) -> int:
    """Ask AWS what only AWS knows. Read-only.

    It asks about images, roles, secrets, routes, log groups, certificates and quotas, before anything is written. Each
    finding is one line: `file:line: Kind/name: subject: what AWS has; what to do`. Values of secrets are never
    read. Exit code 1: something will not work. What could not be checked is listed with the reason.

    Example: ecsync verify manifests/shop
    """
    from ecsync import wiring
    from ecsync.report.plan_json import problem
    from ecsync.verify import report

    _options.choice(output, "text", "json")
    settings = _options.settings(
        config, installation=installation, account=account, region=region, profile=profile, variables=var
    )
    workspace = wiring.workspace(settings, path, read_only=True)
    with ThreadPoolExecutor(READERS) as workspace.threads:
        workspace.prepare()
        catalogue = workspace.catalogue(workspace.source(path).fetch()).warranted()
        findings, failures = verified(workspace, catalogue, workspace.threads)
    if output == "json":
        failed = {name: str(error) for name, error in failures.items()}
        _show.put_json(report.document(findings, [problem(one) for one in catalogue.problems], failed))
    else:
        _show.problems(catalogue.problems)
        _show.put(report.lines(findings, passed=all_))
    codes = [_exits.explained(error, name) for name, error in failures.items()]
    if catalogue.problems:
        codes.append(_exits.INVALID)
    if any(one.verdict == "failed" for one in findings):
        codes.append(_exits.ERROR)
    return _exits.worst(codes)


def verified(
    workspace: Workspace, catalogue: Catalogue, threads: ThreadPoolExecutor
) -> tuple[list[Finding], dict[str, AwsError | Refused]]:
    """Return the findings of all valid applications, and the error of each one that could not be read."""
    from ecsync.engine.reconciler import ObservedPlan
    from ecsync.verify.ask import Ask
    from ecsync.verify.checks import verified as findings_of
    from ecsync.verify.scopes import scope_of

    seen: dict[tuple[Cloud, Target], dict[str, Inputs]] = {}
    failures: dict[str, AwsError | Refused] = {}
    for application, look in looks(workspace, catalogue):
        if not isinstance(look, ObservedPlan):
            failures[application.name] = look
            continue
        cloud = workspace.destination_for(application).cloud
        seen.setdefault((cloud, look.inputs.target), {})[application.name] = look.inputs
    findings: list[Finding] = []
    for (cloud, target), inputs in seen.items():
        scope = scope_of(target, inputs.values(), workspace.clock.now())
        findings += findings_of(scope, Ask(cloud), threads.map)
    return sorted(findings, key=lambda one: one.place.origin), failures
