"""The operator's settings as frozen models, in groups. `config.py` reads them; `accounts.py` has those of accounts.

Each description is the text of the setting in `ecsync explain config` and docs/reference/settings.md. A link in it is
relative to docs/.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from ecsync.accounts import AccountId, Effects, Names, ProjectSettings, RoleSettings, Seconds, TargetSettings
from ecsync.accounts import Strict as _Settings
from ecsync.core.wording import printable

PREFIX = "ECSYNC_"  # of the environment variable of a setting
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_NAMED = "must be 1 to 63 of A-Z a-z 0-9 _ . - and begin with a letter or digit"


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

    interval: Seconds = Field(
        default=60.0,
        ge=5,
        le=86_400,
        description="the time between two passes over an application without a `sync.interval` of its own",
    )
    jitter: float = Field(
        default=0.1, ge=0, le=0.5, description="the random part of the interval, which spreads the passes"
    )
    source_interval: Seconds = Field(
        default=30.0, ge=1, le=86_400, description="the time between two reads of the source"
    )
    workers: int = Field(default=4, ge=1, le=64, description="the number of passes at a time")
    drain: Seconds = Field(
        default=20.0,
        ge=0,
        le=110,
        description="the longest time from SIGTERM to the end. ECS sends SIGKILL after the `stopTimeout` of the "
        "container, by default 30 s",
    )


class LimitSettings(_Settings):
    """The use of AWS's request rates, which all clients of an account and Region share."""

    share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="the share of AWS's published request rates that ecsync uses; the rest is for other clients of the "
        "account",
    )


class WindowSettings(_Settings):
    """A time in which nothing is written (`deny`), or outside which nothing is (`allow`): a cron expression."""

    allow: str = Field(default="", description="when the time begins outside which nothing is written")
    deny: str = Field(default="", description="when the time begins in which nothing is written")
    duration: Seconds = Field(gt=0, le=366 * 86_400, description="how long the time lasts")
    zone: str = Field(default="UTC", description="the time zone of the cron expression, such as Asia/Seoul")
    applications: Names = Field(default=("*",), description="patterns of the names of applications")
    reason: str = Field(default="", description="the reason that the status prints")


class GitSettings(_Settings):
    """How a git source is read. The token is from the environment, from a file of it, or of a GitHub App."""

    token: SecretStr = Field(default=SecretStr(""), description="the token for git over https")
    token_file: str = Field(
        default="",
        description="the file of the token for git over https; it is read for each request: the token can be rotated",
    )
    username: str = Field(
        default="x-access-token", description="the user beside a token; GitHub takes this one, GitLab any"
    )
    app_id: Annotated[str, BeforeValidator(_number_as_text)] = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]*$",
        description="the id or client id of a [GitHub App](container.md#a-github-app), in place of a token",
    )
    app_key_file: str = Field(
        default="", description="the file of the private key of the App, in PEM; read for each token"
    )
    app_installation: Annotated[str, BeforeValidator(_number_as_text)] = Field(
        default="", pattern=r"^\d*$", description="the id of the App's installation; without it, it is looked up"
    )
    app_api: str = Field(
        default="https://api.github.com",
        description="the API of the App; of GitHub Enterprise Server `https://HOST/api/v3`",
    )
    ca_file: str = Field(
        default="", description="a file of certificate authorities in PEM, in place of those of the system"
    )
    ssh_key: str = Field(default="", description="the file of a deploy key, for git over ssh")
    known_hosts: str = Field(
        default="", description="the file with the keys of the hosts that ssh may connect to, as `known_hosts` of ssh"
    )
    history: Literal["rewrite-held", "rewrite-allowed"] = Field(
        default="rewrite-held",
        description="`rewrite-allowed` takes a branch that was force-pushed ([more](container.md#manifests-in-git))",
    )
    signers: str = Field(
        default="",
        description="a file of SSH keys in the format of `allowed_signers`: "
        "[only what such a key has signed counts](container.md#signed-commits)",
    )
    signers_gpg: str = Field(
        default="", description="a file of armored OpenPGP public keys, as `signers`; it needs `ecsync[gpg]`"
    )


class SourceSettings(_Settings):
    """One entry of `sources`. What is not set here is as for the only source."""

    source: str = Field(min_length=1, description="as the setting `source`")
    source_owner: AccountId = Field(default="", description="as the setting `source_owner`")
    git: GitSettings = Field(default_factory=GitSettings)  # its secrets are in files

    @field_validator("git")
    @classmethod
    def _without_secret(cls, value: GitSettings) -> GitSettings:
        if value.token.get_secret_value():
            raise ValueError("a secret must not be in this file; set token_file")
        return value


class HttpSettings(_Settings):
    """The address of metrics, health and the API. Default: this machine only."""

    host: str = Field(
        default="127.0.0.1",
        description="the address that is listened on; `0.0.0.0` for other machines, which then reach the API",
    )
    hosts: Names = Field(
        default=(),
        description="the names under which clients reach it, such as ecsync.internal: requests with another one are "
        "rejected. `localhost` and IP addresses need no entry",
    )
    port: int = Field(default=8080, ge=0, le=65_535, description="the port; 0 is any free port")
    token: SecretStr = Field(
        default=SecretStr(""),
        description="the token itself, as `http.token_file`; without both, no request sets a guard",
    )
    token_file: str = Field(
        default="",
        description="the file with the token for [requests that set a guard](cli.md#http-of-the-daemon), such as a "
        "freeze: 16 characters or more, such as the output of `openssl rand -hex 32`",
    )


