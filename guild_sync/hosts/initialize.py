"""Make a remote ready for runs: have its `init` run there, and see how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable

from guild_sync.agent.protocol import END, HEADER, OUTPUT
from guild_sync.errors import GuildError, Unreachable
from guild_sync.hosts.remote import RemoteHost

TIMEOUT = 3600.0  # seconds; it may install much


def initialize(
    host: RemoteHost, on_output: Callable[[bytes], None], seconds: float = TIMEOUT
) -> None:
    """Run the remote's `init` there; what it prints goes to `on_output` as it comes.

    Raises GuildError where it fails, or has not ended after `seconds`.
    """
    packets = _Packets(on_output)
    host.stream("initialize", packets.feed, script=host.remote.init or "", seconds=seconds)
    what = f"'init' of remote {host.name!r}"
    if not packets.ended:
        raise Unreachable(f"the connection to remote {host.name!r} was lost during its 'init'")
    if packets.code is None:
        raise GuildError(f"{what} was ended: it ran for more than {round(seconds)} seconds")
    if packets.code:
        how = f"exit status {packets.code}" if packets.code > 0 else f"signal {-packets.code}"
        raise GuildError(
            f"{what} failed with {how}", "What it printed is above. Correct it in the config file."
        )


class _Packets:
    """What agent/initialize.py sends, put together again."""

    def __init__(self, on_output: Callable[[bytes], None]) -> None:
        self.ended = False
        self.code: int | None = None
        self._on_output = on_output
        self._unread = b""

    def feed(self, data: bytes) -> None:
        self._unread += data
        while len(self._unread) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._unread)
            end = HEADER.size + length
            if len(self._unread) < end:
                return
            payload, self._unread = self._unread[HEADER.size : end], self._unread[end:]
            if kind == OUTPUT:
                self._on_output(payload)
            elif kind == END:
                self.ended = True
                code = json.loads(payload)
                self.code = code if isinstance(code, int) else None
