"""Options that several verbs share, and the settings from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ecsync.config import Settings

Where = Annotated[
    str,
    typer.Argument(metavar="PATH", help="The manifests: a directory, a file, s3://bucket/prefix, or git+https://…."),
]
Config = Annotated[FilePath | None, typer.Option("--config", help="The config file of the operator (YAML).")]
Installation = Annotated[
    str | None, typer.Option("--installation", help="The name of this controller; part of the tags on every resource.")
]
Account = Annotated[
    str | None,
    typer.Option("--account", help="The expected AWS account (12 digits); with another one nothing is written."),
]
Region = Annotated[str | None, typer.Option("--region", help="The Region, if the manifests declare none.")]
Profile = Annotated[str | None, typer.Option("--profile", help="The profile of the AWS configuration.")]
Variables = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="The value of ${var:NAME}, in place of that of the Application."),
]
FirstTime = Annotated[
    bool, typer.Option("--first-time", help="Allow a plan that only creates, although --account is not set.")
]
Lease = Annotated[
    str | None,
    typer.Option("--lease", help="What keeps a second process from writing: auto, none, file:PATH or dynamodb:TABLE."),
]
Url = Annotated[str | None, typer.Option("--url", help="The URL of the daemon. Default: from http.host and http.port.")]
Output = Annotated[str, typer.Option("-o", "--output", help="Format: text, json or markdown.")]
Data = Annotated[str, typer.Option("-o", "--output", help="Format: text or json.")]
Wide = Annotated[str, typer.Option("-o", "--output", help="Format: text, wide (more columns) or json.")]


def time(value: object) -> float:
    """Return the seconds of a time of the command line, such as `30`, `30s` or `5m`. Raises a usage error."""
    from ecsync.core.wording import seconds

    if isinstance(value, float):  # the default of an option
        return value
    try:
        return seconds(str(value))
    except ValueError as error:
        raise typer.BadParameter(f"{value!r} {error}") from None


def _every(value: object) -> float:
    found = time(value)
    if found < 1:
        raise typer.BadParameter(f"{value!r} must be 1s or more")
    return found


Every = Annotated[
    float,
    typer.Option(
        "--every",
        parser=_every,
        metavar="TIME",
        show_default=False,
        help="The time between two looks of --watch: 5, 5s or 1m. Default: 5s.",
    ),
]


def settings(
    config: FilePath | None = None,
    *,
    installation: str | None = None,
    account: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    first_time: bool = False,
    variables: Sequence[str] | None = None,
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
        "variables": dict(map(_variable, variables)) if variables else None,
        **more,
    }
    return load_from_process(config, flags)


def _variable(text: str) -> tuple[str, str]:
    name, given, value = text.partition("=")
    if not given or not name.isidentifier():
        raise typer.BadParameter(f"--var {text}: must be NAME=VALUE")
    return name, value


def choice(value: str, *allowed: str) -> str:
    """Return the value. Raises a usage error that lists the allowed values."""
    if value not in allowed:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(allowed)}")
    return value
