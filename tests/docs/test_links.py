"""Every link of the documentation leads to a file and a heading that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.exceptions import NOT_IN_NAVIGATION, NOT_OURS
from tests.docs.pages import ROOT, Link, anchors, files, links, pages

_NAMED = re.compile(r"(?<![\w/.-])((?:docs|deploy|manifests)/[\w./-]+\.md)(#[\w-]+)?")
_CODE = (".py", ".sh", ".toml", ".yaml", ".yml", ".json")


def problem_of(link: Link) -> str:
    """Return what is wrong with a link; empty if nothing is, or if it leaves the project."""
    parts = urlsplit(link.target)
    if parts.scheme or parts.netloc:
        return "" if parts.scheme in ("https", "mailto") else "use https"
    path = normpath(str(PurePosixPath(link.page).parent / unquote(parts.path))) if parts.path else link.page
    if not (ROOT / path).exists():
        return f"{path} does not exist"
    if parts.fragment and path.endswith(".md") and parts.fragment not in anchors(path):
        return f"{path} has no heading #{parts.fragment}"
    return ""


@pytest.mark.parametrize("page", pages())
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    """Files and headings of the project; other sites are not asked."""
    found = [f"{link}: {problem}" for link in links(page) if (problem := problem_of(link))]
    assert found == [], "\n".join(found)


def test_every_page_is_in_the_navigation_once() -> None:
    """docs/index.md has a link to each page of docs/, but for the pages beside an `index.md` of a folder.

    `NOT_IN_NAVIGATION` names the others.
    """
    listed = [normpath(f"docs/{urlsplit(one.target).path}") for one in links("docs/index.md")]
    folders = {page.removesuffix("index.md") for page in listed if page.endswith("/index.md")}
    below = {page for page in pages() if page.startswith(tuple(folders)) and page not in listed}
    expected = {
        page for page in pages() if page.startswith("docs/") and not page.startswith(tuple(NOT_IN_NAVIGATION))
    } - below
    assert sorted(expected - set(listed)) == [], "add each of these to the list in docs/index.md"
    assert sorted(page for page in listed if listed.count(page) > 1) == []


def named_in_code() -> Iterator[tuple[str, str, str]]:
    """Yield place, page and anchor of each page that code or a message names."""
    for name in files():
        path = ROOT / name
        if path.suffix in _CODE or path.name in ("Makefile", "Dockerfile"):
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
                yield from (
                    (f"{name}:{number}", page, anchor[1:])
                    for page, anchor in _NAMED.findall(line)
                    if page not in NOT_OURS
                )


def test_every_page_that_code_names_exists() -> None:
    """In comments, messages and workflows: a page that was moved is found here."""
    missing = [f"{place}: {page}" for place, page, _ in named_in_code() if not (ROOT / page).is_file()]
    assert missing == [], "\n".join(missing)
    lost = [
        f"{place}: {page}#{anchor}" for place, page, anchor in named_in_code() if anchor and anchor not in anchors(page)
    ]
    assert lost == [], "\n".join(lost)
