"""The size of a pack is known before it is unpacked."""

from __future__ import annotations

import hashlib
import zlib

import pytest

from ecsync.sources import git_pack

BLOB, OFS_DELTA, REF_DELTA = 3, 6, 7


def varint(size: int) -> bytes:
    """Return a size as in the header of a delta."""
    found = bytearray()
    while size > 0x7F:
        found.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*found, size])


def entry(kind: int, size: int, content: bytes, base: bytes = b"") -> bytes:
    """Return an object that announces a size."""
    first, rest = kind << 4 | size & 15, size >> 4
    head = bytes([first | (0x80 if rest else 0)]) + (varint(rest) if rest else b"")
    return head + base + zlib.compress(content)


def pack(*entries: bytes, count: int | None = None) -> bytes:
    """Return a pack of objects."""
    body = b"PACK" + (2).to_bytes(4, "big") + (len(entries) if count is None else count).to_bytes(4, "big")
    body += b"".join(entries)
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def delta(source: int, target: int) -> bytes:
    """Return a delta that announces the sizes of its source and of what it makes."""
    return varint(source) + varint(target) + b"\x01x"


def test_objects_within_the_limits_pass() -> None:
    """Of each form."""
    base = entry(BLOB, 3, b"abc")
    git_pack.check(pack(base))
    git_pack.check(pack(base, entry(OFS_DELTA, 4, delta(3, 1), bytes([len(base)]))))
    git_pack.check(pack(base, entry(REF_DELTA, 4, delta(3, 1), bytes(20))))
    git_pack.check(pack())
    large = b"y" * 300_000
    git_pack.check(pack(entry(BLOB, len(large), large), base))


@pytest.mark.parametrize(
    ("bomb", "text"),
    [
        (pack(entry(BLOB, 10 * 2**30, b"a")), "announces an object of 10737418240 bytes"),
        (pack(entry(BLOB, 10, bytes(50_000_000))), "larger than it announces"),
        (pack(entry(REF_DELTA, len(delta(5, 10 * 2**30)), delta(5, 10 * 2**30), bytes(20))), "announces an object of"),
        (pack(*[entry(BLOB, 30 * 2**20, bytes(30 * 2**20))] * 9), "when it is unpacked"),
        (pack(count=10**9), "objects; the limit is"),
        (b"PACK" + bytes(4) + (1).to_bytes(4, "big") + b"\xff" * 40 + bytes(20), "without an end"),
    ],
    ids=["10 GiB announced", "more than announced", "delta", "many", "count", "endless size"],
)
def test_a_bomb_is_too_large(bomb: bytes, text: str) -> None:
    """Not more than one object is unpacked, and that within its limit."""
    with pytest.raises(git_pack.TooLarge, match=text):
        git_pack.check(bomb)


@pytest.mark.parametrize("end", range(0, 60, 3))
def test_a_pack_that_is_cut_is_no_pack(end: int) -> None:
    """Wherever it ends."""
    whole = pack(entry(BLOB, 3, b"abc"), entry(BLOB, 4, b"abcd"))
    with pytest.raises(git_pack.NotAPack):
        git_pack.check(whole[: min(end, len(whole) - 1)])


@pytest.mark.parametrize(
    "broken", [pack(entry(BLOB, 5, b"abc")), pack(entry(BLOB, 3, b"abc"), count=0), b"junk" * 20], ids=str
)
def test_what_contradicts_itself_is_no_pack(broken: bytes) -> None:
    """Sizes, counts and the header."""
    with pytest.raises(git_pack.NotAPack):
        git_pack.check(broken)
