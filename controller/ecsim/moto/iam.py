"""Roles, instance profiles and AWS managed policies of moto's IAM, with their propagation delay."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ecsim.account.exchange import Response
from ecsim.account.world import Call, World
from ecsim.moto import seams

EC2 = "ec2.amazonaws.com"

AWS_MANAGED = "arn:aws:iam::aws:policy/"


@dataclass
class IamTimes:
    """The times when roles were created and instance profiles changed, by name; other services see it later."""

    roles: dict[str, float] = field(default_factory=dict)
    profiles: dict[str, float] = field(default_factory=dict)


def assumable(world: World, role: str, principal: str) -> bool:
    """Return whether a service can assume a role: it exists, trusts the service, and has propagated."""
    account = role.split(":")[4] if role.startswith("arn:") else world.settings.account
    if account != world.settings.account:
        return True
    name = role.rsplit("/", 1)[-1]
    found = seams.role(account, name)
    if found is None or not _trusts(found.assume_role_policy_document, principal):
        return False
    created = world.state(IamTimes).roles.get(name)
    return created is None or not world.settings.settling or world.now - created >= world.settings.role_seconds


def _trusts(document: Any, principal: str) -> bool:
    text = document if isinstance(document, str) else json.dumps(document)
    return principal in unquote(text)


def profile_usable(world: World, reference: str) -> bool:
    """Return whether EC2 can use an instance profile: it exists and has propagated."""
    found = seams.instance_profile(world.settings.account, reference)
    if found is None:
        return False
    changed = world.state(IamTimes).profiles.get(found.name)
    return changed is None or not world.settings.settling or world.now - changed >= world.settings.profile_seconds


def instance_role(world: World, reference: str | None) -> str | None:
    """Return the name of the role in an instance profile that EC2 can assume; None if it has none."""
    found = seams.instance_profile(world.settings.account, reference) if reference else None
    roles = [role for role in found.roles if _trusts(role.assume_role_policy_document, EC2)] if found else []
    return str(roles[0].name) if roles else None


def remember_role(call: Call, response: Response) -> Response:
    """Record the time of the creation of a role."""
    call.world.state(IamTimes).roles[call.params["RoleName"]] = call.world.now
    return response


def remember_profile(call: Call, response: Response) -> Response:
    """Record the time of a change of an instance profile."""
    call.world.state(IamTimes).profiles[call.params["InstanceProfileName"]] = call.world.now
    return response


def load_policy(call: Call) -> None:
    """Load an AWS managed policy into moto before an operation uses it."""
    arn = call.params.get("PolicyArn", "")
    if arn.startswith(AWS_MANAGED):
        seams.load_managed_policy(call.account, arn)


def load_policies(call: Call) -> None:
    """Load all AWS managed policies into moto before they are listed."""
    if call.params.get("Scope", "All") != "Local" and not call.params.get("OnlyAttached"):
        seams.load_managed_policies(call.account)
