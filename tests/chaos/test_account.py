"""What a difference of two contents prints."""

from __future__ import annotations

import pytest

from tests.chaos.account import difference


@pytest.mark.parametrize(
    ("wanted", "found", "printed"),
    [
        (["a 1"], ["a 1"], ""),
        (["service x, image 1", "service y, image 2"], ["service x, image 2", "service y, image 1"],
         "- service x, i… image 1 | + service x, i… image 2 | - service y, i… image 2 | + service y, i… image 1"),
        (["service x, image 1"], ["service x, image 1", "service x, image 1"], "+ service x, image 1"),
        (["group a, port 1, port 1"], ["group a, port 1"], "- group a, por… port 1"),
        (["group a"], [], "- group a"),
        (["a, b"], ["b, a"], "- a, b | + b, a"),
    ],
    ids=["nothing", "swapped values", "twice", "a part twice", "a line more", "another order"],
)  # fmt: skip
def test_both_sides_of_a_difference_are_printed(wanted: list[str], found: list[str], printed: str) -> None:
    """Also where a part of one line is a part of another line on the other side."""
    assert difference(wanted, found) == printed
