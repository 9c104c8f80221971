"""What the inventory keeps: answers by their parameters, listings page by page, and items by identifier."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, TypeAlias

from ecsync.core.kind import Collection
from ecsync.core.model import Tags
from ecsync.core.ports import AwsError
from ecsync.engine.packing import NEVER, Packer, Tagged, chunks, content_of, joined, unpacked
from ecsync.engine.views import ReadAt, View

IN_USE = 600.0  # seconds since an answer was last asked for: a pass that waits for rates may take minutes


@dataclass(slots=True)
class Failed:
    """A read that failed."""

    error: AwsError


@dataclass(slots=True)
class Answer:
    """The last answer to one call. Its lock is held while it is read: the other askers wait for it."""

    packer: Packer = field(default_factory=Packer)
    lock: threading.Lock = field(default_factory=threading.Lock)
    read: ReadAt | None = None
    asked: float = 0.0
    lasts: float = 0.0  # seconds: the age up to which it is of use to those who asked
    digest: bytes = b""  # of the answer, as AWS gave it; empty: not known
    _kept: Any = None
    _content: bytes = NEVER

    @property
    def known(self) -> bytes:
        """The digest of the answer that is kept; empty where none is, or where it is not known."""
        return self.digest if type(self._kept) is bytes else b""

    @property
    def value(self) -> Any:
        """The answer, or the failure in its place. Each asker gets a tree of its own."""
        return self.packer.unpacked(self._kept)

    @property
    def failed(self) -> bool:
        """Whether it is a failure."""
        return isinstance(self._kept, Failed)

    @property
    def content(self) -> Content:
        """What is equal until an answer differs; of a listing, the listing."""
        return self._kept if isinstance(self._kept, Pages) else self._content

    def keep(self, read: ReadAt, value: Any, digest: bytes = b"") -> Any:
        """Keep an answer with its digest, and return it. None is the answer that is kept already."""
        self.read = read
        if value is None:
            return self.value
        self.digest = digest
        if isinstance(value, Pages):
            value.replaces(self._kept)
        content = content_of(value)
        if content == NEVER:
            self._kept = value
        elif content != self._content:
            self._kept = self.packer.pack(value)
        self._content = content
        return value

    def useless(self, now: float) -> bool:
        """Return whether it was not asked for while views took it, and none reads it now."""
        return now - self.asked >= self.lasts and not self.lock.locked()

    def taken(self, view: View, collection: Collection, now: float, key: str) -> bool:
        """Return whether a view takes the answer. A failure is an answer too, but not for an exact view."""
        if self.read is None:
            return False
        error = _error(self._kept)
        if error is not None:
            return _lasts(error, view) and view.takes("fast", self.read, now, key)
        if isinstance(self._kept, Pages) and self._kept.broken:
            return False
        settled = collection.settled is None or collection.settled(self.value)
        urgent = not settled or (view.guarding and collection.guards)
        return view.takes("fast" if urgent else collection.cadence, self.read, now, key)


def _lasts(error: AwsError, view: View) -> bool:
    """Return whether a failure is an answer for this view: a step reads for itself."""
    return error.kind != "credentials" and not view.exact


def _error(value: Any) -> AwsError | None:
    if isinstance(value, Failed | Pages):
        return value.error
    return None


def tried(read: Callable[[], Any]) -> Any:
    """Return what a read returns, or its failure."""
    try:
        return read()
    except AwsError as error:
        return Failed(error.again())


class Pages:
    """The items of a listing. A page is read when its items are asked for, and once for all who ask.

    When it is complete it is packed, and each asker gets trees of its own.
    """

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._before: Pages | None = None
        self._read: list[Any] = []
        self._packed: tuple[Any, ...] = ()
        self._complete = False
        self._lock = threading.Lock()
        self._under_way = False  # it stays so after an exception that is no answer of AWS
        self._content = NEVER
        self.error: AwsError | None = None

    def replaces(self, before: object) -> None:
        """Note the listing that was read before: if it is equal, it is packed already."""
        self._before = before if isinstance(before, Pages) else None

    @property
    def content(self) -> bytes:
        """What is equal until a listing differs; `NEVER` while it is not complete."""
        return self._content

    @property
    def broken(self) -> bool:
        """Whether the listing ended without being complete, and without an error of AWS. Waits for a page under way."""
        with self._lock:
            return self._under_way and self.error is None

    @property
    def complete(self) -> bool:
        """Whether every page has been read."""
        return self._complete

    def __iter__(self) -> Iterator[Any]:
        return self._unpacked() if self._complete else self._reading()

    def _unpacked(self) -> Iterator[Any]:
        return chain.from_iterable(map(unpacked, self._packed))

    def _reading(self) -> Iterator[Any]:
        position = 0
        while not self._complete:
            with self._lock:
                if position == len(self._read):
                    self._advance()
                ready = self._read[position:]
            yield from ready
            position += len(ready)
        yield from islice(self._unpacked(), position, None)

    def _advance(self) -> None:
        if self._complete:
            return  # another asker has read the end
        if self.error is not None:
            raise self.error.again()  # a listing that broke off is not complete
        if self._under_way:
            raise AwsError("transient", "ListingBrokeOff", "a page of the listing could not be read", "Listing")
        self._under_way = True
        try:
            self._read.append(next(self._items))
        except StopIteration:
            self._content, before = content_of(self._read), self._before
            same = before is not None and before.content == self._content != NEVER
            self._packed = before._packed if before is not None and same else chunks(self._read)
            self._complete, self._read, self._before = True, [], None
        except AwsError as error:
            self.error = error.again()
            raise
        self._under_way = False


@dataclass(frozen=True, slots=True)
class Body:
    """One answer of AWS to a call for several identifiers."""

    digest: bytes
    ids: tuple[str, ...]


@dataclass(slots=True)
class Item:
    """What AWS returned for one identifier: its items, or the failure in their place."""

    asked: float
    read: ReadAt | None = None
    kept: Any = ()
    content: bytes = NEVER  # of `kept`
    failure: Any = None
    error: AwsError | None = None  # of the call that asked for it
    body: Body | None = None  # that it is of


class Batch:
    """The items of one operation by identifier, in the order in which they were read. The caller holds `lock`."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        self.lock = threading.RLock()
        self._packer = Packer()
        self.items: dict[str, Item] = {}
        self._fresh: dict[str, tuple[Any, ...]] = {}  # of the last call, until the next answer

    def ask(self, ids: Iterable[str], now: float) -> None:
        """Note that these identifiers are asked for now."""
        for one in ids:
            self.items.setdefault(one, Item(now)).asked = now

    def takes(self, view: View, collection: Collection, one: str, now: float) -> bool:
        """Return whether a view takes what is kept of an identifier."""
        item = self.items[one]
        if item.read is not None and item.error is not None:
            return _lasts(item.error, view) and view.takes("fast", item.read, now, one)
        if item.read is None or (collection.failures and not item.kept and item.failure is None):
            return False
        return view.takes(collection.cadence, item.read, now, one)

    def oldest(self, view: View, collection: Collection, now: float, room: int, due: Sequence[str]) -> list[str]:
        """Return up to `room` other identifiers that will be too old soon, oldest first."""
        age, excluded = view.ages[collection.cadence], set(due)
        found: list[str] = []
        unused: list[str] = []
        for one, item in self.items.items():
            if len(found) >= room or (item.read is not None and now - item.read.seconds < age / 2):
                break
            if now - item.asked > max(2 * age, IN_USE):
                unused.append(one)
            elif item.read is not None and one not in excluded:
                found.append(one)
        self.drop(unused)
        return found

    def known(self, ids: Sequence[str]) -> bytes:
        """Return the digest of the answer to this call, if all that is kept of the identifiers is of it; else empty."""
        first = self.items.get(ids[0])
        body = first.body if first else None
        if body is None or body.ids != tuple(ids):
            return b""
        return body.digest if all(one in self.items and self.items[one].body is body for one in ids) else b""

    def keep_again(self, ids: Sequence[str], read: ReadAt) -> None:
        """Keep what is kept of these identifiers: AWS gave the same answer to the same call (`known`)."""
        for one in ids:
            item = self.items.pop(one)
            item.read = read
            self.items[one] = item

    def keep(
        self, collection: Collection, ids: Sequence[str], answer: Mapping[str, Any], read: ReadAt, digest: bytes = b""
    ) -> None:
        """Keep the answer for these identifiers. One that AWS leaves out has no items."""
        body = Body(digest, tuple(ids)) if digest else None
        items: dict[str, list[Any]] = {}
        for item in answer.get(collection.items) or ():
            items.setdefault(str(item[collection.key]), []).append(item)
        failures = {_name(one): one for one in answer.get(collection.failures) or ()} if collection.failures else {}
        self._fresh = {one: tuple(items.get(one, ())) for one in ids}
        for one, found in self._fresh.items():
            before = self.items.pop(one, None)
            asked, content = before.asked if before else read.seconds, content_of(found)
            same = before is not None and content == before.content != NEVER
            kept = before.kept if before is not None and same else self._packer.pack(found) if found else ()
            self.items[one] = Item(asked, read, kept, content, failures.get(one), body=body)

    def fail(self, ids: Sequence[str], error: AwsError, read: ReadAt) -> None:
        """Keep the failure of the call for these identifiers, so that other applications do not repeat it."""
        if error.kind == "missing" and len(ids) > 1:
            return  # one of them fails the call for all: then each one is asked for alone
        kept = error.again()
        for one in ids:
            asked = self.items.pop(one).asked
            self.items[one] = Item(asked, read, error=kept)

    def answer(self, collection: Collection, ids: Iterable[str]) -> dict[str, Any]:
        """Return what is kept of these identifiers, as AWS would return it. Raises AwsError."""
        fresh, self._fresh = self._fresh, {}
        kept = {one: self.items[one] for one in ids}
        error = next((one.error for one in kept.values() if one.error is not None), None)
        if error is not None:
            raise error.again()
        found: dict[str, Any] = {
            collection.items: [
                item for one in kept for item in (fresh.get(one) or self._packer.unpacked(kept[one].kept))
            ]
        }
        if collection.failures:
            found[collection.failures] = [one.failure for one in kept.values() if one.failure is not None]
        return found

    def content(self, ids: Iterable[str]) -> bytes:
        """Return what is equal until the items of an identifier differ; `NEVER` if one of them failed.

        Drops the trees of the last call: who wants them has them.
        """
        self._fresh = {}
        kept = [self.items[one] for one in ids]
        return joined(NEVER if one.error or one.failure else one.content for one in kept)

    def drop(self, ids: Iterable[str]) -> None:
        """Forget identifiers."""
        for one in ids:
            self.items.pop(one, None)

    def forget(self, before: float) -> None:
        """Forget what was not asked for since then."""
        self.drop([one for one, item in self.items.items() if item.asked < before])


