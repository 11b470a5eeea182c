"""Several remotes at a time: one table, one question, one exit status; one is down, one hangs."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from rundirs import make
from support import Done, Guild, Server, keep_nothing_free, wait_until
from test_bad_input import complaint
from test_unreachable import closed_port, own_connections

# Fixtures of another module, for here too.
__all__ = ["closed_port", "own_connections"]

SECOND = 1_000_000  # microseconds
BEGAN = 1_795_000_000 * SECOND
OLD, MID, NEW, TWIN = "ab" + "0" * 30, "cd" + "1" * 30, "ab" + "2" * 30, "ef" + "3" * 30


@dataclass(frozen=True)
class Fleet:
    """Two remotes with runs, and one that is down; how they are called in the config."""

    guild: Guild
    homes: Mapping[str, Path]

    def __call__(self, *argv: str) -> Done:
        return self.guild(*argv)

    def ok(self, *argv: str) -> Done:
        return self.guild.ok(*argv)


@pytest.fixture
def fleet(
    guild: Guild, sshd: Server, tmp_path: Path, agent_folder: Path, closed_port: int
) -> Fleet:
    homes = {name: tmp_path / name for name in ("gpu1", "gpu2")}
    for home in homes.values():
        shutil.copytree(agent_folder, home / "agent" / agent_folder.name)
    for name, run_id, after, rate in (
        *(("gpu1", OLD, 1, 0.3), ("gpu2", MID, 2, 0.1)),
        *(("gpu1", NEW, 3, 0.2), ("gpu1", TWIN, 0, 0.4), ("gpu2", TWIN, 0, 0.4)),
    ):
        directory = make(
            *(homes[name], run_id),
            started=BEGAN + after * SECOND,
            stopped=BEGAN + (after + 1) * SECOND,
            exit_status=0,
            label=f"run {rate}",
            flags={"rate": rate},
        )
        (directory / "model.txt").write_text(f"{name} {rate}\n")
        (directory / ".guild/output").write_text(f"rate {rate} on {name}\n")
    remotes = {name: sshd.keys(home) for name, home in homes.items()}
    down = sshd.keys(tmp_path / "down", port=closed_port)
    config = {
        "remotes": {**remotes, "down": down},
        "groups": {"both": ["gpu2", "gpu1"], "alone": ["gpu1"]},
    }
    guild.config.write_text(yaml.safe_dump(config, sort_keys=False))
    keep_nothing_free(guild)
    return Fleet(guild, homes)


def is_down(done: Done) -> bool:
    """Whether it tells of the remote that is down, and of nothing else, in its exit status too."""
    told = re.findall(r"^guild: .*", done.err, re.M)
    return done.code == 3 and len(told) == 1 and "cannot reach remote 'down'" in told[0]


# ---- listed


def test_runs_of_several_remotes_are_one_table_the_newest_first(fleet: Fleet) -> None:
    both = fleet.ok("runs", "-r", "gpu1,gpu2")
    assert [re.split(r" {2,}", line)[:2] for line in both.lines] == [
        *(["gpu1:1", "[ab222222]"], ["gpu2:1", "[cd111111]"], ["gpu1:2", "[ab000000]"]),
        *(["gpu1:3", "[ef333333]"], ["gpu2:2", "[ef333333]"]),
    ]
    every = fleet("runs", "-r", "all")
    assert every.lines == both.lines
    assert is_down(every)
    shown = fleet.ok("runs", "-r", "both", "-n", "2", "-s").lines
    assert shown == [
        "gpu1:1  gpkg.demo/op  completed  run 0.2",
        "gpu2:1  gpkg.demo/op  completed  run 0.1",
    ]
    grouped = fleet.ok("runs", "-r", "both").lines
    assert grouped[:3] == both.lines[:3]
    assert {*grouped} == {*both.lines}
    alone = fleet.ok("runs", "-r", "alone").lines
    assert [line.split()[0] for line in alone] == ["gpu1:1", "gpu1:2", "gpu1:3"]
    one = fleet.ok("runs", "-r", "gpu1", "-n", "1").lines
    assert [line.split()[0] for line in one] == ["[1:ab222222]"], "one name is as it was"


def test_more_runs_than_are_shown_are_counted_over_all(fleet: Fleet) -> None:
    for number in range(20):
        make(fleet.homes["gpu2"], f"{number:032x}", started=BEGAN - number, exit_status=0)
    lines = fleet.ok("runs", "-r", "both").lines
    assert len(lines) == 21
    assert lines[-1].startswith("Showing the first 20 runs (25 in all)")


def test_json_says_where_each_run_is(fleet: Fleet) -> None:
    done = fleet("runs", "-r", "all", "--json")
    assert is_down(done)
    runs = json.loads(done.out)
    assert [(run["on_remote"], run["id"]) for run in runs] == [
        *(("gpu1", NEW), ("gpu2", MID), ("gpu1", OLD), ("gpu1", TWIN), ("gpu2", TWIN)),
    ]
    alone = json.loads(fleet.ok("runs", "-r", "gpu1", "--json").out)
    assert {*runs[0]} == {*alone[0], "on_remote"}
    info = json.loads(fleet.ok("info", "-r", "both", "--json").out)
    assert (info["on_remote"], info["id"]) == ("gpu1", NEW)
    assert json.loads(fleet("runs", "-r", "down,down", "--json").out) == []


def test_runs_are_named_with_their_remote_or_by_their_ids(fleet: Fleet) -> None:
    def ids(*specs: str) -> list[str]:
        return fleet.ok("select", "-r", "both", *specs).lines

    assert ids("gpu1:2", "gpu2:1") == [MID, OLD]
    assert ids("gpu1:1:2", "cd") == [NEW, MID, OLD]
    assert ids("gpu2:ef", "gpu1:ef") == [TWIN, TWIN]
    rows = fleet.ok("runs", "-r", "both", "gpu1:2").lines
    assert [line.split()[:2] for line in rows] == [["gpu1", "[ab000000]"]]


def test_the_latest_of_all_is_meant_where_none_is_named(fleet: Fleet) -> None:
    assert fleet.ok("cat", "-r", "both", "-O").out == "rate 0.2 on gpu1\n"
    assert "model.txt" in fleet.ok("ls", "-r", "both").out
    assert fleet.ok("info", "-r", "both").lines[:2] == ["on_remote: gpu1", f"id: {NEW}"]
    found = fleet("cat", "-r", "all", "-O")
    assert found.out == "rate 0.2 on gpu1\n"
    assert is_down(found), "the run that is meant could be there"
    assert fleet.ok("select", "-r", "both").lines == [NEW]
    assert fleet.ok("select", "-r", "both", "--min", "rate", "--attr", "rate").lines == ["0.1"]
    assert fleet.ok("select", "-r", "both", "--max", "rate", "-A").lines[2:] == [OLD, NEW, MID]
    assert fleet.ok("select", "-r", "both", "--with-label", "run 0.1").lines == [MID]
    differ = fleet.ok("diff", "-r", "both", "-f").out
    assert "-rate: 0.1\n+rate: 0.2\n" in differ
    assert "-rate: 0.2\n+rate: 0.3\n" in fleet.ok("diff", "-r", "both", "gpu1:1", "ab0", "-f").out


def test_what_names_no_run_or_several_is_one_line(fleet: Fleet) -> None:
    for spec, said, hint in (
        ("ab", "'ab' is the beginning of 2 run ids", "It could be ab222222"),
        ("ef", "there is a run ef on gpu1 and on gpu2", "gpu1:ef or gpu2:ef."),
        ("77", "'77' has an index", "Say of which one: gpu1:77."),
        ("abcdef", "matching 'abcdef' on gpu1, gpu2", "guild runs -r gpu1,gpu2"),
        ("gpu2:9", "could not find a run matching '9' (there are 2)", "'guild runs -r gpu2'"),
        ("gpu1:1:2", "'1:2' names 2 runs", "Name one."),
        ("down:1", "'down:1' is a run of none of the remotes", "These are gpu1, gpu2."),
    ):
        lines = complaint(fleet("info", "-r", "gpu1,gpu2", spec))
        assert said in lines[0]
        assert hint in lines[1]
    for at in ([], ["-r", "gpu2"]):
        hint = complaint(fleet("info", "gpu2:1", *at))[2]
        assert (
            hint == "gpu2:1 is for several remotes, such as '-r all'; of one it is '-r gpu2' and 1."
        )


def test_remotes_shows_groups_last(fleet: Fleet) -> None:
    alone, both = fleet.ok("remotes").lines[-2:]
    assert alone.split() == ["alone", "group", "gpu1"]
    assert both.split() == ["both", "group", "gpu2,", "gpu1"]
    assert "both" not in fleet.ok("remotes", "--json").out


def test_a_run_that_is_found_nowhere_may_be_on_what_is_down(fleet: Fleet) -> None:
    done = fleet("info", "-r", "all", "abcdef")
    assert done.code == 3
    assert "could not find a run matching 'abcdef' on gpu1, gpu2\n" in done.err
    done = fleet("info", "-r", "down,down")
    assert done.code == 3
    assert done.err.splitlines()[-2] == "guild: none of down could be asked"


def test_a_name_that_no_run_of_any_remote_has_is_warned_of_once(fleet: Fleet) -> None:
    done = fleet("runs", "-r", "both", "-F", "nosuch = 3")
    assert (done.code, done.out) == (0, "")
    assert done.err.count("which no run on") == 1
    make(fleet.homes["gpu2"], "a" * 32, started=BEGAN, exit_status=0, flags={"nosuch": 3})
    assert len(fleet.ok("runs", "-r", "both", "-F", "nosuch = 3").lines) == 1


# ---- what is down, hangs, or is no remote


def test_an_unknown_name_is_one_line_and_nobody_is_asked(fleet: Fleet) -> None:
    for words in (["runs"], ["info"], ["stop"], ["check"]):
        lines = complaint(fleet(*words, "-r", "down,nosuch"))
        assert lines[0] == "guild: remote 'nosuch' is not defined", words
    assert complaint(fleet("pull", "down,nosuch"))[0] == "guild: remote 'nosuch' is not defined"


def test_what_takes_one_remote_says_so(fleet: Fleet) -> None:
    for words, name in (
        *((["push"], "gpu1,gpu2"), (["rm", "-y", "-r"], "all"), (["clean", "-r"], "both")),
        *((["label", "-c", "-r"], "both"), (["remote", "login"], "any")),
    ):
        said = f"guild: {name!r} means several remotes, and this takes one"
        assert complaint(fleet(*words, name))[0] == said, words


def test_a_remote_at_fault_stops_no_other(fleet: Fleet) -> None:
    config = yaml.safe_load(fleet.guild.config.read_text())
    config["remotes"]["wrong"] = {"type": "ssh"}
    fleet.guild.config.write_text(yaml.safe_dump(config))
    done = fleet("runs", "-r", "gpu1,wrong")
    assert (done.code, len(done.lines)) == (1, 3)
    assert done.err.splitlines()[1:] == ["  remotes: wrong: host: is missing"]


def hang(fleet: Fleet, port: int, seconds: int) -> None:
    """Have the remote that is down be one that takes connections and says nothing."""
    config = yaml.safe_load(fleet.guild.config.read_text())
    config["remotes"]["down"].update({"port": port, "connect-timeout": seconds})
    fleet.guild.config.write_text(yaml.safe_dump(config, sort_keys=False))


def test_one_that_hangs_is_waited_for_as_long_as_it_says(fleet: Fleet) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        hang(fleet, silent.getsockname()[1], 1)
        done = fleet("runs", "-r", "all")
    assert (done.code, len(done.lines)) == (3, 5)
    assert "remote 'down'" in done.err
    assert "does not answer" in done.err


def test_ctrl_c_waits_for_none_and_no_copy_waits_for_another(fleet: Fleet) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        hang(fleet, silent.getsockname()[1], 600)
        silent.settimeout(60)
        for words in (["runs", "-r", "all"], ["pull", "all", "-y"]):
            asking = fleet.guild.popen(*words)
            with silent.accept()[0]:
                if words[0] == "pull":
                    wait_until(lambda: len(copies(fleet)) == 4, "the runs of the others")
                asking.send_signal(signal.SIGINT)
                assert asking.wait(60) == 130, words


# ---- brought home, compared, looked at


def copies(fleet: Fleet) -> dict[str, str]:
    """The runs here, and what of a remote's each has."""
    return {
        path.parent.name: path.read_text() for path in fleet.guild.home.glob("runs/*/model.txt")
    }


