"""The output of one run, followed for as long as somebody looks at it."""

from __future__ import annotations

import threading
from collections import deque

from guild_sync.config import remotes
from guild_sync.errors import GuildError
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output.terminal import as_seen, clean_lines
from guild_sync.transport.background import begun

POLL = 0.5  # seconds between questions where nothing new has come
_AGAIN = 5.0  # seconds after which a remote is asked again that has failed
_MOST = 5_000  # lines that wait to be shown
_LONGEST = 2_000  # characters of one


class Following:
    """Asks a remote, in a thread of its own, for what a run prints, until it is left."""

    def __init__(self, remote: str, run_id: str) -> None:
        self._remote = remote
        self._run_id = run_id
        self._lines: deque[str] = deque(maxlen=_MOST)
        self._begun = ""  # the line that is not at its end
        self._left = threading.Event()
        self.status = "asked"  # or `follows`, `over`, and why it cannot be read
        begun(self._follow)

    def lines(self) -> list[str]:
        """The lines that have come since it was asked last, as they can be shown."""
        found = []
        while self._lines:
            found.append(self._lines.popleft())
        return found

    def leave(self) -> None:
        """Ask no more."""
        self._left.set()

    def _follow(self) -> None:
        attempt, position = 0, 0
        while not self._left.is_set() and self.status != "over":
            try:
                host = remote_host(remotes.remote(self._remote), make_home=False)
                with host.staying():
                    while not self._left.is_set() and self.status != "over":
                        attempt, position = self._read(host, attempt, position)
            except GuildError as e:
                self.status = clean_lines(e.message)
                self._left.wait(_AGAIN)

    def _read(self, host: RemoteHost, attempt: int, position: int) -> tuple[int, int]:
        found = host.piece(self._run_id, attempt, position)
        self._take(found["text"])
        self.status = "over" if found["is_over"] else "follows"
        if self.status == "over":
            self._take("\n" if self._begun else "")
        elif not found["text"]:
            self._left.wait(POLL)
        return found["attempt"], found["position"]

    def _take(self, text: str) -> None:
        *lines, self._begun = (self._begun + text).split("\n")
        self._lines.extend(as_seen(line)[:_LONGEST] for line in lines)
        if len(self._begun) > 1 << 16:  # nobody reads a line of that length
            self._lines.append(as_seen(self._begun)[:_LONGEST])
            self._begun = ""
