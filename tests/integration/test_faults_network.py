"""A network that misbehaves: no status is wrong, nothing is lost, the next sync makes it right."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults import check_after, check_between, forget, mark, relayed, rng, write_run
from relay import Relay
from support import Guild, Server
from test_unreachable import another_sshd, own_connections

from guild_sync.config import remotes
from guild_sync.transport import ssh

__all__ = ["own_connections"]
pytestmark = pytest.mark.usefixtures("own_connections")

RUNS = [f"{number:032x}" for number in range(1, 4)]
SIZES = (300_000, 1_000, 0)
CUTS = int(os.environ.get("FAULT_CUTS", "8"))


@pytest.fixture
def far(guild: Guild, sshd: Server, there: Path) -> Iterator[Relay]:
    """The remote `far`, which has three runs that have ended, behind a relay."""
    for run_id in RUNS:
        write_run(there, run_id, sizes=SIZES)
    keys = {"timeout": 2, "connect-timeout": 2}
    with relayed(guild, sshd, there, **keys) as found:
        guild.ok("runs", "-r", "far")  # the agent is there
        yield found


def fresh(guild: Guild, far: Relay) -> None:
    """Nothing of the runs is here but their marks, and there is no connection."""
    forget(guild.home)
    for run_id in RUNS:
        mark(guild.home, run_id, "far")
    ssh.disconnect(remotes.remote("far"))
    far.cut()


def carried_by_a_sync(guild: Guild, far: Relay) -> int:
    """The bytes that a whole sync gets from the server."""
    fresh(guild, far)
    before = far.carried
    guild.ok("sync")
    return far.carried - before


@pytest.mark.parametrize("stalls", [False, True], ids=["cut", "stalled"])
def test_a_sync_that_is_cut_or_stalled_at_any_byte(
    guild: Guild, there: Path, far: Relay, stalls: bool
) -> None:
    """From the login's first byte to the last of the copy, at random."""
    total = carried_by_a_sync(guild, far)
    random = rng("cut")
    for _ in range(3 if stalls else CUTS):
        fresh(guild, far)
        far.limit, far.stalls = random.randrange(total - 1000), stalls
        far.troubled.clear()
        done = guild("sync")
        assert far.troubled.is_set()
        check_between(guild, there, done)
        assert done.code == 3, done
        far.limit = None
        far.cut()
        check_after(guild, there, "far")


def test_a_status_request_that_is_cut(guild: Guild, there: Path, far: Relay) -> None:
    """The connection is there already, and ends in the middle of the answer."""
    random = rng("request")
    for _ in range(CUTS):
        fresh(guild, far)
        far.limit = 5000 + random.randrange(1500)  # a login has some 4,000 bytes from the server
        done = guild("sync")
        check_between(guild, there, done)
        far.limit = None
        far.cut()
        check_after(guild, there, "far")


def test_one_connection_in_four_is_cut(guild: Guild, there: Path, far: Relay) -> None:
    """Many syncs, each over a connection of its own: those that fail say so."""
    random = rng("share")
    far.refuses = lambda number: random.random() < 0.25
    failed = 0
    for _ in range(2 * CUTS):
        fresh(guild, far)
        done = guild("sync")
        if done.code:
            failed += 1
            check_between(guild, there, done)
        far.cut()
    far.refuses = lambda number: False
    fresh(guild, far)
    check_after(guild, there, "far")
    print(f"{failed} of {2 * CUTS} syncs failed")


def test_a_network_that_refuses(guild: Guild, there: Path, far: Relay) -> None:
    fresh(guild, far)
    far.refuses = lambda number: True
    done = guild("sync")
    check_between(guild, there, done)
    assert done.code == 3
    far.refuses = lambda number: False
    check_after(guild, there, "far")


def test_a_master_that_is_dead_but_whose_socket_is_there(
    guild: Guild, there: Path, far: Relay
) -> None:
    fresh(guild, far)
    guild.ok("runs", "-r", "far")
    far.cut()  # the server's end is gone; ssh's own process, and its socket, may not know yet
    check_after(guild, there, "far")


def test_a_server_that_takes_no_more_logins(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    """MaxStartups: connections that have not logged in yet fill it, and ours is dropped."""
    with (
        another_sshd(sshd, tmp_path / "full", "MaxStartups 2:100:2") as server,
        ExitStack() as full,
    ):
        guild.configure(far=server.keys(there))
        for run_id in RUNS:
            write_run(there, run_id)
            mark(guild.home, run_id, "far")
        for _ in range(4):
            full.enter_context(socket.create_connection(("127.0.0.1", server.state.port)))
        done = guild("sync")
        check_between(guild, there, done)
        assert done.code == 3
        full.close()
        check_after(guild, there, "far")


def test_a_name_that_does_not_resolve(guild: Guild, sshd: Server, there: Path) -> None:
    for run_id in RUNS:
        write_run(there, run_id)
        mark(guild.home, run_id, "far")
    guild.configure(far={**sshd.keys(there), "host": "no-such-host.invalid"})
    done = guild("sync")
    check_between(guild, there, done)
    assert "does not resolve" in done.err
    guild.configure(far=sshd.keys(there))
    check_after(guild, there, "far")
