"""What is tried with each document of the corpus, and what became of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from . import edits, filling
from .account import Account, Body, left, loaded
from .filling import Services
from .results import Entry, Result


@dataclass
class Corpus:
    """The corpus, and the account in which its documents are tried."""

    directory: Path
    account: Account
    index: Sequence[Entry] = field(init=False)

    def __post_init__(self) -> None:
        self.index = json.loads((self.directory / "index.json").read_text())

    def results(self) -> Iterator[Result]:
        """Try every document that is for this, and count the others."""
        for entry in self.index:
            try_ = _TRIES.get(entry["kind"])
            if try_ is None:
                yield Result(file=entry["file"], what=entry["kind"], word="not for this")
            else:
                self.account.empty()
                yield from try_(self, entry)

    def text(self, file: str) -> str:
        """Return a document as it was found."""
        return (self.directory / file).read_bytes().decode("utf-8-sig")


# ---------------------------------------------------------------- documents that AWS takes, and those that it does not


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
    file, text = entry["file"], corpus.text(entry["file"])
    if not entry["valid"]:
        problems = [problem.message for problem in loaded(text).problems]
        parsed = _json(text)
        if isinstance(parsed, dict):  # a name may be what is wrong first
            well_named = {**parsed, _NAMES[what]: "app"}
            problems += [problem.message for problem in loaded(json.dumps(well_named)).problems]
        missing = [reason for reason in entry["reason"].split("; ") if not _told(reason, problems)]
        if missing:
            return Result(file=file, what=what, word="invalid, not told", why=f"{missing} in {problems}")
        if problems:
            return Result(file=file, what=what, word="invalid, and told why", why=problems[0])
    # What is left of the invalid ones has null for nothing, or digits for a number, and is taken.
    body, filled = fill(json.loads(text))
    problems = [problem.message for problem in loaded(json.dumps(body)).problems]
    tried = {"file": file, "what": what, "filled": tuple(dict.fromkeys(filled))}
    if problems:
        known = entry["enum_issues"] and all("cannot be" in problem for problem in problems)
        return Result(**tried, word="unknown value" if known else "refused", why="; ".join(problems))
    stands = corpus.account.keep(body)
    if stands:
        return Result(**tried, word="not applied", why=stands)
    again = left(corpus.account.plan(body))
    if again:
        return Result(**tried, word="plan not empty", why="; ".join(again))
    printed = described(corpus.account, body)
    problems = [problem.message for problem in loaded(json.dumps(printed, default=str)).problems]
    pasted = problems or left(corpus.account.plan(printed))
    if pasted:
        return Result(**tried, word="pasted back, not empty", why="; ".join(pasted))
    return Result(**tried, word="ok" if entry["valid"] else "ok, null or digits")


_NAMES = {"task definition": "family", "service": "serviceName"}
_FOR_NULL = re.compile(r"Invalid type for parameter \S+, value: None,")
_DIGITS = re.compile(r"Invalid type for parameter \S+, value: \d+, type: <class 'str'>, valid types: <class 'int'>")
_TEXT = re.compile(r"Invalid type for parameter \S+, value: \d+, type: <class 'int'>, valid types: <class 'str'>")
_SUBJECT = re.compile(
    r'Unknown parameter in \S+ "(?P<unknown>[^"]+)"|Missing required parameter in \S+ "(?P<missing>[^"]+)"'
    r"|Invalid (?:type|length) for parameter (?P<wrong>[^,]+),"
)


def _told(reason: str, problems: Sequence[str]) -> bool:
    """Tell whether a reason of the index is named in a message of ours; what we take on purpose needs none."""
    if any(taken.match(reason) for taken in (_FOR_NULL, _DIGITS, _TEXT)):
        return True
    found = _SUBJECT.search(reason)
    if found is None:
        return False
    wrong = found["wrong"]
    subject = found["unknown"] or found["missing"] or re.sub(r"\[\d+\]", "", wrong).rpartition(".")[2]
    return any(subject in problem for problem in problems)


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
    for before, after in pairwise(entry["revisions"]):
        what = "task definition, edited" if "taskdef" in after["file"] else "service, edited"
        if not (before["valid"] and after["valid"]):
            yield Result(file=after["file"], what=what, word="invalid, tried elsewhere")
            continue
        corpus.account.empty()
        bodies = [json.loads(corpus.text(one["file"])) for one in (before, after)]
        yield edits.edited(corpus.account, bodies, after, entry["repo"].partition("/")[2], what)


_TRIES: Mapping[str, Callable[[Corpus, Entry], Iterator[Result]]] = {
    "taskdef": _task_definition,
    "servicedef": _service,
    "revision-chain": _chain,
}
