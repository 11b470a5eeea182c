"""Ports of a remote's machine, opened here."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from guild_sync.config.remotes import Remote
from guild_sync.transport import ports, ssh

# It has no file left to open when it is to take who connects, and then has.
EXHAUSTED = """\
import os, resource, socket, threading
from guild_sync.transport import ports, ssh
ssh.port_argv = lambda remote, port: ["cat"]
told = threading.Event()
faults = []
def tell(error):
    faults.append(error.message)
    told.set()
class Remote:
    name = "gpu1"
listening = ports.listener(0)
client = socket.socket()
before = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
try:
    while True:
        os.open("/dev/null", os.O_RDONLY)
except OSError:
    pass
# Linux takes a handle before it waits for who connects: this way it finds none.
ports.Forwarding(listening, Remote(), 80, tell)
assert told.wait(30), "nothing was told"
resource.setrlimit(resource.RLIMIT_NOFILE, before)  # all at once: closed one by one, some are few
client.settimeout(30)
client.connect(listening.getsockname())
client.sendall(b"hello")
client.shutdown(socket.SHUT_WR)
assert client.recv(5) == b"hello"
assert faults == ["port 80 of gpu1 is not to be reached: Too many open files"], faults
"""


def test_a_port_stays_open_when_no_more_files_could_be_opened_for_a_while() -> None:
    argv = [sys.executable, "-c", EXHAUSTED]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_port_stays_open_when_no_thread_could_be_started_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = ["can't start new thread"]
    start = threading.Thread.start

    def start_later(thread: threading.Thread) -> None:
        if refused and "_join" in thread.name:
            raise RuntimeError(refused.pop())
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_later)
    monkeypatch.setattr(ssh, "port_argv", lambda remote, port: ["cat"])
    told: list[str] = []
    with ports.listener(0) as listening:
        gpu = Remote("gpu1", "ssh", "127.0.0.1")
        forwarding = ports.Forwarding(listening, gpu, 80, lambda e: told.append(e.message))
        with socket.create_connection(listening.getsockname(), timeout=30) as client:
            assert client.recv(5) == b"", "it is closed"
        with socket.create_connection(listening.getsockname(), timeout=30) as client:
            client.sendall(b"hello")
            client.shutdown(socket.SHUT_WR)
            assert client.recv(5) == b"hello"
        forwarding.finish()
    assert told == ["port 80 of gpu1 is not to be reached: can't start new thread"]
