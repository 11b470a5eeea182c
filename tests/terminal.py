"""A real pseudo-terminal for tests: what a program shows there, and what is typed into it."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from support import PATIENCE, wait_until


class Terminal:
    """A program whose stdin, stdout and stderr are a terminal of so many columns."""

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        folder: Path,
        columns: int = 80,
        lines: int = 24,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        os.set_blocking(self._master, False)
        self._shown = b""
        self._process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env={"TERM": "xterm", **env},
            start_new_session=True,
            preexec_fn=_own_terminal,
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, where: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)
        os.close(self._master)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def fd(self) -> int:
        """Our end, by which the terminal's modes are told."""
        return self._master

    def resize(self, columns: int, lines: int) -> None:
        """Have another size, of which the program is told as by a window."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def send(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    @property
    def shown(self) -> str:
        """All that the program has shown so far."""
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # nothing now; or nobody has the terminal open any more
                break
            if not data:
                break
            self._shown += data
        return self._shown.decode("utf-8", "replace").replace("\r\n", "\n")

    def wait_for(self, path: Path) -> str:
        """The text of a file that the program writes."""

        def text() -> str:
            assert self._process.poll() is None, self.shown
            _ = self.shown  # a full terminal would stop it
            return path.read_text() if path.exists() else ""

        return str(wait_until(lambda: text().endswith("\n") and text(), str(path)))

    def end(self) -> int:
        """Wait for the program's end; its exit status."""
        wait_until(lambda: (self.shown, self._process.poll())[1] is not None, "the end")
        return self._process.wait()


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def on_terminal(
    argv: Sequence[str], env: Mapping[str, str], folder: Path, columns: int = 80
) -> tuple[int, str]:
    """The exit status of a program on a terminal, and all that it shows."""
    with Terminal(argv, env, folder, columns) as terminal:
        code = terminal.end()
        return code, terminal.shown
