"""What is asked of a remote in a row is asked of one agent, over one channel at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support import Guild, Place, Server
from test_unreachable import another_sshd, own_connections

from guild_sync.config import remotes
from guild_sync.transport import ssh

__all__ = ["own_connections"]
pytestmark = pytest.mark.usefixtures("own_connections")

# More than goes with a request: an rsync brings it.
LARGE = 300_000


class Narrow:
    """A server that takes one session at a time on a connection, and tells of each."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._seen = 0

    @property
    def logins(self) -> int:
        return self._log.read_text().count("Accepted publickey")

    def sessions(self) -> int:
        """How many there were since this was asked last."""
        before, self._seen = self._seen, self._log.read_text().count("Starting session: command")
        return self._seen - before


@pytest.fixture
def narrow(guild: Guild, sshd: Server, there: Path, tmp_path: Path) -> Iterator[Narrow]:
    settings = ("MaxSessions 1", "LogLevel VERBOSE")
    with another_sshd(sshd, tmp_path / "narrow", *settings) as server:
        guild.configure(far=server.keys(there))
        yield Narrow(tmp_path / "narrow" / "log")
        ssh.disconnect(remotes.remote("far"))


def agents(there: Path) -> list[str]:
    """The agents there that could be asked something."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes().decode("utf-8", "replace").rstrip("\0"))
    return [words for words in found if f"{there}/agent/" in words.rpartition("\0")[2]]


def test_one_channel_at_a_time_is_enough(guild: Guild, there: Path, narrow: Narrow) -> None:
    place = Place(guild, there, "far")
    guild.ok("runs", "-r", "far")
    narrow.sessions()
    place.started("sleep=600")
    assert narrow.sessions() == 1, "with a new package, which is small"
    guild.ok("stop", "-r", "far", "-y")
    guild.ok("label", "-s", "x", "-r", "far", "-y")
    assert narrow.sessions() == 2
    assert agents(there) == []
    ended = place.started("sleep=0")
    assert narrow.sessions() == 1, "with a package that is there"
    (guild.folder / "large.py").write_text(f"#{'x' * LARGE}\n")
    guild.ok("run", "op", "sleep=0", "-r", "far", "-y")  # watched, and brought home
    assert narrow.sessions() > 2
    place.wait_for_end(ended)
    guild.ok("sync")
    guild.ok("push", "far", ended, "-y")
    guild.ok("clean", "-r", "far", "-y")
    guild.ok("rm", "-r", "far", "-y")
    assert narrow.logins == 1
