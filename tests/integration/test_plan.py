"""What a sync would do: shown, and not done."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support import Guild, Server
from test_fleet import bind, pulled


def snapshot(*folders: Path) -> dict[str, tuple[int, int]]:
    """Every file below the folders, with its size and time."""
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            status = path.lstat()
            found[str(path)] = (status.st_size if path.is_file() else 0, status.st_mtime_ns)
    return found


@pytest.fixture
def ended(guild: Guild, remote: str, there: Path) -> str:
    """A run that has ended on the remote, with two files more than are here; its id."""
    run_id = pulled(guild, remote)
    guild.ok("sync")
    bind(guild, run_id, remote)
    (there / "runs" / run_id / "model.bin").write_bytes(b"x" * 5000)
    (there / "runs" / run_id / "deep").mkdir()
    (there / "runs" / run_id / "deep" / "odd\nname").write_bytes(b"y" * 120)
    return run_id


def test_a_plan_tells_files_and_bytes_and_changes_nothing(
    guild: Guild, remote: str, there: Path, ended: str
) -> None:
    (there / "runs" / ".home-id").unlink(missing_ok=True)
    before = snapshot(guild.home, there / "runs")
    lines = guild.ok("sync", "--plan").lines
    assert lines[0] == f"{remote}: 2 files, 5.0K to copy"
    assert lines[1].split() == [ended, "running", "->", "completed", "2", "files", "5.0K"]
    assert lines[2].startswith("There is room here: ")
    assert snapshot(guild.home, there / "runs") == before
    guild.ok("sync")
    assert (guild.home / "runs" / ended / "model.bin").stat().st_size == 5000


def test_a_plan_as_json(guild: Guild, remote: str, ended: str) -> None:
    found: dict[str, Any] = json.loads(guild.ok("sync", "--plan", "--json").out)
    run = {
        "run": ended,
        "before": "running",
        "after": "completed",
        "files": 2,
        "bytes": 5120,
    }
    assert found["remotes"] == [
        {
            "remote": remote,
            "error": None,
            "runs": [run],
            "missing": [],
            "files": 2,
            "bytes": 5120,
        }
    ]
    assert found["bytes"] == 5120
    assert found["fits"] is True
    room = os.statvfs(guild.home / "runs")
    assert 0 < found["free"] <= room.f_blocks * room.f_frsize


def test_a_copy_for_which_there_is_no_room_is_foretold(
    guild: Guild, remote: str, there: Path, ended: str
) -> None:
    os.truncate(there / "runs" / ended / "model.bin", 1 << 43)
    done = guild("sync", "--plan")
    assert done.code == 1
    assert done.err.startswith("guild: there is no room here for 8.0T: ")
    assert "are free, and 1.0G are to stay so" in done.err
    assert json.loads(guild("sync", "--plan", "--json").out)["fits"] is False


def test_a_plan_goes_on_where_one_remote_is_down(
    guild: Guild, sshd: Server, remote: str, there: Path, ended: str
) -> None:
    down = {**sshd.keys(there), "port": 1}
    guild.configure(**{remote: sshd.keys(there), "down": down})
    other = pulled(guild, remote)
    bind(guild, other, "down")
    done = guild("sync", "--plan")
    assert done.code == 3
    assert done.lines[0] == f"{remote}: 2 files, 5.0K to copy"
    assert "cannot reach remote 'down'" in done.err
    guild.configure(**{remote: down, "down": down})
    assert guild("sync", "--plan").lines == [], "of room there is nothing to say"


def test_where_nothing_runs_there_is_nothing_to_plan(guild: Guild) -> None:
    assert guild.ok("sync", "--plan").lines == []
    assert json.loads(guild.ok("sync", "--plan", "--json").out)["remotes"] == []
