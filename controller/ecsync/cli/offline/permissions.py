"""`ecsync permissions`: the IAM policy of manifests, or what a given policy lacks for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecsync.cli import _exits, _options, _show

if TYPE_CHECKING:
    from ecsync.config import Settings
    from ecsync.offline.permissions.needs import Life, Mode, Need


def permissions(
    path: _options.Where,
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            help="observe: plan, status, a daemon without --enforce. verify: what `ecsync verify` asks too. "
            "apply: writes too. prune: deletes too.",
        ),
    ] = "prune",
    check: Annotated[
        FilePath | None, typer.Option("--check", metavar="POLICY.json", help="Print what this policy lacks.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Where the daemon reads the manifests, if not at PATH: s3://…")
    ] = None,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    lease: _options.Lease = None,
    var: _options.Variables = None,
) -> int:
    """Print the IAM policy that these manifests need, and no more. Makes no call to AWS.

    A policy for `apply` contains that for `observe`, and one for `prune` that for `apply`. One for `verify` contains
    that for `observe`, and is contained in no other. If it is longer than AWS
    allows, a list of policies is printed. With --check, each call that the given policy lacks is printed on a line.

    Example: ecsync permissions manifests/shop --mode apply --account 123456789012
    """
    from ecsync.offline.permissions.life import notes
    from ecsync.offline.permissions.policy import fitting
    from ecsync.verify import rights
    from ecsync.wiring import targets

    verifies = _options.choice(mode, "observe", "verify", "apply", "prune") == "verify"
    chosen: Mode = "observe" if verifies else mode  # type: ignore[assignment]
    given = _policy(check) if check is not None else None
    settings = _options.settings(
        config, installation=installation, account=account, region=region, variables=var, source=source, lease=lease
    )
    life = _life(settings, path)
    if life is None:
        return _exits.INVALID
    needs = life.needs(chosen)
    if verifies:
        needs = (*needs, *rights.needs(map(life.places.of, life.places.applications)))
    if given is not None:
        return _checked(needs, given)
    for application in life.places.applications:
        roles = targets.roles_of(settings, application.account)
        role = getattr(roles, chosen)
        if role:
            own = (
                "sts:AssumeRole and sts:TagSession" if roles.session_tags and chosen != "observe" else "sts:AssumeRole"
            )
            _show.message(f"{application.name}: {role} needs its permissions, and ecsync {own} on that")
    made, patterns = fitting(needs)
    for note in notes(life, needs, made, patterns):
        _show.message(note)
    print(json.dumps(made[0] if len(made) == 1 else made, indent=2, ensure_ascii=False))
    return _exits.OK


def _life(settings: Settings, path: str) -> Life | None:
    """Return the life of what the source declares; None after printing the problems of invalid manifests."""
    from ecsync import wiring
    from ecsync.config import default_region
    from ecsync.offline.permissions.life import life_of

    workspace = wiring.workspace(settings, path, read_only=True)
    loaded = workspace.loaded(workspace.source(path).fetch())
    _show.problems(loaded.problems)
    if loaded.problems:
        return None
    return life_of(
        loaded.applications,
        wiring.all_kinds(),
        workspace.target_of,
        installation=settings.installation,
        account=settings.account,
        region=settings.region or default_region(),
        sources=[one.source for one in settings.sources.values()] or [settings.source or path],
        lease=settings.lease,
        freeze=settings.freeze,
    )


def _policy(file: FilePath) -> Any:
    """Return the statements of a policy file."""
    from ecsync.offline.permissions.check import NotAPolicy, statements_of

    try:
        return statements_of(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"--check {file}: cannot be read ({error})") from None
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"--check {file}:{error.lineno}: not JSON: {error.msg}") from None
    except NotAPolicy as error:
        raise typer.BadParameter(f"--check {file}: not a policy of IAM: {error}") from None


def _checked(needs: Sequence[Need], given: Any) -> int:
    """Print what the given statements lack, and return the exit code."""
    from ecsync.offline.permissions.check import lacking, undecided

    if undecided(given):
        _show.message("a Deny statement with conditions counts only where its conditions are known to be met")
    found = list(lacking(needs, given))
    for one in found:
        print(one)
    if found:
        _show.message(f"{_show.counted(len(found), 'permission')} missing")
    return _exits.CHANGES if found else _exits.OK
