"""A bucket of the simulated AWS, publishers that die or may do little, and what a reader of it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ecsim import Fault
from ecsync import wiring
from ecsync.aws.bucket import WriteOnlyBucket
from ecsync.aws.clients import Access
from ecsync.aws.cloud import BotoCloud
from ecsync.aws.limits import Limiter
from ecsync.core.ports import Snapshot, SourceError
from ecsync.sources import publishing
from ecsync.sources.disk import DiskSource
from ecsync.sources.publishing import Put
from ecsync.sources.s3 import S3Source
from tests.whole.support.environment import REGION, Environment
from tests.whole.support.killed import Killed

BUCKET = "manifests"
WHERE = f"s3://{BUCKET}/prod"
READS = ("ListObjectsV2", "ListObjects", "GetObject", "HeadObject", "HeadBucket", "ListObjectVersions")


def create(environment: Environment) -> None:
    """Create the bucket."""
    configuration = {"LocationConstraint": REGION}
    environment.aws("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=configuration)


@contextmanager
def put_only(environment: Environment) -> Iterator[None]:
    """Deny every call to S3 but PutObject, as for credentials that allow nothing else."""
    for operation in (*READS, "DeleteObject", "CreateMultipartUpload", "PutObjectTagging", "PutObjectAcl"):
        environment.simulator.fault(Fault("deny", service="s3", operation=operation, times=None))
    try:
        yield
    finally:
        environment.simulator.clear_faults()


def release(environment: Environment) -> Snapshot:
    """Return the release in the directory of manifests."""
    return DiskSource(environment.manifests, pause=0.0, settle=0.0).fetch()


def write_only(environment: Environment) -> WriteOnlyBucket:
    """Return the bucket as a publisher has it."""
    return WriteOnlyBucket(Access(endpoint_url=environment.simulator.url), REGION, BUCKET, "prod")


def put(environment: Environment) -> Put:
    """Return the puts of a publisher."""
    return write_only(environment).put


def publish(environment: Environment, through: Put, **about: str) -> publishing.Published:
    """Publish the directory of manifests, one put after the other."""
    return publishing.publish(release(environment), about, through, parallel=1, wait=lambda _: None)


def dying(through: Put, at: int, *, before: bool, seen: Callable[[], object] = lambda: None) -> Put:
    """Return puts of a process that is killed before or after put number `at`, counted from 0.

    `seen` is called before and after each put.
    """
    count = iter(range(1000))

    def one(name: str, body: bytes, content_type: str, /, *, new: bool) -> None:
        number = next(count)
        seen()
        if number == at and before:
            raise Killed
        try:
            through(name, body, content_type, new=new)
        finally:  # also where S3 answers that the object is there
            seen()
            if number == at:
                raise Killed

    return one


def reader(environment: Environment) -> S3Source:
    """Return a reader that has just started."""
    limiter = Limiter(monotonic=lambda: 0.0, wait=lambda _: None)
    cloud = BotoCloud(environment.clients, region=REGION, reads=wiring.all_reads(), limiter=limiter)
    return S3Source(cloud, BUCKET, "prod")


def contents(environment: Environment) -> Mapping[str, bytes] | None:
    """Return the files that a reader which has just started sees; None if there is no release."""
    try:
        return reader(environment).fetch().files
    except SourceError as error:
        if error.reason != "empty":
            raise
        return None
