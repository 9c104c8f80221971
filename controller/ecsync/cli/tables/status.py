"""The tables of `ecsync status`: applications, and their resources. Pure: from the documents of the API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ecsync.cli import _show
from ecsync.cli.tables import ages
from ecsync.cli.tables.layout import Cell, Line, Row, indented, table
from ecsync.cli.tables.selection import most, ready
from ecsync.core.trees import called
from ecsync.core.wording import released

_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d*:[\w*/:.+=@-]*[\w*]")
_COMMIT = re.compile(r"[0-9a-f]{13,64}")
_SYNC = {"Synced": "good", "OutOfSync": "change"}
_HEALTH = {"Healthy": "good", "Progressing": "change", "Missing": "change", "Suspended": "change"}
_EXTRA = ("TARGET", "IN AWS", "MANIFEST", "LAST CHANGE")  # columns of `-o wide`


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What `status` prints. `width` is None where stdout is no terminal; a limit of 0 is none."""

    applications: Sequence[dict[str, Any]]  # with their resources, as the API has them
    warnings: Sequence[str] = ()
    wide: bool = False
    limit: int = 0
    width: int | None = None

    def lines(self, now: datetime) -> Iterator[Line]:
        """Yield the lines."""
        for warning in self.warnings:
            yield from (_outdented(line) for line in indented((warning, "danger"), self.width))
        if self.applications:
            yield from self._applications(now)
        if any(one["resources"] for one in self.applications):
            yield ()
            yield from self._resources(now)

    def _applications(self, now: datetime) -> Iterator[Line]:
        shown, left = most(self.applications, self.limit, ready)
        titles = application_titles(wide=self.wide)
        yield from table(titles, [application_row(one, now, wide=self.wide) for one in shown], self.width, _EXTRA)
        yield from self._more(left, "application")

    def _resources(self, now: datetime) -> Iterator[Line]:
        many = len(self.applications) > 1
        found = [(one["name"], resource) for one in self.applications for resource in one["resources"]]
        shown, left = most(found, self.limit, lambda each: ready(each[1]))
        rows = [resource_row(name if many else "", one, now, wide=self.wide) for name, one in shown]
        yield from table(resource_titles(many=many, wide=self.wide), rows, self.width, _EXTRA)
        yield from self._more([resource for _, resource in left], "resource")

    def _more(self, left: Sequence[dict[str, Any]], noun: str) -> Iterator[Line]:
        """Yield how many are not shown, and how to see them."""
        if not left:
            return
        waiting = sum(not ready(one) for one in left)
        state = f"{waiting} of them not ready" if waiting else "Synced and Healthy"
        text = f"… {_show.counted(len(left), f'more {noun}')} ({state}): --limit 0 shows all"
        yield from (_outdented(line) for line in indented((text, "dim"), self.width))


def application_titles(*, wide: bool) -> tuple[str, ...]:
    """Return the titles of the table of applications."""
    target = ("TARGET",) if wide else ()
    return ("APP", "SYNC", "HEALTH", "REVISION", "LAST PASS", "AGE", *target, "MESSAGE")


def application_row(one: dict[str, Any], now: datetime, *, wide: bool) -> Row:
    """Return the row of an application."""
    last, broken = one["lastPass"] or {}, _broken(one)
    revision = one["statusRevision"] or one["revision"]
    cells: list[Cell] = [
        (one["name"], "title"),
        (one["sync"], _SYNC.get(one["sync"], "danger")),
        (one["health"], _HEALTH.get(one["health"], "danger")),
        (short(revision) or "-", ""),
        (ages.since(last.get("ended"), now), ""),
        (ages.since(one.get("since"), now), ""),
    ]
    if wide:
        named = f" ({one['target']['name']})" if one["target"].get("name") else ""
        cells.append((_place(one["target"]) + named, ""))
    message = "; ".join(_messages(one, last, revision))
    return Row(cells=(*cells, (message, "danger" if broken else "")), below=tuple(_below(one)), mark=one["name"])


