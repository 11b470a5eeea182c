"""An rsync that is too old, or none of Samba's: one line that says where, and what to install."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Guild, Server

# Programs that answer as these do: rsync 2.6.9, which macOS had, and openrsync, which it has.
OLD = """#!/bin/sh
case "$1" in
  --version) echo 'rsync  version 2.6.9  protocol version 29' && exit 0 ;;
  --server) echo "rsync: on remote machine: $2: unknown option" >&2; side=server ;;
  *) echo 'rsync: --info=stats1,name1,symsafe1: unknown option' >&2; side=client ;;
esac
echo "rsync error: syntax or usage error (code 1) at main.c(1231) [$side=2.6.9]" >&2
exit 1
"""
OPEN = """#!/bin/sh
[ "$1" != --version ] || { echo 'openrsync: protocol version 29' && exit 0; }
echo "rsync: unrecognized option \\`$1'" >&2
echo 'usage: openrsync [-aDgHIlnoprtuvx] [-e program] [--address=sourceaddr]' >&2
exit 1
"""
HINT = (
    "guild needs rsync 3.1 or newer: install one, by apt install rsync, brew install rsync or "
    "pkg install rsync."
)


@pytest.fixture(params=[OLD, OPEN], ids=["2.6.9", "openrsync"])
def rsync(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    program = tmp_path / "old" / "rsync"
    program.parent.mkdir()
    program.write_text(str(request.param))
    program.chmod(0o755)
    return program


def pulled(guild: Guild, remote: str) -> list[str]:
    """What a pull complains of; it must fail."""
    done = guild("pull", remote, "-y")
    assert done.code == 1, done
    return done.err.splitlines()


def test_an_rsync_here_that_is_too_old(guild: Guild, remote: str, rsync: Path) -> None:
    guild.started("sleep=0", remote=remote)
    guild.env["PATH"] = f"{rsync.parent}:{guild.env['PATH']}"
    assert pulled(guild, remote) == [
        "guild: the rsync here is too old, or another program by that name",
        HINT,
    ]


def test_an_rsync_there_that_is_too_old(
    guild: Guild, sshd: Server, remote: str, there: Path, rsync: Path
) -> None:
    run_id = guild.started("sleep=0", remote=remote)
    guild.configure(guild_uat={**sshd.keys(there), "rsync-path": str(rsync)})
    assert pulled(guild, remote) == [
        "guild: the rsync on remote 'guild-uat' is too old, or another program by that name",
        HINT,
        "Correct 'rsync-path' of the remote in the config file.",
    ]
    assert not guild.ok("runs").out
    guild.configure(guild_uat=sshd.keys(there))
    guild.ok("pull", remote, "-y")
    assert run_id[:8] in guild.ok("runs").out


@pytest.mark.usefixtures("not_used_before")
def test_an_agent_cannot_be_sent_by_an_rsync_that_is_too_old(
    guild: Guild, remote: str, rsync: Path
) -> None:
    guild.env["PATH"] = f"{rsync.parent}:{guild.env['PATH']}"
    done = guild("runs", "-r", remote)
    assert done.code == 1
    assert done.err.splitlines() == [
        "guild: the rsync here is too old, or another program by that name",
        HINT,
    ]
