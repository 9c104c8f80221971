"""A lease as a locked file, for processes of one machine.

The lock is the kernel's (`flock`): it ends with its process, also after SIGKILL, and never while the process lives. So
it needs no term and no clock, and a paused process cannot wake up as a second writer. A file that is removed or
replaced is a lost lease, because another process may lock the new one.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict
from pathlib import Path

from ecsync.core.ports import Holder, LeaseError

_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_ATTEMPTS = 5  # to lock the file that has the name, while others remove it
_LONGEST = 10_000  # bytes of a holder
_UNKNOWN = Holder(who="another process", operation="?", version="?", since="?")


class FileLease:
    """The lease over a file (`core.ports.Lease`). One thread calls `keep` and `release`, any thread `held`."""

    def __init__(self, path: Path, holder: Holder) -> None:
        self._path = path
        self._holder = holder
        self._file: int | None = None  # the descriptor of the locked file

    def held(self, seconds: float = 0.0) -> bool:
        """Return whether this process has locked the file that has the name now."""
        del seconds  # a lock has no end
        return self._file is not None and self._is_named(self._file)

    def keep(self, *, force: bool = False) -> Holder | None:
        """Lock the file, if it is not locked already; return the other holder if there is one."""
        if self.held():
            return None
        taken_by = self._taken_by()
        self._close()
        try:
            if force:
                self._inform_holder()
                self._path.unlink(missing_ok=True)
            return taken_by if taken_by is not None and not force else self._lock()
        except OSError as error:
            raise self._unwritable(error) from error

    def release(self) -> None:
        """Remove the file while it is locked, and unlock it."""
        try:
            if self.held():
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self._close()

    def _lock(self) -> Holder | None:
        for _ in range(_ATTEMPTS):
            file = os.open(self._path, _OPEN, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with os.fdopen(file) as other:
                    return _read(other.read())
            except OSError:
                os.close(file)
                raise
            if self._is_named(file):
                os.ftruncate(file, 0)
                os.pwrite(file, json.dumps(asdict(self._holder)).encode(), 0)
                self._file = file
                return None
            os.close(file)
        raise LeaseError(f"{self._path} is removed again and again")

    def _taken_by(self) -> Holder | None:
        """Return the process that took the lease since this one last looked; it may have given it back already."""
        if self._file is None:
            return None
        found = _read(os.pread(self._file, _LONGEST, 0).decode(errors="replace"))
        return None if found == self._holder else found  # only removed: it is locked again

    def _inform_holder(self) -> None:
        """Write into the file that the holder has locked who takes the lease from it: that file loses its name."""
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        with os.fdopen(file, "w") as other:
            other.write(json.dumps(asdict(self._holder)))

    def _is_named(self, file: int) -> bool:
        """Return whether the locked file still has the name."""
        try:
            return os.path.samestat(os.fstat(file), self._path.stat(follow_symlinks=False))
        except OSError:
            return False

    def _unwritable(self, error: OSError) -> LeaseError:
        hint = "choose another place with the setting `lease`, or `lease: none` where no other controller can run"
        return LeaseError(f"{self._path} cannot be written ({error.strerror}); {hint}")

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _read(text: str) -> Holder:
    """Return the holder in a file that another process has locked; it may be writing it."""
    try:
        return Holder(**json.loads(text))
    except (ValueError, TypeError):
        return _UNKNOWN
