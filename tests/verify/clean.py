"""Manifests of three services, with everything in place in the account."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verify.account import LOGS, PULL, REGISTRY, Contents

CLEAN = """\
apiVersion: ecsync/v1
kind: Application
metadata: {name: shop}
spec: {target: {region: eu-west-1}, manage: [all]}
---
apiVersion: ecsync/v1
resources:
  Cluster/main: {clusterName: shop}
  LogGroup/web: {logGroupName: /shop/web, retentionInDays: 14}
  Role/task:
    RoleName: task
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Principal: {Service: ecs-tasks.amazonaws.com}
          Action: sts:AssumeRole
          Condition:
            StringEquals: {aws:SourceAccount: "123456789012"}
            ArnLike: {aws:SourceArn: "arn:aws:ecs:eu-west-1:123456789012:*"}
    Policies:
      exec:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "ssmmessages:*", Resource: "*"}]
SERVICES
  LoadBalancer/web:
    Name: shop
    Scheme: internal
    Subnets: [PRIVATE, PUBLIC]
  Listener/https:
    LoadBalancerArn: ${LoadBalancer/web}
    Protocol: HTTPS
    Port: 443
    Certificates: [{CertificateArn: VALID}]
    DefaultActions:
      - {Type: fixed-response, FixedResponseConfig: {StatusCode: 404, ContentType: text/plain}}
  ListenerRule/web:
    ListenerArn: ${Listener/https}
    Priority: 10
    Conditions: [{Field: host-header, Values: [shop.example.com, api.example.org]}]
    Actions: [{Type: forward, TargetGroupArn: "${TargetGroup/web}"}]
  TargetGroup/web: {Name: web, Protocol: HTTP, Port: 80, TargetType: ip, VpcId: vpc-0123456789abcdef0}
"""
SERVICE = """\
  TaskDefinition/NAME:
    family: shop-NAME
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    executionRoleArn: arn:aws:iam::123456789012:role/execution
    taskRoleArn: ${Role/task.arn}
    containerDefinitions:
      - name: web
        image: REGISTRY/shop/web:v1
        secrets:
          - {name: TOKEN, valueFrom: "SECRET:key::"}
          - {name: MODE, valueFrom: /shop/mode}
        logConfiguration:
          logDriver: awslogs
          options:
            awslogs-group: ${LogGroup/web}
            awslogs-region: eu-west-1
            awslogs-stream-prefix: NAME
      - name: side
        image: REGISTRY/shop/web@DIGEST
        logConfiguration:
          logDriver: awslogs
          options:
            awslogs-group: /shop/side
            awslogs-region: eu-west-1
            awslogs-stream-prefix: side
  Service/NAME:
    serviceName: NAME
    cluster: ${Cluster/main}
    taskDefinition: ${TaskDefinition/NAME}
    launchType: FARGATE
    desiredCount: 1
    enableExecuteCommand: true
    networkConfiguration:
      awsvpcConfiguration: {subnets: [PRIVATE, ROUTED], securityGroups: [sg-0123456789abcdef0]}
"""
NEEDED = ("ecr.api", "ecr.dkr", "s3", "logs", "secretsmanager", "ssm", "ssmmessages")


@pytest.fixture
def clean(contents: Contents, tmp_path: Path) -> Path:
    """Three services, and the account with all that they need."""
    contents.image("shop/web", "v1", "linux/amd64", "linux/arm64")
    digest = contents.image("shop/web", "v2")
    contents.role("execution", *PULL, *LOGS, "secretsmanager:GetSecretValue", "ssm:GetParameters")
    contents.parameter("/shop/mode")
    contents.aws("logs").create_log_group(logGroupName="/shop/side")
    vpc, private = contents.subnet()
    contents.endpoints(vpc, *NEEDED)
    _, routed = contents.subnet(nat=True)
    _, public = contents.subnet(gateway=True)
    values = {
        "SERVICES": "".join(SERVICE.replace("NAME", name) for name in ("one", "two", "three")),
        "REGISTRY": REGISTRY,
        "DIGEST": digest,
        "PRIVATE": private,
        "ROUTED": routed,
        "PUBLIC": public,
        "SECRET": contents.secret("shop/token"),
        "VALID": contents.certificate("example.com", "*.example.com", "api.example.org"),
    }
    text = CLEAN
    for name, value in values.items():
        text = text.replace(name, value)
    manifests = tmp_path / "shop"
    manifests.mkdir()
    (manifests / "all.yaml").write_text(text)
    return manifests
