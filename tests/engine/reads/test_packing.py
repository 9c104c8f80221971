"""What is kept of AWS's answers between two reads is packed, and gives back what was put in."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from ecsync.core.model import Key
from ecsync.engine import packing
from ecsync.engine.packing import NEVER, Folded, FoldedItems, Tagged, content_of


def tags_of(number: int) -> dict[str, str]:
    return {"ecsync:owner": f"v1/prod/shop/Service/{number}", "team": "웹"}


def tagged(count: int) -> Tagged:
    return Tagged((f"group {number % 3}", f"arn:{number}", tags_of(number)) for number in range(count))


@pytest.mark.parametrize("count", [0, 1, 50, 51, 400])
def test_tags_are_found_by_arn_and_by_group(count: int) -> None:
    of = tagged(count)
    assert [of.get(f"arn:{number}") for number in range(count)] == [tags_of(number) for number in range(count)]
    assert (of.get("arn:-1"), of.content("arn:-1")) == (None, NEVER)
    for group in range(3):
        assert sorted(of.group(f"group {group}")) == sorted(
            (f"arn:{number}", tags_of(number)) for number in range(count) if number % 3 == group
        )


def test_the_content_of_tags_is_that_of_the_tags_alone() -> None:
    one, other = tagged(60), Tagged([("elsewhere", "arn:7", tags_of(7))])
    assert one.content("arn:7") == other.content("arn:7") == content_of(tags_of(7))
    assert one.content("arn:8") != one.content("arn:7")


def test_who_changes_the_tags_that_it_got_changes_nothing() -> None:
    of = tagged(3)
    got = of.get("arn:1")
    assert isinstance(got, dict)
    got["team"] = "other"
    assert of.get("arn:1") == tags_of(1)


def test_two_arns_with_one_hash_have_their_own_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "hash", lambda arn: len(arn), raising=False)
    given: Mapping[str, dict[str, str]] = {f"arn:{number}": tags_of(number) for number in range(10, 99)}
    of = Tagged((f"group {arn[-1]}", arn, tags) for arn, tags in given.items())
    assert {arn: of.get(arn) for arn in given} == given
    assert {arn: of.content(arn) for arn in given} == {arn: content_of(tags) for arn, tags in given.items()}
    assert of.get("arn:00") is None


def a_key(name: str) -> Key:
    return Key("shop", "Service", name)


def test_a_folded_mapping_takes_changes_and_is_packed_again() -> None:
    folded = Folded({a_key("web"): ("1",), a_key("api"): ("2",)})
    assert (len(folded), Folded.of(folded) is folded) == (2, True)
    folded[a_key("job")] = ("3",)
    del folded[a_key("api")]
    again = Folded.of(folded)
    assert again is not folded
    assert len(again) == 2
    assert dict(again) == {a_key("web"): ("1",), a_key("job"): ("3",)}


def test_folded_items_are_the_items() -> None:
    items = tuple(a_key(f"service-{number}") for number in range(99))
    folded = FoldedItems(items)
    assert (len(folded), tuple(folded), folded[3], folded[1:3]) == (99, items, items[3], items[1:3])
    assert folded == items
    assert folded != items[1:]


def test_threads_that_ask_at_the_same_time_unpack_a_mapping_once(monkeypatch: pytest.MonkeyPatch) -> None:
    folded, both = Folded({a_key("web"): "1"}), threading.Barrier(2, timeout=10)
    unpickled, times = packing._unpickled, 0

    def slowly(packed: bytes) -> Any:
        nonlocal times
        times += 1
        with suppress(threading.BrokenBarrierError):
            both.wait(0.2)  # for another thread that unpacks it too
        return unpickled(packed)

    monkeypatch.setattr(packing, "_unpickled", slowly)
    with ThreadPoolExecutor(2) as threads:
        assert [*threads.map(folded.get, [a_key("web")] * 2)] == ["1", "1"]
    assert times == 1
