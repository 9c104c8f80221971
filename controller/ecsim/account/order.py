"""The order of lists that AWS keeps as sets: not the order of the request, but always the same."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any


def shuffled(items: Iterable[Any]) -> list[Any]:
    """Return the items in an order that depends only on the items."""
    return sorted(items, key=lambda item: zlib.crc32(repr(item).encode()))
