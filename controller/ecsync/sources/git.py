"""Manifests from a git repository: those of one commit, as a whole (`core.ports.Source`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from dulwich.errors import GitProtocolError
from dulwich.objects import Commit as GitCommit

from ecsync.core.ports import Snapshot, SourceError
from ecsync.core.wording import printable
from ecsync.sources import git_remote, git_signed
from ecsync.sources.files import Digests, snapshot
from ecsync.sources.git_errors import OF_REMOTES, failed
from ecsync.sources.git_remote import Access, Remote
from ecsync.sources.git_signed import Counted
from ecsync.sources.git_tree import Objects, commit_of, manifests, short
from ecsync.sources.git_url import GitUrl

if TYPE_CHECKING:
    from ecsync.sources.git_signers import SignerFiles, Signers

_LONGEST = 120  # characters of an author and of a subject


@dataclass(frozen=True, slots=True)
class _Read:
    """What the last good read found: the id of the reference, that of its commit (a tag has its own), the snapshot.

    `unsigned` is why the newest commit does not count; then the commit is an older one.
    """

    sha: bytes
    commit: bytes
    snapshot: Snapshot
    signers: Signers | None = None
    unsigned: str = ""

    def result(self) -> Snapshot:
        """Return the snapshot, or raise that a newer commit does not count."""
        if self.unsigned:
            raise SourceError(self.unsigned, reason="unsigned", snapshot=self.snapshot)
        return self.snapshot


class GitSource:
    """A branch, a tag or a commit of a repository, and a folder in it.

    A branch is followed forwards: a commit that does not descend from the one that was read before is refused, unless
    `rewrites` allows it. A new process knows no commit before. With `signers`, only what a listed key has signed
    counts.
    """

    def __init__(
        self,
        url: GitUrl,
        access: Access,
        *,
        rewrites: bool = False,
        signers: SignerFiles | None = None,
        remote: Remote | None = None,
    ) -> None:
        self._url = url
        self._access = access
        self._rewrites = rewrites
        self._signers = signers
        self._remote = remote
        self._digests = Digests()
        self._last: _Read | None = None
        self._rewritten: tuple[bytes, bytes] = (b"", b"")  # (commit, commit before): asked already
        self._nothing: tuple[bytes, Signers, str] | None = None  # (id, signers, why nothing of it counts)
        self.source = str(url)

    def fetch(self) -> Snapshot:
        """Return the snapshot of the newest commit, or raise SourceError.

        The error has the snapshot of the newest commit that counts, where a newer one is not signed.
        """
        try:
            return self._fetch()
        except SourceError as error:
            if str(error).startswith(self.source):
                raise
            raise SourceError(f"{self.source}: {error}", reason=error.reason, snapshot=error.snapshot) from error
        except OF_REMOTES as error:
            failed(self.source, error)

    def _fetch(self) -> Snapshot:
        signers = self._signers.read() if self._signers is not None else None
        remote = self._remote = self._remote or git_remote.remote(self._url, self._access)
        last, (name, sha) = self._last, self._resolved(remote)
        if last is not None and last.sha == sha and last.signers is signers:
            return last.result()
        counted = Counted(sha) if signers is None else self._counted(remote, name, sha, signers)
        if last is not None and last.commit == counted.commit:
            self._last = replace(last, sha=sha, signers=signers, unsigned=counted.unsigned)
            return self._last.result()
        objects = _objects(remote, counted)
        commit = commit_of(objects, counted.commit)
        if last is not None and not name.startswith(b"refs/tags/"):  # a tag is moved on purpose
            self._check_history(remote, commit, last.commit)
        files = manifests(objects, commit.tree, self._url.subdirectory, self.source)
        found = snapshot(files, self._digests, source=self.source, durable=True)
        found = replace(found, revision=short(commit.id), about=_about(commit))
        self._last = _Read(sha, commit.id, found, signers, counted.unsigned)
        self._digests.keep(files)
        return self._last.result()

    def _counted(self, remote: Remote, name: bytes, sha: bytes, signers: Signers) -> Counted:
        """Return what counts of a reference. What was found to have nothing is not looked at again."""
        if self._nothing is not None and self._nothing[:2] == (sha, signers):
            raise SourceError(self._nothing[2], reason="unsigned")
        applied = self._last.commit if self._last is not None else b""
        try:
            return git_signed.newest(partial(remote.history, sha), sha, name, signers, applied)
        except SourceError as error:
            if error.reason == "unsigned":
                self._nothing = sha, signers, str(error)
            raise

    def _resolved(self, remote: Remote) -> tuple[bytes, bytes]:
        """Return the full name of the reference, and the id that it has now."""
        if self._url.is_commit:
            return b"", self._url.ref.encode()
        ref = self._url.ref.encode()
        names = [ref] if ref.startswith(b"refs/") else [b"refs/heads/" + ref, b"refs/tags/" + ref] if ref else []
        refs = remote.refs(names)
        found = [(name, refs[name]) for name in names or [b"HEAD"] if name in refs]
        if len(found) > 1:
            raise SourceError(
                f"{self._url.ref} is a branch and a tag; write refs/heads/… or refs/tags/…", reason="missing"
            )
        if not found:
            what = f"branch or tag {self._url.ref!r}" if ref else "default branch; is it empty?"
            raise SourceError(f"has no {what}; nothing will be deleted", reason="missing")
        return found[0]

    def _check_history(self, remote: Remote, commit: GitCommit, before: bytes) -> None:
        """Raise SourceError for a branch that was rewritten: the commit that is applied is not in its history."""
        sha = commit.id
        if self._rewrites or sha == before or before in commit.parents:
            return
        if self._rewritten != (sha, before) and remote.descends(sha, before):
            return
        self._rewritten = sha, before
        raise SourceError(
            f"was rewritten: {short(sha)} does not descend from {short(before)}, which is applied. Push a commit "
            "that does, or set git.history: rewrite-allowed",
            reason="rewritten",
        )


def _objects(remote: Remote, counted: Counted) -> Objects:
    """Return the objects of a commit. A server of an old protocol gives the newest one alone, and filters nothing."""
    try:
        return remote.objects(counted.commit)
    except GitProtocolError:
        if counted.history is None:
            raise
        try:
            counted.history[commit_of(counted.history, counted.commit).tree]
        except KeyError:
            pass
        else:
            return counted.history
        raise


def _about(commit: GitCommit) -> dict[str, str]:
    """Return what people look at. Author and message are texts of anybody who may push."""
    author = commit.author.decode(errors="replace").partition(" <")[0]
    subject = commit.message.decode(errors="replace").strip().partition("\n")[0]
    return {
        "commit": commit.id.decode(),
        "author": printable(author)[:_LONGEST],
        "subject": printable(subject)[:_LONGEST],
        **_committed(commit),
    }


def _committed(commit: GitCommit) -> dict[str, str]:
    """Return the time of a commit in UTC; nothing if it is no time: the committer may write any number."""
    try:
        at = datetime.fromtimestamp(int(commit.commit_time), UTC)
    except (ValueError, OverflowError, OSError):
        return {}
    return {"committed": at.isoformat().replace("+00:00", "Z")}
