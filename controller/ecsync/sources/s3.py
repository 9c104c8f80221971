"""Manifests from an S3 prefix: a whole release or none, although S3 has no update across keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ecsync.core.ports import AwsError, Reader, Snapshot, SourceError
from ecsync.sources.files import INDEX, OBJECTS, Digests, check_size, indexed, is_manifest, parse_index, snapshot


@dataclass(frozen=True, slots=True)
class _Listed:
    etag: str
    size: int


_DENIED = ("denied", "credentials")
_CHANGED = ("PreconditionFailed", "412", "NoSuchKey", "404")  # of a key that was just listed


class S3Source:
    """A bucket and prefix (`core.ports.Source`).

    With an index, its digests prove that the files are one release. Without one, keys and ETags are listed, each
    object is read in the listed version (`IfMatch`), and the list is compared with a second one. An object that was
    read before in the same version is not read again.
    """

    def __init__(self, reader: Reader, bucket: str, prefix: str = "", expected_owner: str = "") -> None:
        self._reader = reader
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._where = {"Bucket": bucket} | ({"ExpectedBucketOwner": expected_owner} if expected_owner else {})
        self._read: dict[tuple[str, str], bytes] = {}  # (name, ETag) -> content, as of the last good fetch
        self._digests = Digests()
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
            found = indexed(parse_index(read(INDEX), self.source), listed, read, self._digests, self.source)
        else:
            manifests = {name: read(name) for name in listed if is_manifest(name)}
            found = snapshot(manifests, self._digests, source=self.source)
            if self._list() != listed:
                raise SourceError(f"{self.source}: changed during the read; it is retried soon", reason="changing")
        self._read = contents
        self._digests.keep(found.files)
        return found

    def _list(self) -> dict[str, _Listed]:
        """Return the objects that may be manifests, by name relative to the prefix."""
        listed: dict[str, _Listed] = {}
        total = 0
        try:
            for item in self._reader.pages("s3", "ListObjectsV2", "Contents", Prefix=self._prefix, **self._where):
                name = item["Key"].removeprefix(self._prefix)
                stored = name.startswith(f"{OBJECTS}/")  # of all releases so far: most are not read
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
        content = drain(response["Body"], f"{self.source}/{name}")
        if len(content) != item.size:
            raise SourceError(f"{self.source}/{name}: ended early; it is retried soon", reason="partial")
        return content

    def _failed(self, what: str, error: AwsError, otherwise: Literal["unreachable", "partial"]) -> SourceError:
        if error.kind in _DENIED:
            return SourceError(
                f"{self.source}: {what} ({error}); allow s3:ListBucket and s3:GetObject, and check the expected owner",
                reason="denied",
            )
        if otherwise == "partial" and error.code in _CHANGED:
            return SourceError(f"{self.source}: {what} any more; it is being written", reason="changing")
        return SourceError(f"{self.source}: {what} ({error})", reason=otherwise)


def drain(body: Any, where: str) -> bytes:
    """Return the whole content of a response. Raises SourceError if it ends early."""
    try:
        content: bytes = body.read()
    except Exception as error:  # of botocore and urllib3, which only `aws` may import
        raise SourceError(f"{where}: cannot be read completely ({type(error).__name__})", reason="partial") from error
    finally:
        body.close()
    return content
