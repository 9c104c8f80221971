"""moto's answers to the reads that a controller repeats in each pass: moto computes them again only after a write."""

from __future__ import annotations

from dataclasses import dataclass, field

from ecsim.account.exchange import Request, Response

# Nothing but writes of the same service, tags, and instances of Auto Scaling groups, changes what these return.
REPEATED: dict[str, frozenset[str]] = {
    "ec2": frozenset({"DescribeRouteTables", "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs"}),
    "iam": frozenset(
        {
            "GetInstanceProfile", "GetRole", "GetRolePolicy", "ListAttachedRolePolicies",
            "ListInstanceProfilesForRole", "ListRolePolicies", "ListRoleTags", "ListRoles",
        }
    ),
}  # fmt: skip


@dataclass
class Answers:
    """The kept answers of one account, by service, then by Region and body of the request."""

    kept: dict[str, dict[tuple[str, bytes], Response]] = field(default_factory=dict)

    def find(self, request: Request, body: bytes) -> Response | None:
        """Return moto's answer to the same request, if no write came between."""
        return self.kept.get(request.service, {}).get((request.region, body))

    def keep(self, request: Request, body: bytes, response: Response) -> None:
        """Keep an answer, if nothing but a write changes it."""
        if request.operation in REPEATED.get(request.service, ()):
            self.kept.setdefault(request.service, {})[request.region, body] = response

    def forget(self, service: str) -> None:
        """Drop the answers of a service that changes. The tagging API changes all: it tags resources of others."""
        if service == "resourcegroupstaggingapi":
            self.kept.clear()
        self.kept.pop(service, None)
