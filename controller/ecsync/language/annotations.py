"""The annotations of a document: its options, such as adoption, replacement and deletion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecsync.core.kind import Kind
from ecsync.core.model import Key, Options, Origin, Problem
from ecsync.core.wording import nearest, printable, quoted
from ecsync.language.documents import NAME
from ecsync.language.nodes import Node

AFTER = "ecsync/after"
SUSPEND = "ecsync/suspend"
KEEP_REVISIONS = "ecsync/keep-revisions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What an annotation does: for `ecsync explain`, the JSON Schema and docs/reference/annotations.md."""

    text: str
    values: tuple[str, ...] = ()  # empty: any text
    default: str = ""
    on: str = ""  # the kind that has it; empty: every kind


ANNOTATIONS: Mapping[str, Annotation] = {
    "ecsync/adopt": Annotation(
        text="Whether ecsync adopts an existing resource without an owner.",
        values=("never", "if-untagged"),
        default="never; on a LogGroup if-untagged",
    ),
    "ecsync/replace": Annotation(
        text="Whether a change that requires a replacement is held or made. On a TargetGroup: whether it may be "
        "replaced together with the container port, with a gap of seconds (docs/rules.md R9).",
        values=("hold", "allow"),
        default="hold",
    ),
    "ecsync/deletion": Annotation(
        text="Whether pruning deletes the resource when it is no longer declared. retain: our tags come off, and the "
        "resource stays.",
        values=("delete", "retain"),
        default="delete; on a LogGroup, Repository, Role or TaskDefinition retain",
    ),
    "ecsync/state": Annotation(
        text="absent: the resource is deleted, also without pruning.", values=("present", "absent"), default="present"
    ),
    "ecsync/undeclared": Annotation(
        text="Whether fields that are not declared are reset to AWS's default, or ignored.",
        values=("default", "ignore"),
        default="ignore on an adopted resource, default on others",
    ),
    "ecsync/manage": Annotation(
        text="read: a lookup; the resource is read, and never changed. The rest of its body may be absent.",
        values=("read",),
    ),
    "ecsync/refresh": Annotation(
        text="When the value of a lookup changes and the new value restarts tasks: hold the change, or follow it.",
        values=("hold", "follow"),
        default="hold",
    ),
    SUSPEND: Annotation(
        text="true: the resource is reported, but not changed.", values=("true", "false"), default="false"
    ),
    AFTER: Annotation(text="Resources that this one waits for: Kind/name, separated by commas."),
    KEEP_REVISIONS: Annotation(
        text="The number of revisions of the family to keep: ecsync deregisters its own beyond the newest ones, the "
        "oldest first, one per pass; never one that a service runs.",
        default="all are kept",
        on="TaskDefinition",
    ),
}
OF_APPLICATION: Mapping[str, Annotation] = {
    SUSPEND: Annotation(
        text="Why nothing of the application is written. true: without a reason; false: it is written.",
        default="false",
        on="Application",
    ),
}
CHOICES: Mapping[str, tuple[str, ...]] = {name: one.values for name, one in ANNOTATIONS.items() if one.values}
_LITERAL = ("replace", "refresh", "state", "undeclared")
KNOWN = tuple(ANNOTATIONS)
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
