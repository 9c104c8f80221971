"""A git source: what it reads of real servers, and what it refuses."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
import urllib3

from ecsync.core.ports import Snapshot, SourceError
from ecsync.sources import git_remote, git_url
from ecsync.sources.git import GitSource
from ecsync.sources.git_remote import Access
from ecsync.testing import FakeClock
from tests.git.repository import Repository, git, manifest
from tests.git.servers import SSH, TOKEN, HttpsServer, SshServer, https_server, needs_sshd, ssh_server


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with one manifest."""
    made = Repository.create(tmp_path)
    made.commit({"web.yaml": manifest(), "README.md": "text"}, "the first commit\n\nmore of it")
    return made


@pytest.fixture
def server(repository: Repository, tmp_path: Path) -> Iterator[HttpsServer]:
    """The repository behind TLS, for clients with the token."""
    assert repository.bare.parent == tmp_path
    with https_server(tmp_path, token=TOKEN) as running:
        yield running


def https(server: HttpsServer, rest: str = "@main", *, token: str = TOKEN, rewrites: bool = False) -> GitSource:
    """Return the source at an https server."""
    access = Access(token=lambda: token, ca_file=server.ca)
    return GitSource(git_url.parse(server.url(rest=rest)), access, rewrites=rewrites)


def local(repository: Repository, rest: str = "@main", *, rewrites: bool = False) -> GitSource:
    """Return the source at the repository on this disk."""
    return GitSource(git_url.parse(f"git+file://{repository.bare}{rest}"), Access(), rewrites=rewrites)


def over_ssh(repository: Repository, server: SshServer, **changed: str) -> GitSource:
    """Return the source at an ssh server."""
    access = Access(ssh_key=server.key, known_hosts=server.known_hosts)
    return GitSource(git_url.parse(server.url(repository.bare)), dataclasses.replace(access, **changed))  # type: ignore[arg-type]


def refused(source: GitSource) -> str:
    """Return the reason of a failed read, and check that its text names the source and has no token."""
    with pytest.raises(SourceError) as error:
        source.fetch()
    assert str(error.value).startswith(source.source)
    assert TOKEN not in str(error.value)
    return error.value.reason


def names(snapshot: Snapshot) -> list[str]:
    """Return the names of the files."""
    return list(snapshot.files)


class TestWhatIsRead:
    """The manifests of one commit, and who made it."""

    @pytest.mark.parametrize("how", ["https", "file", SSH])
    def test_every_transport_reads_the_same(
        self, how: str, repository: Repository, server: HttpsServer, tmp_path: Path
    ) -> None:
        """The revision is the commit; other files than manifests are not read."""
        sha = git("rev-parse", "HEAD", at=repository.work)
        if how == "ssh":
            with ssh_server(tmp_path / "ssh") as running:
                found = over_ssh(repository, running).fetch()
        else:
            found = (https(server) if how == "https" else local(repository)).fetch()
        assert found.files == {"web.yaml": manifest().encode()}
        assert found.revision == sha[:12]
        assert found.durable
        when = datetime.fromisoformat(found.about["committed"]).timestamp()
        assert when == int(git("show", "-s", "--format=%ct", at=repository.work))
        assert {**found.about, "committed": ""} == {
            "commit": sha,
            "author": "Ada",
            "subject": "the first commit",
            "committed": "",
        }

    def test_a_branch_is_followed_and_an_unchanged_one_is_not_fetched_again(
        self, repository: Repository, server: HttpsServer
    ) -> None:
        """A read of an unchanged branch asks for the references alone."""
        source = https(server)
        first = source.fetch()
        server.requests.clear()
        assert source.fetch() is first
        assert [one.split()[1].rpartition("/")[2] for one in server.requests] == ["refs", "git-upload-pack"]
        for days in range(1, 4):
            sha = repository.commit({"web.yaml": manifest(days=days)})
        found = source.fetch()
        assert found.revision == sha[:12]
        assert found.files["web.yaml"] == manifest(days=3).encode()

    def test_a_tag_a_commit_and_the_default_branch_are_read(self, repository: Repository, server: HttpsServer) -> None:
        """An annotated tag too. A commit that is named never changes."""
        first = git("rev-parse", "HEAD", at=repository.work)
        git("tag", "-a", "v1", "-m", "the first", at=repository.work)
        git("push", "--quiet", "origin", "v1", at=repository.work)
        second = repository.commit({"web.yaml": manifest(days=30)})
        for rest, sha in (("@v1", first), ("@refs/tags/v1", first), ("", second), (f"@{second}", second)):
            assert https(server, rest).fetch().revision == sha[:12], rest
            assert local(repository, rest).fetch().revision == sha[:12], rest

    def test_a_folder_of_a_branch_with_a_slash_is_read(self, repository: Repository, server: HttpsServer) -> None:
        """Names are relative to the folder."""
        repository.commit({"env/prod/app.yaml": manifest("prod"), "env/dev/app.yaml": manifest("dev")}, branch="a/b")
        found = https(server, "@a/b#subdirectory=env/prod").fetch()
        assert found.files == {"app.yaml": manifest("prod").encode()}

    def test_hidden_files_are_not_read(self, repository: Repository) -> None:
        """As in a directory."""
        repository.commit({".github/workflow.yaml": "x: 1", "a/.hidden.yaml": "x: 1", "a/b.json": "{}"})
        assert names(local(repository).fetch()) == ["a/b.json", "web.yaml"]


