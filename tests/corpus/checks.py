"""The tests of each document of the corpus, and their results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.corpus import edits, filling, shortcut
from tests.corpus.account import Account, Body, left, loaded
from tests.corpus.filling import Services
from tests.corpus.results import SKIPPED, Entry, Result, rejection


@dataclass
class Corpus:
    """The corpus, and the simulated account for its documents."""

    directory: Path
    account: Account
    index: Sequence[Entry] = field(init=False)

    def __post_init__(self) -> None:
        self.index = json.loads((self.directory / "index.json").read_text())

    def results(self) -> Iterator[Result]:
        """Test every document of a supported kind, and yield the others as skipped."""
        for entry in self.index:
            test = _TESTS.get(entry["kind"])
            if test is None:
                yield Result(file=entry["file"], what=entry["kind"], outcome=SKIPPED)
            else:
                self.account.empty()
                yield from test(self, entry)

    def text(self, file: str) -> str:
        """Return the text of a document."""
        return (self.directory / file).read_bytes().decode("utf-8-sig")


# ---------------------------------------------------------------- valid and invalid documents


def _task_definition(corpus: Corpus, entry: Entry) -> Iterator[Result]:
    yield _document(corpus, entry, "task definition", filling.task, _described_task)


def _service(corpus: Corpus, entry: Entry) -> Iterator[Result]:
    name = entry["repo"].partition("/")[2]

    def fill(body: Mapping[str, Any]) -> tuple[Body, list[str]]:
        return Services(corpus.account, [body]).fill(body, name)

    yield _document(corpus, entry, "service", fill, _described_service)


def _document(
    corpus: Corpus,
    entry: Entry,
    what: str,
    fill: Callable[[Mapping[str, Any]], tuple[Body, list[str]]],
    described: Callable[[Account, Body], Body],
) -> Result:
    file = entry["file"]
    if not entry["valid"]:
        return _invalid(corpus, entry, what)
    body, filled = fill(json.loads(corpus.text(file)))
    problems = [problem.message for problem in loaded(json.dumps(body)).problems]
    tried = {"file": file, "what": what, "filled": tuple(dict.fromkeys(filled))}
    if problems:
        return Result(**tried, outcome=rejection(file, problems), why="; ".join(problems))
    obstacle = corpus.account.keep(body)
    if obstacle:
        return Result(**tried, outcome="not applied", why=obstacle)
    again = left(corpus.account.plan(body))
    if again:
        return Result(**tried, outcome="plan not empty", why="; ".join(again))
    missed = shortcut.missed(corpus.account.look(body))
    if missed:
        return Result(**tried, outcome="not found by the shortcut", why="; ".join(missed))
    printed = described(corpus.account, body)
    problems = [problem.message for problem in loaded(json.dumps(printed, default=str)).problems]
    remaining = problems or left(corpus.account.plan(printed))
    if remaining:
        return Result(**tried, outcome="describe output, not empty", why="; ".join(remaining))
    return Result(**tried, outcome="ok")


def _invalid(corpus: Corpus, entry: Entry, what: str) -> Result:
    """Check that the problems of the document contain every reason of the index."""
    file, text = entry["file"], corpus.text(entry["file"])
    problems = [problem.message for problem in loaded(text).problems]
    parsed = _json(text)
    if isinstance(parsed, dict):  # a problem with the name hides the others
        well_named = {**parsed, _NAMES[what]: "app"}
        problems += [problem.message for problem in loaded(json.dumps(well_named)).problems]
    missing = [reason for reason in _REASONS.split(entry["reason"]) if not _is_reported(reason, problems)]
    if missing:
        return Result(file=file, what=what, outcome="invalid, reason missing", why=f"{missing} in {problems}")
    return Result(file=file, what=what, outcome="invalid, reason reported", why=problems[0])


_NAMES = {"task definition": "family", "service": "serviceName"}
_REASONS = re.compile(r"; (?=Unknown|Missing|Invalid)")
_UNKNOWN = re.compile(r'Unknown parameter in (?P<place>\S+): "(?P<name>[^"]+)"')
_MISSING = re.compile(r'Missing required parameter in (?P<place>\S+): "(?P<name>[^"]+)"')
_TYPE = re.compile(
    r"Invalid type for parameter (?P<place>\S+), value: .*, type: <class '(?P<is>\w+)'>, "
    r"valid types: <class '(?P<wanted>\w+)'>",
    re.DOTALL,
)
_LENGTH = re.compile(
    r"Invalid length for parameter (?P<place>\S+), value: (?P<is>\d+), valid min length: (?P<least>\d+)"
)
_WANTED = {
    "str": "text", "int": "an integer", "float": "a number", "bool": "true or false", "list": "a list",
    "dict": "(?:a block of fields|a map)",
}  # fmt: skip
_IS = {"NoneType": "null", "dict": "a map", "list": "a list", "bool": "(?:true|false)"}


def _is_reported(reason: str, problems: Sequence[str]) -> bool:
    """Return whether a message matches a reason of the index: the whole path, and the problem."""
    pattern = _message_pattern(reason)
    return pattern is not None and any(re.search(pattern, problem) for problem in problems)


def _message_pattern(reason: str) -> str | None:
    """Return the pattern of a message that matches a reason of the index; None for an unknown form."""
    if found := _UNKNOWN.match(reason):
        return rf'unknown field "{re.escape(found["name"])}" in {_path(found)}(?![\w.\[])'
    if found := _MISSING.match(reason):
        return rf'missing required field "{re.escape(found["name"])}" in {_path(found)}(?![\w.\[])'
    if found := _TYPE.match(reason):
        return rf"{_path(found)} must be {_WANTED[found['wanted']]}, not {_IS.get(found['is'], '')}"
    if found := _LENGTH.match(reason):
        return rf"{_path(found)} has {found['is']} \w+; AWS accepts at least {found['least']}"
    return None


def _path(reason: re.Match[str]) -> str:
    """Return the pattern of the whole path of a reason, with the kind."""
    place = reason["place"]
    return r"\b(?:TaskDefinition|Service|a task definition)" + ("" if place == "input" else re.escape(f".{place}"))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _described_task(account: Account, body: Body) -> Body:
    family = body.get("taskDefinition", body)["family"]
    answer: Body = account.aws("ecs").describe_task_definition(taskDefinition=family, include=["TAGS"])
    return {"taskDefinition": answer["taskDefinition"], "tags": answer["tags"]}


def _described_service(account: Account, body: Body) -> Body:
    cluster = body.get("cluster", "default")
    answer: Body = account.aws("ecs").describe_services(
        cluster=cluster, services=[body["serviceName"]], include=["TAGS"]
    )
    return {"services": answer["services"]}


def _chain(corpus: Corpus, entry: Entry) -> Iterator[Result]:
    for revision in entry["revisions"]:
        if not revision["valid"]:
            yield _invalid(corpus, revision, "task definition" if "taskdef" in revision["file"] else "service")
    yield from edits.chain(corpus.account, entry, lambda file: json.loads(corpus.text(file)))


_TESTS: Mapping[str, Callable[[Corpus, Entry], Iterator[Result]]] = {
    "taskdef": _task_definition,
    "servicedef": _service,
    "revision-chain": _chain,
}
