"""The report of a bug: what a maintainer asks for, whatever else is broken on the machine."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import pytest

from guild_sync import __version__
from guild_sync.output import bugs, log
from guild_sync.transport import process


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def bug(text: str = "surprise") -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def lines_of(report: str) -> dict[str, str]:
    """The versions that a report names."""
    return dict(re.findall(r"^(\w+): (.*)$", report.partition("Traceback")[0], re.M))


def test_a_report_has_the_versions_of_all_that_took_part(programs: Path) -> None:
    put(programs, "ssh", "echo OpenSSH_9.9 >&2")
    put(programs, "rsync", "echo 'rsync  version 3.9'; echo more")
    report = bugs.report(bug(), ["sync", "--password=x"])
    assert re.match(rf"guild {re.escape(__version__)} \['sync'\] \d{{4}}-\d\d-\d\dT\S+\n", report)
    found = lines_of(report)
    assert found["Python"].startswith(platform.python_version())
    assert (found["ssh"], found["rsync"]) == ("OpenSSH_9.9", "rsync  version 3.9")
    assert found["system"].startswith(f"Linux {os.uname().release} ")
    assert report.endswith("ValueError: surprise\n")
    assert "password" not in report


def test_what_cannot_tell_its_version_keeps_nobody_from_the_report(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(programs))
    assert lines_of(bugs.report(bug(), []))["rsync"] == "not known"
    put(programs, "rsync", "exit 7")
    assert lines_of(bugs.report(bug(), []))["rsync"] == "not known"


def test_a_program_that_hangs_is_not_waited_for(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bugs, "_PATIENCE", 0.2)
    put(programs, "ssh", "exec sleep 600")
    assert lines_of(bugs.report(bug(), []))["ssh"] == "not known"


def test_after_the_deadline_of_a_sync_versions_are_told_all_the_same(programs: Path) -> None:
    put(programs, "ssh", "echo OpenSSH_9.9 >&2")
    with process.deadline(0):
        assert lines_of(bugs.report(bug(), []))["ssh"] == "OpenSSH_9.9"


def test_a_version_cannot_move_the_cursor(programs: Path) -> None:
    put(programs, "ssh", "printf '\\033[2Jx\\n' >&2")
    assert "\x1b" not in bugs.report(bug(), [])


def test_a_report_is_added_to_those_before_it(tmp_path: Path) -> None:
    path = bugs.write(bugs.report(bug("first"), []))
    assert bugs.write(bugs.report(bug("second"), [])) == path
    found = re.findall(r"^(?:guild|ValueError).*", path.read_text(), re.M)
    assert [line.split()[0] for line in found] == ["guild", "ValueError:", "guild", "ValueError:"]
    assert path.stat().st_mode & 0o077 == 0


def test_the_file_does_not_grow_without_end() -> None:
    for number in range(8):
        path = bugs.write(f"{number}" * (1 << 18))
    assert sorted(p.name for p in path.parent.glob("error.log*")) == ["error.log", "error.log.1"]
    assert path.stat().st_size <= log.MAX_BYTES
    assert path.read_text().rstrip()[-1] == "7", "the latest is kept"


def test_a_report_of_any_size_and_any_characters_can_be_written() -> None:
    report = bugs.report(bug("\udcff" + "x" * (1 << 20)), [])
    assert len(report) < 1 << 19
    assert "x" * 100 in bugs.write(report).read_text()
