"""`ecsync eject`: take our tags off live resources, and change nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show
from ecsync.cli._interrupts import Stop, leaving

if TYPE_CHECKING:
    from ecsync.engine.catalogue import Catalogue
    from ecsync.engine.reconciler import Destination
    from ecsync.wiring import Workspace
    from ecsync.wiring.ejecting import Marked

    Chosen = list[tuple[Destination, Marked]]


def eject(
    path: _options.Where,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    lease: _options.Lease = None,
    var: _options.Variables = None,
) -> int:
    """Take our tags off live resources, and change nothing else.

    Those are the resources of these manifests, and those with our tags of these applications that no manifest
    declares any more. Stop the daemon first: it adopts some of them again. `ecsync adopt` reverses it.

    Exit codes: 6 a resource could not be read or still has our tags, 7 another process holds the lease.

    Example: ecsync eject manifests/shop
    """
    from ecsync import wiring

    settings = _options.settings(
        config,
        installation=installation,
        account=account,
        region=region,
        profile=profile,
        lease=lease,
        variables=var,
    )
    settings.installation_to_write()
    workspace = wiring.workspace(settings, path, read_only=False)
    catalogue = workspace.catalogue(workspace.source(path).fetch())
    _show.problems(catalogue.problems)
    found: Chosen = []
    codes = [_look(workspace, catalogue, name, found) for name in catalogue.applications if not catalogue.holds(name)]
    codes += [_exits.INVALID] if catalogue.problems else []
    if not found:
        _show.message("no resource has our tags")
        return _exits.worst(codes)
    for _, one in found:
        _show.message(f"  - {one}", "change")
    if not yes:
        typer.confirm(f"Take our tags off {_show.counted(len(found), 'resource')}?", abort=True, err=True)
    with wiring.lease.held(settings, path, workspace.clouds, "eject", "") as lost:
        codes.append(_eject(found, lost))
    return _exits.worst(codes)


def _look(workspace: Workspace, catalogue: Catalogue, name: str, found: Chosen) -> int:
    """Add what has our tags of an application, and return the exit code."""
    from ecsync.core.ports import AwsError
    from ecsync.engine.reconciler import Refused
    from ecsync.wiring.ejecting import marked_by

    application = catalogue.applications[name]
    try:
        destination = workspace.destination_for(application)
        seen = marked_by(application, catalogue, destination)
    except (AwsError, Refused) as error:
        return _exits.explained(error, name)
    found += [(destination, one) for one in seen.marked]
    for reason in seen.unread:
        _show.message(f"{name}: not known whether it has our tags: {reason}", "danger")
    return _exits.PARTIAL if seen.unread else _exits.OK


def _eject(found: Chosen, lost: Callable[[], str]) -> int:
    """Take the tags off, print a line for each resource, and return the exit code."""
    from ecsync.core.ports import AwsError, WritesStopped
    from ecsync.wiring.ejecting import take_off

    code, released = _exits.OK, list[str]()
    left = [str(one) for _, one in found]
    with Stop() as stop, leaving(lambda: stop.left(released, left, ())):
        for destination, one in found:
            if lost():
                raise WritesStopped(f"stopped before {one}: the lease is {lost()}")
            stop.writing = True
            try:
                take_off(destination.cloud, one)
            except AwsError as error:
                code = _exits.PARTIAL
                print(f"{one}: {error}")
            else:
                print(f"{one}: released")
                released.append(str(one))
            left.remove(str(one))
            stop.check()
    return code
