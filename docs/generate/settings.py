"""docs/reference/settings.md: every setting with its variable, type, limits, default and meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docs.generate.markdown import HEAD, cell, code, table
from ecsync.offline.operator_settings import ENTRIES, Setting, groups, settings

_LINK = re.compile(r"\]\((?!https?:)([^)]*)\)")


def page() -> str:
    """Return the page."""
    return "\n".join([*_top(), *_groups()]) + "\n"


def _top() -> Iterator[str]:
    yield HEAD.format(source="controller/ecsync/settings.py and accounts.py")
    yield "# Settings"
    yield ""
    yield (
        "A setting is a key of the config file (`--config FILE`, `ECSYNC_CONFIG`) and an environment variable. Many "
        "are flags. A later source overrides an earlier one: defaults, file, environment, flags. An unknown key is an "
        "error. `ecsync explain config.KEY` prints the same."
    )
    yield ""
    yield "A time is a number of seconds, or a text such as `90s`, `5m` or `2h`."


def _groups() -> Iterator[str]:
    texts, found = groups(), list(settings())
    entries = {entry: name for name, entry in ENTRIES.items()}
    for group in dict.fromkeys(_section(one, entries) for one in found):
        rows = [one for one in found if _section(one, entries) == group]
        yield from ("", f"## `{group}`" if group else "## At the top", "", _moved(texts[group]))
        if group in entries:
            yield f"These are the keys of an entry of `{entries[group]}`, in the config file only."
        yield ""
        if group in entries:
            head = ("key", "type and limits", "default", "meaning")
            yield from table(head, (_entry_row(one, group) for one in rows))
        else:
            yield from table(("key", "variable", "type and limits", "default", "meaning"), map(_row, rows))


def _section(one: Setting, entries: dict[str, str]) -> str:
    """Return the heading of a setting. All keys of an entry are in one table."""
    return next((entry for entry in entries if one.name.startswith(f"{entry}.")), one.group)


def _row(one: Setting) -> tuple[str, ...]:
    variable = (code(one.variable) if one.variable else "(file only)") + ("" if one.in_file else " (not in the file)")
    return code(one.name), variable, cell(one.type), code(one.default), _moved(one.text)


def _entry_row(one: Setting, entry: str) -> tuple[str, ...]:
    return code(one.name.removeprefix(f"{entry}.")), cell(one.type), code(one.default), _moved(one.text)


def _moved(text: str) -> str:
    """Return a text with its links as they are in a page of docs/reference."""
    return cell(_LINK.sub(r"](../\1)", text))
