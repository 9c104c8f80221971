"""`ecsync explain`: what a field is, offline."""

from __future__ import annotations

from typing import Annotated

import typer

from ecsync.cli import _exits


def explain(
    what: Annotated[str, typer.Argument(metavar="KIND[.path]", help="Such as Service.deploymentConfiguration.")],
) -> int:
    """Print what a kind or a field is: type, AWS's default, what changing it does, who decides it.

    Example: ecsync explain Service.deploymentConfiguration.minimumHealthyPercent
    """
    from ecsync.offline import explain as explaining

    try:
        place = explaining.find(what)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    for line in explaining.lines(place):
        print(line)
    return _exits.OK
