"""`guild shell` and `guild forward`: in a run's directory, and at its machine's ports."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from faults import relayed
from support import Done, Guild, Place, Server, project, wait_until
from terminal import Terminal
from test_bad_input import complaint

GUILDFILE = """\
op: {exec: 'true', flags: {x: 'a b'}, env-secrets: TOKEN}
serve: {main: serve}
"""
# A web server whose answers end with the connection. It says its port, and ends when asked to.
SERVE = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        if self.path == "/much":
            self.wfile.write(bytes(3_000_000))
            os._exit(0)
        self.wfile.write(b"you asked for " + self.path.encode())
        if self.path == "/end":
            self.wfile.flush()
            os._exit(0)

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("port", server.server_port, flush=True)
server.serve_forever()
"""
SECRETS = "guild: not set here, for guild keeps no value of env-secrets: TOKEN\n"


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE, serve=SERVE)
    guild.env["TOKEN"] = "secret"


def test_a_shell_in_a_run_is_a_persons(place: Place, sshd: Server) -> None:
    guild, more = place.guild, "here"
    if place.remote:
        setup = "from_setup() { echo set-up; }; export MORE=$(from_setup)"
        keys = sshd.keys(place.home, env={"GIVEN": "given"}, setup=setup, login_shell=True)
        guild.configure(guild_uat=keys)
        more = "given set-up"
    place.ok("run", "op", "-y")
    run_id = place.ok("select").out.strip()
    directory = place.run_dir(run_id)
    del guild.env["TOKEN"]
    guild.env.update(SHELL="/bin/bash", GIVEN="", MORE="here")
    # Without a terminal: what is printed is the command's alone, and so is the exit status.
    show = 'echo "$PWD|$FLAG_X|$RUN_DIR|" $GIVEN $MORE; read line; echo "$line"; exit 3'
    done = guild("shell", *place.args, "--", "sh", "-c", show, stdin="typed\n")
    assert done == Done(3, f"{directory}|a b|{directory}| {more}\ntyped\n", SECRETS)
    words = (run_id[:8], "-Fo", "op", *place.args, "--", "nothing-like-it")
    assert guild("shell", *words).code == 127
    # On one: its size, its Ctrl-C, and the shell's own end.
    argv = guild.argv("shell", run_id, *place.args)
    with Terminal(argv, guild.env, guild.folder, columns=93) as terminal:
        # What Ctrl-C is for is in front once it works itself.
        terminal.type("stty size; sh -c 'echo >sleeping; exec sleep 600'\n")
        terminal.wait_for(directory / "sleeping")
        terminal.type("\x03")
        terminal.type("echo $? >status\n")
        assert terminal.wait_for(directory / "status") == "130\n"
        terminal.type("exit 9\n")
        assert terminal.end() == 9
        assert "24 93" in terminal.shown
        assert "closed" not in terminal.shown


def test_a_shell_that_cannot_be_is_one_line(guild: Guild, remote: str, there: Path) -> None:
    nothing = complaint(guild("shell"))
    assert nothing[0] == "guild: could not find a run matching '1' (there are none)"
    assert complaint(guild("shell", "--")) == [
        "guild: COMMAND is missing",
        "Try 'guild shell --help'.",
    ]
    run_id = guild.started(remote=remote)
    wait_until(lambda: (there / "runs" / run_id / ".guild/attrs/exit_status").exists())
    guild.ok("pull", remote, "-y")
    # Of a copy, the folder here.
    assert guild("shell", "--", "pwd").out == f"{guild.home}/runs/{run_id}\n"
    shutil.rmtree(there / "runs" / run_id)
    assert "matching" in complaint(guild("shell", run_id, "-r", remote, "--", "true"))[0]
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        guild.configure(x={"type": "ssh", "host": "127.0.0.1", "port": bound.getsockname()[1]})
        assert "refused the connection" in complaint(guild("shell", "-r", "x"), 3)[0]


