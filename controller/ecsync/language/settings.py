"""The Application document: the settings of an application."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from ecsync.core.model import Origin, Problem, Sync
from ecsync.core.schema import ANY, BOOLEAN, INTEGER, STRING, choice, documented, listing, mapping, structure
from ecsync.core.trees import Json
from ecsync.core.wording import quoted, seconds, suggestion
from ecsync.language.annotations import suspension
from ecsync.language.check import check
from ecsync.language.documents import NAME, Document, bad_name
from ecsync.language.nodes import Node, plain
from ecsync.language.references import Scope, fill_environment
from ecsync.language.scalars import resolve_plain

_SHORTEST, _LONGEST = 5, 24 * 3600
_MOST_PRUNED = 100_000
SHAPE = structure(
    {
        "target": documented(
            structure(
                {
                    "account": documented(
                        STRING,
                        "An entry of `targets` in the operator's config, or an account id. The credentials must be "
                        "of it.",
                        "the account of the credentials",
                    ),
                    "region": documented(
                        STRING, "The AWS Region.", "that of the entry of `targets`, else of the operator's config"
                    ),
                }
            ),
            "The account and the Region of the application.",
        ),
        "include": documented(
            listing(STRING),
            "Further files or directories of the source, relative to this file; several applications can share them.",
            "none: the files below this directory only",
        ),
        "names": documented(
            STRING,
            "The AWS name of resources that have none in their spec, such as shop-prod-{name}; not of lookups.",
            "{name}",
        ),
        "vars": documented(mapping(ANY), "The values of ${var:NAME}."),
        "images": documented(mapping(STRING), "The values of ${image:NAME}."),
        "patches": documented(
            mapping(ANY),
            "Changes to documents, by Kind/name: a map merges, null removes, a list of AWS merges by the names of its "
            "elements.",
        ),
        "manage": documented(
            listing(STRING),
            "Kinds that may be changed; the others are read. `all` includes Role.",
            "all kinds but Role",
        ),
        "after": documented(
            listing(STRING),
            "Applications that this one waits for: nothing of it is written while one of them is not in sync.",
        ),
        "sync": documented(
            structure(
                {
                    "mode": documented(
                        choice("observe", "enforce"),
                        "observe reports and writes nothing; enforce changes AWS, if the operator also sets --enforce.",
                        Sync().mode,
                    ),
                    "prune": documented(
                        BOOLEAN, "Whether resources that are no longer declared are deleted.", str(Sync().prune).lower()
                    ),
                    "pruneLimit": documented(
                        INTEGER,
                        "The most resources that may be deleted together although they are all of the application, or "
                        f"more than a third: up to {_MOST_PRUNED:,}.",
                        f"{Sync().prune_limit}, none",
                    ),
                    "interval": documented(
                        STRING,
                        f"The time between two passes: 60, 60s, 5m or 1h; from {_SHORTEST}s to {_LONGEST // 3600}h.",
                        "`loop.interval` of the operator's config",
                    ),
                }
            ),
            "Whether and how often AWS is reconciled with the manifest.",
        ),
        "ignore": documented(
            listing(
                structure(
                    {
                        "kind": documented(STRING, "The kind of the documents."),
                        "name": documented(STRING, "The name of the document.", "all documents of the kind"),
                        "paths": documented(listing(STRING), "JSON pointers, such as /desiredCount."),
                    },
                    "kind",
                    "paths",
                )
            ),
            "Fields that another client decides: they are not compared, and a write leaves them as they are.",
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """Fields that status, plan and apply ignore."""

    kind: str
    name: str  # empty: all documents of the kind
    paths: tuple[Node, ...]  # JSON pointers
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of a checked Application document."""

    name: str
    origin: Origin
    directory: str = ""
    declared: bool = True
    account: str = ""
    region: str = ""
    include: tuple[Node, ...] = ()
    names: Node | None = None
    variables: Mapping[str, Json] = field(default_factory=dict)
    images: Mapping[str, Json] = field(default_factory=dict)
    patches: Mapping[str, Node] = field(default_factory=dict)
    manage: tuple[str, ...] = ()
    after: tuple[Node, ...] = ()
    formerly: tuple[str, ...] = ()
    suspend: str = ""
    sync: Sync = field(default_factory=partial(Sync, interval=0.0))  # without an interval of its own, 0
    ignore: tuple[Ignore, ...] = ()
    source: str = ""  # the name of its source, where there are several


def settings(
    document: Document,
    directory: str,
    kinds: Collection[str],
    environment: Mapping[str, str],
    variables: Mapping[str, str],
) -> tuple[Settings, tuple[Problem, ...]]:
    """Return the settings of an Application document, and all its problems.

    `variables` are text as on a command line: they replace those of `vars` with the same name.
    """
    filled, wrong = _filled(document.spec, environment)
    checked = check(filled, SHAPE, name="Application", who="ecsync")
    problems = [Problem(finding.origin, finding.message) for finding in checked.problems]
    suspend, misspelt = suspension(document.annotations)
    problems += [*wrong, *misspelt]
    spec = checked.node
    target = spec.get("target") or Node({}, document.origin)
    result = Settings(
        name=document.name,
        origin=document.origin,
        directory=directory,
        account=_string(target.get("account")),
        region=_string(target.get("region")),
        include=_list(spec.get("include")),
        names=_names(spec.get("names"), problems),
        variables=_replaced(_map(spec.get("vars")), variables),
        images=_map(spec.get("images")),
        patches=_patches(spec.get("patches"), problems),
        manage=_manage(spec.get("manage"), kinds, problems),
        after=_after(spec.get("after"), problems),
        formerly=document.formerly,
        suspend=suspend,
        sync=_sync(spec.get("sync"), problems),
        ignore=_ignore(spec.get("ignore"), kinds, problems),
    )
    return result, tuple(problems)


