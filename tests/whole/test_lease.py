"""Two daemons, as processes, on one source: one writes, the other reports who does, and continues when it is gone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ecsync import wiring
from ecsync.config import Settings
from ecsync.lease.records import Record, Store
from ecsync.lease.stores import DynamoDbStore, S3Store
from tests.git.repository import git
from tests.lease.memory_store import holder
from tests.whole.support.command import Command
from tests.whole.support.daemon_process import Process, daemon
from tests.whole.support.environment import (
    INSTALLATION,
    QUICKSTART_CREATES,
    REGION,
    Environment,
    SharedClouds,
    count_creates,
    operations,
)
from tests.whole.support.in_process_daemon import advancing_time, get, metric, wait_until

BUCKET, TABLE = "manifests", "ecsync-leases"
PERIOD = 4.0  # seconds of the lease
FILE = f".ecsync-lease-{INSTALLATION}"


@pytest.fixture(autouse=True)
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that is taken over after seconds."""
    monkeypatch.setenv("ECSYNC_LEASE_PERIOD", str(PERIOD))


def on_disk(environment: Environment, _: pytest.MonkeyPatch) -> str:
    """The source is a directory."""
    return str(environment.manifests)


def in_s3(environment: Environment, _: object = None) -> str:
    """The source is a bucket."""
    create_bucket(environment)
    for path in environment.manifests.iterdir():
        environment.aws("s3").put_object(Bucket=BUCKET, Key=f"prod/{path.name}", Body=path.read_bytes())
    return f"s3://{BUCKET}/prod"


