"""The inventory: what was read of one account and Region, shared by all applications that ask for it.

An answer is used again until it is too old for who asks (`views.py`). One thread reads it, the others wait for it. A
batch that is not full also asks for what other applications asked for last time, oldest first. Nothing here is a fact
about AWS: losing it costs reads.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from math import inf
from typing import Any, TypeVar, get_args

from ecsync.core import marks
from ecsync.core.kind import Cadence, Collection, Kind
from ecsync.core.ports import AwsError, Cloud
from ecsync.core.trees import canonical
from ecsync.engine.answers import IN_USE, Answer, Batch, Failed, Marked, Pages, tried
from ecsync.engine.packing import NEVER, Listed, Packer, by_application, content_of, joined
from ecsync.engine.trace import Asked, InventoryReader, Reply, Trace, ended
from ecsync.engine.views import MOMENT, ReadAt, View

TAGS_LAG = 120.0  # seconds: the tagging API may return older tags than a direct read before
_UNUSED = 3600.0  # seconds after which what was not asked for is dropped
_SWEEP = 60.0
_FOR_EVER = content_of(True)  # the content of what AWS never changes
_GET_RESOURCES = ("resourcegroupstaggingapi", "GetResources")

_NOTHING_MARKED = Marked((), marks.OWNER, marks.ID)
_MARKED = {cadence: Collection(operation=".".join(_GET_RESOURCES), cadence=cadence) for cadence in get_args(Cadence)}

T = TypeVar("T")


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
        self._packers: dict[str, Packer] = {}  # by operation
        self._batches: dict[str, Batch] = {}
        self._throttled: dict[str, tuple[float, AwsError]] = {}  # by operation: when AWS throttled it last
        self._taken: tuple[View | None, Marked, ReadAt] = (None, _NOTHING_MARKED, ReadAt(0.0, 0))  # of marks, by a pass
        self._swept = monotonic()
        self._listings: dict[str, float] = {}  # of what is ours: when no view takes them any more
        self.reads: Counter[tuple[str, str]] = Counter()  # requests to AWS by operation and reason

    def reader(self, view: View, trace: Trace | None = None) -> InventoryReader:
        """Return a reader that takes the answers of a view, and adds them to a trace."""
        self._sweep()
        return InventoryReader(self, view, trace or Trace())

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
            answers, batches = list(self._answers.values()), list(self._batches.values())
        used = [(one.packer.operation, one.read) for one in answers if one.read and now - one.asked < IN_USE]
        for batch in batches:
            with batch.lock:
                kept = list(batch.items.values())
            used += [(batch.operation, one.read) for one in kept if one.read and now - one.asked < IN_USE]
        oldest: dict[str, float] = {}
        for operation, read in used:
            name = operation.partition(" ")[0].partition(":")[0]
            if "." in name:
                oldest[name] = max(oldest.get(name, 0.0), now - read.seconds)
        return oldest

    def expire(self) -> None:
        """Forget every answer."""
        with self._lock:
            self._answers.clear()
            self._batches.clear()

    # ---------------------------------------------------------------- what a reader asks for

    def answer(self, view: View, asked: Asked, *, with_answer: bool = True) -> Reply:
        """Return the answer to one call, with its content. `with_answer`: else it is only read."""
        collection = self._collection(asked.service, asked.operation)
        if collection.tags_of and collection.tags_of in asked.params:
            return self._tags(view, collection, asked, with_answer=with_answer)
        if collection.ids and collection.ids in asked.params:
            return self._batch(view, collection, asked, with_answer=with_answer)
        return self._kept(view, collection, asked.name, asked.params, self._calling(asked), with_answer=with_answer)

    def items(self, view: View, asked: Asked) -> Reply:
        """Return the items of all pages. Raises the AwsError of a listing that failed before.

        The content of a listing is known when every page has been read: until then it is its `Pages`.
        """
        collection = self._collection(asked.service, asked.operation)
        if collection.ids and collection.ids in asked.params:
            answer, content = self._batch(view, collection, asked)
            return iter(answer[asked.result]), content
        name = f"{asked.name}:{asked.result}"
        pages, _ = self._kept(view, collection, name, asked.params, lambda _: (b"", Pages(self._pages(asked))))
        return iter(pages) if pages.complete else self._noting(collection, pages), pages

    def _calling(self, asked: Asked) -> Callable[[bytes], tuple[bytes, Any]]:
        """Return a call as a read for `_kept`."""
        part = self._collection(asked.service, asked.operation).part

        def call(known: bytes) -> tuple[bytes, Any]:
            digest, found = self._cloud.call_unless(known, asked.service, asked.operation, **asked.params)
            return digest, part(found) if part and found is not None else found

        return call

    def _pages(self, asked: Asked) -> Iterator[Any]:
        return self._cloud.pages(asked.service, asked.operation, asked.result, **asked.params)

    def _noting(self, collection: Collection, pages: Iterable[Any]) -> Iterator[Any]:
        """Yield the items of a listing that is still read, and note its error."""
        try:
            yield from pages
        except AwsError as error:
            self._note(collection.operation, error)
            raise

    def cached(self, _: View, asked: Asked) -> Reply:
        """Return what AWS never changes. If it is read now, it may contain another answer, which is as new."""
        contains = self._collection(asked.service, asked.operation).contains
        if contains is None or self._cloud.keeps(asked.service, asked.operation, **asked.params):
            return self._cloud.cached(asked.service, asked.operation, **asked.params), _FOR_EVER
        read = ReadAt(self._monotonic(), self.mark())
        found = self._cloud.cached(asked.service, asked.operation, **asked.params)
        self._keep(*contains(found), read)
        return found, _FOR_EVER

    def content(self, view: View, asked: Asked) -> bytes:
        """Read what a view does not take any more, and return the content of the answer. Raises AwsError."""
        if asked.for_ever:
            return _FOR_EVER if self._cloud.keeps(asked.service, asked.operation, **asked.params) else NEVER
        if not asked.result or self._collection(asked.service, asked.operation).ids in asked.params:
            return ended(self.answer(view, asked, with_answer=False)[1])
        items, content = self.items(view, asked)
        if not (isinstance(content, Pages) and content.complete):  # else each asker would unpack what all share
            for _ in items:
                pass
        return ended(content)

    def _keep(self, name: str, params: Mapping[str, Any], value: Mapping[str, Any], read: ReadAt) -> None:
        """Keep an answer, unless a newer one is kept."""
        answer = self._answer(_key(name, params), name)
        with answer.lock:
            if answer.read is None or answer.read.order < read.order:
                answer.keep(read, value)
                answer.asked, answer.lasts = read.seconds, _UNUSED

    def _answer(self, key: str, name: str) -> Answer:
        """Return the answer of a key, where it is kept; else an empty one, which is kept from now on."""
        with self._lock:
            if key not in self._answers:
                self._answers[key] = Answer(self._packers.setdefault(name, Packer(name)))
            return self._answers[key]

    def _collection(self, service: str, operation: str) -> Collection:
        name = f"{service}.{operation}"
        return self._collections.get(name) or Collection(operation=name)

    # ---------------------------------------------------------------- answers by their parameters

    def _kept(
        self,
        view: View,
        collection: Collection,
        name: str,
        params: Mapping[str, Any],
        read: Callable[[bytes], tuple[bytes, Any]],
        *,
        with_answer: bool = True,
    ) -> Reply:
        """Return the kept answer if the view takes it, else read it. One thread reads, the others wait.

        `read` gets the digest of the kept answer. It returns a digest and the answer, or None if it is the kept one.
        """
        key = _key(name, params)
        answer = self._answer(key, name)
        with answer.lock:
            now = self._monotonic()
            answer.asked = now
            answer.lasts = max(answer.lasts, TAGS_LAG, 0.0 if view.exact else view.ages[collection.cadence])
            if not answer.taken(view, collection, now, key):
                read_at = self._begin(collection.operation, view)
                found = tried(lambda: read(answer.known))
                digest, new = (b"", found) if isinstance(found, Failed) else found
                value: Any = answer.keep(read_at, new, digest)
                if isinstance(value, Failed):
                    self._note(collection.operation, value.error)
            else:
                value = answer.value if with_answer or answer.failed else None
            content = answer.content
        if isinstance(value, Failed):
            raise value.error.again()
        return value, content

    def _begin(self, operation: str, view: View) -> ReadAt:
        """Count a read, and return when it begins.

        Raises AwsError while AWS throttles the operation: then one read in a moment tries it, and steps.
        """
        with self._lock:
            at, throttled = self._throttled.get(operation, (float("-inf"), None))
            if throttled is not None and view.reason != "fresh" and self._monotonic() - at < MOMENT:
                raise throttled.again()
            self._order += 1
            if "." in operation:  # a listing of what is ours is made of other reads
                self.reads[operation, view.reason] += 1
            return ReadAt(self._monotonic(), self._order)

    def _note(self, operation: str, error: AwsError) -> None:
        """Note that AWS throttles an operation."""
        if error.kind == "throttled":
            with self._lock:
                self._throttled[operation] = self._monotonic(), error.again()

    # ---------------------------------------------------------------- answers by identifier

    def _batch(self, view: View, collection: Collection, asked: Asked, *, with_answer: bool = True) -> Reply:
        """Return the answer for these identifiers, made of kept items and of one call for what is too old."""
        ids = [str(one) for one in asked.params[collection.ids]]
        scope = {name: value for name, value in asked.params.items() if name != collection.ids}
        with self._lock:
            batch = self._batches.setdefault(_key(collection.operation, scope), Batch(collection.operation))

        def describe(ids: Sequence[str], known: bytes) -> tuple[bytes, Mapping[str, Any] | None]:
            params = {**scope, collection.ids: list(ids)}
            if asked.result:
                return b"", {collection.items: list(self._pages(asked._replace(params=params)))}
            return self._cloud.call_unless(known, asked.service, asked.operation, **params)

        with batch.lock:
            now = self._monotonic()
            batch.ask(ids, now)
            due = [one for one in ids if not batch.takes(view, collection, one, now)]
            if due:
                fill = [] if view.exact else batch.oldest(view, collection, now, collection.size - len(due), due)
                self._describe(view, collection, batch, (due, fill), describe)
            return batch.answer(collection, ids) if with_answer else None, batch.content(ids)

    def _describe(
        self,
        view: View,
        collection: Collection,
        batch: Batch,
        ids: tuple[Sequence[str], Sequence[str]],
        describe: Callable[[Sequence[str], bytes], tuple[bytes, Mapping[str, Any] | None]],
    ) -> None:
        """Read what is due, and the fill. If the fill makes the call fail, read what is due alone."""
        due, fill = ids
        read = self._begin(collection.operation, view)
        try:
            wanted = [*due, *fill]
            digest, answer = describe(wanted, batch.known(wanted))
            if answer is None:
                batch.keep_again(wanted, read)
            else:
                batch.keep(collection, wanted, answer, read, digest)
        except AwsError as error:
            self._note(collection.operation, error)
            if not fill or error.kind not in ("missing", "invalid"):
                batch.fail(due, error, read)
                raise
            batch.drop(fill)
            self._describe(view, collection, batch, (due, ()), describe)

    # ---------------------------------------------------------------- tags

    def _tags(self, view: View, collection: Collection, asked: Asked, *, with_answer: bool = True) -> Reply:
        """Return the tags of one ARN or of several: from the tagging API for what carries our mark, else directly."""
        of = asked.params[collection.tags_of]
        arns = of if collection.ids else [of]
        listing, listed = self._listed_tags(view, collection, arns) if not view.exact else (_NOTHING_MARKED, [])
        if not collection.ids:
            if listed:
                return listing.answer(collection, of) if with_answer else None, listing.content(of)
            return self._kept(view, collection, collection.operation, asked.params, self._calling(asked))
        rest = [arn for arn in arns if arn not in listed] if len(listed) < len(arns) else []
        items = [listing.answer(collection, arn) for arn in listed if with_answer]
        content = listing.joined(listed)
        if rest:
            answer, direct = self._batch(
                view, collection, asked._replace(params={**asked.params, collection.ids: rest})
            )
            items, content = [*items, *answer[collection.items]], joined((content, ended(direct)))
        return {collection.items: items}, content

    def _listed_tags(self, view: View, collection: Collection, arns: Sequence[str]) -> tuple[Marked, list[str]]:
        """Return what the tagging API lists with our mark, and those ARNs of it that were not read directly lately.

        A direct read wins until the listing is so much newer that it cannot be older.
        """
        taken_by, listing, read = self._taken
        if taken_by is not view:
            try:
                listing, read = self._marked(view, self._types, "medium")
            except AwsError as error:
                if error.kind in ("credentials", "throttled"):
                    raise  # without the listing each resource has a call of its own: throttled, AWS would get more
                return _NOTHING_MARKED, []
            if view.began < inf:  # what the pass takes now, it takes until its end
                self._taken = (view, listing, read)
        batch = self._batches.get(_key(collection.operation, {})) if collection.ids else None
        marked = listing.listed(arns)
        if collection.ids and not (batch and batch.items):
            return listing, marked
        found = []
        for arn in marked:
            key = "" if collection.ids else _key(collection.operation, {collection.tags_of: arn})
            direct = batch.items.get(arn) if batch else self._answers.get(key)
            if direct is None or direct.read is None or read.seconds - direct.read.seconds >= TAGS_LAG:
                found.append(arn)
        return listing, found

    def marked(self, view: View, kind: Kind) -> Marked:
        """Return what the tagging API lists of a kind with an owner mark, and maybe of others. Raises AwsError."""
        types = self._types if kind.tagged_as in self._types else (kind.tagged_as,)
        return self._marked(view, types, "fast")[0]

    def _marked(self, view: View, types: Sequence[str], cadence: Cadence) -> tuple[Marked, ReadAt]:
        collection = _MARKED[cadence]

        def read(_: bytes) -> tuple[bytes, tuple[Marked, ReadAt]]:
            began = ReadAt(self._monotonic(), 0)
            params = {"ResourceTypeFilters": list(types), "TagFilters": [{"Key": marks.OWNER}]}
            listed = self._cloud.pages(*_GET_RESOURCES, "ResourceTagMappingList", **params)
            found = ((one["ResourceARN"], marks.tag_map(one.get("Tags"))) for one in listed)
            return b"", (Marked(found, marks.OWNER, marks.ID), began)

        name, params = f"{collection.operation} marked", {"of": ",".join(types)}
        marked: tuple[Marked, ReadAt] = self._kept(view, collection, name, params, read)[0]
        return marked

    def owned(self, view: View, kind: Kind, scope: str) -> Mapping[str, Sequence[Listed]]:
        """Return the live resources of a kind with a mark of this scope, by application. Raises AwsError."""
        if kind.owned is None:
            return {}
        list_, name = kind.owned, f"{kind.name} with our marks"
        reader, params = self.reader(view), {"scope": scope}
        key, last = _key(name, params), self._monotonic() + view.ages["fast"]
        with self._lock:
            self._listings[key] = max(last, self._listings.get(key, last))
        collection = Collection(operation=name)
        listed: tuple[Mapping[str, Sequence[Listed]]] = self._kept(
            view, collection, name, params, lambda _: (b"", (by_application(map(Listed.of, list_(reader, scope))),))
        )[0]
        return listed[0]

    # ---------------------------------------------------------------- what is not asked for any more

    def _sweep(self) -> None:
        """Drop what no view takes any more: listings of what is ours at once, other answers after a minute or two.

        An application asks for a listing every ten minutes only (`orphans.RELIST`).
        """
        now = self._monotonic()
        with self._lock:
            for key in [key for key, last in self._listings.items() if last <= now]:
                del self._listings[key]
                self._answers.pop(key, None)
            if now - self._swept < _SWEEP:
                return
            self._swept = now
            self._answers = {key: one for key, one in self._answers.items() if not one.useless(now)}
            batches = list(self._batches.values())
        for batch in batches:
            with batch.lock:
                batch.forget(now - _UNUSED)


def _key(name: str, params: Mapping[str, Any]) -> str:
    """Return the key of an answer: a digest of the operation and the parameters, shorter than most ARNs."""
    member, value = next(iter(params.items())) if len(params) == 1 else ("", "" if not params else None)
    text = f"{name} {member}={value}" if isinstance(value, str) else f"{name} {canonical(params)}"
    return blake2b(text.encode(), digest_size=12).hexdigest()
