"""The operator's settings: frozen, in groups. Only this module reads `os.environ`.

Later sources override earlier ones: defaults, a YAML file, `ECSYNC_*` variables, flags. A setting has the same name in
each: `http.port` in the file is `ECSYNC_HTTP_PORT` and `--http-port`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from ecsync.core.wording import printable, suggestion

PREFIX = "ECSYNC_"
VARIABLES = "ECSYNC_VAR_"  # prefix of the variables that `${env:NAME}` in a manifest can use
TESTS = ("ECSYNC_CASES", "ECSYNC_CORPUS", "ECSYNC_YAML_LS")  # inputs of the project's own tests
CONFIG = "ECSYNC_CONFIG"  # path of the file, unless a flag is given

_MAPS = ("targets", "variables")  # settings that no environment variable can hold
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_UNKNOWN = "not a setting"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


class ConfigError(Exception):
    """The operator's settings are not valid. The text has one problem per line: place, problem, fix."""


class _Invalid(ValueError):
    """Problems of a map of settings: for each, the name of the setting and the message."""

    def __init__(self, *problems: tuple[str, str]) -> None:
        super().__init__("; ".join(": ".join(problem) for problem in problems))
        self.problems = problems


# ---------------------------------------------------------------- how a value is read: it is checked, and gets its type

Metadata = Mapping[str, Any]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _flag(value: object) -> bool:
    flags = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if str(value).lower() not in flags:
        raise ValueError("must be true or false")
    return flags[str(value).lower()]


def _names_in(value: object) -> tuple[str, ...]:
    """Return the names in a list, or in a text such as `a.example.com,b.example.com`."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise ValueError("must be a list of names")
    return tuple(name.strip() for name in map(_text, names) if name.strip())


def _texts_in(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a map of texts")
    return {_text(name): _text(text) for name, text in value.items()}


def _account(value: object) -> str:
    """Return an account id. One that YAML read as a number is rejected: its leading zeros are lost."""
    if isinstance(value, int):
        raise ValueError('must be in quotes: account: "123456789012"')
    if not re.fullmatch(r"(\d{12})?", _text(value)):
        raise ValueError("must be an account id of 12 digits")
    return _text(value)


def _seconds(value: object) -> object:
    """Return the seconds of a time such as `90`, `90s`, `5m` or `1h`."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", value.strip())):
        return float(match[1]) * _UNITS[match[2]]
    if isinstance(value, str):
        raise ValueError("must be a time such as 90s, 5m or 1h")
    return value


def _read(read: Callable[[Any], object]) -> Metadata:
    return {"read": read}


def _form(pattern: str, message: str) -> Metadata:
    """Read a text of this form."""

    def read(value: object) -> str:
        if not re.fullmatch(pattern, _text(value)):
            raise ValueError(message)
        return _text(value)

    return _read(read)


def _one_of(*names: str) -> Metadata:
    return _form("|".join(names), f"must be {', '.join(map(repr, names[:-1]))} or {names[-1]!r}")


