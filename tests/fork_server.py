"""Starts Python programs again and again, each by a fork that has the modules already.

    python fork_server.py SOCKET FOLDER MODULE...

FOLDER is that of the programs; `PACKAGE.*` are all modules of a package. A call has what a start is
given: words, folder, variables, umask, and the files that are to be stdin, stdout and stderr.
Answered are the number of the process, and how it has ended. The server ends where its own stdin
does: with whoever started it, however that ends. It is of the standard library alone, since the
Python of another environment runs it, too.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import time
import types
from collections.abc import Iterator
from typing import Any

_STREAMS = ("stdin", "stdout", "stderr")
# How this process ends, once it is one that was asked for: as Python does where nothing catches.
_status = 1


def main() -> None:
    path, folder, *names = sys.argv[1:]
    sys.path[0] = folder
    # The first to be registered is the last to be called.
    atexit.register(_end_whole)
    for name in names:
        for module in _modules(name):
            importlib.import_module(module)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the tests, which end us then
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        gc.collect()
        gc.freeze()  # memory that nobody writes to is never copied
        print("ready", flush=True)
        call = _next_call(listener)
    if call is not None:
        _run(call["program"])


def _modules(name: str) -> Iterator[str]:
    if not name.endswith(".*"):
        yield name
        return
    package = importlib.import_module(name[:-2])
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith(".__main__"):
            yield found.name


def _next_call(listener: socket.socket) -> Any:
    """In a new process: the call that it is for. In the server: None, at its end."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(0, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fd == 0:
                    return None
                if key.fileobj is not listener:
                    waiting.unregister(key.fd)
                    _tell_end(key.fd, *key.data)
                elif (call := _started(listener, waiting)) is not None:
                    for other in waiting.get_map().values():
                        if other.data is not None:  # another's process, and its caller
                            os.close(other.fd)
                            other.data[1].close()
                    return call


def _started(listener: socket.socket, waiting: selectors.BaseSelector) -> Any:
    """Fork for one call; in the new process: the call."""
    caller, _ = listener.accept()
    data, files, _, _ = socket.recv_fds(caller, 65536, len(_STREAMS))
    while not data.endswith(b"\n"):
        data += caller.recv(65536)
    pid = os.fork()
    if pid == 0:
        caller.close()
        call = json.loads(data)
        _become(call, files)
        return call
    for fd in files:
        os.close(fd)
    _tell(caller, pid)
    waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, caller))
    return None


def _tell_end(pidfd: int, pid: int, caller: socket.socket) -> None:
    os.close(pidfd)
    _, status = os.waitpid(pid, 0)
    _tell(caller, os.waitstatus_to_exitcode(status))
    caller.close()


def _tell(caller: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # it waits no longer
        caller.sendall(number.to_bytes(8, "little", signed=True))


def _become(call: Any, files: list[int]) -> None:
    """Be as a process that was just started."""
    for number, fd in enumerate(files):
        os.dup2(fd, number)
        os.close(fd)
    os.umask(call["umask"])
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["variables"])
    time.tzset()
    sys.argv[:] = [call["program"], *call["words"]]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in enumerate(_STREAMS):
        stream = _stream(number, getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _stream(number: int, like: io.TextIOWrapper) -> io.TextIOWrapper:
    """A standard stream as Python makes it where it is no terminal."""
    unbuffered = like.write_through and number > 0  # PYTHONUNBUFFERED
    return io.TextIOWrapper(
        open(number, "wb" if number else "rb", buffering=0 if unbuffered else -1, closefd=False),
        encoding=like.encoding,
        errors=like.errors,
        line_buffering=like.line_buffering,
        write_through=like.write_through,
    )


def _run(program: str) -> None:
    """Run it as Python runs its script."""
    global _status
    with open(program, encoding="utf-8") as f:
        code = compile(f.read(), program, "exec")
    module = types.ModuleType("__main__")
    module.__file__ = program
    sys.modules["__main__"] = module
    try:
        exec(code, module.__dict__)
        _status = 0
    except SystemExit as e:
        _status = (e.code or 0) & 0xFF if isinstance(e.code, (int, type(None))) else 1
        raise


def _end_whole() -> None:
    """End without taking apart what was loaded, which would be to copy all of it first."""
    status = _status
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as e:
        print(f"Exception ignored in: {sys.stdout!r}\n{type(e).__name__}: {e}", file=sys.stderr)
        status = 120  # as Python says that
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
