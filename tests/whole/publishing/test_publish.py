"""`ecsync publish`: a release is in the bucket in full or not at all, and is deployed with the fewest calls."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ecsim import Fault
from ecsync.aws.hooks import WriteRefused
from ecsync.core.ports import AwsError
from ecsync.sources import publishing
from ecsync.sources.disk import DiskSource
from ecsync.sources.publishing import NotPublished, Put
from tests.whole.publishing import bucket
from tests.whole.publishing.bucket import BUCKET, WHERE
from tests.whole.support import in_process_daemon
from tests.whole.support.command import ECSYNC, Command
from tests.whole.support.environment import ACCOUNT, SETTLE_SECONDS, Environment, operations
from tests.whole.support.in_process_daemon import wait_until
from tests.whole.support.killed import Killed

NEW_IMAGE = ("nginx/nginx:1.27", "nginx/nginx:1.28", "application.yaml")


@pytest.fixture(autouse=True)
def with_bucket(environment: Environment) -> None:
    """An empty bucket in the empty account."""
    bucket.create(environment)


def files(environment: Environment) -> Mapping[str, bytes]:
    """Return the files in the directory of manifests."""
    return {path.name: path.read_bytes() for path in environment.manifests.iterdir()}


def keys(environment: Environment) -> list[str]:
    """Return the names of all objects in the bucket."""
    listed = environment.aws("s3").list_objects_v2(Bucket=BUCKET)
    return [one["Key"] for one in listed.get("Contents", ())]


# ---------------------------------------------------------------- what is deployed


def test_a_change_that_is_published_with_put_alone_deploys_one_service(
    environment: Environment, ecsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass that reads the bucket registers one revision and updates one service, and writes nothing else."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "publisher")
    with bucket.put_only(environment):
        assert ecsync("publish", environment.manifests, WHERE).code == 0
    controller = environment.controller(WHERE)
    controller.converge(pause=SETTLE_SECONDS)
    environment.edit(*NEW_IMAGE)
    with bucket.put_only(environment):
        done = ecsync("publish", environment.manifests, WHERE, "--expected-owner", ACCOUNT)
    assert (done.code, done.err) == (0, "")
    with environment.writes() as writes:
        controller.read()
        controller.converge(pause=SETTLE_SECONDS)
    assert operations(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
    image = environment.aws("ecs").describe_task_definition(taskDefinition=environment.service()["taskDefinition"])[
        "taskDefinition"
    ]
    assert image["containerDefinitions"][0]["image"].endswith("1.28")
    made = {f"{one.service}.{one.operation}" for one in environment.simulator.ledger if one.caller[:9] == "publisher"}
    assert made == {"s3.PutObject"}


def test_a_daemon_deploys_what_is_published(environment: Environment, ecsync: Command) -> None:
    """The daemon reads the new index; its status and its event state the commit."""
    assert ecsync("publish", environment.manifests, WHERE, "--revision", "the first").code == 0
    with in_process_daemon.run(environment, WHERE) as daemon:
        wait_until(daemon.is_converged)
        environment.edit(*NEW_IMAGE)
        with environment.writes() as writes:
            assert ecsync("publish", environment.manifests, WHERE, "--revision", "the second").code == 0
            wait_until(lambda: any(one.operation == "UpdateService" for one in environment.simulator.ledger))
            wait_until(daemon.is_converged)
        made = [name for name in operations(writes) if not name.startswith("s3.")]
        assert made == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
        assert daemon.get("/api/v1/applications/quickstart")[1]["source"]["about"] == {"commit": "the second"}
        status = ecsync("status", "--url", daemon.running.url)
        assert "the second" in status.out
        newest = daemon.running.store.events(of_type="source.updated")[0]
        assert newest.message.endswith(": the second")
        assert newest.detail["commit"] == "the second"


# ---------------------------------------------------------------- one release in full


@pytest.mark.parametrize("before", [True, False], ids=["before the put", "after the put"])
def test_a_publisher_that_is_killed_leaves_one_release(environment: Environment, before: bool) -> None:
    """At every put: readers in between and after it see the old or the new one, and the next publisher completes."""
    through = bucket.put(environment)
    bucket.publish(environment, through, commit="0")
    puts = len(keys(environment)) + 1  # one file more, so one object more
    for number in range(puts):
        old = files(environment)
        (environment.manifests / "extra.yaml").write_text(f"# {number}\n")
        environment.edit("retentionInDays:", f"# {number}\n    retentionInDays:")
        new = files(environment)
        seen: list[Any] = []
        killed = bucket.dying(through, number, before=before, seen=lambda: seen.append(bucket.contents(environment)))  # noqa: B023
        with pytest.raises(Killed):
            bucket.publish(environment, killed, commit=str(number))
        seen.append(bucket.contents(environment))
        assert all(one in (old, new) for one in seen)
        assert seen == sorted(seen, key=[old, new].index)
        bucket.publish(environment, through, commit=str(number))
        assert bucket.contents(environment) == new


def test_the_first_publisher_that_is_killed_leaves_no_release(environment: Environment) -> None:
    """Before the first index is there, a reader has no release, which deletes nothing."""
    with pytest.raises(Killed):
        bucket.publish(environment, bucket.dying(bucket.put(environment), 3, before=True))
    assert bucket.contents(environment) is None
    assert keys(environment)


def test_two_publishers_at_a_time_leave_one_of_two_releases(environment: Environment) -> None:
    """Whichever index is the last one, all of its objects are there; a reader never sees a third state."""
    through, first = bucket.put(environment), bucket.release(environment)
    environment.edit(*NEW_IMAGE)
    second = bucket.release(environment)
    for number in range(5):
        arrived = threading.Barrier(2)

        def one(release: Any, arrived: threading.Barrier = arrived) -> None:
            arrived.wait()
            publishing.publish(release, {}, through, wait=lambda _: None)

        threads = [threading.Thread(target=one, args=(release,)) for release in (first, second)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert bucket.contents(environment) in (None if number == 0 else first.files, first.files, second.files)
        assert bucket.contents(environment) in (first.files, second.files)


def test_an_interleaving_of_two_publishers_is_one_release(environment: Environment) -> None:
    """The second one ends between any two puts of the first one."""
    through, first = bucket.put(environment), bucket.release(environment)
    environment.edit(*NEW_IMAGE)
    second = bucket.release(environment)
    for at in range(len(first.files) + 2):
        count = iter(range(100))

        def interrupted(
            name: str, body: bytes, content_type: str, /, *, new: bool, count: Any = count, at: int = at
        ) -> None:
            if next(count) == at:
                publishing.publish(second, {}, through, parallel=1)
                assert bucket.contents(environment) == second.files
            through(name, body, content_type, new=new)

        publishing.publish(first, {}, interrupted, parallel=1)
        assert bucket.contents(environment) == first.files


def test_an_older_commit_that_is_published_again_is_the_way_back(environment: Environment) -> None:
    """Its objects are still there, so that only the index is new."""
    through = bucket.put(environment)
    old = files(environment)
    bucket.publish(environment, through)
    environment.edit(*NEW_IMAGE)
    assert bucket.publish(environment, through).added == 1
    for name, content in old.items():
        (environment.manifests / name).write_bytes(content)
    assert bucket.publish(environment, through).added == 0
    assert bucket.contents(environment) == old


def test_a_prefix_with_plain_files_becomes_a_release_at_the_first_index(environment: Environment) -> None:
    """Until then a reader sees the plain files, also if a publisher was killed; then it ignores them."""
    s3, old = environment.aws("s3"), files(environment)
    for name, content in old.items():
        s3.put_object(Bucket=BUCKET, Key=f"prod/{name}", Body=content)
    environment.edit(*NEW_IMAGE)
    with pytest.raises(Killed):
        bucket.publish(environment, bucket.dying(bucket.put(environment), 2, before=False))
    assert bucket.contents(environment) == old
    bucket.publish(environment, bucket.put(environment))
    assert bucket.contents(environment) == files(environment)


def test_a_directory_with_a_copy_of_the_prefix_is_the_same_release(
    environment: Environment, ecsync: Command, tmp_path: Path
) -> None:
    """With its description. It can be published again elsewhere, such as from a test account to production."""
    bucket.publish(environment, bucket.put(environment), commit="abc", subject="The subject")
    for name in keys(environment):
        path = tmp_path / "copy" / name.removeprefix("prod/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(environment.aws("s3").get_object(Bucket=BUCKET, Key=name)["Body"].read())
    first = bucket.reader(environment).fetch()
    copy = DiskSource(tmp_path / "copy", pause=0.0, settle=0.0).fetch()
    assert (copy.files, copy.about, copy.revision) == (first.files, first.about, first.revision)
    done = ecsync("publish", tmp_path / "copy", f"s3://{BUCKET}/elsewhere", "-o", "json").json
    assert (done["revision"], done["about"]) == (first.revision, {"commit": "abc", "subject": "The subject"})


# ---------------------------------------------------------------- what may not be published


def test_an_invalid_manifest_is_not_published(environment: Environment, ecsync: Command) -> None:
    """Every problem is printed, and no call is made."""
    environment.edit("retentionInDays", "retentionDays")
    mark = len(environment.simulator.ledger)
    done = ecsync("publish", environment.manifests, WHERE)
    assert done.code == 3
    assert "service.yaml:" in done.err
    assert "nothing was published" in done.err
    assert environment.simulator.ledger.entries(mark) == ()


@pytest.mark.parametrize(("text", "code"), [(None, 8), ("", 3), ("# nothing\n", 3)])
def test_an_empty_release_is_not_published(
    environment: Environment, ecsync: Command, text: str | None, code: int
) -> None:
    """A directory without a manifest or without a resource is an error, and no call is made."""
    for path in environment.manifests.iterdir():
        path.unlink()
    if text is not None:
        (environment.manifests / "a.yaml").write_text(text)
    mark = len(environment.simulator.ledger)
    done = ecsync("publish", environment.manifests, WHERE)
    assert done.code == code
    assert environment.simulator.ledger.entries(mark) == ()


@pytest.mark.parametrize("arguments", [("s3://a/b", "x"), ("x", "y"), ("x", "s3://"), ("s3://a/b", "s3://c/d")])
def test_a_wrong_order_is_a_usage_error(ecsync: Command, arguments: tuple[str, ...]) -> None:
    """The directory is first, the bucket second."""
    done = ecsync("publish", *arguments)
    assert done.code == 64
    assert "s3://bucket/prefix" in done.err


def test_an_owner_that_is_no_account_is_a_usage_error(ecsync: Command) -> None:
    """The message names the flag."""
    done = ecsync("publish", "x", WHERE, "--expected-owner", "12")
    assert done.code == 64
    assert "--expected-owner 12" in done.err


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("to", "advice"),
    [("s3://no-such-bucket/prod", "check the name of the bucket"), ("s3://b_!/x", "check the names of the bucket")],
)
def test_a_bucket_that_does_not_exist_is_named(environment: Environment, ecsync: Command, to: str, advice: str) -> None:
    """It is not tried again."""
    done = ecsync("publish", environment.manifests, to)
    assert done.code == 1
    assert to in done.err
    assert advice in done.err


def test_the_bucket_of_another_account_is_not_written(environment: Environment, ecsync: Command) -> None:
    """S3 checks the expected owner at each put."""
    done = ecsync("publish", environment.manifests, WHERE, "--expected-owner", "999999999999")
    assert done.code == 1
    assert "--expected-owner" in done.err
    assert keys(environment) == []


def test_a_denied_put_is_not_repeated(environment: Environment, ecsync: Command) -> None:
    """The message states what to allow, and that readers still see the release before."""
    bucket.publish(environment, bucket.put(environment))
    old = files(environment)
    environment.edit(*NEW_IMAGE)
    environment.simulator.fault(Fault("deny", service="s3", operation="PutObject", times=None))
    mark = len(environment.simulator.ledger)
    done = ecsync("publish", environment.manifests, WHERE)
    environment.simulator.clear_faults()
    assert done.code == 1
    assert "allow s3:PutObject" in done.err
    assert "readers still see the release before" in done.err
    assert len(environment.simulator.ledger.entries(mark)) <= len(old)
    assert bucket.contents(environment) == old


@pytest.mark.parametrize("kind", ["throttle", "error", "reset", "lost-response"])
def test_a_put_that_fails_for_a_while_is_repeated(environment: Environment, kind: Any) -> None:
    """The release is complete after throttling, server errors and lost connections at each put."""
    for skip in range(5):
        environment.edit("retentionInDays:", f"# {skip}\n    retentionInDays:")
        environment.simulator.fault(Fault(kind, service="s3", operation="PutObject", skip=skip, times=2))
        bucket.publish(environment, bucket.put(environment), commit=str(skip))
        environment.simulator.clear_faults()
        assert bucket.contents(environment) == files(environment)


def test_puts_that_fail_for_ever_end(environment: Environment) -> None:
    """After six tries, and the waits between them grow."""
    waits: list[float] = []
    environment.simulator.fault(Fault("throttle", service="s3", operation="PutObject", times=None))
    with pytest.raises(NotPublished) as caught:
        publishing.publish(bucket.release(environment), {}, bucket.put(environment), parallel=1, wait=waits.append)
    environment.simulator.clear_faults()
    assert caught.value.cause.kind == "throttled"
    assert waits == list(publishing.PAUSES)
    assert keys(environment) == []


def test_an_index_with_a_lost_answer_may_be_there(environment: Environment) -> None:
    """The message does not claim that readers see the release before."""
    through: Put = bucket.put(environment)
    count = len(files(environment))
    environment.simulator.fault(Fault("reset", service="s3", operation="PutObject", skip=count, times=None))
    with pytest.raises(NotPublished, match="may be there or not"):
        bucket.publish(environment, through)
    environment.simulator.clear_faults()


def test_two_conditional_puts_that_meet_are_repeated(environment: Environment) -> None:
    """S3 answers 409 to both, and neither is known to have failed."""
    fault = Fault("error", service="s3", operation="PutObject", code="ConditionalRequestConflict", status=409, times=2)
    environment.simulator.fault(fault)
    bucket.publish(environment, bucket.put(environment))
    assert bucket.contents(environment) == files(environment)


# ---------------------------------------------------------------- what the client may do


def test_the_client_can_do_nothing_but_put_in_its_bucket(environment: Environment) -> None:
    """Other operations and other buckets are refused before they are sent."""
    through = bucket.write_only(environment)
    client = through._client
    mark = len(environment.simulator.ledger)
    refused: tuple[Any, ...] = (
        lambda: client.list_objects_v2(Bucket=BUCKET),
        lambda: client.get_object(Bucket=BUCKET, Key="x"),
        lambda: client.delete_object(Bucket=BUCKET, Key="x"),
        lambda: client.put_object(Bucket="another", Key="x", Body=b""),
        lambda: client.put_bucket_policy(Bucket=BUCKET, Policy="{}"),
    )
    for call in refused:
        with pytest.raises(WriteRefused):
            call()
    assert environment.simulator.ledger.entries(mark) == ()


def test_objects_have_a_type_and_a_checksum(environment: Environment) -> None:
    """A person who opens an object sees text; S3 has checked its content."""
    bucket.publish(environment, bucket.put(environment))
    s3 = environment.aws("s3")
    heads = {name: s3.head_object(Bucket=BUCKET, Key=name, ChecksumMode="ENABLED") for name in keys(environment)}
    assert all(head["ChecksumCRC32"] for head in heads.values())
    types = {name: head["ContentType"] for name, head in heads.items()}
    assert types.pop("prod/ecsync.index.json") == "application/json"
    assert set(types.values()) == {"application/yaml"}


def test_an_object_that_is_there_is_not_changed(environment: Environment) -> None:
    """A put of the same release sends the same objects, on the condition that they are not there."""
    through = bucket.put(environment)
    bucket.publish(environment, through)
    s3 = environment.aws("s3")
    (name, *_) = [name for name in keys(environment) if "objects" in name]
    s3.put_object(Bucket=BUCKET, Key=name, Body=b"changed by another client")
    assert bucket.publish(environment, through).added == 0
    assert s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() == b"changed by another client"
    with pytest.raises(AwsError, match="PreconditionFailed"):
        through(name.removeprefix("prod/"), b"x", "text/plain", new=True)


# ---------------------------------------------------------------- the commit


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder."""
    command = ["git", "-C", str(folder), "-c", "user.name=Ann Example", "-c", "user.email=ann@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_release_states_the_commit_of_the_work_tree(environment: Environment, ecsync: Command) -> None:
    """With author and subject; the commit ends with `-dirty` while a file differs from it; no hook runs."""
    tree = environment.manifests
    git(tree, "init", "-q")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "Raise the limit\nof all services\n\nMore text.")
    commit = git(tree, "rev-parse", "HEAD")
    for hook in ("post-index-change", "reference-transaction", "fsmonitor-watchman", "post-checkout"):
        path = tree / ".git" / "hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {tree.parent}/hook-was-run\n")
        path.chmod(0o755)
    git(tree, "config", "core.fsmonitor", str(tree / ".git" / "hooks" / "fsmonitor-watchman"))
    done = ecsync("publish", tree, WHERE, "-o", "json")
    when = datetime.fromtimestamp(int(git(tree, "show", "-s", "--format=%ct")), UTC).isoformat().replace("+00:00", "Z")
    expected = {
        "commit": commit,
        "author": "Ann Example",
        "subject": "Raise the limit of all services",
        "committed": when,
    }
    assert done.json["about"] == expected
    found = bucket.reader(environment).fetch()
    assert found.about == expected
    assert found.revision == bucket.release(environment).revision == done.json["revision"]
    environment.edit(*NEW_IMAGE)
    changed = ecsync("publish", tree, WHERE, "-o", "json").json["about"]
    assert changed["commit"] == f"{commit}-dirty"
    assert "committed" not in changed, "what differs from the commit was not committed then"
    assert not (tree.parent / "hook-was-run").exists()


