"""Passes that only look: what another process repairs is seen within an interval, whatever its cadence."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ecsync.core.kind import Collection
from ecsync.core.model import Application
from ecsync.core.outcome import Outcome
from ecsync.engine.reconciler import PassOptions
from tests.engine.passes import KINDS, Account, SharedAccount, document, ref, shop

MEDIUM = Collection(operation="memory.DescribeLeaf", cadence="medium", ids="names", size=20, items="found", key="name")
SLOW = Collection(operation="memory.DescribeNet", cadence="slow")


@dataclass
class Looking(SharedAccount):
    """An account of which leaves are read at the medium cadence, and nets at the slow one."""

    def __post_init__(self) -> None:
        """Set the cadences."""
        cadences = {"Leaf": (MEDIUM,), "Net": (SLOW,)}
        self.kinds = {
            name: replace(kind, collections=cadences.get(name, kind.collections)) for name, kind in KINDS.items()
        }

    def look(self, application: Application) -> Outcome:
        """Make a pass that only looks, an interval after the last one."""
        self.clock.advance(application.sync.interval)
        return self.run(application, options=PassOptions(enforce=False))

    def asked(self, operation: str) -> int:
        """Return how often an operation was called."""
        assert self.inventory is not None
        return sum(count for (name, _), count in self.inventory.reads.items() if name == operation)


def leaves(count: int, colour: str = "red") -> Application:
    """Return an application with so many leaves, looked at every 30 seconds."""
    found = shop(*(document(f"Leaf/n{number:03}", colour=colour) for number in range(count)))
    return replace(found, sync=replace(found.sync, interval=30.0))


def settled(application: Application) -> Account:
    """Return an account in which another process has applied the application."""
    other = Account()
    other.settle(application)
    return other


def test_what_another_process_creates_is_seen_in_the_next_pass() -> None:
    """Its absence was read before, and would be taken for two minutes more."""
    application, looking = leaves(3), Looking()
    assert looking.look(application).sync == "OutOfSync"
    assert looking.look(application).sync == "OutOfSync"
    looking.cloud.objects = settled(application).cloud.objects
    assert looking.look(application).sync == "Synced"


def test_what_another_process_changes_is_seen_in_the_next_pass() -> None:
    """Not only what is not there: each difference is for another process to repair."""
    looking = Looking()
    looking.cloud.objects = settled(leaves(3)).cloud.objects
    application = leaves(3, "blue")
    assert looking.look(application).sync == "OutOfSync"
    looking.cloud.objects = settled(application).cloud.objects
    assert looking.look(application).sync == "Synced"


def test_a_looked_up_resource_that_a_person_creates_is_found_in_the_next_pass_also_by_a_process_that_writes() -> None:
    """This process never writes it, so it does not read it for a step either."""
    looking = Looking()
    application = shop(document("Net/net"), document("App/app", net=ref("Net/net")))
    assert looking.run(application).sync == "Unknown"
    looking.clock.advance(application.sync.interval)
    looking.cloud.objects["Net-0"] = {"name": "net"}
    looking.run(application)
    assert looking.there()["App"] == ["app"]


def test_many_differences_are_read_in_turn() -> None:
    """A pass reads twenty of them again, so the calls of a site with a thousand do not grow; each has its turn."""
    application, looking = leaves(60), Looking()
    for _ in range(2):
        assert looking.look(application).sync == "OutOfSync"
    looking.cloud.objects = settled(application).cloud.objects
    first = looking.look(application)
    assert len(first.plan.steps) == 40
    looking.look(application)
    assert looking.look(application).sync == "Synced"


def test_what_only_has_to_be_adopted_is_read_at_its_cadence() -> None:
    """It does not differ: many resources wait for `ecsync adopt` while a team looks at them first."""
    application, looking = leaves(3), Looking()
    other = settled(application)
    for name in ("n000", "n001", "n002"):
        other.body(f"Leaf/{name}").pop("tags")
    looking.cloud.objects = other.cloud.objects
    for _ in range(3):
        assert len(looking.look(application).plan.steps) == 3
    assert looking.asked("memory.DescribeLeaf") <= 2


def test_a_site_at_rest_is_read_at_its_cadences() -> None:
    """Only what differs is read more often."""
    looking, application = Looking(), leaves(3)
    looking.cloud.objects = settled(application).cloud.objects
    for _ in range(3):
        assert looking.look(application).sync == "Synced"
    assert looking.asked("memory.DescribeLeaf") == 1
