"""A source that disappears, is emptied or changes during a read: nothing is deleted, and the reason is reported."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ecsim import Fault
from ecsync.sources.disk import DiskSource
from tests.whole.support import in_process_daemon
from tests.whole.support.environment import ACCOUNT, REGION, Controller, Environment, operations
from tests.whole.support.in_process_daemon import RunningDaemon, wait_until

BUCKET = "manifests"
WHERE = f"s3://{BUCKET}/prod"


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a directory once: no other process writes to it."""
    assert DiskSource.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(DiskSource.__init__.__kwdefaults__, "pause", 0.0)
    monkeypatch.setitem(DiskSource.__init__.__kwdefaults__, "settle", 0.0)


@pytest.fixture
def pruning(environment: Environment) -> Controller:
    """The quickstart, converged by an application that prunes."""
    environment.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")
    controller = environment.controller()
    controller.converge(pause=150)
    return controller


@pytest.fixture
def bucket(pruning: Controller) -> Environment:
    """The same manifests in a bucket."""
    s3 = pruning.environment.aws("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for path in pruning.environment.manifests.iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"prod/{path.name}", Body=path.read_bytes())
    return pruning.environment


def assert_last_good_revision(daemon: RunningDaemon, reason: str, *, reconciled: bool = True) -> None:
    """Assert that the daemon reports the reason and still reconciles the last good revision."""
    wait_until(lambda: reason in daemon.not_ready_because().get("source", ""))
    assert (daemon.metric("ecsync_source_fetch_total", result=reason) or 0) > 0
    if reconciled:
        daemon.wait_for_passes()
        assert daemon.is_converged()
        assert daemon.metric("ecsync_app_condition", app="quickstart", type="SourceReady") == 0.0
        assert daemon.metric("ecsync_app_info", app="quickstart", sync_status="Synced") == 1.0
    failed = daemon.running.store.events(of_type="source.failed")
    assert [event.detail["reason"] for event in failed][:1] == [reason]


def aws_writes(environment: Environment, since: int) -> list[str]:
    """Return the mutating calls since a mark, except those on S3."""
    return [name for name in operations(environment.simulator.ledger.mutations(since)) if not name.startswith("s3.")]


def delete_every_manifest(environment: Environment) -> str:
    """Delete all files; the Application last, because the others alone would be another application."""
    for path in sorted(environment.manifests.iterdir(), key=lambda path: path.name == "application.yaml"):
        path.unlink()
    return "empty"


def delete_the_directory(environment: Environment) -> str:
    """Rename the directory."""
    environment.manifests.rename(environment.manifests.with_name("moved away"))
    return "unreachable"


@pytest.mark.parametrize("remove", [delete_every_manifest, delete_the_directory])
def test_removed_manifests_delete_nothing(pruning: Controller, remove: Callable[[Environment], str]) -> None:
    """Although the application prunes, everything stays; with the manifests back, the daemon is ready again."""
    environment = pruning.environment
    saved = shutil.copytree(environment.manifests, environment.manifests.parent / "saved")
    since = len(environment.simulator.ledger)
    with in_process_daemon.run(environment, str(environment.manifests)) as daemon:
        wait_until(daemon.is_converged)
        assert daemon.not_ready_because() == {}
        reason = remove(environment)
        assert_last_good_revision(daemon, reason)
        shutil.copytree(saved, environment.manifests, dirs_exist_ok=True)
        wait_until(lambda: daemon.not_ready_because() == {})
    assert aws_writes(environment, since) == []


def test_a_daemon_that_starts_without_manifests_waits_for_them(environment: Environment) -> None:
    """With an empty directory the daemon neither ends nor writes."""
    saved = shutil.copytree(environment.manifests, environment.manifests.parent / "saved")
    delete_every_manifest(environment)
    with in_process_daemon.run(environment, str(environment.manifests)) as daemon:
        assert_last_good_revision(daemon, "empty", reconciled=False)
        assert daemon.get("/api/v1/applications")[1]["items"] == []
        assert aws_writes(environment, 0) == []
        shutil.copytree(saved, environment.manifests, dirs_exist_ok=True)
        wait_until(lambda: daemon.running.store.application("quickstart"))


def test_an_emptied_bucket_deletes_nothing(bucket: Environment) -> None:
    """An empty prefix is an error, not an empty application."""
    s3 = bucket.aws("s3")
    since = len(bucket.simulator.ledger)
    with in_process_daemon.run(bucket, WHERE, source_owner=ACCOUNT) as daemon:
        wait_until(daemon.is_converged)
        for listed in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
            s3.delete_object(Bucket=BUCKET, Key=listed["Key"])
        assert_last_good_revision(daemon, "empty")
    assert aws_writes(bucket, since) == []


def test_an_object_that_changes_during_the_read_gives_no_partial_revision(bucket: Environment) -> None:
    """While an object changes between list and get, the last good revision stays; the new one is then used whole."""
    since = len(bucket.simulator.ledger)
    with in_process_daemon.run(bucket, WHERE) as daemon:
        wait_until(daemon.is_converged)
        before = daemon.get("/api/v1/applications/quickstart")[1]["revision"]
        with replaced_between_list_and_get(bucket):
            assert_last_good_revision(daemon, "changing")
            assert daemon.get("/api/v1/applications/quickstart")[1]["revision"] == before
        wait_until(lambda: daemon.not_ready_because() == {})
        # The source is ready before its manifests are parsed.
        wait_until(lambda: daemon.get("/api/v1/applications/quickstart")[1]["revision"] != before)
        wait_until(daemon.is_converged)
    assert aws_writes(bucket, since) == []


@contextmanager
def replaced_between_list_and_get(environment: Environment) -> Iterator[None]:
    """Replace an object after each listing of the prefix."""
    events = environment.clients.get("s3", REGION).meta.events
    s3 = environment.aws("s3")
    body = (environment.manifests / "service.yaml").read_bytes()
    count = iter(range(10_000))

    def replace(**_: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key="prod/service.yaml", Body=body + f"# {next(count)}\n".encode())

    events.register("after-call.s3.ListObjectsV2", replace)
    try:
        yield
    finally:
        events.unregister("after-call.s3.ListObjectsV2", replace)


def test_a_denied_bucket_deletes_nothing(bucket: Environment) -> None:
    """Without permission the last good revision stays; with permission the daemon is ready again."""
    since = len(bucket.simulator.ledger)
    with in_process_daemon.run(bucket, WHERE) as daemon:
        wait_until(daemon.is_converged)
        bucket.simulator.fault(Fault("deny", service="s3", times=None))
        assert_last_good_revision(daemon, "denied")
        bucket.simulator.clear_faults()
        wait_until(lambda: daemon.not_ready_because() == {})
    assert aws_writes(bucket, since) == []


def test_a_bucket_of_another_owner_is_not_read(bucket: Environment) -> None:
    """With another expected owner, the daemon reads nothing and writes nothing."""
    since = len(bucket.simulator.ledger)
    with in_process_daemon.run(bucket, WHERE, source_owner="999999999999") as daemon:
        assert_last_good_revision(daemon, "denied", reconciled=False)
        assert daemon.get("/api/v1/applications")[1]["items"] == []
    assert aws_writes(bucket, since) == []
