"""Runs removed from a remote that are home and verified, and all that has to stay there."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import faults
import pytest
from comparing import differences
from faults import change_a_byte, write_run
from support import Guild, Server
from test_verify import trees

from guild_sync.agent import protocol
from guild_sync.agent.store import rundir
from guild_sync.agent.store.home import home_id
from guild_sync.config.schema import AN_AGE
from guild_sync.output import formats

RUNS = [*faults.RUNS, f"{4:032x}"]
DAY = 86_400_000_000  # microseconds


@pytest.fixture
def far(guild: Guild, there: Path, far: str) -> str:
    """The remote whose runs have ended, and one more; they are all here."""
    write_run(there, RUNS[3], sizes=faults.SIZES)
    guild.ok("pull", far, "-y")
    return far


def kept(guild: Guild, *words: str) -> dict[str, Any]:
    """What `guild clean --plan --json` says of each run: why it is kept, None where it is not."""
    told = json.loads(guild("clean", "-r", "far", "--plan", "--json", *words).out)
    return {run["run"]: run["kept"] for run in told["runs"]}


def ids_in(home: Path, deleted: bool = False) -> set[str]:
    return set(rundir.names(rundir.runs_dir(str(home), deleted)))


def test_what_is_home_and_verified_goes_to_the_trash_there(
    guild: Guild, there: Path, far: str
) -> None:
    before = trees(guild.home, there)
    plan = guild.ok("clean", "-r", far, "--plan").lines
    total = sum(
        path.stat().st_size
        for run_id in RUNS
        for path in (there / "runs" / run_id).rglob("*")
        if path.is_file()
    )
    freed = formats.size(total)
    assert plan[:2] == [
        "Verifying 4 runs of far",
        f"would free {freed}: 4 runs, all home and verified",
    ]
    assert trees(guild.home, there) == before, "a plan writes nothing"

    write_run(there, "e" * 32, sizes=(10,))
    only = write_run(guild.home, "d" * 32, sizes=(10,))
    done = guild.ok("clean", "-r", far, "-y").lines
    assert done[1:] == [
        f"Deleted 4 runs on far ({freed}), all home and verified; 1 kept: not home",
        "Until 'guild purge -r far' they take their room in the trash there.",
    ]
    assert ids_in(there) == {"e" * 32}
    assert ids_in(there, deleted=True) == {*RUNS}
    for run_id in RUNS:
        gone = there / "trash/runs" / run_id
        assert differences(guild.home / "runs" / run_id, gone) == [], "what is here stays"
    assert only.exists()
    lines = guild.ok("verify").lines
    assert lines == [
        "Verifying 4 runs of far",
        "Passed over 4 runs that 'guild clean' removed on far",
        "Nothing was compared.",
    ]
    half = guild.home / "runs" / RUNS[1] / f".guild/.LOCK.cleaned.{'1' * 16}.4194304"
    half.touch()  # of a clean that was killed
    again = guild.ok("clean", "-r", far, "-y").lines
    assert again == ["Nothing to clean on far; 1 kept: not home"]
    assert not half.exists()
    guild.ok("restore", "-r", far, RUNS[0], "-y")
    guild.ok("verify", RUNS[0])
    last = guild.ok("clean", "-r", far, "-yp").lines[-1]
    assert last.startswith("Freed ")
    assert ids_in(there, deleted=True) == {*RUNS[1:]}, "what was in the trash already goes"


def test_one_byte_that_differs_keeps_its_run(guild: Guild, there: Path, far: str) -> None:
    change_a_byte(guild.home / "runs" / RUNS[1] / "file-0")
    change_a_byte(there / "runs" / RUNS[2] / "file-1")
    done = guild("clean", "-r", far, "-yp")
    assert done.code == 4
    assert f"Differs: {RUNS[1]}/file-0" in done.lines
    assert f"Differs: {RUNS[2]}/file-1" in done.lines
    assert done.lines[-1].endswith("2 runs, all home and verified; 2 kept: not the same here")
    assert ids_in(there) == {RUNS[1], RUNS[2]}


def test_which_runs_are_meant(guild: Guild, there: Path, far: str) -> None:
    now = protocol.now() - 1_000_000
    for days, run_id in enumerate(reversed(RUNS)):
        for home in (there, guild.home):
            for name in ("started", "stopped"):
                at = now - days * DAY
                rundir.write_attr(str(home / "runs" / run_id), name, at)
    one, two, three, four = reversed(RUNS)  # the latest first
    guild.ok("label", "-s", "old", three, "-y")
    # The labels of both sides are merged: who has none there is not changed here.
    assert kept(guild) == dict.fromkeys(RUNS)
    assert kept(guild, "--older-than", "30h") == {
        **dict.fromkeys((one, two), "not that old"),
        **dict.fromkeys((three, four)),
    }
    assert kept(guild, "--older-than", "2d", "--keep-last", "3") == {
        **dict.fromkeys((one, two, three), "among the last 3"),
        four: None,
    }
    assert kept(guild, "--error") == {}
    assert kept(guild, "-Sch", "--keep-last", "1") == {
        one: "among the last 1",
        **dict.fromkeys((two, three, four)),
    }
    for words, said in (
        (("--older-than", "soon"), f"--older-than takes {AN_AGE}, not 'soon'"),
        (("--older-than", "30"), f"--older-than takes {AN_AGE}, not '30'"),
        (("--keep-last", "-1"), "--keep-last takes a whole number"),
        (("--json",), "--json belongs to --plan or --yes"),
        (("--home", "--not-home"), "--home and --not-home exclude each other"),
    ):
        done = guild("clean", "-r", far, *words)
        assert (done.code, said in done.err) == (1, True), done
    assert guild("clean", "-r", "nowhere").err.startswith("guild: remote 'nowhere' ")
    assert ids_in(there) == {*RUNS}


def test_all_that_has_to_stay(guild: Guild, there: Path, far: str, tmp_path: Path) -> None:
    names = ["a", "b", "c", "d", "e", "f", "5", "6", "7", "8"]
    ids = {name: name * 32 for name in names}
    guild.env["LOGNAME"] = "ann"
    name = home_id(str(guild.home), make=True)
    for run_id in [*RUNS, *ids.values()]:
        if run_id not in RUNS:
            write_run(there, run_id, sizes=(10, 20))
        who = {"user": "bob" if run_id == ids["7"] else "ann", "client": "x", "home": name or ""}
        rundir.write_attr(str(there / "runs" / run_id), "started_by", who)
    guild.ok("pull", far, *RUNS, "-y")
    guild.ok("pull", far, *ids.values(), "-y")
    here, away = guild.home / "runs", there / "runs"
    (away / ids["a"] / ".guild/STAGED").touch()
    guild.ok("rm", ids["b"], "-y")
    (here / ids["c"]).rename(tmp_path / "moved")
    (here / ids["c"]).symlink_to(tmp_path / "not-mounted")
    (away / RUNS[0] / "data").mkdir()
    (away / RUNS[0] / "data/model").symlink_to(away / ids["d"] / "file-0")
    guild.ok("pull", far, ids["e"], "--exclude", "file-1", "-y")
    (here / ids["e"] / "file-1").unlink()
    guild.ok("pull", far, ids["e"], "--exclude", "file-1", "-y")
    shutil.rmtree(here / ids["8"])
    (here / ids["8"]).symlink_to(away / ids["8"])
    (away / ids["8"] / ".guild/LOCK.confirmed").write_text("5 far\n\n")
    (here / ids["f"] / ".guild/LOCK.remote").write_text("far\n")
    for home in (there, guild.home):
        rundir.write_attr(str(home / "runs" / ids["6"]), "label", f"of {home.name}")
    mine = here / ids["5"] / ".guild/LOCK.confirmed"
    mine.write_text(mine.read_text().replace(" far\n", " other\n"))
    assert guild("pull", far, ids["6"], "-y").code == 0
    expected = {
        ids["a"]: "staged",
        ids["b"]: "deleted here",
        ids["c"]: "on a disk that is not mounted here",
        ids["d"]: "linked to or required by runs that stay",
        ids["e"]: "with files that were left out",
        ids["f"]: "not home",
        ids["5"]: "not home",
        ids["6"]: "with a label or notes that are not here",
        ids["8"]: "the very files that are here",
        RUNS[0]: "not the same here",
    }
    done = guild("clean", "-r", far, "-y", "--json")
    told = json.loads(done.out)
    assert {run["run"]: run["kept"] for run in told["runs"] if run["kept"]} == expected
    assert told["others"] == 1
    assert ids_in(there) == {*expected, ids["7"]}
    assert ids_in(there, deleted=True) == {*RUNS[1:]}


def test_a_run_of_which_the_config_leaves_something_out_stays(
    guild: Guild, sshd: Server, there: Path, far: str
) -> None:
    (there / "runs" / RUNS[0] / "a.ckpt").write_text("on the remote alone")
    assert kept(guild)[RUNS[0]] == "not the same here"
    guild.configure(far=sshd.keys(there, pull={"exclude": "*.ckpt"}))
    done = guild.ok("clean", "-r", far, "-y", "--keep-last", "1")
    assert "2 kept: 1 among the last 1, 1 with files that were left out" in done.out
    assert RUNS[0] in ids_in(there)


def test_what_changes_after_it_was_verified_stays(
    guild: Guild, sshd: Server, there: Path, far: str, tmp_path: Path
) -> None:
    one, two, three = (there / "runs" / run_id for run_id in RUNS[:3])
    changes = tmp_path / "changes-rsync"
    changes.write_text(
        f"""#!/bin/sh
