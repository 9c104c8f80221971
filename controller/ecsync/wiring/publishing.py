"""The parts of `ecsync publish`: a bucket that can only be written, with the operator's own credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ecsync import config
from ecsync.aws.bucket import WriteOnlyBucket
from ecsync.aws.clients import Access
from ecsync.config import Settings
from ecsync.core.ports import Snapshot
from ecsync.sources import publishing, worktree
from ecsync.sources.publishing import NotPublished, Published
from ecsync.version import version

__all__ = ["NotPublished", "Published", "about", "in_work_tree", "publish"]

_ANY = "us-east-1"  # S3 redirects from it to the Region of the bucket


def about(path: Path, release: Snapshot, text: str | None) -> Mapping[str, str]:
    """Return what a release is for people: the given text, else the commit of the work tree; empty without both.

    A release that was published before (a directory with an index) keeps what it is.
    """
    if text is not None:
        return {"commit": text} if text else {}
    return worktree.about(path, release.files) or release.about


def in_work_tree(path: Path) -> bool:
    """Return whether a path is below a folder with `.git`, which git may refuse to read: that of another user."""
    return any((folder / ".git").exists() for folder in (path.resolve(), *path.resolve().parents))


def publish(
    settings: Settings, where: str, release: Snapshot, about: Mapping[str, str], progress: Callable[[int, int], None]
) -> Published:
    """Put a release at `s3://bucket/prefix`. Raises NotPublished.

    The role and the guards of targets do not apply: the credentials are the operator's own, and can be used for nothing
    but puts in this bucket.
    """
    bucket, _, prefix = where.removeprefix("s3://").partition("/")
    access = Access(profile=settings.profile)
    region = settings.region or config.default_region() or _ANY
    to = WriteOnlyBucket(access, region, bucket, prefix, expected_owner=settings.source_owner, version=version())
    return publishing.publish(release, about, to.put, progress=progress)
