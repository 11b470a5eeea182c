"""Programs that are watched while they work: what they say as they say it, and their end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from support import PATIENCE, wait_until
from terminal import Terminal

from guild_sync.agent.facts import by_proc
from guild_sync.agent.store.identity import start_time
from guild_sync.errors import GuildError
from guild_sync.transport import process, watched
from guild_sync.transport.process import Completed


def sh(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


def python(code: str) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env)


def test_output_is_handed_over_as_it_comes(tmp_path: Path) -> None:
    said: list[bytes] = []

    def answer(chunk: bytes) -> None:
        said.append(chunk)
        (tmp_path / "seen").touch()

    script = f"echo one; until [ -e {tmp_path}/seen ]; do sleep 0.01; done; echo two; echo e >&2"
    done = watched.run(sh(script), answer)
    assert (done, b"".join(said)) == ((0, b"", "e\n"), b"one\ntwo\n")


def test_output_that_is_handed_over_may_be_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_OUTPUT", 10)
    sizes: list[int] = []
    done = watched.run(sh("head -c 3000000 /dev/zero"), lambda chunk: sizes.append(len(chunk)))
    assert (done.code, sum(sizes)) == (0, 3_000_000)
    assert max(sizes) <= process.CHUNK
    assert len(sizes) < 3000, "not by the line, nor by the byte"


def test_after_many_lines_those_that_come_soon_are_taken_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    monkeypatch.setattr(time, "sleep", rests.append)
    answers = tmp_path / "answers"
    os.mkfifo(answers)
    said = []
    with open(os.open(answers, os.O_RDWR), "wb", buffering=0) as fifo:

        def answer(chunk: bytes) -> None:
            said.append(chunk)
            fifo.write(b"\n")  # so that each line is a piece

        count = watched.MANY + 20
        script = f"exec 3<{answers}; for i in $(seq {count}); do echo x; read -r _ <&3; done"
        assert watched.run(sh(script), answer).code == 0
    assert said == [b"x\n"] * count
    assert rests.count(watched.TOGETHER) == 20, "and nobody waits for a few lines"


def test_it_works_where_it_is_told_to(tmp_path: Path) -> None:
    said: list[bytes] = []
    watched.run(("pwd",), said.append, cwd=str(tmp_path))
    assert os.fsdecode(b"".join(said)) == f"{tmp_path}\n"


def test_it_is_ended_where_its_output_is_not_taken(tmp_path: Path) -> None:
    def fail(_: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watched.run(sh(f"echo $$ >{tmp_path}/pid; echo said; exec sleep 600"), fail)
    assert start_time(int((tmp_path / "pid").read_text())) is None


def test_what_does_not_end_when_it_is_told_to_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "END_SECONDS", 0.2)
    pids: list[int] = []

    def fail(said: bytes) -> None:
        pids.append(int(said))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watched.run(sh("trap '' TERM; echo $$; while :; do sleep 600; done"), fail)
    wait_until(lambda: start_time(pids[0]) is None, "its end")


def test_it_is_ended_once_it_must_not_go_on(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    done = watched.run(sh(f"touch {begun}; sleep 600"), print, forbidden=begun.exists)
    assert (done.was_forbidden, done.timed_out) == (True, False)
    begun.unlink()
    assert watched.run(sh("exit 3"), print, forbidden=begun.exists).code == 3
    assert watched.run(sh(f"touch {tmp_path}/more"), print, forbidden=lambda: True).was_forbidden
    assert not (tmp_path / "more").exists(), "it is not begun"


@pytest.mark.parametrize(
    "script",
    [
        "exec sleep 600",
        "sleep 600; true",  # of which what is below it reads nothing either
    ],
)
def test_what_does_nothing_for_so_long_is_killed(
    script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "_QUIET", 100)
    done = watched.run(sh(script), lambda _: None, silence=0.2)
    assert done.was_silent
    assert not done.was_forbidden


def test_what_reads_or_works_on_is_not() -> None:
    scripts = (
        "timeout 4 cat /dev/zero >/dev/null; true",
        "timeout 4 cat /dev/zero >/dev/null & wait",
        "timeout 4 yes >/dev/null; true",  # it reads nothing, and works
        "for n in 1 2 3 4 5 6 7 8; do sleep 0.5; head -c 1 /dev/zero >/dev/null; done",
    )
    look = partial(watched.run, on_output=lambda _: None, silence=1.0)
    with ThreadPoolExecutor(len(scripts)) as pool:  # each takes its time
        found = pool.map(look, map(sh, scripts))
    assert [done.was_silent for done in found] == [False] * len(scripts)


def test_what_says_something_now_and_then_is_not() -> None:
    script = "import os, time\nfor _ in range(3): time.sleep(1.4); os.write(1, b'x')"
    said: list[bytes] = []
    done = watched.run((sys.executable, "-c", script), said.append, silence=1.0)
    assert (done.was_silent, b"".join(said)) == (False, b"xxx")


def test_what_is_stopped_here_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing of the other end. Nor does what waits for a disk, in another state."""
    asked: list[int] = []
    work_of = by_proc.work_of

    def look(pid: int, but: str) -> tuple[int, int] | None:
        asked.append(pid)
        if len(asked) == 4:
            os.kill(pid, signal.SIGCONT)
        return work_of(pid, but)

    monkeypatch.setattr(by_proc, "work_of", look)
    assert watched.run(sh("kill -STOP $$"), lambda _: None, silence=1.0).code == 0


def test_what_is_not_told_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "_QUIET", 100)
    monkeypatch.setattr(by_proc, "work_of", lambda pid, but: None)
    assert watched.run(sh("exec sleep 1"), lambda _: None, silence=0.2).code == 0


