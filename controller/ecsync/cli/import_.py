"""`ecsync import`: manifests for a whole live cluster; the plan that follows is empty."""

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

if TYPE_CHECKING:
    from ecsync.core.inputs import Inputs
    from ecsync.core.kind import World
    from ecsync.importer.manifests import GeneratedManifests
    from ecsync.wiring import Workspace

_ARN = re.compile(r"arn:[a-z-]+:ecs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):cluster/(?P<name>[\w-]+)", re.ASCII)
_NAME = re.compile(r"[\w-]{1,255}", re.ASCII)


def import_(
    cluster: Annotated[str, typer.Option("--cluster", metavar="NAME", help="The cluster, by its name or ARN.")],
    directory: Annotated[FilePath, typer.Option("-d", "--directory", metavar="DIR", help="Where to write manifests.")],
    adopt: Annotated[bool, typer.Option("--adopt", help="Also put our tags on everything that was imported.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write where manifests are; overwrite their files.")] = False,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
) -> int:
    """Write manifests for a live cluster and everything that its services touch. AWS is only read.

    What cannot be read is left out and said, with the right that is lacking; the exit code then is 6.

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
            _show.put((str(path), "") for path in writing.write(directory, drawn.files))
    except (survey.ClusterNotFound, writing.Unwritable) as error:
        _show.say(f"ecsync: {error}. Nothing was written.", "danger")
        return _exits.ERROR
    _report(drawn)
    if not drawn.documents:
        _show.say("ecsync: nothing could be read, and nothing was written", "danger")
        return _exits.ERROR
    code = _beside(workspace, before, drawn)
    if adopt and code == _exits.OK:
        names = [str(key) for key in drawn.documents]
        with contextlib.redirect_stdout(sys.stderr):
            code = adopting.adopt(str(directory), names, config, installation, account, region, profile)
    return code or (_exits.OK if drawn.complete else _exits.PARTIAL)


def _place(cluster: str, region: str | None) -> tuple[str, str | None, str]:
    """Return the name of the cluster, and the Region and account that its ARN asserts."""
    arn = _ARN.fullmatch(cluster)
    if arn is None and not _NAME.fullmatch(cluster):
        raise typer.BadParameter(f"{cluster!r} is neither the name nor the ARN of a cluster")
    if arn is None:
        return cluster, region, ""
    if region not in (None, arn["region"]):
        raise typer.BadParameter(f"the cluster is in {arn['region']}, and --region says {region}")
    return arn["name"], arn["region"], arn["account"]


def _before(workspace: Workspace, directory: FilePath, name: str, *, force: bool) -> dict[str, bytes]:
    """Return the manifests that are in the directory. Raises Unwritable where nothing may be written there."""
    from ecsync.core.model import Snapshot
    from ecsync.core.wording import listed
    from ecsync.importer import writing

    writing.check(directory)
    before = writing.existing_manifests(directory)
    applications = workspace.loaded(Snapshot(revision="", files=before)).applications if before else ()
    others = sorted({one.name for one in applications if one.declared and "/" not in one.origin.file} - {name})
    if others:
        mixed = f"{directory} holds application {listed(others)}, and {name} would mix with it"
        raise writing.Unwritable(f"{mixed}; take another directory")
    if before and not force:
        there = f"{directory} has manifests: {listed(sorted(before))}"
        raise writing.Unwritable(f"{there}; take another directory, or say --force to overwrite those of the same name")
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
        _show.say(f"look at: {note}", "change")
    for line in gaps.lines(gap for gap in drawn.gaps if not gap.left_out):
        _show.say(f"named, not looked up: {line}", "change")
    for line in gaps.lines(drawn.unplanned):
        _show.say(f"cannot be planned: {line}", "change")
    for line in gaps.lines(gap for gap in drawn.gaps if gap.left_out):
        _show.say(f"left out: {line}", "danger")


def _beside(workspace: Workspace, before: Mapping[str, bytes], drawn: GeneratedManifests) -> int:
    """Say what was there before and now is part of the application, and whether the two go together."""
    from ecsync.core.model import Snapshot

    others = {name: content for name, content in before.items() if name not in drawn.files}
    for name in sorted(others):
        _show.say(f"look at: {name} was there before, and was not written by this import", "change")
    files = {**others, **{name: text.encode() for name, text in drawn.files.items()}}
    catalogue = workspace.catalogue(Snapshot(revision="", files=files)) if others else None
    if catalogue is None or not catalogue.problems:
        return _exits.OK
    _show.problems(catalogue.problems)
    return _exits.INVALID
