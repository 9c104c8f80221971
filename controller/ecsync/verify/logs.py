"""Log groups of the awslogs driver: they exist, are declared, or are created by the driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ecsync.core.ports import AwsError
from ecsync.core.trees import Json
from ecsync.verify.ask import Ask, parts, refusal
from ecsync.verify.model import Check, Document, Finding, Place, Refusal, Scope, containers, is_known

CHECK = Check("logs")
_MOST = 50  # logs.DescribeLogGroups: logGroupIdentifiers has at most 50 elements


@dataclass(frozen=True, slots=True)
class Use:
    """A container that writes to a log group."""

    place: Place
    group: Json
    region: Json
    prefix: str  # of its streams
    creates: bool  # the driver creates the group


def uses(document: Document) -> Iterator[Use]:
    """Yield the log groups of the containers of a task definition."""
    for index, container in containers(document):
        logs = container.get("logConfiguration") or {}
        options = logs.get("options")
        if logs.get("logDriver") != "awslogs" or not isinstance(options, Mapping) or "awslogs-group" not in options:
            continue
        prefix = options.get("awslogs-stream-prefix")
        yield Use(
            place=document.place("containerDefinitions", index, "logConfiguration", "options", "awslogs-group"),
            group=options["awslogs-group"],
            region=options.get("awslogs-region"),
            prefix=f"{prefix}/{container.get('name')}/" if isinstance(prefix, str) else "",
            creates=str(options.get("awslogs-create-group")).lower() == "true",
        )


def logs(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield a finding for each container that writes to a log group."""
    wanted: dict[str, list[Use]] = {}
    for document in scope.of_kind("TaskDefinition"):
        for use in uses(document):
            if scope.declared("LogGroup", use.group) is not None:
                yield _of_declared(scope, use)
            elif use.creates:
                yield CHECK.passed(use.place, str(use.group), "the driver creates the log group")
            elif not is_known(use.group):
                yield CHECK.unchecked(use.place, str(use.group), scope.why_unknown(use.group))
            elif use.region not in (None, scope.region):
                yield CHECK.unchecked(use.place, str(use.group), f"it is in {use.region}, not in {scope.region}")
            else:
                wanted.setdefault(str(use.group), []).append(use)
    for part in parts(sorted(wanted), _MOST):
        found = _existing(ask, list(part))
        for name in part:
            for use in wanted[name]:
                yield _judged(use, name, found)


def _of_declared(scope: Scope, use: Use) -> Finding:
    document = scope.declared("LogGroup", use.group)
    assert document is not None
    if document.live is not None or document.added or document.managed:
        return CHECK.passed(use.place, str(use.group), f"{document.key} is declared")
    if document.unread:
        return CHECK.unchecked(use.place, str(use.group), document.unread)
    return _missing(use, f"{document.key} is only looked up, and does not exist")


def _existing(ask: Ask, names: list[str]) -> set[str] | Refusal:
    try:
        groups = ask.items("logs", "DescribeLogGroups", "logGroups", logGroupIdentifiers=names)
    except AwsError as error:
        return refusal(error)
    return {group["logGroupName"] for group in groups}


def _judged(use: Use, name: str, found: set[str] | Refusal) -> Finding:
    if isinstance(found, Refusal):
        return CHECK.refused(use.place, name, found)
    if name in found:
        return CHECK.passed(use.place, name, "the log group exists")
    return _missing(use, "there is no such log group")


def _missing(use: Use, message: str) -> Finding:
    return CHECK.failed(
        use.place,
        str(use.group),
        message,
        'declare a LogGroup, or set awslogs-create-group: "true"',
    )