@pytest.fixture
def serving(guild: Guild, remote: str, there: Path) -> Iterator[tuple[str, str]]:
    """A web server that runs on the remote: the run's id, and its port."""
    run_id = guild.started(op="serve", remote=remote)
    place = Place(guild, there, remote)
    place.wait_for_output(run_id, "\n")
    yield run_id, place.output(run_id).split()[1]
    guild("stop", run_id, "-r", remote, "-f", "-y")


def forwarding(guild: Guild, *words: str) -> tuple[subprocess.Popen[bytes], list[str]]:
    """`guild forward` once it is ready, and the lines that it has said until then."""
    program = guild.popen("forward", *words)
    assert program.stdout is not None
    said: list[str] = []
    while not said or said[-1].startswith("Port "):
        said.append(program.stdout.readline().decode().rstrip("\n"))
    return program, said


def fetched(address: str) -> str:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return str(answer.read().decode())


def joined(pid: int) -> bool:
    """Whether a `guild forward` has an ssh that joins a connection."""
    listed = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    children = " ".join(listed).split()
    return any(b"\0-W\0" in Path(f"/proc/{child}/cmdline").read_bytes() for child in children)


def listening_on(port: int) -> list[str]:
    """The addresses on which somebody listens at a port, as the kernel writes them."""
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path("/proc/net", name).read_text().splitlines()[1:]
    ]
    listening = [row[1].split(":") for row in rows if row[3] == "0A"]
    return [address for address, at in listening if int(at, 16) == port]


def listens(port: str) -> bool:
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", int(port))) == 0


def test_a_port_of_a_runs_machine_is_open_here_until_the_run_ends(
    guild: Guild, remote: str, serving: tuple[str, str]
) -> None:
    run_id, port = serving
    guild.ok("pull", remote, "-y")
    # The server is on this machine too, in a test: its port is the same. The copy means its run.
    program, said = forwarding(guild, run_id, port)
    address = said[1].split()[0]
    assert said == [
        f"Port {port} of {remote} is this machine's own",
        f"{address} is port {port} of {remote}, until run {run_id} ends",
    ]
    assert [fetched(f"{address}/{n}") for n in (1, 2)] == [f"you asked for /{n}" for n in (1, 2)]
    local = address.rpartition(":")[2]
    assert listening_on(int(local)) == ["0100007F"], "loopback alone, as the kernel writes it"
    refused = complaint(guild("forward", run_id, port, "--local", local, "-r", remote))
    assert refused == [f"guild: port {local} cannot be opened here: Address already in use"]
    own = complaint(guild("forward", run_id, port, "--local", port, "-r", remote))
    assert own[0] == f"guild: port {port} of {remote} is this machine's own"
    program.send_signal(signal.SIGINT)
    out, _ = program.communicate(timeout=60)
    closed = f"\nClosed port {local}: run {run_id} is still running on {remote}\n"
    assert (program.returncode, out.decode()) == (130, closed)
    assert not listens(local)

    program, said = forwarding(guild, run_id, port, "--local", local, "-r", remote)
    assert said[0].startswith(f"http://127.0.0.1:{local} is port {port}")
    assert fetched(f"http://127.0.0.1:{local}/end") == "you asked for /end"
    out, _ = program.communicate(timeout=60)
    ended = f"Run {run_id} stopped with a status of 'completed'\n"
    assert (program.returncode, out.decode()) == (0, ended)
    assert not listens(local)
    why = complaint(guild("forward", run_id, port, "-r", remote))
    assert why == [f"guild: run {run_id} on {remote} is not running: it has completed"]


