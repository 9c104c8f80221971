"""The yaml-language-server of editors, over stdio: as much of its protocol as a test needs."""

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

PATIENCE = 60.0  # seconds for an answer; it takes less than one, and the first a few on a busy machine


class Place(NamedTuple):
    """A place in a text; both count from 0."""

    line: int
    character: int


class Told(NamedTuple):
    """One thing that the server says about a file: from where to where, and what."""

    start: Place
    end: Place
    message: str


class Offer(NamedTuple):
    """One completion: what is shown, and what is inserted."""

    label: str
    inserts: str


class LanguageServer:
    """A running server, in a workspace, with what the editor's settings say below `yaml`.

    The server ends with the `with` block. Were the tests killed, it would notice that they are gone.
    """

    def __init__(self, start: Sequence[str], workspace: Path, settings: Mapping[str, Any]) -> None:
        self._workspace = workspace
        self._settings = {"schemaStore": {"enable": False}, **settings}  # the store would be asked over the network
        self._told: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._number = 0
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it is closed with the server)
        self._process = subprocess.Popen(
            [*start, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._listener = threading.Thread(target=_listen, args=(self._stdout, self._told), daemon=True)
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
            self._say("initialized", {})
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def open(self, text: str, directory: str) -> str:
        """Open a new file with this text, not saved yet, in a directory of the workspace, and return its URI."""
        self._number += 1
        uri = (self._workspace / directory / f"{self._number}.yaml").as_uri()
        self._say(
            "textDocument/didOpen",
            {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}},
        )
        return uri

    def diagnostics(self, text: str, directory: str = "manifests") -> list[Told]:
        """Open a file, and return what is wrong with it, from the top."""
        found = self._diagnostics(self.open(text, directory))
        return sorted(Told(_place(one["range"]["start"]), _place(one["range"]["end"]), one["message"]) for one in found)

    def completions(self, text: str, place: Place) -> list[Offer]:
        """Open a file, and return what is offered at a place."""
        answer = self._at("textDocument/completion", text, place)
        return [Offer(item["label"], item["insertText"]) for item in answer["items"]]

    def hover(self, text: str, place: Place) -> str:
        """Open a file, and return what is shown at a place."""
        answer = self._at("textDocument/hover", text, place)
        return str(answer["contents"]["value"]) if answer else ""

    def fixes(self, text: str) -> list[str]:
        """Open a file with one mistake, and return what is offered in its place."""
        uri = self.open(text, "manifests")
        (mistake,) = self._diagnostics(uri)
        asked = {"textDocument": {"uri": uri}, "range": mistake["range"], "context": {"diagnostics": [mistake]}}
        return [action["title"] for action in self._ask("textDocument/codeAction", asked)]

    # ------------------------------------------------------------ the protocol

    def _diagnostics(self, uri: str) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE
        while True:
            told = self._next(deadline)
            if told.get("method") == "textDocument/publishDiagnostics" and told["params"]["uri"] == uri:
                found: list[dict[str, Any]] = told["params"]["diagnostics"]
                return found

    def _at(self, method: str, text: str, place: Place) -> Any:
        uri = self.open(text, "manifests")
        return self._ask(method, {"textDocument": {"uri": uri}, "position": place._asdict()})

    def _ask(self, method: str, params: Any) -> Any:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        deadline = time.monotonic() + PATIENCE
        while True:
            told = self._next(deadline)
            if told.get("id") == self._number and "method" not in told:
                assert "error" not in told, told["error"]
                return told.get("result")

    def _say(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        try:
            self._stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self._stdin.flush()
        except BrokenPipeError:
            raise AssertionError(self._last_words()) from None

    def _next(self, deadline: float) -> dict[str, Any]:
        """Return the next message; what the server asks of an editor is answered on the way."""
        while True:
            try:
                told = self._told.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no answer in {PATIENCE:g} s; {self._last_words()}") from None
            assert told is not None, self._last_words()
            if "id" not in told or "method" not in told:
                return told
            asked = told["params"].get("items", []) if told["method"] == "workspace/configuration" else []
            answers = [self._settings if item.get("section") == "yaml" else {} for item in asked]
            self._send({"id": told["id"], "result": answers or None})

    def _last_words(self) -> str:
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip()
        return f"the language server said: {words[-2000:] or 'nothing'}"

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join(PATIENCE)
        for stream in (self._stdin, self._stdout, self._errors):
            with suppress(BrokenPipeError):  # what it had not read when it ended
                stream.close()


def _listen(stream: IO[bytes], told: queue.Queue[dict[str, Any] | None]) -> None:
    """Hand on every message, and None where there will be no more."""
    while header := stream.readline():
        if not header.lower().startswith(b"content-length:"):
            continue
        length = int(header.split(b":")[1])
        while stream.readline().strip():
            pass
        told.put(json.loads(stream.read(length)))
    told.put(None)


def _place(position: Mapping[str, int]) -> Place:
    return Place(position["line"], position["character"])
