"""Python programs that are started by a fork of a process that has their modules already.

What runs is a process of its own, in which the program goes from its first line to its last. Done
once for all are the start of Python and the loading of modules, nine tenths of what a short
command takes. REAL_STARTS=1 has each start be a whole one.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_SERVER = Path(__file__).with_name("fork_server.py")
# What Python and its libraries read but once, where they start or are loaded.
_READ_AT_START = ("LANG", "LC_", "LD_", "MALLOC_", "OPENSSL_", "PYTHON", "SSL_")
_CHUNK = 1 << 16

_started: list[tuple[subprocess.Popen[bytes], str]] = []


def end_all() -> None:
    """End the servers, which is what they do once nobody can ask them any more."""
    for server, folder in _started:
        server.communicate()
        shutil.rmtree(folder)
    _started.clear()


class Forks:
    """Starts the programs of a folder that `python` runs, and that use these modules."""

    def __init__(self, python: str, folder: Path, *modules: str) -> None:
        self._python = python
        self._folder = folder
        self._modules = modules
        self._environment = dict(os.environ)  # not that of the test which happens to be first
        self._starting = threading.Lock()
        self._address = ""

    def run(
        self,
        argv: Sequence[str],
        stdin: bytes,
        folder: Path,
        variables: Mapping[str, str],
        timeout: float,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program of ours to its end, and anything else as `subprocess` does."""
        program, *words = argv[1:] if Path(argv[0]).name.startswith("python") else argv
        ours = Path(program).parent == self._folder
        alike = _read_at_start(self._environment) == _read_at_start(variables)
        if not (ours and alike) or "REAL_STARTS" in os.environ:
            return subprocess.run(
                argv, input=stdin, capture_output=True, cwd=folder, env=variables, timeout=timeout
            )
        call = {
            "program": program,
            "words": words,
            "folder": str(folder),
            "variables": dict(variables),
            "umask": _umask(),
        }
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(self._server())
            pipes = [os.pipe() for _ in range(3)]
            theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
            socket.send_fds(server, [b" "], theirs)
            server.sendall(json.dumps(call).encode() + b"\n")
            for fd in theirs:
                os.close(fd)
            pid = _number(server.recv(8, socket.MSG_WAITALL))  # its end may be told already
            try:
                files = (os.dup(server.fileno()), pipes[1][0], pipes[2][0])
                ended, out, err = _exchange(pipes[0][1], stdin, files, timeout)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(argv, timeout) from None
        return subprocess.CompletedProcess(argv, _number(ended), out, err)

    def _server(self) -> str:
        """Where it listens; it is started by the first call."""
        with self._starting:
            if not self._address:
                folder = tempfile.mkdtemp(prefix="guild-forks-")
                address = os.path.join(folder, "socket")
                argv = [self._python, str(_SERVER), address, str(self._folder), *self._modules]
                server = subprocess.Popen(
                    argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environment
                )
                _started.append((server, folder))
                assert server.stdout
                assert server.stdout.readline() == b"ready\n", argv
                self._address = address
        return self._address


def _exchange(write: int, stdin: bytes, reads: Sequence[int], timeout: float) -> list[bytes]:
    """Write, and read all there is, each by the time that it can be; what was read."""
    deadline = time.monotonic() + timeout
    found = {fd: bytearray() for fd in reads}
    with selectors.DefaultSelector() as waiting:
        waiting.register(write, selectors.EVENT_WRITE)
        for fd in reads:
            waiting.register(fd, selectors.EVENT_READ)
        os.set_blocking(write, False)
        try:
            while waiting.get_map():
                ready = waiting.select(max(deadline - time.monotonic(), 0))
                if not ready:
                    raise TimeoutError
                for key, _ in ready:
                    if key.fd == write:
                        stdin = stdin[_written(write, stdin) :]
                        over = not stdin
                    else:
                        over = not (data := os.read(key.fd, _CHUNK))
                        found[key.fd] += data
                    if over:
                        waiting.unregister(key.fd)
                        os.close(key.fd)
        finally:
            for key in list(waiting.get_map().values()):
                os.close(key.fd)
    return [bytes(found[fd]) for fd in reads]


def _written(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data[:_CHUNK]) if data else 0
    except BrokenPipeError:
        return len(data)  # it is read no further


def _number(answer: bytes) -> int:
    assert len(answer) == 8, "the server has ended"
    return int.from_bytes(answer, "little", signed=True)


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


def _read_at_start(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in variables.items() if name.startswith(_READ_AT_START)}
