"""The annotations of a document: its options, such as adoption, replacement and deletion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsync.core.kind import Kind
from ecsync.core.model import Key, Options, Origin, Problem
from ecsync.core.wording import nearest, printable, quoted
from ecsync.language.documents import NAME
from ecsync.language.nodes import Node

CHOICES: Mapping[str, tuple[str, ...]] = {
    "ecsync/adopt": ("never", "if-untagged"),
    "ecsync/replace": ("hold", "allow"),
    "ecsync/deletion": ("delete", "retain"),
    "ecsync/state": ("present", "absent"),
    "ecsync/undeclared": ("default", "ignore"),
    "ecsync/manage": ("read",),
    "ecsync/refresh": ("hold", "follow"),
    "ecsync/suspend": ("true", "false"),
}
AFTER = "ecsync/after"
SUSPEND = "ecsync/suspend"  # of an Application, the value is the reason
KEEP_REVISIONS = "ecsync/keep-revisions"
_LITERAL = ("replace", "refresh", "state", "undeclared")
KNOWN = (*CHOICES, AFTER, KEEP_REVISIONS)
_NEAR = 0.85  # high, so that the key of another tool does not count as a misspelt key of ecsync


def options(
    annotations: Mapping[str, Node], kind: Kind, application: str, ignore: tuple[tuple[str, ...], ...] = ()
) -> tuple[Options, tuple[Problem, ...]]:
    """Return the options of a resource, and the problems of its annotations. Those of other tools are ignored."""
    chosen, wrong_choices = _choices(annotations)
    after, wrong_after = _after(annotations.get(AFTER), application)
    keep, wrong_keep = _keep_revisions(annotations.get(KEEP_REVISIONS), kind)
    literal: dict[str, Any] = {name: chosen[name] for name in _LITERAL if name in chosen}
    retain = chosen["deletion"] == "retain" if "deletion" in chosen else kind.retain_default
    result = Options(
        manage=chosen.get("manage") != "read" and kind.calls is not None,
        adopt="if-untagged" if chosen.get("adopt", kind.adopt_default) == "if-untagged" else "never",
        deletion="retain" if retain else "delete",
        suspend=chosen.get("suspend") == "true",
        after=after,
        ignore=ignore,
        keep_revisions=keep,
        **literal,
    )
    return result, (*misspelt(annotations), *wrong_choices, *wrong_after, *wrong_keep)


def suspension(annotations: Mapping[str, Node]) -> tuple[str, tuple[Problem, ...]]:
    """Return why an application is suspended (empty: it is not), and the problems of its annotations."""
    node, problems = annotations.get(SUSPEND), misspelt(annotations, known=(SUSPEND,))
    if node is None or node.value is None:
        return "", problems
    if isinstance(node.value, (dict, list)):
        return "", (*problems, Problem(node.origin, f'{SUSPEND} must be the reason as text, "true" or "false"'))
    text = " ".join(printable(_text(node)).split())
    return {"true": "no reason is given", "false": ""}.get(text, text), problems


def _choices(annotations: Mapping[str, Node]) -> tuple[dict[str, str], list[Problem]]:
    """Return the values of the annotations in CHOICES, by name without the prefix, and the problems."""
    chosen: dict[str, str] = {}
    problems: list[Problem] = []
    for name, choices in CHOICES.items():
        node = annotations.get(name)
        if node is None or node.value is None:
            continue
        text = _text(node)
        if text in choices:
            chosen[name.removeprefix("ecsync/")] = text
        else:
            message = f"{name} cannot be {quoted(text)}; use one of: {', '.join(choices)}"
            problems.append(Problem(node.origin, message))
    return chosen, problems


def misspelt(annotations: Mapping[str, Node], known: tuple[str, ...] = KNOWN) -> tuple[Problem, ...]:
    """Return a problem for every annotation with the prefix `ecsync/`, or close to one of ours, that is unknown."""
    problems: list[Problem] = []
    for name, node in annotations.items():
        if name in known:
            continue
        ours = name.startswith("ecsync/")
        close = nearest(name, known, cutoff=0.6 if ours and len(known) > 1 else _NEAR)
        if ours or close is not None:
            problems.append(Problem(node.origin, f"unknown annotation {quoted(name)}; {_hint(close, known)}"))
    return tuple(problems)


def _hint(close: str | None, known: tuple[str, ...]) -> str:
    if close is not None:
        return f"did you mean {quoted(close)}?"
    if known == (SUSPEND,):
        return f"an Application has no other ecsync annotation than {SUSPEND}: remove it"
    return f"use one of: {', '.join(known)}"


def _text(node: Node) -> str:
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    return str(node.value) if not isinstance(node.value, (dict, list)) else "a block"


def _after(node: Node | None, application: str) -> tuple[tuple[Key, ...], tuple[Problem, ...]]:
    if node is None or node.value is None:
        return (), ()
    keys: list[Key] = []
    for text in _text(node).replace(",", " ").split():
        kind, _, name = text.partition("/")
        if not kind.isalnum() or not NAME.fullmatch(name):
            message = f"{AFTER} must be a list of Kind/name, separated by commas, not {quoted(text)}"
            return (), (Problem(node.origin, message),)
        keys.append(Key(application=application, kind=kind, name=name))
    return tuple(keys), ()


def _keep_revisions(node: Node | None, kind: Kind) -> tuple[int, tuple[Problem, ...]]:
    if node is None or node.value is None:
        return 0, ()
    if not kind.keeps_revisions:
        message = f"{KEEP_REVISIONS} applies to a TaskDefinition only; {kind.name} has no revisions: remove it"
        return 0, (Problem(node.origin, message),)
    text = _text(node)
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        message = f"{KEEP_REVISIONS} must be a whole number from 1 up, not {quoted(text)}; without it, all are kept"
        return 0, (Problem(node.origin, message),)
    return int(text), ()


def after_origin(annotations: Mapping[str, Node], otherwise: Origin) -> Origin:
    """Return the origin of `ecsync/after`; `otherwise` if the annotation is absent."""
    node = annotations.get(AFTER)
    return node.origin if node is not None else otherwise
