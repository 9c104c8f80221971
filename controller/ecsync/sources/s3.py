"""Manifests from an S3 prefix, all or nothing although S3 has no update across keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ecsync.core.model import Snapshot
from ecsync.core.ports import AwsError, Reader, SourceError
from ecsync.sources.files import INDEX, OBJECTS, check_size, indexed, is_manifest, parse_index, snapshot


@dataclass(frozen=True, slots=True)
class _Listed:
    etag: str
    size: int


_DENIED = ("denied", "credentials")
_CHANGED = ("PreconditionFailed", "412", "NoSuchKey", "404")  # of a key that was listed a moment ago


class S3Source:
    """A bucket and prefix (`core.ports.Source`).

    With an index, its digests prove that everything read is one release. Without one, keys and ETags are listed,
    each object is read only in the listed version (`IfMatch`), and the list is compared with a second one (F6).
    An object that was read before in the same version is not read again.
    """

    def __init__(self, reader: Reader, bucket: str, prefix: str = "", expected_owner: str = "") -> None:
        self._reader = reader
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._where = {"Bucket": bucket} | ({"ExpectedBucketOwner": expected_owner} if expected_owner else {})
        self._read: dict[tuple[str, str], bytes] = {}  # (name, ETag) -> content, as of the last good fetch
        self.source = f"s3://{bucket}/{self._prefix}".rstrip("/")

    def fetch(self) -> Snapshot:
        """Return everything, or raise SourceError."""
        listed = self._list()
        contents: dict[tuple[str, str], bytes] = {}

        def read(name: str) -> bytes:
            item = listed[name]
            version = (name, item.etag)
            contents[version] = self._read[version] if version in self._read else self._get(name, item)
            return contents[version]

        if INDEX in listed:
            found = indexed(parse_index(read(INDEX), self.source), listed, read, self.source)
        else:
            found = snapshot({name: read(name) for name in listed if is_manifest(name)}, source=self.source)
            if self._list() != listed:
                raise SourceError(f"{self.source}: written to while it was read; tried again soon", reason="changing")
        self._read = contents
        return found

    def _list(self) -> dict[str, _Listed]:
        """Return what may matter, by its name relative to the prefix."""
        listed: dict[str, _Listed] = {}
        total = 0
        try:
            for item in self._reader.pages("s3", "ListObjectsV2", "Contents", Prefix=self._prefix, **self._where):
                name = item["Key"].removeprefix(self._prefix)
                stored = name.startswith(f"{OBJECTS}/")  # of all releases that ever were: most are not read
                if not (is_manifest(name) or name == INDEX or stored):
                    continue
                listed[name] = _Listed(item["ETag"], item["Size"])
                if not stored:
                    total += item["Size"]
                    check_size(self.source, len(listed), total)
        except AwsError as error:
            raise self._failed("cannot be listed", error, otherwise="unreachable") from error
        return listed

    def _get(self, name: str, item: _Listed) -> bytes:
        check_size(self.source, 1, item.size)
        try:
            response = self._reader.call("s3", "GetObject", Key=self._prefix + name, IfMatch=item.etag, **self._where)
        except AwsError as error:
            raise self._failed(f"{name} cannot be read", error, otherwise="partial") from error
        content = _drain(response["Body"], f"{self.source}/{name}")
        if len(content) != item.size:
            raise SourceError(f"{self.source}/{name}: ended early; tried again soon", reason="partial")
        return content

    def _failed(self, what: str, error: AwsError, otherwise: Literal["unreachable", "partial"]) -> SourceError:
        if error.kind in _DENIED:
            return SourceError(
                f"{self.source}: {what} ({error}). Allow s3:ListBucket and s3:GetObject, and check the expected owner.",
                reason="denied",
            )
        if otherwise == "partial" and error.code in _CHANGED:
            return SourceError(f"{self.source}: {what} any more; it is being written to", reason="changing")
        return SourceError(f"{self.source}: {what} ({error})", reason=otherwise)


def _drain(body: Any, where: str) -> bytes:
    try:
        content: bytes = body.read()
    except Exception as error:  # botocore's and urllib3's, which only `aws` may import; all mean the same
        raise SourceError(f"{where}: cannot be read to its end ({type(error).__name__})", reason="partial") from error
    finally:
        body.close()
    return content
