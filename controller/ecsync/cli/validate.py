"""`ecsync validate`: check manifests without a call to AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from ecsync.cli import _exits, _options, _show


def validate(
    path: _options.Where,
    config: _options.Config = None,
    var: _options.Variables = None,
    output: _options.Data = "text",
    notes: Annotated[bool, typer.Option("--notes", help="Also print notes that are no problems.")] = False,
) -> int:
    """Check manifests without a call to AWS.

    Exit code 3: something is invalid. Every problem is printed as `file:line:col: message`.

    Example: ecsync validate manifests/
    """
    from ecsync import wiring
    from ecsync.report.plan_json import problem

    _options.choice(output, "text", "json")
    workspace = wiring.workspace(_options.settings(config, variables=var), path, read_only=True)
    snapshot = workspace.source(path).fetch()
    loaded = workspace.loaded(snapshot)
    if output == "json":
        _show.put_json(
            {
                "apiVersion": "ecsync/v1",
                "kind": "Validation",
                "applications": [
                    {"name": application.name, "resources": len(application.resources)}
                    for application in loaded.applications
                ],
                "problems": [problem(one) for one in loaded.problems],
                "notes": [problem(one) for one in loaded.notes],
            }
        )
    else:
        _show.problems(loaded.problems)
        for note in loaded.notes if notes else ():
            _show.message(f"{note}", "dim")
        resources = sum(len(application.resources) for application in loaded.applications)
        if not loaded.problems:
            applications = _show.counted(len(loaded.applications), "application")
            print(f"{applications}, {_show.counted(resources, 'resource')}: valid")
        else:
            _show.message(_show.counted(len(loaded.problems), "problem"), "danger")
    return _exits.INVALID if loaded.problems else _exits.OK