def _replaced(declared: Mapping[str, Json], variables: Mapping[str, str]) -> dict[str, Json]:
    return {**declared, **{name: _typed(text) for name, text in variables.items() if name in declared}}


def _typed(text: str) -> Json:
    """Return a whole number or a boolean as that, and everything else as text: `1.10` is a version."""
    value = resolve_plain(text) if text else text
    return value if isinstance(value, int) else text


def _filled(spec: Node, environment: Mapping[str, str]) -> tuple[Node, tuple[Problem, ...]]:
    """Return the spec with `${env:NAME}` filled in. Patches are parts of bodies: they are resolved later."""
    scope = Scope(application="", kinds={}, environment=environment)
    problems: list[Problem] = []
    fields: dict[str, Node] = dict(spec.value)
    for name in ("target", "vars", "images"):
        if name in fields:
            fields[name], wrong = fill_environment(fields[name], scope)
            problems += wrong
    return Node(fields, spec.origin), tuple(problems)


def _string(node: Node | None) -> str:
    return node.value if node is not None and isinstance(node.value, str) else ""


def _list(node: Node | None) -> tuple[Node, ...]:
    elements = node.value if node is not None and isinstance(node.value, list) else []
    return tuple(element for element in elements if not isinstance(element.value, (dict, list)))


def _map(node: Node | None) -> Mapping[str, Json]:
    return plain(node) if node is not None and isinstance(node.value, dict) else {}


def _names(node: Node | None, problems: list[Problem]) -> Node | None:
    if node is None or not isinstance(node.value, str):
        return None
    rest = node.value.replace("{name}", "")
    if rest == node.value or "{" in rest or "}" in rest:
        message = f"names must contain {{name}} and no other braces, not {quoted(node.value)}"
        problems.append(Problem(node.origin, message))
        return None
    return node


def _patches(node: Node | None, problems: list[Problem]) -> Mapping[str, Node]:
    patches: Mapping[str, Node] = node.value if node is not None and isinstance(node.value, dict) else {}
    for key, patch in patches.items():
        if not isinstance(patch.value, dict):
            problems.append(Problem(patch.origin, f"the patch of {quoted(key)} must be a map of fields"))
    return {key: patch for key, patch in patches.items() if isinstance(patch.value, dict)}


def _manage(node: Node | None, kinds: Collection[str], problems: list[Problem]) -> tuple[str, ...]:
    """Return the kinds that may be changed. `all` includes Role, which the default does not."""
    names = _list(node)
    for name in names:
        if name.value != "all" and name.value not in kinds:
            message = f"unknown kind {quoted(name.value)} in manage{suggestion(str(name.value), [*kinds, 'all'])}"
            problems.append(Problem(name.origin, message))
    if any(name.value == "all" for name in names):
        return tuple(kinds)
    return tuple(str(name.value) for name in names)


def _after(node: Node | None, problems: list[Problem]) -> tuple[Node, ...]:
    names = _list(node)
    problems += [Problem(name.origin, bad_name(name.value)) for name in names if not NAME.fullmatch(str(name.value))]
    return names


def _sync(node: Node | None, problems: list[Problem]) -> Sync:
    if node is None or not isinstance(node.value, dict):
        return Sync(interval=0.0)
    mode, prune, interval, limit = (node.get(name) for name in ("mode", "prune", "interval", "pruneLimit"))
    return Sync(
        mode="enforce" if _string(mode) == "enforce" else "observe",
        prune=prune is not None and prune.value is True,
        prune_limit=_prune_limit(limit, problems) if limit is not None else 0,
        interval=_interval(interval, problems) if interval is not None else 0.0,
    )


def _prune_limit(node: Node, problems: list[Problem]) -> int:
    if isinstance(node.value, int) and 0 <= node.value <= _MOST_PRUNED:
        return node.value
    message = f"pruneLimit must be a number of resources from 0 to {_MOST_PRUNED}, not {quoted(node.value)}"
    problems.append(Problem(node.origin, message))
    return 0


def _interval(node: Node, problems: list[Problem]) -> float:
    try:
        found = seconds(_string(node))
    except ValueError:
        found = 0.0
    if not _SHORTEST <= found <= _LONGEST:
        limits = f"from {_SHORTEST}s to {_LONGEST // 3600}h"
        message = f"interval must be a time {limits}, such as 60s, 5m or 1h, not {quoted(node.value)}"
        problems.append(Problem(node.origin, message))
        return Sync().interval
    return found


def _ignore(node: Node | None, kinds: Collection[str], problems: list[Problem]) -> tuple[Ignore, ...]:
    result: list[Ignore] = []
    for element in node.value if node is not None and isinstance(node.value, list) else []:
        kind = _string(element.get("kind"))
        if kind and kind not in kinds:
            problems.append(Problem(element.origin, f"unknown kind {quoted(kind)} in ignore{suggestion(kind, kinds)}"))
            continue
        paths = _list(element.get("paths"))
        problems += [
            Problem(path.origin, f"{quoted(path.value)} must be a JSON pointer, such as /desiredCount")
            for path in paths
            if not str(path.value).startswith("/")
        ]
        result.append(Ignore(kind=kind, name=_string(element.get("name")), paths=paths, origin=element.origin))
    return tuple(result)
