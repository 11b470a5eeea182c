"""One operation under its lock: its output, its end, and what a kill makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from support import Guild, Place, Server, project, wait_until, wait_until_gone

from guild_sync.agent.protocol import KILL_RUNNER
from guild_sync.agent.running import stop
from guild_sync.agent.store import locks, rundir

FOREVER = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"


def guild_dir(home: Path, run_id: str) -> Path:
    return home / "runs" / run_id / ".guild"


def runner_of(home: Path, run_id: str) -> int:
    pid = locks.holder(str(guild_dir(home, run_id)))
    assert pid
    return pid


def operation_of(home: Path, run_id: str) -> int:
    argv = ["ps", "-o", "pid=", "--ppid", str(runner_of(home, run_id))]
    return int(subprocess.check_output(argv, text=True))


def alive(pid: int) -> bool:
    return locks.start_time(pid) is not None


def session_of(pid: int) -> int:
    return os.getsid(pid)


def test_the_runner_outlives_the_connection(
    guild: Guild, remote: str, sshd: Server, there: Path
) -> None:
    from guild_sync.config import remotes
    from guild_sync.transport import ssh

    run_id = guild.started("sleep=600", remote=remote)
    ssh.disconnect(remotes.remote(remote))
    runner = runner_of(there, run_id)
    assert session_of(runner) == runner, "it has a session of its own"
    parents = subprocess.check_output(["ps", "-o", "ppid=", "-p", str(runner)], text=True)
    assert int(parents) == 1, "nothing of the connection is its parent"
    handles = {os.readlink(fd) for fd in Path(f"/proc/{runner}/fd").iterdir()}
    assert not [h for h in handles if h.startswith("socket:")], "it holds no end of it"
    streams = [os.readlink(f"/proc/{runner}/fd/{fd}") for fd in range(3)]
    assert streams == ["/dev/null"] * 3, "nor where sshd has made them pipes"
    assert "running" in guild.ok("runs", run_id, "-r", remote).out


def test_starting_a_run_does_not_wait_for_it(guild: Guild, remote: str) -> None:
    done = guild.ok("run", "op", "sleep=600", "-r", remote, "--no-wait", "-y")
    assert "Sleeping" not in done.out


def test_the_output_has_stdout_and_stderr_in_their_order(guild: Guild) -> None:
    lines = "".join(
        f"print('out {i}', flush=True)\nprint('err {i}', file=sys.stderr, flush=True)\n"
        for i in range(50)
    )
    project(guild.folder, "op: {main: both}", both=f"import sys\n{lines}")
    shown = guild.ok("run", "op", "-y").out
    assert shown.split("\n")[:-1] == [f"{n} {i}" for i in range(50) for n in ("out", "err")]
    assert guild.ok("cat", "-O").out == shown


def test_output_that_is_not_utf8_is_kept_byte_by_byte(guild: Guild) -> None:
    data = bytes(range(256)) * 300
    project(guild.folder, "op: {main: raw}", raw=f"import os\nos.write(1, {data!r})")
    guild.ok("run", "op", "-y")
    (output,) = guild.home.glob("runs/*/.guild/output")
    assert output.read_bytes() == data


@pytest.mark.parametrize(("code", "status"), [(0, "completed"), (3, "error")])
def test_the_operations_exit_status_is_guilds(guild: Guild, code: int, status: str) -> None:
    project(guild.folder, "op: {main: ends}", ends=f"raise SystemExit({code})")
    assert guild("run", "op", "-y").code == code
    assert status in guild.ok("runs", "-n1").out


def test_ctrl_c_ends_an_operation_that_runs_here(guild: Guild) -> None:
    project(guild.folder, "op: {main: forever}", forever=FOREVER)
    running = guild.popen("run", "op", "-y")
    assert running.stdout is not None
    assert running.stdout.readline() == b"up\n"
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=20)
    assert running.returncode == 128 + signal.SIGINT
    assert "terminated" in guild.ok("runs", "-n1").out


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_runner_reaches_the_operations_whole_group(
    guild: Guild, signum: int
) -> None:
    """Even an operation that ends politely is terminated: it was told to end."""
    polite = (
        "import signal, subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "def bye(*_):\n    print('bye', child.wait(), flush=True)\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, bye)\nsignal.signal(signal.SIGINT, bye)\n"
        "print('up', flush=True)\nsignal.pause()\n"
    )
    project(guild.folder, "op: {main: polite}", polite=polite)
    run_id = guild.started()
    output = guild_dir(guild.home, run_id) / "output"
    wait_until(lambda: output.exists() and output.read_text() == "up\n")
    os.kill(runner_of(guild.home, run_id), signum)
    wait_until(lambda: guild.status(run_id) != "running")
    assert guild.status(run_id) == "terminated"
    assert output.read_text() == f"up\nbye -{int(signum)}\n"


def test_a_killed_runner_takes_its_operation_along_and_is_an_error(guild: Guild) -> None:
    project(guild.folder, "op: {main: forever}", forever=FOREVER)
    run_id = guild.started()
    # It has said all that it says: what writes to a runner that is gone ends by that.
    Place(guild, guild.home).wait_for_output(run_id, "up")
    runner, operation = runner_of(guild.home, run_id), operation_of(guild.home, run_id)
    os.kill(runner, signal.SIGKILL)
    wait_until(lambda: not alive(operation), "the operation's end")
    assert guild.status(run_id) == "error"


def test_a_killed_runner_on_a_remote_is_an_error_here_after_a_sync(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = guild.started("sleep=600", remote=remote)
    guild.ok("pull", remote, "-y")
    runner = runner_of(there, run_id)
    os.kill(runner, signal.SIGKILL)
    wait_until(lambda: not alive(runner))
    guild.ok("sync")
    assert guild.status(run_id) == "error"


def test_a_killed_operation_is_terminated(guild: Guild) -> None:
    project(guild.folder, "op: {main: forever}", forever=FOREVER)
    run_id = guild.started()
    os.kill(operation_of(guild.home, run_id), signal.SIGKILL)
    wait_until(lambda: guild.status(run_id) != "running")
    assert guild.status(run_id) == "terminated"
    assert rundir.read_attr(str(guild.home / "runs" / run_id), "exit_status") == -signal.SIGKILL


# What an operation started, and what goes on when it has ended itself.

# Its first process ends; the second works until a file says so, and then leaves a result.
_FORKS = """
import os, subprocess, sys, time
if os.fork():
    os._exit({code})
{before}
print("left", os.getpid(), flush=True)
while not os.path.exists("go-on"):
    time.sleep(0.02)
