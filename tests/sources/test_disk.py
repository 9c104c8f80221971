"""DiskSource: whole snapshots of a directory that another process may be writing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ecsync.core.ports import SourceError
from ecsync.sources import files
from ecsync.sources.disk import DiskSource
from ecsync.sources.files import digest


class Writer:
    """Changes the directory while the source waits between two reads."""

    def __init__(self, *writes: Callable[[], object]) -> None:
        self.writes = list(writes)
        self.waits = 0

    def __call__(self, _seconds: float) -> None:
        self.waits += 1
        if self.writes:
            self.writes.pop(0)()


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files below the root, and return the root."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def source(path: Path, writer: Writer | None = None) -> DiskSource:
    """Return a source that calls `wait` instead of waiting."""
    return DiskSource(path, wait=writer or Writer(), settle=0.0)


def refusal(path: Path, writer: Writer | None = None) -> SourceError:
    """Return the error of a fetch."""
    with pytest.raises(SourceError) as caught:
        source(path, writer).fetch()
    return caught.value


def test_reads_manifests_by_relative_name(tmp_path: Path) -> None:
    """Files with the three suffixes are read, by their relative names; others are not."""
    write(tmp_path, {"b.yml": "2", "shop/a.yaml": "1", "shop/c.json": "3", "README.md": "no", "x.yaml.bak": "no"})
    found = source(tmp_path).fetch()
    assert found.files == {"b.yml": b"2", "shop/a.yaml": b"1", "shop/c.json": b"3"}
    assert not found.durable


def test_one_file_is_a_source(tmp_path: Path) -> None:
    """A path to one file results in that file, with its own name."""
    write(tmp_path, {"a.yaml": "1", "b.yaml": "2"})
    assert source(tmp_path / "a.yaml").fetch().files == {"a.yaml": b"1"}


def test_hidden_and_editor_files_are_ignored(tmp_path: Path) -> None:
    """Temporary files of editors and tools are no manifests."""
    names = [".a.yaml", ".#a.yaml", "#a.yaml#", "a.yaml~", ".a.yaml.swp", "a.yaml.tmp", ".git/config.yaml", "#x.yaml"]
    write(tmp_path, {"a.yaml": "1"} | dict.fromkeys(names, "no"))
    assert list(source(tmp_path).fetch().files) == ["a.yaml"]


def test_the_same_files_are_the_same_revision(tmp_path: Path) -> None:
    """A revision depends only on names and contents."""
    one = source(write(tmp_path / "one", {"a.yaml": "1", "b.yaml": "2"})).fetch().revision
    two = source(write(tmp_path / "two", {"b.yaml": "2", "a.yaml": "1"})).fetch().revision
    swapped = source(write(tmp_path / "three", {"a.yaml": "2", "b.yaml": "1"})).fetch().revision
    assert one == two != swapped


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the contents that are hashed from now on."""
    contents: list[bytes] = []

    def recorded(content: bytes) -> str:
        contents.append(content)
        return digest(content)

    monkeypatch.setattr(files, "digest", recorded)
    return contents


@pytest.mark.parametrize("published", [False, True], ids=["plain", "with an index"])
def test_a_content_that_is_the_same_is_hashed_once(tmp_path: Path, hashed: list[bytes], published: bool) -> None:
    """And it stays the same object, so the parser also sees at once that nothing changed."""
    one, other, third = "one: 1", "two: 2", "two: 3"

    def publish(a: str, b: str) -> None:
        write(tmp_path, {"a.yaml": a, "b.yaml": b})
        if published:
            index = {"a.yaml": digest(a.encode()), "b.yaml": digest(b.encode())}
            write(tmp_path, {"ecsync.index.json": json.dumps(index)})

    made = source(tmp_path)
    publish(one, other)
    first = made.fetch()
    assert {one.encode(), other.encode()} <= set(hashed)
    hashed.clear()
    second = made.fetch()
    assert not {one.encode(), other.encode()} & set(hashed)
    assert all(second.files[name] is first.files[name] for name in first.files)
    publish(one, third)
    hashed.clear()
    changed = made.fetch()
    assert changed.files == {"a.yaml": one.encode(), "b.yaml": third.encode()}
    assert one.encode() not in hashed
    assert hashed.count(third.encode()) == 1
    assert changed.revision != first.revision


