"""A server on this machine that is not ecsync."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def other_server(response: bytes) -> Iterator[int]:
    """Yield the port of a server that sends these bytes to its first client; nothing: it never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def respond() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(response)

        if response:
            threading.Thread(target=respond, daemon=True).start()
        yield listener.getsockname()[1]
