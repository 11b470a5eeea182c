"""What a remote's keys say of where and how operations run there, and of the way to it."""

from __future__ import annotations

import json
import re
import sys
import venv
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import Guild, Server, project
from test_bad_input import complaint, runs_in
from test_unreachable import another_sshd, own_connections

from guild_sync.agent.store import rundir

# Fixtures of other modules, for here too.
__all__ = ["own_connections"]
pytestmark = pytest.mark.usefixtures("not_used_before")

SHOWS = """\
import os, sys
import only_here
names = ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "GREETING", "ORDER", "N")
print("from", only_here.__file__)
print("python", sys.executable)
for name in names:
    print(name, os.environ.get(name))
print("tool", os.popen("only-here").read().strip())
"""


@pytest.fixture
def login(sshd: Server, tmp_path: Path, own_connections: None) -> Iterator[Server]:
    """An sshd whose login has a home of its own, `home`."""
    with another_sshd(sshd, tmp_path / "login") as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, login: Server) -> Path:
    return tmp_path / "login/home"


def environment(path: Path) -> Path:
    """A real environment with a package and a program that no other has."""
    venv.create(path, with_pip=False, symlinks=True)
    (site_packages,) = path.glob("lib/python*/site-packages")
    (site_packages / "only_here.py").write_text("")
    tool = path / "bin/only-here"
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o755)
    return path


def shown(guild: Guild, login: Server, there: Path, **keys: object) -> dict[str, str]:
    """What an operation on a remote with these keys says of its environment."""
    guild.configure(x=login.keys(there, **keys))
    project(guild.folder, "op: {main: shows}\n", shows=SHOWS)
    lines = guild.ok("run", "op", "-r", "x", "-y").lines
    return dict(line.split(" ", 1) for line in lines if " " in line)


def test_without_a_key_the_package_of_an_environment_is_not_there(
    guild: Guild, login: Server, home: Path, there: Path
) -> None:
    environment(home / "env")
    guild.configure(x=login.keys(there))
    project(guild.folder, "op: {main: shows}\n", shows=SHOWS)
    done = guild("run", "op", "-r", "x", "-y")
    assert done.code == 1
    assert "No module named 'only_here'" in done.out


@pytest.mark.parametrize("path", ["{home}/an env", "an env", "~/an env"])
def test_venv_path(guild: Guild, login: Server, home: Path, there: Path, path: str) -> None:
    env = environment(home / "an env")
    found = shown(guild, login, there, venv_path=path.format(home=home))
    assert found["from"].startswith(f"{env}/lib/")
    assert found["python"] == f"{env}/bin/python"
    assert (found["VIRTUAL_ENV"], found["CONDA_PREFIX"]) == (str(env), "None")
    assert found["tool"] == "found"


@pytest.mark.parametrize("named", ["{home}/envs/torch", "envs/torch", "~/envs/torch"])
def test_conda_env_by_path(
    guild: Guild, login: Server, home: Path, there: Path, named: str
) -> None:
    env = environment(home / "envs/torch")
    found = shown(guild, login, there, conda_env=named.format(home=home))
    assert found["from"].startswith(f"{env}/lib/")
    assert (found["CONDA_PREFIX"], found["CONDA_DEFAULT_ENV"]) == (str(env), "torch")
    assert (found["VIRTUAL_ENV"], found["tool"]) == ("None", "found")


def test_conda_env_by_name_is_found_in_condas_list(
    guild: Guild, login: Server, home: Path, there: Path
) -> None:
    env = environment(home / "somewhere/torch")
    (home / ".conda").mkdir()
    # One that was removed is on the list still.
    (home / ".conda/environments.txt").write_text(f"{home}/gone/torch\n\n{env}\n")
    found = shown(guild, login, there, conda_env="torch")
    assert found["from"].startswith(f"{env}/lib/")


def test_conda_env_by_name_is_found_where_conda_puts_them(
    guild: Guild, login: Server, home: Path, there: Path
) -> None:
    env = environment(home / "miniforge3/envs/torch")
    assert shown(guild, login, there, conda_env="torch")["from"].startswith(f"{env}/lib/")


def test_conda_env_base_is_conda_s_own(
    guild: Guild, login: Server, home: Path, there: Path
) -> None:
    env = environment(home / "miniconda3")
    (env / "conda-meta").mkdir()
    assert shown(guild, login, there, conda_env="base")["CONDA_PREFIX"] == str(env)