class WebhookSettings(_Settings):
    """The secrets of [webhooks](container.md#webhooks): one, or two while one is replaced."""

    github: Secrets = Field(default=(), description="the secret of a webhook of GitHub; two have a space between them")
    github_file: str = Field(default="", description="a file of that secret; two are on a line each")
    gitlab: Secrets = Field(default=(), description="the secret token of a webhook of GitLab; two have a space between")
    gitlab_file: str = Field(default="", description="a file of that secret token; two are on a line each")
    generic: Secrets = Field(default=(), description="the secret of Standard Webhooks; two have a space between them")
    generic_file: str = Field(default="", description="a file of that secret; two are on a line each")


class LogSettings(_Settings):
    """The log, on stderr: each event once."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least level that is written"
    )
    format: Literal["auto", "json", "text"] = Field(
        default="auto", description="`auto` is text on a terminal and JSON elsewhere"
    )


class MetricsSettings(_Settings):
    """The [metrics](metrics.md): those by application, and a few of them as lines for CloudWatch."""

    per_app: bool = Field(
        default=True, description="false: no metric has the label `app`, and there are sums in its place"
    )
    emf: str = Field(
        default="",
        pattern=r"^(stdout|file:.+)?$",
        description="`stdout` or `file:PATH`: [a few metrics for CloudWatch](cli.md#metrics-without-prometheus)",
    )
    emf_interval: Seconds = Field(
        default=60.0, ge=1, le=3600, description="the time between two lines of `metrics.emf`"
    )


class Settings(_Settings):
    """All settings of the operator, except the endpoint: boto3 reads `AWS_ENDPOINT_URL` itself."""

    installation: str = Field(
        default="",
        description="the name of this controller, part of the tags on every resource; required to write. Never change "
        "it",
    )
    account: AccountId = Field(
        default="", description="the account that the credentials must belong to; checked before the first write"
    )
    region: str = Field(
        default="", description="the Region of applications that name none; without it that of `AWS_REGION`"
    )
    profile: str = Field(default="", description="a profile of the AWS configuration, for the credentials")
    enforce: bool = Field(
        default=False,
        description="allows writes in applications that name no entry of `targets`, if they set `sync.mode: enforce`",
    )
    roles: RoleSettings = Field(default_factory=RoleSettings)
    session_tags: bool = Field(
        default=False,
        description="tags the sessions that write, as in `targets`; the trust policies must allow sts:TagSession",
    )
    budget: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="the number of resources that one pass over an application may delete or replace; an entry of "
        "`targets` has its own",
    )
    removals_per_hour: int = Field(
        default=60,
        ge=0,
        description="the number of resources that a daemon may delete or replace within an hour in one account and "
        "Region "
        "([budgets](cli.md#budgets)); 0 is no limit; an entry of `targets` may have its own",
    )
    changes_per_hour: int = Field(default=0, ge=0, description="the same for every change")
    approval: Effects = Field(
        default=(),
        description="`replace`, `delete` or both: what a person [approves](cli.md#approvals) before a daemon does it; "
        "an "
        "entry of `targets` may have its own",
    )
    first_time: bool = Field(
        default=False,
        description="without `account`, allows a plan that only creates ([R11](rules.md))",
    )
    source: str = Field(
        default="",
        description="where the manifests are: a path, `s3://bucket/prefix` or "
        "`git+https://host/org/repo.git@main#subdirectory=FOLDER`",
    )
    source_owner: AccountId = Field(default="", description="the account that must own the bucket of the source")
    sources: dict[str, SourceSettings] = Field(
        default_factory=dict,
        description="several in place of `source`, each with a name ([more](container.md#several-sources))",
    )
    lease: str = Field(
        default="auto",
        pattern=r"^(auto|none|file:.+|dynamodb:[A-Za-z0-9_.-]{3,255})$",
        description="what keeps a second process from writing: `auto` (beside the source), `none`, `file:PATH` or "
        "`dynamodb:TABLE` ([more](cli.md#the-lease))",
    )
    lease_period: Seconds = Field(
        default=40.0,
        ge=1,
        le=600,
        description="the time within which a lost lease is taken over. Below 40 s, less time is left for a write than "
        "a "
        "call may take",
    )
    windows: tuple[WindowSettings, ...] = Field(
        default=(),
        description="when nothing is written, or when alone something is; a deny wins "
        "([more](cli.md#freezes-and-windows))",
    )
    freeze: str = Field(
        default="",
        pattern=r"^(file:.+|ssm:[A-Za-z0-9_./-]+)?$",
        description="where freezes and overrides are that people set: `file:PATH`, or `ssm:NAME`, a parameter of "
        "Systems "
        "Manager in the operator's account ([more](cli.md#freezes-and-windows))",
    )
    variables: dict[str, str] = Field(
        default_factory=dict, description="values of `${var:NAME}` in place of those of Applications, as with `--var`"
    )
    targets: dict[str, TargetSettings] = Field(
        default_factory=dict,
        description="accounts that Applications name in `target.account` ([more](container.md#many-accounts))",
    )
    projects: dict[str, ProjectSettings] = Field(
        default_factory=dict,
        description="which applications may be deployed where, and with which kinds and names; if any is set, one must "
        "allow an application ([more](container.md#projects))",
    )
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
            raise ValueError(_NAMED)
        return value

    @field_validator("sources")
    @classmethod
    def _with_names(cls, value: dict[str, SourceSettings]) -> dict[str, SourceSettings]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{printable(name)}: {_NAMED}")
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
