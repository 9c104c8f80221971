"""Two controllers in turns, call by call: a seed decides who goes on, who is paused or dies, and how time goes by.

Each controller has two threads, as the daemon has: one keeps the lease, one makes passes of the engine. The lease is a
real one of each kind: a locked file, an object in S3, an item in DynamoDB.
"""

from __future__ import annotations

import json
import random
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from botocore.exceptions import ReadTimeoutError

from ecsim.account.ledger import LedgerEntry
from ecsync.core.ports import AwsError, Lease, WritesStopped
from ecsync.engine.reconciler import PassOptions
from ecsync.lease.files import FileLease
from ecsync.lease.keeper import Keeper, Timing
from ecsync.lease.records import RecordLease, Store
from ecsync.lease.stores import DynamoDbStore, S3Store
from tests.chaos.account import contents, difference
from tests.chaos.faults import COUNTED, Call
from tests.chaos.forks import Broken, Copy, in_copies
from tests.chaos.stage import Stage, World
from tests.chaos.walks import FIRST, Body, port_rule, second_group
from tests.chaos.wire import URL
from tests.lease.memory_store import holder
from tests.lease.two_controllers import Turns
from tests.whole.support.environment import SETTLE_SECONDS, Controller

TIMING = Timing(period=40.0)
PLACES = ("file", "s3", "dynamodb")
STEPS = 100  # turns with pauses, deaths and lost answers
CALM = (*[4.0] * 11, *[15.0] * 15)  # seconds after each round without them: a takeover, and the reads of every cadence
PASSES_EVERY = 5  # of these rounds
MOST_TURNS = 400  # of a pass
OF_THE_LEASE = ("s3", "dynamodb")
BUCKET, TABLE = "leases", "leases"
NAMES = ("Network/main", "Cluster/main", "LogGroup/web", "SecurityGroup/web", "TargetGroup/web", "TaskDefinition/web")
STACK: dict[str, Body] = {
    **{name: FIRST[name] for name in NAMES[:-1]},
    "SecurityGroup/web": {**FIRST["SecurityGroup/web"], "IpPermissions": [port_rule(80, "0.0.0.0/0")]},
    "SecurityGroup/two": second_group(80),
    "SecurityGroup/three": {**FIRST["SecurityGroup/web"], "GroupName": "walk-three"},
    "TaskDefinition/web": {
        "family": "walk-web", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": 256,
        "memory": 1024, "containerDefinitions": [{"name": "web", "image": "nginx:1"}],
    },
}  # fmt: skip
MORE: dict[str, Body] = {"LogGroup/more": {"logGroupName": "/walk/more"}}  # in the manifests of the second one only
APPLICATION = {
    "apiVersion": "ecsync/v1",
    "kind": "Application",
    "metadata": {"name": "walk"},
    "spec": {"target": {"region": "eu-west-1"}, "manage": ["all"], "sync": {"mode": "enforce", "interval": "30s"}},
}


@dataclass(frozen=True)
class Made:
    """What one controller makes that is alone."""

    creates: Counter[str]
    lines: tuple[str, ...]


@dataclass
class Process:
    """One controller: its lease, its passes, and what became of it."""

    name: str
    controller: Controller
    lease: Lease
    permitted: float = 0.0  # until then a write that was permitted may take effect
    paused: int = 0  # turns for which it does not run
    stopping: bool = False
    passes: int = 0

    def start(self, now: Callable[[], float]) -> None:
        """Start both threads; each waits for its turn."""
        self.now = now
        self.keeper = Keeper(self.lease, TIMING)
        self.controller.workspace.clouds.permit = self._permit
        self.passing = Turns(self._pass)
        self.keeping = Turns(self._keep)

    @property
    def over(self) -> bool:
        """Return whether the process has ended."""
        return self.keeping.over and self.passing.over

    def kill(self) -> None:
        """Send SIGKILL: the kernel closes its files."""
        self.keeping.kill()
        self.passing.kill()
        if isinstance(self.lease, FileLease):
            self.lease._close()

    def _permit(self) -> None:
        self.keeper.permit()
        self.permitted = self.now() + TIMING.needed

    def _keep(self) -> None:
        while not self.passing.over:
            self.keeper.round()
            until = self.now() + TIMING.every
            while self.now() < until and not self.passing.over:
                self.keeping.back()
        self.keeper.release()

    def _pass(self) -> None:
        while not self.stopping:
            options = PassOptions(enforce=self.keeper.state().held, may_go_on=lambda: not self.stopping)
            with suppress(AwsError, WritesStopped):
                self.controller.run_pass(options)
            self.passes += 1
            self.passing.back()


