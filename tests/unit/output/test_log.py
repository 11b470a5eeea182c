"""The log that several processes write at once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from guild_sync.output.log import KEPT, Log

WRITE = """
import sys
from pathlib import Path
from guild_sync.output import log as logs
logs.MAX_BYTES = 20_000
log = logs.Log(Path(sys.argv[1]))
for number in range(200):
    log.info(f"{sys.argv[2]} {number} " + "x" * 100)
"""
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[\d+\] (.*)")


def texts(*paths: Path) -> list[str]:
    """What the lines of logs say, behind their times; each of them is one."""
    found = []
    for path in paths:
        for line in path.read_text().splitlines():
            match = LINE.fullmatch(line)
            assert match, line
            found.append(match[1])
    return found


def test_a_line_has_its_time_and_process_and_no_control_characters(tmp_path: Path) -> None:
    log = Log(tmp_path / "deep" / "sync.log")
    log.info("a\nb\x1b[31m\udcff")
    log.error("c")
    assert texts(tmp_path / "deep" / "sync.log") == ["a?b?[31m\ufffd", "c"]
    assert (tmp_path / "deep" / "sync.log").stat().st_mode & 0o777 == 0o600


def test_processes_that_write_at_once_lose_and_tear_no_line_when_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sync.log"
    names = ["one", "two", "three", "four"]
    writing = [subprocess.Popen([sys.executable, "-c", WRITE, path, name]) for name in names]
    assert [one.wait() for one in writing] == [0] * 4
    logs_there = sorted(tmp_path.glob("sync.log*"))
    assert len(logs_there) == 1 + KEPT
    found = texts(*logs_there)
    assert len(found) == len(set(found))
    latest = texts(path.with_name("sync.log.1"), path)
    for name in names:
        numbers = [int(text.split()[1]) for text in latest if text.startswith(name)]
        assert numbers == list(range(numbers[0], 200)) if numbers else True, "in order, to the end"
    assert any(text.startswith(f"{name} 199 ") for name in names for text in latest)
    assert all(path.stat().st_size <= 20_000 for path in logs_there)


def test_a_log_that_cannot_be_written_is_complained_of_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    log = Log(tmp_path / "file" / "sync.log")
    log.info("a")
    log.info("b")
    assert capsys.readouterr().err.count("guild: cannot write the log") == 1


def test_a_log_without_a_file_writes_nothing(tmp_path: Path) -> None:
    Log(None).info("a")