def test_the_scripts_of_a_conda_environments_packages_are_sourced(
    guild: Guild, login: Server, home: Path, there: Path
) -> None:
    env = environment(home / "torch[1]")
    scripts = env / "etc/conda/activate.d"
    scripts.mkdir(parents=True)
    (scripts / "a.sh").write_text("echo noise\nexport ORDER=a GREETING=$CONDA_PREFIX\nfalse\n")
    (scripts / "b.sh").write_text('export ORDER="$ORDER b"\n')
    found = shown(guild, login, there, conda_env=str(env))
    assert (found["ORDER"], found["GREETING"]) == ("a b", str(env))


def test_a_conda_environment_that_is_not_there(guild: Guild, login: Server, there: Path) -> None:
    guild.configure(x=login.keys(there, conda_env="nobody-has-it"))
    said = complaint(guild("run", "op", "-r", "x", "-y"))
    assert said[0] == "guild: remote 'x': there is no conda environment 'nobody-has-it'"
    assert "conda-env" in said[1]
    assert runs_in(there) == []


@pytest.mark.parametrize("path", ["{home}/an env/bin/activate", "~/an env/bin/activate"])
def test_venv_activate_of_a_real_environment(
    guild: Guild, login: Server, home: Path, there: Path, path: str
) -> None:
    env = environment(home / "an env")
    found = shown(guild, login, there, venv_activate=path.format(home=home))
    assert found["from"].startswith(f"{env}/lib/")
    assert (found["VIRTUAL_ENV"], found["tool"]) == (str(env), "found")


def test_venv_activate_with_a_script_that_sets_variables(
    guild: Guild, login: Server, home: Path, there: Path
) -> None:
    env = environment(home / "env")
    (home / "set-up.sh").write_text(
        f"module() {{ :; }}\nexport -f module\nexport GREETING='two words' PATH={env}/bin:$PATH\n"
    )
    found = shown(guild, login, there, venv_activate="set-up.sh")
    assert (found["GREETING"], found["python"]) == ("two words", f"{env}/bin/python3")


@pytest.mark.parametrize("path", ["{home}/env/bin/python", "~/env/bin/python", "env/bin/python"])
def test_python(guild: Guild, login: Server, home: Path, there: Path, path: str) -> None:
    env = environment(home / "env")
    found = shown(guild, login, there, python=path.format(home=home))
    assert found["from"].startswith(f"{env}/lib/")
    assert found["python"] == f"{env}/bin/python"


def test_python_by_its_name_alone_is_found_on_the_path(
    guild: Guild, sshd: Server, tmp_path: Path, there: Path, own_connections: None
) -> None:
    env = environment(tmp_path / "env")
    (env / "bin/python3.99").symlink_to("python")
    with another_sshd(sshd, tmp_path / "login", path=f"{env}/bin:/usr/bin:/bin") as login:
        found = shown(guild, login, there, python="python3.99")
    assert found["python"] == f"{env}/bin/python3.99"


def test_venv_path_counts_before_the_others_and_python_is_the_agents_then(
    guild: Guild, login: Server, home: Path, there: Path
) -> None:
    env, other = environment(home / "env"), environment(home / "other")
    keys = {"venv_path": "env", "conda_env": "~/other", "python": "~/other/bin/python"}
    assert shown(guild, login, there, **keys)["python"] == f"{env}/bin/python"
    told = guild.ok("check", "-r", "x", "--json").out
    assert f"({other}/bin/python)" in told


@pytest.mark.parametrize("named", ["runs of mine", "~/runs of mine", "{home}/runs of mine"])
def test_guild_home(guild: Guild, login: Server, home: Path, named: str) -> None:
    guild.configure(x={**login.keys(home), "guild-home": named.format(home=home)})
    run_id = guild.started("sleep=0", remote="x")
    assert (home / "runs of mine/runs" / run_id).is_dir()
    guild.ok("watch", run_id, "-r", "x")
    guild.ok("pull", "x", "-y")
    assert guild.status(run_id) == "completed"
    assert str(home / "runs of mine") in guild.ok("remote", "status", "x").out


def test_without_guild_home_it_is_dot_guild_of_the_login(
    guild: Guild, login: Server, home: Path
) -> None:
    keys = login.keys(home)
    del keys["guild-home"]
    guild.configure(x=keys)
    assert f"guild home {home}/.guild" in guild.ok("remote", "status", "x").out


# ---- the way there

