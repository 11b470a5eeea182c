"""What is remembered, and processes: one that is killed, another user's, commands of guild."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rundirs import give_scalars, make
from support import Guild

from guild_sync.agent.remembering import remembered

A, B, C = IDS = ["a" * 32, "b" * 32, "c" * 32]
# Few runs count as many, and what was written just now is remembered, too.
PROJECT = Path(__file__).parents[4]
BEGIN = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
from guild_sync.agent import protocol
protocol.MANY_RUNS = 1
from guild_sync.agent.remembering import eventless, figures, looks, remembered
remembered._TICK = -(10**15)
"""
LISTED = "[run['id'] for run in listed.listed(sys.argv[1], sort='loss')['runs']]"
TOLD = f"""
import json
from guild_sync.agent.comparing import listed
print(json.dumps({LISTED}))
"""
# It waits in the middle of what it writes.
HALTING = f"""
from guild_sync.agent.comparing import listed
parts = figures.ScalarColumns._parts
def halting(*args):
    found = parts(*args)
    yield next(found)
    print("writes", flush=True)
    sys.stdin.read()
    yield from found
figures.ScalarColumns._parts = halting
{LISTED}
"""
# As a user who may read all of it, and write nothing.
STRANGER = f"""
import json, os
from guild_sync.agent.comparing import listed
from guild_sync.agent.remembering import numbers
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    open(sys.argv[1] + "/cache/mine", "w")
except PermissionError:
    print(json.dumps([{LISTED}, {LISTED}]))
"""
COMMAND = "from guild_sync import main; main.main(sys.argv[1:])"


@pytest.fixture
def home() -> Iterator[Path]:
    """A guild home of runs with a scalar each, where any user may look."""
    with tempfile.TemporaryDirectory(dir="/tmp") as top:
        os.chmod(top, 0o755)
        home = Path(top, "home")
        _give(home)
        (home / "cache").mkdir()
        if remembered.moment(str(home)) is None:
            pytest.skip("nothing is remembered on this file system")
        yield home


def _give(home: Path) -> None:
    for number, run_id in enumerate(IDS):
        give_scalars(make(home, run_id, exit_status=0), {"loss": [1.0, number / 10]})


def asked(code: str, home: Path) -> str:
    argv = [sys.executable, "-c", BEGIN + code, str(home)]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def listed(home: Path) -> list[str]:
    text = (
        f"import json; from guild_sync.agent.comparing import listed; print(json.dumps({LISTED}))"
    )
    found: list[str] = json.loads(asked(text, home))
    return found


def test_one_that_is_killed_while_it_writes_leaves_what_there_was(home: Path) -> None:
    assert listed(home) == IDS
    (file,) = (home / "cache").glob("figures-*")
    before = file.read_bytes()
    give_scalars(home / "runs" / A, {"loss": [2.0]})
    argv = [sys.executable, "-c", BEGIN + HALTING, str(home)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdout.readline() == b"writes\n"
        child.kill()
    (left,) = (home / "cache").glob(".figures-*")
    assert file.read_bytes() == before
    assert str(left) in remembered.kept(str(home)), "so it is removed some time"
    assert listed(home) == [B, C, A]
    assert file.read_bytes() != before


def test_a_user_who_may_write_nothing_is_told_the_same(home: Path) -> None:
    folders = [home, home / "cache"]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert json.loads(asked(STRANGER, home)) == [IDS, IDS]
        assert os.listdir(home / "cache") == []
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_what_commands_remove_and_restore_is_seen_by_the_next_ones(guild: Guild) -> None:
    _give(guild.home)

    def said(*words: str) -> str:
        argv = [sys.executable, "-c", BEGIN + COMMAND, *words]
        done = subprocess.run(argv, env=guild.env, capture_output=True, text=True)
        return done.stdout

    def ids() -> list[str]:
        return [run["id"] for run in json.loads(said("runs", "--sort", "loss", "--json"))]

    if remembered.moment(str(guild.home)) is None:
        pytest.skip("nothing is remembered on this file system")
    assert ids() == ids() == IDS
    assert [*(guild.home / "cache").glob("figures-*")]
    said("rm", "-y", B)
    assert ids() == [A, C]
    give_scalars(guild.home / "trash/runs" / B, {"loss": [3.0]})
    said("restore", "-y", B)
    assert ids() == [A, C, B]
    said("rm", "-y", "--permanent", A)
    shutil.copytree(guild.home / "runs" / C, guild.home / "runs" / A)  # another by its id
    give_scalars(guild.home / "runs" / A, {"loss": [0.25]})
    assert ids() == [C, A, B]
