"""Projects: which applications may be deployed, where, and with which kinds and names. Pure.

If the operator's config has any project, one of them must allow an application as a whole. Otherwise the application
has problems, as with an invalid manifest: it is not reconciled, so nothing of it is written or deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from ecsync.accounts import ProjectSettings
from ecsync.core.kind import Kind
from ecsync.core.model import Application, Desired, Origin, Problem, Target
from ecsync.core.wording import listed, printable

_ALL = "*"


def problems(
    projects: Mapping[str, ProjectSettings],
    applications: Iterable[Application],
    kinds: Mapping[str, Kind],
    target_of: Callable[[Application], Target],
) -> Iterator[Problem]:
    """Yield what no project allows. Of several projects with an application, the nearest to allowing it is reported."""
    for application in applications if projects else ():
        of = {name: one for name, one in projects.items() if _has(one, application)}
        if not of:
            yield Problem(application.origin, _in_none(projects, application), application.name)
            continue
        target = target_of(application)
        yield from min(([*_violations(name, one, application, kinds, target)] for name, one in of.items()), key=len)


def _has(project: ProjectSettings, application: Application) -> bool:
    """Return whether a project has an application."""
    return _fits(application.source, project.sources) and _fits(application.name, project.applications)


def _in_none(projects: Mapping[str, ProjectSettings], application: Application) -> str:
    where = f" from the source {printable(application.source)}" if application.source else ""
    return (
        f"application {printable(application.name)}{where} is in no project (projects: {listed(sorted(projects))}); "
        "rename it, or add it to `applications` of a project in the operator's config"
    )


def _violations(
    name: str, project: ProjectSettings, application: Application, kinds: Mapping[str, Kind], target: Target
) -> Iterator[Problem]:
    def problem(origin: Origin, what: str, allowed: Iterable[str], setting: str, fix: str) -> Problem:
        message = (
            f"project {name} does not allow {what} (allowed: {listed([*allowed]) or 'none'}); "
            f"{fix}, or add it to projects.{name}.{setting} in the operator's config"
        )
        return Problem(origin, message, application.name)

    for former in application.formerly:
        if not _fits(former, project.applications):  # it would take over resources of another project
            what = f"to take over the application {printable(former)}"
            yield problem(application.origin, what, project.applications, "applications", "remove it from `formerly`")
    if not any(_fits(one, project.targets) for one in (application.account, target.account)):
        what = f"the target {printable(application.account or target.account) or 'without an account'}"
        yield problem(application.origin, what, project.targets, "targets", "change `target.account`")
    if not _fits(target.region, project.regions):
        what = f"the Region {printable(target.region) or '(none is set)'}"
        yield problem(application.origin, what, project.regions, "regions", "change `target.region`")
    for desired in application.resources:
        kind = kinds[desired.key.kind]
        if kind.calls is None or not desired.options.manage:
            continue  # only looked up
        if not _fits(kind.name, project.kinds):
            fix = "remove the document, or set `ecsync/manage: read` to look it up"
            yield problem(desired.origin, f"the kind {kind.name}", project.kinds, "kinds", fix)
        if kind.name_member and not _fits(_name(desired, kind), project.names):
            origin = desired.origins.get((kind.name_member,), desired.origin)
            what = f"the name {printable(_name(desired, kind)) or 'of ' + str(desired.key) + ', which is a reference'}"
            yield problem(origin, what, project.names, "names", f"change `{kind.name_member}`")


def _name(desired: Desired, kind: Kind) -> str:
    """Return AWS's name of a resource; empty where it is not known before AWS is read."""
    name = desired.body.get(kind.name_member)
    return name if isinstance(name, str) else ""


def _fits(text: str, patterns: Iterable[str]) -> bool:
    """Return whether a text matches one of the patterns. An unknown text, which is empty, matches `*` alone."""
    return any(pattern == _ALL or (text and fnmatchcase(text, pattern)) for pattern in patterns)