def _name(failure: Mapping[str, Any]) -> str:
    """Return the name of what AWS could not describe: the last part of its ARN."""
    return str(failure.get("arn", "")).rpartition("/")[2]


class Marked:
    """What the tagging API lists with an owner mark: the tags by ARN, and the marks of each application and kind."""

    def __init__(self, tags: Iterable[tuple[str, Tags]], owner: str, of_id: str) -> None:
        """Take (ARN, tags), and the keys of the tags with the owner mark and with the id."""
        self._tags = Tagged((_group(of[owner]), arn, of) for arn, of in tags if owner in of)
        self._owner, self._id = owner, of_id
        self._joined: dict[int, bytes] = {}  # by the hash of the ARNs: applications with one listener ask alike

    def answer(self, collection: Collection, arn: str) -> Any:
        """Return the tags of a listed ARN as the operation of a collection returns them."""
        assert collection.as_tagged is not None
        return collection.as_tagged(arn, self._tags.get(arn) or {})

    def content(self, arn: str) -> bytes:
        """Return what is equal until the tags of an ARN differ; `NEVER` if it is not listed."""
        return self._tags.content(arn)

    def listed(self, arns: Sequence[str]) -> list[str]:
        """Return those of these ARNs that are listed."""
        if len(arns) > 1 and self.joined(arns) != NEVER:
            return list(arns)
        return [arn for arn in arns if self.content(arn) != NEVER]

    def joined(self, arns: Sequence[str]) -> bytes:
        """Return what is equal until the tags of one of these ARNs differ; `NEVER` if one is not listed."""
        key = hash(tuple(arns))
        found = self._joined.get(key)
        if found is None:
            found = self._joined[key] = joined(map(self.content, arns))
        return found

    def marks(self, application: str, kind: str) -> Iterator[tuple[str, str, str]]:
        """Yield (owner mark, ARN, id) of `v1/<installation>/<application>` and a kind."""
        for arn, tags in self._tags.group(f"{application}/{kind}"):
            yield tags[self._owner], arn, tags.get(self._id, "")


def _group(mark: str) -> str:
    """Return the application and the kind of an owner mark."""
    return mark.rpartition("/")[0]


Content: TypeAlias = bytes | Pages  # of an answer: of a listing, the listing, because its content is known at its end
