"""A controller that keeps what it read: a manual change is seen in time, and no write is repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from ecsync.core.model import Key
from tests.whole.support.environment import Controller, Environment
from tests.whole.test_drift import change_health_check_path, delete_listener_rule, open_port_22, set_desired_count_to_0

INTERVAL = 30.0  # of the quickstart
AGES = {"fast": INTERVAL, "medium": 120.0, "slow": 900.0}  # seconds: `engine/views.py` at this interval


def change_retention(environment: Environment) -> None:
    """Set another retention."""
    environment.aws("logs").put_retention_policy(logGroupName="/quickstart/web", retentionInDays=1)


def change_role(environment: Environment) -> None:
    """Set another description."""
    environment.aws("iam").update_role(RoleName="quickstart-execution", Description="another")


def change_group_attribute(environment: Environment) -> None:
    """Set another deregistration delay."""
    elb = environment.aws("elbv2")
    group = elb.describe_target_groups(Names=["quickstart-web"])["TargetGroups"][0]["TargetGroupArn"]
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)


def change_balancer_attribute(environment: Environment) -> None:
    """Set another idle timeout."""
    elb = environment.aws("elbv2")
    balancer = elb.describe_load_balancers(Names=["quickstart"])["LoadBalancers"][0]["LoadBalancerArn"]
    attributes = [{"Key": "idle_timeout.timeout_seconds", "Value": "7"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=attributes)


def change_group_tag(environment: Environment) -> None:
    """Replace our mark on the target group by that of another installation."""
    elb = environment.aws("elbv2")
    group = elb.describe_target_groups(Names=["quickstart-web"])["TargetGroups"][0]["TargetGroupArn"]
    mark = "v1/another/quickstart/TargetGroup/web"
    elb.add_tags(ResourceArns=[group], Tags=[{"Key": "ecsync:owner", "Value": mark}])


@pytest.fixture
def patient(environment: Environment) -> Controller:
    """A controller of the quickstart that has converged, and that keeps what it read."""
    controller = environment.controller()
    controller.patient = True
    controller.converge()
    return controller


def status(controller: Controller, path: str) -> str:
    """Return the sync status of a resource after the last pass."""
    kind, _, name = path.partition("/")
    key = Key(application="quickstart", kind=kind, name=name)
    (outcome,) = controller.outcomes.values()
    return next(one.sync for one in outcome.statuses if one.key == key)


def run_until(controller: Controller, seen: Callable[[], bool], most: float) -> float:
    """Make a pass at every interval until something is seen; return the seconds that it took."""
    clock = controller.environment.simulator.clock
    started = clock.now()
    while clock.now() - started <= most + INTERVAL:
        controller.run_pass()
        if seen():
            return clock.now() - started
        controller.environment.simulator.advance(INTERVAL)
    raise AssertionError(f"not seen within {most} s")


@pytest.mark.parametrize("at", [0.5, 11.0, 29.5])
@pytest.mark.parametrize(
    ("cadence", "change", "path"),
    [
        ("fast", set_desired_count_to_0, "Service/web"),
        ("fast", change_health_check_path, "TargetGroup/web"),
        ("fast", delete_listener_rule, "ListenerRule/web"),
        ("medium", open_port_22, "SecurityGroup/web"),
        ("medium", change_retention, "LogGroup/web"),
        ("medium", change_role, "Role/execution"),
        ("slow", change_group_attribute, "TargetGroup/web"),
        ("slow", change_balancer_attribute, "LoadBalancer/web"),
    ],
)
def test_a_manual_change_is_reported_within_its_cadence_and_one_interval(
    patient: Controller, cadence: str, change: Callable[[Environment], None], path: str, at: float
) -> None:
    """At whatever instant between two passes it is made; then it is repaired, and nothing else is written."""
    patient.run_pass()
    advance = patient.environment.simulator.advance
    advance(at)
    change(patient.environment)
    made = patient.environment.simulator.clock.now()
    advance(INTERVAL - at)
    before = len(patient.events)

    def seen() -> bool:
        reported = [one.type for one in patient.events[before:]]
        return any(one.startswith("drift") for one in reported)

    run_until(patient, seen, AGES[cadence] + INTERVAL)
    assert patient.environment.simulator.clock.now() - made <= AGES[cadence] + INTERVAL
    patient.converge()
    with patient.environment.writes() as writes:
        for _ in range(4):
            patient.environment.simulator.advance(INTERVAL)
            patient.run_pass()
    assert list(writes) == []
    assert status(patient, path) == "Synced"


def test_a_mark_of_another_installation_is_seen_within_two_intervals(patient: Controller) -> None:
    """Then nothing is written to the resource, although what is read of it is kept."""
    change_group_tag(patient.environment)
    patient.environment.simulator.advance(INTERVAL)
    run_until(patient, lambda: status(patient, "TargetGroup/web") != "Synced", 2 * INTERVAL)
    change_health_check_path(patient.environment)
    with patient.environment.writes() as writes:
        for _ in range(6):
            patient.environment.simulator.advance(INTERVAL)
            patient.run_pass()
    assert [one for one in writes if one.service == "elbv2"] == []


def test_a_stack_from_nothing_takes_each_write_once(environment: Environment) -> None:
    """Passes come as the daemon makes them, and what was read before a write is not believed after it."""
    controller = environment.controller()
    controller.patient = True
    with environment.writes() as writes:
        controller.converge()
        for _ in range(15):
            environment.simulator.advance(INTERVAL)
            controller.run_pass()
    sent = Counter((one.service, one.operation, str(one.params)) for one in writes)
    assert [call for call, count in sent.items() if count > 1] == []


def test_a_changed_manifest_is_applied_in_the_next_pass_and_once(patient: Controller) -> None:
    """Answers that were kept do not delay it, and it is not sent again while the cadences go by."""
    patient.environment.edit("retentionInDays: 14", "retentionInDays: 30")
    patient.environment.edit("desiredCount: 2", "desiredCount: 3")
    patient.read()
    with patient.environment.writes() as writes:
        patient.run_pass()
    assert {"PutRetentionPolicy", "UpdateService"} <= {one.operation for one in writes}
    with patient.environment.writes() as later:
        for _ in range(15):
            patient.environment.simulator.advance(INTERVAL)
            patient.run_pass()
    assert [one.operation for one in later if one.operation in ("PutRetentionPolicy", "UpdateService")] == []
