"""`ecsync explain`: the description of a field, without a call to AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from ecsync.cli import _exits


def explain(
    what: Annotated[str, typer.Argument(metavar="KIND[.path]", help="For example Service.deploymentConfiguration.")],
) -> int:
    """Explain a kind or a field: type, default, effect of a change.

    Also printed: who decides the value if it is not declared, and the documentation of AWS.

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
