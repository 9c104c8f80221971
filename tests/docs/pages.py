"""The Markdown pages of the project: their code blocks, headings and links, each with its line."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
_FOLDERS = ("benchmarks", "controller", "deploy", "docs", "manifests", "tests")
_HTML_LINK = re.compile(r"""(?:href|src)=["']([^"']+)["']""")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page on which the text begins."""

    page: str  # as the path from the root of the project
    language: str
    line: int
    text: str

    def at(self, line: int = 1) -> str:
        """Return `page:line` of a line of the block, counted from 1."""
        return f"{self.page}:{self.line + line - 1}"

    def __str__(self) -> str:
        return self.at()


@dataclass(frozen=True)
class Link:
    """A link or a picture of a page."""

    page: str
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.target}"


@cache
def files() -> tuple[str, ...]:
    """Return every file that git tracks or does not ignore, as a path from the root; of an archive, every file."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    else:
        paths = (path.relative_to(ROOT) for folder in _FOLDERS for path in (ROOT / folder).rglob("*"))
        listed = [*map(str, paths), *(path.name for path in ROOT.iterdir())]
        listed = [name for name in listed if "node_modules" not in name and "__pycache__" not in name]
    return tuple(sorted({name for name in listed if name and (ROOT / name).is_file()}))


@cache
def pages() -> tuple[str, ...]:
    """Return every Markdown page, but for those below `tests/`, which are data."""
    return tuple(name for name in files() if name.endswith(".md") and not name.startswith("tests/"))


@cache
def _tokens(page: str) -> tuple[Token, ...]:
    parser = MarkdownIt("commonmark").enable("table")
    return tuple(parser.parse((ROOT / page).read_text(encoding="utf-8")))


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    for token in _tokens(page):
        if token.type == "fence":
            assert token.map is not None
            language = token.info.split()[0] if token.info.strip() else ""
            yield Block(page=page, language=language, line=token.map[0] + 2, text=token.content)


def inline_code(page: str) -> Iterator[tuple[int, str]]:
    """Yield the line of a paragraph and each text in backticks in it."""
    for token in _tokens(page):
        for child in token.children or ():
            if child.type == "code_inline":
                yield (token.map[0] + 1 if token.map else 0), child.content


def links(page: str) -> Iterator[Link]:
    """Yield the links and pictures of a page, also those in HTML."""
    line = 0
    for token in _tokens(page):
        line = token.map[0] + 1 if token.map else line
        for child in (token, *(token.children or ())):
            target = child.attrGet("href") or child.attrGet("src")
            if target:
                yield Link(page=page, line=line, target=str(target))
            if child.type in ("html_block", "html_inline"):
                yield from (Link(page=page, line=line, target=one) for one in _HTML_LINK.findall(child.content))


@cache
def anchors(page: str) -> frozenset[str]:
    """Return the anchors of the headings of a page, as GitHub makes them."""
    found: dict[str, int] = {}
    names = set()
    tokens = _tokens(page)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            slug = _slug("".join(child.content for child in inline.children or ()))
            count = found[slug] = found.get(slug, -1) + 1
            names.add(f"{slug}-{count}" if count else slug)
    return frozenset(names)


def _slug(heading: str) -> str:
    kept = "".join(one for one in heading.lower() if one.isalnum() or one in " -_")
    return kept.replace(" ", "-")
