"""A lookup that finds nothing is reported once, on the lookup; what is behind it waits for it."""

from __future__ import annotations

from tests.whole.support.command import Command
from tests.whole.support.environment import QUICKSTART, Environment, operations

TILOG = QUICKSTART.parent / "tilog"


def test_a_missing_vpc(ecsync: Command, environment: Environment) -> None:
    """`plan` and `status` print what was not found and where, on one line; nothing behind it is written."""
    answer = ecsync("plan", TILOG)
    assert answer.code == 1
    unknown = [line.split(None, 1)[1] for line in answer.out.splitlines() if line.startswith("  ✖")]
    reasons = dict(line.split(maxsplit=1) for line in unknown)
    missing = "unknown: no VPC with tag Name=tilog-vpc in ap-northeast-2; a lookup is not created"
    assert reasons.pop("Network/main") == missing
    assert set(reasons.values()) == {"unknown: waits for Network/main"}
    assert {"SecurityGroup/lb", "LoadBalancer/tilog", "Listener/http", "Service/tilog"} <= reasons.keys()
    assert ecsync("status", TILOG).out.count("no VPC with tag") == 1
    with environment.writes() as writes:
        assert ecsync("apply", TILOG, "--timeout", "20").code == 5
    assert "ec2.CreateSecurityGroup" not in operations(writes)
