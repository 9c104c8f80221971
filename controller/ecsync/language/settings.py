"""The Application document: what an application is, apart from its resources."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ecsync.core.model import Origin, Problem, Sync
from ecsync.core.schema import ANY, BOOLEAN, STRING, choice, documented, listing, mapping, structure
from ecsync.core.trees import Json
from ecsync.core.wording import quoted, suggestion
from ecsync.language.annotations import misspelt
from ecsync.language.check import check
from ecsync.language.documents import NAME, NAME_RULE, Document
from ecsync.language.nodes import Node, plain
from ecsync.language.references import Scope, fill_environment

SHAPE = structure(
    {
        "target": documented(
            structure(
                {
                    "account": documented(STRING, "An entry of the operator's `targets`."),
                    "region": documented(STRING, "The AWS Region."),
                }
            ),
            "The account and the Region that it lives in.",
        ),
        "include": documented(listing(STRING), "Files or directories of the source, from here, that others share."),
        "names": documented(STRING, "AWS's name of what has none in its spec, such as shop-prod-{name}."),
        "vars": documented(mapping(ANY), "What ${var:NAME} is."),
        "images": documented(mapping(STRING), "What ${image:NAME} is."),
        "patches": documented(mapping(ANY), "Changes to documents, by Kind/name: a map merges, null removes."),
        "manage": documented(
            listing(STRING), "Kinds that may be written; `all` includes Role. Without it: all but Role."
        ),
        "after": documented(listing(STRING), "Applications that come before this one."),
        "sync": documented(
            structure(
                {
                    "mode": documented(
                        choice("observe", "enforce"),
                        "observe reports and writes nothing; enforce writes, with the operator's --enforce.",
                    ),
                    "prune": documented(BOOLEAN, "Whether what is declared no more is deleted."),
                    "interval": documented(STRING, "Between two passes: 60s, 5m or 1h."),
                }
            ),
            "Whether and how often it is brought to what is written.",
        ),
        "ignore": documented(
            listing(
                structure(
                    {
                        "kind": documented(STRING, "The kind that it is about."),
                        "name": documented(STRING, "The document; without it, every one of the kind."),
                        "paths": documented(listing(STRING), "JSON pointers, such as /desiredCount."),
                    },
                    "kind",
                    "paths",
                )
            ),
            "Fields that status, plan and apply leave alone.",
        ),
    }
)
_INTERVAL = re.compile(r"([0-9]{1,6})\s*(s|m|h)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_SHORTEST, _LONGEST = 5, 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """Fields that status, plan and apply leave alone."""

    kind: str
    name: str  # empty: every one of the kind
    paths: tuple[Node, ...]  # JSON pointers
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An Application document, checked."""

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
    sync: Sync = field(default_factory=Sync)
    ignore: tuple[Ignore, ...] = ()


def settings(
    document: Document, directory: str, kinds: Collection[str], environment: Mapping[str, str]
) -> tuple[Settings, tuple[Problem, ...]]:
    """Return what an Application document says, and everything that is wrong with it."""
    filled, wrong = _filled(document.spec, environment)
    checked = check(filled, SHAPE, name="Application", who="ecsync")
    problems = [Problem(finding.origin, finding.message) for finding in checked.problems]
    problems += [*wrong, *misspelt(document.annotations, known=())]
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
        variables=_map(spec.get("vars")),
        images=_map(spec.get("images")),
        patches=_patches(spec.get("patches"), problems),
        manage=_manage(spec.get("manage"), kinds, problems),
        after=_after(spec.get("after"), problems),
        formerly=document.formerly,
        sync=_sync(spec.get("sync"), problems),
        ignore=_ignore(spec.get("ignore"), kinds, problems),
    )
    return result, tuple(problems)


def _filled(spec: Node, environment: Mapping[str, str]) -> tuple[Node, tuple[Problem, ...]]:
    """Return the spec with `${env:NAME}` put in where values stand; patches are bodies, and are read later."""
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
        problems.append(
            Problem(node.origin, f"names must have {{name}} in it and no other braces, not {quoted(node.value)}")
        )
        return None
    return node


def _patches(node: Node | None, problems: list[Problem]) -> Mapping[str, Node]:
    patches: Mapping[str, Node] = node.value if node is not None and isinstance(node.value, dict) else {}
    for key, patch in patches.items():
        if not isinstance(patch.value, dict):
            problems.append(Problem(patch.origin, f"the patch of {quoted(key)} must be a map of fields"))
    return {key: patch for key, patch in patches.items() if isinstance(patch.value, dict)}


def _manage(node: Node | None, kinds: Collection[str], problems: list[Problem]) -> tuple[str, ...]:
    """Return the kinds that may be written; `all` includes Role, which nothing else does by default."""
    words = _list(node)
    for word in words:
        if word.value != "all" and word.value not in kinds:
            message = f"unknown kind {quoted(word.value)} in manage{suggestion(str(word.value), [*kinds, 'all'])}"
            problems.append(Problem(word.origin, message))
    if any(word.value == "all" for word in words):
        return tuple(kinds)
    return tuple(str(word.value) for word in words)


def _after(node: Node | None, problems: list[Problem]) -> tuple[Node, ...]:
    words = _list(node)
    problems += [
        Problem(word.origin, f"{quoted(word.value)} cannot be a name: {NAME_RULE}")
        for word in words
        if not NAME.fullmatch(str(word.value))
    ]
    return words


def _sync(node: Node | None, problems: list[Problem]) -> Sync:
    if node is None or not isinstance(node.value, dict):
        return Sync()
    mode, prune, interval = node.get("mode"), node.get("prune"), node.get("interval")
    return Sync(
        mode="enforce" if _string(mode) == "enforce" else "observe",
        prune=prune is not None and prune.value is True,
        interval=_interval(interval, problems) if interval is not None else Sync().interval,
    )


def _interval(node: Node, problems: list[Problem]) -> float:
    found = _INTERVAL.fullmatch(_string(node))
    seconds = int(found[1]) * _SECONDS[found[2] or "s"] if found is not None else 0
    if found is None or not _SHORTEST <= seconds <= _LONGEST:
        message = (
            f"interval must be like 60s, 5m or 1h, from {_SHORTEST}s to {_LONGEST // 3600}h, not {quoted(node.value)}"
        )
        problems.append(Problem(node.origin, message))
        return Sync().interval
    return float(seconds)


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