def test_a_work_tree_that_git_refuses_is_published_without_a_commit(environment: Environment, ecsync: Command) -> None:
    """As that of another user, or a broken one. A line states it, and `--revision` is the way out."""
    (environment.manifests / ".git").mkdir()
    done = ecsync("publish", environment.manifests, WHERE)
    assert done.code == 0
    assert "no commit is stated" in done.err
    assert bucket.reader(environment).fetch().about == {}
    done = ecsync("publish", environment.manifests, WHERE, "--revision", "build 7")
    assert (done.err, "build 7" in done.out) == ("", True)


def test_one_file_is_published_with_its_commit(environment: Environment, ecsync: Command) -> None:
    """Other files of its folder do not matter. Its application is named after the end of the prefix."""
    tree = environment.manifests
    git(tree, "init", "-q")
    (tree / "group.yaml").write_text("apiVersion: ecsync/v1\nresources: {LogGroup/a: {retentionInDays: 7}}\n")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "one")
    environment.edit(*NEW_IMAGE)
    assert ecsync("publish", tree / "group.yaml", WHERE, "-o", "json").json["about"]["commit"] == git(
        tree, "rev-parse", "HEAD"
    )
    assert [one["name"] for one in ecsync("validate", WHERE, "-o", "json").json["applications"]] == ["prod"]


