"""uvicorn on a thread of this process."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ecsync.http.connections import Bounds

_START = 10.0  # seconds until the server must have started


class CannotServe(OSError):
    """The HTTP server did not start: the port is in use, or the address is not of this machine."""


class Server:
    """Serves the application until `stop`. It handles no signals: the daemon does."""

    def __init__(self, host: str, port: int, app: ASGIApp, bounds: Bounds | None = None) -> None:
        import uvicorn

        from ecsync.http.connections import Bounds, bounded

        started = self._started = threading.Event()

        class Announcing(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets=sockets)
                started.set()

        self._host = host
        self._port = port
        self._server = Announcing(
            uvicorn.Config(
                app,
                http=bounded(bounds or Bounds()),
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,  # ecsync configures the log; accesses are not logged
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=5,
            )
        )
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Start to serve and return the port. The system chooses one if the port is 0.

        Raises CannotServe when the port is not available.
        """
        listener = _listen(self._host, self._port)
        port: int = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="http", daemon=True)
        self._thread.start()
        if not self._started.wait(_START):
            listener.close()
            raise CannotServe(f"the HTTP server on {self._host}:{port} did not start")
        return port

    def stop(self, deadline: float = 5.0) -> bool:
        """Stop serving; running requests may end within the deadline. Return False if the thread did not end."""
        if self._thread is None:
            return True
        self._server.config.timeout_graceful_shutdown = max(1, int(deadline) - 1)
        self._server.should_exit = True
        self._thread.join(deadline)
        if self._thread.is_alive():
            self._server.force_exit = True
        return not self._thread.is_alive()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotServe(
            f"cannot serve HTTP on {host}:{port}: {error.strerror or error}; set another http.port or http.host"
        ) from error
    return listener
