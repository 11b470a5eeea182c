"""Follow the outputs of many runs at once: one stream a remote, a line at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from guild_sync.agent.protocol import RUN_DATA, RUN_END, RUN_FAULT
from guild_sync.config import remotes
from guild_sync.errors import GuildError, RemoteError, Unreachable
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.transport.background import begun

_ID_LENGTH = 32
_LONGEST_LINE = 1 << 16  # bytes of a line that is shown in one piece

OnLine = Callable[[str, bytes], None]
OnFault = Callable[[str, str], None]


class Outputs:
    """Follows the outputs of runs that are running on remotes, from where the copies here end."""

    def __init__(
        self,
        here: LocalHost,
        on_line: OnLine,
        on_end: Callable[[], None],
        warn: Callable[[GuildError], None],
    ) -> None:
        """`on_line` gets a run's id and a line of its output; `on_end` is told of an end."""
        self._here = here
        self._on_line = on_line
        self._on_end = on_end
        self._warn = warn
        self._followed: set[str] = set()
        self._lock = threading.Lock()

    def follow(self, running: Mapping[str, Iterable[str]], say: Callable[[str], None]) -> None:
        """See to it that these runs are followed, of each remote its own; say which are new."""
        for remote, ids in running.items():
            with self._lock:
                new = [run_id for run_id in ids if run_id not in self._followed]
                self._followed.update(new)
            if new:
                say(f"Following {new[0] if len(new) == 1 else f'{len(new)} runs'} on {remote}")
                begun(lambda remote=remote, new=new: self._stream(remote, new))  # type: ignore[misc]

    def _stream(self, remote: str, ids: list[str]) -> None:

        def warn(run_id: str, why: str) -> None:
            self._warn(GuildError(f"cannot read the output of run {run_id} on {remote}: {why}"))

        lines = Lines(ids, self._on_line, lambda run_id: self._on_end(), warn)
        try:
            host = remote_host(remotes.remote(remote), make_home=False)
            host.follow(lines.take, self._here.positions(ids))
        except Unreachable:
            pass  # the next sync asks it too, and says so
        except GuildError as e:
            self._warn(e)
        finally:
            with self._lock:
                self._followed.difference_update(ids)


class Lines:
    """Takes the packets of the agent's `follow`, and hands their lines over."""

    def __init__(
        self,
        ids: Iterable[str],
        on_line: OnLine,
        on_end: Callable[[str], None],
        on_fault: OnFault,
    ) -> None:
        """`on_fault` gets the id of a run whose output cannot be read, and why."""
        self._ids = frozenset(ids)
        self._on_line = on_line
        self._on_end = on_end
        self._on_fault = on_fault
        self._begun: dict[str, bytes] = {}  # of each run, the line that is not at its end yet

    def take(self, kind: bytes, data: bytes) -> None:
        """Take a packet. Raises RemoteError where it is none of `follow`'s."""
        run_id = data[:_ID_LENGTH].decode("ascii", "replace")
        if run_id not in self._ids or kind not in (RUN_DATA, RUN_END, RUN_FAULT):
            raise RemoteError("the remote sent something else than output of these runs")
        if kind == RUN_END:
            self._show(run_id, self._begun.pop(run_id, b""))
            self._on_end(run_id)
        elif kind == RUN_FAULT:
            self._on_fault(run_id, data[_ID_LENGTH:].decode("utf-8", "replace"))
        else:
            self._add(run_id, data[_ID_LENGTH:])

    def _add(self, run_id: str, data: bytes) -> None:
        *lines, last = (self._begun.get(run_id, b"") + data).split(b"\n")
        for line in lines:
            self._on_line(run_id, line)
        if len(last) > _LONGEST_LINE:
            self._show(run_id, last)
            last = b""
        self._begun[run_id] = last

    def _show(self, run_id: str, line: bytes) -> None:
        if line:
            self._on_line(run_id, line)
