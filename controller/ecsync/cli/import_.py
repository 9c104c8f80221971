"""`ecsync import`: manifests for a live cluster; a plan of them is empty."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show
from ecsync.cli import adopt as adopting
from ecsync.cli._interrupts import leaving

if TYPE_CHECKING:
    from ecsync.core.inputs import Inputs
    from ecsync.core.kind import World
    from ecsync.importer.manifests import GeneratedManifests
    from ecsync.wiring import Workspace

_ARN = re.compile(r"arn:[a-z-]+:ecs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):cluster/(?P<name>[\w-]+)", re.ASCII)
_NAME = re.compile(r"[\w-]{1,255}", re.ASCII)


def import_(
    cluster: Annotated[str, typer.Option("--cluster", metavar="NAME", help="The name or ARN of the cluster.")],
    directory: Annotated[
        FilePath, typer.Option("-d", "--directory", metavar="DIR", help="The directory to write manifests to.")
    ],
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Also tag the imported resources as owned (as `ecsync adopt` does).")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite manifests of the same name.")] = False,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
) -> int:
    """Write manifests for a live cluster. Only reads AWS.

    The manifests contain the cluster, its services, and every resource that they use. A resource that cannot be read
    is left out: a message states the missing permission, and the exit code is 6.

    Example: ecsync import --cluster prod -d manifests/prod
    """
    from ecsync import wiring
    from ecsync.importer import naming, survey, writing

    name, region, owner = _place(cluster, region)
    settings = _options.settings(config, installation=installation, account=account, region=region, profile=profile)
    if adopt:
        settings.installation_to_write()
    workspace = wiring.workspace(settings, str(directory), read_only=True)
    try:
        before = _before(workspace, directory, naming.to_name(name), force=force)
        drawn = _draw(workspace, name, owner)
        if drawn.documents:
            _show.put((str(path), "") for path in writing.write(directory, drawn.files, drawn.private))
    except (survey.ClusterNotFound, writing.Unwritable) as error:
        _show.message(f"ecsync: nothing was written: {error}", "danger")
        return _exits.ERROR
    _report(drawn)
    if not drawn.documents:
        _show.message("ecsync: nothing was written: no resource could be read", "danger")
        return _exits.ERROR
    with leaving(lambda: f"the manifests are in {directory}; nothing was adopted"):
        code = _beside(workspace, before, drawn)
    if adopt and code == _exits.OK:
        names = [str(key) for key in drawn.documents]
        with (
            contextlib.redirect_stdout(sys.stderr),
            leaving(lambda: f"the manifests are in {directory}; nothing was adopted"),
        ):
            code = adopting.adopt(str(directory), names, config, installation, account, region, profile)
    return code or (_exits.OK if drawn.complete else _exits.PARTIAL)


def _place(cluster: str, region: str | None) -> tuple[str, str | None, str]:
    """Return the name of the cluster, and the Region and account in its ARN."""
    arn = _ARN.fullmatch(cluster)
    if arn is None and not _NAME.fullmatch(cluster):
        raise typer.BadParameter(f"{cluster!r} is neither the name nor the ARN of a cluster")
    if arn is None:
        return cluster, region, ""
    if region not in (None, arn["region"]):
        raise typer.BadParameter(f"--region is {region}, but the cluster is in {arn['region']}")
    return arn["name"], arn["region"], arn["account"]


def _before(workspace: Workspace, directory: FilePath, name: str, *, force: bool) -> dict[str, bytes]:
    """Return the manifests in the directory. Raises Unwritable if nothing may be written to it."""
    from ecsync.core.ports import Snapshot
    from ecsync.core.wording import listed
    from ecsync.importer import writing

    writing.check(directory)
    before = writing.existing_manifests(directory)
    applications = workspace.loaded(Snapshot(revision="", files=before)).applications if before else ()
    others = sorted({one.name for one in applications if one.declared and "/" not in one.origin.file} - {name})
    if others:
        raise writing.Unwritable(f"{directory} contains application {listed(others)}; use another directory for {name}")
    if before and not force:
        existing = f"{directory} contains manifests: {listed(sorted(before))}"
        raise writing.Unwritable(f"{existing}; use another directory, or --force to overwrite files of the same name")
    return before


def _draw(workspace: Workspace, cluster: str, owner: str) -> GeneratedManifests:
    from ecsync.core.model import Application
    from ecsync.engine.observe import observe
    from ecsync.importer import manifests, naming, survey

    name = naming.to_name(cluster)
    destination = workspace.destination_for(Application(name=name, account=owner))
    known = survey.ImportContext(
        kinds=destination.kinds,
        shape_of=workspace.shape_of,
        application=name,
        installation=destination.installation,
        target=destination.target,
    )
    found = survey.survey(destination.cloud, cluster, known)
    reader = found.reader or destination.cloud

    def look(inputs: Inputs) -> World:
        return observe(reader, inputs, destination.clock.now())

    return manifests.generate(found, cluster, known, look)


def _report(drawn: GeneratedManifests) -> None:
    from ecsync.importer import gaps

    for note in drawn.notes:
        _show.message(f"check: {note}", "change")
    for line in gaps.lines(gap for gap in drawn.gaps if not gap.left_out):
        _show.message(f"referenced by ARN: {line}", "change")
    for line in gaps.lines(drawn.unplanned):
        _show.message(f"cannot be planned: {line}", "change")
    for line in gaps.lines(gap for gap in drawn.gaps if gap.left_out):
        _show.message(f"left out: {line}", "danger")


def _beside(workspace: Workspace, before: Mapping[str, bytes], drawn: GeneratedManifests) -> int:
    """Report the files that were in the directory before, and whether they are valid together with the new ones."""
    from ecsync.core.ports import Snapshot

    others = {name: content for name, content in before.items() if name not in drawn.files}
    for name in sorted(others):
        _show.message(f"check: {name} existed before and was not written by this import", "change")
    files = {**others, **{name: text.encode() for name, text in drawn.files.items()}}
    catalogue = workspace.catalogue(Snapshot(revision="", files=files)) if others else None
    if catalogue is None or not catalogue.problems:
        return _exits.OK
    _show.problems(catalogue.problems)
    return _exits.INVALID
