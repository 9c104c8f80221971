"""A time is written in one way everywhere: `30`, `30s`, `5m`, `1h30m`. Walks settings, options and the Application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

import pytest
import typer
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from typer.models import OptionInfo

from ecsync.accounts import read_seconds
from ecsync.cli import build
from ecsync.config import Settings
from ecsync.guards.requests import Invalid, _duration
from ecsync.language.settings import SHAPE as APPLICATION
from tests.language.cases import load_files, messages

WRITTEN = {"90": 90, "90s": 90, "1m30s": 90, "1m 30s": 90, "1.5m": 90}
WRONG = ("soon", "5x", "-5", "5m!", "")
# Settings and options that are numbers, and no times.
NUMBERS = {"--speed"}
NAMES = {"interval", "period", "drain", "duration", "timeout", "seconds", "delay", "ttl", "for", "since"}


def fields(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting with its path."""
    for name, field in model.model_fields.items():
        inner = [one for one in _types(field.annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
        for one in inner:
            yield from fields(one, f"{path}{name}.")
        if not inner:
            yield f"{path}{name}", field


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for one in get_args(annotation):
        yield from _types(one)


def is_time(field: FieldInfo) -> bool:
    """Return whether a setting is read as a time."""
    return any(getattr(one, "func", None) is read_seconds for one in field.metadata)


def options() -> Iterator[tuple[str, Any, OptionInfo]]:
    """Yield every option of every verb: its path, its type, and how it is read."""
    for command in build().registered_commands:
        assert command.callback is not None
        for hint in get_type_hints(command.callback, include_extras=True).values():
            for one in getattr(hint, "__metadata__", ()):
                if isinstance(one, OptionInfo):
                    names = [one.default, *(one.param_decls or ())]  # the first one is where a default would be
                    name = next(each for each in names if str(each).startswith("--"))
                    yield f"{command.name} {name}", hint, one


TIMES = {path: field for path, field in fields(Settings) if is_time(field)}
OPTIONS = {path: one for path, _, one in options() if one.metavar == "TIME"}


def test_there_are_times() -> None:
    assert len(TIMES) >= 6
    assert len(OPTIONS) >= 6


def test_every_number_that_is_named_as_a_time_is_read_as_one() -> None:
    """A setting or an option of a new release too."""
    named = {path for path, field in fields(Settings) if _named(path) and float in _types(field.annotation)}
    assert named == TIMES.keys()
    numbers = {path for path, hint, _ in options() if float in _types(hint) and path.split()[-1] not in NUMBERS}
    given = {path for path, _, _ in options() if _named(path.split()[-1].lstrip("-"))}
    assert numbers | given == OPTIONS.keys()


def _named(path: str) -> bool:
    words = path.replace("-", "_").replace(".", "_").split("_")
    return not NAMES.isdisjoint(words)


@pytest.mark.parametrize("path", TIMES)
def test_a_setting_takes_each_form(path: str) -> None:
    """Numbers and texts, of a file and of variables of the environment."""
    bounds = [one for one in TIMES[path].metadata if getattr(one, "func", None) is read_seconds]
    adapter: TypeAdapter[float] = TypeAdapter(_annotated(bounds))
    assert {text: adapter.validate_python(text) for text in WRITTEN} == WRITTEN
    assert adapter.validate_python(90) == 90
    for text in WRONG:
        with pytest.raises(ValidationError, match="a time such as 30s, 5m, 2h or 1d"):
            adapter.validate_python(text)


def _annotated(metadata: list[Any]) -> Any:
    from typing import Annotated

    return Annotated[float, *metadata]


@pytest.mark.parametrize("path", OPTIONS)
def test_an_option_takes_each_form(path: str) -> None:
    one = OPTIONS[path]

    def read(text: str) -> float:
        # `--for` is sent to the API as it is written, and is read there.
        if path.endswith("--for"):
            return _duration(text).total_seconds()
        assert one.parser is not None
        return float(one.parser(text))

    assert {text: read(text) for text in WRITTEN} == WRITTEN
    for text in ("soon", "5x", "5m!"):
        with pytest.raises((typer.BadParameter, Invalid), match="a time such as 30s, 5m, 2h or 1d"):
            read(text)


def test_an_application_takes_each_form() -> None:
    """`sync.interval` is the only time in it, and no annotation is one."""
    assert [path for path in _members(APPLICATION) if _named(path)] == ["sync.interval"]
    for written in (*WRITTEN, 90):
        loaded = load_files({"a.yaml": application(written)})
        assert messages(loaded) == []
        assert [one.sync.interval for one in loaded.applications] == [90]
    for text in WRONG:
        assert "interval must be a time" in messages(load_files({"a.yaml": application(text)}))[0]


def application(interval: object) -> bytes:
    """Return an Application document."""
    written = f'"{interval}"' if interval in WRONG else interval
    return f"kind: Application\nmetadata: {{name: a}}\nspec: {{sync: {{interval: {written}}}}}\n".encode()


def _members(shape: Any, path: str = "") -> Iterator[str]:
    members: Mapping[str, Any] = shape.members or {}
    for name, one in members.items():
        yield f"{path}{name}"
        yield from _members(one, f"{path}{name}.")
