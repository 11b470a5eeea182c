"""A TCP relay that delays: a network of any distance, and of any speed, on this machine.

What arrives is passed on a fixed time after it arrived, in its order. Chunks wait side by
side, not one after the other, so the delay costs no bandwidth. The TCP handshake itself
is not delayed. Where the line has a speed, all connections share it, by direction.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 1 << 16
_MAX_WAITING = 4096  # chunks on their way: 256 MB, beyond any bandwidth times delay here
_START_SECONDS = 10.0
_BURST_SECONDS = 0.02  # of a line with a speed: what it takes before it has sent that
_LEAST_BUFFER = 1 << 14  # bytes that the kernel keeps beside, where the line has a speed

_Queue = asyncio.Queue[tuple[float, bytes]]


class Bucket:
    """A line that sends so many bytes a second, one after the other; without `rate`, at once.

    It is a bucket of tokens that may be in debt: who takes more than there is waits until then.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._free = 0.0  # when all that was taken will have been sent

    def sent(self, now: float, size: int) -> float:
        """When the last of `size` bytes, which come at `now`, will have been sent."""
        if self._rate is None:
            return now
        self._free = max(self._free, now) + size / self._rate
        return self._free


class Relay:
    """A running relay: the port that it listens on, and how many connections it had.

    `rate` is in bytes a second, of each direction by itself.
    """

    def __init__(self, target: int, seconds: float, rate: float | None) -> None:
        self.port = 0
        self.accepted = 0
        self._target = target
        self._seconds = seconds
        self._rate = rate
        self._there, self._back = Bucket(rate), Bucket(rate)
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, ready: threading.Event, done: asyncio.Event) -> None:
        """Relay until `done` is set; `ready` is set once connections are taken."""
        listening = self._socket()
        listening.bind(("127.0.0.1", 0))
        server = await asyncio.start_server(self._take, sock=listening)
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
        outgoing = self._socket()
        outgoing.setblocking(False)
        await asyncio.get_running_loop().sock_connect(outgoing, ("127.0.0.1", self._target))
        there, back = await asyncio.open_connection(sock=outgoing)
        try:
            await asyncio.gather(
                self._pass_on(reader, back, self._there), self._pass_on(there, writer, self._back)
            )
        finally:
            back.close()

    def _socket(self) -> socket.socket:
        """One that keeps little for itself, where that would hide how slow the line is."""
        made = socket.socket()
        if self._rate is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LEAST_BUFFER)
        return made

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Bucket
    ) -> None:
        """Pass one direction on until its end, which is delayed like what came before it."""
        queue: _Queue = asyncio.Queue(_MAX_WAITING)
        reading = asyncio.create_task(self._read(reader, queue, line))
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

    async def _read(self, reader: asyncio.StreamReader, queue: _Queue, line: Bucket) -> None:
        clock = asyncio.get_running_loop().time
        data = b"-"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:  # a connection that is reset has ended too
                data = b""
            sent = line.sent(clock(), len(data))
            await queue.put((sent + self._seconds, data))
            if (wait := sent - clock() - _BURST_SECONDS) > 0:
                await asyncio.sleep(wait)  # nor is more read than the line takes


@contextmanager
def relayed(port: int, seconds: float, rate: float | None = None) -> Iterator[Relay]:
    """A relay to `port` of this machine that delays each direction by `seconds`.

    With `rate`, each direction passes on so many bytes a second, and no more.
    """
    relay = Relay(port, seconds, rate)
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
