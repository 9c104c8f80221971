"""Manifests from a git repository: those of one commit, as a whole (`core.ports.Source`)."""

from __future__ import annotations

import ssl
import zlib
from dataclasses import dataclass, replace
from typing import NoReturn

from dulwich.client import HTTPProxyUnauthorized, HTTPUnauthorized
from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException, GitProtocolError, NotGitRepository
from dulwich.objects import Commit as GitCommit
from dulwich.objects import ObjectID, Tag

from ecsync.core.ports import Snapshot, SourceError
from ecsync.core.wording import printable
from ecsync.sources import git_remote
from ecsync.sources.files import Digests, snapshot
from ecsync.sources.git_pack import NotAPack, TooLarge
from ecsync.sources.git_remote import Access, Remote
from ecsync.sources.git_tree import Objects, manifests
from ecsync.sources.git_url import GitUrl

_SHOWN = 12  # characters of the id of a commit
_LONGEST = 120  # characters of an author and of a subject
_MAX_TAGS = 5  # tags of tags
_REFUSED = ("permission denied", "authentication failed", "unprotected private key", "access denied")
_UNKNOWN_HOST = ("host key verification failed", "remote host identification has changed")
_NOT_THERE = ("not found", "does not exist", "does not appear to be a git repository")


@dataclass(frozen=True, slots=True)
class _Read:
    """What the last good read found: the id of the reference, that of its commit (a tag has its own), the snapshot."""

    sha: bytes
    commit: bytes
    snapshot: Snapshot


# What dulwich and the network raise for what a repository or its server is or sends; anything else is a bug of ours.
OF_REMOTES = (
    TooLarge,
    NotAPack,
    GitProtocolError,
    NotGitRepository,
    HTTPUnauthorized,
    HTTPProxyUnauthorized,
    ApplyDeltaError,
    ChecksumMismatch,
    FileFormatException,
    OSError,
    zlib.error,
    ValueError,
    LookupError,
    AssertionError,
)


class GitSource:
    """A branch, a tag or a commit of a repository, and a folder in it.

    A branch is followed forwards: a commit that does not descend from the one that was read before is refused, unless
    `rewrites` allows it. A new process knows no commit before.
    """

    def __init__(self, url: GitUrl, access: Access, *, rewrites: bool = False, remote: Remote | None = None) -> None:
        self._url = url
        self._access = access
        self._rewrites = rewrites
        self._remote = remote
        self._digests = Digests()
        self._last: _Read | None = None
        self._rewritten: tuple[bytes, bytes] = (b"", b"")  # (commit, commit before): asked already
        self.source = str(url)

    def fetch(self) -> Snapshot:
        """Return the snapshot of the newest commit, or raise SourceError."""
        try:
            return self._fetch()
        except SourceError as error:
            known = str(error).startswith(self.source)
            raise error if known else SourceError(f"{self.source}: {error}", reason=error.reason) from error
        except OF_REMOTES as error:
            failed(self.source, error)

    def _fetch(self) -> Snapshot:
        remote = self._remote = self._remote or git_remote.remote(self._url, self._access)
        last, (name, sha) = self._last, self._resolved(remote)
        if last is not None and last.sha == sha:
            return last.snapshot
        objects = remote.objects(sha)
        commit = _commit(objects, sha)
        if last is not None and not name.startswith(b"refs/tags/"):  # a tag is moved on purpose
            self._check_history(remote, commit.id, last.commit)
        files = manifests(objects, commit.tree, self._url.subdirectory, self.source)
        found = snapshot(files, self._digests, source=self.source, durable=True)
        self._last = _Read(sha, commit.id, replace(found, revision=_short(commit.id), about=_about(commit)))
        self._digests.keep(files)
        return self._last.snapshot

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

    def _check_history(self, remote: Remote, sha: bytes, before: bytes) -> None:
        """Raise SourceError for a branch that was rewritten: the commit that is applied is not in its history."""
        if self._rewrites or sha == before:
            return
        if self._rewritten != (sha, before) and remote.descends(sha, before):
            return
        self._rewritten = sha, before
        raise SourceError(
            f"was rewritten: {_short(sha)} does not descend from {_short(before)}, which is applied. Push a commit "
            "that does, or set git.history: rewrite-allowed",
            reason="rewritten",
        )


def _commit(objects: Objects, sha: bytes) -> GitCommit:
    """Return the commit of an id, which may be that of an annotated tag."""
    one = ObjectID(sha)
    for _ in range(_MAX_TAGS):
        try:
            found = objects[one]
        except KeyError:
            raise SourceError(f"the server did not send {_short(one)}", reason="partial") from None
        if isinstance(found, GitCommit):
            return found
        if not isinstance(found, Tag):
            break
        one = found.object[1]
    raise SourceError(f"{_short(sha)} is not a commit", reason="partial")


def _about(commit: GitCommit) -> dict[str, str]:
    """Return what people look at. Author and message are texts of anybody who may push."""
    author = commit.author.decode(errors="replace").partition(" <")[0]
    subject = commit.message.decode(errors="replace").strip().partition("\n")[0]
    return {
        "commit": commit.id.decode(),
        "author": printable(author)[:_LONGEST],
        "subject": printable(subject)[:_LONGEST],
    }


def _short(sha: bytes) -> str:
    return sha.decode()[:_SHOWN]


def failed(source: str, error: Exception) -> NoReturn:
    """Raise the SourceError of what went wrong."""
    chain = _causes(error)
    text = " ".join(str(error).split())[:300]
    lower = text.lower()
    if any(isinstance(one, TooLarge) for one in chain):
        raise SourceError(f"{source}: the pack is too large: {error}", reason="too_large") from error
    if any(isinstance(one, NotAPack | zlib.error | FileFormatException) for one in chain):
        raise SourceError(f"{source}: the server sent no whole pack: {text}", reason="partial") from error
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in chain):
        raise SourceError(
            f"{source}: its certificate cannot be trusted; set git.ca_file if it is your own authority",
            reason="untrusted",
        ) from error
    if any(part in lower for part in _UNKNOWN_HOST):
        raise SourceError(
            f"{source}: the key of the host is not in git.known_hosts, or it has changed; compare it with its owner's",
            reason="untrusted",
        ) from error
    if isinstance(error, HTTPUnauthorized) or any(part in lower for part in _REFUSED):
        raise SourceError(
            f"{source}: access is refused; check the token or the key, and that it has not expired", reason="denied"
        ) from error
    if isinstance(error, NotGitRepository) or any(part in lower for part in _NOT_THERE):
        raise SourceError(
            f"{source}: no repository is there, or the token or key may not see it; nothing will be deleted",
            reason="missing",
        ) from error
    if isinstance(error, GitProtocolError | OSError | TimeoutError):
        raise SourceError(f"{source}: cannot be reached: {text}", reason="unreachable") from error
    raise SourceError(f"{source}: cannot be read: {type(error).__name__}: {text}", reason="partial") from error


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error, and what it was raised for."""
    found: list[BaseException] = []
    pending: list[object] = [error]
    while pending:
        one = pending.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            pending += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