[ "$1" = --version ] && exec rsync "$@"
rsync "$@"; code=$?
printf x > {one}/new && touch -r {one}/file-0 {one}/new
printf y | dd of={one}/file-0 conv=notrunc status=none && touch -r {one}/new {one}/file-0
rm {one}/new
rm {two}/.guild/attrs/exit_status {two}/.guild/attrs/stopped
rm {guild.home}/runs/{RUNS[2]}/file-0
exit $code
"""
    )
    changes.chmod(0o755)
    guild.configure(far={**sshd.keys(there), "rsync-path": str(changes)})
    done = guild("clean", "-r", far, "-yp")
    assert done.code == 4
    assert "1 run, all home and verified; 3 kept: " in done.lines[-1]
    assert done.err.splitlines() == [
        f"guild: run {run_id} on far was not deleted: it changed after it was verified"
        for run_id in (RUNS[1], RUNS[0])
    ]
    assert ids_in(there) == {*RUNS[:3]}
    assert (three / "file-0").exists()


AROUND = """#!{python}
import os, subprocess, sys
argv = [sys.executable, *sys.argv[1:]]
if sys.argv[1:3] != ["-I", "-S"]:
    os.execv(argv[0], argv)
agent = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
while request := sys.stdin.buffer.readline():
    commands = {commands} if b'"clean"' in request else ["true", "true"]
    subprocess.run(["sh", "-c", commands[0]], stdout=2)
    agent.stdin.write(request)
    agent.stdin.flush()
    answer = b""
    while not answer.endswith(b"\\n") or b"GUILD-ANSWER" not in answer:
        if not (line := agent.stdout.readline()):
            sys.exit(agent.wait())
        answer += line
    subprocess.run(["sh", "-c", commands[1]], stdout=2)
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
agent.stdin.close()
sys.exit(agent.wait())
"""


def around_the_removal(place: Path, before: str, after: str = "true") -> Path:
    """A Python for a remote that runs these commands when the agent is asked to clean."""
    python = place / "around-python"
    python.write_text(AROUND.format(python=sys.executable, commands=[before, after]))
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("words", [("-y",), ("-yp",)])
def test_what_is_deleted_or_changed_while_it_is_removed_there_is_brought_back(
    guild: Guild, sshd: Server, there: Path, far: str, tmp_path: Path, words: tuple[str, ...]
) -> None:
    rm = f"GUILD_HOME={guild.home} {' '.join(guild.argv('rm', '-yp'))}"
    file = guild.home / "runs" / RUNS[2] / "file-0"
    python = around_the_removal(
        tmp_path,
        f"{rm} {RUNS[0]}\nrm {there}/runs/{RUNS[3]}/.guild/attrs/exit_status",
        f"{rm} {RUNS[1]}\nprintf x | dd of={file} conv=notrunc status=none",
    )
    guild.configure(far=sshd.keys(there, python=str(python)))
    done = guild("clean", "-r", far, *words)
    assert done.code == 4
    assert done.lines[-1].startswith("Nothing to clean on far; 4 kept: ")
    assert sorted(done.err.splitlines()) == sorted(
        [
            *(
                f"guild: run {run_id} on far was not deleted: it changed here meanwhile"
                for run_id in RUNS[:3]
            ),
            f"guild: run {RUNS[3]} on far was not deleted: it changed after it was verified",
        ]
    )
    assert ids_in(there) == {*RUNS}
    assert ids_in(there, deleted=True) == set()
    assert [*guild.home.rglob("LOCK.cleaned")] == []


@pytest.mark.parametrize("is_lost_again", [False, True])
def test_a_clean_whose_connection_is_lost_has_all_in_the_trash_there(
    guild: Guild, sshd: Server, there: Path, far: str, tmp_path: Path, is_lost_again: bool
) -> None:
    kill = "p=$$; until grep -q ^sshd /proc/$p/comm; do p=$(cut -d' ' -f4 /proc/$p/stat); done"
    once = "true" if is_lost_again else f"mkdir {tmp_path}/lost"
    python = around_the_removal(tmp_path, "true", f"{once} && {{ {kill}; kill -9 $p; }}")
    guild.configure(far=sshd.keys(there, python=str(python)))
    done = guild("clean", "-r", far, *(["-yp"] if is_lost_again else ["-y"]))
    assert done.code == (3 if is_lost_again else 0), done
    assert ids_in(there) == set()
    assert ids_in(there, deleted=True) == {*RUNS}, "what was not looked at again is not gone"
    for run_id in RUNS:
        gone = there / "trash/runs" / run_id
        assert differences(guild.home / "runs" / run_id, gone) == []
    if not is_lost_again:
        assert done.lines[1].startswith("Deleted 4 runs on far (")
        assert len([*guild.home.rglob("LOCK.cleaned")]) == len(RUNS)


def test_a_home_without_a_name_as_guild_ais_is_not_said_to_be_another(
    guild: Guild, sshd: Server, there: Path
) -> None:
    write_run(there, RUNS[0], sizes=faults.SIZES)
    guild.configure(far=sshd.keys(there))
    (there / "runs/.home-id").unlink(missing_ok=True)
    for words in (("-y",), ("--plan",)):
        done = guild("clean", "-r", "far", *words)
        assert done.code == 1
        assert done.err.splitlines() == [
            f"guild: the guild home of remote 'far' ({there}) is without a name that it could be "
            "known by",
            "'guild pull far' gives it one, and brings home what it has. Nothing was removed.",
        ]
    guild.ok("pull", "far", "-y")
    assert guild.ok("clean", "-r", "far", "-y").lines[1].startswith("Deleted 1 run on far")


def test_a_home_that_is_another_than_before_is_refused(
    guild: Guild, sshd: Server, there: Path, far: str
) -> None:
    assert guild.ok("clean", "-r", far, "-y", "--keep-last", "3").lines[-2].startswith("Deleted 1")
    name = there / "runs/.home-id"
    known = name.read_text()
    name.write_text("0" * 32 + "\n")
    for words in (("-y",), ("--plan",)):
        done = guild("clean", "-r", far, *words)
        assert done.code == 1
        assert done.err.startswith("guild: the guild home of remote 'far' ")
        assert " is another than before\n" in done.err
    name.unlink()
    assert guild("clean", "-r", far, "-y").code == 1
    assert ids_in(there) == {*RUNS[1:]}
    (there / "runs").rename(there / "unmounted")
    (there / "runs").mkdir()
    assert guild("clean", "-r", far, "-y").code == 1
    assert [*(there / "runs").iterdir()] == [], "nothing is made there"
    (there / "runs").rmdir()
    (there / "unmounted").rename(there / "runs")
    name.write_text(known)
    guild.configure(far={**sshd.keys(there), "port": 1})
    assert guild("clean", "-r", far, "-y").code == 3


def test_who_is_asked_sees_the_runs_and_may_say_no(guild: Guild, there: Path, far: str) -> None:
    done = guild("clean", "-r", far, "--keep-last", "3", stdin="n\n")
    assert done.code == 0
    assert done.lines[0] == (
        "You are about to delete the following runs on far, once they are verified:"
    )
    assert RUNS[0][:8] in done.lines[1]
    assert done.lines[2].startswith("3 kept: among the last 3.")
    assert ids_in(there) == {*RUNS}


def test_home_is_a_filter_here_and_there(guild: Guild, there: Path, far: str) -> None:
    own = write_run(guild.home, "d" * 32).name
    new = write_run(there, "e" * 32).name
    (guild.home / "runs" / RUNS[0] / ".guild/LOCK.remote").write_text("far\n")

    def listed(*words: str) -> set[str]:
        return {run["id"] for run in json.loads(guild.ok("runs", "--json", "-a", *words).out)}

    assert listed("-Sh") == listed("-Shc") == {*RUNS[1:]}
    assert listed("--not-home") == {own, RUNS[0]}
    assert listed("-r", far, "--home") == {*RUNS[1:]}
    assert listed("-r", far, "--not-home") == {new, RUNS[0]}
    assert guild.ok("select", "-r", far, "--home", "--all").lines == RUNS[:0:-1]
    copied = guild.ok("pull", far, "--not-home", "-y").lines
    assert {line for line in copied if line.startswith("Copying")} == {
        f"Copying {new}",
        f"Copying {RUNS[0]}",
    }
    assert listed("-r", far, "--not-home") == set()


def test_what_was_deleted_here_is_removed_for_good_and_nothing_else(
    guild: Guild, there: Path, far: str
) -> None:
    log = guild.home / "log/sync.log"
    guild.ok("sync", "--log", str(log))
    log.parent.mkdir(exist_ok=True)
    log.write_text("of a sync\n")
    guild.ok("rm", *RUNS[:3], "-y")
    assert guild("clean", "--permanent").code == 1
    assert guild.ok("clean", "--plan", "--older-than", "1h").lines == [
        "Nothing to clean; 3 kept: not that old"
    ]
    plan = guild.ok("clean", "--plan", "--keep-last", "1").lines
    assert plan[0].startswith("would free ")
    assert plan[0].endswith(": 2 deleted runs, 1 log; 1 kept: among the last 1")
    asked = guild("clean", "--keep-last", "1", stdin="\n")
    assert asked.code == 0
    assert [line.split("]")[0].strip(" [") for line in asked.lines[1:3]] == [
        run_id[:8] for run_id in RUNS[1::-1]
    ], "those that go are shown"
    assert ids_in(guild.home, deleted=True) == {*RUNS[:3]}, "a bare return is no"
    done = guild.ok("clean", "--keep-last", "1", "-y").lines
    assert done == [plan[0].replace("would free", "Freed")]
    assert ids_in(guild.home, deleted=True) == {RUNS[2]}
    assert (ids_in(guild.home), ids_in(there)) == ({RUNS[3]}, {*RUNS})
    assert not log.exists()


def test_guild_sync_does_once_a_day_what_the_config_says(
    guild: Guild, sshd: Server, there: Path, far: str
) -> None:
    guild.configure(far=sshd.keys(there, clean={"keep-last": 1}))
    change_a_byte(guild.home / "runs" / RUNS[0] / "file-0")
    guild.ok("sync")
    assert ids_in(there) == {*RUNS}, "not by hand"
    done = guild("sync", "--cron")
    assert done.code == 4
    (line,) = done.lines
    assert line.startswith("Deleted 2 runs on far (")
    assert line.endswith(
        "), all home and verified; 2 kept: 1 among the last 1, 1 not the same here"
    )
    assert done.err.splitlines() == [
        f"guild: run {RUNS[0]} stays on far: file-0 is not the same here",
        "See 'guild verify'.",
    ]
    assert ids_in(there, deleted=True) == {*RUNS[1:3]}
    again = guild.ok("sync", "--cron")
    assert again.lines == [], "not before tomorrow"

    ledger = next((guild.home / "remotes").glob("*.json"))
    entry = json.loads(ledger.read_text())
    ledger.write_text(json.dumps({**entry, "cleaned": entry["cleaned"] - 86_401}))
    (there / "runs/.home-id").write_text("0" * 32 + "\n")
    done = guild("sync", "--cron")
    assert (done.code, "is another than before" in done.err) == (1, True)
    assert guild.ok("sync", "--cron").err == ""
    assert ids_in(there) == {RUNS[0], RUNS[3]}
