"""A source that goes away, is emptied or is half written: nothing is deleted, and it is said why."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ecsim import Fault
from ecsync.sources.disk import DiskSource
from tests.whole.support import live
from tests.whole.support.live import Live, until
from tests.whole.support.stage import ACCOUNT, REGION, Controller, Stage, names

BUCKET = "manifests"
WHERE = f"s3://{BUCKET}/prod"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else writes to the directory: it need not be read twice with a pause."""
    assert DiskSource.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(DiskSource.__init__.__kwdefaults__, "pause", 0.0)


@pytest.fixture
def pruning(stage: Stage) -> Controller:
    """The quickstart, converged by an application that prunes."""
    stage.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")
    controller = stage.controller()
    controller.converge(pause=150)
    return controller


@pytest.fixture
def bucket(pruning: Controller) -> Stage:
    """The same manifests in a bucket."""
    s3 = pruning.stage.aws("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for path in pruning.stage.manifests.iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"prod/{path.name}", Body=path.read_bytes())
    return pruning.stage


def assert_kept(daemon: Live, reason: str, *, well: bool = True) -> None:
    """The daemon says why it is not ready, goes on keeping what it knows, and deletes nothing."""
    until(lambda: reason in daemon.ready().get("source", ""))
    assert (daemon.metric("ecsync_source_fetch_total", result=reason) or 0) > 0
    if well:
        daemon.goes_on()
        assert daemon.well()
        assert daemon.metric("ecsync_app_condition", app="quickstart", type="SourceReady") == 0.0
        assert daemon.metric("ecsync_app_info", app="quickstart", sync_status="Synced") == 1.0
    failed = daemon.running.store.events(of_type="source.failed")
    assert [event.detail["reason"] for event in failed][:1] == [reason]


def aws_writes(stage: Stage, since: int) -> list[str]:
    """What was changed in the account, but for the bucket."""
    return [name for name in names(stage.simulator.ledger.mutations(since)) if not name.startswith("s3.")]


def delete_every_manifest(stage: Stage) -> str:
    """The directory stays. The Application goes last: without it, what is left for a moment is another application."""
    for path in sorted(stage.manifests.iterdir(), key=lambda path: path.name == "application.yaml"):
        path.unlink()
    return "empty"


def delete_the_directory(stage: Stage) -> str:
    """Nothing stays, from one moment to the next."""
    stage.manifests.rename(stage.manifests.with_name("moved away"))
    return "unreachable"


@pytest.mark.parametrize("happens", [delete_every_manifest, delete_the_directory])
def test_manifests_that_are_gone_delete_nothing(pruning: Controller, happens: Callable[[Stage], str]) -> None:
    """Although the application prunes, all stays as it was and is kept; with the manifests back it is ready again."""
    stage = pruning.stage
    saved = shutil.copytree(stage.manifests, stage.manifests.parent / "saved")
    since = len(stage.simulator.ledger)
    with live.run(stage, str(stage.manifests)) as daemon:
        until(daemon.well)
        assert daemon.ready() == {}
        reason = happens(stage)
        assert_kept(daemon, reason)
        shutil.copytree(saved, stage.manifests, dirs_exist_ok=True)
        until(lambda: daemon.ready() == {})
    assert aws_writes(stage, since) == []


def test_a_daemon_that_begins_without_manifests_waits_for_them(stage: Stage) -> None:
    """An empty directory at the start is no reason to end, nor to do anything."""
    saved = shutil.copytree(stage.manifests, stage.manifests.parent / "saved")
    delete_every_manifest(stage)
    with live.run(stage, str(stage.manifests)) as daemon:
        assert_kept(daemon, "empty", well=False)
        assert daemon.get("/api/v1/applications")[1]["items"] == []
        assert aws_writes(stage, 0) == []
        shutil.copytree(saved, stage.manifests, dirs_exist_ok=True)
        until(lambda: daemon.running.store.application("quickstart"))


def test_an_emptied_bucket_deletes_nothing(bucket: Stage) -> None:
    """A prefix without objects is no release."""
    s3 = bucket.aws("s3")
    since = len(bucket.simulator.ledger)
    with live.run(bucket, WHERE, source_owner=ACCOUNT) as daemon:
        until(daemon.well)
        for listed in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
            s3.delete_object(Bucket=BUCKET, Key=listed["Key"])
        assert_kept(daemon, "empty")
    assert aws_writes(bucket, since) == []


def test_an_object_replaced_under_the_reading_is_not_half_a_release(bucket: Stage) -> None:
    """While one object changes between list and get, the last good revision stays; then the new one is taken whole."""
    since = len(bucket.simulator.ledger)
    with live.run(bucket, WHERE) as daemon:
        until(daemon.well)
        before = daemon.get("/api/v1/applications/quickstart")[1]["revision"]
        with replaced_between_list_and_get(bucket):
            assert_kept(daemon, "changing")
            assert daemon.get("/api/v1/applications/quickstart")[1]["revision"] == before
        until(lambda: daemon.ready() == {})
        assert daemon.get("/api/v1/applications/quickstart")[1]["revision"] != before
        until(daemon.well)
    assert aws_writes(bucket, since) == []


@contextmanager
def replaced_between_list_and_get(stage: Stage) -> Iterator[None]:
    """Write an object anew each time that the prefix has just been listed."""
    events = stage.clients.get("s3", REGION).meta.events
    s3 = stage.aws("s3")
    body = (stage.manifests / "service.yaml").read_bytes()
    count = iter(range(10_000))

    def replace(**_: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key="prod/service.yaml", Body=body + f"# {next(count)}\n".encode())

    events.register("after-call.s3.ListObjectsV2", replace)
    try:
        yield
    finally:
        events.unregister("after-call.s3.ListObjectsV2", replace)


def test_a_denied_bucket_deletes_nothing(bucket: Stage) -> None:
    """Lost rights keep the last good revision; given back, it is ready again."""
    since = len(bucket.simulator.ledger)
    with live.run(bucket, WHERE) as daemon:
        until(daemon.well)
        bucket.simulator.fault(Fault("deny", service="s3", times=None))
        assert_kept(daemon, "denied")
        bucket.simulator.clear_faults()
        until(lambda: daemon.ready() == {})
    assert aws_writes(bucket, since) == []


def test_a_bucket_of_somebody_else_is_not_read(bucket: Stage) -> None:
    """With another owner expected, nothing is taken from it and nothing is done."""
    since = len(bucket.simulator.ledger)
    with live.run(bucket, WHERE, source_owner="999999999999") as daemon:
        assert_kept(daemon, "denied", well=False)
        assert daemon.get("/api/v1/applications")[1]["items"] == []
    assert aws_writes(bucket, since) == []
