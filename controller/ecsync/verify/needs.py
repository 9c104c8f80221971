"""What a role must allow so that a task starts: the pull of its images, its logs and its secrets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ecsync.verify import logs, secrets
from ecsync.verify.ask import Ask
from ecsync.verify.images import image_of
from ecsync.verify.model import Document, Place, Refusal, Scope, containers, is_known

# ECR User Guide, Pulling an image: the two actions on the repository, and the token of the registry.
_PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
# ECS Developer Guide, ECS Exec: the permissions of the task role.
_EXEC = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)


@dataclass(frozen=True, slots=True)
class Need:
    """An action on a resource, and the place that needs it."""

    place: Place
    action: str
    resource: str


def of_execution(scope: Scope, ask: Ask, task: Document) -> Iterator[Need]:
    """Yield what the execution role of a task definition must allow."""
    for index, container in containers(task):
        image, place = image_of(container.get("image")), task.place("containerDefinitions", index, "image")
        if image is not None:
            yield Need(place, "ecr:GetAuthorizationToken", "*")
            resource = scope.arn("ecr", f"repository/{image.repository}", region=image.region, account=image.account)
            yield from (Need(place, action, resource) for action in _PULL)
    for use in logs.uses(task):
        yield from _of_logs(scope, use)
    for named in secrets.uses(task):
        if named.source is not None and is_known(named.text):
            yield from _of_secret(scope, ask, named.place, named.source)


def of_task(task: Document) -> Iterator[Need]:
    """Yield what the task role must allow for ECS Exec."""
    for action in _EXEC:
        yield Need(task.place("taskRoleArn"), action, "*")


def _of_logs(scope: Scope, use: logs.Use) -> Iterator[Need]:
    declared = scope.declared("LogGroup", use.group)
    name = declared.body.get("logGroupName") if declared is not None else use.group
    if not isinstance(name, str):
        return
    region = use.region if isinstance(use.region, str) else None
    group = scope.arn("logs", f"log-group:{name}", region=region)
    # Service Authorization Reference, CloudWatch Logs: an ARN of a stream, also for the creation of one.
    stream = f"{group}:log-stream:{use.prefix or 'task'}"
    yield Need(use.place, "logs:CreateLogStream", stream)
    yield Need(use.place, "logs:PutLogEvents", stream)
    if use.creates and declared is None:  # the driver creates it only if it is not there
        yield Need(use.place, "logs:CreateLogGroup", f"{group}:*")


def _of_secret(scope: Scope, ask: Ask, place: Place, source: secrets.Source) -> Iterator[Need]:
    """Yield the right to read a value, and to decrypt it if its key is one of the customer."""
    region, account = source.region or scope.region, source.account or scope.account
    if source.service == "secretsmanager":
        found = secrets.secret(ask, source) if region == scope.region else None
        details = found if found is not None and not isinstance(found, Refusal) else {}
        # The full ARN ends with six random characters; a manifest may leave them out.
        yield Need(place, "secretsmanager:GetSecretValue", str(details.get("ARN", source.name)))
    else:
        path = source.name.removeprefix("/")
        yield Need(place, "ssm:GetParameters", scope.arn("ssm", f"parameter/{path}", region=region, account=account))
        found = secrets.parameter(scope, ask, source) if region == scope.region else None
        details = found if found is not None and not isinstance(found, Refusal) else {}
    key = details.get("KmsKeyId") or details.get("KeyId")
    if isinstance(key, str) and not key.startswith("alias/"):
        yield Need(place, "kms:Decrypt", key if key.startswith("arn:") else scope.arn("kms", f"key/{key}"))
