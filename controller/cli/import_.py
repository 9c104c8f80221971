"""`ecsync import`: manifests for a whole live cluster; the plan that follows is empty."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import _exits, _options, _show
from controller.cli import adopt as adopting

if TYPE_CHECKING:
    from controller.config import Settings
    from controller.importer.drawing import Drawn


def import_(
    cluster: Annotated[str, typer.Option("--cluster", metavar="NAME", help="The cluster whose services to import.")],
    directory: Annotated[FilePath, typer.Option("-d", "--directory", metavar="DIR", help="Where to write manifests.")],
    adopt: Annotated[bool, typer.Option("--adopt", help="Also put our tags on everything that was imported.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
) -> int:
    """Write manifests for a live cluster and everything that its services touch. AWS is only read.

    Example: ecsync import --cluster prod -d manifests/prod
    """
    from controller.importer import survey, writing

    settings = _options.settings(config, installation=installation, account=account, region=region, profile=profile)
    if adopt:
        settings.installation_to_write()
    try:
        drawn = _draw(settings, cluster.rsplit("/", 1)[-1], directory)
    except survey.NoCluster as error:
        _show.say(f"ecsync: {error}; `aws ecs list-clusters` names those that there are", "danger")
        return _exits.ERROR
    there = [] if force else writing.standing(directory, drawn.files)
    if there:
        _show.say(f"ecsync: not overwritten: {', '.join(map(str, there))}", "danger")
        _show.say("Nothing was written. Take another directory, or say --force.")
        return _exits.ERROR
    _show.put((str(path), "") for path in writing.write(directory, drawn.files))
    for note in drawn.notes:
        _show.say(f"look at: {note}", "change")
    if not adopt:
        return _exits.OK
    names = [str(key) for key in drawn.documents]
    with contextlib.redirect_stdout(sys.stderr):
        return adopting.adopt(str(directory), names, config, installation, account, region, profile)


def _draw(settings: Settings, cluster: str, directory: FilePath) -> Drawn:
    from controller import wiring
    from controller.core.model import Application
    from controller.importer import drawing, naming, survey

    bench = wiring.bench(settings, str(directory), read_only=True)
    name = naming.valid(cluster)
    post = bench.post_for(Application(name=name))
    known = survey.Known(
        kinds=post.kinds, shape_of=bench.shape_of, application=name, installation=post.installation, target=post.target
    )
    return drawing.draw(survey.survey(post.cloud, cluster, known), cluster, known)
