"""The operator's settings: frozen, by concern. The only reader of `os.environ`.

In rising order: defaults, a YAML file, `ECSYNC_*` variables, flags. One name serves all three: `http.port` in the
file is `ECSYNC_HTTP_PORT` and `--http-port`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from ecsync.core.wording import printable, suggestion

PREFIX = "ECSYNC_"
VARIABLES = "ECSYNC_VAR_"  # what `${env:NAME}` in a manifest may see
TESTS = ("ECSYNC_CASES", "ECSYNC_CORPUS", "ECSYNC_YAML_LS")  # name material of the project's own tests
CONFIG = "ECSYNC_CONFIG"  # where the file is, unless a flag says so

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


class ConfigError(Exception):
    """The operator's settings cannot be used; the text says where, what and what to do, one problem a line."""


def _seconds(value: object) -> object:
    """Take `90`, `90s`, `5m`, `1h` for a time."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", value.strip())):
        return float(match[1]) * _UNITS[match[2]]
    if isinstance(value, str):
        raise ValueError("must be a time such as 90s, 5m or 1h")
    return value


Seconds: TypeAlias = Annotated[float, BeforeValidator(_seconds)]
AccountId: TypeAlias = Annotated[str, Field(pattern=r"^(\d{12})?$")]


class _Settings(BaseModel):
    """What all settings have in common: nothing unknown in them, and no change after they are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("account", mode="before", check_fields=False)
    @classmethod
    def _as_text(cls, value: object) -> object:
        """An account id that YAML took for a number has lost its zeros: ask for quotes."""
        if isinstance(value, int):
            raise ValueError('must be in quotes: account: "123456789012"')
        return value


class TargetSettings(_Settings):
    """One entry of `targets`: an account and Region that manifests may name. Roles live here, never in a manifest."""

    account: AccountId
    region: str = ""
    role: str = Field(default="", pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:role/\S+)?$")
    external_id: str = ""
    enforce: bool = False  # the operator's consent to write (rule 26); the application must ask for it as well


class LoopSettings(_Settings):
    """How often and how much at once."""

    interval: Seconds = Field(default=60.0, ge=5, le=86_400)  # between two looks at an application that says nothing
    jitter: float = Field(default=0.1, ge=0, le=0.5)  # of the interval, so that applications spread out
    source_interval: Seconds = Field(default=30.0, ge=1, le=86_400)  # between two readings of the source
    workers: int = Field(default=4, ge=1, le=64)
    drain: Seconds = Field(default=20.0, ge=0, le=110)  # after SIGTERM; ECS kills after its stopTimeout of 30 s


class HttpSettings(_Settings):
    """Where metrics, health and the API are served. This machine alone, unless told otherwise."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)  # 0: whichever is free


class LogSettings(_Settings):
    """What is logged, and how: `auto` is text on a terminal and JSON elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


class Settings(_Settings):
    """Everything that the operator says. An endpoint is not in it: boto3 reads `AWS_ENDPOINT_URL` itself."""

    installation: str = ""  # part of every mark; required to write
    account: AccountId = ""  # asserted before the first write
    region: str = ""
    profile: str = ""
    enforce: bool = False  # as in `targets`, for what names no target
    first_time: bool = False  # allow a plan of creates only, without an asserted account (rule 11)
    source: str = ""  # a path or s3://bucket/prefix
    source_owner: AccountId = ""  # the account that must own the bucket
    targets: dict[str, TargetSettings] = Field(default_factory=dict)
    loop: LoopSettings = Field(default_factory=LoopSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    @field_validator("installation")
    @classmethod
    def _well_named(cls, value: str) -> str:
        if value and not _NAME.fullmatch(value):
            raise ValueError("must be 1 to 63 of A-Z a-z 0-9 _ . - and begin with a letter or digit")
        return value

    def installation_to_write(self) -> str:
        """Return the installation; raise ConfigError where there is none, because marks would have no owner."""
        if not self.installation:
            raise ConfigError(
                "installation: must be set before anything is written, because it is part of the mark on every "
                "resource. Choose a name and keep it: `installation: NAME` in the config file, "
                f"{PREFIX}INSTALLATION=NAME or --installation NAME."
            )
        return self.installation


def load(file: Path | None, environment: Mapping[str, str], overrides: Mapping[str, object]) -> Settings:
    """Return the settings, or raise ConfigError with every problem. Flags that are None were not given.

    `overrides` are flags by the names of the settings: `{"http.port": 0}`.
    """
    tree: dict[str, Any] = {}
    places: dict[str, str] = {}  # dotted name of a setting -> where it was set last
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
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(each, places, file) for each in error.errors())) from None


