"""Remotes that cannot be reached, or cannot do what is asked: what is said, and what is left."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from support import Guild, Server, keep_nothing_free, wait_until
from test_bad_input import complaint, runs_in

from guild_sync.config import remotes
from guild_sync.hosts import choose, sandbox
from guild_sync.transport import connection, question, ssh

NOBODY = "f" * 32  # the id of a run that is nowhere


@pytest.fixture
def own_connections(guild: Guild) -> Iterator[None]:
    """Close the connections to the remotes that the test has configured."""
    yield
    for name, remote in remotes.usable()[0].items():
        if name != "sandbox" and remote.type == "ssh":
            ssh.disconnect(remote)


def ssh_argv(name: str) -> list[str]:
    """ssh with the settings of the configured remote `name`; options can follow."""
    return list(ssh.argv(remotes.remote(name)))[:-2]


@contextmanager
def another_sshd(
    sshd: Server, folder: Path, *lines: str, path: str = "", within: Sequence[str] = ()
) -> Iterator[Server]:
    """A second sshd with the keys of the first, but other settings.

    `lines` stand in place of the first one's settings; `path` is the PATH of its sessions,
    whose home is `folder/home`. `within` is a command that becomes the sshd.
    """
    (folder / "home").mkdir(parents=True)
    own = Path(sshd.remote.private_key or "").parent
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = f"HOME={folder}/home" + (f" PATH={path}" if path else "")
    head = [f"Port {port}", f"PidFile {folder}/pid", f"SetEnv {variables}", *lines]
    given = {line.split()[0] for line in head}
    rest = [
        line
        for line in (own / "sshd_config").read_text().splitlines()
        if line.split()[0] not in given
    ]
    (folder / "sshd_config").write_text("\n".join([*head, *rest, ""]))
    key = " ".join((own / "host_key.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}\n")
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None
    argv = [*within, program, "-D", "-f", f"{folder}/sshd_config", "-E", f"{folder}/log"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as running:
        try:
            wait_until((folder / "pid").exists, "the start of another sshd")
            remote = sshd.remote.__class__(
                "another",
                "ssh",
                host="127.0.0.1",
                private_key=sshd.remote.private_key,
                known_hosts=str(folder / "known_hosts"),
                ssh_config=sshd.remote.ssh_config,
            )
            yield Server(sandbox.SandboxState(port, running.pid, None), remote)
        finally:
            running.terminate()


def hang_up(folder: Path, server: Server) -> None:
    """Have another sshd read its settings anew. The sessions that it has go on."""
    (folder / "pid").unlink()
    os.kill(server.state.pid, signal.SIGHUP)
    wait_until((folder / "pid").exists, "sshd with its new settings")


def key_pair(path: Path) -> Path:
    """A new key of nobody; its public half is beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


# ---- no connection: status 3


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that nobody listens on, nor will."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port of this machine where connections are taken and nothing is ever said."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening.getsockname()[1]


def test_every_command_says_that_the_port_is_closed(
    guild: Guild, sshd: Server, there: Path, closed_port: int
) -> None:
    guild.configure(x=sshd.keys(there, port=closed_port))
    told = [
        f"guild: cannot reach remote 'x': 127.0.0.1:{closed_port} refused the connection",
        "Check that its ssh server runs, and 'host' and 'port' of the remote.",
    ]
    run = guild("run", "op", "sleep=1", "-r", "x", "--no-wait", "-y")
    assert complaint(run, 3) == told
    assert run.out == "Building package\n"
    for argv in (
        ["pull", "x", "-y"],
        ["runs", "-r", "x"],
        ["runs", "info", "-r", "x"],
        ["cat", "-O", "-r", "x"],
        ["watch", "-r", "x"],
        ["remote", "status", "x"],
    ):
        assert complaint(guild(*argv), 3) == told
    assert runs_in(guild.home) == []


def test_a_host_name_that_does_not_resolve(guild: Guild, sshd: Server, there: Path) -> None:
    guild.configure(x=sshd.keys(there, host="no-such-host.invalid"))
    said = complaint(guild("runs", "-r", "x"), 3)
    reason = "the host name 'no-such-host.invalid' does not resolve"
    assert said[0] == f"guild: cannot reach remote 'x': {reason}"
    assert "'host'" in said[1]


