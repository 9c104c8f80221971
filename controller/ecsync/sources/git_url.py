"""The address of a git source, in pip's form: `git+https://host/org/repo.git@main#subdirectory=env/prod`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeAlias
from urllib.parse import unquote, urlsplit

from ecsync.core.ports import SourceError

PREFIX = "git+"
Scheme: TypeAlias = Literal["https", "ssh", "file"]

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PATH = re.compile(r"(/[A-Za-z0-9_~][A-Za-z0-9_.~+-]*)+/?")
_LOCAL = re.compile(r"/[^\x00-\x1f\x7f]+")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*")
_SUBDIRECTORY = re.compile(r"[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*(/[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*)*")
_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitUrl:
    """A repository, a branch, tag or commit of it (empty: its default branch), and a folder in it (empty: all)."""

    scheme: Scheme
    host: str = ""
    port: int | None = None
    user: str = ""  # of ssh
    path: str
    ref: str = ""
    subdirectory: str = ""

    @property
    def repository(self) -> str:
        """The address of the repository without credentials."""
        if self.scheme == "file":
            return f"file://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.scheme == "ssh" else ""
        return f"{self.scheme}://{user}{host}{f':{self.port}' if self.port else ''}{self.path}"

    @property
    def is_commit(self) -> bool:
        """Whether the reference is the full id of a commit."""
        return bool(_SHA.fullmatch(self.ref))

    @property
    def name(self) -> str:
        """The last part of the folder, or of the repository."""
        return (self.subdirectory or self.path.rstrip("/").removesuffix(".git")).rpartition("/")[2]

    def __str__(self) -> str:
        ref = f"@{self.ref}" if self.ref else ""
        return f"{PREFIX}{self.repository}{ref}{f'#subdirectory={self.subdirectory}' if self.subdirectory else ''}"


def parse(where: str) -> GitUrl:
    """Return the parts of an address. Raises SourceError; its text has no credentials."""
    try:
        found = urlsplit(where.removeprefix(PREFIX))
        host, port = found.hostname or "", found.port
    except ValueError:
        _refuse("a git source", "its host or port is not valid")
    scheme = found.scheme
    shown = f"{PREFIX}{scheme}://{host}{found.path}"
    if scheme not in ("https", "ssh", "file"):
        _refuse(shown, "use git+https://, git+ssh:// or git+file://")
    if found.password is not None or (found.username is not None and scheme != "ssh"):
        _refuse(shown, "an address has no credentials; use ECSYNC_GIT_TOKEN, git.token_file or git.ssh_key")
    path, at, ref = found.path.rpartition("@") if "@" in found.path else (found.path, "", "")
    path, ref = unquote(path), unquote(ref)
    if found.query or (at and not ref):
        _refuse(shown, "the form is git+https://host/org/repo.git@main#subdirectory=env/prod")
    if scheme == "file":
        _check(not host and bool(_LOCAL.fullmatch(path)), shown, "the form is git+file:///path/to/repository")
    else:
        user = found.username or "git"
        _check(bool(_HOST.fullmatch(host) and _USER.fullmatch(user)), shown, "its host or user is not valid")
        _check(bool(_PATH.fullmatch(path)), shown, "its path is not that of a repository")
    _check(not ref or _is_ref(ref), shown, f"{ref!r} is not a branch, a tag or the id of a commit")
    return GitUrl(
        scheme=scheme,  # type: ignore[arg-type]
        host=host,
        port=port,
        user=(found.username or "git") if scheme == "ssh" else "",
        path=path,
        ref=ref,
        subdirectory=_subdirectory(unquote(found.fragment), shown),
    )


def _subdirectory(fragment: str, shown: str) -> str:
    name, _, value = fragment.partition("=")
    value = value.strip("/")
    _check(not fragment or name == "subdirectory", shown, f"after # only subdirectory=FOLDER is known, not {name!r}")
    _check(not value or bool(_SUBDIRECTORY.fullmatch(value)), shown, f"{value!r} is not a folder in a repository")
    return value


def _is_ref(ref: str) -> bool:
    """Return whether git takes a name of a reference (git-check-ref-format)."""
    parts = ref.split("/")
    return (
        bool(_REF.fullmatch(ref))
        and ".." not in ref
        and all(part and not part.startswith(".") and not part.endswith((".", ".lock")) for part in parts)
    )


def _check(holds: bool, shown: str, problem: str) -> None:
    if not holds:
        _refuse(shown, problem)


def _refuse(shown: str, problem: str) -> NoReturn:
    raise SourceError(f"{shown}: {problem}", reason="unreachable")
