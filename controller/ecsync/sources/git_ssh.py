"""OpenSSH as the transport of git, with the operator's key and known hosts and no other setting."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from dulwich.client import GitClient, SSHGitClient, SSHVendor, SubprocessWrapper

from ecsync.core.ports import SourceError
from ecsync.sources.git_url import GitUrl

DEADLINE = 120.0  # seconds for one request to a server, with its answer


class OpenSsh:
    """Runs OpenSSH with the operator's key, for hosts with a key in the operator's file alone (dulwich's SSHVendor)."""

    def __init__(self, url: GitUrl, *, key: str, known_hosts: str) -> None:
        if not known_hosts or not key:
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
            "UserKnownHostsFile": known_hosts,
            "GlobalKnownHostsFile": os.devnull,
            "UpdateHostKeys": "no",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "IdentityFile": key,
            "ConnectTimeout": "10",
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "2",
            "ForwardAgent": "no",
            "PermitLocalCommand": "no",
            "SetEnv": "GIT_PROTOCOL=version=2",  # the versions before cannot filter
        }
        self._running: list[_Process] = []
        self._options = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]

    @contextmanager
    def client(self, url: GitUrl, thin: bool) -> Iterator[GitClient]:
        """Yield a client, and end the processes that it has started."""
        try:
            yield SSHGitClient(url.host, url.port, url.user, vendor=cast(SSHVendor, self), thin_packs=thin, quiet=True)
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
    """A process as dulwich talks to it. It is killed when its time is over. `OpenSsh` ends it, so `close` is None."""

    close = None

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._wrapped = SubprocessWrapper(process)
        self.read, self.write, self.can_read = self._wrapped.read, self._wrapped.write, self._wrapped.can_read
        self.stderr = process.stderr
        self._timer = threading.Timer(DEADLINE, process.kill)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """End the process, and close its pipes."""
        self._timer.cancel()
        self._wrapped.proc.terminate()
        self._wrapped.close(timeout=5)