def test_a_reader_without_the_extension_reads_the_index(environment: Environment) -> None:
    """The index stays a flat map from names to digests, and the name of the entry more is that of no manifest."""
    bucket.publish(environment, bucket.put(environment), commit="abc")
    body = environment.aws("s3").get_object(Bucket=BUCKET, Key="prod/ecsync.index.json")["Body"].read()
    index = json.loads(body)
    assert {name for name in index if name.endswith((".yaml", ".yml", ".json"))} == files(environment).keys()
    assert all(len(sha) == 64 for sha in index.values())


def test_the_text_of_a_release_is_safe_and_short(environment: Environment) -> None:
    """The publisher chooses it, so control characters are removed, and unknown members ignored."""
    bucket.publish(environment, bucket.put(environment), commit="\x1b[31m" + "x" * 1000, subject="a\nb", other="y")
    about = bucket.reader(environment).fetch().about
    assert about.keys() == {"commit", "subject"}
    assert about["subject"] == "a�b"
    assert "\x1b" not in about["commit"]
    assert len(about["commit"]) == 200


def test_progress_counts_the_objects(environment: Environment) -> None:
    """From the first to the last, for a line on a terminal."""
    seen: list[tuple[int, int]] = []
    release = bucket.release(environment)
    publishing.publish(release, {}, bucket.put(environment), progress=lambda done, of: seen.append((done, of)))
    assert seen == [(number, 3) for number in (1, 2, 3)]


