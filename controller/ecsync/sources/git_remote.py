"""Git repositories as dulwich reads them: the references, the objects of a commit, and its ancestors.

Only objects are read: there is no checkout, no hook, no submodule and no filter. One host is asked, and nothing that it
sends is unpacked before its size is known.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast
from urllib.parse import urljoin

import urllib3
from dulwich.client import GitClient, SSHGitClient, SSHVendor, SubprocessWrapper, Urllib3HttpGitClient
from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Commit, ObjectID
from dulwich.repo import Repo
from urllib3.util import Timeout, parse_url

from ecsync.core.ports import SourceError
from ecsync.sources import git_pack
from ecsync.sources.git_tree import Objects
from ecsync.sources.git_url import GitUrl

Refs: TypeAlias = Mapping[bytes, bytes]

_DEADLINE = 120.0  # seconds for one request to a server, with its answer
_SILENT = Timeout(connect=10.0, read=20.0)
_REDIRECTS = 3
_ANCESTORS = 1000  # commits that are looked at for the applied one
_WITHOUT_LARGE_FILES = b"blob:limit=%d" % git_pack.MAX_OBJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach a repository: files of the operator, and a token that is read for each request."""

    token: Callable[[], str] = lambda: ""
    username: str = "x-access-token"
    ca_file: str = ""  # empty: the system's certificate authorities
    ssh_key: str = ""
    known_hosts: str = ""


class Remote(Protocol):
    """A repository. Its methods raise what `git.failed` makes a SourceError of."""

    def refs(self, prefixes: Sequence[bytes]) -> Refs:
        """Return the references with these prefixes, and HEAD."""

    def objects(self, sha: bytes) -> Objects:
        """Return the objects of a commit or an annotated tag."""

    def descends(self, sha: bytes, ancestor: bytes) -> bool:
        """Return whether a commit is known to descend from another one."""


def remote(url: GitUrl, access: Access) -> Remote:
    """Return the repository at an address. Raises SourceError where a setting is missing."""
    if url.scheme == "file":
        return Local(Path(url.path))
    if url.scheme == "ssh":
        ssh = _OpenSsh(url, access)
        return Server(lambda: ssh.client(url), url.path)
    return Server(lambda: _http(url, access), url.repository)


# ---------------------------------------------------------------- a server


class Server:
    """A repository of a server. Each fetch has the objects of one commit, without its history."""

    def __init__(self, client: Callable[[], AbstractContextManager[GitClient]], path: str) -> None:
        self._client = client
        self._path = path

    def refs(self, prefixes: Sequence[bytes]) -> Refs:
        """Return the references with these prefixes, and HEAD."""
        with self._client() as client:
            found = client.get_refs(self._path.encode(), ref_prefix=[b"HEAD", *prefixes]).refs
        return {name: sha for name, sha in found.items() if sha is not None}

    def objects(self, sha: bytes) -> Objects:
        """Return the objects of a commit or an annotated tag, but none of large files where the server can filter."""
        return self._fetched(sha, _Walker(), 1, _WITHOUT_LARGE_FILES)

    def descends(self, sha: bytes, ancestor: bytes) -> bool:
        """Return whether a commit is known to descend from another one: the newest commits alone are asked for."""
        found = self._fetched(sha, _Walker(ancestor), _ANCESTORS, b"tree:0")
        return _reaches(found, sha, ancestor)

    def _fetched(self, sha: bytes, walker: _Walker, depth: int, only: bytes) -> MemoryObjectStore:
        pack, until = bytearray(), time.monotonic() + _DEADLINE

        def add(data: bytes) -> int:
            pack.extend(data)
            if len(pack) > git_pack.MAX_PACK:
                raise git_pack.TooLarge(f"it has more than {git_pack.MAX_PACK} bytes")
            if time.monotonic() > until:
                raise TimeoutError(f"the server needs more than {_DEADLINE:.0f} s")
            return len(data)

        with self._client() as client:
            client.fetch_pack(
                self._path.encode(),
                lambda *_, **__: [ObjectID(sha)],
                walker,
                add,
                depth=depth,
                ref_prefix=[b"HEAD"],
                filter_spec=only,
            )
        whole = bytes(pack)
        git_pack.check(whole)
        store = MemoryObjectStore()
        file, commit, abort = store.add_pack()
        try:
            file.write(whole)
            commit()
        except BaseException:
            abort()
            raise
        return store


class _Walker:
    """What this side has (dulwich's GraphWalker): nothing, or one commit without its history."""

    def __init__(self, *have: bytes) -> None:
        self._left = [ObjectID(one) for one in have]
        self.shallow = set(self._left)
        self.unshallow: set[ObjectID] = set()

    def __next__(self) -> ObjectID | None:
        return self._left.pop() if self._left else None

    def ack(self, sha: ObjectID) -> None:
        """The server has it."""

    def nak(self) -> None:
        """The server does not have it."""

    def update_shallow(self, new: set[ObjectID] | None, gone: set[ObjectID] | None) -> None:
        """The history ends there."""


def _reaches(objects: Objects, sha: bytes, ancestor: bytes) -> bool:
    seen: set[bytes] = set()
    pending = [sha]
    while pending:
        one = pending.pop()
        if one == ancestor:
            return True
        if one in seen:
            continue
        seen.add(one)
        try:
            found = objects[ObjectID(one)]
        except KeyError:
            continue
        if isinstance(found, Commit):
            pending += found.parents
    return False


# ---------------------------------------------------------------- https


