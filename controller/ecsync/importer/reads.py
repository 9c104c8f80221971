"""Read live resources with each kind's own read, and collect them into a survey."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

from ecsync.core import marks
from ecsync.core.kind import Kind, Wanted
from ecsync.core.model import Absent, Key, Observed, Present, Unreadable
from ecsync.core.ports import AwsError
from ecsync.core.trees import Body, Json
from ecsync.importer import display_names, gaps
from ecsync.importer.gaps import Gap
from ecsync.importer.model import ImportContext, LiveResource, ReviewNote, Survey
from ecsync.importer.references import identity
from ecsync.importer.snapshot_reader import SnapshotReader
from ecsync.language.fitting import fitted

_MOST_FAILURES = 3  # in a row (a denial does not count): the other resources of the kind are then not tried


class Collector:
    """Reads resources, and collects the readable ones, review notes and gaps in `survey`."""

    def __init__(self, reader: SnapshotReader, context: ImportContext) -> None:
        self.reader = reader
        self.context = context
        self.kinds = context.kinds
        self.survey = Survey(reader=reader)
        self.world: dict[Key, Observed] = {}

    # ------------------------------------------------------------ reads

    def read(
        self, kind_name: str, bodies: Iterable[Body], *, identity_only: bool = False, lookup_reason: str = ""
    ) -> list[LiveResource]:
        """Read resources of a kind and return those that are present; of the others, references stay literals.

        With `identity_only`, the documents will hold just what each resource is found by. So they do with a
        `lookup_reason`, which is then why the documents are read-only.
        """
        kind = self.kinds.get(kind_name)
        if kind is None:
            return []
        wanted: dict[Key, Wanted] = {}
        for body in bodies:
            key = self.key(kind_name, str(identity(kind, body)))
            if key not in self.world:
                wanted[key] = Wanted(key=key, body=body, owner=self._unused_owner(key), managed=False)
        identity_only = identity_only or bool(lookup_reason)
        observed = self._observe(kind, list(wanted.values()), left_out=not identity_only and kind.calls is not None)
        self.world |= observed
        found = (self._collect(key, observed[key], identity_only, lookup_reason) for key in wanted)
        return [resource for resource in found if resource]

    def list_all(self, what: str, service: str, operation: str, result: str, /, **params: Json) -> list[Body]:
        """Return a listing; a failure is a gap named `what`, and the listing is empty."""
        try:
            return list(self.reader.pages(service, operation, result, **params))
        except AwsError as failure:
            self.add_gap(what, failure)
            return []

    def shaped(self, kind_name: str, described: Body) -> Body:
        """Return a describe response in the shape of the kind's body."""
        shape = self.context.shape(self.kinds[kind_name])
        assert shape is not None
        body: Body = fitted(described, shape, strict=False)
        return {name: value for name, value in body.items() if name in shape.members}

    def key(self, kind_name: str, natural: str) -> Key:
        """Return the key of a resource: it holds AWS's identifier in place of a document name."""
        return Key(application=self.context.application, kind=kind_name, name=natural)

    def add_note(self, key: Key, text: str) -> None:
        """Add something that a person should review."""
        self.survey.notes.append(ReviewNote(key, text))

    def add_gap(self, what: str, failure: AwsError, *, left_out: bool = True) -> None:
        """Add the gap of a failed read. Raises the failure itself where the credentials are lost."""
        if failure.kind == "credentials":
            raise failure
        self.survey.gaps.append(gaps.unread(what, failure, left_out=left_out))

    # ------------------------------------------------------------ one kind

    def _observe(self, kind: Kind, wanted: Sequence[Wanted], *, left_out: bool) -> dict[Key, Observed]:
        found, failures = self._read_all(kind, wanted)
        for want in wanted:
            failure = failures.get(want.key)
            reason = str(failure) if failure else "AWS's response does not contain it"
            observed = found.setdefault(want.key, Unreadable(reason))
            name = display_names.of(kind, want)
            if failure is not None:
                self.add_gap(name, failure, left_out=left_out)
            elif isinstance(observed, Unreadable):
                self.survey.gaps.append(Gap(resource=name, reason=observed.error, left_out=left_out))
        return found

    def _read_all(self, kind: Kind, wanted: Sequence[Wanted]) -> tuple[dict[Key, Observed], dict[Key, AwsError]]:
        """Read all resources at once; where that fails, read the missing ones alone."""
        found, failure = self._try_read(kind, wanted)
        missing = [want for want in wanted if want.key not in found]
        if failure is None:
            return found, {}
        if len(wanted) == 1:
            return found, {want.key: failure for want in missing}
        alone, failures = self._read_one_by_one(kind, missing)
        return found | alone, failures

    def _read_one_by_one(self, kind: Kind, wanted: Iterable[Wanted]) -> tuple[dict[Key, Observed], dict[Key, AwsError]]:
        """Read each resource alone: a denial of one does not affect the others. Stop after some failures in a row."""
        found: dict[Key, Observed] = {}
        failures: dict[Key, AwsError] = {}
        tries = _MOST_FAILURES
        failure: AwsError | None = None
        for want in wanted:
            if tries:
                alone, failure = self._try_read(kind, [want])
                found |= alone
                tries = tries - 1 if failure and failure.kind != "denied" else _MOST_FAILURES
            if failure and want.key not in found:
                failures[want.key] = failure
        return found, failures

    def _try_read(self, kind: Kind, wanted: Sequence[Wanted]) -> tuple[dict[Key, Observed], AwsError | None]:
        """Return what a read yields, and the failure that ended it, if any. Raises where the credentials are lost."""
        found: dict[Key, Observed] = {}
        try:
            found.update(kind.read(self.reader, wanted, self.world) if wanted else ())
        except AwsError as failure:
            if failure.kind == "credentials":
                raise
            return found, failure
        return found, None

    def _unused_owner(self, key: Key) -> str:
        """Return an owner mark that no resource carries: a read compares marks with it, and no document exists yet."""
        unused = key._replace(name=f"import-{sha256(key.name.encode()).hexdigest()[:32]}")
        return marks.owner(self.context.installation or "import", unused)

    # ------------------------------------------------------------ one resource

    def _collect(self, key: Key, observed: Observed, identity_only: bool, lookup_reason: str) -> LiveResource | None:
        if not isinstance(observed, Present):
            if isinstance(observed, Absent):
                self.add_note(key, "does not exist: references to it stay literal names or ARNs")
            return None
        if observed.marks and observed.marks.owner == self._unused_owner(key):
            observed = replace(observed, marks=None)  # a child kind reports the document's own mark; it has none
        reason = lookup_reason or self._other_owner(key.kind, observed)
        resource = LiveResource(
            key=key,
            present=observed,
            managed=not identity_only and not reason,
            reason=reason if lookup_reason or not identity_only else "",
            identity_only=identity_only,
        )
        self.survey.resources[key] = resource
        return resource

    def _other_owner(self, kind_name: str, present: Present) -> str:
        """Return which other owner manages a resource; empty if none, or if it is this application."""
        live = present.marks
        if live is None:
            return f"{present.foreign} manages it" if present.foreign else ""
        parsed = marks.key_of(live.owner)
        if parsed is None:
            return "this version cannot read its ecsync:owner tag"
        if (parsed[0], parsed[1].application) != (self.context.installation, self.context.application):
            return f"installation {parsed[0]} manages it as {parsed[1].full}"
        kind, target = self.kinds[kind_name], self.context.target
        natural = str(kind.natural(present.body))
        if kind.tagging and live.id and live.id != marks.identity(kind.physical(target, natural)):
            return "its ecsync:owner tag was copied from another resource"
        return ""
