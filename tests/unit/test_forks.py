"""What is started by a fork is as a whole start has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from forks import Forks
from support import wait_until_gone

PROGRAM = """
import atexit, json, os, signal, sys, threading, time

told = {
    "words": sys.argv, "name": __name__, "file": __file__,
    "main": sys.modules["__main__"].__dict__ is globals(),
    "path": sys.path[0], "folder": os.getcwd(), "variables": dict(os.environ), "zone": time.tzname,
    "umask": os.umask(0o077), "python": sys.executable, "loaded": "wave" in sys.modules,
    "files": [fd for fd in range(99) if os.path.exists(f"/proc/self/fd/{fd}")],
    "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "pipe": signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN,
    "streams": [
        (s.encoding, s.errors, s.line_buffering, s.write_through, s.isatty(), s is o)
        for s, o in zip((sys.stdin, sys.stdout, sys.stderr),
                        (sys.__stdin__, sys.__stdout__, sys.__stderr__))
    ],
    "threads": threading.active_count(), "group": os.getpgrp(), "session": os.getsid(0),
    "read": sys.stdin.read(),
}
atexit.register(print, "the last of it")
print(json.dumps(told), sys.argv[1], sep="\\n")
threading.Thread(target=lambda: (threading.main_thread().join(), print("a thread's"))).start()
exec(sys.argv[1])
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bin/program"
    path.parent.mkdir()
    path.write_text(PROGRAM)
    return path


@pytest.mark.parametrize(
    "ends",
    [
        "pass",
        "sys.exit(3)",
        "sys.exit(259)",
        "sys.exit('why')",
        "raise ValueError('why')",
        "os._exit(4)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.close(1)",
        "os.fork() or sys.exit(5); os.wait()",
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 1); print('x')",
    ],
)
def test_a_fork_is_as_a_whole_start(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    argv = [sys.executable, str(program), ends, "ü\n", ""]
    variables = {**os.environ, "TZ": "Asia/Tokyo", "odd": "\udcff"}
    before = os.umask(0o027)
    try:
        forks = Forks(sys.executable, program.parent)
        forked = forks.run(argv, b"\xc3\xbc" * 99_999, tmp_path, variables, 60)
        monkeypatch.setenv("REAL_STARTS", "1")
        whole = forks.run(argv, b"\xc3\xbc" * 99_999, tmp_path, variables, 60)
    finally:
        os.umask(before)
    assert forked.stdout.splitlines() == whole.stdout.splitlines()
    assert forked.returncode == whole.returncode
    said = [done.stderr.decode().splitlines()[-1:] for done in (forked, whole)]
    assert said[0] == said[1], "but for the lines of a traceback"


def test_a_program_has_the_modules_already(program: Path, tmp_path: Path) -> None:
    forks = Forks(sys.executable, program.parent, "wave")
    done = forks.run([sys.executable, str(program), "pass"], b"", tmp_path, os.environ, 60)
    assert b'"loaded": true' in done.stdout


def test_each_of_many_at_once_has_its_own_end(program: Path, tmp_path: Path) -> None:
    program.write_text("import os, sys\nos._exit(int(sys.argv[1]))\n")
    forks = Forks(sys.executable, program.parent)

    def ended(status: int) -> int:
        argv = [sys.executable, str(program), str(status)]
        return forks.run(argv, b"", tmp_path, os.environ, 60).returncode

    statuses = [number % 256 for number in range(500)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ended, statuses)) == statuses


def loaded(variables: Mapping[str, str], program: Path) -> bool:
    forks = Forks(sys.executable, program.parent, "wave")
    done = forks.run([sys.executable, str(program), "pass"], b"", program.parent, variables, 60)
    return b'"loaded": true' in done.stdout


def test_what_python_reads_where_it_starts_has_it_start(program: Path) -> None:
    assert loaded({**os.environ, "ANY": "1"}, program)
    assert not loaded({**os.environ, "PYTHONSAFEPATH": "1"}, program)
    assert not loaded({**os.environ, "LC_ALL": "C"}, program)


def test_a_program_that_does_not_end_is_ended(program: Path, tmp_path: Path) -> None:
    forks = Forks(sys.executable, program.parent)
    argv = [
        sys.executable,
        str(program),
        "open('pid', 'w').write(str(os.getpid())); time.sleep(600)",
    ]
    with pytest.raises(subprocess.TimeoutExpired):
        forks.run(argv, b"", tmp_path, os.environ, 2)
    wait_until_gone(int((tmp_path / "pid").read_text()))