def test_what_a_run_sent_last_comes_through_a_port(
    guild: Guild, remote: str, serving: tuple[str, str]
) -> None:
    run_id, port = serving
    program, said = forwarding(guild, run_id, port, "-r", remote)
    local = said[-1].split()[0].rpartition(":")[2]
    with closing(socket.socket()) as client:
        client.settimeout(60)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)  # most is on its way
        client.connect(("127.0.0.1", int(local)))
        client.sendall(b"GET /much HTTP/1.0\r\n\r\n")
        wait_until(lambda: not listens(local), "the end of the run")
        with client.makefile("rb") as answer:
            assert len(answer.read().partition(b"\r\n\r\n")[2]) == 3_000_000
    assert program.wait(60) == 0


def test_a_port_at_which_nothing_listens_is_told_of_once(
    guild: Guild, remote: str, serving: tuple[str, str]
) -> None:
    run_id, _ = serving
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        port = str(bound.getsockname()[1])
    program, said = forwarding(guild, run_id, port, "-r", remote)
    # Nobody has the port, and forward leaves it to the run: it would be joined to itself.
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", int(port)))
        address = said[-1].split()[0].rpartition(":")[2]
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", int(address)), timeout=60) as client:
                assert client.recv(1) == b""
    program.send_signal(signal.SIGINT)
    lines = program.communicate(timeout=60)[0].decode().splitlines()
    told = f"guild: port {port} of {remote} is not to be reached: does the run listen there yet?"
    assert lines[0] == told
    assert lines.count(told) == 1


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_connection_that_is_lost_while_a_port_is_forwarded(
    guild: Guild, sshd: Server, there: Path, comes_back: bool
) -> None:
    with relayed(guild, sshd, there) as network:
        place = Place(guild, there, "far")
        run_id = place.started(op="serve")
        place.wait_for_output(run_id, "\n")
        port = place.output(run_id).split()[1]
        program, said = forwarding(guild, run_id, port, "-r", "far")
        assert said[-1].startswith("http://"), said
        local = said[-1].split()[0].rpartition(":")[2]
        assert fetched(f"http://127.0.0.1:{local}/") == "you asked for /"
        before = network.accepted
        if not comes_back:
            with socket.create_connection(("127.0.0.1", int(local)), timeout=60) as client:
                client.sendall(b"GET /slowly ")
                wait_until(lambda: joined(program.pid), "an ssh for it")
                network.close()
                assert client.recv(1) == b"", "what is joined ends too"
            lines = program.communicate(timeout=60)[0].decode().splitlines()
            assert program.returncode == 3
            assert [line for line in lines if line.startswith("guild: ")] == [lines[0]], lines
            assert lines[0].startswith("guild: cannot reach remote 'far': ")
            gone_on = f"Run {run_id} needs no connection, and goes on."
            assert lines[-1] == f"Port {local} is closed here. {gone_on}"
        else:
            network.cut()
            wait_until(lambda: network.accepted > before, "another connection")
            assert fetched(f"http://127.0.0.1:{local}/end") == "you asked for /end"
            assert program.wait(60) == 0
    assert not listens(local)


def test_a_port_that_cannot_be_forwarded_is_one_line(guild: Guild, tmp_path: Path) -> None:
    run_id = guild.started(op="serve")
    for words, said in (
        ((run_id, "8000"), f"run {run_id} runs on this machine: there is nothing to forward"),
        ((run_id, "x"), "PORT is a port, a number from 1 to 65535, not 'x'"),
        ((run_id, "65536"), "PORT is a port, a number from 1 to 65535, not '65536'"),
        ((run_id, "80", "--local", "0"), "--local is a port, a number from 1 to 65535, not '0'"),
        ((run_id,), "PORT is missing"),
        (("9", "80"), "could not find a run matching '9' (there are 1)"),
        ((run_id, "80", "-r", "nobody"), "remote 'nobody' is not defined"),
    ):
        assert complaint(guild("forward", *words))[0] == f"guild: {said}"
    guild.ok("stop", run_id, "-y", "-f")
    assert "is not running: it has been terminated" in complaint(guild("forward", run_id, "80"))[0]