# ---------------------------------------------------------------- a process that is killed


@pytest.mark.parametrize("moment", ["before_call", "after_call"])
def test_a_process_that_is_killed_leaves_one_release(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """SIGKILL at the first object, at the last one and at the index, as S3 receives the put or has done it."""
    simulator = environment.simulator
    through = bucket.put(environment)
    bucket.publish(environment, through)
    puts = len(files(environment)) + 1
    for number in (0, puts - 2, puts - 1):
        old = files(environment)
        environment.edit("retentionInDays:", f"# {number}\n    retentionInDays:")
        new = files(environment)
        with subprocess.Popen([ECSYNC, "publish", environment.manifests, WHERE], stderr=subprocess.PIPE) as process:
            count = iter(range(100))

            def kill(
                _service: str, operation: str, process: Any = process, count: Any = count, at: int = number
            ) -> None:
                if operation == "PutObject" and next(count) == at:
                    process.kill()
                    raise ConnectionResetError

            monkeypatch.setattr(simulator, moment, kill)
            assert process.wait(30) == -9
        monkeypatch.setattr(simulator, moment, None)
        done = number == puts - 1 and moment == "after_call"
        assert bucket.contents(environment) == (new if done else old)
        bucket.publish(environment, through)
        assert bucket.contents(environment) == new
