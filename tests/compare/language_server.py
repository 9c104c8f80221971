"""The yaml-language-server of editors, over stdio: as much of its protocol as a test needs."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

PATIENCE = 60.0  # seconds for an answer; it takes one or two


def command() -> list[str] | None:
    """Return how to start the server: from PATH, or from the node_modules that ECSYNC_YAML_LS names."""
    found = shutil.which("yaml-language-server")
    if found is None and "ECSYNC_YAML_LS" in os.environ:
        found = shutil.which("yaml-language-server", path=str(Path(os.environ["ECSYNC_YAML_LS"]) / ".bin"))
    return [found, "--stdio"] if found else None


class LanguageServer:
    """A running server that was told one schema for every file."""

    def __init__(self, start: list[str], schema: Path) -> None:
        self._process = subprocess.Popen(
            start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._settings = {"schemas": {schema.as_uri(): "*.yaml"}, "schemaStore": {"enable": False}, "completion": True}
        self._told: queue.Queue[dict[str, Any]] = queue.Queue()
        self._number = 0
        threading.Thread(target=self._listen, daemon=True).start()
        capabilities = {"workspace": {"configuration": True}, "textDocument": {"completion": {}}}
        self._ask("initialize", {"processId": os.getpid(), "rootUri": None, "capabilities": capabilities})
        self._say("initialized", {})

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def diagnostics(self, uri: str, text: str) -> list[str]:
        """Open a file, and return what is wrong with it as `line: message`."""
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._say("textDocument/didOpen", {"textDocument": document})
        while True:
            told = self._next()
            if told.get("method") == "textDocument/publishDiagnostics" and told["params"]["uri"] == uri:
                found = told["params"]["diagnostics"]
                return [f"{one['range']['start']['line'] + 1}: {one['message']}" for one in found]

    def completions(self, uri: str, line: int, character: int) -> list[str]:
        """Return what is offered at a place of an open file; both count from 0."""
        position = {"line": line, "character": character}
        answer = self._ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})
        return [item["label"] for item in answer["items"]]

    # ------------------------------------------------------------ the protocol

    def _ask(self, method: str, params: Any) -> Any:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            told = self._next()
            if told.get("id") == self._number and "method" not in told:
                return told.get("result")

    def _say(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _next(self) -> dict[str, Any]:
        """Return the next message; what the server asks of an editor is answered on the way."""
        while True:
            told = self._told.get(timeout=PATIENCE)
            if "id" not in told or "method" not in told:
                return told
            asked = told["params"].get("items", []) if told["method"] == "workspace/configuration" else []
            answers = [self._settings if item.get("section") == "yaml" else {} for item in asked]
            self._send({"id": told["id"], "result": answers or None})

    def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            if not header.lower().startswith(b"content-length:"):
                continue
            length = int(header.split(b":")[1])
            while stream.readline().strip():
                pass
            self._told.put(json.loads(stream.read(length)))
