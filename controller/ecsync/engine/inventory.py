"""The inventory: what was read of one account and Region, shared by all applications that ask for it.

An answer is used again until it is too old for who asks (`views.py`). One thread reads it, the others wait for it. A
batch that is not full also asks for what other applications asked for last time, oldest first. Nothing here is a fact
about AWS: losing it costs reads.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, get_args

from ecsync.core import marks
from ecsync.core.kind import Cadence, Collection, Kind, Owned
from ecsync.core.model import Tags
from ecsync.core.ports import AwsError, Cloud
from ecsync.core.trees import canonical
from ecsync.engine.answers import Answer, Batch, Failed, Marked, Pages, tried
from ecsync.engine.views import MOMENT, ReadAt, View

TAGS_LAG = 120.0  # seconds: the tagging API may return older tags than a direct read before
_UNUSED = 3600.0  # seconds after which an answer that was not asked for is dropped
_SWEEP = 600.0
_IN_USE = 600.0  # seconds since an answer was last asked for
_GET_RESOURCES = ("resourcegroupstaggingapi", "GetResources")

_MARKED = {cadence: Collection(operation=".".join(_GET_RESOURCES), cadence=cadence) for cadence in get_args(Cadence)}

T = TypeVar("T")
Listed: TypeAlias = tuple[Owned, ...]


class Inventory:
    """Reads of one account and Region. Safe across threads."""

    def __init__(self, cloud: Cloud, monotonic: Callable[[], float], kinds: Mapping[str, Kind]) -> None:
        declared = [collection for kind in kinds.values() for collection in kind.collections]
        self._cloud = cloud
        self._monotonic = monotonic
        self._collections = {one.operation: one for one in declared}
        tagged = (kind.tagged_as for kind in kinds.values() if any(one.tags_of for one in kind.collections))
        self._types = tuple(sorted({type_ for type_ in tagged if type_}))
        self._lock = threading.Lock()
        self._order = 0
        self._answers: dict[str, Answer] = {}
        self._batches: dict[str, Batch] = {}
        self._throttled: dict[str, tuple[float, AwsError]] = {}  # by operation: when AWS throttled it last
        self._swept = monotonic()
        self._listings: dict[str, float] = {}  # of what is ours: when no view takes them any more
        self.reads: Counter[tuple[str, str]] = Counter()  # requests to AWS by operation and reason

    def reader(self, view: View) -> InventoryReader:
        """Return a reader that takes the answers of a view."""
        self._sweep()
        return InventoryReader(self, view)

    def mark(self) -> int:
        """Return the place in the order of everything that was read until now."""
        with self._lock:
            self._order += 1
            return self._order

    @property
    def size(self) -> int:
        """The number of answers and items that are kept."""
        with self._lock:
            return len(self._answers) + sum(len(batch.items) for batch in self._batches.values())

    def ages(self) -> Mapping[str, float]:
        """Return the age in seconds of the oldest answer in use, by operation."""
        now = self._monotonic()
        with self._lock:
            answers, batches = list(self._answers.items()), list(self._batches.items())
        used = [(key, one.read) for key, one in answers if one.read and now - one.asked < _IN_USE]
        for key, batch in batches:
            with batch.lock:
                used += [(key, one.read) for one in batch.items.values() if one.read and now - one.asked < _IN_USE]
        oldest: dict[str, float] = {}
        for key, read in used:
            name = key.partition(" ")[0].partition(":")[0]
            if "." in name:
                oldest[name] = max(oldest.get(name, 0.0), now - read.seconds)
        return oldest

    def expire(self) -> None:
        """Forget every answer."""
        with self._lock:
            self._answers.clear()
            self._batches.clear()

    # ---------------------------------------------------------------- what a reader asks for

    def answer(self, view: View, service: str, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer to one call."""
        collection = self._collection(service, operation)
        if collection.tags_of and collection.tags_of in params:
            return self._tags(view, collection, service, operation, params)
        if collection.ids and collection.ids in params:
            return self._batch(view, collection, service, operation, params)

        def read() -> Mapping[str, Any]:
            found = self._cloud.call(service, operation, **params)
            return collection.part(found) if collection.part else found

        return self._kept(view, collection, f"{service}.{operation}", params, read)

    def items(self, view: View, service: str, operation: str, result: str, params: Mapping[str, Any]) -> Iterator[Any]:
        """Return the items of all pages. Raises the AwsError of a listing that failed before."""
        collection = self._collection(service, operation)
        if collection.ids and collection.ids in params:
            return iter(self._batch(view, collection, service, operation, params, pages=True)[result])
        name = f"{service}.{operation}:{result}"
        pages = self._kept(
            view, collection, name, params, lambda: Pages(self._cloud.pages(service, operation, result, **params))
        )
        return iter(pages) if pages.complete else self._noting(collection, pages)

    def _noting(self, collection: Collection, pages: Iterable[Any]) -> Iterator[Any]:
        """Yield the items of a listing that is still read, and note its error."""
        try:
            yield from pages
        except AwsError as error:
            self._note(collection.operation, error)
            raise

    def cached(self, service: str, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what AWS never changes. If it is read now, it may contain another answer, which is as new."""
        contains = self._collection(service, operation).contains
        if contains is None or self._cloud.keeps(service, operation, **params):
            return self._cloud.cached(service, operation, **params)
        read = ReadAt(self._monotonic(), self.mark())
        found = self._cloud.cached(service, operation, **params)
        self._keep(*contains(found), read)
        return found

    def _keep(self, name: str, params: Mapping[str, Any], value: Mapping[str, Any], read: ReadAt) -> None:
        """Keep an answer, unless a newer one is kept."""
        with self._lock:
            answer = self._answers.setdefault(_key(name, params), Answer())
        with answer.lock:
            if answer.read is None or answer.read.order < read.order:
                answer.keep(read, value)
                answer.asked = read.seconds

    def _collection(self, service: str, operation: str) -> Collection:
        name = f"{service}.{operation}"
        return self._collections.get(name) or Collection(operation=name)

    # ---------------------------------------------------------------- answers by their parameters

    def _kept(
        self, view: View, collection: Collection, name: str, params: Mapping[str, Any], read: Callable[[], T]
    ) -> T:
        """Return the kept answer if the view takes it, else read it. One thread reads, the others wait."""
        key = _key(name, params)
        with self._lock:
            answer = self._answers.setdefault(key, Answer())
        with answer.lock:
            now = self._monotonic()
            answer.asked = now
            if not answer.taken(view, collection, now, key):
                read_at = self._begin(collection.operation, view)
                value: T | Failed = answer.keep(read_at, tried(read))
                if isinstance(value, Failed):
                    self._note(collection.operation, value.error)
            else:
                value = answer.value
        if isinstance(value, Failed):
            raise value.error
        return value

    def _begin(self, operation: str, view: View) -> ReadAt:
        """Count a read, and return when it begins.

        Raises AwsError while AWS throttles the operation: then one read in a moment tries it, and steps.
        """
        with self._lock:
            at, throttled = self._throttled.get(operation, (float("-inf"), None))
            if throttled is not None and view.reason != "fresh" and self._monotonic() - at < MOMENT:
                raise throttled
            self._order += 1
            if "." in operation:  # a listing of what is ours is made of other reads
                self.reads[operation, view.reason] += 1
            return ReadAt(self._monotonic(), self._order)

    def _note(self, operation: str, error: AwsError) -> None:
        """Note that AWS throttles an operation."""
        if error.kind == "throttled":
            with self._lock:
                self._throttled[operation] = self._monotonic(), error

    # ---------------------------------------------------------------- answers by identifier

    def _batch(
        self,
        view: View,
        collection: Collection,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        *,
        pages: bool = False,
    ) -> Mapping[str, Any]:
        """Return the answer for these identifiers, made of kept items and of one call for what is too old."""
        asked = [str(one) for one in params[collection.ids]]
        scope = {name: value for name, value in params.items() if name != collection.ids}
        with self._lock:
            batch = self._batches.setdefault(_key(collection.operation, scope), Batch())

        def describe(ids: Sequence[str]) -> Mapping[str, Any]:
            wanted = {**scope, collection.ids: list(ids)}
            if pages:
                return {collection.items: list(self._cloud.pages(service, operation, collection.items, **wanted))}
            return self._cloud.call(service, operation, **wanted)

        with batch.lock:
            now = self._monotonic()
            batch.ask(asked, now)
            due = [one for one in asked if not batch.takes(view, collection, one, now)]
            if due:
                fill = [] if view.exact else batch.oldest(view, collection, now, collection.size - len(due), due)
                self._describe(view, collection, batch, (due, fill), describe)
            return batch.answer(collection, asked)

    def _describe(
        self,
        view: View,
        collection: Collection,
        batch: Batch,
        ids: tuple[Sequence[str], Sequence[str]],
        describe: Callable[[Sequence[str]], Mapping[str, Any]],
    ) -> None:
        """Read what is due, and the fill. If the fill makes the call fail, read what is due alone."""
        due, fill = ids
        read = self._begin(collection.operation, view)
        try:
            batch.keep(collection, [*due, *fill], describe([*due, *fill]), read)
        except AwsError as error:
            self._note(collection.operation, error)
            if not fill or error.kind not in ("missing", "invalid"):
                batch.fail(due, error, read)
                raise
            batch.drop(fill)
            self._describe(view, collection, batch, (due, ()), describe)

    # ---------------------------------------------------------------- tags

    def _tags(
        self, view: View, collection: Collection, service: str, operation: str, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the tags of one ARN or of several: from the tagging API for what carries our mark, else directly."""
        assert collection.as_tagged is not None
        asked = params[collection.tags_of]
        arns = asked if collection.ids else [asked]
        listed = {} if view.exact else self._listed_tags(view, collection, arns)
        if not collection.ids:
            if asked in listed:
                return collection.as_tagged(asked, listed[asked])
            kept: Mapping[str, Any] = self._kept(
                view,
                collection,
                collection.operation,
                params,
                lambda: self._cloud.call(service, operation, **params),
            )
            return kept
        rest = [arn for arn in arns if arn not in listed]
        direct = (
            self._batch(view, collection, service, operation, {**params, collection.ids: rest})[collection.items]
            if rest
            else []
        )
        return {collection.items: [*(collection.as_tagged(arn, tags) for arn, tags in listed.items()), *direct]}

    def _listed_tags(self, view: View, collection: Collection, arns: Sequence[str]) -> dict[str, Tags]:
        """Return the tags of those ARNs that the tagging API lists with our mark and that were not read lately.

        A direct read wins until the listing is so much newer that it cannot be older.
        """
        try:
            listing, read = self._marked(view, self._types, "medium")
        except AwsError as error:
            if error.kind in ("credentials", "throttled"):
                raise  # without the listing each resource has a call of its own: throttled, AWS would get more calls
            return {}
        found = {}
        for arn in arns:
            tags = listing.tags.get(arn)
            if tags is not None and read.seconds - self._read_directly(collection, arn) >= TAGS_LAG:
                found[arn] = tags
        return found

    def _read_directly(self, collection: Collection, arn: str) -> float:
        """Return when the tags of an ARN were last read by their own call; minus infinity if never."""
        if collection.ids:
            batch = self._batches.get(_key(collection.operation, {}))
            item = batch.items.get(arn) if batch else None
            return item.read.seconds if item and item.read else float("-inf")
        answer = self._answers.get(_key(collection.operation, {collection.tags_of: arn}))
        return answer.read.seconds if answer and answer.read else float("-inf")

    def marked(self, view: View, kind: Kind) -> Marked:
        """Return what the tagging API lists of a kind with an owner mark, and maybe of others. Raises AwsError."""
        types = self._types if kind.tagged_as in self._types else (kind.tagged_as,)
        return self._marked(view, types, "fast")[0]

    def _marked(self, view: View, types: Sequence[str], cadence: Cadence) -> tuple[Marked, ReadAt]:
        collection = _MARKED[cadence]

        def read() -> tuple[Marked, ReadAt]:
            began = ReadAt(self._monotonic(), 0)
            params = {"ResourceTypeFilters": list(types), "TagFilters": [{"Key": marks.OWNER}]}
            listed = self._cloud.pages(*_GET_RESOURCES, "ResourceTagMappingList", **params)
            found = {one["ResourceARN"]: marks.tag_map(one.get("Tags")) for one in listed}
            return Marked({arn: tags for arn, tags in found.items() if marks.OWNER in tags}, marks.OWNER), began

        return self._kept(view, collection, f"{collection.operation} marked", {"of": ",".join(types)}, read)

    def owned(self, view: View, kind: Kind, scope: str) -> Listed:
        """Return the live resources of a kind with a mark of this scope (`Kind.owned`). Raises AwsError."""
        if kind.owned is None:
            return ()
        list_, name = kind.owned, f"{kind.name} with our marks"
        reader = self.reader(view)
        params = {"scope": scope}
        key, last = _key(name, params), self._monotonic() + view.ages["fast"]
        with self._lock:
            self._listings[key] = max(last, self._listings.get(key, last))
        return self._kept(view, Collection(operation=name), name, params, lambda: tuple(list_(reader, scope)))

    # ---------------------------------------------------------------- what is not asked for any more

    def _sweep(self) -> None:
        """Drop the answers that were not asked for lately, and the listings of what is ours that no view takes.

        They have whole live resources, and an application asks for them every ten minutes (`orphans.RELIST`).
        """
        now = self._monotonic()
        with self._lock:
            for key in [key for key, last in self._listings.items() if last <= now]:
                del self._listings[key]
                self._answers.pop(key, None)
            if now - self._swept < _SWEEP:
                return
            self._swept = now
            self._answers = {key: one for key, one in self._answers.items() if now - one.asked < _UNUSED}
            batches = list(self._batches.values())
        for batch in batches:
            with batch.lock:
                batch.forget(now - _UNUSED)


def _key(name: str, params: Mapping[str, Any]) -> str:
    """Return the key of an answer: the operation, a space, and the parameters."""
    if len(params) == 1:
        ((member, value),) = params.items()
        if isinstance(value, str):
            return f"{name} {member}={value}"
    return f"{name} {canonical(params)}" if params else f"{name} "


class InventoryReader:
    """The Reader port over an inventory: it takes the answers of one view."""

    def __init__(self, inventory: Inventory, view: View) -> None:
        self._inventory = inventory
        self._view = view

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Return the answer to one call."""
        return self._inventory.answer(self._view, service, operation, params)

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield every item of the list member `result`, from all pages."""
        return self._inventory.items(self._view, service, operation, result, params)

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """As `call`, for data that AWS never changes."""
        return self._inventory.cached(service, operation, params)