RELAY = """\
import socket, sys, threading
host, port, log = sys.argv[1:]
with open(log, "a") as f:
    f.write(f"{host} {port}\\n")
s = socket.create_connection((host, int(port)))
def back():
    while data := s.recv(65536):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    sys.stdout.buffer.close()
threading.Thread(target=back, daemon=True).start()
while data := sys.stdin.buffer.read1(65536):
    s.sendall(data)
"""


def a_run_goes_there_and_back(guild: Guild) -> None:
    run_id = guild.started("sleep=0", remote="x")
    guild.ok("watch", run_id, "-r", "x")
    guild.ok("pull", "x", "-y")
    assert guild.status(run_id) == "completed"


def test_proxy(
    guild: Guild,
    sshd: Server,
    there: Path,
    tmp_path: Path,
    own_connections: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    relay, log = tmp_path / "relay.py", tmp_path / "log"
    relay.write_text(RELAY)
    monkeypatch.setenv("RELAY", str(relay))
    guild.env["RELAY"] = str(relay)
    known = Path(sshd.remote.known_hosts or "").read_text().replace("127.0.0.1", "nowhere.invalid")
    (tmp_path / "known").write_text(known)
    guild.configure(
        x=sshd.keys(
            there,
            host="nowhere.invalid",
            proxy=f"{sys.executable} $RELAY 127.0.0.1 %p {log}",
            known_hosts=str(tmp_path / "known"),
        )
    )
    a_run_goes_there_and_back(guild)
    assert log.read_text() == f"127.0.0.1 {sshd.state.port}\n", "one connection, through the proxy"


@pytest.fixture
def gates(sshd: Server, tmp_path: Path) -> Iterator[list[str]]:
    """Two more sshds that connections may go on from, and the ssh config that names them."""
    lines = []
    with ExitStack() as stack:
        for name in ("gate", "second"):
            folder = tmp_path / name
            options = ("AllowTcpForwarding yes", "LogLevel DEBUG1")
            server = stack.enter_context(another_sshd(sshd, folder, *options))
            lines += [
                f"Host {name}",
                "HostName 127.0.0.1",
                f"Port {server.state.port}",
                f"IdentityFile {sshd.remote.private_key}",
                f"UserKnownHostsFile {server.remote.known_hosts}",
            ]
        (tmp_path / "ssh_config").write_text("\n".join(lines) + "\n")
        yield ["gate", "second"]


def forwarded(tmp_path: Path, gate: str) -> list[str]:
    """Where the connections that went through a gate went on to."""
    log = (tmp_path / gate / "log").read_text()
    return re.findall(r"direct_tcpip: originator .* target (.*)", log)


def test_proxy_jump(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, gates: list[str], own_connections: None
) -> None:
    guild.configure(x=sshd.keys(there, proxy_jump="gate", ssh_config=str(tmp_path / "ssh_config")))
    a_run_goes_there_and_back(guild)
    assert forwarded(tmp_path, "gate") == [f"127.0.0.1 port {sshd.state.port}"]
    assert forwarded(tmp_path, "second") == []
    found = guild.ok("check", "-r", "x")
    assert ", through gate" in found.out


def test_proxy_jump_over_two_gates(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, gates: list[str], own_connections: None
) -> None:
    guild.configure(
        x=sshd.keys(there, proxy_jump="gate,second", ssh_config=str(tmp_path / "ssh_config"))
    )
    a_run_goes_there_and_back(guild)
    assert len(forwarded(tmp_path, "gate")) == 1
    assert forwarded(tmp_path, "second") == [f"127.0.0.1 port {sshd.state.port}"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Port 1", "ssh: connect to host 127.0.0.1 port 1: Connection refused"),
        ("UserKnownHostsFile /dev/null", "Host key verification failed."),
    ],
)
def test_a_gate_that_lets_nobody_through_is_told(
    guild: Guild,
    sshd: Server,
    there: Path,
    tmp_path: Path,
    gates: list[str],
    own_connections: None,
    line: str,
    told: str,
) -> None:
    names = (tmp_path / "ssh_config").read_text()
    (tmp_path / "ssh_config").write_text(f"Host gate\n{line}\n{names}")
    guild.configure(x=sshd.keys(there, proxy_jump="gate", ssh_config=str(tmp_path / "ssh_config")))
    said = complaint(guild("runs", "-r", "x"), 3)
    assert said[0] == "guild: cannot reach remote 'x': the proxy on the way failed"
    assert "guild check -r x" in said[2]
    assert "-oProxyJump=gate" in said[4]
    done = guild("check", "-r", "x")
    assert done.code == 3
    assert "host key     ok     not seen; on file: ssh-ed25519" in done.out
    assert f"cannot reach remote 'x': the proxy on the way failed: {told}\n" in done.out
    assert "guild check" not in done.out


