"""A lease over a file: the kernel's lock, and a file that others remove."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ecsync.core.ports import LeaseError
from ecsync.lease.files import FileLease
from tests.lease.memory_store import holder

CHILD = """
import sys
from pathlib import Path
from ecsync.core.ports import Holder
from ecsync.lease.files import FileLease
lease = FileLease(Path(sys.argv[1]), Holder(who="child", operation="run", version="1.0", since="now"))
print(lease.keep(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of the lease."""
    return tmp_path / ".ecsync-lease-test"


@pytest.fixture
def one(path: Path) -> FileLease:
    """The lease of a holder."""
    made = FileLease(path, holder("one"))
    assert made.keep() is None
    return made


@pytest.fixture
def other(path: Path, one: FileLease) -> FileLease:
    """The lease of another process."""
    assert one.held()
    return FileLease(path, holder("other"))


def test_the_second_process_gets_the_holder(one: FileLease, other: FileLease) -> None:
    """It does not take the lease, and the first one stays."""
    assert other.keep() == holder("one")
    assert (one.held(1e9), other.held()) == (True, False)


def test_a_released_lease_is_free_and_leaves_no_file(one: FileLease, other: FileLease, path: Path) -> None:
    """The directory of the manifests is as before."""
    one.release()
    assert not path.exists()
    assert other.keep() is None
    assert not one.held()


def test_a_removed_file_is_a_lost_lease(one: FileLease, other: FileLease, path: Path) -> None:
    """Another process may lock the new file."""
    path.unlink()
    assert not one.held()
    assert other.keep() is None
    assert one.keep() == holder("other")
    one.release()
    assert other.held()


def test_a_removed_file_is_taken_again(one: FileLease, path: Path) -> None:
    """If no other process did."""
    path.unlink()
    assert one.keep() is None
    assert one.held()


def test_force_takes_it_from_the_holder_with_the_reason(one: FileLease, path: Path) -> None:
    """The holder has lost it at once, and reads the reason."""
    forced = FileLease(path, holder("forced", "incident 7"))
    assert forced.keep(force=True) is None
    assert not one.held()
    assert one.keep() == holder("forced", "incident 7")


def test_a_holder_learns_that_it_was_taken_and_given_back(one: FileLease, path: Path) -> None:
    """Also between two of its rounds: it has lost the lease, and takes it again in the next one."""
    forced = FileLease(path, holder("forced", "incident 7"))
    assert forced.keep(force=True) is None
    forced.release()
    assert one.keep() == holder("forced", "incident 7")
    assert not one.held()
    assert one.keep() is None
    assert one.held()


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """It names the place, and the setting that does without."""
    with pytest.raises(LeaseError, match=r"missing/lease cannot be written .*lease: none"):
        FileLease(tmp_path / "missing" / "lease", holder("one")).keep()


def test_a_link_is_not_followed(tmp_path: Path, path: Path) -> None:
    """A repository of manifests cannot make ecsync truncate another file."""
    target = tmp_path / "target"
    target.write_text("kept")
    path.symlink_to(target)
    with pytest.raises(LeaseError):
        FileLease(path, holder("one")).keep()
    assert target.read_text() == "kept"


def test_a_killed_process_holds_nothing(path: Path) -> None:
    """The kernel ends the lock with the process."""
    command = [sys.executable, "-c", CHILD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "None\n"
        waiting = FileLease(path, holder("one"))
        found = waiting.keep()
        assert found is not None
        assert found.who == "child"
        child.kill()
        child.wait()
        assert waiting.keep() is None
