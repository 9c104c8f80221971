"""The values of labels: closed sets, so that a metric has a known number of series."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ecsync.core.ports import SourceReason

Result: TypeAlias = Literal["synced", "changed", "error", "terminal", "throttled", "frozen", "skipped"]
Phase: TypeAlias = Literal["fetch", "parse", "observe", "plan", "apply", "total"]
Reason: TypeAlias = Literal[
    "missing", "denied", "throttled", "transient", "conflict", "exists", "settling", "invalid", "credentials",
    "manifest", "source", "panic", "other",
]  # fmt: skip
Fetch: TypeAlias = Literal["ok", SourceReason]
HOOKS = ("github", "gitlab", "generic", "other")
Mishap: TypeAlias = Literal["missed", "skipped", "error"]
Code: TypeAlias = Literal["2xx", "4xx", "5xx", "throttled", "error"]
DriftState: TypeAlias = Literal["detected", "changed", "resolved"]
Round: TypeAlias = Literal["held", "other", "error"]
METHODS = ("GET", "HEAD", "POST", "other")