def test_a_host_that_does_not_answer_is_not_waited_for_long(
    guild: Guild, sshd: Server, there: Path, mute_port: int
) -> None:
    guild.configure(x=sshd.keys(there, port=mute_port, connect_timeout=1))
    said = complaint(guild("runs", "-r", "x"), 3)
    assert said[0] == f"guild: cannot reach remote 'x': 127.0.0.1:{mute_port} does not answer"


def test_a_port_where_something_else_listens(guild: Guild, sshd: Server, there: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def answer() -> None:
            with listening.accept()[0] as client:
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 9000)
                client.shutdown(socket.SHUT_WR)
                with suppress(ConnectionResetError):
                    while client.recv(4096):
                        pass

        answering = threading.Thread(target=answer)
        answering.start()
        port = listening.getsockname()[1]
        guild.configure(x=sshd.keys(there, port=port, connect_timeout=5))
        said = complaint(guild("runs", "-r", "x"), 3)
        answering.join()
    assert said[0].startswith("guild: cannot reach remote 'x': ")


def test_a_key_that_is_refused(guild: Guild, sshd: Server, there: Path, tmp_path: Path) -> None:
    for path in (key_pair(tmp_path / "other key"), tmp_path / "none"):
        guild.configure(x=sshd.keys(there, private_key=str(path)))
        said = complaint(guild("runs", "-r", "x"), 3)
        assert said[0].startswith("guild: remote 'x' refused the login: ")
        assert "Permission denied (publickey)" in said[0]
        assert "'private-key'" in said[1]
        assert "ssh-copy-id" in said[2]


