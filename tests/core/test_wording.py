"""Times as people write them: the one parser of options, settings and manifests."""

from __future__ import annotations

import pytest

from ecsync.core.wording import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", 30),
        ("30s", 30),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86_400),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (" 5 m ", 300),
    ],
)
def test_a_time_is_read_with_or_without_a_unit(text: str, expected: float) -> None:
    """A number alone is seconds; units can be joined."""
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "5M", "-5s", "1h30", "٣h", "1e3", "nan", "m", "9" * 61])
def test_other_text_is_refused_with_examples(text: str) -> None:
    """The error lists what is accepted."""
    with pytest.raises(ValueError, match=r"^must be a time such as 30s, 5m, 2h or 1d \(a number alone is seconds\)$"):
        seconds(text)
