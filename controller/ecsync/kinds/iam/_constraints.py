"""What IAM accepts of a role."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ecsync.core.constraints.find import is_placeholder
from ecsync.core.constraints.rows import Constraints, Length, Pattern, Range, Spot
from ecsync.core.trees import Path
from ecsync.core.wording import quoted
from ecsync.kinds._constraint_parts import arn_constraints, row, tag_constraints, text
from ecsync.kinds._policy_constraints import grant_constraints, trust_constraints

_CREATE = "API Reference iam.CreateRole"


def _service_linked(spot: Spot) -> str:
    """Return the note of a managed policy in an account, where AWS's own was surely meant."""
    value = text(spot.value)
    known = ("AmazonECSTaskExecutionRolePolicy", "AmazonSSMManagedInstanceCore", "AmazonEC2ContainerServiceforEC2Role")
    name = value.rsplit("/", 1)[-1]
    if name not in known or ":iam::aws:policy/" in value or not value.startswith("arn:"):
        return ""
    path = "service-role/" if name != "AmazonSSMManagedInstanceCore" else ""
    return f"{name} is AWS's own policy; use arn:aws:iam::aws:policy/{path}{name}"


_POLICY_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")


def _policy_names(spot: Spot) -> str | tuple[Path, str]:
    for name in spot.value if isinstance(spot.value, Mapping) else ():
        if not is_placeholder(name) and not _POLICY_NAME.fullmatch(name):
            use = "1 to 128 letters, digits and _ + = , . @ -"
            return (name,), f"{quoted(name)} is not a valid name of a policy; use {use}"
    return ""


ROWS: Constraints = (
    *tag_constraints("Tags", "Key", "Value", service="iam"),
    *trust_constraints("AssumeRolePolicyDocument"),
    *grant_constraints("Policies.*"),
    row("Policies", "names of letters, digits and _ + = , . @ -", _policy_names,
        "botocore iam-2010-05-08 policyNameType"),
    row("RoleName", "at most 64 characters", Length(least=1, most=64), "botocore iam-2010-05-08 roleNameType"),
    row("Path", "/, or text between two /", Pattern(allowed=r"/|/[!-~]+/", text="/, or a path such as /team/"),
        "botocore iam-2010-05-08 pathType"),
    row("Description", "at most 1000 characters", Length(most=1000), "botocore iam-2010-05-08 roleDescriptionType"),
    row("MaxSessionDuration", "3600 to 43200", Range(least=3600, most=43200),
        "botocore iam-2010-05-08 roleMaxSessionDurationType"),
    row("ManagedPolicyArns", "at most 20", Length(most=20),
        "IAM User Guide, quotas: the largest quota of policies of a role"),
    *arn_constraints("ManagedPolicyArns[]", "iam", "policy/", "a managed policy",
                     source="API Reference iam.AttachRolePolicy"),
    row("ManagedPolicyArns[]", "AWS's own policies by their own ARN", _service_linked,
        "API Reference iam.AttachRolePolicy", level="note"),
    *arn_constraints("PermissionsBoundary", "iam", "policy/", "a managed policy", source=_CREATE),
)  # fmt: skip
