"""Ways in which a server lets nobody in, or not by a key alone: each gets the line that helps."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support import Guild, Server, wait_until
from test_bad_input import complaint
from test_check import checked
from test_unreachable import another_sshd, hang_up, key_pair, own_connections

# Fixtures of other modules, for here too.
__all__ = ["own_connections"]

SECOND_FACTOR = "AuthenticationMethods publickey,keyboard-interactive"
ASKS = "guild: remote 'x' asks for a second factor, or a password, which only you can type: "
# What stands in /etc/shadow is sshd's alone there.
BIND = 'mount --bind "$1" /etc/shadow || exit 97; shift; exec "$@"'


@pytest.fixture
def agent_with_keys(tmp_path: Path) -> Iterator[Path]:
    """The socket of an ssh agent that has four keys which no server knows."""
    path = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as agent:
        try:
            wait_until(path.exists, "the agent's socket")
            env = {**os.environ, "SSH_AUTH_SOCK": str(path)}
            for number in range(4):
                key = key_pair(tmp_path / f"key{number}")
                subprocess.run(["ssh-add", "-q", key], env=env, check=True)
            yield path
        finally:
            agent.terminate()


def test_an_agent_with_too_many_keys(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, agent_with_keys: Path
) -> None:
    guild.env["SSH_AUTH_SOCK"] = str(agent_with_keys)
    with another_sshd(sshd, tmp_path / "other", "MaxAuthTries 3") as server:
        guild.configure(x=server.keys(there, private_key=None))
        said = complaint(guild("runs", "-r", "x"), 3)
    assert said[0] == "guild: remote 'x' refused the login: ssh offered it too many keys"
    assert "'private-key' of the remote: then no other is offered." in said[2]


def test_an_ssh_configuration_that_has_ssh_say_nothing(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    (tmp_path / "quiet").write_text("LogLevel QUIET\n")
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        guild.configure(x=sshd.keys(there, ssh_config=str(tmp_path / "quiet"), port=port))
        said = complaint(guild("runs", "-r", "x"), 3)
    assert said[0] == f"guild: cannot reach remote 'x': 127.0.0.1:{port} refused the connection"
    key = key_pair(tmp_path / "stranger")
    quiet = sshd.keys(there, ssh_config=str(tmp_path / "quiet"), private_key=str(key))
    guild.configure(x=quiet)
    assert "Permission denied (publickey)" in complaint(guild("runs", "-r", "x"), 3)[0]


def test_guilds_connection_takes_no_port_and_runs_no_command_of_a_persons_session(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    config = tmp_path / "config"
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    config.write_text(
        f"LocalForward 127.0.0.1:{port} 127.0.0.1:8888\nExitOnForwardFailure yes\n"
        f"PermitLocalCommand yes\nLocalCommand touch {tmp_path}/canary\n"
    )
    guild.configure(x=sshd.keys(there, ssh_config=str(config)))
    guild.ok("runs", "-r", "x")
    assert not (tmp_path / "canary").exists()
    with closing(socket.create_server(("127.0.0.1", port))):  # as a person's own session would
        guild.ok("runs", "-r", "x")


def test_an_alias_that_is_not_ascii(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    keys = sshd.keys(there)
    config = tmp_path / "config"
    config.write_text(f"Host gr\u00f6\u00dfe\n  HostName 127.0.0.1\n  Port {keys.pop('port')}\n")
    guild.configure(x={**keys, "host": "gr\u00f6\u00dfe", "ssh-config": str(config)})
    run_id = guild.started("sleep=0", remote="x")
    guild.ok("watch", run_id, "-r", "x")
    guild.ok("pull", "x", "-y")
    assert guild.status(run_id) == "completed"


def test_a_second_factor_is_no_missing_key(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    lines = (SECOND_FACTOR, "KbdInteractiveAuthentication yes")
    with another_sshd(sshd, tmp_path / "other", *lines) as server:
        guild.configure(x=server.keys(there))
        said = complaint(guild("runs", "-r", "x"), 3)
        assert said[0].startswith(ASKS)
        assert said[2] == "  guild remote login x"
        found = checked(guild, "-r", "x", code=3)
        assert not found["x"]["connection"][0]
        key = key_pair(tmp_path / "stranger")
        guild.configure(x=server.keys(there, private_key=str(key)))
        assert "refused the login" in complaint(guild("runs", "-r", "x"), 3)[0]


def test_a_connection_that_a_person_has_opened_is_used_and_checked(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    folder = tmp_path / "other"
    with another_sshd(sshd, folder, "KbdInteractiveAuthentication yes") as server:
        guild.configure(x=server.keys(there))
        guild.ok("runs", "-r", "x")  # as a person who types the code
        with open(folder / "sshd_config", "a") as f:
            f.write(f"{SECOND_FACTOR}\n")
        hang_up(folder, server)
        guild.ok("runs", "-r", "x")
        found = checked(guild, "-r", "x")
        assert found["x"]["connection"][:2] == (
            True,
            "reused: one was open; for another you would have to log in",
        )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give an sshd passwords of its own")
def test_a_password_that_has_expired(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    lines = []
    for line in Path("/etc/shadow").read_text().splitlines():
        name, password, _, *rest = line.split(":")
        lines.append(":".join([name, password, "0" if name == "root" else "19000", *rest]))
    shadow = tmp_path / "shadow"
    shadow.write_text("\n".join([*lines, ""]))
    shadow.chmod(0o600)
    alone = ("unshare", "-m", "sh", "-c", BIND, "sh", str(shadow))
    if subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no namespaces here")
    with another_sshd(sshd, tmp_path / "other", "UsePAM yes", within=alone) as server:
        guild.configure(x=server.keys(there))
        said = complaint(guild("runs", "-r", "x"))
    assert said[0] == "guild: the password on remote 'x' has expired"
    assert said[1] == "Log in by hand, where you are asked for a new one:"
    assert said[2].startswith("  ssh -p ")
