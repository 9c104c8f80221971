"""Orders of AWS's own: what goes in as a list and is kept as a set comes back differently, but always the same."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any


def shuffled(items: Iterable[Any]) -> list[Any]:
    """The items in an order that depends on nothing but themselves."""
    return sorted(items, key=lambda item: zlib.crc32(repr(item).encode()))
