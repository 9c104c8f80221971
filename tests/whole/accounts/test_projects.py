"""Projects: an application that none allows is held, with file and line, and the others are deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecsim import Simulator
from ecsync.aws.clients import Clients
from tests.whole.support.command import Command
from tests.whole.support.environment import ACCOUNT, Environment, operations

APPLICATION = """\
apiVersion: ecsync/v1
kind: Application
metadata: {{name: {name}}}
spec:
  target: {{account: {target}}}
  sync: {{mode: enforce, prune: true}}
---
apiVersion: ecsync/v1
resources:
  Cluster/{name}-main: {{}}
"""
OLD = "  Cluster/{name}-old: {{}}\n"
CONFIG: dict[str, Any] = {
    "targets": {name: {"account": ACCOUNT, "enforce": True} for name in ("dev", "live")},
    "projects": {
        "shop": {"applications": ["shop"], "targets": ["dev"], "kinds": ["Cluster"], "names": ["shop-*"]},
        "bank": {"applications": ["bank"]},
    },
}


@pytest.fixture
def account(simulator: Simulator, clients: Clients, tmp_path: Path) -> Environment:
    """An empty account with two targets, and two applications."""
    environment = Environment(simulator, clients, tmp_path / "manifests")
    (tmp_path / "config.yaml").write_text(json.dumps(CONFIG))
    for name in ("shop", "bank"):
        declare(environment, name, old=True)
    return environment


@pytest.fixture
def ecsync(account: Environment, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, with that config."""
    monkeypatch.setenv("ECSYNC_CONFIG", str(account.manifests.parent / "config.yaml"))
    return Command(account, monkeypatch)


def declare(environment: Environment, name: str, *, target: str = "dev", old: bool = False, more: str = "") -> None:
    """Write the manifests of an application."""
    folder = environment.manifests / name
    folder.mkdir(parents=True, exist_ok=True)
    text = (APPLICATION + (OLD if old else "")).format(name=name, target=target)
    (folder / "app.yaml").write_text(text + more)


def clusters(environment: Environment) -> set[str]:
    """Return the names of the live clusters."""
    return {one.rpartition("/")[2] for one in environment.aws("ecs").list_clusters()["clusterArns"]}


def test_a_moved_application_is_held_and_the_others_are_deployed(ecsync: Command, account: Environment) -> None:
    """It names another target than its project allows: nothing of it is written, and nothing at all is deleted."""
    assert ecsync("apply", account.manifests, "--yes").code == 0
    everything = {"shop-main", "shop-old", "bank-main", "bank-old"}
    assert clusters(account) == everything
    declare(account, "shop", target="live")
    declare(account, "bank", more="  Cluster/bank-new: {}\n")
    place = "shop/app.yaml:2:1: project shop does not allow the target live (allowed: dev)"
    validated = ecsync("validate", account.manifests)
    assert (validated.code, place in validated.err) == (3, True)
    planned = ecsync("plan", account.manifests, "-o", "json")
    assert planned.code == 3
    assert [one["name"] for one in planned.json["applications"]] == ["bank"]
    with account.writes() as writes:
        done = ecsync("apply", account.manifests, "--yes", "--prune")
    assert done.code == 3
    assert place in done.err
    assert operations(writes) == ["ecs.CreateCluster"]
    assert clusters(account) == {*everything, "bank-new"}
    assert ecsync("adopt", account.manifests).code == 3

    declare(account, "shop")
    assert ecsync("apply", account.manifests, "--yes", "--prune").code == 0
    assert clusters(account) == {"shop-main", "bank-main", "bank-new"}


def test_a_resource_that_a_project_does_not_allow_holds_its_application(ecsync: Command, account: Environment) -> None:
    """Its kind, and its name in AWS, by the lines of their documents."""
    declare(account, "shop", more="  Cluster/other: {}\n  LogGroup/shop-web: {}\n")
    done = ecsync("apply", account.manifests, "--yes")
    assert done.code == 3
    assert "shop/app.yaml:11:3: project shop does not allow the name other (allowed: shop-*)" in done.err
    assert "shop/app.yaml:12:3: project shop does not allow the kind LogGroup (allowed: Cluster)" in done.err
    assert clusters(account) == {"bank-main", "bank-old"}
