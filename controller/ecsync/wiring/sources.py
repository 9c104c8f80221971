"""Where manifests come from: a path, S3 or git, by the form of its address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ecsync import config
from ecsync.config import ConfigError, GitSettings, Settings
from ecsync.core.ports import Reader, Snapshot, Source, SourceError
from ecsync.sources import git_url
from ecsync.sources.disk import DiskSource
from ecsync.sources.git_url import GitUrl
from ecsync.sources.s3 import S3Source

if TYPE_CHECKING:
    from ecsync.sources.git_signers import SignerFiles
    from ecsync.sources.github_app import AppTokens


def kind_of(where: str) -> Literal["disk", "s3", "git"]:
    """Return what is at an address."""
    if where.startswith(git_url.PREFIX):
        return "git"
    return "s3" if where.startswith("s3://") else "disk"


def open_source(where: str, reader: Callable[[], Reader], settings: Settings) -> Source:
    """Return the source at an address. Only S3 calls `reader`. Raises SourceError."""
    kind = kind_of(where)
    if kind == "git":
        return _git(where, settings)
    scheme, separator, rest = where.partition("://")
    if not separator:
        return DiskSource(Path(where))
    bucket, _, prefix = rest.partition("/")
    if kind != "s3" or not bucket:
        raise SourceError(
            f"{where if '@' not in where else scheme + '://…'}: not a source; use a path, s3://bucket/prefix or "
            "git+https://host/org/repo.git@main",
            reason="unreachable",
        )
    return S3Source(reader(), bucket, prefix, settings.source_owner)


def _git(where: str, settings: Settings) -> Source:
    from ecsync.sources.git import GitSource  # dulwich takes 100 ms, and most sources are no git
    from ecsync.sources.git_remote import Access

    def token() -> str:
        try:
            return config.git_token(settings)
        except ConfigError as error:
            raise SourceError(str(error), reason="denied") from error

    git, url = settings.git, git_url.parse(where)
    access = Access(
        token=token, username=git.username, ca_file=git.ca_file, ssh_key=git.ssh_key, known_hosts=git.known_hosts
    )
    if git.app_id and url.scheme == "https":
        tokens = _app_tokens(git, url)
        access = replace(access, token=tokens.token, refused=tokens.forget)
    return GitSource(url, access, rewrites=git.history == "rewrite-allowed", signers=_signers(git))


def _signers(git: GitSettings) -> SignerFiles | None:
    if not git.signers and not git.signers_gpg:
        return None
    from ecsync.sources.git_signers import SignerFiles

    return SignerFiles(git.signers, git.signers_gpg)


def _app_tokens(git: GitSettings, url: GitUrl) -> AppTokens:
    from ecsync.sources.github_app import App, AppTokens

    return AppTokens(
        App(
            id=git.app_id,
            key_file=git.app_key_file,
            installation=git.app_installation,
            api=git.app_api,
            ca_file=git.ca_file,
        ),
        url,
    )


def open_sources(where: str, reader: Callable[[], Reader], settings: Settings) -> dict[str, Source]:
    """Return the sources of a controller by name; the only one has none. Raises SourceError for the only one."""
    if not settings.sources:
        return {"": open_source(where, reader, settings)}
    return {name: _Lazy(one.source, reader, settings.source_of(name)) for name, one in settings.sources.items()}


@dataclass(slots=True)
class _Lazy:
    """A source that is opened when it is read: one with a wrong address does not keep the others from starting."""

    where: str
    reader: Callable[[], Reader]
    settings: Settings
    opened: Source | None = None

    def fetch(self) -> Snapshot:
        """Return the complete snapshot. Raises SourceError."""
        self.opened = self.opened or open_source(self.where, self.reader, self.settings)
        return self.opened.fetch()


def described(settings: Settings) -> str:
    """Return where the manifests come from, for people."""
    return ", ".join(f"{name}: {one.source}" for name, one in settings.sources.items()) or settings.source


def root_names(settings: Settings) -> dict[str, str]:
    """Return, for several sources, the name of the application of documents without an Application in each."""
    return {name: root_name(one.source) for name, one in settings.sources.items()}


def root_name(where: str) -> str:
    """Return the name of documents without an Application: the last part of the address."""
    if kind_of(where) == "git":
        return git_url.parse(where).name or "default"
    name = where.rstrip("/").rpartition("/")[2] if "://" in where else Path(where).resolve().name
    return name or "default"
