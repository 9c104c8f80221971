"""The runbooks: a page for each alert with the same four headings, and commands of ecsync that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from ecsync import cli
from tests.observability.panels import ROOT, RULES, RUNBOOKS

PAGES = sorted(RUNBOOKS.glob("*.md"))
DOCS = (*PAGES, ROOT / "docs" / "alerts.md")
UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # typer has click inside, and exports this class alone
HEADINGS = ["What it means", "How to look", "What to do", "How to silence"]


def commands(page: Path) -> Iterator[str]:
    """Yield each command of ecsync in code of a page."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in (*(line for block in blocks for line in block.splitlines()), *inline):
        found = re.match(r"(?:venv/bin/)?(ecsync (?!/).+)", line.strip())
        if found:
            yield found[1]


EVERY = [(page.stem, command) for page in DOCS for command in commands(page)]


ALERTS: dict[str, Any] = {
    rule["alert"]: rule
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    """By name."""
    assert {page.stem for page in PAGES} == ALERTS.keys()


@pytest.mark.parametrize("name", ALERTS)
def test_the_docs_state_severity_and_time_of_an_alert(name: str) -> None:
    """On its page, and in the table of docs/alerts.md."""
    severity, after = ALERTS[name]["labels"]["severity"], ALERTS[name].get("for")
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert f"\nSeverity: {severity}{f', after {after}' if after else ''}." in page
    table = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    assert f"\n| [{name}](runbooks/{name}.md) | {severity} | {after or 'at once'} |" in table


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_the_four_headings(page: Path) -> None:
    """In this order, each with a text, and the name of the alert above."""
    text = page.read_text(encoding="utf-8")
    title, *parts = re.split(r"^##? ", text, flags=re.MULTILINE)[1:]
    assert title.splitlines()[0] == page.stem
    assert [part.splitlines()[0] for part in parts] == HEADINGS
    assert all(len(part.split()) > 10 for part in parts)
    assert f"alertname={page.stem}" in parts[-1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_alerts_that_exist(page: Path) -> None:
    """A reference to another page."""
    named = set(re.findall(r"\bEcsync\w+", page.read_text(encoding="utf-8")))
    assert named <= {one.stem for one in PAGES}


def test_there_are_commands_in_the_pages() -> None:
    """At least one in each."""
    assert {page.stem for page in PAGES} <= {name for name, _ in EVERY}


@pytest.mark.parametrize("line", sorted({line for _, line in EVERY}))
def test_a_command_of_a_page_exists_with_its_options(line: str) -> None:
    """It is parsed as the program parses it, and not run."""
    parse(line)


@pytest.mark.parametrize(
    "line", ["ecsync statuss", "ecsync status --nothing", "ecsync approve shop", "ecsync retry a b"]
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    """The check can fail."""
    with pytest.raises(UsageError):
        parse(line)


@cache
def program() -> Any:
    """Return the program with its verbs."""
    return typer.main.get_command(cli.build())


def parse(line: str) -> None:
    """Parse a command line. A verb alone is only looked up. Raises UsageError."""
    root = program()
    verb, *arguments = shlex.split(line.partition(" #")[0])[1:]
    if verb not in root.commands:
        raise typer.BadParameter(f"there is no verb {verb}")
    if arguments:
        root.commands[verb].make_context(verb, arguments)
