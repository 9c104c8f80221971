"""Roles, as the other services see them."""

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
    """When roles were created and instance profiles changed, by name. Other services see a change only later."""

    roles: dict[str, float] = field(default_factory=dict)
    profiles: dict[str, float] = field(default_factory=dict)


def assumable(world: World, role: str, principal: str) -> bool:
    """Whether a service can assume a role by now: it exists, trusts the service, and IAM has spread the word."""
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
    """Whether EC2 can use an instance profile by now: it exists, and IAM has spread the word."""
    found = seams.instance_profile(world.settings.account, reference)
    if found is None:
        return False
    changed = world.state(IamTimes).profiles.get(found.name)
    return changed is None or not world.settings.settling or world.now - changed >= world.settings.profile_seconds


def instance_role(world: World, reference: str | None) -> str | None:
    """The name of the role in an instance profile that EC2 can assume."""
    found = seams.instance_profile(world.settings.account, reference) if reference else None
    roles = [role for role in found.roles if _trusts(role.assume_role_policy_document, EC2)] if found else []
    return str(roles[0].name) if roles else None


def remember_role(call: Call, response: Response) -> Response:
    """After a role was created: note the time."""
    call.world.state(IamTimes).roles[call.params["RoleName"]] = call.world.now
    return response


def remember_profile(call: Call, response: Response) -> Response:
    """After an instance profile or its role changed: it takes a while until EC2 knows."""
    call.world.state(IamTimes).profiles[call.params["InstanceProfileName"]] = call.world.now
    return response


def load_policy(call: Call) -> None:
    """Before an operation on a policy: AWS's own policies exist in every account."""
    arn = call.params.get("PolicyArn", "")
    if arn.startswith(AWS_MANAGED):
        seams.load_managed_policy(call.world.settings.account, arn)


def load_policies(call: Call) -> None:
    """Before all policies are listed: AWS's own ones are among them."""
    if call.params.get("Scope", "All") != "Local" and not call.params.get("OnlyAttached"):
        seams.load_managed_policies(call.world.settings.account)
