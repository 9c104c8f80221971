"""After its first read, a git source receives what is new, and still makes a whole commit of it or reads it whole."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from dulwich.objects import Blob, ShaFile

from ecsync.sources import git_held, git_pack, git_remote, git_url
from ecsync.sources.git import GitSource
from ecsync.sources.git_remote import Access, Server
from tests.git.repository import Repository, git, manifest
from tests.git.servers import SSH, https_server, ssh_server


@pytest.fixture
def packs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of each pack that is received."""
    found: list[int] = []
    check = git_pack.check

    def checked(pack: bytes) -> None:
        found.append(len(pack))
        check(pack)

    monkeypatch.setattr(git_pack, "check", checked)
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository of 50 manifests, with other files beside them, of which the server can filter."""
    made = Repository.create(tmp_path)
    git("config", "uploadpack.allowFilter", "true", at=made.bare)
    made.commit({**{f"env/{n}.yaml": manifest(f"app-{n}") for n in range(50)}, "README.md": "text\n" * 100})
    return made


@contextmanager
def served(how: str, repository: Repository, *, rewrites: bool = False) -> Iterator[GitSource]:
    """Yield a source of a server with the repository."""
    folder = repository.bare.parent
    if how == "ssh":
        with ssh_server(folder / "ssh") as ssh:
            access = Access(ssh_key=ssh.key, known_hosts=ssh.known_hosts)
            yield GitSource(git_url.parse(ssh.url(repository.bare)), access, rewrites=rewrites)
    else:
        with https_server(folder) as server:
            yield GitSource(git_url.parse(server.url()), Access(ca_file=server.ca), rewrites=rewrites)


def whole(repository: Repository) -> dict[str, bytes]:
    """Return the manifests as they are on this disk."""
    found = GitSource(git_url.parse(f"git+file://{repository.bare}@main"), Access()).fetch()
    return dict(found.files)


def server_of(source: GitSource) -> Server:
    """Return what a source reads from."""
    assert isinstance(source._remote, Server)
    return source._remote


def test_a_line_that_changes_among_2000_manifests_is_some_hundred_bytes(tmp_path: Path) -> None:
    """In all answers of git together: references and objects."""
    repository = Repository.create(tmp_path)
    files: dict[str, str | bytes] = {f"env/{n:04}.yaml": manifest(f"app-{n}", n % 365 + 1) for n in range(2000)}
    repository.commit(files)
    with https_server(tmp_path) as server:
        source = GitSource(git_url.parse(server.url()), Access(ca_file=server.ca))
        source.fetch()
        first, server.sent[:] = sum(server.sent), []
        repository.commit({"env/1000.yaml": manifest("app-1000", 400)})
        found = source.fetch()
        assert len(found.files) == 2000
        assert found.files["env/1000.yaml"] == manifest("app-1000", 400).encode()
        assert sum(server.sent) < first / 100


@pytest.mark.parametrize("how", ["https", SSH])
def test_whatever_is_pushed_is_read_as_a_whole(how: str, repository: Repository, packs: list[int]) -> None:
    """Changed, new, removed and moved files, several commits at once, and a commit that changes nothing."""
    chance = random.Random(7)  # noqa: S311  # not a secret
    with served(how, repository) as source:
        source.fetch()
        first, packs[:] = packs[0], []
        for number in range(4):
            for _ in range(chance.randint(1, 3)):
                names = sorted(path.name for path in (repository.work / "env").iterdir())
                (repository.work / "env" / chance.choice(names)).unlink()
                (repository.work / "env" / chance.choice(names)).write_text(manifest(f"new-{number}", number + 1))
                repository.commit({"README.md": os.urandom(200).hex()})
            assert dict(source.fetch().files) == whole(repository)
        repository.commit({}, "nothing")
        assert dict(source.fetch().files) == whole(repository)
        assert max(packs) < first / 2, "nothing was read as a whole again"


@pytest.mark.parametrize("how", ["https", SSH])
def test_a_branch_that_was_rewritten_by_right_is_read(how: str, repository: Repository) -> None:
    """Back, beside it, and to a commit without a parent."""
    first = git("rev-parse", "HEAD", at=repository.work)
    with served(how, repository, rewrites=True) as source:
        repository.commit({"env/1.yaml": manifest("other")})
        source.fetch()
        git("push", "--quiet", "--force", "origin", f"{first}:refs/heads/main", at=repository.work)
        assert dict(source.fetch().files) == whole(repository)
        git("checkout", "--quiet", "--orphan", "beside", at=repository.work)
        repository.commit({"env/2.yaml": manifest("beside")})
        assert dict(source.fetch().files) == whole(repository)


def without_blobs(objects: tuple[ShaFile, ...]) -> tuple[ShaFile, ...]:
    """Return the objects without files."""
    return tuple(one for one in objects if not isinstance(one, Blob))


def with_other_blobs(objects: tuple[ShaFile, ...]) -> tuple[ShaFile, ...]:
    """Return the objects with other files in place of each."""
    return tuple(Blob.from_string(b"x" + one.data) if isinstance(one, Blob) else one for one in objects)


@pytest.mark.parametrize("damage", [without_blobs, with_other_blobs, lambda _: ()], ids=["gone", "other", "nothing"])
def test_what_is_held_and_is_damaged_is_read_as_a_whole(
    damage: Callable[[tuple[ShaFile, ...]], tuple[ShaFile, ...]],
    repository: Repository,
    packs: list[int],
) -> None:
    """Never is a part of a commit applied. The next read has what it needs again."""
    with served("https", repository) as source:
        source.fetch()
        server = server_of(source)
        assert server._held is not None
        server._held = replace(server._held, objects=damage(server._held.objects))
        packs.clear()
        repository.commit({"env/7.yaml": manifest("app-7", 30)})
        assert dict(source.fetch().files) == whole(repository)
        assert len([one for one in packs if one > 1500]) == 1, "one whole read"
        packs.clear()
        repository.commit({"env/8.yaml": manifest("app-8", 30)})
        assert dict(source.fetch().files) == whole(repository)
        assert max(packs) < 1500


def test_a_file_that_the_server_leaves_out_is_left_out_again(
    repository: Repository, packs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no reason to read everything. One that is new is: the server may have meant what we should have."""
    monkeypatch.setattr(git_remote, "_WITHOUT_LARGE_FILES", b"blob:limit=9000")
    repository.commit({"picture.png": os.urandom(10_000)})
    with served("https", repository) as source:
        source.fetch()
        packs.clear()
        repository.commit({"env/7.yaml": manifest("app-7", 30)})
        source.fetch()
        assert max(packs) < 1500
        repository.commit({"picture.png": os.urandom(10_000)})
        assert dict(source.fetch().files) == whole(repository)
        packs.clear()
        repository.commit({"env/7.yaml": manifest("app-7", 60)})
        source.fetch()
        assert max(packs) < 1500


def test_no_more_is_held_than_a_source_may_have(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then each commit is read as a whole, as the first one."""
    monkeypatch.setattr(git_held, "MAX_HELD", 1000)
    with served("https", repository) as source:
        for days in (1, 2, 3):
            repository.commit({"env/7.yaml": manifest("app-7", days)})
            assert dict(source.fetch().files) == whole(repository)
            assert server_of(source)._held is None


def test_a_failure_of_the_network_is_reported_and_the_next_read_is_whole(tmp_path: Path) -> None:
    """It is not retried at once: the network would be as it was."""
    repository = Repository.create(tmp_path)
    repository.commit({"web.yaml": manifest()})
    with https_server(tmp_path) as server:
        source = GitSource(git_url.parse(server.url()), Access(ca_file=server.ca))
        source.fetch()
        repository.commit({"web.yaml": manifest(days=30)})
        server.answer = lambda content: content[: len(content) // 2]
        with pytest.raises(Exception, match="localhost"):
            source.fetch()
        server.answer = lambda content: content
        assert source.fetch().files["web.yaml"] == manifest(days=30).encode()