def test_a_change_between_two_reads_is_read_again(tmp_path: Path) -> None:
    """The source waits for a file that is being written, and then reads it whole."""
    write(tmp_path, {"a.yaml": "half"})
    writer = Writer(lambda: write(tmp_path, {"a.yaml": "half and half"}), lambda: write(tmp_path, {"b.yaml": "new"}))
    assert source(tmp_path, writer).fetch().files == {"a.yaml": b"half and half", "b.yaml": b"new"}
    assert writer.waits == 3


def test_a_directory_that_always_changes_is_no_snapshot(tmp_path: Path) -> None:
    """After a bounded number of reads the error is `changing`."""
    write(tmp_path, {"a.yaml": "0"})
    writer = Writer(*[lambda n=n: write(tmp_path, {"a.yaml": str(n)}) for n in range(1, 100)])
    assert refusal(tmp_path, writer).reason == "changing"
    assert writer.waits == 5


def kubernetes(root: Path, release: str, files: dict[str, str]) -> None:
    """Write a release as Kubernetes does: a new directory, then a swap of `..data` to it."""
    write(root / f"..{release}", files)
    fresh = root / "..data_tmp"
    fresh.symlink_to(f"..{release}")
    fresh.replace(root / "..data")
    for name in files:
        if not (root / name).is_symlink():
            (root / name).symlink_to(f"..data/{name}")


def test_the_swap_of_a_config_map_is_detected(tmp_path: Path) -> None:
    """A swap of `..data` between two reads results in the new release, never in a mixture."""
    kubernetes(tmp_path, "r1", {"a.yaml": "1", "b.yaml": "1"})
    writer = Writer(lambda: kubernetes(tmp_path, "r2", {"a.yaml": "2", "b.yaml": "2"}))
    assert source(tmp_path).fetch().files == {"a.yaml": b"1", "b.yaml": b"1"}
    assert source(tmp_path, writer).fetch().files == {"a.yaml": b"2", "b.yaml": b"2"}


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    """`current -> release-2` is a source, and is resolved for each read."""
    write(tmp_path / "release-1", {"a.yaml": "1"})
    write(tmp_path / "release-2", {"a.yaml": "2"})
    current = tmp_path / "current"
    current.symlink_to("release-1")

    def swap() -> None:
        current.unlink()
        current.symlink_to("release-2")

    assert source(current, Writer(swap)).fetch().files == {"a.yaml": b"2"}


@pytest.mark.parametrize("link", ["file", "folder"])
def test_a_link_out_of_the_source_is_refused(tmp_path: Path, link: str) -> None:
    """A link to a file or folder outside the source is refused, and the message names it."""
    outside = write(tmp_path / "outside", {"secret.yaml": "secret"})
    root = write(tmp_path / "root", {"a.yaml": "1"})
    (root / "evil.yaml").symlink_to(outside / "secret.yaml" if link == "file" else outside)
    error = refusal(root)
    assert error.reason == "denied"
    assert "evil.yaml" in str(error)


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    """A folder with a link to its own parent is an error, not an endless walk."""
    write(tmp_path, {"a.yaml": "1"})
    (tmp_path / "again").symlink_to(".")
    assert refusal(tmp_path).reason == "partial"


def test_a_broken_link_is_changing(tmp_path: Path) -> None:
    """A broken link may be in the middle of a swap; if it stays broken, the message names it."""
    write(tmp_path, {"a.yaml": "1"})
    (tmp_path / "b.yaml").symlink_to("gone.yaml")
    error = refusal(tmp_path)
    assert error.reason == "changing"
    assert "gone.yaml" in str(error)


def test_a_pipe_is_refused_and_does_not_block(tmp_path: Path) -> None:
    """A file that is not regular is refused, and the message names it."""
    write(tmp_path, {"a.yaml": "1"})
    os.mkfifo(tmp_path / "b.yaml")
    assert "b.yaml" in str(refusal(tmp_path))


def test_a_missing_directory_is_unreachable(tmp_path: Path) -> None:
    """A path that does not exist is an error with the path."""
    error = refusal(tmp_path / "typo")
    assert error.reason == "unreachable"
    assert "typo" in str(error)


def test_no_manifest_is_empty_and_never_means_delete(tmp_path: Path) -> None:
    """A directory without a manifest is an error: nothing may be deleted because of it."""
    write(tmp_path, {"README.md": "x"})
    assert refusal(tmp_path).reason == "empty"


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    """The limit is 25 MB in all."""
    write(tmp_path, {f"{n}.yaml": "x" * 2_600_000 for n in range(10)})
    error = refusal(tmp_path)
    assert error.reason == "partial"
    assert "25000000 bytes" in str(error)


