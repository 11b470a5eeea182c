"""Listing and choosing runs and their files, the same here and on a remote."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from support import Guild, Place, Server, project, wait_until

from guild_sync.agent.store import rundir
from guild_sync.config import remotes
from guild_sync.hosts import choose
from guild_sync.hosts.frames import FrameReader

GUILDFILE = """
op:
  main: op
  flags-import: all
  flags-dest: globals
  env: {PYTHONDONTWRITEBYTECODE: "1"}
fail:
  main: fail
  env: {PYTHONDONTWRITEBYTECODE: "1"}
"""
OP = """
import os
x = 1
name = "a"
print("x is", x)
os.makedirs("out", exist_ok=True)
with open("out/result.txt", "w") as f:
    f.write(f"{x}\\n" * 3000)
with open("same.txt", "w") as f:
    f.write("same\\n")
"""
DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


@pytest.fixture
def at(guild: Guild, remote: str, there: Path, tmp_path: Path, where: str) -> list[str]:
    """The words that lead to three runs, `-r REMOTE` or none: x=1, x=2, and one that failed."""
    guild.folder = project(tmp_path / "project", GUILDFILE, op=OP, fail="raise SystemExit(3)")
    home = guild.home
    guild.env["GUILD_HOME"] = str(there if where == "there" else home)
    for argv in (["op", "x=1"], ["op", "x=2", "name=b"]):
        guild.ok("run", *argv, "-y")
    assert guild("run", "fail", "-y").code == 3
    guild.env["GUILD_HOME"] = str(home)
    return ["-r", remote] if where == "there" else []


@pytest.fixture(params=["here", "there"])
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ids(guild: Guild, at: list[str]) -> list[str]:
    return [run["id"] for run in json.loads(guild.ok("runs", "--json", *at).out)]


def change(guild: Guild, there: Path, where: str, run_id: str, **attrs: Any) -> None:
    home = there if where == "there" else guild.home
    for name, value in attrs.items():
        rundir.write_attr(str(home / "runs" / run_id), name, value)


def complaint(guild: Guild, *argv: str) -> str:
    done = guild(*argv)
    assert (done.code, done.out) == (1, ""), done
    assert "Traceback" not in done.err
    return done.err.splitlines()[0]


# guild runs


def test_runs_shows_as_much_as_is_asked_for(
    guild: Guild, at: list[str], there: Path, where: str
) -> None:
    latest, second, _ = ids(guild, at)
    change(guild, there, where, second, comments=[{"body": "one\ntwo", "user": "me", "host": "h"}])
    lines = guild.ok("runs", *at).lines
    assert [line[:12] for line in lines[:2]] == [f"[1:{latest[:8]}]", f"[2:{second[:8]}]"]
    assert len(lines) == 3
    simple = guild.ok("runs", "-s", *at).lines
    assert re.fullmatch(r"\[2\]  op.*  completed  name=b x=2", simple[1])
    assert not re.search(DATE, simple[1])
    commented = guild.ok("runs", "-c", "2", *at).lines
    assert commented[1:] == ["  me@h", "", "    one", "    two", ""]
    verbose = guild.ok("runs", "-v", "-n1", *at).lines
    assert f"  id: {latest}" in verbose
    assert "  exit_status: 3" in verbose
    assert json.loads(guild.ok("runs", "--json", "-v", *at).out)[0]["host"]
    assert guild.ok("runs", "list", "-n1", *at).lines == lines[:1]
    assert guild.ok("runs", "-d", *at).out == ""


def test_filters_choose_before_indexes_do(guild: Guild, at: list[str]) -> None:
    latest, second, third = ids(guild, at)

    def shown(*argv: str) -> list[str]:
        return [run["id"] for run in json.loads(guild.ok("runs", "--json", *argv, *at).out)]

    assert shown("-Se") == shown("--not-completed") == shown("-Fo", "fail") == [latest]
    assert shown("-Sc", "1") == shown("-F", "x > 1") == shown("-Fl", "x=2") == [second]
    assert shown("-F", "status = completed and name = a") == [third]
    assert shown("-Fo", "fail", "-Fo", "nothing", "-Fs", "last 1 hour") == [latest]
    assert shown("-Ft", "none") == shown("-Fs", "before 2020-01-01") == []
    assert guild.ok("runs", "-F", "x > 5", *at).out == ""


def test_a_name_that_no_run_has_is_warned_of_where_runs_are_looked_at(
    guild: Guild, remote: str, at: list[str]
) -> None:
    latest, second, third = ids(guild, at)
    where = f" on {remote}" if at else ""
    warning = f"guild: the filter asks for 'namee', which no run{where} has\n"
    warning += "Did you mean 'name'?\n"
    for argv in (
        *(["runs", "--json"], ["select", "--all"], ["info"], ["ls"], ["diff"]),
        *(["cat", "-O"], ["tag", "-l"], ["comment", "-l"], ["watch"]),
    ):
        done = guild(*argv, "-F", "namee != a", *at)
        assert (done.code, done.err) == (0, warning), argv
    assert guild("select", "--all", "-F", "namee != a", *at).lines == [latest, second, third]
    assert guild.ok("runs", "-F", "name != a and label is not x", *at).err == ""


def test_a_filter_that_is_none_is_pointed_at(guild: Guild, remote: str) -> None:
    for at in ([], ["-r", remote]):
        done = guild("runs", "-F", "x = = 1", *at)
        assert (done.code, done.out) == (1, "")
        assert done.err.splitlines()[1:3] == ["  x = = 1", "      ^ this does not belong here"]
        assert complaint(guild, "runs", "-Fs", "soon", *at).endswith("is not a range of time")
        assert complaint(guild, "runs", "-n", "x", *at).endswith("not 'x'")
        assert "RUN-5" in complaint(guild, "runs", "RUN-5", *at)


def many_runs(home: Path, count: int, **attrs: Any) -> None:
    for number in range(count):
        directory = home / "runs" / f"{number:032x}"
        (directory / ".guild" / "attrs").mkdir(parents=True)
        (directory / ".guild" / "opref").write_text("package:gpkg.demo 1.0 '' op")
        for name, value in {"started": 1 + number, "exit_status": 0, **attrs}.items():
            rundir.write_attr(str(directory), name, value)


def test_more_shows_twenty_more_each_time(guild: Guild) -> None:
    many_runs(guild.home, 70)
    for argv, shown in (([], 20), (["-m"], 40), (["-mm"], 60), (["-m", "--more"], 60)):
        lines = guild.ok("runs", *argv).lines
        assert len(lines) == shown + 1
        assert lines[-1].startswith(f"Showing the first {shown} runs (70 in all)")
    for argv, shown in ((["-mmm"], 70), (["-a"], 70), (["-n", "5"], 5), (["-n0"], 0)):
        assert len(guild.ok("runs", *argv).lines) == shown


def test_deleted_runs_are_those_in_the_trash(guild: Guild) -> None:
    many_runs(guild.home, 2)
    (guild.home / "trash").mkdir()
    (guild.home / "runs").rename(guild.home / "trash" / "runs")
    assert guild.ok("runs").out == ""
    assert len(guild.ok("runs", "--deleted").lines) == 2
    assert len(guild.ok("runs", "-d", "-Sc", "-n1").lines) == 1


def test_a_remote_sends_the_runs_that_are_shown_and_no_other(
    guild: Guild, remote: str, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many_runs(there, 300, label="x" * 1000)
    host = choose.remote_host(remotes.remote(remote))
    sent = []
    feed = FrameReader.feed

    def counted(frame: FrameReader, piece: bytes) -> None:
        sent.append(len(piece))
        feed(frame, piece)

    host.python()
    monkeypatch.setattr(FrameReader, "feed", counted)
    found = host.list_runs(limit=1, filters={"status": ["completed"]})
    assert (len(found["runs"]), found["total"]) == (1, 300)
    assert 0 < sum(sent) < 3000
    assert len(guild.ok("runs", "-n1", "-r", remote).lines) == 1


# When a remote's run was last confirmed


def test_a_copy_tells_when_its_remote_last_gave_its_word(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = guild.started("sleep=600", remote=remote)
    before = time.time()
    guild.ok("pull", remote, "-y")
    first = confirmed(guild, remote)
    assert before - 1 <= first <= time.time()
    wait_until(lambda: time.time() > first + 1)
    guild.ok("sync")
    assert confirmed(guild, remote) > first
    assert "confirmed" not in guild.ok("runs", "info", "-r", remote).out
    found = json.loads(guild.ok("runs", "-v", "--json").out)[0]["confirmed"]
    assert found["remote"] == remote
    assert guild.status(run_id) == f"running ({remote})"


def confirmed(guild: Guild, remote: str) -> float:
    pattern = rf"confirmed: ({DATE}) \({remote}\)"
    match = re.search(pattern, guild.ok("runs", "-v").out)
    assert match and match[0] in guild.ok("runs", "info").lines
    return time.mktime(time.strptime(match[1], "%Y-%m-%d %H:%M:%S"))


def test_a_run_that_could_not_be_asked_about_keeps_its_date(
    guild: Guild, remote: str, there: Path, sshd: Server
) -> None:
    guild.started("sleep=600", remote=remote)
    guild.ok("pull", remote, "-y")
    first = confirmed(guild, remote)
    wait_until(lambda: time.time() > first + 1)
    guild.configure(guild_uat={**sshd.keys(there), "port": 1})
    assert guild("sync").code == 3
    assert confirmed(guild, remote) == first


# guild runs info


def test_info_shows_one_run_and_what_is_asked_for(
    guild: Guild, at: list[str], there: Path, where: str
) -> None:
    _, second, third = ids(guild, at)
    change(guild, there, where, second, deps={"file:data": {"uri": "file:data", "paths": ["../d"]}})
    change(guild, there, where, second, comments=[{"body": "note", "user": "me", "host": "h"}])
    lines = guild.ok("runs", "info", "2", "-c", "-d", "-e", "-m", *at).lines
    assert lines[0] == f"id: {second}"
    assert "status: completed" in lines
    assert [line for line in lines if not line.startswith(" ")][-5:] == [
        *("flags:", "comments:", "", "", "dependencies:"),
        *("environment:", "manifest:"),
    ][-5:]
    assert "  me@h" in lines and "    note" in lines
    assert "    uri: file:data" in lines
    assert any(line.startswith("  s op.py ") for line in lines)
    plain = guild.ok("info", "2", *at).out
    assert "comments:" not in plain and "dependencies:" not in plain
    assert guild.ok("info", "-Fl", "x=1", *at).lines[0] == f"id: {third}"
    assert json.loads(guild.ok("info", "2", "--json", *at).out)["attrs"]["flags"]["x"] == 2
    assert "no run meets the filters" in complaint(guild, "info", "-Sr", *at)
    assert "could not find a run matching '9'" in complaint(guild, "info", "9", *at)


# guild select


def test_select_shows_ids_and_what_else_is_asked(guild: Guild, at: list[str]) -> None:
    latest, second, third = ids(guild, at)
    for argv, shown in (
        ([], [latest]),
        (["2"], [second]),
        (["-s"], [latest[:8]]),
        (["-A"], [latest, second, third]),
        (["2:3", "-s"], [second[:8], third[:8]]),
        (["-Sc"], [second]),
        (["--min", "x"], [third]),
        (["--max", "=x"], [second]),
        (["--max", "exit_status"], [latest]),
        (["--min", "x", "--all", "--attr", "x"], ["1", "2"]),
        (["3", "--attr", "flags"], ["x: 1", "name: a"]),
        (["--attr", "status"], ["error"]),
    ):
        assert guild.ok("select", *argv, *at).lines == shown
    assert Path(guild.ok("select", "-p", *at).lines[0]).name == latest
    assert complaint(guild, "select", "-Sr", *at).endswith("no run matches")
    assert "no run has a number for 'label'" in complaint(guild, "select", "--min", "label", *at)
    assert "has no attribute, flag or scalar 'y'" in complaint(guild, "select", "--attr", "y", *at)
    assert "exclude each other" in complaint(guild, "select", "--min", "x", "--max", "x", *at)


# guild ls and guild cat


def test_ls_lists_files(guild: Guild, at: list[str]) -> None:
    directory = guild.ok("select", "2", "-p", *at).lines[0]
    files = ["fail.py", "guild.yml", "op.py", "out/", "out/result.txt", "same.txt"]
    assert guild.ok("ls", "2", *at).lines == [f"{directory}:", *(f"  {name}" for name in files)]
    for argv, shown in (
        (["-n"], files),
        (["-f", "-p", "op.py"], [f"{directory}/op.py"]),
        (["-n", "-p", "out"], ["out/", "out/result.txt"]),
        (["-n", "-p", "*.py"], ["fail.py", "op.py"]),
        (["-n", "-s"], ["fail.py", "guild.yml", "op.py"]),
        (["-n", "-g"], ["out/result.txt", "same.txt"]),
        (["-n", "-d"], []),
        (["-nh", "-g"], ["5.9K  out/result.txt", "   5  same.txt"]),
        (["-n", "-p", "nothing"], []),
    ):
        assert guild.ok("ls", "2", *argv, *at).lines == shown
    assert ".guild/attrs/flags" in guild.ok("ls", "-a", "-n", *at).lines
    assert guild.ok("ls", "-Se", "-n", *at).lines == files[:3]
    assert "is not a path in a run" in complaint(guild, "ls", "-p", "../..", *at)
    assert "exclude each other" in complaint(guild, "ls", "-s", "-g", *at)
    assert "no run meets the filters" in complaint(guild, "ls", "-Sr", *at)


def test_a_files_name_moves_no_cursor(guild: Guild, at: list[str], there: Path, where: str) -> None:
    home = there if where == "there" else guild.home
    (home / "runs" / ids(guild, at)[0] / "a\x1b[2J\nb").write_text("")
    (home / "runs" / ids(guild, at)[0] / "\udcff").write_text("")
    lines = guild.ok("ls", "-n", *at).lines
    assert "a?[2J?b" in lines
    assert all(line.isprintable() for line in lines)


def test_cat_shows_a_file_or_the_output(guild: Guild, at: list[str]) -> None:
    assert guild.ok("cat", "2", "-O", *at).out == "x is 2\n"
    assert guild.ok("cat", "-O", "-Fl", "x=1", *at).out == "x is 1\n"
    assert guild.ok("cat", "2", "-p", "out/result.txt", *at).out == "2\n" * 3000
    assert guild.ok("cat", "-sp", "op.py", *at).out == OP
    assert "is not a source code file" in complaint(guild, "cat", "2", "-sp", "same.txt", *at)
    assert "does not exist" in complaint(guild, "cat", "-p", "nothing", *at)
    assert complaint(guild, "cat", *at) == "guild: which file of the run?"
    assert complaint(guild, "cat", "-O", "-s", *at) == "guild: give either --path or --output"


# guild diff


def test_diff_shows_how_two_runs_differ(guild: Guild, at: list[str]) -> None:
    _, second, third = ids(guild, at)

    def changes(*argv: str) -> list[str]:
        lines = guild.ok("diff", *argv, *at).lines
        return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]

    assert changes("3", "2", "-O") == ["-x is 1", "+x is 2"]
    assert changes("-Sc", "-O") == ["-x is 1", "+x is 2"]  # the older first
    assert changes("2", "3", "-f") == ["-x: 2", "-name: b", "+x: 1", "+name: a"]
    assert {'-FLAG_X: "1"', '+FLAG_X: "2"'} < set(changes("3", "2", "-e"))
    assert (
        len(changes("3", "2", "-p", "out")) == len(changes("3", "2", "-p", "**/result.*")) == 6000
    )
    assert changes("3", "2", "-p", "same.txt", "-s", "-D") == []
    usual = changes("3", "2")
    assert {"-x: 1", "+x: 2", "-x is 1", "+x is 2"} <= set(usual)
    assert not any(third in line or "result" in line for line in usual)
    header = guild.ok("diff", "3", "2", "-f", *at).lines[0]
    assert header.startswith(f"--- {third[:8]}/.guild/attrs/flags")
    attributes = guild.ok("diff", "3", "2", "-a", "-f", *at).out
    assert second in attributes and attributes.count("+x: 2") == 1


def test_diff_runs_another_program_on_the_files(
    guild: Guild, at: list[str], tmp_path: Path
) -> None:
    latest, second, _ = (run_id[:8] for run_id in ids(guild, at))
    for argv, shown in (
        (["-c", "echo as: "], f"as: {latest} {second}\n"),
        (["-c", "echo", "-O"], f"{latest}/.guild/output {second}/.guild/output\n"),
        (["-c", "cat", "-p", "op.py"], OP * 2),
        (["-c", "cmp -s", "-O"], ""),
    ):
        assert guild.ok("diff", "1", "2", *argv, *at).out == shown
    assert "is not installed" in complaint(guild, "diff", "-c", "no-such-program", *at)
    failed = guild("diff", "-O", "-c", "sh -c 'exit 7'", *at)
    assert (failed.code, failed.err) == (1, "guild: sh failed (exit status 7)\n")


@pytest.mark.parametrize("options", [["-O"], ["-f"], []])
def test_diff_shows_nothing_that_moves_the_cursor(
    guild: Guild, place: Place, options: list[str]
) -> None:
    for sleep in ("0", "0.1"):
        run_id = place.started(f"sleep={sleep}")
        place.wait_for_end(run_id)
        run = place.run_dir(run_id)
        (run / ".guild/output").write_bytes(
            b"a\tb\x1b]0;owned\x07\xc2\x9b2J\xff %s\r\n" % sleep.encode()
        )
        (run / f"n\x1b[2J{sleep}").touch()
        (run / ".guild/attrs/flags").write_text(f'k: "a\\e[2J{sleep}\\x9b"\nsleep: {sleep}\n')
    shown = place.ok("diff", *options).out
    assert "sleep" in shown or "a\tb?]0;owned??2J\ufffd 0?\n" in shown
    assert not set(shown) & (set(map(chr, [*range(32), *range(127, 160)])) - {"\n", "\t"})


def test_diff_needs_two_runs_that_have_what_is_compared(guild: Guild, at: list[str]) -> None:
    assert "give two runs" in complaint(guild, "diff", "1", *at)
    assert complaint(guild, "diff", "-Se", *at).endswith("two runs to compare, not 1")
    assert complaint(guild, "diff", "1", "1", *at).endswith("two runs to compare, not 1")
    assert "could not find a run" in complaint(guild, "diff", "1", "9", *at)
    assert complaint(guild, "diff", "-p", "nothing", *at).endswith("has a file 'nothing'")
    assert "is not a path in a run" in complaint(guild, "diff", "-p", "/etc", *at)
    assert complaint(guild, "diff", "-c", "'open", *at).startswith("guild: --cmd is not")
    assert "only in" in guild.ok("diff", "1", "2", "-p", "out", *at).out.lower()


def test_diff_compares_a_run_here_with_one_on_a_remote(
    guild: Guild, remote: str, there: Path, tmp_path: Path
) -> None:
    guild.folder = project(tmp_path / "project", GUILDFILE, op=OP)
    here = guild.home
    for home, words in ((here, ["x=1"]), (there, ["x=2"])):
        guild.env["GUILD_HOME"] = str(home)
        guild.ok("run", "op", *words, "-y")
    guild.env["GUILD_HOME"] = str(here)
    away = guild.ok("select", "-r", remote).lines[0]
    mine = guild.ok("select").lines[0]
    for words in (["1", f"{remote}:1"], [mine, f"{remote}:{away[:10]}"], ["1", f"{remote}:{away}"]):
        lines = guild.ok("diff", *words, "-O").lines
        assert lines[0].startswith(f"--- {mine[:8]}/.guild/output")
        assert lines[1].startswith(f"+++ {away[:8]}@{remote}/.guild/output")
        assert lines[-2:] == ["-x is 1", "+x is 2"]
    flipped = guild.ok("diff", f"{remote}:1", "1", "-O", "-Sc").lines
    assert flipped[-2:] == ["-x is 2", "+x is 1"]

    guild.ok("pull", remote, "-y")
    assert guild.ok("diff", away, f"{remote}:{away}").out == ""  # a copy is as its origin
    (here / "runs" / away / "same.txt").write_text("changed\n")
    changed = guild.ok("diff", away, f"{remote}:{away}", "-p", "same.txt").lines
    assert changed[0].startswith(f"--- {away[:8]}/same.txt")
    assert changed[-2:] == ["-changed", "+same"]


def test_diff_says_which_remote_or_run_of_it_is_none(guild: Guild, at: list[str]) -> None:
    (latest,) = guild.ok("select", *at).lines
    assert complaint(guild, "diff", "1", "nowhere:1", *at) == (
        "guild: remote 'nowhere' is not defined"
    )
    for run in ("9", "", "zz"):
        said = complaint(guild, "diff", latest, f"guild-uat:{run}", *at)
        assert said.startswith(f"guild: remote 'guild-uat': could not find a run matching '{run}'")


@pytest.mark.parametrize("command", ["runs", "info", "select", "ls", "cat", "diff"])
def test_an_unknown_option_or_remote_is_one_line(guild: Guild, command: str) -> None:
    assert complaint(guild, command, "--nonsense") == "guild: unrecognized option '--nonsense'"
    extra = ["-O"] if command == "cat" else []
    assert "nowhere" in complaint(guild, command, *extra, "-r", "nowhere")


@pytest.mark.parametrize(
    "argv", [["info"], ["select"], ["ls"], ["cat", "-O"], ["diff"], ["select", "--min", "x"]]
)
def test_where_there_are_no_runs_there_is_a_word(
    guild: Guild, remote: str, argv: list[str]
) -> None:
    assert complaint(guild, *argv)
    assert complaint(guild, *argv, "-r", remote)
