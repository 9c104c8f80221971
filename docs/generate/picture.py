"""docs/demo.svg: a picture of `ecsync demo`, drawn from the recorded output in docs/demo.txt."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

_WIDTH = 104
_TITLE = "ecsync demo"
# rich's own format, without its fonts from the network: the picture loads nothing.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>The output of ecsync demo: four faults, each repaired, and a table of the writes</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
_STYLES = {"!": "red", "✔": "green", "writes": "bold", "another": "bold", "from": "bold", "two": "bold", "ten": "bold"}


def svg(recording: Path) -> str:
    """Return the picture of a recorded output."""
    console = Console(record=True, width=_WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor")
    for line in recording.read_text(encoding="utf-8").splitlines():
        console.print(Text(line, style=_style(line)), no_wrap=True, overflow="ellipsis", crop=True)
    return console.export_svg(title=_TITLE, theme=MONOKAI, code_format=_FORMAT, unique_id="demo")


def _style(line: str) -> str:
    if re.search(r"\d  yes\b", line):
        return "green"
    if " [drift]" in line:
        return "yellow"
    if line.startswith("$"):
        return "bold"
    words = line.split()
    return _STYLES.get(words[0], "") if words else ""
