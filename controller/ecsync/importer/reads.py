"""Read live resources with each kind's own read, as far as they can be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

from ecsync.core import marks
from ecsync.core.kind import Kind, Wanted
from ecsync.core.model import Absent, Key, Observed, PhysicalId, Present, Unreadable
from ecsync.core.ports import AwsError
from ecsync.core.trees import Body, Json
from ecsync.importer import display_names, gaps
from ecsync.importer.gaps import Gap
from ecsync.importer.model import Item, Known, Note, Survey
from ecsync.importer.references import identity
from ecsync.importer.snapshot_reader import SnapshotReader
from ecsync.language.fitting import fitted

_PATIENCE = 3  # reads one after another that AWS does not answer, before the others of the kind are not tried


class Finding:
    """Reads, and keeps what it read: items, what to look at, and what could not be read."""

    def __init__(self, reader: SnapshotReader, known: Known) -> None:
        self.reader = reader
        self.known = known
        self.kinds = known.kinds
        self.found = Survey(reader=reader)
        self.world: dict[Key, Observed] = {}

    def fit(self, kind: str, described: Body) -> Body:
        """Return what describe prints in the shape of a body."""
        shape = self.known.shape(self.kinds[kind])
        assert shape is not None
        body: Body = fitted(described, shape, strict=False)
        return {name: value for name, value in body.items() if name in shape.members}

    def read(self, name: str, bodies: Iterable[Body], *, whole: bool = True, looked_up: str = "") -> list[Item]:
        """Read the resources of a kind; what is not there or cannot be read is noted, and stays a literal."""
        kind = self.kinds.get(name)
        if kind is None:
            return []
        wanted: dict[Key, Wanted] = {}
        for body in bodies:
            key = self.key(name, str(identity(kind, body)))
            if key not in self.world:
                wanted[key] = Wanted(key=key, body=body, owner=self._owner(key), managed=False)
        observed = self._observed(
            kind, list(wanted.values()), missed=whole and not looked_up and kind.calls is not None
        )
        self.world |= observed
        return [item for key in wanted if (item := self._item(key, observed[key], whole, looked_up))]

    def _observed(self, kind: Kind, wanted: Sequence[Wanted], *, missed: bool) -> dict[Key, Observed]:
        """Read all at once; where that fails, what is left by itself: one that is denied says nothing of the others."""
        found, failure = self._asked(kind, wanted)
        failures: dict[Key, AwsError] = {}
        patience = _PATIENCE
        for want in [want for want in wanted if want.key not in found] if failure else ():
            if patience and len(wanted) > 1:
                alone, failure = self._asked(kind, [want])
                found |= alone
                patience = patience - 1 if failure and failure.kind != "denied" else _PATIENCE
            if failure and want.key not in found:
                failures[want.key] = failure
        for want in wanted:
            found.setdefault(want.key, Unreadable(str(failures.get(want.key, "AWS's answer did not speak of it"))))
            self._told(display_names.of(kind, want), found[want.key], failures.get(want.key), missed=missed)
        return found

    def _told(self, what: str, observed: Observed, failure: AwsError | None, *, missed: bool) -> None:
        if failure is not None:
            self.missed(what, failure, missed=missed)
        elif isinstance(observed, Unreadable):
            self.found.gaps.append(Gap(what=what, why=observed.error, missed=missed))

    def _asked(self, kind: Kind, wanted: Sequence[Wanted]) -> tuple[dict[Key, Observed], AwsError | None]:
        found: dict[Key, Observed] = {}
        try:
            found.update(kind.read(self.reader, wanted, self.world) if wanted else ())
        except AwsError as failure:
            if failure.kind == "credentials":
                raise
            return found, failure
        return found, None

    def listed(self, what: str, service: str, operation: str, result: str, /, **params: Json) -> list[Body]:
        """Return a listing; what cannot be listed is noted, and there is nothing of it."""
        try:
            return list(self.reader.pages(service, operation, result, **params))
        except AwsError as failure:
            self.missed(what, failure)
            return []

    def missed(self, what: str, failure: AwsError, *, missed: bool = True) -> None:
        """Remember what a failed read leaves open; lost credentials say nothing about anything."""
        if failure.kind == "credentials":
            raise failure
        self.found.gaps.append(gaps.unread(what, failure, missed=missed))

    def _owner(self, key: Key) -> str:
        """Return an owner mark that nothing has: reads tell by it what belongs to a document, and none is made yet."""
        nobody = replace(key, name=f"import-{sha256(key.name.encode()).hexdigest()[:32]}")
        return marks.owner(self.known.installation or "import", nobody)

    def _item(self, key: Key, observed: Observed, whole: bool, looked_up: str) -> Item | None:
        if not isinstance(observed, Present):
            if isinstance(observed, Absent):
                self.note(key, "is not there: what names it keeps the name")
            return None
        if observed.marks and observed.marks.owner == self._owner(key):
            observed = replace(observed, marks=None)  # a child that would be the document's: it has no mark of its own
        why = looked_up or self._not_ours(key.kind, observed)
        whole = whole and not looked_up
        item = Item(
            key=key, present=observed, managed=whole and not why, why=why if whole or looked_up else "", whole=whole
        )
        self.found.items[key] = item
        return item

    def _not_ours(self, name: str, present: Present) -> str:
        """Say who else keeps a resource; empty where nobody does, or this application itself."""
        live = present.marks
        if live is None:
            return f"{present.foreign} manages it" if present.foreign else ""
        parsed = marks.key_of(live.owner)
        if parsed is None:
            return "its ecsync:owner tag is in a format that this version does not know"
        if (parsed[0], parsed[1].application) != (self.known.installation, self.known.application):
            return f"installation {parsed[0]} manages it as {parsed[1].full}"
        target, natural = self.known.target, self.kinds[name].natural(present.body)
        place = PhysicalId(account=target.account, region=target.region, kind=name, natural=str(natural))
        if self.kinds[name].tagging and live.id and live.id != marks.identity(place):
            return "its ecsync:owner tag was copied from another resource"
        return ""

    def key(self, kind: str, natural: str) -> Key:
        """Return the key of a resource, with what AWS calls it in place of a name."""
        return Key(application=self.known.application, kind=kind, name=natural)

    def note(self, key: Key, text: str) -> None:
        """Remember what a person should look at."""
        self.found.notes.append(Note(key, text))
