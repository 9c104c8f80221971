"""A member that came with a newer botocore counts where it is declared, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecsync import kinds
from ecsync.awsmodel import reviewed
from ecsync.core.diff import UnmanagedValue
from ecsync.core.kind import Kind
from ecsync.core.model import Present
from ecsync.core.resource_diff import between
from ecsync.core.trees import Json
from ecsync.kinds.ecs import service, task_definition
from ecsync.kinds.logs import log_group
from ecsync.offline import review

KINDS = [kind for kind in kinds.ALL if kind.shape]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_member_of_the_installed_botocore_was_reviewed(kind: Kind) -> None:
    """Does the new member need a row? Then replace `REVIEWED` by the table that the command prints."""
    found = review.missing(kind)
    text = review.table(kind)
    assert found == [], (
        f"do the rules cover {found}? Then this is the table of reviewed members of {kind.name}:\n{text}"
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_command_prints_the_table_of_a_kind(kind: Kind) -> None:
    """To be pasted into the kind's file as it is."""
    namespace: dict[str, dict[str, str]] = {}
    exec(review.table(kind), namespace)  # noqa: S102  # the text is source code
    assert namespace["REVIEWED"] == kind.reviewed


def test_the_command_names_a_kind_that_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert review.main(["LogGroups"]) == 64
    assert "LogGroups" in capsys.readouterr().err


def test_a_kind_without_a_table_has_nothing_unreviewed() -> None:
    """Else every default of a new kind would be without effect, and no message would state the reason."""
    kind = reviewed.with_unreviewed(replace(log_group.KIND, reviewed={}))
    assert kind.unreviewed() == ()


def older(kind: Kind, shape: str, *members: str) -> Kind:
    """Return the kind as a release has it that does not know these members."""
    names = " ".join(name for name in kind.reviewed[shape].split() if name not in members)
    return reviewed.with_unreviewed(replace(kind, reviewed={**kind.reviewed, shape: names}))


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
