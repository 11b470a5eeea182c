"""A TCP relay to an ssh server that can be told to misbehave as networks do."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_CHUNK = 1 << 14


class Relay:
    """Passes connections on to a port of this machine, and counts them.

    `limit` is how many bytes each connection may carry from the server; once they are
    through, it is cut, or with `stalls` it carries nothing more. `refuses` is asked for
    each connection, by its number from 1 on, whether to close it at once. What goes to the
    server waits for so many seconds (`delay`).
    """

    def __init__(self, target: int) -> None:
        self.limit: int | None = None
        self.stalls = False
        self.delay = 0.0
        self.refuses: Callable[[int], bool] = lambda number: False
        self.accepted = 0
        self.carried = 0  # bytes from the server, of all connections
        self.sent = 0  # and to it
        self.troubled = threading.Event()  # a connection was cut or has stalled
        self._target = target
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut every connection that is open."""
        for end in list(self._open):
            self._close(end)

    def close(self) -> None:
        """Take no connection any more, and cut those that are open."""
        self._close(self._server)
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self.accepted += 1
                if self.refuses(self.accepted):
                    client.close()
                    continue
                with suppress(OSError):
                    server = socket.create_connection(("127.0.0.1", self._target))
                    self._open |= {client, server}
                    self._begin(self._pass_up, client, server)
                    self._begin(self._pass_down, server, client)

    @staticmethod
    def _begin(work: Callable[..., None], *ends: socket.socket) -> None:
        threading.Thread(target=work, args=ends, daemon=True).start()

    def _pass_up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                self.sent += len(data)
                time.sleep(self.delay)
                server.sendall(data)
        self._close(server)

    def _pass_down(self, server: socket.socket, client: socket.socket) -> None:
        passed, limit, stalls = 0, self.limit, self.stalls
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                if limit is not None and passed + len(data) > limit:
                    client.sendall(data[: limit - passed])
                    self.troubled.set()
                    if stalls:
                        return  # both ends stay open, and nothing comes
                    break
                client.sendall(data)
                passed += len(data)
                self.carried += len(data)
        self._close(client)
        self._close(server)

    def _close(self, end: socket.socket) -> None:
        self._open.discard(end)
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def relay(target: int) -> Iterator[Relay]:
    """A relay to `target`, until the block ends."""
    found = Relay(target)
    try:
        yield found
    finally:
        found.close()
