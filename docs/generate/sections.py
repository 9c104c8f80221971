"""Parts of pages of kinds that a person writes: what a reader of that page asks next."""

from __future__ import annotations

from collections.abc import Mapping

_TASK_DEFINITION = """
## Environment and secrets

`environment` and `secrets` are a map, or AWS's list. A secret is the ARN of a secret of Secrets Manager, or a
parameter of Systems Manager; a key of its JSON is named after the ARN. ecsync never reads its value.

```yaml
resources:
  TaskDefinition/api:
    cpu: 256
    memory: 512
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    executionRoleArn: ${Role/api-execution.arn}
    taskRoleArn: ${Role/api.arn}
    containerDefinitions:
      - name: api
        image: ${Repository/api}:v1
        environment:
          LOG_LEVEL: info
          HOST: ${LoadBalancer/web.dnsName}
        secrets:
          DATABASE_URL: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/api-Ab12Cd:url::"
          API_KEY: arn:aws:ssm:eu-west-1:123456789012:parameter/shop/api-key
        logConfiguration:
          logDriver: awslogs
          options: {awslogs-group: "${LogGroup/api}", awslogs-region: eu-west-1, awslogs-stream-prefix: api}
  Repository/api: {}
  LogGroup/api: {retentionInDays: 30}
  Role/api-execution:
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}]
    ManagedPolicyArns: [arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy]
    Policies:
      secrets:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: [secretsmanager:GetSecretValue, ssm:GetParameters]
            Resource:
              - arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/api-*
              - arn:aws:ssm:eu-west-1:123456789012:parameter/shop/*
  Role/api:
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}]
```

## What the execution role needs

ECS uses the execution role to start a task; the containers have the task role. `ecs-tasks.amazonaws.com` must be
allowed to assume both. A task on Fargate needs an execution role for an image in a private repository of ECR and for
`awslogs`, and every task needs one for `secrets`. On EC2, the role of the instance pulls images and writes `awslogs`
where the task has none.

| for | actions | on |
|---|---|---|
| an image in ECR | `ecr:GetAuthorizationToken` | `*` |
| | `ecr:BatchCheckLayerAvailability`, `ecr:GetDownloadUrlForLayer`, `ecr:BatchGetImage` | `${Repository/api.arn}` |
| `awslogs` | `logs:CreateLogStream`, `logs:PutLogEvents` | `${LogGroup/api.arn}:*` |
| `awslogs-create-group: true` | `logs:CreateLogGroup` | the log group |
| a secret of Secrets Manager, also `repositoryCredentials` | `secretsmanager:GetSecretValue` | the secret |
| a parameter of Systems Manager | `ssm:GetParameters` | the parameter |
| either of them, encrypted with a key of your own | `kms:Decrypt` | the key |
| `environmentFiles` | `s3:GetObject`, `s3:GetBucketLocation` | the file, and its bucket |

`AmazonECSTaskExecutionRolePolicy` allows the first three rows with `*`. `ecsync verify` checks the pull, the log
streams, the secrets and parameters, and the key.
"""

_ROLE = """
## Policies and path

`Policies` is a map of inline policies: the name of each, and its document. A document is a map, or JSON in text. It
may refer to other resources. Without `Path`, a new role gets `/ecsync/INSTALLATION/`: there ecsync finds the roles
that no document declares any more. IAM has no search by tag, so a role with another path is never pruned. A path
begins and ends with `/`, and changing it replaces the role. An Application writes roles only if its `manage` has
`Role` or `all`.

```yaml
resources:
  Role/worker:
    RoleName: shop-worker
    Path: /shop/
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}]
    Policies:
      start-tasks:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: ecs:RunTask, Resource: "${TaskDefinition/job.familyArn}:*"}
          - {Effect: Allow, Action: iam:PassRole, Resource: "${Role/job.arn}"}
  Role/job:
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}]
  TaskDefinition/job:
    taskRoleArn: ${Role/job.arn}
    containerDefinitions: [{name: job, image: "public.ecr.aws/docker/library/busybox:stable", memory: 64}]
```

[TaskDefinition](TaskDefinition.md#what-the-execution-role-needs) has what an execution role needs.
"""

BY_KIND: Mapping[str, str] = {"TaskDefinition": _TASK_DEFINITION, "Role": _ROLE}