print("late", flush=True)
open("late.txt", "w").write("result")
"""
_NEW_SESSION = "os.setsid()"
_OWN_OUTPUT = "os.dup2(os.open('log', os.O_CREAT | os.O_WRONLY), 1); os.dup2(1, 2)"


def forked(place: Place, before: str = "", code: int = 0) -> tuple[str, int]:
    """A run whose operation has ended but for a process that it left; both are named."""
    project(place.guild.folder, "op: {main: forks}", forks=_FORKS.format(before=before, code=code))
    run_id = place.started()
    run = place.run_dir(run_id)
    seen = run / "log" if before == _OWN_OUTPUT else run / ".guild/output"
    wait_until(lambda: seen.exists() and "\n" in seen.read_text(), "the process that is left")
    left = int(seen.read_text().split()[1])
    wait_until(lambda: "waits_for" in place.ok("info", run_id).out, "the end of the first")
    return run_id, left


@pytest.mark.parametrize("before", ["", _NEW_SESSION, _OWN_OUTPUT])
def test_a_run_ends_with_the_last_process_that_its_operation_left(
    place: Place, before: str
) -> None:
    run_id, left = forked(place, before)
    assert place.status(run_id) == "running"
    info = place.ok("info", run_id).out
    assert f"waits_for: {left} (" in info and "forks" in info
    (place.run_dir(run_id) / "go-on").touch()
    place.wait_for_end(run_id)
    assert place.status(run_id) == "completed"
    assert (place.run_dir(run_id) / "late.txt").read_text() == "result"
    log = place.run_dir(run_id) / "log"
    assert "late" in (log.read_text() if before == _OWN_OUTPUT else place.output(run_id))
    assert "waits_for" not in place.ok("info", run_id).out


def test_the_exit_status_is_that_of_the_operation_itself(guild: Guild) -> None:
    place = Place(guild, guild.home)
    run_id, _ = forked(place, code=3)
    (place.run_dir(run_id) / "go-on").touch()
    place.wait_for_end(run_id)
    assert place.attr(run_id, "exit_status") == 3


def test_what_has_left_both_session_and_output_is_not_waited_for(guild: Guild) -> None:
    leaves = (
        "import subprocess\nfrom subprocess import DEVNULL\n"
        "print(subprocess.Popen(['sleep', '600'], start_new_session=True, stdout=DEVNULL,"
        " stderr=DEVNULL).pid, flush=True)\n"
    )
    project(guild.folder, "op: {main: leaves}", leaves=leaves)
    done = guild.ok("run", "op", "-y")
    assert "completed" in guild.ok("runs", "-n1").out
    os.kill(int(done.out), signal.SIGKILL)


@pytest.mark.parametrize("before", ["", _NEW_SESSION, _OWN_OUTPUT])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_stop_reaches_what_the_operation_left(
    guild: Guild, before: str, force: tuple[str, ...]
) -> None:
    place = Place(guild, guild.home)
    run_id, left = forked(place, before)
    guild.ok("stop", run_id, "-y", *force)
    assert place.status(run_id) == "terminated"
    assert not alive(left)
    assert not (place.run_dir(run_id) / "late.txt").exists()


def test_a_runner_that_hangs_is_killed_with_what_its_operation_left(guild: Guild) -> None:
    """Whose parent has ended: it is below nobody, and holds the output alone."""
    place = Place(guild, guild.home)
    run_id, left = forked(place, _NEW_SESSION)
    os.kill(runner_of(guild.home, run_id), signal.SIGSTOP)
    assert stop.signal_runs(str(guild.home), [run_id], KILL_RUNNER)["done"] == [run_id]
    wait_until_gone(left)
    assert place.status(run_id) == "error"


def test_ctrl_c_ends_what_a_script_has_put_into_the_background(guild: Guild) -> None:
    """A shell has it ignore Ctrl-C; a run that has ended leaves nobody at work."""
    project(guild.folder, "op: {exec: sh script}")
    (guild.folder / "script").write_text("sleep 600 &\necho left $!\nwait\n")
    running = guild.popen("run", "op", "-y")
    assert running.stdout is not None
    left = int(running.stdout.readline().split()[1])
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=20)
    assert running.returncode == 128 + signal.SIGINT
    assert not alive(left)


def test_exit_status_is_written_last(guild: Guild) -> None:
    guild.ok("run", "op", "sleep=0", "-y")
    (attrs,) = guild.home.glob("runs/*/.guild/attrs")
    times = {path.name: path.stat().st_mtime_ns for path in attrs.iterdir()}
    assert times["exit_status"] == max(times.values())  # others may be of the same tick
    assert not (attrs.parent / "LOCK").exists()
    assert not (attrs.parent / "PENDING").exists()


def test_a_command_that_is_not_there_ends_the_run_with_127(guild: Guild) -> None:
    project(guild.folder, "op: {exec: no-such-program}")
    done = guild("run", "op", "-y")
    assert done.code == 127
    assert "cannot run no-such-program" in done.out
    assert "error" in guild.ok("runs", "-n1").out


def test_flags_reach_the_operation_as_variables_and_in_its_globals(guild: Guild) -> None:
    text = (
        "import os\nx = 1\nrate = 0.5\nname = 'a'\non = False\n"
        "print(repr((x, rate, name, on)), os.environ['FLAG_X'], os.environ['FLAG_ON'])\n"
    )
    project(guild.folder, "op: {main: shows, flags-import: all}", shows=text)
    done = guild.ok("run", "op", "x=2", "rate=1e-05", "name=b c", "on=yes", "-y")
    assert done.out == "(2, 1e-05, 'b c', True) 2 1\n"


def test_flags_reach_an_argparse_module_as_arguments(guild: Guild) -> None:
    text = (
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--batch-size', type=int, default=10)\n"
        "p.add_argument('--name', default='a')\n"
        "p.add_argument('--fast', action='store_true')\n"
        "print(p.parse_args())\n"
    )
    project(guild.folder, "op: {main: shows, flags-import: all}", shows=text)
    done = guild.ok("run", "op", "batch-size=3", "name=-x y", "fast=yes", "-y")
    assert done.out == "Namespace(batch_size=3, name='-x y', fast=True)\n"


def test_an_exec_operation_gets_flags_in_its_words(guild: Guild) -> None:
    guildfile = "op: {exec: 'printf %s|%s ${a} x${b}', flags: {a: 1, b: two words}}"
    project(guild.folder, guildfile)
    assert guild.ok("run", "op", "a=$(id) ; '", "-y").out == "$(id) ; '|xtwo words"


def test_an_operations_environment_is_set(guild: Guild) -> None:
    project(guild.folder, "op: {exec: 'sh -c env', env: {GREETING: 'hello world'}}")
    lines = guild.ok("run", "op", "-y").lines
    assert "GREETING=hello world" in lines
    (run_dir,) = (guild.home / "runs").glob("[0-9a-f]*")
    assert f"RUN_DIR={run_dir}" in lines
    assert f"RUN_ID={run_dir.name}" in lines


def test_the_workstations_environment_is_neither_sent_nor_recorded(
    guild: Guild, remote: str, there: Path
) -> None:
    guild.env["SECRET_TOKEN"] = "hunter2-hunter2"
    project(guild.folder, "op: {exec: env}")
    guild.ok("run", "op", "-r", remote, "-y")
    guild.ok("pull", remote, "-y")
    guild.ok("run", "op", "-y")
    kept = [path for home in (there, guild.home) for path in home.rglob("*") if path.is_file()]
    telling = [path for path in kept if b"hunter2-hunter2" in path.read_bytes()]
    # Only the operation that ran here saw it, and told it itself.
    assert [path.name for path in telling] == ["output"]
