"""How a snippet is checked that is not run: options are parsed, manifests and settings loaded, JSON parsed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import typer
import yaml

from ecsync import wiring
from ecsync.cli import build, with_values
from ecsync.config import ConfigError, Settings, load
from ecsync.core.ports import SourceError
from ecsync.offline.permissions.check import NotAPolicy, statements_of
from ecsync.sources.disk import DiskSource
from tests.docs.exceptions import OTHER_YAML, PLACEHOLDERS
from tests.docs.pages import Block

_APPLICATION = """apiVersion: ecsync/v1
kind: Application
metadata: {name: snippet}
spec: {target: {region: eu-west-1}}
"""
# A snippet is a part of an application: what it refers to may be declared elsewhere.
_ELSEWHERE = re.compile(
    r"\S+/\S+ is not declared|(variable|image) \S+ is not set|unknown application |ignore matches no document"
)

# An absolute path, but not in a URL or an ARN; the root itself; what is far above. What may be read: secrets of a task,
# and facts of the kernel. The home is a folder of the test.
_ABSOLUTE = re.compile(
    r"(?<![\w./:}*@#~-])/(?!run/secrets/|proc/|dev/null\b)(?:[\w.*-][^\s\"';|)]*|(?=\s|$))|(?:\.\./){2}"
)


@cache
def command() -> Any:
    """Return the command `ecsync` with its verbs."""
    return typer.main.get_command(build())


def parse(arguments: Sequence[str]) -> str:
    """Parse the arguments of `ecsync` without running it. Return the error; empty if there is none."""
    return _parsed(arguments)[0]


def asks_a_daemon(arguments: Sequence[str]) -> bool:
    """Return whether the command is `status` without a PATH."""
    return arguments[:1] == ["status"] and _parsed(arguments)[1].get("path") is None


def _parsed(arguments: Sequence[str]) -> tuple[str, Mapping[str, Any]]:
    """Return the error, and the parameters of the verb by name."""
    context = command().make_context("ecsync", with_values(arguments), resilient_parsing=False)
    with context:
        try:
            name, verb, rest = command().resolve_command(context, [*context._protected_args, *context.args])
            return "", verb.make_context(name, list(rest), parent=context).params
        except typer.Exit:  # --help
            return "", {}
        except typer.TyperException as error:
            return str(error.format_message()), {}


def commands_in(block: Block) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the words of each command of `ecsync` in a transcript or a script."""
    lines = block.text.splitlines()
    number = 0
    while number < len(lines):
        first, text = number + 1, lines[number].strip().removeprefix("$ ")
        while text.endswith("\\") and number + 1 < len(lines):
            number += 1
            text = text[:-1] + lines[number].strip()
        number += 1
        match = re.match(r"(?:\S*/)?ecsync\s+(.*)", text)
        if match and (not lines[first - 1].startswith(" ")):
            yield first, _words(match[1])


def _words(text: str) -> list[str]:
    """Return the words of a command, up to a pipe, a redirection or another command."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.commenters = "#"
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if word and set(word) <= set("();<>|&"):
            break
        words.append(word)
    return words


def transcript(block: Block) -> Iterator[str]:
    """Yield the problems of a `console` or `sh` block: the options of its `ecsync` commands are parsed."""
    for line, words in commands_in(block):
        error = parse(words)
        if error:
            yield f"{block.at(line)}: {block.language}: `ecsync {' '.join(words)}`: {error}"


def not_printed(block: Block, output: str) -> list[str]:
    """Return a problem for each line of a `text` block that the output before it does not have."""
    printed = [" ".join(line.split()) for line in output.splitlines()]
    found = []
    for number, line in enumerate(block.text.splitlines(), start=1):
        expected = re.escape(" ".join(line.split())).replace("…", ".*")
        if not any(re.fullmatch(expected, one) for one in printed):
            found.append(f"{block.at(number)}: text: the block before does not print this line; it prints:\n{output}")
    return found


def as_json(block: Block, folder: Path) -> Iterator[str]:
    """Yield the problems of a `json` block. A policy must be one, a task definition must be valid."""
    try:
        found = json.loads(replaced(block))
    except json.JSONDecodeError as error:
        yield f"{block.at(error.lineno)}: json: {error.msg}"
        return
    if isinstance(found, dict) and any("Resource" in one for one in _statements(found)):
        try:
            statements_of(found)
        except NotAPolicy as error:
            yield f"{block}: json: not a policy of IAM: {error}"
    if isinstance(found, dict) and "containerDefinitions" in found:
        yield from _manifest(block, folder, "snippet.json")


def _statements(found: Mapping[str, Any]) -> list[Any]:
    statements = found.get("Statement", [])
    return [one for one in statements if isinstance(one, dict)] if isinstance(statements, list) else []


def as_yaml(block: Block, folder: Path) -> Iterator[str]:
    """Yield the problems of a `yaml` block: a manifest, settings, or a file that `OTHER_YAML` names."""
    try:
        documents = [one for one in yaml.safe_load_all(replaced(block)) if one is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        yield f"{block.at(mark.line + 1 if mark else 1)}: yaml: {error}"
        return
    if not documents:  # nothing but comments
        return
    if any(isinstance(one, dict) and ("resources" in one or "apiVersion" in one) for one in documents):
        yield from _manifest(block, folder)
    elif all(isinstance(one, dict) and one.keys() <= Settings.model_fields.keys() for one in documents):
        yield from _settings(block, folder)
    elif not any(key in one for one in documents if isinstance(one, dict) for key in OTHER_YAML):
        yield (
            f"{block}: yaml: neither a manifest (`apiVersion: ecsync/v1`) nor settings of ecsync; "
            "add one of its keys to OTHER_YAML in tests/docs/exceptions.py, with the reason"
        )


def _manifest(block: Block, folder: Path, name: str = "snippet.yaml") -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    text = replaced(block)
    (folder / name).write_text(text, encoding="utf-8")
    if "kind: Application" not in text:
        (folder / "app.yaml").write_text(_APPLICATION, encoding="utf-8")
    workspace = wiring.workspace(Settings(), str(folder), read_only=True)
    try:
        problems = workspace.loaded(DiskSource(folder, pause=0.0, settle=0.0).fetch()).problems
    except SourceError as error:
        yield f"{block}: {block.language}: {error}"
        return
    for one in problems:
        if not _ELSEWHERE.search(one.message):
            yield f"{block.at(one.origin.line)}: {block.language}: {one.message}"


def _settings(block: Block, folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "settings.yaml"
    file.write_text(replaced(block), encoding="utf-8")
    try:
        load(file, {}, {})
    except ConfigError as error:
        yield f"{block}: yaml: settings: {error}"


def outside(block: Block) -> str:
    """Return the problem of a script that names a path of the machine: such a block must not run in a test."""
    for number, line in enumerate(replaced(block).splitlines(), start=1):
        found = _ABSOLUTE.search(line.partition(" #")[0])
        if found:
            return (
                f"{block.at(number)}: sh: {found[0]} is outside the folder of the test, so the block is not run: use a "
                "relative path, or add the page to RUN_ELSEWHERE or PLACEHOLDERS in tests/docs/exceptions.py"
            )
    return ""


def replaced(block: Block) -> str:
    """Return the text of a block with the placeholders of its page replaced."""
    text = block.text
    for placeholder, value in PLACEHOLDERS.get(block.page, {}).items():
        text = text.replace(placeholder, value)
    return text
