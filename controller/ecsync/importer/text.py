"""YAML for people: block style, no aliases, literal blocks, and quotes only where a value needs them."""

from __future__ import annotations

import re
from typing import Any

import yaml

from ecsync.core.trees import Json
from ecsync.language.scalars import resolve_plain

_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029]")  # line breaks to a YAML writer; ecsync's parser keeps them as text
_PLAIN = re.compile(r"[\w/.+-][\w/.+*-]*(?::[\w/.+*-]+)*")
_LONGEST_FLOW_LIST = 40  # characters between the brackets
_LOSES_BREAKS = re.compile(r"\n*|(?s:.*)\n\n")  # a literal block would take the empty lines that follow it as its own


class Reference(str):
    """A reference of ecsync (`${Kind/name}`), written as it is. Other text that looks like one is escaped."""

    __slots__ = ()


def fits_on_one_line(value: Json) -> bool:
    """Return whether a value is written on the line of its name: scalars, and short lists of plain text."""
    if isinstance(value, list):
        plain = [one for one in value if isinstance(one, str) and _PLAIN.fullmatch(one) and resolve_plain(one) == one]
        return len(plain) == len(value) and len(", ".join(plain)) <= _LONGEST_FLOW_LIST
    return not value if isinstance(value, dict) else not (isinstance(value, str) and "\n" in value)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002
        return super().increase_indent(flow, False)


def _list(dumper: yaml.SafeDumper, elements: list[Json]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", elements, flow_style=fits_on_one_line(elements))


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """PyYAML quotes what YAML 1.1 reads as another type; YAML 1.2 reads more as numbers (`1e5`, `0o17`)."""
    style = "|" if "\n" in text else None
    if _OTHER_BREAKS.search(text) or (style and _LOSES_BREAKS.fullmatch(text)):
        style = '"'
    elif style is None and text and not isinstance(resolve_plain(text), str):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)


_Dumper.add_representer(list, _list)
_Dumper.add_representer(str, _text)
_Dumper.add_representer(Reference, _text)


def dump(tree: Json, indent: int = 0) -> str:
    """Return the tree as YAML, indented by so many columns."""
    text: str = yaml.dump(
        tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10**6
    )
    margin = " " * indent
    return "\n".join(margin + line if line.strip() else line for line in text.split("\n"))
