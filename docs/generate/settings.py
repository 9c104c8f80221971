"""docs/reference/settings.md: every setting with its variable, type, limits, default and meaning."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generate.markdown import HEAD, cell, code, rows_in, table
from ecsync import accounts, config

# Settings that are a map of entries, or a list of them: heading, example of a name, model.
ENTRIES: Mapping[str, tuple[str, type[BaseModel]]] = {
    "sources": ("sources.NAME", config.SourceSettings),
    "targets": ("targets.NAME", accounts.TargetSettings),
    "projects": ("projects.NAME", accounts.ProjectSettings),
    "windows": ("windows[]", config.WindowSettings),
}
_REFUSED = ("sources.git.token",)  # a secret, and entries are in the file
_NAMED = re.compile(r"`([a-z_.]+)`")


def page(manuals: Sequence[Path]) -> str:
    """Return the page. The meaning of a setting is that of the first table that names it, else its comment."""
    meanings = _meanings(manuals)
    return "\n".join([*_top(), *_groups(meanings)]) + "\n"


def names() -> tuple[str, ...]:
    """Return the dotted name of every setting that is not in an entry."""
    return tuple(name for name, *_ in _leaves(config.Settings, ""))


def _top() -> Iterator[str]:
    yield HEAD.format(source="controller/ecsync/config.py and accounts.py, or the tables in docs/cli.md")
    yield "# Settings"
    yield ""
    yield (
        "A setting is a key of the config file (`--config FILE`, `ECSYNC_CONFIG`) and an environment variable. Many "
        "are flags. A later source overrides an earlier one: defaults, file, environment, flags. An unknown key is an "
        "error. [The command](../cli.md#settings) has the text about groups of settings."
    )
    yield ""
    yield "A time is a number of seconds, or a text such as `90s`, `5m` or `2h`."


def _groups(meanings: Mapping[str, _Meaning]) -> Iterator[str]:
    groups: dict[str, list[tuple[str, type[BaseModel], str, FieldInfo]]] = {}
    for name, model, own, field in _leaves(config.Settings, ""):
        groups.setdefault(name.rpartition(".")[0], []).append((name, model, own, field))
    seen: dict[str, str] = {}
    for group, leaves in groups.items():
        yield from ("", f"## `{group}`" if group else "## At the top", "")
        rows = (
            (code(name), _variable(name), _type(field), _default(field), _meaning(name, model, own, meanings, seen))
            for name, model, own, field in leaves
        )
        yield from table(("key", "variable", "type and limits", "default", "meaning"), rows)
    for name, (heading, model) in ENTRIES.items():
        yield from ("", f"## `{heading}`", "", f"The entries of `{name}`, in the config file only.", "")
        rows4 = (
            (code(key), _type(field), _default(field), _meaning(key, owner, own, _of_entry(meanings, name), {}))
            for key, owner, own, field in _leaves(model, "")
            if f"{name}.{key}" not in _REFUSED
        )
        yield from table(("key", "type and limits", "default", "meaning"), rows4)


def _leaves(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, type[BaseModel], str, FieldInfo]]:
    """Yield dotted name, model, own name and field of each setting below a model; entries are one setting."""
    for name, field in model.model_fields.items():
        below = _model_of(field.annotation)
        if below is not None and name not in ENTRIES:
            yield from _leaves(below, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", model, name, field


def _model_of(annotation: Any) -> type[BaseModel] | None:
    return annotation if inspect.isclass(annotation) and issubclass(annotation, BaseModel) else None


def _variable(name: str) -> str:
    if name.split(".")[0] in config._MAPS:
        return "(file only)"
    variable = config.PREFIX + name.replace(".", "_").upper()
    return code(variable) + (" (not in the file)" if name in config._SECRET else "")


def _type(field: FieldInfo) -> str:
    text = _name_of(field.annotation, field)
    limits = [f"{sign} {value}" for one in field.metadata for sign, value in _limits(one)]
    return cell(f"{text} {', '.join(limits)}".strip())


def _limits(metadata: Any) -> Iterator[tuple[str, str]]:
    for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
        value = getattr(metadata, name, None)
        if value is not None:
            yield sign, f"{value:,}"


def _name_of(annotation: Any, field: FieldInfo | None = None) -> str:
    if field is not None and any(getattr(one, "func", None) is accounts._seconds for one in field.metadata):
        return "time"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    if origin in (Union, UnionType):
        return _name_of(next(one for one in arguments if one is not type(None)))
    if origin is tuple:
        return f"list of {_name_of(arguments[0])}"
    if origin is dict:
        return f"map of {_name_of(arguments[1])}"
    if hasattr(annotation, "__metadata__"):
        return _name_of(annotation.__origin__)
    if annotation is SecretStr:
        return "secret"
    if _model_of(annotation) is not None:
        return "entries"
    return {str: "text", int: "number", float: "number", bool: "true or false"}.get(annotation, "text")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is PydanticUndefined or value is None or isinstance(value, SecretStr) or value in ("", (), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if any(getattr(one, "func", None) is accounts._seconds for one in field.metadata):
        return f"`{value:g}s`"
    return f"`{', '.join(value)}`" if isinstance(value, tuple) else f"`{value}`"


# ---------------------------------------------------------------- meanings


@dataclass(frozen=True)
class _Meaning:
    """The meaning of a setting in a table of a manual, and whether the row is of this setting alone."""

    text: str
    alone: bool


def _meanings(manuals: Sequence[Path]) -> Mapping[str, _Meaning]:
    found: dict[str, _Meaning] = {}
    for manual in manuals:
        for row in rows_in(manual):
            if len(row) in (2, 4) and row[0].startswith("`"):
                names = _NAMED.findall(row[0])
                for name in names:
                    found.setdefault(f"{manual.stem}:{name}", _Meaning(row[-1], alone=len(names) == 1))
    return found


def _of_entry(meanings: Mapping[str, _Meaning], entry: str) -> Mapping[str, _Meaning]:
    """Return the meanings of the keys of an entry: docs/container.md has a table of those of `targets`."""
    if entry != "targets":
        return {}
    return {f"cli:{key.partition(':')[2]}": one for key, one in meanings.items() if key.startswith("container:")}


def _meaning(
    name: str, model: type[BaseModel], own: str, meanings: Mapping[str, _Meaning], seen: dict[str, str]
) -> str:
    """Return the text of the row of a setting. Of a row for several settings, only where the field has no comment."""
    row, comment = meanings.get(f"cli:{name}"), _comment(model, own)
    if row is None or (comment and not row.alone):
        return cell(comment)
    if row.text in seen:
        return f"see `{seen[row.text]}`"
    seen[row.text] = name
    return row.text


def _comment(model: type[BaseModel], own: str) -> str:
    """Return the comment of a field in the source: at the end of its line, else above it."""
    lines = inspect.getsource(model).splitlines()
    number = next((at for at, line in enumerate(lines) if re.match(rf"    {own}\b\s*:", line)), None)
    if number is None:
        return ""
    comment = lines[number].partition("  # ")[2]
    above: list[str] = []
    while not comment and number > 0 and lines[number - 1].strip().startswith("# "):
        number -= 1
        above.insert(0, lines[number].strip().removeprefix("# "))
    text = re.sub(r"docs/rules\.md (R\d+)|\b(R\d+)\b", r"[\1\2](../rules.md)", comment or " ".join(above))
    first = text.split(" ")[0]
    return (text[:1].lower() + text[1:] if first.istitle() else text).removesuffix(".")
