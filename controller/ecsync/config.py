"""The operator's settings: frozen, in groups. Only this module reads `os.environ`.

Later sources override earlier ones: defaults, a YAML file, `ECSYNC_*` variables, flags. A setting has the same name in
each: `http.port` in the file is `ECSYNC_HTTP_PORT` and `--http-port`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import yaml
from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError, field_validator

from ecsync.accounts import AccountId, Effects, Names, ProjectSettings, RoleSettings, Seconds, TargetSettings
from ecsync.accounts import Strict as _Settings
from ecsync.core.wording import printable, suggestion

PREFIX = "ECSYNC_"
VARIABLES = "ECSYNC_VAR_"  # prefix of the variables that `${env:NAME}` in a manifest can use
# Inputs of the project's own tests.
TESTS = ("ECSYNC_CASES", "ECSYNC_CORPUS", "ECSYNC_ENGINE", "ECSYNC_IMAGE", "ECSYNC_TERRAFORM", "ECSYNC_YAML_LS")
CONFIG = "ECSYNC_CONFIG"  # path of the file, unless a flag is given

_MAPS = ("projects", "sources", "targets", "variables", "windows")  # settings that no environment variable can hold
# Settings that only the environment may hold.
_SECRET = ("git.token", "http.token", "webhooks.github", "webhooks.gitlab", "webhooks.generic")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class ConfigError(Exception):
    """The operator's settings are not valid. The text has one problem per line: place, problem, fix."""


def _secrets_in(value: object) -> object:
    """Return the secrets in a text, which has white space between them."""
    return value.split() if isinstance(value, str) else value


def _number_as_text(value: object) -> object:
    """Return the text of an id that YAML read as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Secrets: TypeAlias = Annotated[tuple[SecretStr, ...], BeforeValidator(_secrets_in), Field(max_length=2)]


class LoopSettings(_Settings):
    """The intervals and the parallelism of passes."""

    # Between two passes, for an application without its own interval.
    interval: Seconds = Field(default=60.0, ge=5, le=86_400)
    jitter: float = Field(default=0.1, ge=0, le=0.5)  # random part of the interval, to spread the passes
    source_interval: Seconds = Field(default=30.0, ge=1, le=86_400)  # between two reads of the source
    workers: int = Field(default=4, ge=1, le=64)
    # Time to finish after SIGTERM. ECS sends SIGKILL after the stopTimeout of the container, by default 30 s.
    drain: Seconds = Field(default=20.0, ge=0, le=110)


class LimitSettings(_Settings):
    """The use of AWS's request rates, which all clients of an account and Region share."""

    share: float = Field(default=0.5, gt=0, le=1)  # of the published rates: the rest is for other clients


class WindowSettings(_Settings):
    """A time in which nothing is written (`deny`), or outside which nothing is (`allow`): a cron expression."""

    allow: str = ""  # when the time begins, outside which nothing is written
    deny: str = ""  # when the time begins, in which nothing is written
    duration: Seconds = Field(gt=0, le=366 * 86_400)  # how long it lasts
    zone: str = "UTC"  # of the cron expression, such as Asia/Seoul
    applications: Names = ("*",)  # patterns of names
    reason: str = ""  # for the status


class GitSettings(_Settings):
    """How a git source is read. The token is from the environment, from a file of it, or of a GitHub App."""

    token: SecretStr = SecretStr("")  # for https
    token_file: str = ""  # read for each request: a token may be rotated in it
    username: str = "x-access-token"  # beside a token; GitHub takes this one, GitLab any
    # A GitHub App in place of a token: its id or client id, and the file of its private key (PEM).
    app_id: Annotated[str, BeforeValidator(_number_as_text)] = Field(default="", pattern=r"^[A-Za-z0-9._-]*$")
    app_key_file: str = ""  # the private key of the App in PEM; read for each token
    # The id of the installation; without it, it is looked up.
    app_installation: Annotated[str, BeforeValidator(_number_as_text)] = Field(default="", pattern=r"^\d*$")
    app_api: str = "https://api.github.com"  # of GitHub Enterprise: https://HOST/api/v3
    ca_file: str = ""  # certificate authorities in PEM; empty: those of the system
    ssh_key: str = ""  # the file of a deploy key
    known_hosts: str = ""  # the file with the keys of the hosts that ssh may connect to
    history: Literal["rewrite-held", "rewrite-allowed"] = "rewrite-held"  # of a branch that was force-pushed
    # Only commits that a key of these files has signed count: allowed_signers of ssh, armored OpenPGP public keys.
    signers: str = ""
    signers_gpg: str = ""  # armored OpenPGP public keys


class SourceSettings(_Settings):
    """One entry of `sources`. What is not set here is as for the only source."""

    source: str = Field(min_length=1)  # as the setting `source`
    source_owner: AccountId = ""  # as the setting `source_owner`
    git: GitSettings = Field(default_factory=GitSettings)  # its secrets are in files

    @field_validator("git")
    @classmethod
    def _without_secret(cls, value: GitSettings) -> GitSettings:
        if value.token.get_secret_value():
            raise ValueError("a secret must not be in this file; set token_file")
        return value


