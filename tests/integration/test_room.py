"""A disk here that is nearly full: what fits comes home, and what does not is said."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from comparing import faults as differing
from faults import held, write_run
from support import Guild, Server
from test_faults_workstation import disk
from test_hooks import TELL, Told
from test_interrupted import assert_same_run

MB = 1_000_000
LARGE, SMALL, OTHER = (f"{number:032x}" for number in range(1, 4))


@pytest.fixture
def small_disk(guild: Guild, sshd: Server, there: Path) -> Iterator[str]:
    """A guild home here on a disk of 64 MB, of which 20 are kept free; a remote with two runs."""
    with disk(guild.home, "64m"):
        write_run(there, LARGE, sizes=(50 * MB, 10))
        write_run(there, SMALL, sizes=(MB, 10))
        configured(guild, sshd, far=there)
        yield "far"


def configured(guild: Guild, sshd: Server, **homes: Path) -> None:
    remotes = {name: sshd.keys(home) for name, home in homes.items()}
    guild.config.write_text(yaml.safe_dump({"keep-free": "20M", "remotes": remotes}))


def room_for_all(guild: Guild) -> None:
    subprocess.run(["mount", "-o", "remount,size=640m", str(guild.home)], check=True)


def expected_of_a_kill(guild: Guild, *runs: str) -> None:
    """Have a guild that is no more have started these on the remote."""
    (guild.home / "expected").mkdir(exist_ok=True)
    for run_id in runs:
        (guild.home / "expected" / run_id).write_text(
            f'{{"remote": "far", "time": 1, "begun": true, "pid": 1, "start": {os.getpid()}}}'
        )


NO_ROOM = "guild: no room: 47.7M for 1 run of far"


@pytest.mark.parametrize("words", [("pull", "far", "-y"), ("sync",)])
def test_what_fits_comes_and_of_the_rest_metadata_and_output(
    guild: Guild, there: Path, small_disk: str, words: tuple[str, ...]
) -> None:
    if words == ("sync",):
        expected_of_a_kill(guild, LARGE, SMALL)
    done = guild(*words)
    assert (done.code, done.err.splitlines()[0]) == (4, NO_ROOM)
    assert guild.status(SMALL) == "completed"
    assert_same_run(guild.home / "runs" / SMALL, there / "runs" / SMALL)
    assert guild.status(LARGE) == "running (far)", "it is not here whole"
    assert guild.ok("status").lines[-2:] == [
        "far: no room here for 47.7M of 1 run (keep-free in the config file)",
        f"  {LARGE}  47.7M",
    ]
    assert guild.ok("cat", "--output", LARGE).out == "begun\nended\n"
    assert sorted(os.listdir(guild.home / "runs" / LARGE)) == [".guild"]
    again = guild("sync")
    assert (again.code, again.err.splitlines()[0]) == (4, NO_ROOM)
    by_cron = guild("guild-sync")
    assert (by_cron.code, by_cron.out, by_cron.err) == (4, "", ""), "it was said"
    room_for_all(guild)
    guild.ok("sync")
    assert "no room" not in guild.ok("status").out
    assert differing(guild.home, there, "far") == []


def test_a_run_that_has_no_room_at_first_is_told_of_from_its_start(
    guild: Guild, sshd: Server, there: Path, small_disk: str, tmp_path: Path
) -> None:
    told = Told(guild, tmp_path / "told")
    told.hooks({"on": ["started", "completed"], "command": TELL})
    expected_of_a_kill(guild, LARGE)
    assert guild("sync").code == 4
    assert told.events() == []
    room_for_all(guild)
    guild.ok("sync")
    assert told.events() == ["completed", "started"]


def test_a_run_that_grows_keeps_what_is_here(guild: Guild, there: Path, small_disk: str) -> None:
    run = write_run(there, OTHER, sizes=(MB,), ended=False)
    with held(run):
        guild.ok("pull", "far", OTHER, "-y")
        (run / "more").write_bytes(os.urandom(48 * MB))
        with open(run / ".guild/output", "a") as output:
            output.write("more\n")
        assert guild("sync").code == 4
        assert (guild.home / "runs" / OTHER / "file-0").stat().st_size == MB
        assert not (guild.home / "runs" / OTHER / "more").exists()
        assert guild.ok("cat", "--output", OTHER).out.endswith("more\n")


def test_a_remote_that_sends_more_than_it_has_told_does_not_fill_the_disk(
    guild: Guild, sshd: Server, there: Path, small_disk: str, tmp_path: Path
) -> None:
    shutil.rmtree(there / "runs" / LARGE)
    lying = tmp_path / "rsync"
    more = there / "runs" / SMALL / "more"
    grown = f"[ -e {more} ] || head -c {200 * MB} /dev/urandom >{more}"
    lying.write_text(f'#!/bin/sh\ncase $* in *--sender*) {grown};; esac\nexec rsync "$@"\n')
    lying.chmod(0o755)
    configured(guild, sshd, far=there)
    config = yaml.safe_load(guild.config.read_text())
    config["remotes"]["far"].update({"rsync-path": str(lying), "bwlimit": 20_000})
    guild.config.write_text(yaml.safe_dump(config))
    for words in (("pull", "far", "-y"), ("sync",)):
        more.unlink(missing_ok=True)
        done = guild(*words)
        assert (done.code, done.err.splitlines()[0]) == (
            4,
            "guild: no room: a copy from far was ended before the disk here was full",
        )
        free = os.statvfs(guild.home)
        assert free.f_bavail * free.f_frsize > 5 * MB, "of 20 that are kept free"
        assert guild.status(SMALL) == "running (far)"
        assert list(guild.home.glob("runs/.incoming*")) == []
    config["remotes"]["far"] = sshd.keys(there)
    guild.config.write_text(yaml.safe_dump(config))
    room_for_all(guild)
    guild.ok("sync")
    assert differing(guild.home, there, "far") == []


def test_a_sparse_file_takes_no_more_room_than_it_has(
    guild: Guild, there: Path, small_disk: str
) -> None:
    run = write_run(there, OTHER, sizes=(10,))
    with open(run / "sparse", "wb") as file:
        file.truncate(1 << 29)
    guild.ok("pull", "far", OTHER, "-y")
    assert guild.status(OTHER) == "completed"


def test_several_remotes_do_not_count_on_the_same_room(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    homes = {name: tmp_path / name for name in ("one", "two")}
    with disk(guild.home, "64m"):
        configured(guild, sshd, **homes)
        for number, (name, home) in enumerate(homes.items(), 10):
            write_run(home, f"{number:032x}", sizes=(25 * MB,), ended=False)
            guild.ok("runs", "-r", name)
            (guild.home / "runs" / f"{number:032x}" / ".guild").mkdir(parents=True)
            (guild.home / "runs" / f"{number:032x}" / ".guild" / "LOCK.remote").write_text(name)
        done = guild("sync")
        assert done.code == 4
        assert done.err.count("guild: no room: 23.8M for 1 run of ") == 1
        whole = list(guild.home.glob("runs/*/file-0"))
        assert len(whole) == 1


def test_a_plan_counts_what_is_kept_free(guild: Guild, there: Path, small_disk: str) -> None:
    done = guild("pull", "far", "--plan")
    assert done.code == 1
    assert "there is no room here for 48.6M" in done.err


def test_a_fault_in_keep_free_is_told_and_stops_nothing(
    guild: Guild, sshd: Server, there: Path
) -> None:
    write_run(there, SMALL, sizes=(10,))
    remotes = {"far": sshd.keys(there)}
    guild.config.write_text(yaml.safe_dump({"keep-free": "much", "remotes": remotes}))
    guild.ok("pull", "far", "-y")
    done = guild("check", "--offline")
    assert done.code == 1
    assert "keep-free: must be a size, such as 500M or 20G, not 'much'" in done.err + done.out