@dataclass
class Schedule:
    """One schedule: a seed makes it, and it makes the same again."""

    stage: Stage
    seed: str
    folder: Path
    running: dict[str, Process] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    calm: bool = False

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311  # no secret
        self.place = PLACES[self.random.randrange(len(PLACES))]
        self.same = self.random.random() < 0.5  # both have the same manifests
        self.started = 0

    def play(self, alone: Mapping[str, Made]) -> list[str]:
        """Play it; return what is wrong. `alone` is what one controller makes, by its manifests."""
        with self.stage.environment.writes() as made:
            self._disturbed()
            self._calm()
        clean = alone["one" if self.same else "two"]
        if surplus := creates(made) - clean.creates:
            self.violations.append(f"created beyond what one controller creates: {dict(surplus)}")
        if self.same and (other := difference(clean.lines, lines(self.stage))):
            self.violations.append(f"the account differs: {other}")
        return self.violations

    # ------------------------------------------------------------ the schedule

    def _disturbed(self) -> None:
        clock, pick = self.stage.simulator, self.random
        for side in ("one", "two"):
            self._start(side)
        for _ in range(STEPS):
            one = self.running[pick.choice(("one", "two"))]
            clock.advance(pick.choice((0.0, 0.0, 0.1, 0.5, 1.0, 3.0)))
            chance = pick.random()
            if one.paused:
                one.paused -= 1
                continue
            if chance < 0.01:
                one.kill()
            elif chance < 0.02:
                one.stopping = True
            elif chance < 0.03:
                one.paused = pick.randrange(1, 30)
            elif chance < 0.04:
                clock.advance(pick.uniform(0, 2 * TIMING.period))
            elif chance < 0.05:
                self.stage.world.clock.set_by(pick.choice((3600.0, -3600.0, 86_400.0)))
            elif chance < 0.08:
                self._open_port()
            self._go(one, pick.choice(("keeping", "passing")), pick.randrange(1, 8))
            if one.over:
                self._start(one.name.partition("-")[0])

    def _open_port(self) -> None:
        """Let a person open a port of a security group that refers to another one."""
        ec2 = self.stage.aws("ec2")
        found = [one for one in ec2.describe_security_groups()["SecurityGroups"] if one["GroupName"] == "walk-two"]
        for one in found:
            opened = [port_rule(self.random.randrange(1000, 60_000), "10.1.0.0/16")]
            ec2.authorize_security_group_ingress(GroupId=one["GroupId"], IpPermissions=opened)

    def _calm(self) -> None:
        """Let everything go on without faults. A process that holds the lease within its period is required."""
        self.calm, waited = True, 0.0
        for side, one in list(self.running.items()):
            if one.stopping:
                one.kill()
                self._start(side)
        for number, seconds in enumerate(CALM):
            for one in self.running.values():
                self._go(one, "keeping", 12)
            held = any(one.lease.held() for one in self.running.values())
            waited = 0.0 if held else waited + seconds
            if waited > TIMING.period:
                self.violations.append(f"no process holds the lease after {waited:g} s")
            for one in self.running.values() if number % PASSES_EVERY == 0 else ():
                self._pass_of(one)
            self.stage.simulator.advance(seconds)
        for one in self.running.values():
            one.kill()

    def _pass_of(self, one: Process) -> None:
        """Let a process end its pass, and make a whole one."""
        before = one.passes
        for _ in range(MOST_TURNS):
            if one.passes >= before + 2:
                return
            self._go(one, "passing", 1)
        self.violations.append(f"{one.name} makes no pass in {MOST_TURNS} turns")

    def _go(self, one: Process, thread: str, turns: int) -> None:
        turning: Turns = getattr(one, thread)
        for _ in range(turns):
            turning.give()
        holders = [process.name for process in self.running.values() if process.lease.held()]
        if len(holders) > 1:
            self.violations.append(f"{holders} hold the lease")

    # ------------------------------------------------------------ its processes

    def _start(self, side: str) -> None:
        self.started += 1
        name = f"{side}-{self.started}"
        where = self.folder / ("one" if self.same else side)
        controller = Controller(self.stage.environment, str(where), patient=True)
        one = self.running[side] = Process(name, controller, self._lease(name))
        one.start(self.stage.simulator.clock.now)

    def _lease(self, name: str) -> Lease:
        if self.place == "file":
            return FileLease(self.folder / f"lease-{self.seed}", holder(name))
        cloud = Controller(self.stage.environment, str(self.folder / "one")).workspace.clouds.of_lease("eu-west-1")
        store: Store = S3Store(cloud, BUCKET, "lease") if self.place == "s3" else DynamoDbStore(cloud, TABLE, "test")
        clock = self.stage.simulator.clock
        return RecordLease(store, holder(name), nonce=name, term=TIMING.term, monotonic=clock.now)

    # ------------------------------------------------------------ at each call

    def before(self, call: Call) -> None:
        """Switch before the effect of a call; a write that was permitted does not take effect late."""
        one, turning = self._current()
        if one is None or turning is None:
            return
        turning.back()
        if call.service in OF_THE_LEASE:
            self._lose(0.03)
        elif call.writes:
            if self.stage.simulator.clock.now() >= one.permitted:
                raise _lost()
            others = [other.name for other in self.running.values() if other is not one and other.lease.held()]
            if others or not one.lease.held():
                self.violations.append(f"{one.name} sends {call} while {others or ['no process']} hold the lease")

    def after(self, call: Call) -> None:
        """Switch after the effect of a call; the answer of a call to the place of the lease may be lost."""
        one, turning = self._current()
        if one is not None and turning is not None:
            turning.back()
            if call.service in OF_THE_LEASE:
                self._lose(0.06)

    def _lose(self, share: float) -> None:
        if not self.calm and self.random.random() < share:
            raise _lost()

    def _current(self) -> tuple[Process | None, Turns | None]:
        thread = threading.current_thread()
        for one in self.running.values():
            for turning in (one.keeping, one.passing):
                if turning.thread is thread:
                    return one, turning
        return None, None


