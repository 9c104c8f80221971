"""A server with the comments of one pull request, as GitHub and GitLab answer: state, not recorded calls."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BOT = "github-actions[bot]"
TOKEN = "a-token-of-the-tests"  # not a secret
IDENTITY = "an-identity-token-of-the-tests"


@dataclass
class Forge:
    """The comments, in order: `user` is the login (GitHub) and `author` the id (GitLab) of the one who wrote it."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    read_only: bool = False  # the token may not write
    url: str = ""

    def add(self, body: str, login: str = BOT, author: int = 7, **more: Any) -> dict[str, Any]:
        """Add a comment, as another client would."""
        comment = {"id": 100 + len(self.comments), "body": body, "user": {"login": login}, "author": {"id": author}}
        self.comments.append({**comment, **more})
        return self.comments[-1]

    @property
    def bodies(self) -> list[str]:
        """Return the texts of all comments."""
        return [comment["body"] for comment in self.comments]

    def answer(self, method: str, url: str, headers: Any, body: Any) -> tuple[int, Any]:
        """Return the status and the JSON of an answer."""
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        if path == "/identity":
            right = headers["Authorization"] == f"bearer {TOKEN}" and query["audience"] == ["sts.amazonaws.com"]
            return (200, {"value": IDENTITY}) if right else (401, {})
        if f"Bearer {TOKEN}" != headers["Authorization"] and headers["PRIVATE-TOKEN"] != TOKEN:
            return 401, {}
        if path == "/user":
            return 200, {"id": 7}
        if not re.fullmatch(
            r"/(repos/acme/deploy/issues|projects/5/merge_requests/12)/(12/comments|notes|.*/\d+)", path
        ):
            return 404, {}
        if method == "GET":
            page, size = int(query["page"][0]), int(query["per_page"][0])
            return 200, self.comments[(page - 1) * size : page * size]
        if self.read_only:
            return 403, {"message": "Resource not accessible by integration"}
        if method == "POST":
            return 201, self.add(body["body"])
        comment = next(one for one in self.comments if one["id"] == int(path.rsplit("/", 1)[1]))
        comment["body"] = body["body"]
        return 200, comment


@contextmanager
def served() -> Iterator[Forge]:
    """Serve a forge on this machine until the end of the block."""
    forge = Forge()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, content = forge.answer(self.command, self.path, self.headers, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815  # the names of http.server

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as above
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        forge.url = f"http://127.0.0.1:{server.server_port}"
        yield forge
        server.shutdown()
