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
        """Run the action before the `count`th call of the operation, the read of the index apart."""
        seen = {"left": count}

        def before(name: str, params: Mapping[str, Any]) -> None:
            if name == operation and not _of_index(params):
                seen["left"] -= 1
                if seen["left"] == 0:
                    action()

        self.before = before

    def made(self, operation: str) -> int:
        """Return the number of calls of the operation, the reads of the index apart."""
        return sum(name == operation and not _of_index(params) for name, params in self.calls)


def _of_index(params: Mapping[str, Any]) -> bool:
    return str(params.get("Key", "")).endswith("/ecsync.index.json")


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
        ("ListObjectsV2", "missing", "NoSuchBucket", "missing"),
        ("GetObject", "denied", "AccessDenied", "denied"),
        ("ListObjectsV2", "throttled", "SlowDown", "throttled"),
        ("GetObject", "transient", "InternalError", "unreachable"),
        ("GetObject", "throttled", "SlowDown", "throttled"),
    ],
)
def test_any_failed_read_fails_the_snapshot(
    s3: MotoReader, operation: str, kind: ErrorClass, code: str, reason: str
) -> None:
    """A failed call never counts as an absence; the reason decides whether to wait or to fix a setting."""
    put_all(s3, {"a.yaml": "1", "b.yaml": "2", "c.yaml": "3"})
    s3.once(operation, fail(kind, code), count=2)  # the second page, the second object
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == reason


def test_a_missing_bucket_is_a_reason_of_its_own(s3: MotoReader) -> None:
    """The message names the bucket."""
    error = refusal(S3Source(s3, "no-such-bucket", "prod"))
    assert error.reason == "missing"
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
        s3, "call", lambda service, op, **p: {**made(service, op, **p), **({"Body": body} if p.get("IfMatch") else {})}
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
    assert s3.made("GetObject") == 2
    assert s3.made("ListObjectsV2") == 0


def test_an_index_with_a_missing_file_is_partial(s3: MotoReader) -> None:
    """The files that an index lists must exist."""
    put_all(s3, {"ecsync.index.json": json.dumps({"a.yaml": digest(b"1")})})
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == "partial"


# ---------------------------------------------------------------- releases with an index


def publish(s3: MotoReader, files: dict[str, str], *, left_out: str = "", **more: str) -> None:
    """Write a release as `ecsync publish` does, without the object of one file."""
    listing = {name: digest(text.encode()) for name, text in files.items()}
    put_all(s3, {f"ecsync.objects/{listing[name]}": text for name, text in files.items() if name != left_out})
    put_all(s3, {"ecsync.index.json": json.dumps(listing | more)})


def test_an_unchanged_release_is_not_read_again(s3: MotoReader) -> None:
    """Each read is one call for the index, and one for each file with a new content, also under another name."""
    publish(s3, {"a.yaml": "1", "b.yaml": "2"})
    source = S3Source(s3, BUCKET, "prod")
    source.fetch()
    source.fetch()
    assert s3.made("GetObject") == 2
    publish(s3, {"a.yaml": "1", "moved/b.yaml": "2", "c.yaml": "3"})
    assert source.fetch().files == {"a.yaml": b"1", "moved/b.yaml": b"2", "c.yaml": b"3"}
    assert s3.made("GetObject") == 3


def test_objects_of_older_releases_are_not_listed(s3: MotoReader) -> None:
    """However many there are, and beside an index or not: they count as no manifest."""
    put_all(s3, {f"ecsync.objects/{digest(str(n).encode())}": str(n) for n in range(30)})
    put_all(s3, {"a.yaml": "1"})
    assert S3Source(s3, BUCKET, "prod").fetch().files == {"a.yaml": b"1"}
    publish(s3, {"a.yaml": "2"})
    listed = s3.made("ListObjectsV2")
    assert S3Source(s3, BUCKET, "prod").fetch().files == {"a.yaml": b"2"}
    assert s3.made("ListObjectsV2") == listed


def test_files_under_their_own_names_may_be_in_an_index(s3: MotoReader) -> None:
    """Another client may write the index. A file that is not the listed one yet fails the read, and is read again."""
    listing = {"a.yaml": digest(b"1")}
    put_all(s3, {"a.yaml": "1", "ecsync.index.json": json.dumps(listing)})
    source = S3Source(s3, BUCKET, "prod")
    assert source.fetch().files == {"a.yaml": b"1"}
    put_all(s3, {"ecsync.index.json": json.dumps({"a.yaml": digest(b"2")})})
    assert refusal(source).reason == "changing"
    put_all(s3, {"a.yaml": "2"})
    assert source.fetch().files == {"a.yaml": b"2"}


def test_an_index_that_names_a_missing_object_is_partial(s3: MotoReader) -> None:
    """The file is named; the last good release is not replaced by a part of the next one."""
    source = S3Source(s3, BUCKET, "prod")
    publish(s3, {"a.yaml": "1"})
    source.fetch()
    publish(s3, {"a.yaml": "1", "b.yaml": "2"}, left_out="b.yaml")
    error = refusal(source)
    assert error.reason == "partial"
    assert "b.yaml" in str(error)


def test_an_object_with_another_content_is_refused(s3: MotoReader) -> None:
    """The digest decides, not the name; the message names the object to remove."""
    publish(s3, {"a.yaml": "1"})
    put_all(s3, {f"ecsync.objects/{digest(b'1')}": "2"})
    error = refusal(S3Source(s3, BUCKET, "prod"))
    assert error.reason == "changing"
    assert digest(b"1") in str(error)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a.yaml": 1}', '{"a.yaml": "1"}', '{"a.yaml": {}}', "null"])