class TestWhatIsRefused:
    """Each with a reason of its own; nothing of it is applied."""

    def test_a_token_that_expired_is_denied(self, server: HttpsServer) -> None:
        source = https(server)
        source.fetch()
        server.token = "another"
        assert refused(source) == "denied"
        assert refused(https(server, token="")) == "denied"

    def test_a_repository_or_a_branch_that_is_gone_is_missing(
        self, repository: Repository, server: HttpsServer
    ) -> None:
        sources = https(server), local(repository)
        for source in sources:
            source.fetch()
        git("branch", "-m", "main", "other", at=repository.bare)
        assert [refused(source) for source in sources] == ["missing", "missing"]
        shutil.rmtree(repository.bare)
        assert [refused(source) for source in sources] == ["missing", "missing"]

    def test_a_folder_that_is_not_there_is_empty(self, server: HttpsServer) -> None:
        assert refused(https(server, "@main#subdirectory=env/prod")) == "empty"

    def test_a_certificate_of_an_unknown_authority_is_untrusted(self, server: HttpsServer) -> None:
        access = Access(token=lambda: TOKEN)
        assert refused(GitSource(git_url.parse(server.url()), access)) == "untrusted"
        assert server.tokens == []

    def test_a_server_that_is_down_is_unreachable(self, server: HttpsServer) -> None:
        source = GitSource(git_url.parse("git+https://localhost:1/deploy.git@main"), Access(ca_file=server.ca))
        assert refused(source) == "unreachable"

    def test_a_redirect_to_another_host_is_not_followed(self, server: HttpsServer, tmp_path: Path) -> None:
        """The token goes to the host that the operator named, and to no other one."""
        with https_server(tmp_path) as elsewhere:
            server.redirect = f"https://localhost:{elsewhere.port}"
            assert refused(https(server)) == "untrusted"
            assert elsewhere.requests == []

    @needs_sshd
    def test_a_host_with_another_key_is_untrusted_and_a_strange_key_is_denied(
        self, repository: Repository, tmp_path: Path
    ) -> None:
        """There is no trust on first use."""
        with ssh_server(tmp_path / "ssh") as running, ssh_server(tmp_path / "other") as other:
            known = Path(other.known_hosts).read_text().replace(f":{other.port}", f":{running.port}")
            (tmp_path / "changed").write_text(known)
            (tmp_path / "none").write_text("")
            assert refused(over_ssh(repository, running, known_hosts=str(tmp_path / "changed"))) == "untrusted"
            assert refused(over_ssh(repository, running, known_hosts=str(tmp_path / "none"))) == "untrusted"
            assert refused(over_ssh(repository, running, known_hosts="")) == "untrusted"
            assert refused(over_ssh(repository, running, ssh_key=other.key)) == "denied"

    @pytest.mark.parametrize("how", ["https", "file"])
    def test_a_rewritten_branch_is_held_unless_it_is_allowed(
        self, how: str, repository: Repository, server: HttpsServer
    ) -> None:
        """The commit that is applied is not in its history any more. A commit on top of it is taken again."""

        def make(*, rewrites: bool = False) -> GitSource:
            return https(server, rewrites=rewrites) if how == "https" else local(repository, rewrites=rewrites)

        applied = repository.commit({"web.yaml": manifest(days=14)}, "applied")
        source, tolerant = make(), make(rewrites=True)
        assert source.fetch().revision == tolerant.fetch().revision == applied[:12]
        repository.rewind(1)
        rewritten = repository.commit({"web.yaml": manifest(days=30)}, "rewritten")
        assert [refused(source), refused(source)] == ["rewritten", "rewritten"]
        assert tolerant.fetch().revision == rewritten[:12]
        git("reset", "--quiet", "--hard", applied, at=repository.work)
        following = repository.commit({"web.yaml": manifest(days=60)}, "on top of what is applied")
        assert source.fetch().revision == following[:12]

    @pytest.mark.parametrize("rest", ["@prod", "@refs/tags/prod"])
    def test_a_tag_that_was_moved_is_taken(self, rest: str, repository: Repository) -> None:
        """Forwards or back: nothing but a person moves a tag."""
        later = repository.commit({"web.yaml": manifest(days=14)})
        git("tag", "prod", at=repository.work)
        git("push", "--quiet", "origin", "prod", at=repository.work)
        source = local(repository, rest)
        assert source.fetch().revision == later[:12]
        git("tag", "--force", "prod", "HEAD~1", at=repository.work)
        git("push", "--quiet", "--force", "origin", "prod", at=repository.work)
        assert source.fetch().files["web.yaml"] == manifest().encode()

    def test_a_branch_that_was_rewound_is_held(self, repository: Repository) -> None:
        """The way back is a commit that reverts."""
        repository.commit({"web.yaml": manifest(days=14)})
        source = local(repository)
        source.fetch()
        repository.rewind(1)
        git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/main", at=repository.work)
        assert refused(source) == "rewritten"


