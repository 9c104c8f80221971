"""One S3 bucket that is only written: its client refuses every other operation, and every other bucket."""

from __future__ import annotations

from typing import Any

from ecsync.aws import hooks
from ecsync.aws.clients import Access, Clients
from ecsync.aws.errors import FAILURES, from_exception
from ecsync.core.ports import AwsError

PUT = "s3.PutObject"


class WriteOnlyBucket:
    """Puts objects below a prefix. Needs `s3:PutObject` and nothing else. Safe across threads.

    `expected_owner` is the account that must own the bucket; S3 checks it at each put.
    """

    def __init__(
        self, access: Access, region: str, bucket: str, prefix: str = "", *, expected_owner: str = "", version: str = ""
    ) -> None:
        clients = Clients(access, version=version, reads=frozenset({PUT}))
        self._client = clients.get("s3", region, once=True)
        hooks.only_bucket(self._client.meta.events, bucket)
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._where = {"Bucket": bucket} | ({"ExpectedBucketOwner": expected_owner} if expected_owner else {})
        self.where = f"s3://{bucket}/{self._prefix}".rstrip("/")

    def put(self, name: str, body: bytes, content_type: str, *, new: bool) -> None:
        """Send one put, a single time. Raises AwsError.

        With `new`, an object that exists is not changed: S3 returns PreconditionFailed. botocore adds a CRC of the
        content, which S3 checks.
        """
        more: dict[str, Any] = {"IfNoneMatch": "*"} if new else {}
        try:
            self._client.put_object(Key=self._prefix + name, Body=body, ContentType=content_type, **self._where, **more)
        except FAILURES as error:
            raise from_exception(error, "s3", "PutObject") from None
        except hooks.WriteRefused as error:  # botocore looks for the Region of the bucket if S3 does not return it
            raise AwsError("invalid", "WrongRegion", f"the bucket is in another Region ({error})", PUT) from None
