"""The places of a record: an S3 object, and an item of a DynamoDB table. Both write only on a condition."""

from __future__ import annotations

from typing import Any

from ecsync.core.ports import AwsError, Cloud, LeaseError, SourceError
from ecsync.lease.records import Record, parse
from ecsync.sources.s3 import drain

_NOT_THERE = ("NoSuchKey", "404")
# 409: two conditional writes met. Neither is known to have failed, so the record is read again.
_CONDITION_FAILED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409", *_NOT_THERE)


class S3Store:
    """A record as an object (`records.Store`). Needs `s3:GetObject`, `s3:ListBucket` and `s3:PutObject`."""

    def __init__(self, cloud: Cloud, bucket: str, key: str, expected_owner: str = "") -> None:
        self._cloud = cloud
        self._object: dict[str, str] = {"Bucket": bucket, "Key": key}
        if expected_owner:
            self._object["ExpectedBucketOwner"] = expected_owner
        self.where = f"s3://{bucket}/{key}"

    def read(self) -> tuple[Record, str] | None:
        """Return the record and its ETag."""
        try:
            response = self._cloud.call("s3", "GetObject", **self._object)
        except AwsError as error:
            if error.code in _NOT_THERE:
                return None
            raise
        try:
            text = drain(response["Body"], self.where).decode(errors="replace")
        except SourceError as error:
            raise LeaseError(str(error)) from error
        return parse(text, self.where), str(response["ETag"])

    def write(self, record: Record, over: str | None) -> bool:
        """Write the object if its ETag is `over`, or if there is none."""
        condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": over}
        body = record.text().encode()
        try:
            self._cloud.write("s3", "PutObject", Body=body, ContentType="application/json", **self._object, **condition)
        except AwsError as error:
            if error.code in _CONDITION_FAILED:
                return False
            raise
        return True


class DynamoDbStore:
    """A record as an item (`records.Store`). The table has the partition key `id`, a string.

    Needs `dynamodb:GetItem` and `dynamodb:PutItem`.
    """

    def __init__(self, cloud: Cloud, table: str, name: str) -> None:
        self._cloud = cloud
        self._table = table
        self._name = {"S": name}
        self.where = f"dynamodb:{table}/{name}"

    def read(self) -> tuple[Record, str] | None:
        """Return the record and its identity."""
        item: Any = self._cloud.call(
            "dynamodb", "GetItem", TableName=self._table, Key={"id": self._name}, ConsistentRead=True
        ).get("Item")
        if not item:
            return None
        record = parse(item.get("record", {}).get("S", ""), self.where)
        return record, record.identity

    def write(self, record: Record, over: str | None) -> bool:
        """Write the item if its identity is `over`, or if there is none."""
        names, values = {"#i": "identity" if over else "id"}, {":over": {"S": over}}
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(#i)"}
        if over:
            condition = {"ConditionExpression": "#i = :over", "ExpressionAttributeValues": values}
        item = {"id": self._name, "identity": {"S": record.identity}, "record": {"S": record.text()}}
        try:
            self._cloud.write(
                "dynamodb", "PutItem", TableName=self._table, Item=item, ExpressionAttributeNames=names, **condition
            )
        except AwsError as error:
            if error.code == "ConditionalCheckFailedException":
                return False
            raise
        return True
