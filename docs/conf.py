"""The site of the documentation: `make docs` builds it with Sphinx, and a warning is an error.

The pages are plain Markdown, so that they can be read in the repository too. The navigation is docs/index.md: each of
its headings is a group, and each link below it a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

project = "ecsync"
copyright = "the authors of ecsync, Apache-2.0"
extensions = ["myst_parser"]
exclude_patterns = ["generate"]
html_theme = "furo"
html_title = "ecsync"
html_copy_source = False
myst_heading_anchors = 6  # as GitHub makes them
nitpicky = True

_HERE = Path(__file__).parent
_CONTENTS = "\n```{{toctree}}\n:hidden:\n:glob:\n\n{}\n```\n"
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s#]+)(#[^)]*)?\)")


# Folders of pages that are below another page than an `index.md` of their own.
_BELOW = {"alerts": "runbooks"}


def navigation(text: str) -> Iterator[str]:
    """Yield the lines of the first page, with a table of contents for the links below each heading."""
    heading, pages = "", list[str]()
    for line in [*text.splitlines(), "## "]:
        if line.startswith("## "):
            if pages:
                yield from ("", "```{toctree}", ":hidden:", f":caption: {heading}", *pages, "```", "")
            heading, pages = line.removeprefix("## "), []
            if not heading:
                return
        elif line.startswith("- "):
            pages += [target.removesuffix(".md") for _, target, _ in _LINK.findall(line)[:1] if "://" not in target]
        yield line


def prepare(_app: object, page: str, source: list[str]) -> None:
    """Make the navigation of the first page. Links to folders of the repository become text: a site has none."""
    if page == "index":
        source[0] = "\n".join(navigation(source[0]))
    elif page.endswith("/index"):  # the pages beside it are below it
        source[0] += _CONTENTS.format("*")
    elif (_HERE / _BELOW.get(page, "-")).is_dir():
        source[0] += _CONTENTS.format(f"{_BELOW[page]}/*")
    folder = (_HERE / page).parent

    def in_site(found: re.Match[str]) -> str:
        target = found[2]
        leaves = "://" not in target and not (folder / target).resolve().is_relative_to(_HERE)
        return found[1] if leaves else found[0]

    source[0] = _LINK.sub(in_site, source[0])


def setup(app: Any) -> None:
    """Sphinx calls this once."""
    app.connect("source-read", prepare)