def test_an_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without read permission fails the whole snapshot, and the message names it."""
    write(tmp_path, {"a.yaml": "1", "b.yaml": "2"})
    opened = os.open

    def refuse(path: Path, flags: int) -> int:  # permissions do not stop a test that runs as root
        if path.name == "b.yaml":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, flags)

    monkeypatch.setattr(os, "open", refuse)
    error = refusal(tmp_path)
    assert error.reason == "denied"
    assert "b.yaml" in str(error)


def index(files: dict[str, str]) -> str:
    """Return the index of a release."""
    return json.dumps({name: digest(text.encode()) for name, text in files.items()})


def test_an_index_makes_the_snapshot_durable(tmp_path: Path) -> None:
    """With an index, the release is exactly the files that it lists."""
    release = {"a.yaml": "1", "shop/b.yaml": "2"}
    write(tmp_path, release | {"left-over.yaml": "old", "ecsync.index.json": index(release)})
    found = source(tmp_path).fetch()
    assert found.files == {"a.yaml": b"1", "shop/b.yaml": b"2"}
    assert found.durable


def test_a_file_under_its_digest_is_preferred(tmp_path: Path) -> None:
    """A published file is read under its digest, whatever the file under its name contains."""
    release = {"a.yaml": "1"}
    stored = f"ecsync.objects/{digest(b'1')}"
    write(tmp_path, {"a.yaml": "the next release", stored: "1", "ecsync.index.json": index(release)})
    assert source(tmp_path).fetch().files == {"a.yaml": b"1"}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a.yaml": "other", "ecsync.index.json": index({"a.yaml": "1"})}, "changing"),
        ({"ecsync.index.json": index({"a.yaml": "1"})}, "partial"),
        ({"a.yaml": "1", "ecsync.index.json": "{"}, "partial"),
        ({"a.yaml": "1", "ecsync.index.json": '{"a.yaml": "nonsense"}'}, "partial"),
        ({"a.yaml": "1", "ecsync.index.json": "{}"}, "empty"),
        ({"a.yaml": "1", "ecsync.index.json": index({"../a.yaml": "1"})}, "empty"),
    ],
)
def test_an_index_that_does_not_match_is_no_snapshot(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    """Every listed file must exist with its digest, and names cannot point out of the source."""
    assert refusal(write(tmp_path, files)).reason == reason


def test_a_young_file_is_read_again_when_it_is_a_second_old(tmp_path: Path) -> None:
    """A program that writes slowly leaves it unchanged for a moment: half a file can be a valid manifest."""
    path = write(tmp_path, {"a.yaml": "first half\n"}) / "a.yaml"
    time = path.stat().st_mtime + 0.3
    waits: list[float] = []

    def wait(seconds: float) -> None:
        nonlocal time
        time += seconds
        waits.append(seconds)
        if len(waits) == 1:
            path.write_text("first half\nsecond half\n")
            os.utime(path, (time, time - 0.5))

    found = DiskSource(tmp_path, wait=wait, now=lambda: time, pause=0.2).fetch()
    assert found.files == {"a.yaml": b"first half\nsecond half\n"}
    assert waits[0] >= 0.6, "until the file is a second old"


def test_an_old_file_waits_for_the_second_read_alone(tmp_path: Path) -> None:
    """Nothing is added for what has not changed for a second."""
    path = write(tmp_path, {"a.yaml": "1"}) / "a.yaml"
    waits: list[float] = []
    DiskSource(tmp_path, wait=waits.append, now=lambda: path.stat().st_ctime + 5, pause=0.2).fetch()
    assert waits == [0.2]


def test_a_time_in_the_future_is_not_young(tmp_path: Path) -> None:
    """The wall clock was set back: the source can still be read."""
    path = write(tmp_path, {"a.yaml": "1"}) / "a.yaml"
    waits: list[float] = []
    DiskSource(tmp_path, wait=waits.append, now=lambda: path.stat().st_ctime - 3600, pause=0.2).fetch()
    assert waits == [0.2]


def test_a_link_to_itself_is_a_problem_of_the_source(tmp_path: Path) -> None:
    """It is no internal error."""
    write(tmp_path, {"a.yaml": "1"})
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert refusal(tmp_path).reason in ("partial", "changing", "unreachable")
