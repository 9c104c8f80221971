"""Corrections of moto's S3."""

from __future__ import annotations

from typing import Any

from ecsim.account.errors import AwsError


def check_owner(account: str, environ: dict[str, Any]) -> None:
    """Refuse an `ExpectedBucketOwner` other than this account."""
    expected = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER")
    if expected not in (None, account):
        raise AwsError("AccessDenied", "Access Denied", 403)
