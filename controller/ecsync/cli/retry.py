"""`ecsync retry`: have a running daemon try again what failed or does not converge."""

from __future__ import annotations

from typing import Annotated

import typer

from ecsync.cli import _api, _exits, _options, _show
from ecsync.cli._interrupts import leaving


def retry(
    what: Annotated[str, typer.Argument(metavar="APP[/KIND/NAME]", help="An application, or one resource of it.")],
    url: _options.Url = None,
    config: _options.Config = None,
) -> int:
    """Have a running daemon try again what failed or was held.

    It sends at once what failed, what waits for its next try, and what does not converge. It gives the daemon no new
    right: policies, modes and guards stay. Run it on the machine of the daemon, or in its container.

    Example: ecsync retry shop/Service/web
    """
    application, _, resource = what.partition("/")
    address = url or _api.near(_options.settings(config).http)
    with leaving(lambda: "the daemon may have been asked or not. The same command asks again, and harms nothing."):
        _api.retry(address, application, resource)
    _show.message(f"{what} is tried again in the next pass, which begins now; `ecsync events` shows the result")
    return _exits.OK