def _broken(one: dict[str, Any]) -> bool:
    return bool((one["lastPass"] or {}).get("error"))


def _place(target: dict[str, Any]) -> str:
    return f"{target['account'] or '?'}/{target['region']}"


def short(revision: str) -> str:
    """Return a revision for a column: the first 12 characters of a commit or a digest."""
    commit, dash, changed = revision.partition("-")
    return f"{commit[:12]}{dash}{changed}" if _COMMIT.fullmatch(commit) else revision


def _messages(one: dict[str, Any], last: dict[str, Any], revision: str) -> Iterator[str]:
    if last.get("error"):
        older = f"; the state is older, of revision {short(revision)}" if one["resources"] else ""
        yield f"no plan was made: {last['error']}{older}"
    elif last and revision != one["revision"]:
        yield f"revision {short(one['revision'])} is not reconciled yet"
    if last.get("onlyLooked"):
        yield last["onlyLooked"]
    elif one.get("suspended"):
        yield f"suspended by ecsync/suspend in its Application document: {one['suspended']}"
    if one.get("incomplete"):
        yield f"nothing will be pruned: {one['incomplete']}"


def _below(one: dict[str, Any]) -> Iterator[Cell]:
    """Yield the lines under an application: what would not fit a column, and commands to copy."""
    revision = one["statusRevision"] or one["revision"]
    if one["source"].get("about") and one["source"]["revision"] == revision:
        yield released(one["source"]["about"]), "dim"
    for problem in one["problems"]:
        yield f"✖ {problem['file']}:{problem['line']}:{problem['column']}: {problem['message']}", "danger"
    if one.get("approval"):
        yield "what is held for an approval below is done after:", "change"
        yield f"  ecsync approve {one['name']} --digest {one['approval']}", _show.COMMAND
    for left in one.get("leftBehind", ()):
        behind = _show.counted(len(left["resources"]), "resource")
        were = "was" if len(left["resources"]) == 1 else "were"
        yield f"{behind} {were} left behind in {_place(left['target'])}, as seen at {left['seen']}:", "change"
        for resource in left["resources"]:
            yield f"  {resource['key']}  {resource['physical']}".rstrip(), ""


def resource_titles(*, many: bool, wide: bool) -> tuple[str, ...]:
    """Return the titles of the table of resources; `many`: of several applications."""
    application = ("APP",) if many else ()
    return (*application, "RESOURCE", "SYNC", "HEALTH", "AGE", *(_EXTRA[1:] if wide else ()), "WAITS FOR, OR WHY")


def resource_row(application: str, one: dict[str, Any], now: datetime, *, wide: bool) -> Row:
    """Return the row of a resource, with its changes, and what is left to others, under it."""
    cells: list[Cell] = [(application, "")] if application else []
    cells += [
        (f"{one['kind']}/{one['name']}", ""),
        (one["sync"], _SYNC.get(one["sync"], "danger")),
        (one["health"], _HEALTH.get(one["health"], "danger")),
        (ages.since(one.get("since"), now), ""),
    ]
    if wide:
        cells += [(one["physical"] or "-", ""), (one["origin"] or "-", ""), (_last_change(one, now), "")]
    why = _show.joined(one["message"], one["why"])
    if not wide:
        why = _ARN.sub(lambda arn: called(arn[0]), why)
    changes = tuple((f"  {line}", "") for field in one["fields"] for line in _show.change(field))
    left = tuple((f"  {_show.left(value)}", "dim") for value in one.get("left", ()))
    return Row(cells=(*cells, (why, "")), below=(*changes, *left), mark=one["key"])


def _last_change(one: dict[str, Any], now: datetime) -> str:
    last = one.get("lastChange")
    return f"{last['action']} {ages.since(last['time'], now)} ago ({short(last['revision'])})" if last else "-"


def _outdented(line: Line) -> Line:
    """Return an indented line without its first indentation."""
    ((text, style),) = line
    return ((text[2:], style),)
