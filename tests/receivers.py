"""Services on the loopback that are told of things: a web server, a mail server."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Call(NamedTuple):
    """One request to a web server: `/path?query`, and what came with it."""

    method: str
    path: str
    body: bytes


class Web:
    """A web server that keeps what it was told, and answers with `status`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.json = f"json://127.0.0.1:{port}"  # as apprise has it
        self.calls: list[Call] = []
        self.status = 200
        self.location = ""  # where an answer leads to
        self.answers = threading.Event()  # cleared, a call waits for it
        self.answers.set()

    @property
    def told(self) -> list[str]:
        """Method and path of each call."""
        return [f"{call.method} {call.path.partition('?')[0]}" for call in self.calls]


@contextmanager
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            found.calls.append(Call(self.command, self.path, self.rfile.read(length)))
            found.answers.wait(60)
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Web(server.server_address[1])
        with _served(server):
            try:
                yield found
            finally:
                found.answers.set()


@contextmanager
def mail() -> Iterator[tuple[int, list[str]]]:
    """The port of a mail server, and the mails that have come."""
    mails: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                if line.strip().upper() == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    mails.append(b"".join(lines).decode())
                self.wfile.write(b"250 well\r\n")
                if line.strip().upper() == b"QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server, _served(server):
        yield server.server_address[1], mails


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
