"""What may be deleted, and what is deleted in the end: every way in which a document can leave a source.

Each case begins with two applications in sync: six clusters of `shop`, two of `bank`. Each part of it changes
something, and lets the daemon live for some time. Then exactly the named clusters are gone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ecsim import LedgerEntry, Simulator
from ecsim.account.faults import Fault
from ecsync.aws.clients import Clients
from ecsync.guards.requests import Request, Verb
from ecsync.wiring import guards
from tests.whole.support.environment import REGION, Environment
from tests.whole.support.stepped_daemon import SteppedDaemon

SHOP, BANK = "abcdef", "xy"  # the clusters of each application
SOON, LATER = 50.0, 110.0  # seconds: before and after a source without an index has been read twice, 60 s apart


def application(name: str, metadata: str = "", *, prune: bool = True, limit: int = 0) -> str:
    """Return an Application document."""
    sync = f"mode: enforce, prune: {str(prune).lower()}, pruneLimit: {limit}, interval: 30s"
    return (
        f"apiVersion: ecsync/v1\nkind: Application\nmetadata: {{name: {name}{metadata}}}\n"
        f"spec: {{target: {{region: {REGION}}}, sync: {{{sync}}}}}\n"
    )


def cluster(name: str, aws: str = "", annotations: str = "") -> str:
    """Return a document of a cluster. Its name in AWS is its own, unless there is another."""
    metadata = f"{{name: {name}, annotations: {{{annotations}}}}}"
    return f"apiVersion: ecsync/v1\nkind: Cluster\nmetadata: {metadata}\nspec: {{clusterName: {aws or name}}}\n"


class Stage:
    """The source, the account and the daemon of a case."""

    def __init__(self, account: Environment, folder: Path, settings: Mapping[str, Any]) -> None:
        self.account = account
        self.root, self.gone = folder / "source", folder / "gone"
        self.freeze = f"file:{folder / 'record.json'}"
        self.settings = {"freeze": self.freeze, **settings}
        for name, clusters in (("shop", SHOP), ("bank", BANK)):
            self.put(f"{name}/app.yaml", application(name))
            for one in clusters:
                self.put(f"{name}/{one}.yaml", cluster(one))
        self.daemon = self.process()

    def process(self) -> SteppedDaemon:
        """Return a new process."""
        return SteppedDaemon(self.account, self.root, self.settings, kinds=("Cluster", "LogGroup"))

    def put(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def remove(self, *names: str) -> None:
        """Remove files and folders."""
        for name in names:
            path = self.root / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def move(self, one: str, to: str) -> None:
        """Rename a file."""
        (self.root / one).rename(self.root / to)

    def ask(self, verb: Verb, application: str = "", **more: str) -> None:
        """Set something as a person does."""
        request = Request(verb=verb, who="ada@laptop", application=application, **more)
        now = self.account.time.now()
        guards.ask(guards.store(self.daemon.workspace.settings, self.daemon.workspace.clouds), request, now)

    def index(self, *, without: str = "") -> None:
        """Write the index of a release with all manifests; one of them is missing."""
        names = {}
        for path in sorted(self.root.rglob("*.yaml")):
            content = path.read_bytes()
            digest = sha256(content).hexdigest()
            names[str(path.relative_to(self.root))] = digest
            if path.name == without:
                path.unlink()
            else:
                self.put(f"ecsync.objects/{digest}", content.decode())
        self.put("ecsync.index.json", json.dumps(names))

    def alive(self) -> set[str]:
        """Return the names of the clusters in AWS."""
        ecs = self.account.aws("ecs")
        try:
            return {arn.rpartition("/")[2] for arn in ecs.list_clusters()["clusterArns"]}
        except ecs.exceptions.ClientError:  # the case denies it
            described = ecs.describe_clusters(clusters=[*SHOP, *BANK])["clusters"]
            return {one["clusterName"] for one in described if one["status"] == "ACTIVE"}

    def deletions(self) -> list[LedgerEntry]:
        """Return every call that asks for a deletion, also those that failed."""
        return [one for one in self.account.simulator.ledger.mutations() if one.operation.startswith("Delete")]

    def owner(self, name: str) -> str:
        """Return the owner in the mark of a cluster; empty without one."""
        (found,) = self.account.aws("ecs").describe_clusters(clusters=[name], include=["TAGS"])["clusters"]
        return next((tag["value"] for tag in found["tags"] if tag["key"] == "ecsync:owner"), "")


Act: TypeAlias = Callable[[Stage], object]
Part: TypeAlias = tuple[Act, float, str]  # what is done, the seconds after it, and the clusters that are gone then


@dataclass(frozen=True)
class Case:
    """Parts in a row.

    `made` is a cluster that comes in addition. `why` is the obstacle of what is held after the first part. `owners` are
    those in the marks in the end. `apart` is the shortest time between two deletions. `settings` are the operator's.
    """

    name: str
    parts: tuple[Part, ...]
    made: str = ""
    why: str = ""
    owners: Mapping[str, str] = field(default_factory=dict)
    apart: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)


def nothing(_: Stage) -> None:
    """Let time go by."""


def both(*acts: Act) -> Act:
    """Return an act of several."""
    return lambda stage: [act(stage) for act in acts]


def drop(*names: str) -> Act:
    """Return an act that removes files."""
    return lambda stage: stage.remove(*names)


def put(name: str, text: str) -> Act:
    """Return an act that writes a file."""
    return lambda stage: stage.put(name, text)


def move(one: str, to: str) -> Act:
    """Return an act that renames a file."""
    return lambda stage: stage.move(one, to)


def ask(verb: Verb, application: str = "", **more: str) -> Act:
    """Return an act of a person."""
    return lambda stage: stage.ask(verb, application, **more)


def fault(service: str, operation: str) -> Act:
    """Return an act that denies calls from now on."""
    return lambda stage: stage.account.simulator.fault(Fault("deny", service=service, operation=operation, times=None))


def healed(stage: Stage) -> None:
    """Deny nothing any more."""
    stage.account.simulator.clear_faults()


def restart(**settings: Any) -> Act:
    """Return an act that begins a new process, with other settings."""

    def begin(stage: Stage) -> None:
        stage.settings |= settings
        stage.daemon = stage.process()

    return begin


def copy_tags(stage: Stage) -> None:
    """Let a person make a cluster with all tags of ours."""
    ecs = stage.account.aws("ecs")
    (found,) = ecs.describe_clusters(clusters=["a"], include=["TAGS"])["clusters"]
    ecs.create_cluster(clusterName="copy", tags=found["tags"])


def with_index(*acts: Act, without: str = "") -> Act:
    """Return an act that publishes a release."""

    def publish(stage: Stage) -> None:
        both(*acts)(stage)
        stage.index(without=without)

    return publish


def approve(stage: Stage) -> None:
    """Approve what is held for it."""
    outcome = stage.daemon.state("shop").outcome
    assert outcome is not None
    stage.ask("approve", "shop", digest=outcome.plan.approval, reason="CHG-1")


A_THIRD = ("shop/a.yaml", "shop/b.yaml", "shop/c.yaml")
NO_PRUNE = put("shop/app.yaml", application("shop", prune=False))
OBSERVES = application("bank").replace("enforce", "observe")
PRUNE = put("shop/app.yaml", application("shop"))
FORMERLY, SUSPENDED = ", formerly: [shop]", ", annotations: {ecsync/suspend: load test}"
CLOSED = [{"deny": "* * * * *", "duration": 3600, "applications": ["sh*"]}]
REASON = {"reason": "incident 4711"}

CASES = [
    Case("a document is removed", ((drop("shop/a.yaml"), SOON, ""), (nothing, LATER, "a")),
        why="stale_source"),
    Case("it comes back before the second read", (
        (drop("shop/a.yaml"), SOON, ""), (put("shop/a.yaml", cluster("a")), LATER, ""))),
    Case("one of two documents in a file is removed", (
        (both(put("shop/a.yaml", cluster("a") + "---\n" + cluster("b")), drop("shop/b.yaml")), LATER, ""),
        (put("shop/a.yaml", cluster("b")), LATER, "a"))),
    Case("the application only observes", (
        (both(put("shop/app.yaml", application("shop").replace("enforce", "observe")), drop("shop/a.yaml")), LATER, ""),
        (PRUNE, LATER, "a"))),
    Case("the kind is not managed", (
        (both(put("shop/app.yaml", application("shop").replace("spec: {", "spec: {manage: [LogGroup], ")),
              drop("shop/a.yaml")), LATER, ""), (PRUNE, LATER, "a")),
        why="not_managed"),
    Case("prune is off", ((both(NO_PRUNE, drop("shop/a.yaml")), LATER, ""), (PRUNE, LATER, "a")),
        why="off"),
    # moves and renames
    Case("a move to another application", ((move("shop/a.yaml", "bank/a.yaml"), 2 * LATER, ""),),
        owners={"a": "bank/Cluster/a"}),
    Case("a move the other way", ((move("bank/x.yaml", "shop/x.yaml"), 2 * LATER, ""),),
        owners={"x": "shop/Cluster/x"}),
    Case("a move in two commits, first there", (
        (put("bank/a.yaml", cluster("a")), LATER, ""), (drop("shop/a.yaml"), 2 * LATER, "")),
        owners={"a": "bank/Cluster/a"}),
    Case("a move in two commits, first away", (
        (drop("shop/a.yaml"), SOON, ""), (put("bank/a.yaml", cluster("a")), 2 * LATER, "")),
        owners={"a": "bank/Cluster/a"}),
    Case("a move into an application that does not prune", (
        (put("bank/app.yaml", application("bank", prune=False)), SOON, ""),
        (move("shop/a.yaml", "bank/a.yaml"), 2 * LATER, "")),
        owners={"a": "bank/Cluster/a"}),
    Case("a move into an application that only observes", (
        (put("bank/app.yaml", OBSERVES), SOON, ""), (move("shop/a.yaml", "bank/a.yaml"), 2 * LATER, "")),
        owners={"a": "shop/Cluster/a"}),
    Case("a move in a release with an index", (
        (with_index(), SOON, ""), (with_index(move("shop/a.yaml", "bank/a.yaml")), 2 * LATER, "")),
        owners={"a": "bank/Cluster/a"}),
    Case("a move the other way in a release with an index", (
        (with_index(), SOON, ""), (with_index(move("bank/x.yaml", "shop/x.yaml")), 2 * LATER, "")),
        owners={"x": "shop/Cluster/x"}),
    Case("a document is renamed", ((both(drop("shop/a.yaml"), put("shop/n.yaml", cluster("n", "a"))), LATER, ""),),
        owners={"a": "shop/Cluster/n"}),
    Case("two documents change their names", (
        (both(put("shop/a.yaml", cluster("a", "b")), put("shop/b.yaml", cluster("b", "a"))), LATER, ""),),
        why="no_ownership", owners={"a": "shop/Cluster/a", "b": "shop/Cluster/b"}),
    Case("a resource is renamed", ((put("shop/a.yaml", cluster("a", "new")), SOON, ""), (nothing, LATER, "a")), "new"),
    Case("an application is renamed, with formerly", (
        (both(put("shop/app.yaml", application("store", FORMERLY)), drop("shop/a.yaml")), SOON, ""),
        (nothing, LATER, "a")),
        owners={"b": "store/Cluster/b"}),
    Case("an application is renamed, without formerly", (
        (both(put("shop/app.yaml", application("store")), drop("shop/a.yaml")), 2 * LATER, ""),),
        owners={"a": "shop/Cluster/a", "b": "store/Cluster/b"}),
    # not ours
    Case("a person copies our tags", ((copy_tags, LATER, ""), (drop("shop/a.yaml"), LATER, "a")), "copy"),
    Case("retain", (
        (put("shop/a.yaml", cluster("a", annotations="ecsync/deletion: retain")), LATER, ""),
        (drop("shop/a.yaml"), LATER, "")),
        owners={"a": ""}),
    # the source
    Case("an application vanishes", ((drop("bank"), 2 * LATER, ""),)),
    Case("the documents of an application vanish, and its settings", ((drop("bank/app.yaml"), 2 * LATER, ""),)),
    Case("an application is empty", ((drop(*(f"bank/{one}.yaml" for one in BANK)), 2 * LATER, ""), (
        put("bank/app.yaml", application("bank", limit=2)), LATER, "xy")),
        why="budget"),
    Case("the source is empty", ((drop("shop", "bank"), 2 * LATER, ""),)),
    Case("the source is gone", ((lambda stage: stage.root.rename(stage.gone), 2 * LATER, ""), (
        both(lambda stage: stage.gone.rename(stage.root), drop("shop/a.yaml")), SOON, ""), (nothing, LATER, "a"))),
    Case("half a release", ((drop(*A_THIRD), 2 * LATER, ""), (
        both(*(put(name, cluster(name[5])) for name in A_THIRD)), LATER, "")),
        why="budget"),
    Case("half a release is meant", ((drop(*A_THIRD), LATER, ""), (
        put("shop/app.yaml", application("shop", limit=3)), LATER, "abc")),
        why="budget"),
    Case("a release with an index is complete at once", (
        (with_index(), SOON, ""), (with_index(drop("shop/a.yaml")), SOON, "a"))),
    Case("an object of a release is missing", (
        (with_index(), SOON, ""), (with_index(drop("shop/a.yaml"), put("shop/n.yaml", cluster("n")), without="n.yaml"),
        LATER, ""))),
    Case("a manifest of another application is invalid", (
        (both(drop("shop/a.yaml"), put("bank/x.yaml", "kind: Clutser")), 2 * LATER, ""),
        (put("bank/x.yaml", cluster("x")), SOON, ""), (nothing, LATER, "a")),
        why="invalid_manifest"),
    Case("a manifest cannot be parsed", (
        (both(drop("shop/a.yaml"), put("shop/b.yaml", "spec: {")), 2 * LATER, ""),)),
    # AWS
    Case("clusters cannot be listed", (
        (both(fault("ecs", "ListClusters"), drop("shop/a.yaml")), 2 * LATER, ""), (healed, 2 * LATER, "a"))),
    Case("other kinds cannot be listed", (
        (fault("resourcegroupstaggingapi", "GetResources"), LATER, ""),  # until what was listed before is too old
        (drop("shop/a.yaml"), 2 * LATER, ""), (healed, 2 * LATER, "a"))),
    Case("clusters cannot be read", (
        (both(fault("ecs", "DescribeClusters"), drop("shop/a.yaml")), 2 * LATER, ""), (healed, 2 * LATER, "a"))),
    Case("the process begins again", (
        (drop("shop/a.yaml"), SOON, ""), (restart(), SOON, ""), (nothing, LATER, "a")),
        why="stale_source"),
    # guards
    Case("budget of a pass", ((drop("shop/a.yaml", "shop/b.yaml"), LATER, "ab"),), settings={"budget": 1}, apart=1.0),
    Case("budget of an hour", (
        (put("shop/app.yaml", application("shop").replace("30s", "10m")), 1.0, ""),
        (both(drop("shop/a.yaml", "shop/b.yaml"), drop("bank")), 20 * 60.0, "a"), (nothing, 60 * 60.0, "ab")),
        settings={"removals_per_hour": 1}, apart=3600.0),
    Case("a window is closed", (
        (both(restart(windows=CLOSED), drop("shop/a.yaml")), 2 * LATER, ""),
        (ask("override", time="1h", **REASON), LATER, "a"))),
    Case("a freeze", ((both(ask("freeze", **REASON), drop("shop/a.yaml")), LATER, ""), (ask("unfreeze"), LATER, "a"))),
    Case("a suspension", (
        (both(ask("suspend", "shop", **REASON), drop("shop/a.yaml", "bank/x.yaml")), LATER, "x"),
        (ask("resume", "shop"), LATER, "ax"))),
    Case("a suspension by annotation", (
        (both(put("shop/app.yaml", application("shop", SUSPENDED)), drop("shop/a.yaml")), LATER, ""),
        (PRUNE, LATER, "a"))),
    Case("an approval", ((drop("shop/a.yaml"), LATER, ""), (approve, LATER, "a")),
        why="approval", settings={"approval": ["delete"]}),
    Case("an approval of something else", (
        (drop("shop/a.yaml"), LATER, ""), (both(approve, drop("shop/b.yaml")), LATER, ""), (approve, LATER, "ab")),
        why="approval", settings={"approval": ["delete"]}),
]  # fmt: skip


@pytest.fixture
def account(simulator: Simulator, clients: Clients, tmp_path: Path) -> Environment:
    """An empty account."""
    return Environment(simulator, clients, tmp_path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_is_deleted_but_what_should_be(account: Environment, tmp_path: Path, case: Case) -> None:
    """After each part exactly these clusters are gone, and of no other one the deletion was ever asked for."""
    stage = Stage(account, tmp_path, case.settings)
    stage.daemon.run(35.0)
    everything = {*SHOP, *BANK}
    assert stage.alive() == everything
    gone: set[str] = set()
    for act, seconds, names in case.parts:
        act(stage)
        stage.daemon.run(seconds)
        gone = set(names)
        left = stage.alive() - {case.made}
        assert (everything - left, left - everything) == (gone, set()), stage.daemon.events[-5:]
        if act is case.parts[0][0]:
            held = {**stage.daemon.held("shop"), **stage.daemon.held("bank")} if case.why else {}
            assert set(held.values()) == ({case.why} if case.why else set())
    deletions = stage.deletions()
    assert {one.params["cluster"].rpartition("/")[2] for one in deletions} == gone
    assert all(later.time - one.time >= case.apart for one, later in pairwise(deletions))
    assert not case.made or case.made in stage.alive()
    owners = {name: stage.owner(name) for name in case.owners}
    assert owners == {name: owner and f"v1/test/{owner}" for name, owner in case.owners.items()}


SERVICE = f"""\
{application("shop")}---
apiVersion: ecsync/v1
resources:
  Network/main: {{default: true}}
  Cluster/main: {{clusterName: main}}
  TaskDefinition/web:
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    containerDefinitions: [{{name: web, image: "nginx:1"}}]
  Service/web:
    serviceName: web
    cluster: ${{Cluster/main}}
    taskDefinition: ${{TaskDefinition/web}}
    launchType: FARGATE
    desiredCount: 2
    propagateTags: SERVICE
    networkConfiguration: {{awsvpcConfiguration: {{subnets: "${{Network/main.publicSubnetIds}}"}}}}
"""


def test_what_ecs_copies_our_tags_to_is_not_ours(account: Environment, tmp_path: Path) -> None:
    """The tasks of a service have its marks. A prune beside them stops none."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "app.yaml").write_text(SERVICE)
    (folder / "extra.yaml").write_text(cluster("extra"))
    daemon = SteppedDaemon(account, folder)
    daemon.run(120.0)
    ecs = account.aws("ecs")
    tasks = ecs.list_tasks(cluster="main")["taskArns"]
    tags = ecs.describe_tasks(cluster="main", tasks=tasks, include=["TAGS"])["tasks"][0]["tags"]
    assert "ecsync:owner" in {tag["key"] for tag in tags}
    (folder / "extra.yaml").unlink()
    daemon.run(3 * LATER)
    assert ecs.list_tasks(cluster="main")["taskArns"] == tasks
    deleted = [one.params for one in account.simulator.ledger.mutations() if one.operation.startswith("Delete")]
    assert [one["cluster"].rpartition("/")[2] for one in deleted] == ["extra"]
