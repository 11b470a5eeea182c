"""A remote of type `sandbox`: an ssh server of the user's own, on this machine.

It is an unprivileged sshd on a free port of the loopback interface, with its own host
key, login key and home under the guild home: everything that a real remote has, and
nothing that needs an administrator.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from guild_sync.agent.store import identity
from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.home import guild_home
from guild_sync.config.remotes import SANDBOX, Remote
from guild_sync.errors import GuildError, Unreachable
from guild_sync.transport import question, ssh, ssh_config

START_SECONDS = 10.0
_SSHD_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/lib/ssh")

_CONFIG = """\
# Made by guild for its sandbox {name}.
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/sshd.pid
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
AllowTcpForwarding local
X11Forwarding no
AllowAgentForwarding no
PrintMotd no
SetEnv HOME={folder}/home
MaxStartups 100
"""


class SandboxState(NamedTuple):
    """A sandbox's server: its port, and its process with what tells that from another."""

    port: int
    pid: int
    start: int | None
    boot: str | None = None
    namespace: int | None = None

    @property
    def process(self) -> identity.Identity:
        """Its process; what a state of an earlier version does not say is taken to fit."""
        now = identity.here(self.pid, self.start)
        return now._replace(
            boot=now.boot if self.boot is None else self.boot,
            namespace=now.namespace if self.namespace is None else self.namespace,
        )


def folder_of(name: str) -> Path:
    return guild_home() / "sandboxes" / name


def as_ssh(remote: Remote) -> Remote:
    """The sandbox as a remote of type ssh. Raises Unreachable where it is not running."""
    state = running(remote.name)
    if state is None:
        raise Unreachable(
            f"sandbox {remote.name!r} is not running", f"Start it: guild remote start {remote.name}"
        )
    folder = folder_of(remote.name)
    return remote._replace(
        type="ssh",
        host="127.0.0.1",
        port=state.port,
        private_key=str(folder / "login_key"),
        known_hosts=str(folder / "known_hosts"),
        ssh_config=str(folder / "ssh_config"),
    )


def running(name: str) -> SandboxState | None:
    """The sandbox's server where it lives; None where it was never started, or is dead."""
    try:
        data = json.loads((folder_of(name) / "state.json").read_text())
        state = SandboxState(
            int(data["port"]),
            int(data["pid"]),
            data["start"],
            data.get("boot"),
            data.get("namespace"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return state if identity.lives(state.process) else None


def start(name: str) -> tuple[SandboxState, bool]:
    """The running server of the sandbox, and whether it had to be started for that.

    Raises GuildError where there is no sshd here, or where it does not come up.
    """
    state = running(name)
    if state is not None:
        return state, False
    folder = folder_of(name)
    (folder / "home").mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    sshd = _sshd()
    for key in ("host_key", "login_key"):
        _make_key(folder / key)
    shutil.copyfile(folder / "login_key.pub", folder / "authorized_keys")
    (folder / "ssh_config").write_text("# The sandbox is reached with this alone.\n")
    for _ in range(5):  # another process may take the port that was free
        port = _free_port()
        state = _try_start(name, sshd, folder, port)
        if state is not None:
            return state, True
    raise GuildError(
        f"the ssh server of sandbox {name!r} did not start",
        _tail(folder / "sshd.log") or f"See {folder / 'sshd.log'}.",
    )


def _try_start(name: str, sshd: str, folder: Path, port: int) -> SandboxState | None:
    plain = ssh_config.plain_path(folder)
    text = _CONFIG.format(name=name, port=port, folder=plain)
    (folder / "sshd_config").write_text(text)
    public = (folder / "host_key.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(public)}\n")
    pid_file = folder / "sshd.pid"
    pid_file.unlink(missing_ok=True)
    if os.getuid() == 0:
        # Started by root, sshd wants its privilege separation folder (sshd(8), FILES).
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    done = question.run(
        (sshd, "-f", f"{plain}/sshd_config", "-E", f"{plain}/sshd.log"), timeout=START_SECONDS
    )
    if done.code != 0 or not _answers(port, pid_file):
        return None
    pid = int(pid_file.read_text())
    who = identity.of(pid)
    state = SandboxState(port, pid, who.start, who.boot, who.namespace)
    write_atomically(str(folder / "state.json"), json.dumps(state._asdict()))
    return state


def stop(name: str) -> bool:
    """End the sandbox's server and the connections to it; whether it was running."""
    state = running(name)
    if state is None:
        (folder_of(name) / "state.json").unlink(missing_ok=True)
        return False
    ssh.disconnect(as_ssh(Remote(name, SANDBOX)))
    (folder_of(name) / "state.json").unlink(missing_ok=True)
    with suppress(ProcessLookupError):
        identity.send(state.process, signal.SIGTERM)
    _wait_until(lambda: not identity.lives(state.process))
    return True


def _sshd() -> str:
    found = shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), *_SSHD_PLACES]))
    if found is None:
        raise GuildError(
            "there is no ssh server (sshd) on this machine",
            "Install one, for example: apt install openssh-server",
        )
    return found  # sshd must be called by its absolute path


def _make_key(path: Path) -> None:
    if not path.exists():
        argv = (
            "ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "guild sandbox",
            "-f",
            str(path),
        )
        done = question.run(argv, timeout=60)
        if done.code != 0:
            raise GuildError(f"cannot make a key for the sandbox: {done.stderr.strip()}")


def _free_port() -> int:
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def _answers(port: int, pid_file: Path) -> bool:
    """Whether the server greets a client, which it does once it can be used."""

    def greeted() -> bool:
        try:
            with closing(socket.create_connection(("127.0.0.1", port), 1)) as s:
                return s.recv(4) == b"SSH-" and pid_file.exists()
        except OSError:
            return False

    return _wait_until(greeted)


def _wait_until(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _tail(path: Path) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-5:])
    except OSError:
        return ""
