"""Every snippet of the documentation is run or checked as it stands.

`sh` blocks run, in order, in one folder for each page, against a simulated account. The commands of `console` blocks
are parsed. `yaml` is loaded as manifests or settings, `json` and `python` are parsed. `exceptions.py` has what is not
run, `readers.py` what a reader has before the first block.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from ecsync.cli import run as run_verb
from tests.docs import aws_cli, checks, readers
from tests.docs.exceptions import NOT_RUN, OTHER_LANGUAGES, PARSED_ONLY, RUN_ELSEWHERE
from tests.docs.pages import ROOT, Block, blocks, inline_code, pages
from tests.docs.shell import Answer, Shell
from tests.whole.conftest import clients, ecsync, environment, simulated_aws, simulator
from tests.whole.support.command import Command
from tests.whole.support.environment import REGION, Environment

__all__ = ["clients", "ecsync", "environment", "simulated_aws", "simulator"]

_TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
# A translation has the commands of its original, which run once.
TRANSLATIONS = {"README.ko.md": "README.md"}
WITH_SHELL = [
    page
    for page in pages()
    if page not in {*TRANSLATIONS, *RUN_ELSEWHERE} and any(one.language == "sh" for one in blocks(page))
]


class Reader:
    """Answers for the programs that a block calls."""

    def __init__(self, ecsync: Command, account: Environment) -> None:
        self._ecsync = ecsync
        self._clients = account.clients
        self._url = account.simulator.url

    def __call__(self, words: list[str], folder: Path, environment: Mapping[str, str]) -> Answer:
        """Run `ecsync`, or return what a program that is not run returns."""
        if words[0] == "aws" and not _is_listed(words):
            return aws_cli.answer(words, self._clients, environment.get("AWS_REGION", REGION))
        if not words[0].endswith("ecsync"):
            return self._not_run(words)
        verb = words[1] if len(words) > 1 else ""
        if verb in PARSED_ONLY or checks.asks_a_daemon(words[1:]) or (verb == "run" and "--aws" in words):
            error = checks.parse(words[1:])
            return (64 if error else 0), "", error
        before = Path.cwd()
        simulated = {"AWS_ENDPOINT_URL": self._url}  # a page may start another one, with `ecsync simulate`
        with mock.patch.dict(os.environ, {**environment, **simulated}, clear=True):
            os.chdir(folder)
            try:
                done = self._ecsync(*words[1:])
            finally:
                os.chdir(before)
        return done.code, done.out, done.err

    def _not_run(self, words: list[str]) -> Answer:
        text = " ".join(words)
        if not _is_listed(words):
            return 127, "", f"{text}: run it in tests/docs/shell.py, or add it to NOT_RUN in tests/docs/exceptions.py"
        if words[0] == "make":
            unknown = [one for one in words[1:] if "=" not in one and one not in _TARGETS]
            return (2 if unknown else 0), "", "".join(f"the Makefile has no target {one}" for one in unknown)
        return 0, "", ""


def _is_listed(words: list[str]) -> bool:
    text = f"{' '.join(words)} "
    return any(text.startswith(one if one.endswith(".") else f"{one} ") for one in NOT_RUN)


@pytest.fixture
def shell(
    ecsync: Command, environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """A folder as a clone of the project has it, as far as the pages use it."""
    monkeypatch.setattr(run_verb, "_serve", _read_once)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    folder = tmp_path / "clone"
    for name in ("manifests", "deploy"):
        shutil.copytree(ROOT / name, folder / name)
    given = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    shell = Shell(folder=folder, scratch=tmp_path / "scratch", environment=given, run=Reader(ecsync, environment))
    for name in {one.split()[0] for one in NOT_RUN} | {"aws", "ecsync", "venv/bin/ecsync", ".venv/bin/ecsync"}:
        where, _, program = name.rpartition("/")
        shell.serve(name, folder / where / program if where else None)
    yield shell
    shell.close()


def _read_once(settings: object, *_: object) -> int:
    """In place of the daemon's loop: read the source once, as the daemon does at its start."""
    from ecsync import wiring
    from ecsync.config import Settings

    assert isinstance(settings, Settings)
    workspace = wiring.workspace(settings, settings.source, read_only=True)
    for source in workspace.sources(settings.source).values():
        if not settings.source.startswith("git+https://github.com/acme/"):  # the repository of the examples
            problems = workspace.catalogue(source.fetch()).problems
            assert not problems, problems
    return 0