def load_from_process(file: Path | None = None, overrides: Mapping[str, object] | None = None) -> Settings:
    """As `load`, with this process's environment, which may also say where the file is."""
    named = os.environ.get(CONFIG, "")
    return load(file or (Path(named) if named else None), os.environ, overrides or {})


def template_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what `${env:NAME}` may see: `ECSYNC_VAR_NAME` by NAME, of this process unless given."""
    variables = os.environ if environment is None else environment
    return {name.removeprefix(VARIABLES): value for name, value in variables.items() if name.startswith(VARIABLES)}


def default_region() -> str:
    """Return the Region that AWS's own variables name; empty where they do not."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""


def no_colour() -> bool:
    """Tell whether the user wants none (no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def use_simulated(url: str, region: str) -> None:
    """Point this process's AWS clients at a simulated account: the address, and keys that open nothing else."""
    os.environ.update(
        AWS_ENDPOINT_URL=url,
        AWS_ACCESS_KEY_ID="simulated",
        AWS_SECRET_ACCESS_KEY="simulated",  # noqa: S106  # opens nothing
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
        elif not (key in groups and value is None):  # a group whose settings are all commented out
            yield str(key), value


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, value, variable). An unknown variable is an error: a misspelt one would do nothing, silently."""
    known = {PREFIX + name.replace(".", "_").upper(): name for name in _names() if name != "targets"}
    for variable, value in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable.startswith(VARIABLES) or variable in (CONFIG, *TESTS):
            continue
        if variable not in known:
            hint = suggestion(variable, known)
            raise ConfigError(f"{variable}: not a setting{hint} Variables for manifests are called {VARIABLES}NAME.")
        yield known[variable], value, variable


def _groups() -> dict[str, type[BaseModel]]:
    fields = Settings.model_fields.items()
    return {
        name: field.annotation
        for name, field in fields
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def _names() -> list[str]:
    groups = _groups()
    inside = [f"{group}.{name}" for group, model in groups.items() for name in model.model_fields]
    return [name for name in Settings.model_fields if name not in groups] + inside


def _put(tree: dict[str, Any], name: str, value: object) -> None:
    group, _, inside = name.rpartition(".")
    if group in _groups() and inside:
        tree.setdefault(group, {})[inside] = value
    else:
        tree[name] = value


def _explain(error: Any, places: Mapping[str, str], file: Path | None) -> str:
    """Write one of pydantic's errors as where, what, and what to do."""
    location = [str(part) for part in error["loc"]]
    name = ".".join(location)
    place = next(
        (places[p] for p in (name, ".".join(location[:2]), location[0]) if p in places), str(file or "settings")
    )
    if error["type"] == "extra_forbidden":
        in_target = location[0] == "targets"
        hint = suggestion(location[-1], TargetSettings.model_fields) if in_target else suggestion(name, _names())
        return f"{place}: {printable(name)}: not a setting{hint}"
    message = error["msg"].removeprefix("Value error, ")
    given = "" if error["type"] == "missing" else f" (it is {printable(repr(error['input']))})"
    return f"{place}: {printable(name)}: {message[0].lower()}{message[1:]}{given}"
