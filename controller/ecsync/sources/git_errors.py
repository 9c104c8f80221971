"""What goes wrong with a repository of a server, and its SourceError; what is wrong with keys and signatures."""

from __future__ import annotations

import ssl
import zlib
from typing import NoReturn

from dulwich.client import HTTPProxyUnauthorized, HTTPUnauthorized
from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException, GitProtocolError, NotGitRepository
from dulwich.pack import UnresolvedDeltas
from urllib3.exceptions import HTTPError

from ecsync.core.ports import SourceError
from ecsync.sources.git_pack import NotAPack, TooLarge

_NOT_THERE = ("not found", "does not exist", "does not appear to be a git repository")
_UNKNOWN_HOST = ("host key verification failed", "remote host identification has changed")
_REFUSED = ("permission denied", "authentication failed", "unprotected private key", "access denied")
# What dulwich and the network raise for what a repository or its server is or sends; anything else is a bug of ours.
OF_REMOTES = (
    TooLarge,
    NotAPack,
    GitProtocolError,
    NotGitRepository,
    HTTPUnauthorized,
    HTTPProxyUnauthorized,
    ApplyDeltaError,
    UnresolvedDeltas,
    ChecksumMismatch,
    FileFormatException,
    OSError,
    HTTPError,
    zlib.error,
    ValueError,
    LookupError,
    AssertionError,
)


class BadKey(Exception):
    """A public key is malformed, too weak or of a type that is not supported."""


class BadSignature(Exception):
    """A commit or tag does not count: it has no signature, or a wrong one, or that of another key."""


def failed(source: str, error: Exception) -> NoReturn:
    """Raise the SourceError of what went wrong."""
    chain = _causes(error)
    text = " ".join(str(error).split())[:300]
    lower = text.lower()
    if any(isinstance(one, TooLarge) for one in chain):
        raise SourceError(f"{source}: the pack is too large: {error}", reason="too_large") from error
    if any(isinstance(one, NotAPack | zlib.error | FileFormatException | UnresolvedDeltas) for one in chain):
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
    if isinstance(error, GitProtocolError | OSError | HTTPError):
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
