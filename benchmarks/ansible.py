"""Measure Ansible and ecsync over the same fleet: `python -m benchmarks.ansible --services 10 --environment FOLDER`.

Each run of Ansible checks for each service its target group, task definition, service, and scalable target with policy.
It changes nothing: a run that reports a change or sends a write is an error. Ansible is no dependency of ecsync: it is
installed into a virtual environment of its own, with boto3 as ecsync has it here.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boto3

from benchmarks.daemon import environment
from benchmarks.fleet import REGION, ROLE, Fleet
from benchmarks.load.client import LoadAws, Received, Remote
from benchmarks.plan import plans
from benchmarks.rounds import point

PINNED = (
    "ansible==12.3.0",
    "ansible-core==2.19.14",
    "cffi==2.1.1",
    "cryptography==50.0.2",
    "jinja2==3.1.6",
    "markupsafe==3.0.4",
    "packaging==26.4",
    "pycparser==3.12",
    "pyyaml==6.0.4",
    "resolvelib==1.2.1",
)
AS_HERE = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
RUNS = 3
SECONDS = 60  # for each service of a run
# Each module reads at least once for each service.
READS = (
    "elbv2.DescribeTargetGroups",
    "ecs.DescribeTaskDefinition",
    "ecs.DescribeServices",
    "application-autoscaling.DescribeScalableTargets",
    "application-autoscaling.DescribeScalingPolicies",
)
RECAP = re.compile(r"^localhost +:(?P<counts>(?: +\w+=\d+)+) *$", re.MULTILINE)

_CONFIGURATION = """\
[defaults]
home = {home}
remote_tmp = {home}/tmp
localhost_warning = false
[inventory]
inventory_unparsed_warning = false
"""
# What the modules compare is written as AWS answers it, or they would write in each run: the ports of the host, the
# revision without its ARN, DisableScaleIn, and all tags of a service. `modify_targets` would remove the tasks of ECS.
SERVICE = """\
- name: Target group
  community.aws.elb_target_group:
    state: present
    name: bench-web-{{ web.number }}
    protocol: http
    port: 80
    target_type: ip
    vpc_id: "{{ vpc }}"
    health_check_protocol: http
    health_check_path: /
    health_check_interval: 10
    deregistration_delay_timeout: 30
    modify_targets: false
  register: group
- name: Task definition
  community.aws.ecs_taskdefinition:
    state: present
    family: bench-web-{{ web.number }}
    launch_type: FARGATE
    network_mode: awsvpc
    cpu: "256"
    memory: "512"
    execution_role_arn: "{{ role }}"
    containers:
      - name: web
        image: public.ecr.aws/nginx/nginx:{{ image }}
        portMappings: [{containerPort: 80, hostPort: 80, protocol: tcp}]
        environment: [{name: NUMBER, value: "{{ web.number }}"}, {name: GREETING, value: hello}]
        logConfiguration:
          logDriver: awslogs
          options:
            awslogs-group: /bench/web-{{ web.number }}
            awslogs-region: "{{ region }}"
            awslogs-stream-prefix: web
  register: definition
- name: Service
  community.aws.ecs_service:
    state: present
    name: web-{{ web.number }}
    cluster: bench
    task_definition: "{{ definition.taskdefinition.family }}:{{ definition.taskdefinition.revision }}"
    launch_type: FARGATE
    desired_count: 1
    deployment_configuration: {deployment_circuit_breaker: {enable: true, rollback: true}}
    network_configuration: {subnets: "{{ subnets }}", security_groups: "{{ groups_of_tasks }}", assign_public_ip: true}
    load_balancers: [{targetGroupArn: "{{ group.target_group_arn }}", containerName: web, containerPort: 80}]
    role: ""
    tags: "{{ web.tags }}"
- name: Scalable target and scaling policy
  community.aws.application_autoscaling_policy:
    state: present
    service_namespace: ecs
    resource_id: service/bench/web-{{ web.number }}
    scalable_dimension: ecs:service:DesiredCount
    minimum_tasks: 1
    maximum_tasks: 4
    override_task_capacity: true
    policy_name: web-{{ web.number }}
    policy_type: TargetTrackingScaling
    target_tracking_scaling_policy_configuration:
      TargetValue: 60
      DisableScaleIn: false
      PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
"""


class NotMeasuredError(Exception):
    """Ansible could not be installed, or a run was not a check without changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """CPU in seconds and calls of one check of all services. `plan` is one process of `ecsync plan`."""

    services: int
    ansible_cpu: float
    ansible_wall: float
    ansible_calls: int
    ecsync_cpu: float
    ecsync_calls: float
    plan_cpu: float
    plan_calls: int

    @property
    def ratio(self) -> float:
        """The CPU of Ansible over that of a mean round of ecsync."""
        return self.ansible_cpu / self.ecsync_cpu


@contextmanager
def installed(folder: str) -> Iterator[Path]:
    """Give `ansible-playbook` of an environment in this folder, made if it is not there; "" is a temporary folder."""
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(folder or temporary).absolute()
        pins = [*PINNED, *(f"{name}=={version(name)}" for name in AS_HERE)]
        if not (home / "bin" / "python").exists():
            _done([sys.executable, "-m", "venv", str(home)])
        # With everything there in these versions, this asks no registry.
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _done([*pip, *pins])
        yield home / "bin" / "ansible-playbook"


