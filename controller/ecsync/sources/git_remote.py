"""Git repositories as dulwich reads them: the references, the objects of a commit, and its ancestors.

Only objects are read: there is no checkout, no hook, no submodule and no filter. One host is asked, and nothing that it
sends is unpacked before its size is known.
"""

from __future__ import annotations

import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast
from urllib.parse import urljoin

import urllib3
from dulwich.client import GitClient, HTTPProxyUnauthorized, HTTPUnauthorized, Urllib3HttpGitClient
from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Commit, ObjectID
from dulwich.repo import Repo
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout, parse_url

from ecsync.core.ports import SourceError
from ecsync.sources import git_held, git_pack
from ecsync.sources.git_errors import OF_REMOTES
from ecsync.sources.git_held import Held
from ecsync.sources.git_ssh import DEADLINE, OpenSsh
from ecsync.sources.git_tree import Objects
from ecsync.sources.git_url import GitUrl

Refs: TypeAlias = Mapping[bytes, bytes]

_SILENT = Timeout(connect=10.0, read=20.0)
_REDIRECTS = 3
_PIECE = 65_536
_ANCESTORS = 1000  # commits that are looked at for the applied one
_WITHOUT_LARGE_FILES = b"blob:limit=%d" % git_pack.MAX_OBJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach a repository: files of the operator, and a token that is read for each request.

    `refused` is called when the server has refused the token.
    """

    token: Callable[[], str] = lambda: ""
    refused: Callable[[], None] = lambda: None
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

    def history(self, sha: bytes, depth: int) -> Objects:
        """Return a commit and those before it, without the others' files."""

    def descends(self, sha: bytes, ancestor: bytes) -> bool:
        """Return whether a commit is known to descend from another one."""


def remote(url: GitUrl, access: Access) -> Remote:
    """Return the repository at an address. Raises SourceError where a setting is missing."""
    if url.scheme == "file":
        return Local(Path(url.path))
    if url.scheme == "ssh":
        ssh = OpenSsh(url, key=access.ssh_key, known_hosts=access.known_hosts)
        return Server(lambda thin: ssh.client(url, thin), url.path)
    return Server(lambda thin: _http(url, access, thin), url.repository)


# ---------------------------------------------------------------- a server


class Server:
    """A repository of a server. Each fetch has the objects of one commit, without its history.

    Where the commit before is held, only what is new is asked for. The server may then send differences to what is held
    (a thin pack). What does not make a whole commit of both is dropped, and everything is asked for.
    """

    def __init__(self, client: Callable[[bool], AbstractContextManager[GitClient]], path: str) -> None:
        self._client = client  # its argument: whether the server may send differences to what is held
        self._path = path
        self._held: Held | None = None

    def refs(self, prefixes: Sequence[bytes]) -> Refs:
        """Return the references with these prefixes, and HEAD."""
        with self._client(False) as client:
            found = client.get_refs(self._path.encode(), ref_prefix=[b"HEAD", *prefixes]).refs
        return {name: sha for name, sha in found.items() if sha is not None}

    def objects(self, sha: bytes) -> Objects:
        """Return the objects of a commit or an annotated tag, but none of large files where the server can filter."""
        held, self._held = self._held, None
        if held is not None:
            store = self._added(sha, held)
            if store is not None:
                return store
        whole = self._fetched(sha, _Walker(), 1, _WITHOUT_LARGE_FILES)
        self._held = git_held.hold(whole, sha)
        return whole

    def _added(self, sha: bytes, held: Held) -> MemoryObjectStore | None:
        """Return the objects of a commit: those that are held, and what the server adds. None if any is missing."""
        try:
            store = self._fetched(sha, _Walker(held.commit), 1, _WITHOUT_LARGE_FILES, held.copy())
        except (OSError, HTTPError, HTTPUnauthorized, HTTPProxyUnauthorized):
            raise
        except OF_REMOTES:
            return None
        self._held = git_held.hold(store, sha, lacking=held.lacking)
        return store if self._held is not None else None

    def history(self, sha: bytes, depth: int) -> Objects:
        """Return a commit and those before it, without files where the server can filter."""
        return self._fetched(sha, _Walker(), depth, b"tree:0")

    def descends(self, sha: bytes, ancestor: bytes) -> bool:
        """Return whether a commit is known to descend from another one: the newest commits alone are asked for."""
        found = self._fetched(sha, _Walker(ancestor), _ANCESTORS, b"tree:0")
        return _reaches(found, sha, ancestor)

    def _fetched(
        self, sha: bytes, walker: _Walker, depth: int, only: bytes, store: MemoryObjectStore | None = None
    ) -> MemoryObjectStore:
        """Return the objects that the server sends, and those of the store, if one is given."""
        pack, until = bytearray(), time.monotonic() + DEADLINE

        def add(data: bytes) -> int:
            pack.extend(data)
            if len(pack) > git_pack.MAX_PACK:
                raise git_pack.TooLarge(f"it has more than {git_pack.MAX_PACK} bytes")
            if time.monotonic() > until:
                raise TimeoutError(f"the server needs more than {DEADLINE:.0f} s")
            return len(data)

        with self._client(store is not None) as client:
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
        store = store or MemoryObjectStore()
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
def _http(url: GitUrl, access: Access, thin: bool) -> Iterator[GitClient]:
    token = access.token()
    host = _OneHost(url, access.ca_file)
    pool, username = cast(urllib3.PoolManager, host), access.username if token else None
    try:
        yield Urllib3HttpGitClient(
            url.repository, pool_manager=pool, thin_packs=thin, quiet=True, username=username, password=token or None
        )
    except (HTTPUnauthorized, SourceError):
        access.refused()
        raise
    finally:
        host.close()


def https_pool(host: str, ca_file: str) -> urllib3.PoolManager:
    """Return the connections to a host, by the proxy of the environment if it has one. An empty file: the system's."""
    options: dict[str, Any] = {"ssl_context": ssl.create_default_context(cafile=ca_file or None)}
    proxy = "" if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get("https", "")
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


class _OneHost:
    """The part of urllib3's PoolManager that dulwich uses: requests to one host, with limits."""

    def __init__(self, url: GitUrl, ca_file: str) -> None:
        self.headers = {"User-Agent": "git/ecsync"}  # GitHub answers agents of this form only
        self._origin = parse_url(url.repository)[:4]
        self._until = time.monotonic() + DEADLINE
        self._responses: list[urllib3.BaseHTTPResponse] = []
        self._pool = https_pool(url.host, ca_file)

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
        data = read(self._response, size or self._left + 1, self._until)
        self._left -= len(data)
        if self._left < 0:
            raise git_pack.TooLarge(f"the answer has more than {git_pack.MAX_PACK} bytes")
        return data


def read(response: urllib3.BaseHTTPResponse, size: int, until: float) -> bytes:
    """Return the next bytes of an answer, all that are left at most. Raises TimeoutError, also if they trickle."""
    found = bytearray()
    while len(found) < size:
        piece = response.read1(min(size - len(found), _PIECE))
        if time.monotonic() > until:
            raise TimeoutError(f"the server needs more than {DEADLINE:.0f} s")
        if not piece:
            break
        found += piece
    return bytes(found)


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

    def history(self, sha: bytes, _: int) -> Objects:
        """Return the objects of the repository."""
        return self.objects(sha)

    def descends(self, sha: bytes, ancestor: bytes) -> bool:
        """Return whether a commit descends from another one."""
        with Repo(str(self._path)) as repo:
            return _reaches(repo.object_store, sha, ancestor)