def in_git(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> str:
    """The source is a git repository, and the lease is in a table."""
    create_table(environment)
    monkeypatch.setenv("ECSYNC_LEASE", f"dynamodb:{TABLE}")
    git("init", "--quiet", "--initial-branch=main", at=environment.manifests)
    commit(environment)
    return f"git+file://{environment.manifests}@main"


def commit(environment: Environment) -> None:
    """Commit the manifests."""
    git("add", "--all", at=environment.manifests)
    git("commit", "--quiet", "--message=a change", at=environment.manifests)


def create_bucket(environment: Environment) -> None:
    """Create the bucket."""
    environment.aws("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})


def create_table(environment: Environment) -> None:
    """Create the table, as docs/cli.md has it."""
    environment.aws("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )


@pytest.fixture(params=[on_disk, in_s3, in_git])
def where(environment: Environment, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The source: the quickstart, looked at every 5 s."""
    environment.edit("interval: 30s", "interval: 5s", "application.yaml")
    place: Callable[[Environment, pytest.MonkeyPatch], str] = request.param
    return place(environment, monkeypatch)


def application(process: Process) -> dict[str, Any]:
    """Return the quickstart as a daemon reports it; empty before the first reading."""
    status, body = get(f"{process.url}/api/v1/applications/quickstart")
    found: dict[str, Any] = json.loads(body) if status == 200 else {}
    return found


def is_converged(process: Process) -> bool:
    """Return whether a daemon reports the quickstart as Synced and Healthy."""
    found = application(process)
    return (found.get("sync"), found.get("health")) == ("Synced", "Healthy")


def writes(process: Process) -> bool:
    """Return whether a daemon holds the lease."""
    return metric(process.url, "ecsync_lease_held") == 1.0


def waits(process: Process) -> bool:
    """Return whether a daemon has made a pass in which another process held the lease."""
    last = application(process).get("lastPass") or {}
    return metric(process.url, "ecsync_lease_held") == 0.0 and "the lease is held by " in last.get("onlyLooked", "")


def lease_events(process: Process) -> list[str]:
    """Return the types of the events of the lease, oldest first."""
    items = json.loads(get(f"{process.url}/api/v1/events?type=lease.*")[1])["items"]
    return [one["type"] for one in reversed(items)]


def aws_writes(environment: Environment, since: int = 0) -> list[str]:
    """Return the mutating calls since a mark, without those of the lease itself."""
    made = operations(environment.simulator.ledger.mutations(since))
    return [name for name in made if not name.startswith(("s3.", "dynamodb."))]


def creates(environment: Environment) -> Counter[str]:
    """Return how often each create operation succeeded, without those of the test itself."""
    made = count_creates(environment.simulator.ledger.mutations())
    return Counter({name: count for name, count in made.items() if not name.startswith(("s3.", "dynamodb."))})


def test_of_two_daemons_one_writes_and_the_other_reports_and_takes_over(environment: Environment, where: str) -> None:
    """The creates are those of one; after SIGKILL of the holder the other one repairs drift within the lease's time."""
    with advancing_time(environment), ExitStack() as both:
        daemons = [both.enter_context(daemon(where)) for _ in range(2)]
        wait_until(lambda: any(writes(one) for one in daemons) and any(waits(one) for one in daemons))
        holding, waiting = sorted(daemons, key=waits)
        wait_until(lambda: is_converged(holding) and is_converged(waiting), timeout=60)
        assert creates(environment) == QUICKSTART_CREATES
        assert lease_events(waiting) == ["lease.waiting"]
        assert lease_events(holding) == ["lease.taken"]
        status, body = get(f"{waiting.url}/readyz")
        assert status == 200
        assert json.loads(body)["lease"].startswith("held by ")
        since = len(environment.simulator.ledger)
        holding.kill()
        environment.aws("ecs").update_service(cluster="quickstart", service="web", desiredCount=0)
        wait_until(lambda: writes(waiting), timeout=3 * PERIOD)
        wait_until(lambda: environment.service()["desiredCount"] == 2)
        assert aws_writes(environment, since) == ["ecs.UpdateService"] * 2  # the change, and its repair
        assert lease_events(waiting) == ["lease.waiting", "lease.taken"]


def test_a_controller_is_replaced_by_a_new_one(environment: Environment, where: str) -> None:
    """The new one starts before the old one ends: SIGTERM gives the lease over, and nothing is written twice."""
    with advancing_time(environment), ExitStack() as both:
        old = both.enter_context(daemon(where))
        wait_until(lambda: is_converged(old), timeout=60)
        new = both.enter_context(daemon(where))
        wait_until(lambda: waits(new))
        code, _ = old.terminate()
        assert code == 0
        wait_until(lambda: writes(new))
        wait_until(lambda: is_converged(new))
    assert creates(environment) == QUICKSTART_CREATES


def test_a_holder_that_was_paused_writes_nothing_when_it_continues(environment: Environment) -> None:
    """Its time was over before it woke up: it reports who holds the lease, and the other one has repaired the drift."""
    environment.edit("interval: 30s", "interval: 5s", "application.yaml")
    where = in_s3(environment)
    with advancing_time(environment), ExitStack() as both:
        holding = both.enter_context(daemon(where))
        wait_until(lambda: is_converged(holding), timeout=60)
        waiting = both.enter_context(daemon(where))
        wait_until(lambda: waits(waiting))
        holding.pause()
        wait_until(lambda: writes(waiting), timeout=3 * PERIOD)
        since = len(environment.simulator.ledger)
        environment.aws("ecs").update_service(cluster="quickstart", service="web", desiredCount=0)
        holding.resume()
        wait_until(lambda: waits(holding))
        wait_until(lambda: environment.service()["desiredCount"] == 2)
        wait_until(lambda: is_converged(holding) and is_converged(waiting))
        assert lease_events(holding) == ["lease.taken", "lease.lost"]
    assert aws_writes(environment, since) == ["ecs.UpdateService"] * 2


def test_two_daemons_with_different_manifests_do_not_fight(environment: Environment, where: str) -> None:
    """The holder has not read the new image: nothing is written. The other one deploys it when it holds the lease."""
    with advancing_time(environment), ExitStack() as both:
        old = both.enter_context(daemon(where, source_interval=3600))
        wait_until(lambda: is_converged(old), timeout=60)
        since = len(environment.simulator.ledger)
        environment.edit("nginx:1.27", "nginx:1.28", "application.yaml")
        if where.startswith("s3://"):
            body = (environment.manifests / "application.yaml").read_bytes()
            environment.aws("s3").put_object(Bucket=BUCKET, Key="prod/application.yaml", Body=body)
        if where.startswith("git+"):
            commit(environment)
        new = both.enter_context(daemon(where))
        wait_until(lambda: waits(new) and application(new)["sync"] == "OutOfSync")
        assert aws_writes(environment, since) == []
        old.kill()
        wait_until(lambda: writes(new) and is_converged(new), timeout=60)
    made = aws_writes(environment, since)
    assert made.count("ecs.RegisterTaskDefinition") == made.count("ecs.UpdateService") == 1


def test_apply_ends_with_7_while_a_daemon_holds_the_lease(
    environment: Environment, ecsync: Command, where: str
) -> None:
    """It names the holder. With --force it applies, and the daemon reports the reason and goes on."""
    with advancing_time(environment), daemon(where) as process:
        wait_until(lambda: is_converged(process), timeout=60)
        since = len(environment.simulator.ledger)
        refused = ecsync("apply", where)
        assert refused.code == 7
        assert "the lease is held by " in refused.err
        assert " run, since " in refused.err
        assert aws_writes(environment, since) == []
        assert ecsync("apply", where, "--force", "incident 7").code == 0
        wait_until(lambda: lease_events(process) == ["lease.taken", "lease.lost", "lease.taken"])
        items = json.loads(get(f"{process.url}/api/v1/events?type=lease.lost")[1])["items"]
        assert [one["detail"]["reason"] for one in items] == ["incident 7"]


class TestPlaces:
    """Where the lease is."""

    def test_a_file_is_beside_the_manifests_while_it_is_held(self, environment: Environment, ecsync: Command) -> None:
        """It is hidden, is no manifest, and is gone afterwards."""
        with advancing_time(environment), daemon(environment.manifests) as process:
            wait_until(lambda: is_converged(process), timeout=60)
            assert (environment.manifests / FILE).exists()
            assert ecsync("plan", environment.manifests, "--detailed-exitcode").code == 0
            process.terminate()
        assert not (environment.manifests / FILE).exists()

    def test_a_directory_that_cannot_be_written_needs_another_place(
        self, environment: Environment, ecsync: Command, tmp_path: Path
    ) -> None:
        """Nothing is written without a lease, unless the operator wants none or names a place."""
        (environment.manifests / FILE).mkdir()  # as good as a read-only directory, also for root
        refused = ecsync("apply", environment.manifests)
        assert refused.code == 7
        assert "lease: none" in refused.err
        assert aws_writes(environment) == []
        elsewhere = f"file:{tmp_path / 'lease'}"
        assert ecsync("apply", environment.manifests, "--lease", elsewhere, "--no-wait").code == 0
        assert ecsync("apply", environment.manifests, "--lease", "none", "--no-wait").code == 0

    def test_a_daemon_that_writes_nothing_takes_no_lease(self, environment: Environment, ecsync: Command) -> None:
        """`plan` and a read-only daemon work beside the holder."""
        assert ecsync("plan", environment.manifests).code == 0
        assert not (environment.manifests / FILE).exists()


def s3_store(environment: Environment, clouds: wiring.Clouds) -> Store:
    """A record in a bucket."""
    create_bucket(environment)
    return S3Store(clouds.of_lease(REGION), BUCKET, "prod/lease")


def dynamodb_store(environment: Environment, clouds: wiring.Clouds) -> Store:
    """A record in a table."""
    create_table(environment)
    return DynamoDbStore(clouds.of_lease(REGION), TABLE, INSTALLATION)


@pytest.mark.parametrize("make", [s3_store, dynamodb_store])
def test_a_store_writes_only_over_the_version_that_was_read(
    environment: Environment, make: Callable[[Environment, wiring.Clouds], Store]
) -> None:
    """Also where there is none."""
    clouds = SharedClouds(settings=Settings(region=REGION), read_only=False, clients=environment.clients)
    store = make(environment, clouds)
    first, second, third = (Record(nonce="a", counter=n, term=1.0, holder=holder("a")) for n in range(3))
    assert store.read() is None
    assert not store.write(first, over="no-such-version")
    assert store.write(first, over=None)
    assert not store.write(second, over=None)
    read = store.read()
    assert read is not None
    assert read[0] == first
    assert store.write(second, over=read[1])
    assert not store.write(third, over=read[1])
    again = store.read()
    assert again is not None
    assert again[0] == second