def lines(stage: Stage) -> tuple[str, ...]:
    """Return what is in the account at rest."""
    stage.simulator.advance(SETTLE_SECONDS)
    return tuple(contents(stage.aws).splitlines())


def _of_one(stage: Stage, manifests: Path) -> Made:
    with stage.environment.writes() as made:
        Controller(stage.environment, str(manifests)).converge(pause=SETTLE_SECONDS)
    return Made(creates(made), lines(stage))


def _lost() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url=URL, error="timeout")


def creates(made: Iterable[LedgerEntry]) -> Counter[str]:
    """Return how often each create was sent, without those of the lease. One that AWS refuses is one too many."""
    return Counter(
        f"{one.service}.{one.operation}"
        for one in made
        if one.operation.startswith(COUNTED) and one.service not in OF_THE_LEASE
    )


@dataclass(frozen=True)
class Played:
    """The end of a schedule."""

    seed: str
    violations: tuple[str, ...] = ()
    ended: bool = True


def schedules(world: World, seeds: Iterable[str], until: Callable[[], bool]) -> Iterator[Played]:
    """Play a schedule for each seed, in a copy of the process."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(world, Path(folder), "eu-west-1")
        _create_places(stage)
        manifests = {"one": Path(folder) / "one", "two": Path(folder) / "two"}
        _write(manifests["one"], STACK)
        _write(manifests["two"], {**STACK, **MORE})
        contents(stage.aws)  # loads what the copies need
        alone = {name: Copy.of(partial(_of_one, stage, path)).result() for name, path in manifests.items()}

        def make(seed: str) -> Played:
            if until():
                return Played(seed, ended=False)
            schedule = Schedule(stage, seed, Path(folder))
            world.answers.before, world.answers.after = schedule.before, schedule.after
            return Played(seed, tuple(schedule.play(alone)))

        for seed, found in in_copies(make, seeds):
            yield Played(seed, (found.why, *found.explained)) if isinstance(found, Broken) else found


def _write(manifests: Path, documents: dict[str, Body]) -> None:
    manifests.mkdir()
    (manifests / "application.json").write_text(json.dumps(APPLICATION))
    (manifests / "stack.json").write_text(json.dumps({"apiVersion": "ecsync/v1", "resources": documents}))


def _create_places(stage: Stage) -> None:
    stage.aws("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    stage.aws("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
