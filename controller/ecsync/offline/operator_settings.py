"""The operator's settings as data, from the models in `settings.py`: variable, type, limits, default and meaning."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ecsync import config

# Settings that are a map of entries, or a list of them, and what stands for one.
ENTRIES: Mapping[str, str] = {
    "sources": "sources.NAME",
    "targets": "targets.NAME",
    "projects": "projects.NAME",
    "windows": "windows[]",
}
_REFUSED = ("sources.NAME.git.token",)  # a secret, and entries are in the file
_LIMITS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `text` is Markdown; its links are relative to docs/."""

    name: str  # dotted: `loop.interval`, `targets.NAME.region`
    type: str
    default: str
    text: str
    variable: str = ""  # empty: it may be in the file only
    in_file: bool = True  # False: a secret, which may be in the environment only

    @property
    def group(self) -> str:
        """The name of its group; empty at the top."""
        return self.name.rpartition(".")[0]


def settings() -> Iterator[Setting]:
    """Yield every setting; after them, those of the entries."""
    yield from _below(config.Settings, "")
    for name, entry in ENTRIES.items():
        yield from (one for one in _below(entry_model(name), f"{entry}.") if one.name not in _REFUSED)


def groups() -> Mapping[str, str]:
    """Return the text of each group by its name; that of an entry by what stands for one."""
    found = {"": _doc(config.Settings)}
    for name, field in config.Settings.model_fields.items():
        model = _model_of(field.annotation)
        if model is not None:
            found[name] = _doc(model)
    for name, entry in ENTRIES.items():
        found[entry] = _doc(entry_model(name))
        for inside, field in entry_model(name).model_fields.items():
            if (model := _model_of(field.annotation)) is not None:
                found[f"{entry}.{inside}"] = _doc(model)
    return found


def entry_model(name: str) -> type[BaseModel]:
    """Return the model of an entry of `sources`, `targets`, `projects` or `windows`."""
    arguments = get_args(config.Settings.model_fields[name].annotation)
    return next(model for one in arguments if (model := _model_of(one)) is not None)


def _below(model: type[BaseModel], prefix: str) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        inside = _model_of(field.annotation)
        if inside is not None:
            yield from _below(inside, f"{prefix}{name}.")
            continue
        dotted = f"{prefix}{name}"
        yield Setting(
            name=dotted,
            type=_type(field),
            default=_default(field),
            text=field.description or "",
            variable=_variable(dotted),
            in_file=dotted not in config.SECRET,
        )


def _doc(model: type[BaseModel]) -> str:
    return " ".join(inspect.cleandoc(model.__doc__ or "").split())


def _model_of(annotation: Any) -> type[BaseModel] | None:
    return annotation if inspect.isclass(annotation) and issubclass(annotation, BaseModel) else None


def _variable(name: str) -> str:
    in_entry = any(name.startswith(f"{entry}.") for entry in ENTRIES.values())
    return "" if in_entry or name in config.MAPS else config.PREFIX + name.replace(".", "_").upper()


# ---------------------------------------------------------------- types and defaults


def _type(field: FieldInfo) -> str:
    limits = [
        f"{sign} {value:,}"
        for one in field.metadata
        for limit, sign in _LIMITS
        if (value := getattr(one, limit, None)) is not None
    ]
    return f"{_name_of(field.annotation, field)} {', '.join(limits)}".strip()


def _is_time(field: FieldInfo) -> bool:
    return any(getattr(one, "func", None) is config.read_seconds for one in field.metadata)


def _name_of(annotation: Any, field: FieldInfo | None = None) -> str:
    if field is not None and _is_time(field):
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
        return str(value).lower()
    if _is_time(field):
        return f"{value:g}s"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


# ---------------------------------------------------------------- texts outside of docs/

_MORE = re.compile(r"\[more\]\(([^)]+)\)")
_LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")


def plain(text: str) -> str:
    """Return a Markdown text for a terminal: a link is its text and the page."""
    return _LINK.sub(r"\1 (docs/\2)", _MORE.sub(r"docs/\1", text))
