"""A release in a bucket: each file under its digest, then the index, so readers see the old release or the new one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from ecsync.core.ports import AwsError, Snapshot
from ecsync.sources.files import INDEX, OBJECTS, about_text, digest, index_of

PARALLEL = 8  # puts at a time
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before a put is sent again
_AGAIN = ("throttled", "transient", "conflict")
_EXISTS = ("PreconditionFailed", "412")
_CONFLICT = ("ConditionalRequestConflict", "409")  # two conditional puts met: S3 asks for another try
_TYPES = {".json": "application/json", ".yaml": "application/yaml", ".yml": "application/yaml"}
_JSON = "application/json"


class Put(Protocol):
    """Puts one object (`aws.bucket.WriteOnlyBucket.put`)."""

    def __call__(self, name: str, body: bytes, content_type: str, /, *, new: bool) -> None:
        """Send one put; with `new`, an object that exists is not changed. Raises AwsError."""


class NotPublished(Exception):
    """A put failed. The text states whether readers still see the release before."""

    def __init__(self, text: str, cause: AwsError) -> None:
        super().__init__(text)
        self.cause = cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A release that is in the bucket. `added` is the number of objects that were not there before."""

    revision: str
    files: int
    added: int


def publish(
    release: Snapshot,
    about: Mapping[str, str],
    put: Put,
    *,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    wait: Callable[[float], object] | None = None,
    parallel: int = PARALLEL,
) -> Published:
    """Put every object of a release, and then its index. Raises NotPublished.

    Objects are never changed or removed, and the index is one put. So at every moment the index names one release, and
    each object of it is there, also if another process publishes at the same time. `progress` receives the number of
    objects that are there, and of all. `wait` waits for seconds before a put is sent again.
    """
    digests = {name: digest(content) for name, content in release.files.items()}
    described = about_text(about) if about else b""
    objects = {digests[name]: (content, _type_of(name)) for name, content in release.files.items()}
    if described:
        objects[digest(described)] = (described, _JSON)
    ended = threading.Event()  # no other put is begun
    pause = wait or ended.wait
    counting = threading.Lock()
    done = 0

    def upload(sha: str) -> bool:
        nonlocal done
        if ended.is_set():
            return False
        content, content_type = objects[sha]
        try:
            added = _put(put, f"{OBJECTS}/{sha}", content, content_type, pause, new=True)
        except BaseException:
            ended.set()
            raise
        with counting:
            done += 1
            progress(done, len(objects))
        return added

    pool = ThreadPoolExecutor(parallel, "put")
    try:
        added = sum(pool.map(upload, sorted(objects)))
    except AwsError as error:
        raise NotPublished("readers still see the release before, or none", error) from error
    finally:
        ended.set()
        pool.shutdown(wait=False, cancel_futures=True)
    index = index_of(digests, digest(described) if described else "")
    try:
        _put(put, INDEX, index, _JSON, wait or threading.Event().wait, new=False)
    except AwsError as error:
        sent = error.kind == "transient"  # S3 may have done it, although its answer was lost
        text = "the new index may be there or not" if sent else "readers still see the release before, or none"
        raise NotPublished(text, error) from error
    return Published(revision=release.revision, files=len(release.files), added=added)


def _put(put: Put, name: str, content: bytes, content_type: str, wait: Callable[[float], object], *, new: bool) -> bool:
    """Put one object, again after an error that may pass. Return False if it was there already."""
    for pause in (*PAUSES, None):
        try:
            put(name, content, content_type, new=new)
        except AwsError as error:
            if new and error.code in _EXISTS:
                return False
            if pause is None or not (error.kind in _AGAIN or error.code in _CONFLICT):
                raise
            wait(pause)
        else:
            return True
    raise AssertionError("the last try returns or raises")


def _type_of(name: str) -> str:
    return _TYPES["." + name.rpartition(".")[2]]
