"""A TCP relay that delays: a network of any distance, on this machine.

What arrives is passed on a fixed time after it arrived, in its order. Chunks wait side by
side, not one after the other, so the delay costs no bandwidth. The TCP handshake itself
is not delayed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 1 << 16
_MAX_WAITING = 4096  # chunks on their way: 256 MB, beyond any bandwidth times delay here
_START_SECONDS = 10.0

_Queue = asyncio.Queue[tuple[float, bytes]]


class Relay:
    """A running relay: the port that it listens on, and how many connections it had."""

    def __init__(self, target: int, seconds: float) -> None:
        self.port = 0
        self.accepted = 0
        self._target = target
        self._seconds = seconds
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, ready: threading.Event, done: asyncio.Event) -> None:
        """Relay until `done` is set; `ready` is set once connections are taken."""
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await done.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        self.accepted += 1
        with suppress(OSError, asyncio.CancelledError):
            await self._connect(reader, writer)
        writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
        finally:
            back.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one direction on until its end, which is delayed like what came before it."""
        queue: _Queue = asyncio.Queue(_MAX_WAITING)
        reading = asyncio.create_task(self._read(reader, queue))
        clock = asyncio.get_running_loop().time
        try:
            while True:
                due, data = await queue.get()
                if (wait := due - clock()) > 0:
                    await asyncio.sleep(wait)
                if not data:
                    break
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        finally:
            reading.cancel()

    async def _read(self, reader: asyncio.StreamReader, queue: _Queue) -> None:
        clock = asyncio.get_running_loop().time
        data = b"-"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:  # a connection that is reset has ended too
                data = b""
            await queue.put((clock() + self._seconds, data))


@contextmanager
def delayed(port: int, seconds: float) -> Iterator[Relay]:
    """A relay to `port` of this machine that delays each direction by `seconds`."""
    relay = Relay(port, seconds)
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(relay.serve(ready, done)), daemon=True
    )
    thread.start()
    try:
        if not ready.wait(_START_SECONDS):
            raise RuntimeError("the relay did not start")
        yield relay
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(_START_SECONDS)
        if not thread.is_alive():
            loop.close()
