"""Findings, and the resolved documents that checks look at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from ecsync.core.model import Desired, Key, Origin, Present, Text
from ecsync.core.ports import AwsError
from ecsync.core.trees import Body, Json, at, leaves

# The action in AWS's messages about a denied call.
LACKS = re.compile(r"not authorized to perform: ([\w-]+:\w+)")
Verdict = Literal["passed", "failed", "not checked"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is declared."""

    key: Key
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one question about one declared value."""

    check: str  # images, roles, secrets, …
    verdict: Verdict
    place: Place
    subject: str  # an image, an ARN, a host name
    message: str  # what AWS returned, or why AWS was not asked
    advice: str = ""  # what a person can do
    right: str = ""  # the IAM action that the caller lacks


@dataclass(frozen=True, slots=True)
class Check:
    """Makes the findings of one check."""

    name: str

    def passed(self, place: Place, subject: str, message: str) -> Finding:
        """Return that AWS has what is declared."""
        return Finding(check=self.name, verdict="passed", place=place, subject=subject, message=message)

    def failed(self, place: Place, subject: str, message: str, advice: str) -> Finding:
        """Return that the declared value will not work."""
        return Finding(check=self.name, verdict="failed", place=place, subject=subject, message=message, advice=advice)

    def unchecked(self, place: Place, subject: str, message: str, right: str = "") -> Finding:
        """Return that the value is not known to work, and not known to fail.

        Without a `right`, it is the one that AWS's message names.
        """
        named = LACKS.search(message)
        right = right or (named[1] if named else "")
        advice = f"allow {right}" if right else ""
        return Finding(
            check=self.name,
            verdict="not checked",
            place=place,
            subject=subject,
            message=message,
            advice=advice,
            right=right,
        )

    def refused(self, place: Place, subject: str, refusal: Refusal) -> Finding:
        """Return that AWS did not answer the question."""
        return self.unchecked(place, subject, refusal.message, refusal.right)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why AWS did not answer; `right` is the IAM action that the caller lacks."""

    message: str
    right: str = ""

    @classmethod
    def of(cls, error: AwsError, right: str) -> Refusal:
        """Return the refusal of an error; `right` is the action of its operation."""
        if error.kind == "denied":
            return cls(f"the caller lacks {right}", right)
        if error.kind == "throttled":
            return cls(f"AWS throttled {error.operation}; repeat the command later")
        return cls(f"AWS returned an error: {error}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document with its references resolved, as far as their values are known."""

    desired: Desired
    written: Body  # as the manifest has it, with its references
    live: Present | None = None  # the resource, if it exists
    unread: str = ""  # why it is not known whether it exists
    managed: bool = True  # ecsync writes it; False: it is only looked up

    @property
    def key(self) -> Key:
        """The name in the manifest."""
        return self.desired.key

    @property
    def body(self) -> Body:
        """The resolved body."""
        return self.desired.body

    @property
    def added(self) -> bool:
        """Whether an apply would create it."""
        present = self.desired.options.state == "present"
        return self.live is None and not self.unread and self.managed and present

    def get(self, *path: str | int) -> Json:
        """Return the value at a path; None if it is not declared."""
        return at(self.body, path)

    def place(self, *path: str | int) -> Place:
        """Return the place of the longest declared part of a path."""
        origins = self.desired.origins
        lengths = range(len(path), 0, -1)
        origin = next((origins[path[:length]] for length in lengths if path[:length] in origins), self.desired.origin)
        return Place(self.key, origin)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The documents of one account and Region."""

    account: str
    region: str
    partition: str
    now: datetime
    documents: Sequence[Document]

    def of_kind(self, kind: str) -> Iterator[Document]:
        """Yield the documents of a kind that are declared present."""
        for document in self.documents:
            if document.key.kind == kind and document.desired.options.state == "present":
                yield document

    @cached_property
    def _by_key(self) -> Mapping[Key, Document]:
        return {document.key: document for document in self.documents}

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], Document]:
        names = {"Role": "RoleName", "LogGroup": "logGroupName", "Repository": "repositoryName"}
        found: dict[tuple[str, str], Document] = {}
        for document in self.documents:
            name = document.body.get(names.get(document.key.kind, ""))
            if isinstance(name, str):
                found.setdefault((document.key.kind, name), document)
        return found

    @cached_property
    def _by_output(self) -> Mapping[tuple[str, str], Document]:
        found: dict[tuple[str, str], Document] = {}
        for document in self.documents:
            for output in document.live.outputs.values() if document.live is not None else ():
                if isinstance(output, str):
                    found.setdefault((document.key.kind, output), document)
        return found

    def declared(self, kind: str, value: Json) -> Document | None:
        """Return the document that a value means: a reference, an ARN or a name."""
        if isinstance(value, Text):
            return next((self._by_key[ref.key] for ref in value.refs if ref.key in self._by_key), None)
        if not isinstance(value, str):
            return None
        name = value.rsplit("/", 1)[-1]
        return self._by_name.get((kind, value)) or self._by_name.get((kind, name)) or self._by_output.get((kind, value))

    def why_unknown(self, value: Json) -> str:
        """Return why a value is not known: what it refers to, and that this does not exist yet or cannot be read."""
        refs = [ref for _, leaf in leaves(value) if isinstance(leaf, Text) for ref in leaf.refs]
        for ref in refs:
            document = self._by_key.get(ref.key)
            if document is not None and document.unread:
                return f"{ref} has no value: {document.unread}"
            if document is not None and not document.managed:
                return f"{ref} has no value: {ref.key} is only looked up, and was not found"
        return f"{refs[0]} does not exist yet" if refs else "the value is not known"

    def arn(self, service: str, path: str, *, region: str | None = None, account: str | None = None) -> str:
        """Return an ARN in this account and Region, or in others."""
        place = f"{self.region if region is None else region}:{self.account if account is None else account}"
        return f"arn:{self.partition}:{service}:{place}:{path}"


def is_known(value: Json) -> bool:
    """Return whether a value has no reference without a value."""
    return not any(isinstance(leaf, Text) for _, leaf in leaves(value))


def containers(document: Document) -> Iterator[tuple[int, Body]]:
    """Yield the containers of a task definition with their indexes."""
    for index, container in enumerate(document.get("containerDefinitions") or ()):
        if isinstance(container, Mapping):
            yield index, container


def task_of(scope: Scope, service: Document) -> Document | None:
    """Return the task definition of a service, if it is declared."""
    # The reference of the manifest: its value names a revision, and not the document.
    return scope.declared("TaskDefinition", service.written.get("taskDefinition"))


def on_fargate(scope: Scope, service: Document) -> bool:
    """Return whether the tasks of a service run on Fargate, as far as the manifests state it."""
    strategy = service.get("capacityProviderStrategy") or ()
    providers = [str(one.get("capacityProvider")) for one in strategy if isinstance(one, Mapping)]
    if service.get("launchType") or providers:
        return service.get("launchType") == "FARGATE" or any(one.startswith("FARGATE") for one in providers)
    task = task_of(scope, service)
    return task is not None and list(task.get("requiresCompatibilities") or ()) == ["FARGATE"]
