"""A person who follows a page of the docs: a shell, in which `aws` and `ecsync` are answered by this process."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from tests.whole.support.command import Result

Program = Callable[[Sequence[str]], Result]
# A program on the PATH of the shell: it asks this process, which has everything loaded.
_SHIM = """#!{python} -IS
import json, os, socket, sys
connection = socket.create_connection(("127.0.0.1", {port}))
asked = {{"program": {program!r}, "arguments": sys.argv[1:], "environment": dict(os.environ)}}
connection.sendall(json.dumps(asked).encode())
connection.shutdown(socket.SHUT_WR)
code, out, err = json.loads(connection.makefile().read())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


def blocks(page: Path) -> dict[str, list[str]]:
    """Return the commands of a page, by the heading above them: the fenced blocks of `sh`. `console` is for people."""
    found: dict[str, list[str]] = {}
    heading = ""
    for match in re.finditer(r"^(#+ [^\n]*)$|^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S):
        if match[1]:
            heading = match[1].lstrip("# ")
        else:
            found.setdefault(heading, []).append(match[2])
    return found


@dataclass
class Operator:
    """A shell that keeps what its commands export."""

    programs: dict[str, Program]
    work: Path  # the current directory
    environment: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def follow(self, commands: Sequence[str]) -> str:
        """Run blocks of commands, one after the other, and return what they print. Each command must succeed."""
        return "".join(self._run(one) for one in commands)

    def _run(self, block: str) -> str:
        with _listening() as server:
            kept = self.work / ".exported"
            folder = self.work / ".bin"
            folder.mkdir(exist_ok=True)
            for program in self.programs:
                self._write(folder / program, _SHIM, server.getsockname()[1], program)
            own = {"PATH": f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}", **self.environment}
            script = f"set -euo pipefail\n{block}\nenv -0 > {kept}\n"
            with (self.work / ".out").open("w+") as printed:  # a pipe would be full before the end
                shell = subprocess.Popen(
                    ["bash", "-c", script],
                    cwd=self.work,
                    env={**os.environ, **own},
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=subprocess.STDOUT,
                )
                try:
                    while shell.poll() is None:
                        self._answer(server)
                finally:
                    shell.kill()
                    shell.wait()
                printed.seek(0)
                out = printed.read()
        assert shell.returncode == 0, f"{block}\n{out}"
        self.environment |= dict(
            one.partition("=")[::2] for one in kept.read_text().split("\0") if one.startswith(_EXPORTS)
        )
        return out

    def _answer(self, server: socket.socket) -> None:
        try:
            connection, _ = server.accept()
        except TimeoutError:
            return
        with connection, connection.makefile() as stream:
            asked = json.loads(stream.read())
            exported = {name: one for name, one in asked["environment"].items() if name.startswith(_OURS)}
            with mock.patch.dict(os.environ, exported):
                answer = self.programs[asked["program"]](asked["arguments"])
            self.log.append(f"{asked['program']} {' '.join(asked['arguments'])}\n{answer.out}{answer.err}")
            connection.sendall(json.dumps([answer.code, answer.out, answer.err]).encode())

    def _write(self, file: Path, text: str, port: int, program: str) -> None:
        file.write_text(text.format(python=sys.executable, port=port, program=program))
        file.chmod(0o755)


_OURS = ("AWS_", "ECSYNC_")
_EXPORTS = (*_OURS, "IMAGE=", "VPC=", "SUBNETS=", "SOURCE=", "BUCKET=", "GROUP=")


@contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        yield server