def test_a_host_key_that_is_not_known(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text("")
    guild.configure(x=sshd.keys(there, known_hosts=str(known_hosts)))
    said = complaint(guild("runs", "-r", "x"), 3)
    place = f"127.0.0.1:{sshd.state.port}"
    assert said[0] == f"guild: the host key of remote 'x' ({place}) is not known"
    assert said[1] == "Connect once by hand to check and accept it:"
    assert shlex.split(said[2])[0] == "ssh"
    assert known_hosts.read_text() == ""


@pytest.mark.parametrize(
    "name",
    [
        "known_hosts",
        "known hosts",
    ],
)
def test_a_host_key_that_has_changed(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, name: str
) -> None:
    known_hosts, other = tmp_path / name, key_pair(tmp_path / "key")
    public = other.with_suffix(".pub").read_text()
    known_hosts.write_text(f"[127.0.0.1]:{sshd.state.port} {public}")
    guild.configure(x=sshd.keys(there, known_hosts=str(known_hosts)))
    said = complaint(guild("pull", "x", "-y"), 3)
    place = f"127.0.0.1:{sshd.state.port}"
    assert said[0] == f"guild: the host key of remote 'x' ({place}) has changed"
    assert "somebody is between you and it" in said[1]
    forget = shlex.split(said[-1])
    assert forget[:2] == ["ssh-keygen", "-R"]
    subprocess.run(forget, check=True, capture_output=True)
    assert complaint(guild("runs", "-r", "x"), 3)[0].endswith("is not known")


def test_no_ssh_here(guild: Guild, remote: str, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    guild.env["PATH"] = str(tmp_path / "bin")
    said = complaint(guild("runs", "-r", remote))
    assert said[0] == "guild: ssh is not installed here"


# ---- sandboxes


def test_a_sandbox_that_is_not_running(guild: Guild) -> None:
    told = ["guild: sandbox 'sandbox' is not running", "Start it: guild remote start sandbox"]
    for argv in (["runs", "-r", "sandbox"], ["pull", "sandbox", "-y"], ["remote", "status"]):
        argv = [*argv, "sandbox"] if argv[-1] == "status" else argv
        assert complaint(guild(*argv), 3) == told
    run = guild("run", "op", "-r", "sandbox", "-y")
    assert complaint(run, 3) == told
    assert runs_in(guild.home) == []


@pytest.mark.parametrize(
    "state",
    ["{", "[]", '{"port": 1, "pid": 1, "start": 0}'],
)
def test_a_state_file_that_is_stale(guild: Guild, state: str) -> None:
    folder = guild.home / "sandboxes/sandbox"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(state)
    assert complaint(guild("runs", "-r", "sandbox"), 3)[0].endswith("is not running")


@pytest.fixture
def started_sandbox(guild: Guild) -> Iterator[remotes.Remote]:
    """The sandbox of the test's own home, as a remote of type ssh."""
    guild.ok("remote", "start", "sandbox")
    remote = sandbox.as_ssh(remotes.remote("sandbox"))
    yield remote
    ssh.disconnect(remote)
    if sandbox.running("sandbox"):
        ssh.disconnect(sandbox.as_ssh(remotes.remote("sandbox")))
    sandbox.stop("sandbox")


def test_a_sandbox_that_was_killed_is_started_again(
    guild: Guild, started_sandbox: remotes.Remote
) -> None:
    run_id = guild.started("sleep=600", remote="sandbox")
    guild.ok("pull", "sandbox", "-y")
    state = sandbox.running("sandbox")
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    wait_until(lambda: sandbox.running("sandbox") is None)
    assert complaint(guild("runs", "-r", "sandbox"), 3)[0].endswith("is not running")
    assert complaint(guild("sync"), 3)[0].endswith("is not running")
    assert guild.status(run_id) == "running (sandbox)"
    guild.ok("remote", "start", "sandbox")
    assert guild.ok("sync").lines[-1] == f"Copying {run_id}"


def test_a_sandbox_that_is_stopped_leaves_no_connection(
    guild: Guild, started_sandbox: remotes.Remote
) -> None:
    guild.ok("runs", "-r", "sandbox")
    check = [*ssh.argv(started_sandbox)[:-2], "-O", "check", "--", "127.0.0.1"]
    assert subprocess.run(check, capture_output=True).returncode == 0
    guild.ok("remote", "stop", "sandbox", "-y")
    assert subprocess.run(check, capture_output=True).returncode != 0


# ---- connected, and yet: status 1


def programs(folder: Path, *names: str) -> str:
    """A folder for PATH that has these programs alone."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


@pytest.mark.usefixtures("not_used_before")
def test_no_rsync_there(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    path = programs(tmp_path / "bin", "sh", "mkdir", "mv")
    with another_sshd(sshd, tmp_path / "other", path=path) as bare:
        guild.configure(
            x=bare.keys(there, python=os.path.realpath(sys.executable)),
            guild_uat=sshd.keys(there),
        )
        told = ["guild: there is no rsync on remote 'x'"]
        assert complaint(guild("runs", "-r", "x"))[:1] == told
        run_id = guild.started("sleep=600", remote="guild-uat")  # the agent is there now
        # And a package that has not been sent yet is to be, and is too large for a request.
        (guild.folder / "new.py").write_text(f"# {os.urandom(400_000).hex()}\n")
        run = guild("run", "op", "sleep=1", "-r", "x", "--no-wait", "-y")
        assert complaint(run)[:1] == told
        assert runs_in(there) == [run_id]
        assert complaint(guild("pull", "x", run_id, "-y"))[:1] == told
        assert guild.ok("runs").out == "", "nothing of it is here"
        guild.ok("pull", "guild-uat", "-y")
        assert guild.status(run_id) == "running (guild-uat)"


@pytest.mark.parametrize("python", [None, "/nonexistent/python3"])
def test_no_python_there(
    guild: Guild,
    sshd: Server,
    there: Path,
    tmp_path: Path,
    python: str | None,
    own_connections: None,
) -> None:
    path = programs(tmp_path / "bin", "sh", "mkdir", "mv", "rsync")
    with another_sshd(sshd, tmp_path / "other", path=path) as bare:
        guild.configure(x=bare.keys(there, python=python))
        said = complaint(guild("run", "op", "-r", "x", "-y"))
    assert said[0] == f"guild: there is no {python or 'python3'} on remote 'x'"
    assert "'python'" in said[1]
    assert runs_in(there) == []


def old_pythons(*versions: str) -> list[str]:
    """Pythons of these versions that are installed beside this one, if there are any."""
    beside = Path(sys.base_prefix).parent
    found = (sorted(beside.glob(f"{version}.*/bin/python")) for version in versions)
    return [str(paths[-1]) for paths in found if paths]


def test_a_python_there_that_is_too_old(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    # The agent asks sys.version_info alone, so this does where no such Python is installed.
    python = tmp_path / "python3.6"
    python.write_text(
        "#!/bin/sh\nfor folder; do :; done\n"
        f"exec {os.path.realpath(sys.executable)} -I -c '"
        "import runpy, sys; sys.version_info = (3, 6, 9); "
        'runpy.run_path(sys.argv[1], run_name="__main__")\' "$folder"\n'
    )
    python.chmod(0o755)
    for path in (str(python), *old_pythons("3.6", "3.7")):
        guild.configure(x=sshd.keys(there, python=path))
        said = complaint(guild("run", "op", "-r", "x", "-y"))
        told = r"guild: Python on remote 'x' is 3\.[67], and guild needs 3\.8 or newer"
        assert re.fullmatch(told, said[0]), path
        assert "'python'" in said[1]
        assert runs_in(there) == []


@pytest.mark.skipif(not old_pythons("2.7"), reason="no Python 2.7 is installed here")
def test_a_python_2_there(guild: Guild, sshd: Server, there: Path) -> None:
    guild.configure(x=sshd.keys(there, python=old_pythons("2.7")[0]))
    said = complaint(guild("run", "op", "-r", "x", "-y"))
    assert said[0].endswith("guild needs 3.8 or newer")
    assert "'python'" in said[1]
    assert runs_in(there) == []


@pytest.mark.parametrize("program", ["/bin/false", "/bin/cat", "/bin/ls"])
def test_a_python_there_that_is_none(guild: Guild, sshd: Server, there: Path, program: str) -> None:
    guild.configure(x=sshd.keys(there, python=program))
    said = complaint(guild("run", "op", "-r", "x", "-y"))
    assert said[0] == "guild: remote 'x' gave no answer that guild understands"
    assert runs_in(there) == []


def test_a_guild_home_there_that_cannot_be_made(guild: Guild, sshd: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    guild.configure(x=sshd.keys(tmp_path / "file/home"))
    said = complaint(guild("run", "op", "-r", "x", "-y"))
    assert said[0] == f"guild: cannot make the guild home {tmp_path}/file/home on remote 'x'"


def test_a_pull_that_copies_nothing_shows_no_run_as_running(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    path = programs(tmp_path / "bin", "sh", "mkdir", "mv")
    with another_sshd(sshd, tmp_path / "other", path=path) as bare:
        python = os.path.realpath(sys.executable)
        guild.configure(x=bare.keys(there, python=python), guild_uat=sshd.keys(there))
        run_id = guild.started("sleep=0", remote="guild-uat")
        guild.ok("watch", run_id, "-r", "guild-uat")
        said = complaint(guild("pull", "x", run_id, "-y"))
        assert said[0].startswith("guild: there is no rsync")
    assert "running" not in guild.ok("runs").out


# ---- full disks


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    """A file system of `size` bytes of its own at `place`; skips where that cannot be had."""
    place.mkdir(exist_ok=True)
    if os.getuid() != 0:
        pytest.skip("only root can mount a small file system")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a small file system: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, left: int) -> None:
    """Take all room of the disk, but for `left` bytes."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filler.write_bytes(b"\0" * max(room - left, 0))


def test_the_disk_there_is_full(guild: Guild, remote: str, there: Path) -> None:
    (guild.folder / "data.bin").write_bytes(os.urandom(900_000))
    with small_disk(there, "8m"):
        fill(there, 0)
        full(guild, remote)  # for the agent
        (there / "filler").unlink()
        assert guild.ok("runs", "-r", remote).out == ""
        for left in (0, 200_000, 1_500_000):  # for the run, its package, its source code
            fill(there, left)
            full(guild, remote)
            assert guild.ok("runs", "-r", remote).out == ""
            assert runs_in(there) == []
        (there / "filler").unlink()
        guild.ok("watch", guild.started("sleep=0", remote=remote), "-r", remote)


def full(guild: Guild, remote: str) -> str:
    said = complaint(guild("run", "op", "sleep=0", "-r", remote, "--no-wait", "-y"))
    assert "No space left on device" in said[0]
    return said[0]


def test_a_full_disk_there_is_said_to_be_there(guild: Guild, remote: str, there: Path) -> None:
    with small_disk(there, "8m"):
        fill(there, 0)
        assert full(guild, remote).startswith(f"guild: the disk on remote '{remote}' is full: ")


def test_a_full_disk_here_is_said_to_be_here(guild: Guild, remote: str) -> None:
    run_id = guild.started("sleep=0", remote=remote)
    with small_disk(guild.home, "8m"):
        keep_nothing_free(guild)
        guild.ok("runs")
        (guild.home / "runs").mkdir()
        fill(guild.home, 0)
        said = complaint(guild("pull", remote, run_id, "-y"))[0]
        assert "disk here" in said or str(guild.home) in said


def test_the_disk_here_is_full(guild: Guild, remote: str) -> None:
    (guild.folder / "data.bin").write_bytes(os.urandom(900_000))
    run_id = guild.started("sleep=0", remote=remote)
    guild.ok("watch", run_id, "-r", remote)
    with small_disk(guild.home, "8m"):
        keep_nothing_free(guild)
        for left, code, why in (
            (0, 1, "No space left on device"),
            (300_000, 4, "no room: 879"),
        ):
            fill(guild.home, left)
            assert why in complaint(guild("pull", remote, "-y"), code)[0]
        assert guild.status(run_id) == f"running ({remote})"
        (guild.home / "filler").unlink()
        guild.ok("sync")
        assert guild.status(run_id) == "completed"
        assert (guild.home / "runs" / run_id / "data.bin").stat().st_size == 900_000


# ---- the shared connection


@pytest.fixture
def shared(guild: Guild, sshd: Server, there: Path) -> Iterator[str]:
    """A remote whose open connection is this test's alone."""
    guild.configure(shared=sshd.keys(there, ssh_options=["ControlPersist=60"]))
    guild.ok("runs", "-r", "shared")
    yield "shared"
    ssh.disconnect(remotes.remote("shared"))


def master_pid(name: str) -> int:
    argv = [*ssh_argv(name), "-O", "check", "--", "127.0.0.1"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
    found = re.search(r"pid=(\d+)", said)
    assert found is not None
    return int(found[1])


def test_a_connection_is_kept_and_a_killed_one_replaced(guild: Guild, shared: str) -> None:
    master = master_pid(shared)
    assert guild.ok("runs", "-r", shared).out == ""
    assert master_pid(shared) == master
    os.kill(master, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{master}/exe").exists())
    run_id = guild.started("sleep=0", remote=shared)
    assert master_pid(shared) != master
    assert guild.ok("pull", shared, "-y").lines[-1] == f"Copying {run_id}"


def test_a_connection_that_hangs_is_replaced(
    guild: Guild, shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    master = master_pid(shared)
    monkeypatch.setattr(ssh, "CALL_TIMEOUT", 1.0)  # a minute is too long for a test
    monkeypatch.setattr(connection, "MASTER_TIMEOUT", 1.0)
    os.kill(master, signal.SIGSTOP)
    try:
        answer = choose.remote_host(remotes.remote(shared)).python()
        assert answer["version"]
        assert master_pid(shared) != master
    finally:
        os.kill(master, signal.SIGKILL)


@pytest.mark.parametrize("end", ["kill -9 $$", "exec sleep 600"], ids=["killed", "slow"])
def test_a_connection_that_lives_is_kept_whatever_becomes_of_an_agent(
    guild: Guild, sshd: Server, there: Path, shared: str, tmp_path: Path, end: str
) -> None:
    """Others may be at work in it, and a remote has one connection, also while it is slow."""
    log = Path(sshd.remote.private_key or "").with_name("sshd.log")

    def logins() -> int:
        return log.read_text().count("Accepted publickey")

    master, before = master_pid(shared), logins()
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nmkdir {tmp_path}/once && {end}\nexec python3 "$@"\n')
    python.chmod(0o755)
    keys = sshd.keys(there, ssh_options=["ControlPersist=60"])
    guild.configure(shared={**keys, "python": str(python), "timeout": 5})
    assert guild.ok("runs", "-r", shared).out == ""
    assert (tmp_path / "once").exists()
    assert (master_pid(shared), logins()) == (master, before)


def test_a_socket_that_nobody_listens_on_is_no_hindrance(guild: Guild, shared: str) -> None:
    remote = remotes.remote(shared)
    ssh.disconnect(remote)
    path = next(
        line.split()[1]
        for line in Path(ssh_argv(shared)[2]).read_text().splitlines()
        if "ControlPath" in line
    )
    with closing(socket.socket(socket.AF_UNIX)) as stale:
        stale.bind(path)
    assert guild.ok("runs", "-r", shared).out == ""
    assert master_pid(shared)


# ---- some remotes, or the remote after a while


def test_sync_goes_on_with_the_next_remote(
    guild: Guild, sshd: Server, there: Path, closed_port: int
) -> None:
    guild.configure(
        a_down=sshd.keys(there, port=closed_port),
        guild_uat=sshd.keys(there),
        b_down={"type": "ec2"},
    )
    run_id = guild.started("sleep=0", remote="guild-uat")
    guild.ok("watch", run_id, "-r", "guild-uat")
    lost = {"f" * 32: "a-down", "0" * 32: "b-down", run_id: "guild-uat"}
    for other, name in lost.items():
        shutil.copytree(there / "runs" / run_id, guild.home / "runs" / other)
        (guild.home / "runs" / other / ".guild/LOCK.remote").write_text(name + "\n")
    done = guild("guild-sync")
    assert done.code == 3
    said = [line for line in done.err.splitlines() if line.startswith("guild: ")]
    assert sorted(said) == [
        f"guild: cannot reach remote 'a-down': 127.0.0.1:{closed_port} refused the connection",
        "guild: remote 'b-down' is of type 'ec2', which is not supported",
    ]
    assert guild.status(run_id) == "completed"
    assert guild.status("f" * 32) == "running (a-down)"
    assert guild.status("0" * 32) == "running (b-down)"


def test_a_run_that_is_not_there_any_more_is_kept_here(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = guild.started("sleep=600", remote=remote)
    guild.ok("pull", remote, "-y")
    shutil.copytree(guild.home / "runs" / run_id, guild.home / "runs" / NOBODY)
    done = guild("sync")
    assert complaint(done)[0] == f"guild: run {NOBODY} is not on {remote} any more"
    assert done.lines[-1] == f"Copying {run_id}"
    assert guild.status(NOBODY) == f"running ({remote})"


class Relay:
    """Passes connections on to a port of this machine, until it is told not to."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._silent = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listening.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self._silent:
                    target.sendall(data)

    def cut(self) -> None:
        """As when one end is switched off and says so no more: the connection is reset."""
        for end in (self._listening, *self._ends):
            with suppress(OSError):  # it was closed before
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)  # ends what another thread waits for
            end.close()

    def fall_silent(self) -> None:
        """As when a cable is pulled: the connection stays, and nothing comes through it."""
        self._silent = True


@pytest.fixture
def relayed(guild: Guild, sshd: Server, there: Path) -> Iterator[Callable[..., Relay]]:
    """Makes remote `far`, reached through a relay; remote `guild-uat` is the same machine."""
    relays = []

    def make(**more: Any) -> Relay:
        relay = Relay(sshd.state.port)
        relays.append(relay)
        options = [
            f"HostKeyAlias=[127.0.0.1]:{sshd.state.port}",
            "ServerAliveInterval=1",
            "ServerAliveCountMax=1",
        ]
        guild.configure(
            guild_uat=sshd.keys(there),
            far=sshd.keys(there, port=relay.port, ssh_options=options, **more),
        )
        return relay

    yield make
    for relay in relays:
        relay.cut()


@pytest.mark.parametrize("loss", ["cut", "fall_silent"])
def test_a_connection_that_is_lost_while_watching(
    guild: Guild, relayed: Callable[..., Relay], loss: str
) -> None:
    relay = relayed()
    run_id = guild.started("sleep=600", remote="far")
    with guild.popen("watch", run_id, "-r", "far") as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == b"Sleeping for 600 second(s)\n"
        getattr(relay, loss)()
        said = watching.communicate(timeout=30)[0].decode().splitlines()
    assert watching.returncode == 3
    assert [line.startswith("guild: ") for line in said] == [True] + [False] * (len(said) - 1)
    assert "remote 'far'" in said[0]
    assert "running" in guild.ok("runs", run_id, "-r", "guild-uat").out


def test_a_connection_that_is_lost_for_good_says_so_at_once_the_next_time(
    guild: Guild, relayed: Callable[..., Relay]
) -> None:
    relay = relayed(connect_timeout=2)
    run_id = guild.started("sleep=600", remote="far")
    guild.ok("pull", "far", "-y")
    relay.cut()
    assert complaint(guild("sync"), 3)[0].startswith("guild: cannot reach remote 'far': ")
    assert guild.status(run_id) == "running (far)"


def test_ssh_is_asked_only_what_it_can_answer_itself(guild: Guild, remote: str) -> None:
    argv = [*ssh_argv(remote), "-G", "--", "127.0.0.1"]
    said = question.run(argv).stdout.decode().splitlines()
    assert "batchmode yes" in said
    assert "stricthostkeychecking ask" in said or "stricthostkeychecking true" in said
