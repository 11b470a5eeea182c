"""An rsync there that comes to a stop while its connection is up, as on a disk that hangs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from faults import write_run
from support import Guild, Server, processes, wait_until
from test_unreachable import own_connections

from guild_sync.config import remotes
from guild_sync.errors import Unreachable
from guild_sync.rsync import argv, copies
from guild_sync.transport import ssh_config

__all__ = ["own_connections"]
pytestmark = pytest.mark.usefixtures("own_connections")
RUN = "5" * 32


def works_in(folder: Path, pid: int) -> bool:
    try:
        return str(folder) in os.readlink(f"/proc/{pid}/cwd")
    except OSError:  # it was another test's, and has ended
        return False


@contextmanager
def stopped(there: Path) -> Iterator[None]:
    """Have the rsyncs there do nothing from now on."""
    found = [process.pid for process in processes() if "rsync --server" in process.args]
    pids = [pid for pid in found if works_in(there, pid)]
    assert pids
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def is_begun(home: Path) -> bool:
    """Whether some of a file has come into a guild home."""
    with suppress(FileNotFoundError):
        return any(p.stat().st_size for p in home.glob("runs/.incoming*/*") if p.is_file())
    return False


# Where rsync's ssh has a connection of its own, it goes on to read what keeps that up.
@pytest.mark.parametrize("options", [{}, {"ssh_options": ["ControlMaster=no"]}])
def test_a_sender_that_stops_ends_the_copy(
    options: dict[str, list[str]],
    guild: Guild,
    sshd: Server,
    there: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_run(there, RUN, sizes=(3_000_000,))
    guild.configure(gpu={**sshd.keys(there, **options), "timeout": 2, "bwlimit": 200})
    runs, incoming = guild.home / "runs", guild.home / "runs" / ".incoming-5"
    incoming.mkdir(parents=True)
    monkeypatch.setattr(ssh_config, "ALIVE_INTERVAL", 1)
    monkeypatch.setattr(argv, "UNSAID", 0)  # it has nothing to read that is here
    gpu = remotes.remote("gpu")
    pull = partial(copies.pull, runs_there=f"{there}/runs", ids=[RUN], runs_here=runs)
    with ThreadPoolExecutor(1) as pool:
        pulling = pool.submit(pull, gpu, temporary=incoming)
        wait_until(lambda: is_begun(guild.home), "a file on its way")
        with stopped(there), pytest.raises(Unreachable) as told:
            pulling.result(25)
    assert told.value.message == "remote 'gpu' sends nothing more, in the middle of a copy"
    assert pull(gpu._replace(bwlimit=None), temporary=incoming).faults == {}


def test_a_receiver_that_stops_ends_the_copy(guild: Guild, sshd: Server, there: Path) -> None:
    write_run(guild.home, RUN, sizes=(60_000_000,))
    guild.configure(gpu={**sshd.keys(there), "timeout": 2, "bwlimit": 10_000})
    pushing = guild.popen("push", "gpu", RUN, "-y")
    wait_until(lambda: is_begun(there), "a file on its way")
    with stopped(there):
        out, _ = pushing.communicate(timeout=60)
    assert pushing.returncode == 3, out
    assert b"guild: the connection to remote 'gpu' was lost: [sender] io timeout" in out
