"""S3Source: a whole release or none, although S3 changes one key at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from moto import mock_aws

from ecsync.core.ports import AwsError, ErrorClass, SourceError
from ecsync.sources.files import digest
from ecsync.sources.s3 import S3Source

BUCKET = "manifests"
OWNER = "123456789012"  # moto's account


class MotoReader:
    """Reads from moto; `before` is called with the operation and the key of each call first."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.before: Callable[[str, Mapping[str, Any]], object] = lambda _operation, _params: None

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        self.before(operation, params)
        self.calls.append((operation, params))
        try:
            answer: Mapping[str, Any] = getattr(self.client, xform_name(operation))(**params)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            kind: ErrorClass = "missing" if code.startswith("NoSuch") else "invalid"
            raise AwsError(kind, code, "an error of moto", f"{service}.{operation}") from error
        return answer

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        token: dict[str, Any] = {}
        while True:
            page = self.call(service, operation, **params, **token, MaxKeys=2)
            yield from page.get(result, ())
            if not page["IsTruncated"]:
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        return self.call(service, operation, **params)

    def put(self, name: str, text: str) -> None:
        self.client.put_object(Bucket=BUCKET, Key=name, Body=text.encode())

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=name)

    def once(self, operation: str, action: Callable[[], object], count: int = 1) -> None:
        """Run the action before the `count`th call of the operation."""
        seen = {"left": count}

        def before(name: str, _params: Mapping[str, Any]) -> None:
            seen["left"] -= name == operation
            if seen["left"] == 0 and name == operation:
                action()

        self.before = before

    def made(self, operation: str) -> int:
        return sum(name == operation for name, _ in self.calls)


@pytest.fixture(scope="module")
def client() -> Any:
    """A client costs 0.2 s; the state of moto is reset for each test."""
    return boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def s3(client: Any) -> Iterator[MotoReader]:
    """An empty bucket in moto."""
    with mock_aws():
        reader = MotoReader(client)
        reader.client.create_bucket(Bucket=BUCKET)
        yield reader


def put_all(s3: MotoReader, files: dict[str, str], prefix: str = "prod/") -> None:
    """Write objects below the prefix."""
    for name, text in files.items():
        s3.put(prefix + name, text)


def refusal(source: S3Source) -> SourceError:
    """Return the error of a fetch."""
    with pytest.raises(SourceError) as caught:
        source.fetch()
    return caught.value


def fail(kind: ErrorClass, code: str) -> Callable[[], None]:
    """Return an action that raises an AWS error."""

    def raise_it() -> None:
        raise AwsError(kind, code, "on purpose", "s3.Any")

    return raise_it


def test_reads_every_page_of_the_prefix_only(s3: MotoReader) -> None:
    """Names are relative to the prefix, and a prefix is a folder, not the beginning of a name."""
    put_all(s3, {"a.yaml": "1", "shop/b.yaml": "2", "c.json": "{}", "README.md": "x", ".hidden.yaml": "x"})
    put_all(s3, {"a.yaml": "another"}, prefix="production/")
    found = S3Source(s3, BUCKET, "prod", OWNER).fetch()
    assert found.files == {"a.yaml": b"1", "shop/b.yaml": b"2", "c.json": b"{}"}
    assert found.source == "s3://manifests/prod"
    assert not found.durable


def test_every_call_has_the_expected_owner(s3: MotoReader) -> None:
    """S3 refuses each call on a bucket that has another owner."""
    put_all(s3, {"a.yaml": "1"})
    S3Source(s3, BUCKET, "prod/", OWNER).fetch()
    assert {params["ExpectedBucketOwner"] for _, params in s3.calls} == {OWNER}


def test_an_object_is_read_in_the_version_that_was_listed(s3: MotoReader) -> None:
    """An object replaced after the list fails the snapshot: it may belong to the next release."""
    put_all(s3, {"a.yaml": "1", "b.yaml": "1"})
    s3.once("GetObject", lambda: s3.put("prod/b.yaml", "2"), count=2)
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == "changing"


def test_an_object_removed_after_the_list_is_changing(s3: MotoReader) -> None:
    """A key removed after the list is a release in progress, not a deletion."""
    put_all(s3, {"a.yaml": "1", "b.yaml": "1"})
    s3.once("GetObject", lambda: s3.delete("prod/b.yaml"), count=2)
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == "changing"