def _done(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMeasuredError(f"Ansible is not installed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")


def variables(url: str, fleet: Fleet) -> dict[str, Any]:
    """Return what the playbook declares of the fleet, with the ids and tags that AWS has."""
    session = boto3.Session(aws_access_key_id="simulated", aws_secret_access_key="simulated", region_name=REGION)  # noqa: S106  # no secret
    ecs, balancing = (session.client(name, endpoint_url=url) for name in ("ecs", "elbv2"))
    services, network = [], {}
    for number in fleet.numbers:
        (one,) = ecs.describe_services(cluster="bench", services=[f"web-{number}"], include=["TAGS"])["services"]
        services.append({"number": str(number), "tags": {tag["key"]: tag["value"] for tag in one["tags"]}})
        network = one["networkConfiguration"]["awsvpcConfiguration"]
    return {
        "services": services,
        "subnets": network["subnets"],
        "groups_of_tasks": network["securityGroups"],
        "vpc": balancing.describe_target_groups()["TargetGroups"][0]["VpcId"],
        "role": ROLE,
        "region": fleet.region,
        "image": fleet.image,
    }


def write(folder: Path, declared: Mapping[str, Any]) -> Path:
    """Write the playbook and the configuration of Ansible into a folder; return the playbook."""
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": declared,
        "tasks": [
            {
                "include_tasks": "service.yml",
                "loop": "{{ services }}",
                "loop_control": {"loop_var": "web", "label": "{{ web.number }}"},
            }
        ],
    }
    (folder / "ansible.cfg").write_text(_CONFIGURATION.format(home=folder / "home"), encoding="utf-8")
    (folder / "service.yml").write_text(SERVICE, encoding="utf-8")
    (folder / "playbook.json").write_text(json.dumps([play]), encoding="utf-8")
    return folder / "playbook.json"


def check(output: str, received: Received, services: int) -> None:
    """Raise NotMeasuredError if a run changed or failed something, sent a write, or did not read every service."""
    found = RECAP.search(output)
    if found is None:
        raise NotMeasuredError(f"Ansible printed no recap: {output.strip()[-500:]}")
    counts = dict(pair.split("=") for pair in found["counts"].split())
    wrong = [
        f"{name}={counts[name]}" for name in ("changed", "unreachable", "failed", "skipped") if counts[name] != "0"
    ]
    calls = received.operations()
    wrong += [f"{name} sent {count} times" for name, count in received.writes.items()]
    wrong += [f"error: {text}" for text in received.errors]
    wrong += [f"only {calls[name]} {name} for {services} services" for name in READS if calls[name] < services]
    if wrong:
        raise NotMeasuredError(f"the run of Ansible is not a check without changes: {'; '.join(wrong)}")


def measure(aws: Remote, services: int, playbook: Path) -> Figures:
    """Measure the mean round of ecsync, then Ansible: of several runs that with the least CPU."""
    own = point(aws, services, 1)
    if isinstance(own, str):
        raise NotMeasuredError(f"the rounds of ecsync failed: {own}")
    if any(cost.writes for cost in (own.cold, *own.steady)):
        raise NotMeasuredError("a round of ecsync writes")
    plan = plans(aws, services, latency=0.0).plan
    fleet = Fleet(services, 1)
    aws.set([fleet])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [str(playbook), str(write(folder, variables(aws.url, fleet)))]
        settings = {key: value for key, value in environment(aws.url).items() if not key.startswith("ANSIBLE_")}
        settings.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed Ansible keeps what it compiled
        settings["ANSIBLE_CONFIG"] = str(folder / "ansible.cfg")
        cpu, wall, calls = min(_run(aws, command, settings, services) for _ in range(RUNS))
    return Figures(
        services=services,
        ansible_cpu=cpu,
        ansible_wall=wall,
        ansible_calls=calls,
        ecsync_cpu=own.mean(lambda cost: cost.process_cpu),
        ecsync_calls=own.mean(lambda cost: cost.total),
        plan_cpu=plan.cpu,
        plan_calls=plan.calls,
    )


def _run(aws: Remote, command: list[str], settings: dict[str, str], services: int) -> tuple[float, float, int]:
    """Return CPU (of the process with all its children), wall and calls of one run."""
    aws.set()
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, env=settings, capture_output=True, text=True, timeout=60 + SECONDS * services, check=False
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    received = aws.received()
    check(done.stdout or done.stderr, received, services)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, received.total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=int, default=10)
    parser.add_argument(
        "--environment", default="", help="folder of Ansible, kept and used again; else a temporary one"
    )
    wanted = parser.parse_args()
    try:
        with installed(wanted.environment) as playbook, LoadAws() as aws:
            one = measure(aws, wanted.services, playbook)
    except NotMeasuredError as error:
        sys.exit(f"error: {error}")
    print(f"{one.services} services; {PINNED[0]}, the least of {RUNS} runs, {one.ansible_wall:.0f} s of wall")
    print(f"{'for each service':<34}{'CPU ms':>12}{'calls':>9}{'Ansible / it':>15}")
    for name, cpu, calls in (
        ("Ansible, one run", one.ansible_cpu, one.ansible_calls),
        ("ecsync, mean round", one.ecsync_cpu, one.ecsync_calls),
        ("ecsync plan, a whole process", one.plan_cpu, one.plan_calls),
    ):
        print(
            f"{name:<34}{cpu / one.services * 1e3:>12,.2f}{calls / one.services:>9.2f}{one.ansible_cpu / cpu:>15,.0f}"
        )


if __name__ == "__main__":
    main()