def test_runs_of_all_remotes_come_home_at_once(fleet: Fleet) -> None:
    plan = json.loads(fleet.ok("pull", "both", "--plan", "--json").out)
    of_each = [(one["remote"], len(one["runs"])) for one in plan["remotes"]]
    assert of_each == [("gpu2", 2), ("gpu1", 2)], "what both have comes from one"
    assert not copies(fleet)
    plain = fleet("pull", "gpu1,gpu2", "--plan")
    asked = fleet("pull", "both")
    assert (asked.code, asked.err.splitlines()[0]) == (1, "guild: nobody answered the question")
    assert asked.out.count("You are about to copy") == 2
    assert asked.out.count("Continue?") == 1
    done = fleet("pull", "all", "-y")
    assert is_down(done)
    assert "1 run of gpu2 will come from another remote that has the same" in plain.lines
    expected = {NEW: "gpu1 0.2\n", OLD: "gpu1 0.3\n", MID: "gpu2 0.1\n"}
    came = copies(fleet)
    expected[TWIN] = f"{came[TWIN].split()[0]} 0.4\n"
    assert came == expected
    fleet.ok("pull", "gpu2,gpu1", "-y")
    for names in ("gpu1,gpu2", "gpu2,gpu1"):  # of which the first would be asked for what both have
        fleet.ok("pull", names, "--plan")
    assert copies(fleet) == expected, "what is here stays with the remote that it came from"
    verified = fleet("verify", "-r", "all")
    assert verified.code == 0, "nothing came from what is down"
    assert verified.lines[-1].startswith("4 runs, ")
    (fleet.guild.home / "runs" / MID / "model.txt").write_text("gpu2 0.9\n")
    assert fleet("verify", "-r", "both").code == 4
    assert fleet("verify", "-r", "alone").lines[-1].endswith("none differs")
    assert "no copy of gpu1 or down's" in fleet("verify", "-r", "gpu1,down", MID).err


