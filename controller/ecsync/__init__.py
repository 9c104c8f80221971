"""ecsync: a GitOps controller for Amazon ECS. Public API: `compare` and `FieldChange`, loaded when they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecsync.core.model import FieldChange
    from ecsync.offline.compare import compare

__all__ = ["FieldChange", "compare"]


def __getattr__(name: str) -> object:
    if name == "compare":
        from ecsync.offline.compare import compare

        return compare
    if name == "FieldChange":
        from ecsync.core.model import FieldChange

        return FieldChange
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
