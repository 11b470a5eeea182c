"""The answer's line, found behind whatever a login shell printed, and packets behind it."""

from __future__ import annotations

from collections.abc import Callable

from guild_sync.agent import json_text
from guild_sync.agent.protocol import CHUNK, END, FRAME, HEADER_BYTES
from guild_sync.errors import RemoteError
from guild_sync.hosts.bootstrap import REACHED

MOST_BEFORE = 1 << 20  # bytes that a login shell may print before an answer to a stream
_MOST_DATA = CHUNK + 32  # a run's id may come before it
_MOST_END = 1 << 20  # bytes of the last packet
_NO_OBJECT = "not a JSON object, or one of too much memory"

Framed = dict[str, object]  # an answer as it came, of which nothing is known yet

_START = b"\n" + FRAME.encode() + b" "


class FrameReader:
    """Finds the answer's line, and hands over what follows it, however it is cut into pieces."""

    def __init__(
        self, on_rest: Callable[[bytes], None] = lambda rest: None, most: int | None = None
    ) -> None:
        """`most`: bytes up to the end of the answer's line; with more `feed` raises RemoteError."""
        self.answer: Framed | None = None
        self.rest = b""
        self._before = bytearray()
        self._looked = 0  # what needs no second look for the line's end
        self._start = -1
        self._most = most
        self._on_rest = on_rest

    @property
    def reached(self) -> bool:
        """Whether the script on the remote came as far as the agent, which gave no answer yet."""
        return b"\n" + REACHED.encode() + b"\n" in self._before

    def feed(self, data: bytes) -> None:
        if self.answer is not None:
            self._on_rest(data)
            return
        self._before += data
        if self._start < 0:
            self._start = self._before.find(_START, self._looked)
            self._looked = max(len(self._before) - len(_START), 0)
            if self._start >= 0:
                self._looked = self._start + len(_START)
        end = self._before.find(b"\n", self._looked) if self._start >= 0 else -1
        if end < 0:
            if self._start >= 0:
                self._looked = len(self._before)
            if self._most is not None and len(self._before) > self._most:
                raise RemoteError("what it sends is no answer of guild's, and does not end")
            return
        line = bytes(memoryview(self._before)[self._start + len(_START) : end])
        self.rest = bytes(self._before[end + 1 :])
        self._before.clear()
        self.answer = _object(line) or {"bug": _NO_OBJECT}
        if self.rest:
            self._on_rest(self.rest)


class PacketReader:
    """Takes a stream as it comes, and hands over its packets; `end` is the last one."""

    def __init__(self, on_packet: Callable[[bytes, bytes], None]) -> None:
        self.end: Framed | None = None
        self._on_packet = on_packet
        self._unread = bytearray()

    def feed(self, data: bytes) -> None:
        """Take more of the stream. Raises RemoteError where it is none of the agent's."""
        self._unread += data
        at = 0
        while self.end is None and len(self._unread) - at >= HEADER_BYTES:
            kind, size = self._unread[at : at + 1], self._unread[at + 1 : at + HEADER_BYTES]
            length = int.from_bytes(size, "big")
            if length > (_MOST_END if kind == END else _MOST_DATA):
                raise RemoteError("what it sends is no stream of guild's")
            end = at + HEADER_BYTES + length
            if len(self._unread) < end:
                break
            payload = bytes(self._unread[at + HEADER_BYTES : end])
            at = end
            if kind == END:
                self.end = _object(payload) or {"bug": _NO_OBJECT}
            else:
                self._on_packet(bytes(kind), payload)
        del self._unread[:at]


def _object(text: bytes) -> Framed | None:
    """A JSON object; None where the text is none, or one that would take too much memory."""
    try:
        found = json_text.read(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
