"""`ecsync schema`: the JSON Schema of manifests, for editors."""

from __future__ import annotations

from typing import Annotated

import typer

from ecsync.cli import _exits, _show


def schema(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="The kind. Default: every document.")] = "",
) -> int:
    """Print the JSON Schema (draft-07) of manifests, for editors.

    Example: ecsync schema > .ecsync.schema.json
    """
    from ecsync.offline import json_schema

    try:
        found = json_schema.for_kind(kind) if kind else json_schema.for_all()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    _show.put_json(found)
    return _exits.OK
