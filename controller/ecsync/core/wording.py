"""Parts of messages: the nearest name, lists of names, text that is safe to print; times as people write them."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_TIME = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,3})?\s*[smhd]\s*)+|[0-9]{1,9}(?:\.[0-9]{1,3})?")
_PART = re.compile(r"([0-9.]+)\s*([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 60
A_TIME = "a time such as 30s, 5m, 2h or 1d (a number alone is seconds)"
MOST_OPTIONS = 1000  # above this, the search for the nearest takes too long
MOST_PROBLEMS = 100  # per document; the rest is left out


def printable(text: str, longest: int = _LONGEST) -> str:
    """Return the text without control characters, and shortened: it may be from an untrusted file."""
    clean = _CONTROL.sub("�", text)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def quoted(text: object) -> str:
    """Return the text in quotes, safe to print."""
    return f'"{printable(str(text))}"'


def nearest(name: str, options: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the option that is most like the name: first equal without case, dashes and underscores, then similar."""
    known = list(options)
    if len(known) > MOST_OPTIONS:
        return None
    known.sort()
    plain = _plain(name)
    same = [option for option in known if _plain(option) == plain]
    close = same or difflib.get_close_matches(name[:_LONGEST], known, n=1, cutoff=cutoff)
    return close[0] if close else None


def suggestion(name: str, options: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest option, else the list of options."""
    known = sorted(options)
    close = nearest(name, known)
    if close is not None:
        return f"; did you mean {quoted(close)}?"
    return f"; valid: {listed(known)}" if known else ""


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return the names with commas; above the limit, the number of the rest."""
    shown = [printable(name) for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")


def released(about: Mapping[str, str]) -> str:
    """Return what a snapshot is for people (`Snapshot.about`): `3f9c1d2a4b5c Fix the check (Ann)`; empty without it."""
    commit, dash, changed = about.get("commit", "").partition("-")
    short = f"{commit[:12]}{dash}{changed}" if _COMMIT.fullmatch(commit) else about.get("commit", "")
    author = f"({about['author']})" if about.get("author") else ""
    return " ".join(part for part in (short, about.get("subject", ""), author) if part)


def internal_error(error: BaseException) -> str:
    """Return the message about an unexpected exception, without its text: it may hold a secret."""
    return f"an internal error ({type(error).__name__}): see the log"


def seconds(text: str) -> float:
    """Return the seconds of a time that a person wrote: `30`, `30s`, `5m`, `1h30m`, `1d`. Raises ValueError.

    Every option, setting and manifest with a time is read by this function.
    """
    found = text.strip()
    if len(found) > _LONGEST or not _TIME.fullmatch(found):
        raise ValueError(f"must be {A_TIME}")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(found))


def duration(seconds: float) -> str:
    """Return a duration for people, rounded up: `45 s`, `12 min`."""
    whole = math.ceil(seconds)
    return f"{whole} s" if whole < 60 else f"{math.ceil(whole / 60)} min"


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")
