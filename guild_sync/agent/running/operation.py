"""An operation as a process: started, its output passed on, its end awaited."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from typing import Any, BinaryIO, Callable, Dict, List, Optional

from ..machine import processes
from ..machine.children import die_with_parent

_CHUNK = 65536
COMMAND_NOT_FOUND = 127  # as a shell says it
_GROUP_POLL = 0.05  # seconds between looks at a process group, whose end is no event
_AFTER_KILL = 5.0  # seconds for what was killed to be gone


class Output:
    """Where an operation's output goes: the run's file, and a terminal if there is one."""

    def __init__(self, file: BinaryIO, echo: Optional[int]) -> None:
        self._file = file
        self._echo = echo
        self._lost = False

    def __call__(self, data: bytes) -> None:
        try:
            if self._lost:
                self._file.write(b"\nguild: some output is lost here: the disk was full\n")
            self._file.write(data)
            self._file.flush()
            self._lost = False
        except OSError:  # a full disk must not end an operation that can go on
            self._lost = True
        if self._echo is not None:
            try:
                os.write(self._echo, data)
            except OSError:  # the terminal is gone; the operation goes on
                self._echo = None


def operate(
    directory: str,
    argv: List[str],
    variables: Dict[str, str],
    pass_on: Output,
    on_start: Callable[[], None],
    stdin: int = subprocess.DEVNULL,
) -> int:
    """Start the operation, pass its output on until it ends; its exit status."""
    # One pipe for stdout and stderr is what keeps them in their order.
    read_end, write_end = os.pipe()
    wake_read, wake_write = os.pipe()
    for fd in (read_end, wake_read, wake_write):
        os.set_blocking(fd, False)
    stopped_by: List[int] = []
    operation: Optional["subprocess.Popen[bytes]"] = None

    def forward(signum: int, _frame: Any) -> None:
        # A runner that is killed cannot tell how its operation ended: it kills it itself.
        passed_on = signal.SIGKILL if signum == signal.SIGQUIT else signum
        stopped_by.append(passed_on)
        if operation is not None:
            processes.signal_group(operation.pid, passed_on)

    handlers = {s: signal.signal(s, forward) for s in (*processes.ENDING, signal.SIGQUIT)}
    # The operation's end is an event like its output: SIGCHLD makes wake_read readable.
    handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
    wakeup = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    try:
        try:
            operation = subprocess.Popen(
                argv,
                env=variables,
                cwd=directory,
                stdin=stdin,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        except OSError as e:
            line = "guild: cannot run %s: %s\n" % (argv[0], e.strerror)
            pass_on(line.encode("utf-8", "replace"))
            on_start()
            return COMMAND_NOT_FOUND
        finally:
            os.close(write_end)
        on_start()
        if stopped_by:  # a signal that came while it was being started
            processes.signal_group(operation.pid, stopped_by[-1])
        code = _pump(operation, read_end, wake_read, pass_on, stopped_by)
    finally:
        signal.set_wakeup_fd(wakeup)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
        for fd in (read_end, wake_read, wake_write):
            os.close(fd)
    # An operation that was told to end is terminated, however politely it ended.
    return -stopped_by[0] if stopped_by and code >= 0 else code


def _pump(
    operation: "subprocess.Popen[bytes]",
    output: int,
    wake: int,
    pass_on: Output,
    stopped_by: List[int],
) -> int:
    """Pass output on until the operation itself has ended and all it wrote is passed on.

    What it leaves behind may keep the pipe open for ever, so its end is not waited for;
    but of an operation that was told to stop, the whole process group has to end.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)

        def pass_on_what_comes(seconds: Optional[float]) -> None:
            for key, _ in selector.select(seconds):
                data = _read(key.fd)
                if key.fd == output:
                    if data:
                        pass_on(data)
                    elif data is not None:
                        selector.unregister(output)

        while operation.poll() is None:
            pass_on_what_comes(None)
        deadline: Optional[float] = None
        while _is_stopping(stopped_by) and processes.group_lives(operation.pid):
            if deadline is None and signal.SIGKILL in stopped_by:
                deadline = time.monotonic() + _AFTER_KILL
            if deadline is not None and time.monotonic() > deadline:
                break
            pass_on_what_comes(_GROUP_POLL)
    while True:
        data = _read(output)
        if not data:
            return operation.returncode
        pass_on(data)


def _is_stopping(stopped_by: List[int]) -> bool:
    """Whether `guild stop` has asked for the end. Ctrl-C waits for nothing but the operation."""
    return signal.SIGTERM in stopped_by or signal.SIGKILL in stopped_by


def _read(fd: int) -> Optional[bytes]:
    """What can be read now: empty at the end of the file, None where there is nothing yet."""
    try:
        return os.read(fd, _CHUNK)
    except BlockingIOError:
        return None
