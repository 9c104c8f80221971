"""Roles, as the other services see them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from controller.simulator import seams
from controller.simulator.world import World


def assumable(world: World, role: str, principal: str) -> bool:
    """Whether a service can assume a role by now: it exists, trusts the service, and IAM has spread the word."""
    account = role.split(":")[4] if role.startswith("arn:") else world.settings.account
    if account != world.settings.account:
        return True
    name = role.rsplit("/", 1)[-1]
    found = seams.role(account, name)
    if found is None or not _trusts(found.assume_role_policy_document, principal):
        return False
    created = world.role_created.get(name)
    return created is None or not world.settings.settling or world.now - created >= world.settings.role_seconds


def _trusts(document: Any, principal: str) -> bool:
    text = document if isinstance(document, str) else json.dumps(document)
    return principal in unquote(text)