def _number(least: float, most: float, make: type[int] | type[float] = float, *, above: bool = False) -> Metadata:
    """Read a number in these bounds; with `above`, one greater than the least."""

    def read(value: object) -> float:
        try:
            number = make(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
        except (ValueError, OverflowError):
            number = None
        if number is None or (not isinstance(value, str) and number != value):
            raise ValueError(f"must be a {'whole ' if make is int else ''}number")
        if not least <= number <= most or (above and number == least):
            raise ValueError(f"must be {'above' if above else 'at least'} {least:g} and at most {most:.0f}")
        return number

    return _read(read)


def _time(least: float, most: float) -> Metadata:
    """Read a time in these bounds, in seconds."""
    read = _number(least, most)["read"]
    return _read(lambda value: read(_seconds(value)))


T = TypeVar("T")


def _settings(of: type[T], value: object) -> T:
    """Return a map as settings of a class. Raises _Invalid with every problem."""
    if not isinstance(value, Mapping):
        raise _Invalid(("", f"must be a map of settings{_given(value)}"))
    known = {one.name: one for one in fields(of)}  # type: ignore[arg-type]
    problems = [(str(name), f"{_UNKNOWN}{suggestion(str(name), known)}") for name in value if name not in known]
    read: dict[str, object] = {}
    for name, one in known.items():
        if name not in value:
            if one.default is MISSING and one.default_factory is MISSING:
                problems.append((name, "field required"))
            continue
        try:
            read[name] = one.metadata["read"](value[name])
        except _Invalid as below:
            problems += [(f"{name}.{inside}".rstrip("."), message) for inside, message in below.problems]
        except ValueError as error:
            problems.append((name, f"{error}{_given(value[name])}"))
    if problems:
        raise _Invalid(*problems)
    return of(**read)


def _given(value: object) -> str:
    return f" (it is {printable(repr(value))})"


def _group(of: type[Any]) -> Metadata:
    return {"read": lambda value: _settings(of, value), "group": of}


def _targets_in(value: object) -> dict[str, TargetSettings]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a map of targets")
    found, problems = {}, []
    for name, target in value.items():
        try:
            found[str(name)] = _settings(TargetSettings, target)
        except _Invalid as below:
            problems += [(f"{name}.{inside}".rstrip("."), message) for inside, message in below.problems]
    if problems:
        raise _Invalid(*problems)
    return found


# ---------------------------------------------------------------- the settings

_ROLE = _form(r"(arn:aws[a-z-]*:iam::\d{12}:role/\S+)?", "must be the ARN of a role")
_LEASE = _form(r"auto|none|file:.+|dynamodb:[A-Za-z0-9_.-]{3,255}", "must be auto, none, file:PATH or dynamodb:TABLE")
_INSTALLATION = _form(f"({_NAME.pattern})?", "must be 1 to 63 of A-Z a-z 0-9 _ . - and begin with a letter or digit")


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """One entry of `targets`: an account and Region that manifests can name. Roles are set here, not in manifests."""

    account: str = field(metadata=_read(_account))
    region: str = field(default="", metadata=_read(_text))
    role: str = field(default="", metadata=_ROLE)
    external_id: str = field(default="", metadata=_read(_text))
    # Allow writes; the application must also set `mode: enforce` (docs/rules.md R26).
    enforce: bool = field(default=False, metadata=_read(_flag))
    # Resources that one pass of an application may delete or replace.
    budget: int = field(default=10, metadata=_number(1, 10_000, int))


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """The intervals and the parallelism of passes."""

    # Between two passes, for an application without its own interval.
    interval: float = field(default=60.0, metadata=_time(5, 86_400))
    # Random part of the interval, to spread the passes.
    jitter: float = field(default=0.1, metadata=_number(0, 0.5))
    source_interval: float = field(default=30.0, metadata=_time(1, 86_400))  # between two reads of the source
    workers: int = field(default=4, metadata=_number(1, 64, int))
    # Time to finish after SIGTERM. ECS sends SIGKILL after the stopTimeout of the container, by default 30 s.
    drain: float = field(default=20.0, metadata=_time(0, 110))


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """The use of AWS's request rates, which all clients of an account and Region share."""

    # Of the published rates: the rest is for other clients.
    share: float = field(default=0.5, metadata=_number(0, 1, above=True))


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """The address of metrics, health and the API. Default: this machine only."""

    host: str = field(default="127.0.0.1", metadata=_read(_text))
    # Under which clients reach it, beside localhost and IP addresses: others are rejected.
    hosts: tuple[str, ...] = field(default=(), metadata=_read(_names_in))
    port: int = field(default=8080, metadata=_number(0, 65_535, int))  # 0: any free port


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """The level and the format of the log. `auto` is text on a terminal, and JSON elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = field(
        default="info", metadata=_one_of("debug", "info", "warning", "error")
    )
    format: Literal["auto", "json", "text"] = field(default="auto", metadata=_one_of("auto", "json", "text"))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of the operator, except the endpoint: boto3 reads `AWS_ENDPOINT_URL` itself."""

    # Name of this installation, part of every mark; required to write.
    installation: str = field(default="", metadata=_INSTALLATION)
    account: str = field(default="", metadata=_read(_account))  # the expected account; checked before the first write
    region: str = field(default="", metadata=_read(_text))
    profile: str = field(default="", metadata=_read(_text))
    enforce: bool = field(default=False, metadata=_read(_flag))  # as in `targets`, for applications that name no target
    budget: int = field(default=10, metadata=_number(1, 10_000, int))  # as in `targets`
    # Without `account`, allow a plan that only creates resources (docs/rules.md R11).
    first_time: bool = field(default=False, metadata=_read(_flag))
    source: str = field(default="", metadata=_read(_text))  # a path or s3://bucket/prefix
    source_owner: str = field(default="", metadata=_read(_account))  # the account that must own the bucket
    # What keeps a second process from writing (docs/rules.md R32): auto (beside the source), none, file:PATH, or
    # dynamodb:TABLE.
    lease: str = field(default="auto", metadata=_LEASE)
    lease_period: float = field(default=40.0, metadata=_time(1, 600))  # a lost lease is taken over within this time
    # Values of ${var:NAME}, in place of those of Applications.
    variables: Mapping[str, str] = field(default_factory=dict, metadata=_read(_texts_in))
    targets: Mapping[str, TargetSettings] = field(default_factory=dict, metadata=_read(_targets_in))
    loop: LoopSettings = field(default=LoopSettings(), metadata=_group(LoopSettings))
    limits: LimitSettings = field(default=LimitSettings(), metadata=_group(LimitSettings))
    http: HttpSettings = field(default=HttpSettings(), metadata=_group(HttpSettings))
    log: LogSettings = field(default=LogSettings(), metadata=_group(LogSettings))

    def installation_to_write(self) -> str:
        """Return the installation. Raises ConfigError if it is not set, because a mark requires an owner."""
        if not self.installation:
            raise ConfigError(
                "nothing can be written: installation is not set, and it is part of the mark on every resource. "
                "Choose a name, and never change it: set `installation: NAME` in the config file, "
                f"{PREFIX}INSTALLATION=NAME or --installation NAME."
            )
        return self.installation


def load(file: Path | None, environment: Mapping[str, str], overrides: Mapping[str, object]) -> Settings:
    """Return the settings. Raises ConfigError with every problem.

    `overrides` has the flags by the names of the settings: `{"http.port": 0}`. None means that the flag is not given.
    """
    tree: dict[str, Any] = {}
    places: dict[str, str] = {}  # dotted name of a setting -> the source of its value
    for name, value in _from_file(file):
        _put(tree, name, value)
        places[name] = str(file)
    for name, value, variable in _from_environment(environment):
        _put(tree, name, value)
        places[name] = variable
    for name, value in overrides.items():
        if value is not None:
            _put(tree, name, value)
            places[name] = "--" + name.replace(".", "-").replace("_", "-")
    try:
        return _settings(Settings, tree)
    except _Invalid as error:
        raise ConfigError("\n".join(_explain(*problem, places, file) for problem in error.problems)) from None


def load_from_process(file: Path | None = None, overrides: Mapping[str, object] | None = None) -> Settings:
    """Return the settings with the environment of this process, which may also contain the path of the file."""
    named = os.environ.get(CONFIG, "")
    return load(file or (Path(named) if named else None), os.environ, overrides or {})


def template_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the values of `${env:NAME}`: each `ECSYNC_VAR_NAME` by NAME. Default: the environment of this process."""
    variables = os.environ if environment is None else environment
    return {name.removeprefix(VARIABLES): value for name, value in variables.items() if name.startswith(VARIABLES)}


def default_region() -> str:
    """Return the Region of `AWS_REGION` or `AWS_DEFAULT_REGION`; empty if neither is set."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""


def no_colour() -> bool:
    """Return whether the user turned colours off (no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def use_simulated(url: str, region: str) -> None:
    """Set the endpoint and credentials of this process to a simulated account. The keys are valid nowhere else."""
    os.environ.update(
        AWS_ENDPOINT_URL=url,
        AWS_ACCESS_KEY_ID="simulated",
        AWS_SECRET_ACCESS_KEY="simulated",  # noqa: S106  # not a secret
        AWS_EC2_METADATA_DISABLED="true",
    )
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    os.environ.setdefault("AWS_REGION", region)


def _from_file(file: Path | None) -> Iterator[tuple[str, Any]]:
    if file is None:
        return
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read ({error}); check --config or {CONFIG}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not YAML: {' '.join(str(error).split())}") from error
    if tree is not None and not isinstance(tree, dict):
        raise ConfigError(f"{file}: must be a map of settings, such as `installation: NAME`")
    groups = _groups()
    for key, value in (tree or {}).items():
        if key in groups and isinstance(value, dict):
            yield from ((f"{key}.{name}", each) for name, each in value.items())
        elif not (key in groups and value is None):  # a group with all its settings commented out is None
            yield str(key), value


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, value, variable). An unknown variable is an error; a misspelt one would have no effect."""
    known = {PREFIX + name.replace(".", "_").upper(): name for name in _names() if name not in _MAPS}
    for variable, value in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable.startswith(VARIABLES) or variable in (CONFIG, *TESTS):
            continue
        if variable not in known:
            hint = suggestion(variable, known)
            raise ConfigError(f"{variable}: not a setting{hint} (variables for manifests are named {VARIABLES}NAME)")
        yield known[variable], value, variable


def _groups() -> dict[str, type[Any]]:
    return {one.name: one.metadata["group"] for one in fields(Settings) if "group" in one.metadata}


def _names() -> list[str]:
    groups = _groups()
    inside = [f"{group}.{one.name}" for group, of in groups.items() for one in fields(of)]
    return [one.name for one in fields(Settings) if one.name not in groups] + inside


def _put(tree: dict[str, Any], name: str, value: object) -> None:
    group, _, inside = name.rpartition(".")
    if group in _groups() and inside:
        tree.setdefault(group, {})[inside] = value
    else:
        tree[name] = value


def _explain(name: str, message: str, places: Mapping[str, str], file: Path | None) -> str:
    """Return one problem as a line: place, setting, problem, value."""
    location = name.split(".")
    place = next(
        (places[p] for p in (name, ".".join(location[:2]), location[0]) if p in places), str(file or "settings")
    )
    if message.startswith(_UNKNOWN) and location[0] != "targets":
        message = _UNKNOWN + suggestion(name, _names())
    return f"{place}: {printable(name)}: {message}"