@pytest.mark.parametrize("page", WITH_SHELL)
def test_every_sh_block_of_a_page_runs(page: str, shell: Shell, environment: Environment) -> None:
    """In order, in one folder. A `text` block right after one has lines of its output, with `…` for any text."""
    readers.prepare(page, shell, environment)
    before = ""
    for block in blocks(page):
        if block.language == "sh":
            failure = checks.outside(block) or shell.block(replace(block, text=checks.replaced(block)))
            assert not failure, failure
        elif block.language == "text" and before == "sh":
            missing = checks.not_printed(block, shell.output)
            assert not missing, "\n".join(missing)
        before = block.language


@pytest.mark.parametrize(
    ("script", "runs"),
    [
        ("cp rules.yaml /etc/prometheus/", False),
        ("rm -rf /", False),
        ("tee >/opt/a", False),
        ('export A="/srv/a"', False),
        ("rm ../../../a", False),
        ("cat ~/.aws/config ./a/b https://a/b s3://a/b git+file:///srv/a ssm:/a/b arn:aws:iam::1:role/a $PWD/a", True),
        ("export A=/run/secrets/a && cat /proc/sys/kernel/random/uuid >/dev/null", True),
    ],
)
def test_a_block_that_names_a_path_of_the_machine_is_not_run(script: str, runs: bool) -> None:
    """The tests run pages as the user who runs them: a page must not change the machine."""
    assert (checks.outside(Block(page="a.md", language="sh", line=1, text=script)) == "") == runs


@pytest.mark.parametrize(("page", "original"), TRANSLATIONS.items())
def test_a_translation_has_the_commands_of_its_original(page: str, original: str) -> None:
    """Every block, in the same order; the comments of a script may be translated."""
    assert list(map(_without_comments, blocks(page))) == list(map(_without_comments, blocks(original)))


def _without_comments(block: Block) -> tuple[str, list[str]]:
    lines = block.text.splitlines()
    return block.language, [re.sub(r"\s+# .*", "", line) for line in lines] if block.language == "sh" else lines


@pytest.mark.parametrize("page", pages())
def test_every_other_block_of_a_page_is_valid(page: str, tmp_path: Path) -> None:
    """Manifests, settings, policies, the options of commands; a block has a language that is known here."""
    found = [
        problem for number, block in enumerate(blocks(page)) for problem in _problems(block, tmp_path / str(number))
    ]
    assert found == [], "\n".join(found)


def _problems(block: Block, folder: Path) -> Iterator[str]:
    match block.language:
        case "console" | "sh":
            yield from checks.transcript(block)
        case "json":
            yield from checks.as_json(block, folder)
        case "yaml":
            yield from checks.as_yaml(block, folder)
        case "python":
            try:
                ast.parse(block.text)
            except SyntaxError as error:
                yield f"{block.at(error.lineno or 1)}: python: {error.msg}"
        case _ if block.language not in OTHER_LANGUAGES:
            yield (
                f"{block}: the block has the language {block.language!r}: use sh, console, yaml, json, python or text, "
                "or add it to OTHER_LANGUAGES in tests/docs/exceptions.py with a reason"
            )


def test_a_verb_that_a_text_names_exists() -> None:
    """`ecsync VERB` in backticks, in every page but those about the past."""
    verbs = {*checks.command().commands, "VERB"}
    found = [
        f"{page}:{line}: `{text}`"
        for page in pages()
        for line, text in inline_code(page)
        if (match := re.match(r"ecsync ([a-z]+)\b(?![./:])", text)) and match[1] not in verbs
    ]
    assert found == [], "no such verb:\n" + "\n".join(found)