@contextmanager
def _http(url: GitUrl, access: Access) -> Iterator[GitClient]:
    token = access.token()
    host = _OneHost(url, access.ca_file)
    pool, username = cast(urllib3.PoolManager, host), access.username if token else None
    try:
        yield Urllib3HttpGitClient(
            url.repository, pool_manager=pool, thin_packs=False, quiet=True, username=username, password=token or None
        )
    finally:
        host.close()


class _OneHost:
    """The part of urllib3's PoolManager that dulwich uses: requests to one host, with limits."""

    def __init__(self, url: GitUrl, ca_file: str) -> None:
        self.headers = {"User-Agent": "git/ecsync"}  # GitHub answers agents of this form only
        self._origin = parse_url(url.repository)[:4]
        self._until = time.monotonic() + _DEADLINE
        self._responses: list[urllib3.BaseHTTPResponse] = []
        options: dict[str, Any] = {"ssl_context": ssl.create_default_context(cafile=ca_file or None)}
        proxy = "" if urllib.request.proxy_bypass(url.host) else urllib.request.getproxies().get("https", "")
        self._pool = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)

    def close(self) -> None:
        """Close the connections, also those with an answer that is not read."""
        for response in self._responses:
            response.close()
        self._pool.clear()

    def request(self, method: str, url: str, **options: Any) -> _Answer:
        """Make a request. A redirect is followed within the host."""
        for _ in range(_REDIRECTS):
            if parse_url(url)[:4] != self._origin:
                raise SourceError(f"redirected to {url}: use that address, if it is right", reason="untrusted")
            options |= {"redirect": False, "retries": False, "timeout": _SILENT, "preload_content": False}
            response = self._pool.request(method, url, **options)
            self._responses.append(response)
            where = response.get_redirect_location()
            if not where or method != "GET":
                break
            response.drain_conn()
            url = urljoin(url, where)
        if response.status == 403:
            raise SourceError("the server refuses the token (403)", reason="denied")
        return _Answer(response, self._until)


class _Answer:
    """An answer that is not read beyond the limits of a pack and of time."""

    def __init__(self, response: urllib3.BaseHTTPResponse, until: float) -> None:
        self._response = response
        self._until = until
        self._left = git_pack.MAX_PACK + 2**20

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    def read(self, size: int | None = None) -> bytes:
        """Return some bytes."""
        data = self._response.read(size or self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise git_pack.TooLarge(f"the answer has more than {git_pack.MAX_PACK} bytes")
        if time.monotonic() > self._until:
            raise TimeoutError(f"the server needs more than {_DEADLINE:.0f} s")
        return data


# ---------------------------------------------------------------- ssh


class _OpenSsh:
    """Runs OpenSSH with the operator's key, for hosts with a key in the operator's file alone (dulwich's SSHVendor)."""

    def __init__(self, url: GitUrl, access: Access) -> None:
        if not access.known_hosts or not access.ssh_key:
            raise SourceError(
                f"{url}: ssh needs git.ssh_key, and git.known_hosts with the key of {url.host} (ssh-keyscan prints it)",
                reason="untrusted",
            )
        self._command = shutil.which("ssh") or ""
        if not self._command:
            raise SourceError(f"{url}: there is no ssh here; install openssh-client", reason="unreachable")
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": access.known_hosts,
            "GlobalKnownHostsFile": os.devnull,
            "UpdateHostKeys": "no",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "IdentityFile": access.ssh_key,
            "ConnectTimeout": "10",
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "2",
            "ForwardAgent": "no",
            "PermitLocalCommand": "no",
        }
        self._running: list[_Process] = []
        self._options = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]

    @contextmanager
    def client(self, url: GitUrl) -> Iterator[GitClient]:
        """Yield a client, and end the processes that it has started."""
        try:
            yield SSHGitClient(url.host, url.port, url.user, vendor=cast(SSHVendor, self), thin_packs=False, quiet=True)
        finally:
            while self._running:
                self._running.pop().end()

    def run_command(
        self,
        host: str,
        command: bytes,
        username: str | None = None,
        port: int | None = None,
        **_: Any,
    ) -> _Process:
        """Start a command on a host."""
        where = ["-p", str(port)] if port else []
        arguments = [self._command, "-F", os.devnull, "-x", "-T", *self._options, *where]
        process = subprocess.Popen(  # noqa: S603  # the host and the user are checked by git_url
            [*arguments, "--", f"{username}@{host}" if username else host, command],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"LC_ALL": "C"},
        )
        self._running.append(_Process(process))
        return self._running[-1]


class _Process:
    """A process as dulwich talks to it. It is killed when its time is over. `_OpenSsh` ends it, so `close` is None."""

    close = None

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._wrapped = SubprocessWrapper(process)
        self.read, self.write, self.can_read = self._wrapped.read, self._wrapped.write, self._wrapped.can_read
        self.stderr = process.stderr
        self._timer = threading.Timer(_DEADLINE, process.kill)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """End the process, and close its pipes."""
        self._timer.cancel()
        self._wrapped.proc.terminate()
        self._wrapped.close(timeout=5)


# ---------------------------------------------------------------- a local repository


class Local:
    """A repository on a disk of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def refs(self, prefixes: Sequence[bytes]) -> Refs:
        """Return the references with these prefixes, and HEAD."""
        with Repo(str(self._path)) as repo:
            found = repo.get_refs()
        return {name: sha for name, sha in found.items() if name == b"HEAD" or name.startswith(tuple(prefixes))}

    def objects(self, _: bytes) -> Objects:
        """Return the objects of the repository."""
        return Repo(str(self._path)).object_store

    def descends(self, sha: bytes, ancestor: bytes) -> bool:
        """Return whether a commit descends from another one."""
        with Repo(str(self._path)) as repo:
            return _reaches(repo.object_store, sha, ancestor)
