"""Every AWS kind that ecsync manages, in folders by AWS service. To add one: a file, and one line in `MODULES`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

from ecsync.core.kind import Kind
from ecsync.core.rules import Refers
from ecsync.kinds._notes import NOTES

# In the order in which kinds are observed: a kind comes after the kinds that identify it. Service comes before Listener
# and ListenerRule, because ECS may own their weights for it, and before TaskDefinition, because the revision that a
# service runs is the first candidate for the live one.
MODULES = (
    "ec2.network",
    "ec2.security_group",
    "iam.role",
    "logs.log_group",
    "ecr.repository",
    "ec2.launch_template",
    "autoscaling.auto_scaling_group",
    "cloudwatch.alarm",
    "ecs.capacity_provider",
    "ecs.cluster",
    "elbv2.target_group",
    "elbv2.load_balancer",
    "ecs.service",
    "elbv2.listener",
    "elbv2.listener_rule",
    "application_autoscaling.scalable_target",
    "application_autoscaling.scaling_policy",
    "application_autoscaling.scheduled_action",
    "ecs.task_definition",
)


def _load(module: str) -> Kind:
    kind: Kind = import_module(f"ecsync.kinds.{module}").KIND
    return kind


def with_references(kinds: Sequence[Kind]) -> tuple[Kind, ...]:
    """Return the kinds with a Refers row for each path that another kind lists in `referred_by`."""
    rows: dict[str, list[Refers]] = {}
    for kind in kinds:
        for other, paths in kind.referred_by.items():
            rows.setdefault(other, []).extend(Refers(path=path, kind=kind.name) for path in paths)
    return tuple(replace(kind, rules=(*kind.rules, *rows[kind.name])) if kind.name in rows else kind for kind in kinds)


def _noted(kind: Kind) -> Kind:
    return replace(kind, notes=NOTES.get(kind.name, {}))


ALL: tuple[Kind, ...] = with_references([_noted(_load(module)) for module in MODULES])

BY_NAME = {kind.name: kind for kind in ALL}
