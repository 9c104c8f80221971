"""Target policy: the account and Region of an application, and whether the operator enabled writes to them.

A manifest names a target. The operator's config decides what the name means; no function here calls AWS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ecsync import config
from ecsync.accounts import RoleSettings, TargetSettings
from ecsync.config import Settings
from ecsync.core.model import Adopt, Application, Delete, Replace, Target
from ecsync.core.outcome import Plan, WithheldReason
from ecsync.engine.reconciler import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The ARNs of the roles of a target, by mode. Without any, the process's own credentials do everything."""

    observe: str = ""
    apply: str = ""
    prune: str = ""
    external_id: str = ""
    session_tags: bool = False

    @property
    def write(self) -> bool:
        """Whether roles write, or nothing does: not the credentials that observe."""
        return bool(self.observe or self.apply or self.prune)


def roles_of(settings: Settings, target: str) -> Roles:
    """Return the roles of a target. One that is no entry has the process's own credentials. `role` is for all modes."""
    entry = settings.targets.get(target)
    if entry is None:
        own = settings.roles
        if not own.given:
            return Roles()
        return Roles(apply=own.apply, prune=own.prune, session_tags=settings.session_tags)
    roles = entry.roles
    if entry.role:
        roles = RoleSettings(observe=entry.role, apply=entry.role, prune=entry.role)
    elif not roles.given:
        return Roles()
    return Roles(
        observe=roles.observe,
        apply=roles.apply,
        prune=roles.prune,
        external_id=entry.external_id,
        session_tags=entry.session_tags,
    )


def passes_at(settings: Settings) -> Callable[[object], int]:
    """Return how many passes may be under way at a site, an account and Region (`concurrency` of targets); 0: any.

    Where no target has the Region, those of the account count: an application may name another Region than its target.
    """
    most: dict[object, int] = {}
    for one in settings.targets.values():
        for site in ((one.account, one.region), one.account) if one.concurrency else ():
            most[site] = min(one.concurrency, most.get(site, one.concurrency))

    def at(site: object) -> int:
        account = site[0] if isinstance(site, tuple) else site
        return most.get(site, most.get(account, 0))

    return at


def expected_account(settings: Settings, target: str) -> str:
    """Return the account that the operator asserts for a target; a 12-digit target asserts itself."""
    entry = settings.targets.get(target)
    if entry is not None:
        return entry.account
    return target if target.isdigit() else settings.account


def target_of(settings: Settings, application: Application) -> Target:
    """Return the target as far as the settings determine it; account and Region may be empty."""
    return Target(
        account=expected_account(settings, application.account),
        region=_region(settings, application),
        name=application.account,
    )


def region_of(settings: Settings, application: Application) -> str:
    """Return the Region of an application. Raises Refused where no setting has one."""
    region = _region(settings, application)
    if not region:
        raise Refused(
            f"{application.name}: no Region: set `target: {{region: …}}` in its Application document, "
            "or ECSYNC_REGION, or AWS_REGION"
        )
    return region


def check_target(settings: Settings, application: Application) -> None:
    """Raise Refused where an application names a target that is not in the operator's config."""
    name = application.account
    if name and not name.isdigit() and name not in settings.targets:
        known = ", ".join(sorted(settings.targets)) or "none"
        raise Refused(f"{application.name}: target.account {name!r} is not in the operator's config (targets: {known})")


def check_account(settings: Settings, application: Application, account: str) -> None:
    """Raise Refused where the credentials belong to another account than the operator asserts."""
    expected = expected_account(settings, application.account)
    if expected and account != expected:
        raise Refused(
            f"{application.name}: the credentials belong to account {account}, but {expected} is expected; "
            "check AWS_PROFILE, ECSYNC_ACCOUNT and target.account"
        )


def is_asserted(settings: Settings, application: Application) -> bool:
    """Return whether the operator named the account, or passed --first-time."""
    return bool(expected_account(settings, application.account)) or settings.first_time


def consents(settings: Settings, application: Application) -> bool:
    """Return whether the operator enabled writes to the application's target (docs/rules.md R26)."""
    entry = _entry(settings, application)
    return entry.enforce if entry else settings.enforce


def budget(settings: Settings, application: Application) -> int:
    """Return how many resources one pass of the application may delete or replace."""
    entry = _entry(settings, application)
    return entry.budget if entry else settings.budget


def pruning(settings: Settings, application: Application) -> str:
    """Return why nothing may be pruned in the application's target: it has roles, and none that deletes; else empty."""
    roles = roles_of(settings, application.account)
    if roles.prune or not roles.write:
        return ""
    fix = (
        f"set targets.{application.account}.roles.prune"
        if application.account in settings.targets
        else "set roles.prune"
    )
    return WithheldReason("off", f"not deleted: its target has no role that deletes ({fix} in the operator's config)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PerHour:
    """How many resources of the target of an application may be changed within an hour; 0: any number."""

    changes: int
    removals: int


def per_hour(settings: Settings, application: Application) -> PerHour:
    """Return the budgets of an hour: those of the target, else those of all."""
    entry = _entry(settings, application)
    changes, removals = (entry.changes_per_hour, entry.removals_per_hour) if entry else (None, None)
    return PerHour(
        changes=settings.changes_per_hour if changes is None else changes,
        removals=settings.removals_per_hour if removals is None else removals,
    )


def lowest_per_hour(settings: Settings, account: str) -> PerHour:
    """Return the lowest budgets of an hour of the targets that are, or may be, of an account; 0: none has one."""
    own = [(settings.changes_per_hour, settings.removals_per_hour)] if settings.account in ("", account) else []
    for entry in settings.targets.values():
        if entry.account in ("", account):
            changes, removals = entry.changes_per_hour, entry.removals_per_hour
            own.append(
                (
                    settings.changes_per_hour if changes is None else changes,
                    settings.removals_per_hour if removals is None else removals,
                )
            )
    changes_of, removals_of = ({one[part] for one in own if one[part]} for part in (0, 1))
    return PerHour(changes=min(changes_of, default=0), removals=min(removals_of, default=0))


def approval(settings: Settings, application: Application) -> frozenset[Literal["replace", "delete"]]:
    """Return the effects that need an approval: those of the target, else those of all."""
    entry = _entry(settings, application)
    return frozenset(settings.approval if entry is None or entry.approval is None else entry.approval)


def remarks(settings: Settings, application: Application, plan: Plan) -> tuple[str, ...]:
    """Return why not all of a plan is done, or not within an hour: a suspension, a budget."""
    found = []
    if application.suspend:
        found.append(f"nothing is done: suspended by ecsync/suspend in its Application document: {application.suspend}")
    allowed = per_hour(settings, application)
    removed = len({step.id.key for step in plan.steps if isinstance(step.change, Delete | Replace)})
    changed = len({step.id.key for step in plan.steps if step.calls and not isinstance(step.change, Adopt)})
    for name, most, planned in (("removals", allowed.removals, removed), ("changes", allowed.changes, changed)):
        if 0 < most < planned:
            found.append(f"a daemon takes hours: {name}_per_hour allows {most} resources, and these are {planned}")
    return tuple(found)


def _region(settings: Settings, application: Application) -> str:
    entry = _entry(settings, application)
    return application.region or (entry.region if entry else "") or settings.region or config.default_region()


def _entry(settings: Settings, application: Application) -> TargetSettings | None:
    return settings.targets.get(application.account)
