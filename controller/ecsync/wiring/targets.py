"""Target policy: the account and Region of an application, and whether the operator enabled writes to them.

A manifest names a target. The operator's config decides what the name means; no function here calls AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ecsync import config
from ecsync.config import Settings, TargetSettings
from ecsync.core.model import Adopt, Application, Delete, Replace, Target
from ecsync.core.outcome import Plan
from ecsync.engine.reconciler import Refused


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
