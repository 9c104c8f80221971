"""Planted faults: each one is found, with its line, what AWS has, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.verify.account import PULL, REGISTRY, Contents
from tests.whole.support.command import Command
from tests.whole.support.environment import ACCOUNT, REGION

FAULTY = """\
apiVersion: ecsync/v1
kind: Application
metadata: {name: shop}
spec: {target: {region: eu-west-1}, manage: [all]}
---
apiVersion: ecsync/v1
resources:
  Cluster/main: {clusterName: shop}
  LogGroup/web: {logGroupName: /shop/web, retentionInDays: 14}
  Role/narrow:
    RoleName: narrow
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}]
    ManagedPolicyArns: [arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy]
  TaskDefinition/web:
    family: shop-web
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    executionRoleArn: arn:aws:iam::123456789012:role/mute
    taskRoleArn: arn:aws:iam::123456789012:role/closed  # fault: trust
    containerDefinitions:
      - name: web
        image: REGISTRY/shop/web:v9  # fault: tag
        portMappings: [{containerPort: 80}]
        logConfiguration:
          logDriver: awslogs
          options:
            awslogs-group: ${LogGroup/web}  # fault: log rights
            awslogs-region: eu-west-1
            awslogs-stream-prefix: web
      - name: side
        image: REGISTRY/shop/web@sha256:DIGEST  # fault: digest
      - name: arm
        image: REGISTRY/shop/web:arm  # fault: platform
  TaskDefinition/job:
    family: shop-job
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 16384
    memory: 32768
    executionRoleArn: ${Role/narrow.arn}
    taskRoleArn: arn:aws:iam::123456789012:role/gone  # fault: no role
    containerDefinitions:
      - name: job
        image: REGISTRY/shop/web:v1
        secrets:
          - name: TOKEN
            valueFrom: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/gone-abcdef:key::"  # fault: secret
          - name: MODE
            valueFrom: /shop/mode  # fault: parameter
          - name: LEVEL
            valueFrom: /shop/gone  # fault: no parameter
        logConfiguration:
          logDriver: awslogs
          options:
            awslogs-group: /shop/gone  # fault: log group
            awslogs-region: eu-west-1
            awslogs-stream-prefix: job
  Service/web:
    serviceName: web
    cluster: ${Cluster/main}
    taskDefinition: ${TaskDefinition/web}
    launchType: FARGATE
    desiredCount: 1
    networkConfiguration:
      awsvpcConfiguration:
        subnets: [PRIVATE]  # fault: route
        securityGroups: [sg-0123456789abcdef0]
  Service/job:
    serviceName: job
    cluster: ${Cluster/main}
    taskDefinition: ${TaskDefinition/job}
    launchType: FARGATE
    desiredCount: 1  # fault: vcpu
    networkConfiguration:
      awsvpcConfiguration:
        subnets:
          - PUBLIC  # fault: address
          - subnet-0123456789abcdef0  # fault: no subnet
        securityGroups: [sg-0123456789abcdef0]
  LoadBalancer/web:
    Name: shop
    Scheme: internal
    Subnets: [PRIVATE, PUBLIC]
  Listener/https:
    LoadBalancerArn: ${LoadBalancer/web}
    Protocol: HTTPS
    Port: 443
    Certificates:
      - CertificateArn: EXPIRED  # fault: certificate
    DefaultActions:
      - {Type: fixed-response, FixedResponseConfig: {StatusCode: 404, ContentType: text/plain}}
  ListenerRule/web:
    ListenerArn: ${Listener/https}
    Priority: 10
    Conditions:
      - Field: host-header
        Values: [shop.example.com, shop.example.org]  # fault: host
    Actions: [{Type: forward, TargetGroupArn: "${TargetGroup/one}"}]
  TargetGroup/one: {Name: one, Protocol: HTTP, Port: 80, TargetType: ip, VpcId: vpc-0123456789abcdef0}
  TargetGroup/two: {Name: two, Protocol: HTTP, Port: 80, TargetType: ip, VpcId: vpc-0123456789abcdef0}  # fault: quota