class HttpSettings(_Settings):
    """The address of metrics, health and the API. Default: this machine only."""

    host: str = "127.0.0.1"
    hosts: Names = ()  # under which clients reach it, beside localhost and IP addresses: others are rejected
    port: int = Field(default=8080, ge=0, le=65_535)  # 0: any free port
    token: SecretStr = SecretStr("")  # for requests that set a guard, such as a freeze; empty: none is accepted
    token_file: str = ""


class WebhookSettings(_Settings):
    """The secrets of webhooks: one, or two while one is replaced. Each from the environment, or from a file of it."""

    github: Secrets = ()  # the secret of a webhook of GitHub
    github_file: str = ""
    gitlab: Secrets = ()  # the secret token of a webhook of GitLab
    gitlab_file: str = ""
    generic: Secrets = ()  # the secret of Standard Webhooks
    generic_file: str = ""


class LogSettings(_Settings):
    """The level and the format of the log. `auto` is text on a terminal, and JSON elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


class MetricsSettings(_Settings):
    """The metrics: those by application, and a few of them as lines for CloudWatch (`report.collectors.emf`)."""

    per_app: bool = True  # false: sums over all applications in place of a series for each
    emf: str = Field(default="", pattern=r"^(stdout|file:.+)?$")
    emf_interval: Seconds = Field(default=60.0, ge=1, le=3600)


class Settings(_Settings):
    """All settings of the operator, except the endpoint: boto3 reads `AWS_ENDPOINT_URL` itself."""

    installation: str = ""  # name of this installation, part of every mark; required to write
    account: AccountId = ""  # the expected account; checked before the first write
    region: str = ""
    profile: str = ""
    enforce: bool = False  # as in `targets`, for applications that name no target
    roles: RoleSettings = Field(default_factory=RoleSettings)  # as in `targets`; the process's own credentials observe
    session_tags: bool = False  # as in `targets`
    budget: int = Field(default=10, ge=1, le=10_000)  # as in `targets`
    # Resources that a daemon may delete or replace, or change at all, within an hour in one account and Region; 0: any.
    removals_per_hour: int = Field(default=60, ge=0)
    changes_per_hour: int = Field(default=0, ge=0)
    approval: Effects = ()  # replace, delete: a daemon does these after a person has approved them
    first_time: bool = False  # without `account`, allow a plan that only creates resources (docs/rules.md R11)
    source: str = ""  # a path, s3://bucket/prefix or git+https://host/org/repo.git@main#subdirectory=FOLDER
    source_owner: AccountId = ""  # the account that must own the bucket
    sources: dict[str, SourceSettings] = Field(default_factory=dict)  # several in place of `source`, each with a name
    # What keeps a second process from writing (docs/rules.md R32): auto (beside the source), none, file:PATH, or
    # dynamodb:TABLE.
    lease: str = Field(default="auto", pattern=r"^(auto|none|file:.+|dynamodb:[A-Za-z0-9_.-]{3,255})$")
    lease_period: Seconds = Field(default=40.0, ge=1, le=600)  # a lost lease is taken over within this time
    windows: tuple[WindowSettings, ...] = ()  # a deny wins; where windows allow, nothing is written outside them
    # Where freezes and overrides are that people set: file:PATH or ssm:NAME, a parameter in the operator's account.
    freeze: str = Field(default="", pattern=r"^(file:.+|ssm:[A-Za-z0-9_./-]+)?$")
    variables: dict[str, str] = Field(default_factory=dict)  # values of ${var:NAME}, in place of those of Applications
    targets: dict[str, TargetSettings] = Field(default_factory=dict)
    projects: dict[str, ProjectSettings] = Field(default_factory=dict)  # if any is set, it must allow an application
    loop: LoopSettings = Field(default_factory=LoopSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    git: GitSettings = Field(default_factory=GitSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    webhooks: WebhookSettings = Field(default_factory=WebhookSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)

    @field_validator("installation")
    @classmethod
    def _well_named(cls, value: str) -> str:
        if value and not _NAME.fullmatch(value):
            raise ValueError("must be 1 to 63 of A-Z a-z 0-9 _ . - and begin with a letter or digit")
        return value

    @field_validator("sources")
    @classmethod
    def _with_names(cls, value: dict[str, SourceSettings]) -> dict[str, SourceSettings]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"{printable(name)}: must be 1 to 63 of A-Z a-z 0-9 _ . - and begin with a letter or digit"
                )
        return value

    def source_of(self, name: str) -> Settings:
        """Return the settings with those of one of `sources` in place of those of the only source."""
        own = self.sources[name]
        given = {"source": own.source, "source_owner": own.source_owner or self.source_owner}
        return self.model_copy(update=given | ({"git": own.git} if "git" in own.model_fields_set else {}))

    @field_validator("roles")
    @classmethod
    def _own_observe(cls, value: RoleSettings) -> RoleSettings:
        if value.observe:
            raise ValueError("observe is for an entry of targets: here the process's own credentials read")
        return value

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
        if name in _SECRET:
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
    known = {PREFIX + name.replace(".", "_").upper(): name for name in _names() if name not in _MAPS}
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
    hidden = error["type"] == "missing" or isinstance(error["input"], dict) or name in _SECRET
    hidden = hidden or location[0] in ("webhooks", "sources")
    given = "" if hidden else f" (it is {printable(repr(error['input']))})"
    return f"{place}: {printable(name)}: {message[0].lower()}{message[1:]}{given}"
