"""A member that came with a newer botocore counts where it is declared, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ecsync import kinds
from ecsync.awsmodel import reviewed
from ecsync.awsmodel.shapes import load
from ecsync.core.diff import UnmanagedValue
from ecsync.core.kind import Kind
from ecsync.core.model import Present
from ecsync.core.resource_diff import between
from ecsync.core.trees import Json, thaw
from ecsync.kinds.ecs import service, task_definition

KINDS = [kind for kind in kinds.ALL if kind.shape]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_member_of_the_installed_botocore_was_looked_at(kind: Kind) -> None:
    """Look at each: does it need a row? Then: python -m ecsync.offline.review --write."""
    found = reviewed.with_newer(kind).unreviewed()
    assert [".".join(segments) for segments in found] == []


def older(kind: Kind, shape: str, *members: str) -> Kind:
    """Return the kind as a release that never heard of these members has it."""
    assert kind.shape is not None
    known = thaw(reviewed.reviewed()[kind.name])
    known[shape] = [name for name in known[shape] if name not in members]
    newer: Sequence[tuple[str, ...]] = tuple(reviewed.newer(load(kind.shape), known))
    return replace(kind, unreviewed=lambda: newer)


def fields(kind: Kind, desired: Json, live: Json) -> list[tuple[str | int, ...]]:
    return [one.path for one in between(kind, desired, Present(body=live, outputs={})).fields]


def test_in_a_container_it_is_left_alone_until_it_is_declared() -> None:
    kind = older(task_definition.KIND, "ContainerDefinition", "stopTimeout")
    assert kind.unreviewed() == (("containerDefinitions", "[]", "stopTimeout"),)
    plain = {"family": "web", "containerDefinitions": [{"name": "web", "image": "web:1", "memory": 64}]}
    live = {"family": "web", "containerDefinitions": [{**plain["containerDefinitions"][0], "stopTimeout": 30}]}  # type: ignore[dict-item]
    assert fields(task_definition.KIND, plain, live) == [("containerDefinitions", "web", "stopTimeout")]
    assert fields(kind, plain, live) == []
    found = between(kind, plain, Present(body=live, outputs={}))
    path = ("containerDefinitions", "web", "stopTimeout")
    assert found.unmanaged == (UnmanagedValue(path=path, value=30, owner="AWS (new since this release)"),)
    changed = {"family": "web", "containerDefinitions": [{**live["containerDefinitions"][0], "stopTimeout": 60}]}  # type: ignore[dict-item]
    assert fields(kind, changed, live) == [path]
    assert fields(kind, live, live) == []
    assert fields(kind, live, plain) == [path]


def test_a_new_block_is_one_member() -> None:
    kind = older(service.KIND, "DeploymentConfiguration", "alarms")
    assert ("deploymentConfiguration", "alarms") in kind.unreviewed()
    live = {"serviceName": "web", "deploymentConfiguration": {"alarms": {"alarmNames": ["a"], "enable": True}}}
    assert fields(kind, {"serviceName": "web"}, live) == []
    assert fields(service.KIND, {"serviceName": "web"}, live)
