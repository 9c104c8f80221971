"""Runs `sh` blocks in a real bash, in a folder of their own, with `ecsync` in the process of the test.

The programs of a block are those in one folder. `ecsync` and each program of `NOT_RUN` is a small client there: it
sends its arguments to the test, which answers with output and exit code. So a block runs as it stands, and fast.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.docs.pages import Block

Answer = tuple[int, str, str]  # exit code, stdout, stderr
Run = Callable[[list[str], Path, Mapping[str, str]], Answer]  # words of the command, folder, environment

PROGRAMS = (
    "awk", "base64", "basename", "bash", "cat", "chmod", "cmp", "cp", "cut", "date", "diff", "dirname", "env",
    "find", "git", "grep", "gzip", "head", "id", "install", "jq", "ln", "ls", "mkdir", "mktemp", "mv", "od",
    "openssl", "printf", "rm", "rmdir", "sed", "seq", "sleep", "sort", "stat", "tail", "tar", "tee", "touch",
    "tr", "true", "uname", "uniq", "wc", "xargs",
)  # fmt: skip
_CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({address!r})
    words = [{name!r}, *sys.argv[1:]]
    connection.sendall(json.dumps([words, os.getcwd(), dict(os.environ)]).encode() + b"\\n")
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
code, out, err = json.loads(b"".join(parts))
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""
_PROLOGUE = """set -eEuo pipefail
trap 'printf "%s\\n" "$LINENO" > "{failed}"' ERR
trap 'env -0 > "{environment}"; pwd > "{folder}"' EXIT
"""
_TIMEOUT = 300.0  # seconds of one block, on a busy machine: only a block that waits for something takes as long


@dataclass
class Shell:
    """A folder, an environment and the programs; a block begins with what the one before has left."""

    folder: Path
    scratch: Path
    environment: dict[str, str]
    run: Run
    output: str = ""  # of the last block

    def __post_init__(self) -> None:
        self._address = str(Path(tempfile.mkdtemp(prefix="ecsync-")) / "s")  # the path of a socket has 100 characters
        self.programs = self.scratch / "bin"
        self.programs.mkdir(parents=True)
        for name in PROGRAMS:
            found = shutil.which(name)
            if found:
                (self.programs / name).symlink_to(found)
        self.environment |= {"PATH": str(self.programs), "HOME": str(self.scratch), "LC_ALL": "C.UTF-8"}

    def close(self) -> None:
        """Remove what is not in the folders of the test."""
        Path(self._address).parent.rmdir()

    def serve(self, name: str, path: Path | None = None) -> None:
        """Make a program, by default one on the PATH: the test answers for it, by this name."""
        path = path or self.programs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = _CLIENT.format(python=sys.executable, address=self._address, name=name)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def block(self, block: Block) -> str:
        """Run a block. Return where it failed, and why; empty if it did not."""
        state = {name: self.scratch / name for name in ("failed", "environment", "folder")}
        for path in state.values():
            path.unlink(missing_ok=True)
        script = _PROLOGUE.format(**state) + block.text
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._address)
            listener.listen()
            listener.settimeout(0.02)
            with subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ) as process:
                self.output = self._answer(listener, process)
        Path(self._address).unlink()
        if process.returncode == 0:
            self._keep(state)
            return ""
        line = int(state["failed"].read_text()) if state["failed"].exists() else 1
        line = max(line - _PROLOGUE.count("\n"), 1)
        return f"{block.at(line)}: sh: exit code {process.returncode}\n{self.output.strip()}"

    def _answer(self, listener: socket.socket, process: subprocess.Popen[bytes]) -> str:
        """Answer the programs until bash has ended, and return its output."""
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        output: list[bytes] = []
        began = time.monotonic()
        while True:
            ended = process.poll() is not None
            if not ended and time.monotonic() - began > _TIMEOUT:
                process.kill()
            part = process.stdout.read()
            if part:
                output.append(part)
            if ended:
                return b"".join(output).decode(errors="replace")
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(_TIMEOUT)
                words, folder, environment = _request(connection)
                connection.sendall(json.dumps(self._run(words, Path(folder), environment)).encode())

    def _run(self, words: list[str], folder: Path, environment: Mapping[str, str]) -> Answer:
        """Answer a program. An error of the test is its answer: bash waits for one."""
        try:
            return self.run(words, folder, environment)
        except Exception:  # noqa: BLE001  # it is printed as the output of the block
            return 255, "", f"{' '.join(words)}: {traceback.format_exc()}"

    def _keep(self, state: Mapping[str, Path]) -> None:
        pairs = (pair.split("=", 1) for pair in state["environment"].read_text().split("\0") if "=" in pair)
        self.environment = {name: value for name, value in pairs if name not in ("_", "SHLVL")}
        self.folder = Path(state["folder"].read_text().strip())


def _request(connection: socket.socket) -> tuple[list[str], str, dict[str, str]]:
    parts = b""
    while not parts.endswith(b"\n"):
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("the request of a program is not complete")
        parts += part
    found: Any = json.loads(parts)
    return found[0], found[1], found[2]