@pytest.mark.parametrize("has_gone", [False, True])
def test_a_stream_is_ended_where_its_output_is_not_taken(has_gone: bool) -> None:
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
        watched.stream(sh("echo $$; exec sleep 600"), fail, first_line=b"")
    assert start_time(pids[0]) is None


def test_the_stdin_of_a_stream_ends_with_who_watches_it(tmp_path: Path) -> None:
    said: list[bytes] = []
    line = b"x" * 200_000 + b"\n"
    script = (
        f"head -c {len(line)}; timeout 0.2 cat; echo $?; "
        f"exec 3<&0; (cat <&3; touch {tmp_path}/ended) >&2 &"
    )
    done = watched.stream(sh(script), said.append, first_line=line)
    assert (done.code, b"".join(said)) == (0, line + b"124\n"), "it went on"
    wait_until((tmp_path / "ended").exists, "the end of stdin")


# Between its fork and its program what sh starts is Python as we are.
INTERRUPTED = """
import os, signal, sys
from guild_sync.transport import watched
original = watched._prepared
def interrupted(*given):
    prepare = original(*given)
    def both():
        os.kill(os.getpid(), signal.SIGINT)  # to the child alone
        prepare()
    return both
watched._prepared = interrupted
try:
    print(watched.run(("echo", "said"), lambda chunk: None).code, flush=True)
except BaseException as e:
    print("a second guild", type(e), flush=True)
"""


def test_a_ctrl_c_while_it_is_started_makes_no_second_guild() -> None:
    program = python(INTERRUPTED)
    out, _ = program.communicate(timeout=PATIENCE)
    assert (out, program.returncode) == (b"%d\n" % -signal.SIGINT, 0)


def test_what_starts_programs_is_loaded_meanwhile_and_not_before() -> None:
    code = """
import sys, threading
from guild_sync.transport import watched
before = "sh" in sys.modules
for _ in range(3):
    watched.prepare()
threads = threading.active_count()
watched.run(("true",), print)
print(before, threads, "sh" in sys.modules)
"""
    out, _ = python(code).communicate(timeout=PATIENCE)
    assert out == b"False 2 True\n"


INTERRUPTED_WHILE_LOADING = """
import os, signal, sys, threading, time, traceback
from guild_sync.transport import watched
loading, go = threading.Event(), threading.Event()
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "sh":
            loading.set()
            go.wait()
def main_waits():
    frame = sys._current_frames()[threading.main_thread().ident]
    names = [frame.f_code.co_name for frame, _ in traceback.walk_stack(frame)]
    return names[0] in ("wait", "acquire", "_get_module_lock") and "_sh" in names
def interrupt():
    while not main_waits():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
    go.set()
sys.meta_path.insert(0, Slow())
watched.prepare()
loading.wait()
threading.Thread(target=interrupt).start()
try:
    watched.run(("true",), print)
except KeyboardInterrupt:
    print("interrupted", flush=True)
lane = threading.Thread(target=watched.run, args=(("echo", "ended"), print), daemon=True)
lane.start()
lane.join(10)
"""


def test_a_ctrl_c_while_it_is_loaded_keeps_no_other_thread_waiting() -> None:
    """Python may leave a module that one thread imports locked where another that waits is hit."""
    program = python(INTERRUPTED_WHILE_LOADING)
    out, _ = program.communicate(timeout=2 * PATIENCE)
    assert out == b"interrupted\nb'ended\\n'\n"


def joined(script: str) -> tuple[socket.socket, Future[Completed]]:
    """The far end of a connection that a shell script is joined to, and how that ends."""
    far, near = socket.socketpair()
    end: Future[Completed] = Future()
    work = partial(watched.join, sh(script), near)
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


def test_what_is_in_the_foreground_has_our_streams_and_our_session() -> None:
    code = """
from guild_sync.transport import watched
print("first")
print(watched.foreground(("sh", "-c", "echo $$; cut -d' ' -f6 /proc/$$/stat; exit 3")))
"""
    program = python(code)
    out, _ = program.communicate(timeout=PATIENCE)
    first, pid, session, status = out.split()
    assert (first, status) == (b"first", b"3")
    assert session != pid


def test_what_is_in_the_foreground_has_our_terminal(tmp_path: Path) -> None:
    script = "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && read -r said </dev/tty && echo heard $said"
    code = f"from guild_sync.transport import watched; watched.foreground(('sh', '-c', '{script}'))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with Terminal([sys.executable, "-c", code], env, tmp_path, 200) as terminal:
        terminal.type("this\n")
        assert terminal.end() == 0
        assert "heard this" in terminal.shown


def test_what_takes_our_place_is_the_process_that_we_were(tmp_path: Path) -> None:
    become = "from guild_sync.transport import watched; watched.become"
    program = python(f"print('first'); {become}(('sh', '-c', 'echo $$; kill -PIPE $$'))")
    out, _ = program.communicate(timeout=PATIENCE)
    assert (out, program.returncode) == (b"first\n%d\n" % program.pid, -signal.SIGPIPE)
    with pytest.raises(GuildError, match="no-such-program is not installed here"):
        watched.become(("no-such-program",))


def test_what_a_program_that_has_failed_had_started_says_why() -> None:
    """As the ssh of an rsync, whose own end may be a moment before it."""
    later = "exec 1>&-; { sleep 1; echo why >&2; } & exit 12"
    done = watched.run(["sh", "-c", later], lambda _: None)
    assert (done.code, done.stderr) == (12, "why\n")
