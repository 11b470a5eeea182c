"""What hangs costs its own time alone: deadlines, and the time limits of a remote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from relay import Relay, relay
from support import Guild, Process, Server, processes, wait_until
from test_fleet import bind, incoming, pulled
from test_unreachable import another_sshd, own_connections

__all__ = ["own_connections"]


@pytest.fixture
def hung(sshd: Server, tmp_path: Path, own_connections: None) -> Iterator[dict[str, Any]]:
    """The keys of a remote that takes the login, and then never does a thing."""
    with another_sshd(sshd, tmp_path / "hung", "ForceCommand exec sleep 600") as server:
        yield server.keys(tmp_path / "there", timeout=600)


@pytest.fixture
def relayed(sshd: Server, own_connections: None) -> Iterator[Relay]:
    """A network to the tests' ssh server that can be made to misbehave."""
    with relay(sshd.state.port) as found:
        yield found


def through(relayed: Relay, sshd: Server, tmp_path: Path, **more: Any) -> dict[str, Any]:
    """The keys of the tests' ssh server behind the relay."""
    known = (Path(str(sshd.remote.known_hosts))).read_text().split(" ", 1)[1]
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{relayed.port} {known}")
    keys = sshd.keys(tmp_path / "there", **more)
    return {**keys, "port": relayed.port, "known-hosts": str(tmp_path / "known_hosts")}


def children(pid: int) -> set[Process]:
    """The programs that a process has started and that live."""
    return {process for process in processes() if process.parent == pid}


def test_at_the_deadline_what_hangs_is_ended_and_the_rest_is_done(
    guild: Guild, sshd: Server, tmp_path: Path, hung: dict[str, Any]
) -> None:
    guild.configure(good=sshd.keys(tmp_path / "there"), hung=hung)
    one, two = pulled(guild, "good"), pulled(guild, "good")
    bind(guild, one, "good")
    bind(guild, two, "hung")
    syncing = guild.popen("sync", "--deadline", "8")
    begun: set[Process] = set()

    def is_done() -> bool:
        begun.update(children(syncing.pid))
        return guild.status(one) == "completed"

    wait_until(is_done, "the other remote's run")
    said, _ = syncing.communicate(timeout=60)
    assert syncing.returncode == 4
    assert "guild: the deadline passed while guild worked with remote 'hung'" in said.decode()
    assert guild.status(two) == "running (hung)"
    # By their own numbers: whoever lives on is no child of a sync that has ended.
    asked = {(process.pid, process.args) for process in begun if "ssh " in process.args}
    assert asked
    wait_until(lambda: not asked & {(p.pid, p.args) for p in processes()}, "their end")


def test_a_copy_that_the_deadline_ends_is_gone_on_with_by_the_next_sync(
    guild: Guild, sshd: Server, tmp_path: Path, own_connections: None
) -> None:
    keys = sshd.keys(tmp_path / "there")
    guild.configure(far=keys)
    run_id = pulled(guild, "far")
    (tmp_path / "there" / "runs" / run_id / "large").write_bytes(os.urandom(3_000_000))
    bind(guild, run_id, "far")
    guild.configure(far={**keys, "bwlimit": 10})  # five minutes for it
    done = guild("sync", "--deadline", "4")
    assert done.code == 4
    assert guild.status(run_id) == "running (far)"
    assert incoming(guild) == 0
    guild.configure(far=keys)
    guild.ok("sync")
    assert guild.status(run_id) == "completed"
    assert (guild.home / "runs" / run_id / "large").stat().st_size == 3_000_000


def test_what_has_not_begun_at_the_deadline_is_left_and_said(
    guild: Guild, sshd: Server, tmp_path: Path, hung: dict[str, Any]
) -> None:
    guild.configure(good=sshd.keys(tmp_path / "there"), hung=hung)
    for remote in ("good", "hung"):  # the later run's remote comes first
        bind(guild, pulled(guild, "good"), remote)
    of_good = {entry: entry.read_bytes() for entry in guild.home.glob("remotes/*")}
    done = guild("sync", "--jobs", "1", "--deadline", "2")
    assert done.code == 4
    assert [line for line in done.err.splitlines() if line.startswith("guild: ")] == [
        "guild: the deadline passed while guild worked with remote 'hung'",
        "guild: the deadline passed before remote 'good' was asked",
    ]
    assert {entry: entry.read_bytes() for entry in of_good} == of_good
    assert len(list(guild.home.glob("remotes/*"))) <= len(of_good) + 1


def test_a_remote_that_hangs_after_login_costs_its_own_timeout(
    guild: Guild, sshd: Server, tmp_path: Path, hung: dict[str, Any]
) -> None:
    guild.configure(good=sshd.keys(tmp_path / "there"), hung={**hung, "timeout": 2})
    one, two = pulled(guild, "good"), pulled(guild, "good")
    bind(guild, one, "good")
    bind(guild, two, "hung")
    done = guild("sync")
    assert done.code == 3
    assert "guild: remote 'hung' did not answer in time" in done.err
    assert guild.status(one) == "completed"
    assert guild.status(two) == "running (hung)"


def test_a_copy_that_stalls_is_ended_and_gone_on_with(
    guild: Guild, sshd: Server, tmp_path: Path, relayed: Relay
) -> None:
    ssh_options = ["ServerAliveInterval=1"]
    guild.configure(far=through(relayed, sshd, tmp_path, timeout=2, ssh_options=ssh_options))
    run_id = pulled(guild, "far")
    (tmp_path / "there" / "runs" / run_id / "large").write_bytes(os.urandom(3_000_000))
    bind(guild, run_id, "far")
    relayed.cut()
    relayed.limit, relayed.stalls = 1_000_000, True
    done = guild("sync")
    # By ssh's keep-alives: rsync's own timeout ends no pull, as it goes on to write to its ssh.
    assert done.code == 3, done
    assert relayed.troubled.is_set()
    assert guild.status(run_id) == "running (far)"
    relayed.limit = None
    relayed.cut()
    guild.ok("sync")
    assert guild.status(run_id) == "completed"


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "1.5"])
def test_a_deadline_that_is_none(guild: Guild, seconds: str) -> None:
    done = guild("sync", f"--deadline={seconds}")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("guild: --deadline takes ")


def test_a_timeout_of_a_remote_must_be_a_number(guild: Guild, sshd: Server, there: Path) -> None:
    guild.configure(bad=sshd.keys(there, timeout="soon"))
    done = guild("runs", "-r", "bad")
    assert done.code == 1
    assert "bad: timeout: must be a whole number of seconds" in done.err
