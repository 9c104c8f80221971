"""`ecsync explain`: the description of what can be written, without a call to AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from ecsync.cli import _exits, _show


def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[WHAT]",
            help="A kind or a field (`Service.desiredCount`), `Application`, `references`, `annotations`, `config`, or "
            "`ecsync/adopt`, `config.http.port`. Without it, a list of all.",
        ),
    ] = "",
) -> int:
    """Explain a kind, a field, an annotation or a setting.

    Printed are type, default, what an absent field means, the effect of a change, who decides the value if it is not
    declared, and the documentation of AWS. A kind has its outputs: what `${Kind/name.output}` can be.

    Example: ecsync explain Service.deploymentConfiguration.minimumHealthyPercent
    """
    from ecsync.offline import topics

    try:
        lines = list(topics.lines(what))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    _show.put((line, "") for line in lines)
    return _exits.OK
