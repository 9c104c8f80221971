"""Changes of capacity providers: ECS answers the call first, and then makes the change or gives it up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ecsim.account.errors import AwsError
from ecsim.account.world import Body, World


@dataclass
class ProviderFailures:
    """The providers with changes that ECS gives up, by name, and the reasons that it prints."""

    reasons: dict[str, str] = field(default_factory=dict)


def check_idle(provider: Body) -> None:
    """Refuse to change or delete a provider during a change of it."""
    if str(provider.get("updateStatus", "")).endswith("_IN_PROGRESS"):
        raise AwsError(
            "UpdateInProgressException",
            "The specified capacity provider is in a busy state. Wait for its update to complete and try again.",
        )


def is_usable(provider: Body) -> bool:
    """Return whether a cluster may be associated with a provider now."""
    status = str(provider.get("updateStatus", ""))
    return provider["status"] == "ACTIVE" and not status.endswith("_IN_PROGRESS") and status != "CREATE_FAILED"


def begin(world: World, provider: Body, verb: Literal["CREATE", "UPDATE"], apply: Callable[[], None]) -> None:
    """Begin a change. It is in progress for `provider_seconds` with settling on; a failed one leaves the old values."""
    provider.pop("updateStatusReason", None)
    provider["updateStatus"] = f"{verb}_IN_PROGRESS"

    def end() -> None:
        reason = world.state(ProviderFailures).reasons.get(provider["name"])
        provider["updateStatus"] = f"{verb}_COMPLETE" if reason is None else f"{verb}_FAILED"
        if reason is None:
            apply()
        else:
            provider["updateStatusReason"] = reason

    if world.settings.settling:
        world.after(world.settings.provider_seconds, end)
    else:
        end()
