"""The public API of ecsync. Importing it costs nothing; what is used is loaded then."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.compare import compare
    from controller.core.model import FieldChange

__all__ = ["FieldChange", "compare"]


def __getattr__(name: str) -> object:
    if name == "compare":
        from controller.compare import compare

        return compare
    if name == "FieldChange":
        from controller.core.model import FieldChange

        return FieldChange
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
