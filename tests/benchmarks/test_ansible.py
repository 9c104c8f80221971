"""Ansible as a control: what counts as a check without changes, and a playbook of the same fleet."""

from __future__ import annotations

from typing import Any, cast

import pytest
import yaml

from benchmarks import ansible, table
from benchmarks.fleet import ROLE, Fleet
from benchmarks.load.client import LoadAws, Received

RECAP = "localhost                  : ok=5    changed=0    unreachable=0    failed=0    skipped=0    rescued=0  \n"
READS = {f"eu-west-1 {name}": 1 for name in ansible.READS}


def received(**fields: Any) -> Received:
    """Return what the load AWS received in a run for one service."""
    return Received(**{"calls": READS, "throttles": {}, "writes": {}, "repairs": {}, "errors": {}, **fields})


def test_a_run_that_only_reads_is_a_check() -> None:
    """It is accepted."""
    ansible.check(f"PLAY RECAP ***\n{RECAP}", received(), 1)


@pytest.mark.parametrize(
    ("output", "fields", "services", "reason"),
    [
        (RECAP.replace("changed=0", "changed=1"), {}, 1, "changed=1"),
        (RECAP.replace("failed=0", "failed=1"), {}, 1, "failed=1"),
        (RECAP.replace("skipped=0", "skipped=4"), {}, 1, "skipped=4"),
        (RECAP, {"writes": {"eu-west-1 ecs.UpdateService": 2}}, 1, "eu-west-1 ecs.UpdateService sent 2 times"),
        (RECAP, {"errors": {"eu-west-1 ecs.DescribeServices: AccessDenied": 1}}, 1, "AccessDenied"),
        (RECAP, {}, 2, "only 1 ecs.DescribeServices for 2 services"),
        ("ERROR! the playbook could not be found", {}, 1, "no recap"),
    ],
)
def test_a_run_that_is_no_check_is_an_error(output: str, fields: dict[str, Any], services: int, reason: str) -> None:
    """Also one that did nothing: its CPU would be that of no work."""
    with pytest.raises(ansible.NotMeasuredError, match=reason):
        ansible.check(output, received(**fields), services)


def test_the_playbook_declares_what_the_manifests_declare() -> None:
    """Otherwise it would write, which is seen only where Ansible is installed."""
    fleet = Fleet(10, 1)
    values = {"web.number": "7", "image": fleet.image, "region": fleet.region, "role": ROLE}
    text = ansible.SERVICE
    for name, value in values.items():
        text = text.replace(f"{{{{ {name} }}}}", value)
    group, definition, service, scaling = (
        next(body for body in task.values() if isinstance(body, dict)) for task in yaml.safe_load(text)
    )
    declared = yaml.safe_load(fleet.files()["app-0/services-0.yaml"])["resources"]

    target = declared["TargetGroup/web-7"]
    assert (group["name"], group["protocol"].upper(), group["port"]) == (
        target["Name"],
        target["Protocol"],
        target["Port"],
    )
    assert group["health_check_path"] == target["HealthCheckPath"]
    assert group["health_check_interval"] == target["HealthCheckIntervalSeconds"]
    assert {"deregistration_delay.timeout_seconds": group["deregistration_delay_timeout"]} == target["Attributes"]

    tasks = declared["TaskDefinition/web-7"]
    assert (definition["family"], definition["network_mode"]) == (tasks["family"], tasks["networkMode"])
    assert (int(definition["cpu"]), int(definition["memory"])) == (tasks["cpu"], tasks["memory"])
    assert definition["execution_role_arn"] == tasks["executionRoleArn"]
    (container,), (own,) = definition["containers"], tasks["containerDefinitions"]
    assert (container["name"], container["image"]) == (own["name"], own["image"])
    assert {pair["name"]: pair["value"] for pair in container["environment"]} == own["environment"]
    assert container["logConfiguration"]["options"].keys() == own["logConfiguration"]["options"].keys()

    web = declared["Service/web-7"]
    assert (service["name"], service["launch_type"]) == (web["serviceName"], web["launchType"])
    assert service["desired_count"] == web["desiredCount"]

    capacity = declared["ScalableTarget/web-7"]
    assert (scaling["minimum_tasks"], scaling["maximum_tasks"]) == (capacity["MinCapacity"], capacity["MaxCapacity"])
    tracking = declared["ScalingPolicy/web-7"]["TargetTrackingScalingPolicyConfiguration"]
    assert scaling["target_tracking_scaling_policy_configuration"] == {**tracking, "DisableScaleIn": False}


def test_the_table_without_the_option_states_that_ansible_was_not_measured() -> None:
    """It needs no load AWS for that, and gives no verdict."""
    bench = table.Bench(cast("LoadAws", None), large=False, budget=1.0)
    assert list(table.ansible(bench)) == [
        table.Row("CPU for each service / Ansible, N = 10", "not measured: --ansible FOLDER", "≤ 1/1,000")
    ]
