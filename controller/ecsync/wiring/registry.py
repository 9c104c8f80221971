"""The registered kinds by name, and every operation that reads AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsync import kinds
from ecsync.awsmodel import reviewed
from ecsync.core import redact
from ecsync.core.kind import Kind
from ecsync.core.rules import Keyed, Sensitive

SOURCE_READS = frozenset({"s3.ListObjectsV2", "s3.GetObject"})
LEASE_READS = frozenset({"s3.GetObject", "dynamodb.GetItem"})
GUARD_READS = frozenset({"ssm.GetParameter"})


def all_reads() -> frozenset[str]:
    """Return every operation that a kind, a source, a lease or a freeze declares as a read."""
    return SOURCE_READS.union(LEASE_READS, GUARD_READS, *(kind.reads for kind in kinds.ALL))


def all_operations() -> frozenset[str]:
    """Return every operation that is called: the reads, what kinds declare to write, and what asks for credentials."""
    writes = (kind.writes | kind.deletes for kind in kinds.ALL)
    return all_reads().union({"sts.AssumeRole", "sts.GetCallerIdentity", "s3.PutObject"}, *writes)


def all_kinds() -> Mapping[str, Kind]:
    """Return the kinds by name, in the order in which they are observed."""
    return {kind.name: reviewed.with_unreviewed(kind) for kind in kinds.ALL}


# Of all kinds: AWS's names of members differ from kind to kind, and parameters have them.
_SENSITIVE = tuple(rule for kind in kinds.ALL for rule in kind.rules if isinstance(rule, Keyed | Sensitive))


def secrets_in(params: Mapping[str, Any]) -> set[str]:
    """Return the sensitive texts in the parameters of a call, by the rules of all kinds."""
    return redact.secrets_in(params, _SENSITIVE)


def listed_services() -> tuple[str, ...]:
    """Return the services that every plan asks for what is ours, whatever the manifests declare."""
    listed = (kind.shape.operation for kind in kinds.ALL if kind.shape and kind.owned and not kind.tagged_as)
    return ("resourcegroupstaggingapi", *dict.fromkeys(operation.partition(".")[0] for operation in listed))