def test_setup_and_the_profile_count_for_operations_and_for_guilds_own_python(
    guild: Guild, login: Server, home: Path, there: Path
) -> None:
    env = environment(home / "env")
    (home / ".bash_profile").write_text("export ORDER=profile\n")
    setup = ["module() { export GREETING=$1; }", f"module 'a b'; PATH={env}/bin:$PATH"]
    found = shown(guild, login, there, setup=setup, login_shell=True)
    assert (found["GREETING"], found["python"]) == ("a b", f"{env}/bin/python3")
    assert found["ORDER"] == "profile"


def test_setup_that_fails_is_one_line_and_what_it_said(
    guild: Guild, login: Server, there: Path
) -> None:
    guild.configure(x=login.keys(there, setup="echo no such module >&2; false"))
    said = complaint(guild("run", "op", "-r", "x", "-y"))
    assert said[0] == "guild: the setup of remote 'x' failed"
    assert "no such module" in said[1]
    assert runs_in(there) == []


def test_variables_of_a_remote_of_guild_yml_and_of_a_run(
    guild: Guild, login: Server, home: Path, there: Path
) -> None:
    """Of several the run's own counts, then the operation's, then the remote's."""
    env = environment(home / "env")
    keys = login.keys(
        there, venv_path=str(env), env={"GREETING": "$HOME", "ORDER": "remote", "N": 1}
    )
    guild.configure(x=keys)
    project(guild.folder, "op: {main: shows, env: {ORDER: operation, N: 2}}\n", shows=SHOWS)
    words = ("run", "op", "-r", "x", "-y", "--env", "N=a=b", "--env", "MORE=")
    found = dict(line.split(" ", 1) for line in guild.ok(*words).lines if " " in line)
    assert (found["GREETING"], found["ORDER"], found["N"]) == ("$HOME", "operation", "a=b")
    (run,) = json.loads(guild.ok("runs", "--json").out)
    kept = rundir.read_attr(str(guild.home / "runs" / run["id"]), "env")
    assert isinstance(kept, dict)
    assert (kept["N"], kept["MORE"]) == ("a=b", "")
    again = guild.ok("run", "--restart", run["id"], "-r", "x", "-y", "--env", "MORE=2").lines
    assert "N a=b" in again, "a run that starts again has them, too"


def test_trials_and_steps_have_the_variables_of_the_run(guild: Guild) -> None:
    project(
        guild.folder, "op: {exec: 'sh -c \"echo $N ${x}\"', flags: {x: 0}}\np: {steps: [op x=3]}\n"
    )
    assert "7 1" in guild.ok("run", "op", "x=[1,2]", "--env", "N=7", "-y").out
    assert "7 3" in guild.ok("run", "p", "--env", "N=7", "-y").out


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("N", ", not 'N'"),
        ("=2", ", not '=2'"),
        ("1N=2", ", and '1N' is no name of a variable"),
        ("A B=2", ", and 'A B' is no name of a variable"),
    ],
)
def test_what_is_no_variable_is_refused(guild: Guild, word: str, why: str) -> None:
    done = guild("run", "op", "--env", word, "-y")
    assert (done.code, done.err.splitlines()[0]) == (1, f"guild: --env takes NAME=VALUE{why}")


def test_rsync_path(guild: Guild, login: Server, home: Path, there: Path) -> None:
    (home / "bin").mkdir()
    (home / "bin/rsync").write_text('#!/bin/sh\ntouch "$HOME/used"\nexec rsync "$@"\n')
    (home / "bin/rsync").chmod(0o755)
    guild.configure(x=login.keys(there, rsync_path="~/bin/rsync"))
    guild.ok("run", "op", "sleep=0", "-r", "x", "-y")
    assert (home / "used").exists()
    guild.configure(x=login.keys(there, rsync_path="~/no/rsync"))
    for words in (("check", "-r", "x"), ("run", "op", "sleep=0", "-r", "x", "-y")):
        done = guild(*words)
        assert "there is no ~/no/rsync" in done.err + done.out
        assert "Correct 'rsync-path' of the remote in the config file." in done.err + done.out
    guild.configure(x=login.keys(there, rsync_path="rsync; touch canary"))
    done = guild("check", "-r", "x")
    assert "rsync-path: must be the path of a program there" in done.err + done.out
