"""How messages are worded: the nearest name, lists of names, and text that is safe to print."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONGEST = 60
MOST_OPTIONS = 1000  # beyond them looking for the nearest takes longer than it helps
MOST_PROBLEMS = 100  # of one document: whoever has more of them reads no further


def printable(text: str, longest: int = _LONGEST) -> str:
    """Return the text without control characters, and cut short: it came from a file that anyone may have written."""
    clean = _CONTROL.sub("�", text)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def quoted(text: object) -> str:
    """Return the text as it stands in a message."""
    return f'"{printable(str(text))}"'


def nearest(word: str, options: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the option that was probably meant: the same but for case, dashes and underscores, else the most alike."""
    known = sorted(options)
    if len(known) > MOST_OPTIONS:
        return None
    plain = _plain(word)
    same = [option for option in known if _plain(option) == plain]
    close = same or difflib.get_close_matches(word[:_LONGEST], known, n=1, cutoff=cutoff)
    return close[0] if close else None


def suggestion(word: str, options: Iterable[str]) -> str:
    """Return the end of a message about an unknown word: the nearest option, else what there is."""
    known = sorted(options)
    close = nearest(word, known)
    if close is not None:
        return f"; did you mean {quoted(close)}?"
    return f"; there is {listed(known)}" if known else ""


def listed(words: Sequence[str], most: int = 12) -> str:
    """Write the words with commas; beyond the limit, say how many more there are."""
    shown = [printable(word) for word in words[:most]]
    return ", ".join(shown) + (f" and {len(words) - most} more" if len(words) > most else "")


def _plain(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "")