"""

DIGEST = "5" * 64
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
# A fault, and what the line about it must contain.
FOUND = {
    "tag": ["repository shop/web has no tag v9", "push the image"],
    "digest": [f"repository shop/web has no digest sha256:{DIGEST}"],
    "platform": ["tag arm is for linux/arm64, and the task runs on linux/amd64", "runtimePlatform"],
    "trust": ["ecs-tasks.amazonaws.com cannot assume the task role closed", "allow sts:AssumeRole"],
    "log rights": ["the execution role mute does not allow it", "logs:CreateLogStream on arn:aws:logs:"],
    "no role": ["the task role gone does not exist"],
    "secret": ["there is no such secret"],
    "parameter": [f"ssm:GetParameters on {PARAMETER}/shop/mode", "the execution role Role/narrow does not allow it"],
    "no parameter": ["/shop/gone: there is no such parameter"],
    "log group": ["/shop/gone: there is no such log group", "awslogs-create-group"],
    "route": ["the subnet has no route out", "no endpoint for: ecr.api, ecr.dkr, s3, logs", "NAT gateway"],
    "vcpu": ["the declared services need 16.25 vCPUs, and the quota is 6"],
    "address": ["the subnet is public and the tasks have no public address", "assignPublicIp: ENABLED"],
    "no subnet": ["subnet-0123456789abcdef0: there is no such subnet"],
    "certificate": ["the certificate expired on 2031-01-01"],
    "host": ["shop.example.org: no certificate of the listener is valid for it: they have shop.example.com"],
    "quota": ["target-groups: the quota is exceeded: 0 there, 2 added, quota 1"],
}


@pytest.fixture
def faulty(contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The manifests with all the faults, and the account that they are wrong about. It is the year 2032."""
    monkeypatch.setattr("ecsync.wiring.system.SystemClock.now", lambda _: datetime(2032, 1, 1, tzinfo=UTC))
    contents.limit(target_groups=1)
    contents.image("shop/web", "v1")
    contents.image("shop/web", "arm", "linux/arm64", "unknown/unknown")
    contents.role("closed", trusts="ec2.amazonaws.com")
    contents.role("mute", *PULL)
    contents.parameter("/shop/mode")
    _, private = contents.subnet()
    _, public = contents.subnet(gateway=True)
    values = {
        "REGISTRY": REGISTRY,
        "DIGEST": DIGEST,
        "PRIVATE": private,
        "PUBLIC": public,
        "EXPIRED": contents.certificate("shop.example.com", until=2031),
    }
    text = FAULTY
    for name, value in values.items():
        text = text.replace(name, value)
    manifests = tmp_path / "shop"
    manifests.mkdir()
    (manifests / "all.yaml").write_text(text)
    return manifests


def places(manifests: Path) -> dict[str, str]:
    """Return the `file:line` of each fault."""
    lines = (manifests / "all.yaml").read_text().splitlines()
    marks = {text.partition("# fault: ")[2]: number for number, text in enumerate(lines, start=1)}
    return {fault: f"all.yaml:{number}" for fault, number in marks.items() if fault}


def test_each_of_seventeen_faults_is_found_at_its_line(faulty: Path, ecsync: Command) -> None:
    """And nothing else fails. AWS is not changed, and no value of a secret is printed."""
    at = places(faulty)
    assert at.keys() == FOUND.keys()
    answer = ecsync("verify", faulty)
    failed = [line for line in answer.out.splitlines()[:-1] if ": not checked: " not in line]
    for fault, texts in FOUND.items():
        lines = [line for line in failed if line.startswith(f"{at[fault]}: ")]
        assert any(all(text in line for text in texts) for line in lines), f"{fault}: {lines}\n{answer.out}{answer.err}"
    assert {line.partition(": ")[0] for line in failed} == set(at.values())
    assert answer.code == 1
    assert answer.err == ""
    assert "hidden-value" not in answer.out


def test_json_has_file_and_line_and_the_counts_of_the_summary(faulty: Path, ecsync: Command) -> None:
    """For programs: every finding, also those that passed."""
    text, found = ecsync("verify", faulty).out.splitlines()[-1], ecsync("verify", faulty, "-o", "json").json
    counts = f"{found['passed']} checks passed, {found['failed']} failed, {found['notChecked']} not checked"
    assert text == counts
    assert len(found["findings"]) == found["passed"] + found["failed"] + found["notChecked"]
    at = places(faulty)
    expired: dict[str, Any] = next(one for one in found["findings"] if one["check"] == "certificates")
    assert f"{expired['file']}:{expired['line']}" == at["certificate"]
    assert (expired["resource"], expired["verdict"]) == ("Listener/https", "failed")
    assert {one["check"] for one in found["findings"]} == {
        "images",
        "roles",
        "secrets",
        "network",
        "logs",
        "certificates",
        "quotas",
    }


def test_verify_makes_no_write(faulty: Path, contents: Contents, ecsync: Command) -> None:
    """And its calls do not read the value of a secret or parameter."""
    with contents.environment.writes() as writes:
        start = len(contents.environment.simulator.ledger)
        ecsync("verify", faulty)
    assert writes == []
    made = {entry.operation for entry in list(contents.environment.simulator.ledger)[start:]}
    assert made & {"GetSecretValue", "BatchGetSecretValue", "GetParameter", "GetParameters"} == set()
