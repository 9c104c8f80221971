"""YAML for people: blocks, no aliases, literal blocks for lines, quotes only where a value would be read otherwise."""

from __future__ import annotations

import re
from typing import Any

import yaml

from ecsync.core.trees import Json
from ecsync.language.scalars import resolve_plain

_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029]")  # breaks of lines to a YAML writer, characters to us
_WORD = re.compile(r"[\w/.+-][\w/.+*-]*(?::[\w/.+*-]+)*")
_SHORT = 40  # characters of a list in brackets
_OPEN = re.compile(r"\n*|(?s:.*)\n\n")  # as a block, it would take the empty lines after it for its own


class Reference(str):
    """Text that is ours to read: `${Kind/name}`. All other text is escaped where it looks like one."""

    __slots__ = ()


def in_line(value: Json) -> bool:
    """Tell whether a value is written on the line of its name: no block, and of lists only those of a few words."""
    if isinstance(value, list):
        words = [one for one in value if isinstance(one, str) and _WORD.fullmatch(one) and resolve_plain(one) == one]
        return len(words) == len(value) and len(", ".join(words)) <= _SHORT
    return not value if isinstance(value, dict) else not (isinstance(value, str) and "\n" in value)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002
        return super().increase_indent(flow, False)


def _list(dumper: yaml.SafeDumper, elements: list[Json]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", elements, flow_style=in_line(elements))


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """PyYAML quotes what YAML 1.1 reads as something else; YAML 1.2 reads more as numbers (`1e5`, `0o17`)."""
    style = "|" if "\n" in text else None
    if _OTHER_BREAKS.search(text) or (style and _OPEN.fullmatch(text)):
        style = '"'
    elif style is None and text and not isinstance(resolve_plain(text), str):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)


_Dumper.add_representer(list, _list)
_Dumper.add_representer(str, _text)
_Dumper.add_representer(Reference, _text)


def dump(tree: Json, indent: int = 0) -> str:
    """Return the tree as YAML, so many columns in."""
    text: str = yaml.dump(
        tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10**6
    )
    margin = " " * indent
    return "\n".join(margin + line if line.strip() else line for line in text.split("\n"))
