"""Daemons with mounts of their own, which end with the tests however those end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from support import PATIENCE, wait_until

from guild_sync.agent.store import locks

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
# In the namespace: whose it is, by which a later session finds what a killed one has left.
OWNER = "/etc/guild-tests-session"


class Daemons:
    """Daemons that share a mount namespace, in which `mounts`, shell code, was run first.

    Each is a child of this process, and is killed by the kernel when this process ends.
    """

    def __init__(self, log: Path, mounts: str) -> None:
        self._log = log
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        script = f"{mounts}\necho mounted\nexec sleep infinity"
        argv = ("unshare", "--mount", "--propagation", "private", "sh", "-ec", script)
        said = log / "mounts.log"
        said.write_text("")  # of what was there before a restart
        self._holder = self._popen("mounts", argv)
        wait_until(lambda: "mounted" in said.read_text() or self._holder.poll() is not None)
        assert self._holder.poll() is None, said.read_text()
        self._mark = os.stat(f"/proc/{self._holder.pid}/root{OWNER}")

    def inside(self, *argv: str, folder: str = "/") -> list[str]:
        """A command line that runs another within the namespace, in this folder."""
        holder = f"/proc/{self._holder.pid}"
        return [
            "nsenter",
            f"--mount={holder}/ns/mnt",
            f"--root={holder}/root",
            "env",
            "-C",
            folder,
            *argv,
        ]

    def start(self, name: str, *argv: str) -> None:
        assert name not in self._running, f"{name} runs already"
        self._running[name] = self._popen(name, self.inside(*argv))

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End one of them, and wait for its end."""
        daemon = self._running.pop(name)
        daemon.send_signal(number)
        daemon.wait(PATIENCE)

    def names(self) -> list[str]:
        """Those that were started, the last first."""
        return list(reversed(self._running))

    def died(self) -> list[str]:
        """Those that have ended by themselves."""
        return [name for name, daemon in self._running.items() if daemon.poll() is not None]

    def end_all(self) -> None:
        """Kill all that is in the namespace: what the daemons have started too."""
        for daemon in self._running.values():
            daemon.kill()
        for name in self.names():
            self.kill(name)
        self.end_processes()
        self._holder.kill()
        self._holder.wait(PATIENCE)

    def processes(self, uid: int | None = None) -> list[int]:
        """What the daemons have started, in whatever namespaces, or what of it is a user's."""
        ours = {daemon.pid for daemon in (self._holder, *self._running.values())}
        return [pid for pid in _with_mark(self._mark, uid) if pid not in ours]

    def end_processes(self, uid: int | None = None) -> None:
        """Kill what the daemons have started, or what of it is a user's."""

        def none_is_left() -> bool:
            found = self.processes(uid)
            for pid in found:
                kill(pid)
            return not found

        wait_until(none_is_left, "the end of what daemons have started")

    def _popen(self, name: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        with open(self._log / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": PATH},
                start_new_session=True,
            )


def owner() -> str:
    """This process, as one line that no other has."""
    return f"{os.getpid()} {locks.start_time(os.getpid())} {_namespace()}\n"


def is_over(line: str) -> bool:
    """Whether the process that wrote such a line has ended, as far as that can be seen here."""
    pid, started, namespace = line.split()
    return namespace == _namespace() and str(locks.start_time(int(pid))) != started


def end_orphans() -> None:
    """Kill what is left in the namespaces of sessions that were killed."""
    for pid in _pids():
        with contextlib.suppress(OSError, ValueError):
            path = f"/proc/{pid}/root{OWNER}"
            if is_over(Path(path).read_text()):
                kill(pid)


def command(pid: int) -> str:
    """A process's command line; empty where it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def is_in_container(pid: int) -> bool:
    """Whether the process's own number is another one than here."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid") != _namespace()
    return False


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _with_mark(mark: os.stat_result, uid: int | None) -> Iterator[int]:
    """The processes for which this file is OWNER."""
    for pid in _pids():
        with contextlib.suppress(OSError):
            found = os.stat(f"/proc/{pid}/root{OWNER}")
            if os.path.samestat(found, mark) and uid in (None, _uid(pid)):
                yield pid


def _namespace() -> str:
    """In which the numbers of processes are this process's."""
    return os.readlink("/proc/self/ns/pid")


def _uid(pid: int) -> int:
    """Whose process it is: the folder in /proc is root's where a process has given up rights."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("\nUid:")[2].split()[0])


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
