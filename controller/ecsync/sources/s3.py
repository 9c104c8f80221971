"""Manifests from an S3 prefix: a whole release or none, although S3 has no update across keys."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ecsync.core.ports import AwsError, Reader, Snapshot, SourceError
from ecsync.sources.files import (
    INDEX,
    OBJECTS,
    RELEASE,
    Digests,
    check_size,
    indexed,
    is_manifest,
    parse_index,
    snapshot,
)


@dataclass(frozen=True, slots=True)
class _Listed:
    etag: str
    size: int


_PARALLEL = 8  # objects of a release at a time
_DENIED = ("denied", "credentials")
_GONE = ("NoSuchKey", "404")
_CHANGED = ("PreconditionFailed", "412", *_GONE)  # of a key that was just listed


class S3Source:
    """A bucket and prefix (`core.ports.Source`).

    With an index (`ecsync publish`), its digests prove that the files are one release. A file of a release that was
    read before is not read again, and nothing is listed. Without an index, keys and ETags are listed, each object is
    read in the listed version (`IfMatch`), and the list is compared with a second one.
    """

    def __init__(self, reader: Reader, bucket: str, prefix: str = "", expected_owner: str = "") -> None:
        self._reader = reader
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._where = {"Bucket": bucket} | ({"ExpectedBucketOwner": expected_owner} if expected_owner else {})
        self._read: dict[tuple[str, str], bytes] = {}  # (name, ETag) -> content, as of the last good fetch
        self._digests = Digests()
        self._stored: dict[str, bytes] | None = None  # the objects of the last good release; None: none was read
        self.source = f"s3://{bucket}/{self._prefix}".rstrip("/")

    def fetch(self) -> Snapshot:
        """Return everything, or raise SourceError."""
        index = self._get(INDEX, Budget(self.source))
        if index is not None:
            found = self._release(parse_index(index, self.source))
        elif self._stored is not None:
            raise SourceError(
                f"{self.source}: {INDEX} was there and is gone; publish again. "
                "If the other files are the manifests now, restart ecsync",
                reason="missing",
            )
        else:
            found = self._listing()
        self._digests.keep(found.files)
        return found

    def _release(self, index: Mapping[str, str]) -> Snapshot:
        """Return the files that an index lists."""
        check_size(self.source, len(index), 0)
        budget = Budget(self.source)
        kept = self._stored or {}
        new = sorted({f"{OBJECTS}/{sha}" for sha in index.values()} - kept.keys())
        with ThreadPoolExecutor(_PARALLEL, "get") as pool:
            got = dict(zip(new, pool.map(lambda name: self._get(name, budget), new), strict=True))

        def read(name: str) -> bytes | None:
            if name in kept:
                return kept[name]
            return got[name] if name in got else self._get(name, budget)

        found = indexed(index, read, self._digests, self.source)
        # A file that is there under its own name is kept as that object too: it has been verified.
        self._stored = {f"{OBJECTS}/{index[name]}": content for name, content in found.files.items()}
        described = read(f"{OBJECTS}/{index[RELEASE]}") if RELEASE in index else None
        if described is not None:
            self._stored[f"{OBJECTS}/{index[RELEASE]}"] = described
        return found

    def _listing(self) -> Snapshot:
        """Return the manifests that are listed, if they do not change meanwhile."""
        listed = self._list()
        budget = Budget(self.source)
        contents: dict[tuple[str, str], bytes] = {}
        for name, item in listed.items():
            version = (name, item.etag)
            content = self._read[version] if version in self._read else self._get(name, budget, item)
            assert content is not None
            contents[version] = content
        manifests = {name: content for (name, _), content in contents.items()}
        found = snapshot(manifests, self._digests, source=self.source)
        if self._list() != listed:
            raise SourceError(f"{self.source}: changed during the read; it is retried soon", reason="changing")
        self._read = contents
        return found

    def _list(self) -> dict[str, _Listed]:
        """Return the manifests, by name relative to the prefix. Raises SourceError where they are too large."""
        listed: dict[str, _Listed] = {}
        total = 0
        try:
            for item in self._reader.pages("s3", "ListObjectsV2", "Contents", Prefix=self._prefix, **self._where):
                name = item["Key"].removeprefix(self._prefix)
                if is_manifest(name):
                    listed[name] = _Listed(item["ETag"], item["Size"])
                    total += item["Size"]
                    check_size(self.source, len(listed), total)
        except AwsError as error:
            raise self._failed("cannot be listed", error) from error
        return listed

    def _get(self, name: str, budget: Budget, item: _Listed | None = None) -> bytes | None:
        """Return an object, in the listed version if one is given; None if there is no such object."""
        version = {"IfMatch": item.etag} if item else {}
        try:
            response = self._reader.call("s3", "GetObject", Key=self._prefix + name, **version, **self._where)
        except AwsError as error:
            if item is None and error.code in _GONE:
                return None
            if item is not None and error.code in _CHANGED:
                raise SourceError(
                    f"{self.source}: {name} cannot be read any more ({error.code}); it is being written",
                    reason="changing",
                ) from error
            raise self._failed(f"{name} cannot be read", error) from error
        size: int = response["ContentLength"]
        content = drain(response["Body"], f"{self.source}/{name}", budget, size)
        if len(content) != size or (item is not None and size != item.size):
            raise SourceError(f"{self.source}/{name}: ended early; it is retried soon", reason="partial")
        return content

    def _failed(self, what: str, error: AwsError) -> SourceError:
        if error.kind in _DENIED:
            return SourceError(
                f"{self.source}: {what} ({error}); allow s3:ListBucket and s3:GetObject, and check the expected owner",
                reason="denied",
            )
        if error.kind == "missing":
            return SourceError(f"{self.source}: {what} ({error}); check the name of the bucket", reason="missing")
        if error.kind == "throttled":
            return SourceError(f"{self.source}: {what} ({error}); it is retried soon", reason="throttled")
        return SourceError(f"{self.source}: {what} ({error})", reason="unreachable")


class Budget:
    """The bytes that one fetch may still download. Safe across threads."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._count = 0
        self._total = 0
        self._lock = threading.Lock()

    def spend(self, size: int) -> None:
        """Note a download before it begins. Raises SourceError beyond the limits."""
        with self._lock:
            self._count += 1
            self._total += size
            check_size(self._source, self._count, self._total)


def drain(body: Any, where: str, budget: Budget | None = None, size: int = 0) -> bytes:
    """Return the whole content of a response. Raises SourceError if it ends early, or exceeds a budget."""
    try:
        if budget is not None:
            budget.spend(size)
        content: bytes = body.read()
    except SourceError:
        raise
    except Exception as error:  # of botocore and urllib3, which only `aws` may import
        raise SourceError(f"{where}: cannot be read completely ({type(error).__name__})", reason="partial") from error
    finally:
        body.close()
    return content