def test_runs_that_are_named_come_from_their_remotes(fleet: Fleet) -> None:
    fleet.ok("pull", "both", "gpu1:2", "cd", "-y")
    assert [*copies(fleet)] and {*copies(fleet)} == {OLD, MID}
    with_filter = fleet("pull", "both", "-F", "rate < 0.3 and nosuch != 1", "-y")
    assert with_filter.code == 1, "a name that no run has would mean all of them"
    assert {*copies(fleet)} == {OLD, MID}


def test_remotes_are_checked_and_their_standing_is_shown(fleet: Fleet) -> None:
    checked = fleet("check", "-r", "all", "--space", "--json")
    assert checked.code == 3
    assert [part["host"] for part in json.loads(checked.out)] == [None, "gpu1", "gpu2", "down"]
    rows = fleet.ok("status", "-r", "both").lines[1:]
    assert [row.split()[0] for row in rows] == ["gpu2", "gpu1"]
    assert [
        row["remote"] for row in json.loads(fleet.ok("status", "-r", "gpu1", "--json").out)
    ] == ["gpu1"]


# ---- running


def test_what_runs_is_watched_and_stopped_wherever_it_is(fleet: Fleet) -> None:
    guild = fleet.guild
    one, two = (guild.started("sleep=600", remote=name) for name in fleet.homes)
    watching = guild.popen("watch", "-r", "all")
    assert watching.stdout is not None
    said = b""
    while b"Sleeping" not in said:
        line = watching.stdout.readline()
        assert line, said
        said += line
    assert f"Watching {two} on gpu2".encode() in said
    asked = guild("stop", "-r", "both")
    assert asked.code == 1
    assert asked.out.count("You are about to stop the following run on gpu") == 2
    assert "Stop 2 runs? (y/N)" in asked.out
    assert complaint(guild("stop", "-r", "both", f"gpu1:{NEW}", "-y"))[0].endswith(
        "is not running: it has completed"
    )
    done = guild("stop", "-r", "all", "-y")
    assert is_down(done)
    assert {line for line in done.lines if line.startswith("Stopping")} == {
        f"Stopping {one} on gpu1",
        f"Stopping {two} on gpu2",
    }
    assert watching.communicate(timeout=60)[0].endswith(b"stopped with a status of 'terminated'\n")
    assert watching.returncode == 3
    assert guild.ok("stop", "-r", "both", "-y").lines == ["Nothing to stop on gpu2, gpu1."]
    assert complaint(guild("watch", "-r", "both"))[0] == "guild: no run is running on gpu2, gpu1"
    rows = guild.ok("runs", "-r", "both", "-n", "2").lines
    assert ["terminated" in row for row in rows] == [True, True]
