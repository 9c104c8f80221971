"""How long a commit takes until it is applied and healthy."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime

from ecsync.core.outcome import Event

_KEPT = 200  # revisions with a known time


class LeadTimes:
    """The times of commits, and what each application waits for. Safe across threads.

    A commit counts for an application if it changed something of it: a repair of drift has no lead time. Of several
    commits that were applied before the application was healthy, the last one counts.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._committed: OrderedDict[str, float] = OrderedDict()  # revision -> Unix time
        self._applied: dict[str, str] = {}  # application -> the revision with which something was changed last

    def committed(self, revision: str, time: str) -> None:
        """Note when the commit of a revision was made, in ISO 8601; what is no time with a zone is not known."""
        try:
            found = datetime.fromisoformat(time)
        except ValueError:
            return
        if found.tzinfo is None:
            return
        with self._lock:
            self._committed[revision] = found.timestamp()
            self._committed.move_to_end(revision)
            while len(self._committed) > _KEPT:
                self._committed.popitem(last=False)

    def record(self, event: Event, *, drifts: bool) -> float | None:
        """Take an event; return the seconds of the commit that it completes. `drifts`: the resource of the event does.

        None where nothing is completed, or where the time of the commit is not known.
        """
        with self._lock:
            if _applies(event) and not drifts:
                self._applied[event.application] = event.revision
            elif event.type == "sync.succeeded":
                at = self._committed.get(self._applied.pop(event.application, ""))
                return None if at is None else max(0.0, event.time.timestamp() - at)
        return None

    def forget(self, application: str) -> None:
        """Forget an application."""
        with self._lock:
            self._applied.pop(application, None)


def _applies(event: Event) -> bool:
    """Return whether an event reports that a change of the manifests was sent to AWS."""
    if event.type in ("resource.created", "resource.replaced", "resource.deleted"):
        return True
    return event.type == "resource.updated" and any(field.reason == "pending" for field in event.fields)
