"""A port of a remote's machine, opened here: what connects to it is joined to that one."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from threading import BoundedSemaphore, Thread, current_thread

from guild_sync.config.remotes import Remote
from guild_sync.errors import GuildError
from guild_sync.transport import ssh, watched
from guild_sync.transport.ssh_failures import CONNECTION_FAILED

_LOOPBACK = "127.0.0.1"  # nobody on another machine reaches it
_REFUSED = "forwarding"  # in ssh's words where it is connected, and the port is not
_PAUSE = 0.2  # seconds, where a connection that waits cannot be taken
_MOST = 64  # connections at once, each of which has an ssh; more of them wait
_LAST = 10.0  # seconds for what was said before the end, unless it comes sooner


def listener(port: int) -> socket.socket:
    """A socket that listens on that port of loopback; 0 is one that is free.

    Raises GuildError where it cannot be had.
    """
    try:
        return socket.create_server((_LOOPBACK, port))
    except OSError as e:
        why = os.strerror(e.errno or 0)  # Python's own text names the address too
        raise GuildError(f"port {port} cannot be opened here: {why}") from None


class Forwarding:
    """Connections, each joined to a port of `remote` by an ssh of its own over the one connection.

    They come at `listening`, and are joined in threads until `finish`. `on_fault` is told once
    why nothing is joined, and not again until something has been.
    """

    def __init__(
        self,
        listening: socket.socket,
        remote: Remote,
        port: int,
        on_fault: Callable[[GuildError], None],
    ) -> None:
        self._listening = listening
        self._remote = remote
        self._port = port
        self._on_fault = on_fault
        self._room = BoundedSemaphore(_MOST)
        self._joined: set[Thread] = set()
        self._was_told = False
        self._is_over = False
        Thread(target=self._accept, daemon=True).start()

    def finish(self) -> None:
        """Take no more, and let what is joined end: what was said last may be on its way.

        It takes ten seconds at most: another program at the port there may keep one open.
        """
        self._is_over = True
        with suppress(OSError):  # a system may say that what listens is not connected
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        deadline = time.monotonic() + _LAST
        for thread in tuple(self._joined):
            with suppress(RuntimeError):  # it has not begun
                thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        while True:
            self._room.acquire()
            try:
                connection, _ = self._listening.accept()
            except ConnectionAbortedError:  # it was given up before it was taken
                self._room.release()
                continue
            except OSError as e:
                if self._is_over or self._listening.fileno() < 0:
                    return
                # Too many files are open, say, and fewer once a connection has ended.
                self._tell(e.strerror or str(e))
                self._room.release()
                time.sleep(_PAUSE)
                continue
            thread = Thread(target=self._join, args=(connection,), daemon=True)
            self._joined.add(thread)
            try:
                thread.start()
            except RuntimeError as e:  # there may be no more of them, and some again later
                self._joined.discard(thread)
                connection.close()
                self._room.release()
                self._tell(str(e))

    def _join(self, connection: socket.socket) -> None:
        try:
            done = watched.join(ssh.port_argv(self._remote, self._port), connection)
        except OSError as e:
            self._tell(e.strerror or str(e))
        except GuildError as e:
            self._tell(e.message, e.hint)
        else:
            if done.code != CONNECTION_FAILED:
                self._was_told = False
            elif _REFUSED in done.stderr.lower():  # else the connection is lost: others say so
                self._tell(
                    "does the run listen there yet?",
                    "If it does: the ssh server there has to allow it ('AllowTcpForwarding').",
                )
        finally:
            self._joined.discard(current_thread())
            self._room.release()

    def _tell(self, why: str, hint: str = "") -> None:
        """Who waits for a page tries it again and again."""
        if not self._was_told:
            self._was_told = True
            what = f"port {self._port} of {self._remote.name} is not to be reached: {why}"
            self._on_fault(GuildError(what, hint))
