"""A git source with listed signers: the newest commit that one of them has signed counts, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ecsync.core.ports import Snapshot, SourceError
from ecsync.sources import git_signed, git_url
from ecsync.sources.git import GitSource
from ecsync.sources.git_remote import Access
from ecsync.sources.git_signers import SignerFiles
from tests.git.repository import Repository, git, manifest
from tests.git.servers import https_server, needs_sshd, ssh_server
from tests.git.signing import Gpg, SshKey, needs_ssh_keygen

pytestmark = needs_ssh_keygen


@pytest.fixture
def key(tmp_path: Path) -> SshKey:
    """The key of ada, who is listed."""
    made = SshKey.create(tmp_path)
    (tmp_path / "signers").write_text(made.listed('namespaces="git"'))
    return made


@pytest.fixture
def repository(tmp_path: Path, key: SshKey) -> Repository:
    """A repository with one signed commit."""
    made = Repository.create(tmp_path)
    made.commit({"web.yaml": manifest(days=1)}, "signed", signed=key.settings)
    return made


def source(repository: Repository, rest: str = "@main", *, where: str = "", access: Access | None = None) -> GitSource:
    """Return the source of a repository with the list of signers beside it."""
    signers = SignerFiles(str(repository.bare.parent / "signers"), "")
    url = git_url.parse(where or f"git+file://{repository.bare}{rest}")
    return GitSource(url, access or Access(), signers=signers)


def unsigned(read: GitSource) -> Snapshot | None:
    """Return the snapshot that counts beside the failure of a read."""
    with pytest.raises(SourceError) as error:
        read.fetch()
    assert error.value.reason == "unsigned"
    assert str(error.value).startswith(read.source)
    return error.value.snapshot


def text(read: GitSource) -> str:
    """Return the text of a failed read."""
    with pytest.raises(SourceError) as error:
        read.fetch()
    return str(error.value).removeprefix(read.source)


def test_what_is_not_signed_is_held_until_a_signed_commit_follows(repository: Repository, key: SshKey) -> None:
    """It is then applied with it: who signs has seen what is below."""
    read = source(repository)
    first = read.fetch()
    tip = repository.commit({"web.yaml": manifest(days=30)}, "not signed")
    kept = unsigned(read)
    assert kept is not None
    assert kept is first
    assert unsigned(read) is first
    assert text(read) == (
        f": {tip[:12]} does not count: it is not signed; {first.about['commit']} is the newest one that counts, and "
        "nothing will be deleted"
    )
    signed = repository.commit({"db.yaml": manifest("db")}, "signed", signed=key.settings)
    found = read.fetch()
    assert found.revision == signed[:12]
    assert found.files["web.yaml"] == manifest(days=30).encode()


@pytest.mark.parametrize("how", ["https", "file"])
def test_a_new_process_finds_the_newest_signed_commit_below_others(
    how: str, repository: Repository, key: SshKey, tmp_path: Path
) -> None:
    """However many others there are. Files of what is not signed are not fetched, where the server can filter."""
    git("config", "uploadpack.allowFilter", "true", at=repository.bare)
    signed = repository.commit({"web.yaml": manifest(days=3)}, "signed", signed=key.settings)
    for number in range(12):
        git("commit", "--quiet", "--allow-empty", "-m", f"not signed {number}", at=repository.work)
    repository.commit({"web.yaml": manifest(days=30), "large.yaml": os.urandom(100_000).hex()})
    with https_server(tmp_path) as server:
        where = server.url() if how == "https" else ""
        read = source(repository, where=where, access=Access(ca_file=server.ca))
        kept = unsigned(read)
        assert kept is not None
        assert (kept.revision, kept.files) == (signed[:12], {"web.yaml": manifest(days=3).encode()})
        assert sum(server.sent) < 20_000
        server.sent.clear()
        assert unsigned(read) is kept
        assert len(server.sent) == (2 if how == "https" else 0), "the references alone"


@needs_sshd
def test_a_server_of_the_old_protocol_gives_the_signed_commit_too(
    repository: Repository, key: SshKey, tmp_path: Path
) -> None:
    """It refuses every commit but the newest one. What it sends of the history has the files."""
    signed = repository.commit({"web.yaml": manifest(days=3)}, "signed", signed=key.settings)
    repository.commit({"web.yaml": manifest(days=30)}, "not signed")
    with ssh_server(tmp_path / "ssh", accepted="NOTHING") as server:
        access = Access(ssh_key=server.key, known_hosts=server.known_hosts)
        kept = unsigned(source(repository, where=server.url(repository.bare), access=access))
        assert kept is not None
        assert (kept.revision, kept.files) == (signed[:12], {"web.yaml": manifest(days=3).encode()})


def test_the_search_has_an_end(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_signed, "DEPTHS", (1, 2, 3))
    for number in range(3):
        repository.commit({"web.yaml": manifest(days=number)})
    assert unsigned(source(repository)) is None


def test_a_repository_without_a_signed_commit_has_nothing_to_apply(repository: Repository, tmp_path: Path) -> None:
    """Nor has one of which another person has signed the commits."""
    eve = SshKey.create(tmp_path, "eve")
    (tmp_path / "signers").write_text(eve.listed())
    read = source(repository)
    assert unsigned(read) is None
    assert "signed by a key that is not listed" in text(read)


def test_a_key_that_is_taken_off_the_list_does_not_lead_back(repository: Repository, key: SshKey) -> None:
    """The commit that is applied stays: an older one would undo it."""
    (repository.bare.parent / "signers").write_text(key.listed())
    read = source(repository)
    read.fetch()
    eve = SshKey.create(repository.bare.parent, "eve")
    (repository.bare.parent / "signers").write_text(key.listed() + eve.listed())
    second = repository.commit({"web.yaml": manifest(days=30)}, "of eve", signed=eve.settings)
    assert read.fetch().revision == second[:12]
    (repository.bare.parent / "signers").write_text(key.listed())
    assert unsigned(read) is None
    assert "nor does any commit back to the applied one, which stays" in text(read)
    third = repository.commit({"web.yaml": manifest(days=14)}, "of ada", signed=key.settings)
    assert read.fetch().revision == third[:12]


def test_only_the_line_of_the_branch_counts(repository: Repository, key: SshKey) -> None:
    """A signed commit of a branch that was merged, by a merge that is not signed, is not applied."""
    read = source(repository)
    first = read.fetch()
    git("checkout", "--quiet", "-b", "side", at=repository.work)
    repository.commit({"web.yaml": manifest(days=90)}, "tried", branch="side", signed=key.settings)
    git("checkout", "--quiet", "main", at=repository.work)
    git("merge", "--quiet", "--no-ff", "-m", "merged", "side", at=repository.work)
    git("push", "--quiet", "origin", "main", at=repository.work)
    assert unsigned(read) is first


def test_a_rewritten_branch_is_held_with_signers_too(repository: Repository, key: SshKey) -> None:
    """An older signed commit, and a new one beside it."""
    older = repository.commit({"web.yaml": manifest(days=7)}, "older", signed=key.settings)
    repository.commit({"web.yaml": manifest(days=14)}, "applied", signed=key.settings)
    read = source(repository)
    read.fetch()
    git("reset", "--quiet", "--hard", older, at=repository.work)
    for signed in (key.settings, []):
        repository.commit({"web.yaml": manifest(days=30)}, "another", signed=signed)
        with pytest.raises(SourceError) as error:
            read.fetch()
        assert error.value.reason == "rewritten"


class TestTagsAndCommits:
    """What is named counts itself, or nothing."""

    def test_a_signed_tag_counts_for_its_commit_under_its_own_name(self, repository: Repository, key: SshKey) -> None:
        commit = repository.commit({"web.yaml": manifest(days=30)}, "not signed")
        git(*key.settings, "tag", "-s", "v1", "-m", "the first", at=repository.work)
        git("tag", "-a", "v2", "-m", "not signed", at=repository.work)
        git("push", "--quiet", "origin", "v1", "v2", "v1:refs/tags/prod", at=repository.work)
        assert source(repository, "@v1").fetch().revision == commit[:12]
        assert unsigned(source(repository, "@v2")) is None
        assert unsigned(source(repository, "@prod")) is None

    def test_a_commit_that_is_named_must_be_signed_itself(self, repository: Repository) -> None:
        signed = git("rev-parse", "HEAD", at=repository.work)
        plain = repository.commit({"web.yaml": manifest(days=30)}, "not signed")
        assert source(repository, f"@{signed}").fetch().revision == signed[:12]
        assert unsigned(source(repository, f"@{plain}")) is None


def test_commits_that_gpg_has_signed_count(
    repository: Repository, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """As git makes them."""
    pytest.importorskip("pysequoia", reason="the extra gpg is not installed")
    if not shutil.which("gpg"):
        pytest.skip("gpg makes the real signatures that are verified, and it is not installed")
    (tmp_path / "home").mkdir(mode=0o700)
    gpg = Gpg(tmp_path / "home")
    request.addfinalizer(gpg.close)
    name = gpg.create("ada")
    (tmp_path / "keys").write_bytes(gpg.run("--armor", "--export", name))
    wrapper = tmp_path / "gpg"
    wrapper.write_text(f'#!/bin/sh\nGNUPGHOME={gpg.home} exec gpg --batch --passphrase "" "$@"\n')
    wrapper.chmod(0o755)
    sha = repository.commit(
        {"web.yaml": manifest(days=30)},
        signed=["-c", f"gpg.program={wrapper}", "-c", f"user.signingkey={name}"],
    )
    files = SignerFiles("", str(tmp_path / "keys"))
    read = GitSource(git_url.parse(f"git+file://{repository.bare}@main"), Access(), signers=files)
    assert read.fetch().revision == sha[:12]
    repository.commit({"web.yaml": manifest(days=60)})
    assert unsigned(read) is not None
