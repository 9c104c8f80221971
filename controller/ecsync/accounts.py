"""The operator's settings of accounts and of what may be deployed there: targets, their roles, projects."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator


def _names_in(value: object) -> object:
    """Return the names in a text such as `a.example.com,b.example.com`."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _seconds(value: object) -> object:
    """Return the seconds of a time such as `90`, `90s`, `5m` or `1h`."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", value.strip())):
        return float(match[1]) * _UNITS[match[2]]
    if isinstance(value, str):
        raise ValueError("must be a time such as 90s, 5m or 1h")
    return value


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
Seconds: TypeAlias = Annotated[float, BeforeValidator(_seconds)]
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

    observe: RoleArn = ""
    apply: RoleArn = ""
    prune: RoleArn = ""  # makes the deletes; empty: nothing is deleted

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

    account: AccountId
    region: str = ""
    role: RoleArn = ""  # for everything
    roles: RoleSettings = Field(default_factory=RoleSettings)  # in place of `role`
    external_id: str = ""  # of all roles
    session_tags: bool = False  # of the sessions that write; the trust policies must allow sts:TagSession
    concurrency: int = Field(default=0, ge=0, le=64)  # passes at a time in each Region of the account; 0: no own limit
    enforce: bool = False  # allow writes; the application must also set `mode: enforce` (docs/rules.md R26)
    budget: int = Field(default=10, ge=1, le=10_000)  # resources that one pass of an application may delete or replace
    removals_per_hour: int | None = Field(default=None, ge=0)  # None: as for all; also the next two
    changes_per_hour: int | None = Field(default=None, ge=0)
    approval: Effects | None = None

    @model_validator(mode="after")
    def _one_way(self) -> TargetSettings:
        if self.role and self.roles.given:
            raise ValueError("set either role or roles: role is for everything, roles are one for each mode")
        if self.enforce and self.roles.given and not self.roles.apply:
            raise ValueError("enforce needs roles.apply: without it nothing can be written; set it, or enforce: false")
        return self


class ProjectSettings(Strict):
    """What some applications may deploy, and where. A list that is not set allows everything; `*` is any text."""

    sources: Names = ("*",)  # names of sources
    applications: Names = ("*",)  # patterns of names
    targets: Names = ("*",)  # entries of `targets`, or account ids
    regions: Names = ("*",)
    kinds: Names = ("*",)
    names: Names = ("*",)  # patterns of AWS's names
