"""Options that several verbs have, and the settings that they make."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ecsync.config import Settings

Where = Annotated[str, typer.Argument(metavar="PATH", help="A directory, a file, or s3://bucket/prefix.")]
Config = Annotated[FilePath | None, typer.Option("--config", help="The operator's settings, as YAML.")]
Installation = Annotated[
    str | None, typer.Option("--installation", help="The name of this controller; part of every mark.")
]
Account = Annotated[str | None, typer.Option("--account", help="The account that must be meant: 12 digits.")]
Region = Annotated[str | None, typer.Option("--region", help="The Region, where the manifests name none.")]
Profile = Annotated[str | None, typer.Option("--profile", help="A profile of the AWS configuration.")]
FirstTime = Annotated[
    bool, typer.Option("--first-time", help="Allow a plan of creates only without an asserted account.")
]
Url = Annotated[
    str | None, typer.Option("--url", help="Where the daemon's API is, if not where this process's settings say.")
]
Output = Annotated[str, typer.Option("-o", "--output", help="text, json or markdown.")]
Data = Annotated[str, typer.Option("-o", "--output", help="text or json.")]


def settings(
    config: FilePath | None = None,
    *,
    installation: str | None = None,
    account: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    first_time: bool = False,
    **more: object,
) -> Settings:
    """Return the settings of this process with the flags on top."""
    from ecsync.config import load_from_process

    flags: dict[str, object] = {
        "installation": installation,
        "account": account,
        "region": region,
        "profile": profile,
        "first_time": first_time or None,
        **more,
    }
    return load_from_process(config, flags)


def choice(value: str, *allowed: str) -> str:
    """Return the value, or raise a usage error that names what is allowed."""
    if value not in allowed:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(allowed)}")
    return value