def test_an_index_that_is_cut_off_is_partial(s3: MotoReader, text: str) -> None:
    """Nothing is read by half an index."""
    put_all(s3, {"a.yaml": "1", "ecsync.index.json": text})
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == "partial"


def test_an_index_that_is_gone_is_no_list_of_files(s3: MotoReader) -> None:
    """Old files beside the release do not become the manifests when its index is removed."""
    put_all(s3, {"old.yaml": "0"})
    publish(s3, {"a.yaml": "1"})
    source = S3Source(s3, BUCKET, "prod")
    source.fetch()
    s3.delete("prod/ecsync.index.json")
    assert refusal(source).reason == "missing"
    publish(s3, {"a.yaml": "1"})
    assert source.fetch().files == {"a.yaml": b"1"}


def test_an_index_replaced_during_the_read_is_one_release(s3: MotoReader) -> None:
    """The index that was read first decides; its objects stay, whatever is published meanwhile."""
    publish(s3, {"a.yaml": "1", "b.yaml": "1b"})
    s3.once("GetObject", lambda: publish(s3, {"a.yaml": "2", "b.yaml": "2b"}), count=2)
    source = S3Source(s3, BUCKET, "prod")
    assert source.fetch().files == {"a.yaml": b"1", "b.yaml": b"1b"}
    assert source.fetch().files == {"a.yaml": b"2", "b.yaml": b"2b"}


def test_names_of_an_index_that_are_no_manifests_are_ignored(s3: MotoReader) -> None:
    """Hidden names and `..` never leave the source. Names that differ only in case are two files."""
    names = (
        "a.yaml",
        "A.yaml",
        ".hidden.yaml",
        "../up.yaml",
        "x/../../up.yaml",
        "/root.yaml",
        "README.md",
        "b\\c.yaml",
    )
    publish(s3, dict.fromkeys(names, "1"))
    assert S3Source(s3, BUCKET, "prod").fetch().files == {"a.yaml": b"1", "A.yaml": b"1"}


def test_the_entry_of_a_release_is_for_people(s3: MotoReader) -> None:
    """Its revision is that of the same files without it. A missing or broken description changes nothing."""
    publish(s3, {"a.yaml": "1"})
    plain = S3Source(s3, BUCKET, "prod").fetch()
    text = json.dumps({"commit": "abc", "subject": 7, "other": "x"})
    for described in (text, "{", "[1]"):
        publish(s3, {"a.yaml": "1"}, **{"ecsync.release": digest(described.encode())})
        assert S3Source(s3, BUCKET, "prod").fetch() == plain  # the object is not there
        put_all(s3, {f"ecsync.objects/{digest(described.encode())}": described})
        found = S3Source(s3, BUCKET, "prod").fetch()
        assert found.revision == plain.revision
        assert found.about == ({"commit": "abc"} if described == text else {})


def test_a_release_that_is_too_large_is_refused_before_its_files_are_downloaded(
    s3: MotoReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The length in the answer decides, before its body is read; the number of files before the first call."""
    publish(s3, {f"{n}.yaml": str(n) * 2_600_000 for n in range(10)})
    read: list[int] = []
    made = s3.call

    class Counting:
        def __init__(self, body: Any) -> None:
            self.body = body

        def read(self) -> bytes:
            content: bytes = self.body.read()
            read.append(len(content))
            return content

        def close(self) -> None:
            self.body.close()

    def call(service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer = made(service, operation, **params)
        return {**answer, "Body": Counting(answer["Body"])}

    monkeypatch.setattr(s3, "call", call)
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == "partial"
    assert sum(read) < 25_000_000
    put_all(s3, {"ecsync.index.json": json.dumps({f"{n}.yaml": digest(b"1") for n in range(10_001)})})
    before = s3.made("GetObject")
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == "partial"
    assert s3.made("GetObject") == before


def test_a_bucket_with_versions_is_read_as_any_other(s3: MotoReader) -> None:
    """An object that was removed is gone, although its older versions are there."""
    s3.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    put_all(s3, {"a.yaml": "1", "b.yaml": "1"})
    put_all(s3, {"a.yaml": "2"})
    s3.delete("prod/b.yaml")
    assert S3Source(s3, BUCKET, "prod").fetch().files == {"a.yaml": b"2"}
    s3.once("GetObject", lambda: s3.put("prod/a.yaml", "3"))
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == "changing"


def test_a_listing_that_leaves_out_a_key_gives_no_part(s3: MotoReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """If one of the two lists lacks it, the read fails. If both do, deletions wait for a second read (R27)."""
    put_all(s3, {"a.yaml": "1", "b.yaml": "1"})
    made, lists = s3.call, iter([1, 2, 3, 4])

    def call(service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer = made(service, operation, **params)
        if operation == "ListObjectsV2" and next(lists) == 1:
            return {**answer, "Contents": answer["Contents"][:1]}
        return answer

    monkeypatch.setattr(s3, "call", call)
    assert refusal(S3Source(s3, BUCKET, "prod")).reason == "changing"


def test_a_name_with_dots_is_not_read(s3: MotoReader) -> None:
    """S3 allows every name; one that points out of a directory is no manifest."""
    put_all(s3, {"a.yaml": "1", "../b.yaml": "x", "x/./c.yaml": "x", "x//d.yaml": "x", "/e.yaml": "x"})
    assert S3Source(s3, BUCKET, "prod").fetch().files == {"a.yaml": b"1"}
