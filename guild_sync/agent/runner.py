"""One operation under its lock, from its start to its exit status.

The runner is the process that a run is: it holds the lock as long as it lives, and the
operation does not outlive it. It writes `exit_status` last, so that a run with one is
whole.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from typing import Any, BinaryIO, Callable, Dict, List, Optional

from . import dependencies, locks, processes, runs
from .children import die_with_parent
from .environment import Environment, user_name
from .errors import AgentError
from .staging import now, read_job

_CHUNK = 65536
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
COMMAND_NOT_FOUND = 127  # as a shell says it
STARTABLE = ("pending", "staged")
# Operations that are the agent itself, by the name of its argument (__main__.py).
BUILTINS = ("queue", "series")
_GROUP_POLL = 0.05  # seconds between looks at a process group, whose end is no event
_AFTER_KILL = 5.0  # seconds for what was killed to be gone


def main(directory: str, report_fd: int, only: str = "", echo: str = "") -> int:
    """Run a run's operation to its end; `report_fd` is told "started", or what went wrong.

    `only` is the status that it must have, where one of STARTABLE is not enough. With
    `echo` the output goes to stdout too.
    """

    reports = [report_fd]

    def report(text: str) -> None:
        while reports:  # only the first counts: nobody waits for another
            fd = reports.pop()
            os.write(fd, text.encode("utf-8", "replace"))
            os.close(fd)

    try:
        to_stdout = 1 if echo else None
        run(directory, to_stdout, on_start=lambda: report("started"), only=only)
    except AgentError as e:
        report("\n".join([e.kind, e.message] + ([e.hint] if e.hint else [])))
        return 1
    except OSError as e:
        report("error\n%s: %s" % (e.strerror, e.filename or directory))
        return 1
    return 0


def run(
    directory: str,
    echo: Optional[int] = None,
    on_start: Callable[[], None] = lambda: None,
    only: str = "",
) -> int:
    """Run the operation of a pending or staged run; returns its exit status.

    Its output goes to `.guild/output`, and to the descriptor `echo` too if there is one.
    A negative exit status is the signal that ended it (subprocess, returncode).
    Raises AgentError where it cannot be started; the run is then left as it was, unless
    only the command was missing, which ends it with status 127.
    """
    guild = runs.guild_dir(directory)
    lock = locks.hold(guild)
    if lock is None:
        raise AgentError("run %s runs already" % os.path.basename(directory), kind="busy")
    try:
        # Only under the lock is it certain that nobody else has started, or run, it meanwhile.
        state = runs.status(directory).text
        if state != only if only else state not in STARTABLE:
            raise AgentError("run %s was started already" % _id(directory), kind="busy")
        job = read_job(directory)
        environment = Environment.load(job.get("environment") or {})
        if job.get("requires") and not job.get("builtin"):  # a batch's trials resolve theirs
            home = job.get("guild_home") or _home_of(directory)
            dependencies.resolve(home, directory, job["requires"])
        argv = _argv(directory, job, environment)
        _write_start(directory, argv, job)
        for name in ("exit_status", "stopped"):  # of an earlier end: the mark hides them
            runs.remove_attr(directory, name)
        runs.unmark(directory, runs.STAGED)
        runs.unmark(directory, runs.PENDING)
        variables = _variables(directory, job, environment)
        with open(os.path.join(guild, runs.OUTPUT), "wb") as output:
            code = _operate(directory, argv, variables, _Output(output, echo), on_start)
        runs.write_attr(directory, "stopped", now())
        runs.write_attr(directory, "exit_status", code)
        return code
    finally:
        locks.release(guild, lock)


def _write_start(directory: str, argv: List[str], job: Dict[str, Any]) -> None:
    runs.write_attr(directory, "cmd", argv)
    runs.write_attr(directory, "env", job.get("env") or {})
    runs.write_attr(directory, "host", socket.gethostname())
    runs.write_attr(directory, "user", user_name())
    runs.write_attr(directory, "started", now())


def command(home: str, job: Dict[str, Any]) -> List[str]:
    """The command that a run with this job would run."""
    return _argv(
        os.path.join(runs.runs_dir(home), "RUN"),
        job,
        Environment.load(job.get("environment") or {}),
    )


def _argv(directory: str, job: Dict[str, Any], environment: Environment) -> List[str]:
    here = os.path.dirname(os.path.abspath(__file__))
    if job.get("builtin"):
        if job["builtin"] not in BUILTINS:
            raise AgentError("guild has no operation %s" % runs.shown(job["builtin"]))
        agent = [sys.executable, "-I", "-S", "-X", "utf8", here, job["builtin"]]
        own = [directory] if job["builtin"] == "series" else job.get("args", ())
        return [*agent, _home_of(directory), *own]
    if job.get("module"):
        main_program = os.path.join(here, "op_main.py")
        return [environment.python, "-u", main_program, job["module"], *job.get("args", ())]
    return list(job["argv"])


def _variables(directory: str, job: Dict[str, Any], environment: Environment) -> Dict[str, str]:
    """The operation's environment: the host's, the activated one's, then the run's own."""
    variables = dict(environment.variables)
    if job.get("builtin"):  # what it starts gets the same as if it were started by itself
        return variables
    packages = os.path.join(runs.guild_dir(directory), "job-packages")
    path = [packages, variables["PYTHONPATH"]] if variables.get("PYTHONPATH") else [packages]
    variables.update(
        PYTHONPATH=os.pathsep.join(path),
        RUN_DIR=directory,
        RUN_ID=_id(directory),
        GUILD_HOME=job.get("guild_home") or _home_of(directory),
        GUILD_OP=str(job.get("op", "")),
    )
    variables.update({str(k): str(v) for k, v in (job.get("env") or {}).items()})
    return variables


def _id(directory: str) -> str:
    return str(runs.read_attr(directory, "id") or os.path.basename(directory))


def _home_of(directory: str) -> str:
    return os.path.dirname(os.path.dirname(directory))


class _Output:
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


def _operate(
    directory: str,
    argv: List[str],
    variables: Dict[str, str],
    pass_on: _Output,
    on_start: Callable[[], None],
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

    handlers = {s: signal.signal(s, forward) for s in (*_FORWARDED, signal.SIGQUIT)}
    # The operation's end is an event like its output: SIGCHLD makes wake_read readable.
    handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
    wakeup = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    try:
        try:
            operation = subprocess.Popen(
                argv,
                env=variables,
                cwd=directory,
                stdin=subprocess.DEVNULL,
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
    pass_on: _Output,
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
