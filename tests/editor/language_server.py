"""A client of yaml-language-server over stdio, with the part of the protocol that the tests use."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

PATIENCE = 60.0  # seconds for an answer; most take less than one, the first a few


class Place(NamedTuple):
    """A place in a text. Both numbers count from 0."""

    line: int
    character: int


class Diagnostic(NamedTuple):
    """One message of the server about a range of a file."""

    start: Place
    end: Place
    message: str


class Offer(NamedTuple):
    """One completion: the shown label and the inserted text."""

    label: str
    inserts: str


class LanguageServer:
    """A running server for a workspace. `settings` are the editor's settings below `yaml`.

    The server ends with the `with` block. It also ends if the process of the tests is killed.
    """

    def __init__(self, start: Sequence[str], workspace: Path, settings: Mapping[str, Any]) -> None:
        self._workspace = workspace
        self._settings = {"schemaStore": {"enable": False}, **settings}  # the store is on the network
        self._received: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._number = 0
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it is closed with the server)
        self._process = subprocess.Popen(
            [*start, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._listener = threading.Thread(target=_listen, args=(self._stdout, self._received), daemon=True)
        self._listener.start()

    def __enter__(self) -> LanguageServer:
        folder = {"uri": self._workspace.as_uri(), "name": self._workspace.name}
        try:
            self._ask(
                "initialize",
                {
                    "processId": os.getpid(),
                    "rootUri": folder["uri"],
                    "workspaceFolders": [folder],
                    "capabilities": {
                        "workspace": {"configuration": True, "workspaceFolders": True},
                        "textDocument": {"completion": {}, "hover": {}, "codeAction": {}},
                    },
                },
            )
            self._notify("initialized", {})
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def open(self, text: str, directory: str) -> str:
        """Open a new, unsaved file with this text in a directory of the workspace, and return its URI."""
        self._number += 1
        uri = (self._workspace / directory / f"{self._number}.yaml").as_uri()
        self._notify(
            "textDocument/didOpen",
            {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}},
        )
        return uri

    def diagnostics(self, text: str, directory: str = "manifests") -> list[Diagnostic]:
        """Open a file, and return its diagnostics in order."""
        found = self._diagnostics(self.open(text, directory))
        return sorted(
            Diagnostic(_place(one["range"]["start"]), _place(one["range"]["end"]), one["message"]) for one in found
        )

    def completions(self, text: str, place: Place) -> list[Offer]:
        """Open a file, and return the completions at a place."""
        answer = self._at("textDocument/completion", text, place)
        return [Offer(item["label"], item["insertText"]) for item in answer["items"]]

    def hover(self, text: str, place: Place) -> str:
        """Open a file, and return the hover text at a place."""
        answer = self._at("textDocument/hover", text, place)
        return str(answer["contents"]["value"]) if answer else ""

    def fixes(self, text: str) -> list[str]:
        """Open a file with one mistake, and return the titles of the offered fixes."""
        uri = self.open(text, "manifests")
        (mistake,) = self._diagnostics(uri)
        asked = {"textDocument": {"uri": uri}, "range": mistake["range"], "context": {"diagnostics": [mistake]}}
        return [action["title"] for action in self._ask("textDocument/codeAction", asked)]

    # ------------------------------------------------------------ the protocol

    def _diagnostics(self, uri: str) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE
        while True:
            message = self._next(deadline)
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                found: list[dict[str, Any]] = message["params"]["diagnostics"]
                return found

    def _at(self, method: str, text: str, place: Place) -> Any:
        uri = self.open(text, "manifests")
        return self._ask(method, {"textDocument": {"uri": uri}, "position": place._asdict()})

    def _ask(self, method: str, params: Any) -> Any:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        deadline = time.monotonic() + PATIENCE
        while True:
            message = self._next(deadline)
            if message.get("id") == self._number and "method" not in message:
                assert "error" not in message, message["error"]
                return message.get("result")

    def _notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        try:
            self._stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self._stdin.flush()
        except BrokenPipeError:
            raise AssertionError(self._error_output()) from None

    def _next(self, deadline: float) -> dict[str, Any]:
        """Return the next message. Requests of the server to the editor are answered first."""
        while True:
            try:
                message = self._received.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no answer in {PATIENCE:g} s; {self._error_output()}") from None
            assert message is not None, self._error_output()
            if "id" not in message or "method" not in message:
                return message
            asked = message["params"].get("items", []) if message["method"] == "workspace/configuration" else []
            answers = [self._settings if item.get("section") == "yaml" else {} for item in asked]
            self._send({"id": message["id"], "result": answers or None})

    def _error_output(self) -> str:
        self._errors.seek(0)
        output = self._errors.read().decode(errors="replace").strip()
        return f"error output of the language server: {output[-2000:] or 'none'}"

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join(PATIENCE)
        for stream in (self._stdin, self._stdout, self._errors):
            with suppress(BrokenPipeError):  # input that the server did not read before its end
                stream.close()


def _listen(stream: IO[bytes], received: queue.Queue[dict[str, Any] | None]) -> None:
    """Put every message into the queue, and None at the end of the stream."""
    while header := stream.readline():
        if not header.lower().startswith(b"content-length:"):
            continue
        length = int(header.split(b":")[1])
        while stream.readline().strip():
            pass
        received.put(json.loads(stream.read(length)))
    received.put(None)


def _place(position: Mapping[str, int]) -> Place:
    return Place(position["line"], position["character"])
