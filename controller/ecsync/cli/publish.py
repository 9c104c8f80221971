"""`ecsync publish`: put manifests in S3 as one release."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show
from ecsync.cli._interrupts import leaving
from ecsync.core.wording import released

if TYPE_CHECKING:
    from ecsync.wiring.publishing import NotPublished

_UNSURE = "readers of {} see the release before or this one, never a mixture. The same command publishes this one."


def publish(
    path: Annotated[str, typer.Argument(metavar="DIR", help="The manifests: a directory or a file.")],
    to: Annotated[str, typer.Argument(metavar="S3", help="Where readers find them: s3://bucket/prefix.")],
    owner: Annotated[
        str | None, typer.Option("--expected-owner", help="The account that must own the bucket (12 digits).")
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option("--revision", help="What this release is, for people. Default: the commit of the git work tree."),
    ] = None,
    config: _options.Config = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    var: _options.Variables = None,
    output: _options.Data = "text",
) -> int:
    """Put manifests in S3 as one release.

    A daemon with this source sees the release before or this one, never a mixture, also if this command is killed.
    The manifests are validated first (exit code 3). Needs s3:PutObject and nothing else.

    Example: ecsync publish manifests/shop s3://shop-manifests/production
    """
    from ecsync import wiring
    from ecsync.wiring import publishing

    _options.choice(output, "text", "json")
    if "://" in path or not to.startswith("s3://") or not to.removeprefix("s3://").partition("/")[0]:
        raise typer.BadParameter("give a directory and then s3://bucket/prefix, in this order")
    if owner is not None and not (len(owner) == 12 and owner.isdecimal()):
        raise typer.BadParameter(f"--expected-owner {owner}: must be the 12 digits of an account")
    settings = _options.settings(config, region=region, profile=profile, variables=var, source_owner=owner)
    workspace = wiring.workspace(settings, to, read_only=True)  # documents without an Application are named after `to`
    snapshot = workspace.source(path).fetch()
    loaded = workspace.loaded(snapshot)
    if loaded.problems:
        _show.problems(loaded.problems)
        _show.message(f"{_show.counted(len(loaded.problems), 'problem')}; nothing was published", "danger")
        return _exits.INVALID
    if not any(application.resources for application in loaded.applications):
        _show.message(f"{path}: declares no resource; nothing was published: check the path", "danger")
        return _exits.INVALID
    about = publishing.about(Path(path), snapshot, revision)
    if not about and revision is None and publishing.in_work_tree(Path(path)):
        _show.message(f"no commit is stated, because git cannot read the work tree: try git -C {path} show", "change")
    try:
        with leaving(lambda: _UNSURE.format(to)):
            published = publishing.publish(settings, to, snapshot, about, _progress)
    except publishing.NotPublished as error:
        _progress(1, 1)
        _show.message(_explained(to, error), "danger")
        return _exits.ERROR
    if output == "json":
        _show.put_json(
            {
                "apiVersion": "ecsync/v1",
                "kind": "Release",
                "source": to,
                "revision": published.revision,
                "files": published.files,
                "added": published.added,
                "about": dict(about),
            }
        )
    else:
        files = f"{_show.counted(published.files, 'file')}, {_show.counted(published.added, 'new object')}"
        lines = [(f"revision {published.revision} is at {to}: {files}", "good")]
        _show.put([*lines, (released(about), "dim")] if about else lines)
    return _exits.OK


def _progress(done: int, of: int) -> None:
    """Count the objects in one line of a terminal; the line is removed at the end."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{done} of {of} objects" if done < of else "\r\x1b[K", end="", file=sys.stderr, flush=True)


def _explained(to: str, error: NotPublished) -> str:
    cause = error.cause
    advice = {
        "denied": "; allow s3:PutObject there, and check --expected-owner",
        "missing": "; check the name of the bucket",
        "invalid": "; check the names of the bucket and of its Region",
        "credentials": "; check your credentials: AWS_PROFILE, or --profile",
    }.get(cause.kind, "; publish again: what is there already is kept")
    return f"{to}: not published, {error} ({cause}){advice}"
