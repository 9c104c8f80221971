"""Every check, in the order of the report. A check that AWS does not answer does not keep another from its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from ecsync.verify.ask import Ask
from ecsync.verify.certificates import certificates
from ecsync.verify.images import images
from ecsync.verify.logs import logs
from ecsync.verify.model import Finding, Scope
from ecsync.verify.network import network
from ecsync.verify.quotas import quotas
from ecsync.verify.roles import roles
from ecsync.verify.secrets import secrets

CheckOf: TypeAlias = Callable[[Scope, Ask], Iterator[Finding]]
CHECKS: tuple[CheckOf, ...] = (images, roles, secrets, network, logs, certificates, quotas)

Each: TypeAlias = Callable[[Callable[[CheckOf], list[Finding]], Iterable[CheckOf]], Iterable[list[Finding]]]


def verified(scope: Scope, ask: Ask, each: Each = map) -> list[Finding]:
    """Return the findings of all checks, each once, by the place in the manifests. `each` may use threads."""

    def run(check: CheckOf) -> list[Finding]:
        return list(check(scope, ask))

    found = dict.fromkeys(finding for findings in each(run, CHECKS) for finding in findings)
    return sorted(found, key=lambda finding: finding.place.origin)
