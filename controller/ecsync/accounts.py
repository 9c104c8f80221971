"""The operator's settings of accounts and of what may be deployed there: targets, their roles, projects."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from ecsync.core.wording import seconds


def _names_in(value: object) -> object:
    """Return the names in a text such as `a.example.com,b.example.com`."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def read_seconds(value: object) -> object:
    """Return the seconds of a time such as `90`, `90s`, `5m` or `1h`."""
    return seconds(value) if isinstance(value, str) else value


Seconds: TypeAlias = Annotated[float, BeforeValidator(read_seconds)]
Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_names_in)]
Effects: TypeAlias = Annotated[tuple[Literal["replace", "delete"], ...], BeforeValidator(_names_in)]
AccountId: TypeAlias = Annotated[str, Field(pattern=r"^(\d{12})?$")]
RoleArn: TypeAlias = Annotated[str, Field(pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:role/\S+)?$")]


class Strict(BaseModel):
    """The base of all settings: unknown names are errors, and values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("account", mode="before", check_fields=False)
    @classmethod
    def _as_text(cls, value: object) -> object:
        """Reject an account id that YAML read as a number: its leading zeros are lost."""
        if isinstance(value, int):
            raise ValueError('must be in quotes: account: "123456789012"')
        return value


class RoleSettings(Strict):
    """Roles by mode: of reads, of writes, of deletes. Each is assumed for its first call, and stands in for no other.

    Without `observe`, the process's own credentials read.
    """

    observe: RoleArn = Field(
        default="", description="reads; in an entry of `targets` only. Without it, the process's own credentials read"
    )
    apply: RoleArn = Field(
        default="",
        description="creates, updates, and sets and removes tags. `enforce: true` needs it, if any of `roles` is set",
    )
    prune: RoleArn = Field(
        default="",
        description="deletes: what is no longer declared, `ecsync/state: absent`, replaced resources and old "
        "revisions. Without it nothing is pruned, with that reason, and other deletes fail with it",
    )

    @field_validator("prune")
    @classmethod
    def _after_apply(cls, value: str, info: ValidationInfo) -> str:
        if value and not info.data.get("apply"):
            raise ValueError("needs roles.apply: a role that deletes is for what another one writes")
        return value

    @property
    def given(self) -> bool:
        """Whether a role is set."""
        return bool(self.observe or self.apply or self.prune)


class TargetSettings(Strict):
    """One entry of `targets`: an account and Region that manifests can name. Roles are set here, not in manifests."""

    account: AccountId = Field(description="the account that the credentials must belong to")
    region: str = Field(default="", description="the Region of applications that name none")
    role: RoleArn = Field(
        default="", description="one role for everything. Without a role the process's own credentials do everything"
    )
    roles: RoleSettings = Field(default_factory=RoleSettings)
    external_id: str = Field(default="", description="sent with each request for a role of this target")
    session_tags: bool = Field(
        default=False, description="tags the sessions that write; the trust policies must allow sts:TagSession"
    )
    concurrency: int = Field(
        default=0,
        ge=0,
        le=64,
        description="the number of passes at a time in each Region of the account. 0: as many as there are workers, "
        "less one for each other account and Region",
    )
    enforce: bool = Field(
        default=False,
        description="allows writes in its applications, if they set `sync.mode: enforce` ([R26](rules.md))",
    )
    budget: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="the number of resources that one pass over an application may delete or replace",
    )
    removals_per_hour: int | None = Field(
        default=None, ge=0, description="as the setting of this name, which holds without it"
    )
    changes_per_hour: int | None = Field(
        default=None, ge=0, description="as the setting of this name, which holds without it"
    )
    approval: Effects | None = Field(default=None, description="as the setting of this name, which holds without it")

    @model_validator(mode="after")
    def _one_way(self) -> TargetSettings:
        if self.role and self.roles.given:
            raise ValueError("set either role or roles: role is for everything, roles are one for each mode")
        if self.enforce and self.roles.given and not self.roles.apply:
            raise ValueError("enforce needs roles.apply: without it nothing can be written; set it, or enforce: false")
        return self


class ProjectSettings(Strict):
    """What some applications may deploy, and where. A list that is not set allows everything; `*` is any text."""

    sources: Names = Field(default=("*",), description="names of `sources`")
    applications: Names = Field(default=("*",), description="patterns of the names of applications")
    targets: Names = Field(default=("*",), description="entries of `targets`, or account ids")
    regions: Names = Field(default=("*",), description="names of Regions")
    kinds: Names = Field(default=("*",), description="names of kinds")
    names: Names = Field(default=("*",), description="patterns of AWS's names of resources")
