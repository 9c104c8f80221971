"""Reads the operator's settings (`settings.py`). Only this module reads `os.environ`.

Later sources override earlier ones: defaults, a YAML file, `ECSYNC_*` variables, flags. A setting has the same name in
each: `http.port` in the file is `ECSYNC_HTTP_PORT` and `--http-port`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ecsync.accounts import ProjectSettings, RoleSettings, TargetSettings, read_seconds
from ecsync.core.wording import printable, suggestion
from ecsync.settings import (
    PREFIX,
    ConfigError,
    GitSettings,
    HttpSettings,
    LimitSettings,
    LoopSettings,
    MetricsSettings,
    Settings,
    SourceSettings,
    WebhookSettings,
    WindowSettings,
)

__all__ = [
    "PREFIX",
    "ConfigError",
    "GitSettings",
    "HttpSettings",
    "LimitSettings",
    "LoopSettings",
    "MetricsSettings",
    "Settings",
    "SourceSettings",
    "WebhookSettings",
    "WindowSettings",
    "read_seconds",
]
VARIABLES = "ECSYNC_VAR_"  # prefix of the variables that `${env:NAME}` in a manifest can use
# Inputs of the project's own tests.
TESTS = ("ECSYNC_CASES", "ECSYNC_CORPUS", "ECSYNC_ENGINE", "ECSYNC_IMAGE", "ECSYNC_TERRAFORM", "ECSYNC_YAML_LS")
CONFIG = "ECSYNC_CONFIG"  # path of the file, unless a flag is given

MAPS = ("projects", "sources", "targets", "variables", "windows")  # settings that no environment variable can hold
# Settings that only the environment may hold.
SECRET = ("git.token", "http.token", "webhooks.github", "webhooks.gitlab", "webhooks.generic")


def load(file: Path | None, environment: Mapping[str, str], overrides: Mapping[str, object]) -> Settings:
    """Return the settings. Raises ConfigError with every problem.

    `overrides` has the flags by the names of the settings: `{"http.port": 0}`. None means that the flag is not given.
    """
    tree: dict[str, Any] = {}
    places: dict[str, str] = {}  # dotted name of a setting -> the source of its value
    for name, value in _from_file(file):
        if name in SECRET:
            variable = PREFIX + name.replace(".", "_").upper()
            raise ConfigError(f"{file}: {name}: a secret must not be in this file; set {variable} or {name}_file")
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
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(each, places, file) for each in error.errors())) from None
    for name in ("", *settings.sources):
        _check_app(settings.sources[name].git if name else settings.git, f"sources.{name}." if name else "")
    return settings


def _check_app(git: GitSettings, where: str) -> None:
    """Raise ConfigError for half of a GitHub App, and for one beside a token."""
    if bool(git.app_id) != bool(git.app_key_file):
        missing = "app_key_file" if git.app_id else "app_id"
        raise ConfigError(f"{where}git.{missing}: not set; a GitHub App needs git.app_id and git.app_key_file")
    if git.app_id and (git.token_file or git.token.get_secret_value()):
        raise ConfigError(
            f"{where}git.app_id: a token is set too (git.token_file or ECSYNC_GIT_TOKEN); set one of them"
        )


def load_from_process(file: Path | None = None, overrides: Mapping[str, object] | None = None) -> Settings:
    """Return the settings with the environment of this process, which may also contain the path of the file."""
    named = os.environ.get(CONFIG, "")
    return load(file or (Path(named) if named else None), os.environ, overrides or {})


def template_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the values of `${env:NAME}`: each `ECSYNC_VAR_NAME` by NAME. Default: the environment of this process."""
    variables = os.environ if environment is None else environment
    return {name.removeprefix(VARIABLES): value for name, value in variables.items() if name.startswith(VARIABLES)}


def git_token(settings: Settings) -> str:
    """Return the token for git over https: of its file, else of the environment. Raises ConfigError."""
    if not settings.git.token_file:
        return settings.git.token.get_secret_value().strip()
    try:
        return Path(settings.git.token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"git.token_file: cannot be read ({error})") from error


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
    known = {PREFIX + name.replace(".", "_").upper(): name for name in _names() if name not in MAPS}
    for variable, value in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable.startswith(VARIABLES) or variable in (CONFIG, *TESTS):
            continue
        if variable not in known:
            hint = suggestion(variable, known)
            raise ConfigError(f"{variable}: not a setting{hint} (variables for manifests are named {VARIABLES}NAME)")
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
    """Return one error of pydantic as a line: place, setting, problem, value."""
    location = [str(part) for part in error["loc"]]
    name = ".".join(location)
    place = next(
        (places[p] for p in (name, ".".join(location[:2]), location[0]) if p in places), str(file or "settings")
    )
    if error["type"] == "extra_forbidden":
        entries: dict[str, type[BaseModel]] = {
            "targets": TargetSettings,
            "projects": ProjectSettings,
            "sources": SourceSettings,
        }
        model = RoleSettings if location[-2:-1] == ["roles"] else entries.get(location[0])
        hint = suggestion(location[-1], model.model_fields) if model else suggestion(name, _names())
        return f"{place}: {printable(name)}: not a setting{hint}"
    message = error["msg"].removeprefix("Value error, ")
    hidden = error["type"] == "missing" or isinstance(error["input"], dict) or name in SECRET
    hidden = hidden or location[0] in ("webhooks", "sources")
    given = "" if hidden else f" (it is {printable(repr(error['input']))})"
    return f"{place}: {printable(name)}: {message[0].lower()}{message[1:]}{given}"
