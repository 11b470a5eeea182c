"""What ssh's own account of a connection says, and what is on file of a host key."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guild_sync.config.remotes import Remote
from guild_sync.monitoring import probe
from guild_sync.transport.process import Completed

GPU = Remote("gpu", "ssh", host="gpu", proxy_jump="gate")
JUMP = """\
OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.19
debug1: Connecting to gate [10.0.0.1] port 22.\r
debug1: Remote protocol version 2.0, remote software version OpenSSH_7.4\r
debug1: Server host key: ssh-rsa SHA256:gate\r
debug1: Host 'gate' is known and matches the RSA host key.\r
Authenticated to gate ([10.0.0.1]:22) using "publickey".
debug1: Remote protocol version 2.0, remote software version OpenSSH_9.9 FreeBSD\r
debug1: Server host key: ssh-ed25519 SHA256:gpu\r
"""


def read(account: str, code: int = 0, out: bytes = b"") -> probe.Probe:
    return probe.read(GPU, Completed(code, out, account))


def test_of_a_jump_the_remotes_own_server_and_key_are_told() -> None:
    found = read(JUMP + "debug1: Host 'gpu' is known and matches the ED25519 host key.\r\n")
    assert found.server == "OpenSSH_9.9 FreeBSD"
    assert found.key == "ssh-ed25519 SHA256:gpu"
    assert (found.key_state, found.failure) == (probe.KNOWN, None)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("Host key verification failed.", probe.UNKNOWN),
        (
            "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.",
            probe.CHANGED,
        ),
        (
            "Warning: Permanently added 'gpu' (ED25519) to the list of known hosts.",
            probe.ACCEPTED,
        ),
    ],
)
def test_the_state_of_the_host_key_is_told(said: str, state: str) -> None:
    assert read(f"{JUMP}{said}\n").key_state == state


def test_a_connection_that_was_refused_before_the_key_tells_no_state() -> None:
    found = read(
        "debug1: connect to address 10.0.0.1 port 22: Connection timed out\r\n"
        "debug1: connect to address 10.0.0.2 port 22: Connection refused\r\n"
        "ssh: connect to host gpu port 22: Connection refused\r\n",
        code=255,
    )
    assert (found.server, found.key, found.key_state) == ("", "", "")
    assert found.failure is not None
    assert found.failure.message == "cannot reach remote 'gpu': gpu refused the connection"


def test_ssh_s_account_is_not_the_reason_of_a_failure() -> None:
    found = read(f"{JUMP}kex: something broke\ndebug1: Exit status -1\nTransferred: 1\n", code=255)
    assert found.failure is not None
    assert found.failure.message == "cannot reach remote 'gpu': kex: something broke"


def test_what_the_login_shell_prints_is_told() -> None:
    assert read(JUMP, out=b"Welcome \xff\n\n").printed == "Welcome \ufffd"


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """A file of known hosts: `gpu` hashed, `[gpu]:2222`, `alias` of a certificate authority."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    path = tmp_path / "known"
    path.write_text(f"gpu {public}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    path.write_text(
        f"{path.read_text()}# a comment\n[gpu]:2222 {public}\n@cert-authority alias {public}\n"
    )
    return path


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({"hostname": "gpu", "port": "22"}, ["ssh-ed25519"]),
        ({"hostname": "gpu", "port": "2222"}, ["ssh-ed25519"]),
        ({"hostname": "gpu", "port": "2223"}, []),
        ({"hostname": "x", "port": "2223", "hostkeyalias": "alias"}, ["ssh-ed25519"]),
        ({"hostname": "x", "port": "22"}, []),
    ],
)
def test_keys_on_file_are_found_as_ssh_finds_them(
    known: Path, settings: dict[str, str], kinds: list[str]
) -> None:
    files = {"userknownhostsfile": f"/nonexistent {known}", "globalknownhostsfile": "/dev/null"}
    assert probe.keys_on_file({**settings, **files}) == kinds
