"""Programs that are read: bounded, ended in time, with all that they started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from support import PATIENCE, wait_until

from guild_sync.errors import DeadlinePassed, GuildError
from guild_sync.transport import process


def run(script: str, **more: object) -> process.Completed:
    return process.run(("sh", "-c", script), **more)  # type: ignore[arg-type]


def test_what_it_said_and_how_it_ended() -> None:
    assert run("cat; echo why >&2; exit 3", stdin=b"a\xff\n") == (3, b"a\xff\n", "why\n")
    assert run("kill -9 $$").code == -9


def test_input_and_output_larger_than_a_pipe_do_not_wait_for_each_other() -> None:
    data = os.urandom(1 << 20)
    assert run("cat", stdin=data).stdout == data
    assert run("exit 0", stdin=data).code == 0, "it does not read"


def test_a_program_that_says_too_much_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_OUTPUT", 100_000)
    done = run("yes")
    assert done.said_too_much
    assert len(done.stdout) <= 100_000


def test_what_it_started_is_killed_with_it_when_its_time_is_over(tmp_path: Path) -> None:
    done = run(f"sleep 600 & echo $! >{tmp_path}/pid; wait", timeout=0.5)
    assert done.timed_out
    wait_until(lambda: has_ended(int((tmp_path / "pid").read_text())), "the child's end")


def test_a_deadline_ends_it_and_lets_none_begin() -> None:
    with process.deadline(time.monotonic() + 0.3):
        with pytest.raises(DeadlinePassed):
            run("sleep 600")
        with pytest.raises(DeadlinePassed):
            run("true")
    assert run("true").code == 0


def test_it_is_not_waited_for_what_keeps_its_stderr_open() -> None:
    """As an older ssh does that stays as the master of a connection."""
    done = run("setsid sh -c 'echo $$; exec sleep 600 >/dev/null' & sleep 0.3; echo said >&2")
    assert done.stderr == "said\n"
    os.kill(int(done.stdout), signal.SIGKILL)


def test_output_is_handed_over_as_it_comes(tmp_path: Path) -> None:
    said: list[bytes] = []

    def answer(chunk: bytes) -> None:
        said.append(chunk)
        (tmp_path / "seen").touch()

    script = f"echo one; until [ -e {tmp_path}/seen ]; do sleep 0.01; done; echo two; echo e >&2"
    done = run(script, on_output=answer, timeout=PATIENCE)
    assert (done, b"".join(said)) == ((0, b"", "e\n"), b"one\ntwo\n")


def test_output_that_is_handed_over_may_be_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_OUTPUT", 10)
    said: list[bytes] = []
    assert run("head -c 1000000 /dev/zero", on_output=said.append).code == 0
    assert sum(map(len, said)) == 1_000_000


def test_a_time_limit_holds_for_what_hands_over_too() -> None:
    assert run("echo a; sleep 600", on_output=lambda _: None, timeout=0.3).timed_out


def test_it_is_ended_where_its_output_is_not_taken(tmp_path: Path) -> None:
    def fail(_: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(f"echo $$ >{tmp_path}/pid; echo said; exec sleep 600", on_output=fail)
    assert has_ended(int((tmp_path / "pid").read_text()))


def test_it_is_ended_once_it_must_not_go_on(tmp_path: Path) -> None:
    done = run(f"touch {tmp_path}/begun; sleep 600", forbidden=(tmp_path / "begun").exists)
    assert (done.was_forbidden, done.timed_out) == (True, False)
    (tmp_path / "begun").unlink()
    assert run("exit 3", forbidden=(tmp_path / "begun").exists).code == 3
    assert run(f"touch {tmp_path}/more", forbidden=lambda: True).was_forbidden
    assert not (tmp_path / "more").exists(), "it is not begun"


@pytest.mark.parametrize("has_gone", [False, True])
def test_what_is_watched_is_ended_where_its_output_is_not_taken(has_gone: bool) -> None:
    """Ctrl-C may come where a program has ended, and sh has not noted that."""
    pids: list[int] = []

    def fail(said: bytes) -> None:
        pids.append(int(said))
        if has_gone:
            os.kill(pids[0], signal.SIGKILL)
            with suppress(ChildProcessError):  # sh's own thread was the first
                os.waitpid(pids[0], 0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process.stream(("sh", "-c", "echo $$; exec sleep 600"), fail, first_line=b"")
    assert has_ended(pids[0])


@pytest.mark.parametrize("program", ["no-such-program", "/etc/passwd", "/etc/passwd/x"])
def test_a_program_that_is_not_installed_is_said(program: str) -> None:
    with pytest.raises(GuildError, match=f"{program} is not installed here"):
        process.run((program,))


def has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def joined(script: str) -> tuple[socket.socket, Future[process.Completed]]:
    """The far end of a connection that a shell script is joined to, and how that ends."""
    far, near = socket.socketpair()
    end: Future[process.Completed] = Future()
    work = partial(process.join, ("sh", "-c", script), near)
    threading.Thread(target=lambda: end.set_result(work()), daemon=True).start()
    far.settimeout(PATIENCE)
    return far, end


def read_to_the_end(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as file:
        return file.read()


def test_each_direction_of_a_joined_connection_ends_by_itself() -> None:
    far, end = joined("cat; echo why >&2; exit 3")
    with far, far.makefile("rb") as received:
        data = os.urandom(1 << 20)
        sender = threading.Thread(target=far.sendall, args=(data,))
        sender.start()
        assert received.read(len(data)) == data
        sender.join()
        far.shutdown(socket.SHUT_WR)
        assert received.read() == b""
        assert end.result(PATIENCE) == (3, b"", "why\n")
    far, end = joined("echo answer; exec >&-; cat >/dev/null")
    with far:
        assert read_to_the_end(far) == b"answer\n"
        far.sendall(b"more")  # the program reads on
        assert not end.done()
        far.shutdown(socket.SHUT_WR)
        assert end.result(PATIENCE).code == 0


def test_a_joined_connection_is_closed_with_its_program() -> None:
    far, end = joined("exit 7")
    with far:
        assert read_to_the_end(far) == b""
        assert end.result(PATIENCE).code == 7


def test_a_program_that_sends_to_nobody_is_ended() -> None:
    far, end = joined("trap '' PIPE; while :; do echo more; done")
    far.recv(1)
    far.close()
    assert end.result(PATIENCE).code == -signal.SIGTERM


def test_what_takes_our_place_is_the_process_that_we_were(tmp_path: Path) -> None:
    become = "from guild_sync.transport import process; process.become"
    program = subprocess.Popen(
        [sys.executable, "-c", f"print('first'); {become}(('sh', '-c', 'echo $$; kill -PIPE $$'))"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    out, _ = program.communicate(timeout=PATIENCE)
    assert (out, program.returncode) == (b"first\n%d\n" % program.pid, -signal.SIGPIPE)
    with pytest.raises(GuildError, match="no-such-program is not installed here"):
        process.become(("no-such-program",))