def test_a_key_that_appears_while_reading_is_changing(s3: MotoReader) -> None:
    """The second list must equal the first, else half a release would count as whole."""
    put_all(s3, {"a.yaml": "1"})
    s3.once("GetObject", lambda: s3.put("prod/b.yaml", "1"))
    source = S3Source(s3, BUCKET, "prod")
    assert refusal(source).reason == "changing"
    assert source.fetch().files == {"a.yaml": b"1", "b.yaml": b"1"}


@pytest.mark.parametrize(
    ("operation", "kind", "code", "reason"),
    [
        ("ListObjectsV2", "denied", "AccessDenied", "denied"),
        ("ListObjectsV2", "credentials", "ExpiredToken", "denied"),
        ("ListObjectsV2", "transient", "InternalError", "unreachable"),
        ("ListObjectsV2", "missing", "NoSuchBucket", "unreachable"),
        ("GetObject", "denied", "AccessDenied", "denied"),
        ("GetObject", "throttled", "SlowDown", "partial"),
    ],
)
def test_any_failed_read_fails_the_snapshot(
    s3: MotoReader, operation: str, kind: ErrorClass, code: str, reason: str
) -> None:
    """A failed call never counts as an absence; the reason decides whether to wait or to fix a setting."""
    put_all(s3, {"a.yaml": "1", "b.yaml": "2", "c.yaml": "3"})
    s3.once(operation, fail(kind, code), count=2)  # the second page, the second object
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == reason


def test_a_missing_bucket_is_unreachable(s3: MotoReader) -> None:
    """The message names the bucket."""
    error = refusal(S3Source(s3, "no-such-bucket", "prod"))
    assert error.reason == "unreachable"
    assert "no-such-bucket" in str(error)


def test_a_prefix_without_manifests_is_empty(s3: MotoReader) -> None:
    """A typo in the prefix matches nothing, and nothing is deleted because of it."""
    put_all(s3, {"a.yaml": "1"})
    assert refusal(S3Source(s3, BUCKET, "prdo")).reason == "empty"


def test_an_unchanged_prefix_is_listed_and_not_read_again(s3: MotoReader) -> None:
    """An object that was read in the same version is not read again."""
    put_all(s3, {"a.yaml": "1", "b.yaml": "2"})
    source = S3Source(s3, BUCKET, "prod")
    first = source.fetch()
    s3.put("prod/b.yaml", "3")
    second = source.fetch()
    assert s3.made("GetObject") == 3
    assert (first.files["b.yaml"], second.files["b.yaml"]) == (b"2", b"3")
    assert first.revision != second.revision


class Broken:
    """A body with a connection that breaks."""

    def read(self) -> bytes:
        raise RuntimeError("connection reset")

    def close(self) -> None:
        """Do nothing."""


class Short:
    """A body that ends early without an error."""

    def read(self) -> bytes:
        return b"half"

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("body", [Broken(), Short()])
def test_a_body_that_is_cut_off_is_partial(s3: MotoReader, monkeypatch: pytest.MonkeyPatch, body: object) -> None:
    """A part of an object is an error."""
    put_all(s3, {"a.yaml": "the whole of it"})
    made = s3.call
    monkeypatch.setattr(
        s3, "call", lambda service, op, **p: {"Body": body} if op == "GetObject" else made(service, op, **p)
    )
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == "partial"


def test_too_many_bytes_are_refused_before_they_are_read(s3: MotoReader) -> None:
    """The sizes in the list are enough to refuse more than 25 MB."""
    put_all(s3, {f"{n}.yaml": "x" * 2_600_000 for n in range(10)})
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == "partial"
    assert s3.made("GetObject") == 0


def test_an_index_proves_the_release(s3: MotoReader) -> None:
    """With an index only the listed files are read, under their digests, and the snapshot is durable."""
    release = {"a.yaml": "1", "b.yaml": "2"}
    listing = {name: digest(text.encode()) for name, text in release.items()}
    stored = {f"ecsync.objects/{digest(text.encode())}": text for text in [*release.values(), "an old release"]}
    put_all(s3, stored | {"a.yaml": "manual", "c.yaml": "manual", "ecsync.index.json": json.dumps(listing)})
    found = S3Source(s3, BUCKET, "prod").fetch()
    assert found.files == {"a.yaml": b"1", "b.yaml": b"2"}
    assert found.durable
    assert s3.made("GetObject") == 3


def test_an_index_with_a_missing_file_is_partial(s3: MotoReader) -> None:
    """The files that an index lists must exist."""
    put_all(s3, {"ecsync.index.json": json.dumps({"a.yaml": digest(b"1")})})
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == "partial"
