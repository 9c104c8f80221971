"""What the HTTP server shows of the daemon: who is stuck, and how old the manifests are."""

from __future__ import annotations

from ecsync.core.ports import Snapshot, SourceError
from ecsync.engine.store import Store
from ecsync.sources.last_good import LastGood
from ecsync.testing import FakeClock
from ecsync.wiring.http_view import DaemonView, Heartbeats


class Source:
    """A source that is there."""

    def fetch(self) -> Snapshot:
        """Return the same snapshot each time."""
        return Snapshot(revision="1", files={"a.yaml": b""})


def view(clock: FakeClock, last_good: LastGood, heartbeats: Heartbeats | None = None) -> DaemonView:
    """Return a view in which a read of the source is late after 90 s."""
    beats = heartbeats or Heartbeats(clock)
    return DaemonView(
        store=Store(),
        last_good=last_good,
        heartbeats=beats,
        addresses={"": "manifests"},
        late=90.0,
        ask_retry=lambda *_: "",
    )


def test_each_worker_has_a_heartbeat_of_its_own() -> None:
    """A worker that beats does not hide one that is stuck."""
    clock = FakeClock()
    heartbeats = Heartbeats(clock)
    for number in range(4):
        heartbeats.expect(f"worker-{number}", 60.0)
    clock.advance(500)
    heartbeats.beat("worker-3")
    ages = {name: beat.age for name, beat in view(clock, LastGood(Source(), clock), heartbeats).heartbeat().items()}
    assert ages == {"worker-0": 500, "worker-1": 500, "worker-2": 500, "worker-3": 0}


def test_an_old_read_of_the_source_is_not_ready() -> None:
    """Although its last read succeeded: reads have stopped, and changes of the manifests are not seen."""
    clock = FakeClock()
    last_good = LastGood(Source(), clock)
    shown = view(clock, last_good)
    assert shown.readiness()["source"] == "not read yet"
    last_good.refresh()
    clock.advance(90)
    assert shown.readiness()["source"] == ""
    clock.advance(1)
    assert shown.readiness()["source"] == "not read for 91 s"


def test_a_read_that_was_refused_is_not_ready() -> None:
    """The loader failed with what the source returned."""
    clock = FakeClock()
    last_good = LastGood(Source(), clock)
    last_good.refresh()
    last_good.refuse(SourceError("an internal error (TypeError): see the log", reason="internal"))
    assert "internal error (TypeError)" in view(clock, last_good).readiness()["source"]
    assert not last_good.current().complete
    last_good.refresh()
    assert view(clock, last_good).readiness()["source"] == ""