class TestHostileServers:
    """Whatever a server sends, the read fails as a read does, and the source works again afterwards."""

    @pytest.mark.parametrize(
        ("status", "reason"), [(500, "unreachable"), (403, "denied"), (404, "missing"), (200, "partial")]
    )
    def test_an_answer_that_is_not_of_git_has_a_reason(self, status: int, reason: str, server: HttpsServer) -> None:
        source = https(server)
        server.status = status
        assert refused(source) in (reason, "unreachable") if status == 200 else refused(source) == reason
        server.status = 0
        assert source.fetch().files

    @pytest.mark.parametrize(
        "broken",
        [
            lambda _: b"",
            lambda content: content[: len(content) // 2],
            lambda content: content[:-30] + b"0000",
            lambda _: b"\xff" * 100,
            lambda _: b"0004" * 50,
            lambda content: content.replace(b"PACK", b"JUNK"),
            lambda content: bytes(byte ^ 1 for byte in content),
        ],
        ids=["nothing", "half", "cut", "junk", "empty lines", "no pack", "bits"],
    )
    def test_a_broken_answer_is_no_commit(self, broken: Callable[[bytes], bytes], server: HttpsServer) -> None:
        source = https(server)
        server.answer = broken
        assert refused(source) in ("partial", "unreachable", "missing")
        server.answer = lambda content: content
        assert source.fetch().files

    def test_an_answer_that_ends_before_its_size_is_unreachable(self, server: HttpsServer) -> None:
        """A connection that is lost."""
        source = https(server)
        server.announced, server.answer = True, lambda content: content[: len(content) // 2]
        assert refused(source) == "unreachable"
        server.answer = lambda content: content
        assert source.fetch().files

    def test_an_answer_that_trickles_ends_at_the_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However soon each byte comes."""
        clock = FakeClock()

        class Trickling:
            def read1(self, _: int) -> bytes:
                clock.advance(19)
                return b"x"

        monkeypatch.setattr(git_remote, "time", clock)
        with pytest.raises(TimeoutError):
            git_remote.read(cast(urllib3.BaseHTTPResponse, Trickling()), 1000, clock.monotonic() + 120)


class TestHostileTrees:
    """What a checkout would follow, or would write elsewhere."""

    @pytest.mark.parametrize("how", ["https", "file"])
    @pytest.mark.parametrize(
        ("mode", "name"),
        [
            ("100644", b"../x.yaml"),
            ("100644", b".."),
            ("40000", b".git"),
            ("100644", b"a/b.yaml"),
            ("100644", b"\xff.yaml"),
            ("120000", b"link.yaml"),
            ("120000", b"folder"),
            ("160000", b"module"),
            ("10644", b"device.yaml"),
        ],
    )
    def test_a_tree_with_such_an_entry_is_unsafe(
        self, how: str, mode: str, name: bytes, repository: Repository, server: HttpsServer
    ) -> None:
        sha = repository.blob(manifest().encode())
        if mode == "40000":
            sha = git("rev-parse", "main^{tree}", at=repository.bare)
        if mode == "160000":
            sha = git("rev-parse", "main", at=repository.bare)
        repository.tree((mode, sha, name), ("100644", repository.blob(b"x"), b"z.yaml"))
        assert refused(https(server) if how == "https" else local(repository)) == "unsafe"

    def test_two_names_that_differ_in_case_are_unsafe(self, repository: Repository) -> None:
        blob = repository.blob(manifest().encode())
        repository.tree(("100644", blob, b"Web.yaml"), ("100644", blob, b"web.yaml"))
        assert refused(local(repository)) == "unsafe"

    def test_a_pointer_of_large_file_storage_is_unsafe(self, repository: Repository) -> None:
        repository.commit({"web.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n"})
        assert refused(local(repository)) == "unsafe"

    def test_links_beside_the_manifests_do_not_matter(self, repository: Repository) -> None:
        """A link that can be neither a manifest nor a folder, and a hidden one."""
        blob = repository.blob(manifest().encode())
        target = repository.blob(b"docs/README.md")
        repository.tree(("120000", target, b".hidden"), ("120000", target, b"README.md"), ("100644", blob, b"web.yaml"))
        assert names(local(repository).fetch()) == ["web.yaml"]


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("git+http://host/repo.git", "use git\\+https"),
        ("git+https://user:pass@host/repo.git", "no credentials"),
        ("git+https://token@host/repo.git", "no credentials"),
        ("git+https://host/", "not that of a repository"),
        ("git+https://-host/repo", "host"),
        ("git+ssh://-oProxyCommand=x@host/repo", "not valid"),
        ("git+ssh://git@host/--upload-pack=x", "not that of a repository"),
        ("git+https://host/../repo", "not that of a repository"),
        ("git+https://host/repo@", "the form is"),
        ("git+https://host/repo@-x", "not a branch"),
        ("git+https://host/repo@a..b", "not a branch"),
        ("git+https://host/repo@a.lock", "not a branch"),
        ("git+https://host/repo@main?x=1", "the form is"),
        ("git+https://host/repo@main#egg=x", "only subdirectory"),
        ("git+https://host/repo@main#subdirectory=../x", "not a folder"),
        ("git+https://host/repo@main#subdirectory=a//b", "not a folder"),
        ("git+file://host/repo", "the form is"),
        ("git+https://host:port/repo", "not valid"),
    ],
)
def test_an_address_that_means_something_else_is_refused(where: str, text: str) -> None:
    """The text has no credentials."""
    with pytest.raises(SourceError, match=text) as error:
        git_url.parse(where)
    assert "pass" not in str(error.value)
    assert "token@" not in str(error.value)


@pytest.mark.parametrize(
    "where",
    [
        "git+https://host/org/repo.git",
        "git+https://host:8443/org/repo.git@refs/heads/main",
        "git+https://host/org/repo.git@feature/a-b#subdirectory=env/prod eu",
        "git+ssh://git@host/org/repo.git@v1.2",
        "git+file:///srv/git/repo.git@main",
    ],
)
def test_an_address_is_shown_as_it_was_given(where: str) -> None:
    """So that a person knows it again."""
    assert str(git_url.parse(where)) == where
