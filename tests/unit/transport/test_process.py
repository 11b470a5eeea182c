"""What holds for every program that is started, whichever way: bounded, ended in time and whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support import PATIENCE, wait_until

from guild_sync.agent.store.identity import start_time
from guild_sync.errors import DeadlinePassed, GuildError
from guild_sync.transport import process, question, watched
from guild_sync.transport.process import Completed

Run = Callable[..., Completed]


def watched_whole(
    argv: tuple[str, ...], stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> Completed:
    """As `question.run`: a program that is watched, and all that it said."""
    said: list[bytes] = []
    done = watched.run(argv, said.append, stdin=stdin, env=env)
    return done._replace(stdout=b"".join(said))


@pytest.fixture(params=[question.run, watched_whole], ids=["question", "watched"])
def start(request: pytest.FixtureRequest) -> Run:
    """What starts a program and waits for it, in either way."""
    way: Run = request.param
    return way


@pytest.fixture
def run(start: Run) -> Run:
    """As `start`, a shell script."""
    return lambda script, **more: start(("sh", "-c", script), **more)


def test_what_it_said_and_how_it_ended(run: Run) -> None:
    assert run("cat; echo why >&2; exit 3", stdin=b"a\xff\n") == (3, b"a\xff\n", "why\n")
    assert run("kill -9 $$").code == -9
    assert run("exit 255").code == 255


def test_words_are_what_the_system_has(start: Run) -> None:
    words = ("a b", "", "$HOME", "-x", "\u8a08", os.fsdecode(b"\xff"), "new\nline")
    said = start(("printf", r"%s\0", *words)).stdout
    assert said == b"".join(os.fsencode(word) + b"\0" for word in words)


def test_a_program_is_found_in_a_folder_of_any_name(
    start: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "\u8a08 \udcff"
    folder.mkdir()
    (folder / "own-program").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    assert start(("own-program",)).code == 0


def test_it_has_no_terminal_and_signals_as_we_have_them(run: Run) -> None:
    assert run("[ -t 0 ] || [ -t 1 ] || [ -t 2 ]").code == 1
    assert run("kill -INT $$").code == -signal.SIGINT
    assert run("kill -PIPE $$").code == -signal.SIGPIPE
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run("kill -INT $$").code == 0, "as in a script's background"
    finally:
        signal.signal(signal.SIGINT, before)


def test_it_has_a_session_of_its_own_which_a_ctrl_c_on_the_terminal_does_not_reach(
    run: Run,
) -> None:
    pid, session = run("echo $$; cut -d' ' -f6 /proc/$$/stat").stdout.split()
    assert pid == session


def test_it_has_the_environment_that_it_is_given_and_no_file_of_ours(
    run: Run, tmp_path: Path
) -> None:
    with (tmp_path / "file").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        env = {"PATH": os.environ["PATH"], "GIVEN": "x\udcff"}
        said = run("printf '%s' \"$GIVEN$HOME\"; ls -l /proc/$$/fd >&2", env=env)
    assert said.stdout == b"x\xff"
    assert str(tmp_path) not in said.stderr


def test_input_and_output_larger_than_a_pipe_do_not_wait_for_each_other(run: Run) -> None:
    data = os.urandom(1 << 20)
    assert run("cat", stdin=data).stdout == data
    assert run("exit 0", stdin=data).code == 0, "it does not read"


def test_of_stderr_some_is_kept(run: Run) -> None:
    said = run("head -c 3000000 /dev/zero >&2").stderr
    assert 0 < len(said) <= process.MOST_STDERR


def test_a_deadline_ends_it_with_what_it_started_and_lets_none_begin(
    run: Run, tmp_path: Path
) -> None:
    with process.deadline(time.monotonic() + 0.5):
        with pytest.raises(DeadlinePassed):
            run(f"sleep 600 & echo $! >{tmp_path}/pid; wait")
        with pytest.raises(DeadlinePassed):
            run("true")
    wait_until(lambda: start_time(int((tmp_path / "pid").read_text())) is None, "the child's end")
    assert run("true").code == 0


def test_it_is_not_waited_for_what_keeps_its_output_open(run: Run) -> None:
    """As an older ssh does with its stderr, that stays as the master of a connection."""
    for kept in ("", ">/dev/null", "2>/dev/null"):
        hold = f"setsid sh -c 'echo $$; exec sleep 600 {kept}'"
        done = run(f"{hold} & sleep 0.3; echo said >&2")
        os.kill(int(done.stdout), signal.SIGKILL)
        assert (done.code, done.stderr) == (0, "said\n")


@pytest.mark.parametrize(
    "program, said",
    [
        ("no-such-program", "is not installed here"),
        ("/etc/passwd", "is no program that is here"),
        ("/etc/passwd/x", "is no program that is here"),
    ],
)
def test_a_program_that_is_not_there_is_said(start: Run, program: str, said: str) -> None:
    """What has a name can be installed; of a path that is no advice."""
    with pytest.raises(GuildError, match=f"{program} {said}"):
        start((program,))


def test_why_the_system_starts_none_is_said(start: Run, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(GuildError, match="is no program that is here"):
        start((str(script),))
    with pytest.raises(OSError, match="Argument list too long"):
        start(("true", "x" * (1 << 21)))


@pytest.mark.parametrize(
    "begun", ["question.run(('true',))", "watched.run(('true',), lambda line: None)"]
)
def test_between_its_fork_and_its_program_a_child_handles_no_signal(begun: str) -> None:
    """It is Python as we are until then: what a Ctrl-Z has us do is not to be done there, too."""
    text = f"""
import os, signal
from guild_sync.transport import question, watched
signal.signal(signal.SIGWINCH, lambda *_: print("handled by", os.getpid(), flush=True))
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGWINCH))
print({begun}.code, flush=True)
os.kill(os.getpid(), signal.SIGWINCH)
print("in", os.getpid())
"""
    done = subprocess.run((sys.executable, "-c", text), capture_output=True, text=True, check=True)
    code, handled, ours = done.stdout.splitlines()
    assert (code, done.stderr) == ("0", "")
    assert handled.split()[-1] == ours.split()[-1]


def test_it_ends_with_us(start: Run, tmp_path: Path) -> None:
    """Whatever ends us: no rsync goes on beside one of the next guild."""
    us = os.fork()
    if us == 0:
        start(("sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 600"))
        os._exit(0)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "its start")
    os.kill(us, signal.SIGKILL)
    os.waitpid(us, 0)
    wait_until(lambda: start_time(int((tmp_path / "pid").read_text())) is None, "its end")


def test_many_at_once_leave_neither_handles_nor_threads_nor_processes(start: Run) -> None:
    start(("true",))
    handles, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    found: dict[int, tuple[int, bytes]] = {}

    def work(number: int) -> None:
        done = start(("sh", "-c", f"cat; echo $$; exit {number}"), stdin=b"%d " % number)
        found[number] = done.code, done.stdout

    workers = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
    said = {number: stdout.split() for number, (_, stdout) in found.items()}
    assert [code for code, _ in found.values()] == [*found] and len(found) == 64
    assert all(int(given) == number for number, (given, _) in said.items())
    wait_until(lambda: threading.active_count() <= threads, "the end of all threads")
    assert len(os.listdir("/proc/self/fd")) <= handles
    assert not [pid for _, pid in said.values() if Path(f"/proc/{int(pid)}").exists()]


def test_no_log_has_its_words(start: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        start(("true", "a-secret"))
    assert "a-secret" not in caplog.text
