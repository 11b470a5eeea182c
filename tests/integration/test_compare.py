"""`guild compare`: runs beside each other, here, on a remote, on several, on a terminal."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from guild_ai import GuildAi
from rundirs import make
from support import Done, Guild, Place, project, wait_until
from terminal import Terminal, on_terminal
from test_hostile_remote import RUN, Liar, complained, liar
from test_several import Fleet, closed_port, fleet, is_down, own_connections

# Fixtures of other modules, for here too.
__all__ = ["closed_port", "fleet", "liar", "own_connections"]

TRAIN = """
lr = 0.1
bs = 32
for step in range(3):
    print(f"loss: {(lr - 0.3) ** 2 + 1 / 2 ** step:.6f} (step {step})")
    print(f"acc: {0.9 - (lr - 0.3) ** 2:.6f} (step {step})")
"""
GUILDFILE = """
train: {main: train, flags-import: all, objective: loss}
plain: {main: train, flags-import: all}
best:
  main: train
  flags-import: all
  compare: [=lr, min loss as least, loss step]
  objective: -acc
"""
CORE = ["status", "time", "operation", "started", "label"]


@pytest.fixture
def trained(place: Place) -> Place:
    """A grid of two, here and then on the remote; and one of an operation without an objective."""
    project(place.guild.folder, GUILDFILE, train=TRAIN)
    words = () if place.remote is None else ("--no-track",)
    for operation, lr in (("train", 0.1), ("train", 0.4)):
        place.ok("run", operation, f"lr={lr}", "-y", *words)
    return place


def rows(done: Done) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(done.out))]


def cells(line: str) -> list[str]:
    return re.split(" {2,}", line.strip())


# What is shown, here and there.


def test_runs_are_beside_each_other_the_best_first(trained: Place) -> None:
    lines = trained.ok("compare").lines
    assert cells(lines[0]) == ["run", "lr", "loss", "acc", *CORE]
    assert [cells(line)[1:5] for line in lines[1:]] == [
        ["0.4", "*0.26", "0.89", "completed"],
        ["0.1", "0.29", "0.86", "completed"],
    ]
    newest = trained.ok("runs", "-n", "1").lines[0].split()[0]
    assert lines[1].startswith(newest)
    greatest = trained.ok("compare", "--max", "loss").lines
    assert [cells(line)[1:3] for line in greatest[1:]] == [["0.1", "*0.29"], ["0.4", "0.26"]]


def test_columns_and_runs_are_chosen(trained: Place) -> None:
    words = ("--columns", "first loss,min loss as best,min loss step,=lr,bs", "--csv", "-")
    assert rows(trained.ok("compare", *words, "--sort", "-lr")) == [
        {"run": run, "lr": lr, "first loss": first, "best": best, "min loss step": "2", "bs": "32"}
        for run, lr, first, best in (
            (ids(trained)[0], "0.4", "1.01", "0.26"),
            (ids(trained)[1], "0.1", "1.04", "0.29"),
        )
    ]
    (one,) = rows(trained.ok("compare", "--csv", "-", "--top", "1"))
    assert one["lr"] == "0.4"
    (one,) = rows(trained.ok("compare", "--csv", "-", "-F", "lr < 0.2"))
    assert one["lr"] == "0.1" and one["bs"] == "32"  # alone: all that it has
    (one,) = rows(trained.ok("compare", "--csv", "-", "2"))
    assert one["run"] == ids(trained)[1]


def ids(place: Place) -> list[str]:
    """The beginnings of the runs' ids, the newest first."""
    return [run["id"][:8] for run in json.loads(place.ok("runs", "--json").out)]


def test_a_program_gets_the_runs_with_their_cells(trained: Place) -> None:
    found = json.loads(trained.ok("compare", "--json").out)
    assert [run["values"]["loss"] for run in found["runs"]] == [0.26, 0.29]
    assert [run["rank"] for run in found["runs"]] == [1, 2]
    assert (found["objective"], found["sorted"], found["total"]) == ("loss", "loss", 2)
    assert found["runs"][0]["scalars"]["loss"]["count"] == 3


def test_what_guild_yml_says_are_the_columns(place: Place) -> None:
    project(place.guild.folder, GUILDFILE, train=TRAIN)
    for lr in (0.2, 0.6):
        place.ok("run", "best", f"lr={lr}", "-y", *(["--no-track"] if place.remote else []))
    lines = place.ok("compare", "--skip-core").lines
    assert [cells(line)[1:] for line in lines] == [
        ["lr", "least", "loss step", "acc"],
        ["0.2", "0.26", "2", "*0.89"],
        ["0.6", "0.34", "2", "0.81"],
    ]


def test_no_run_is_said_so(guild: Guild, remote: str) -> None:
    for where in ([], ["-r", remote]):
        assert guild.ok("compare", *where).lines == ["There is no run to compare."]
        assert guild.ok("compare", "--csv", "-", *where).lines == [f"run,{','.join(CORE)}"]
        assert json.loads(guild.ok("compare", "--json", *where).out)["runs"] == []


# What is wrong.


@pytest.fixture
def two(guild: Guild) -> Guild:
    for number, loss in ((1, 0.5), (2, 0.25)):
        numbered(guild.home, number, {"loss": loss}, lr=number)
    return guild


def numbered(home: Path, number: int, scalars: Mapping[str, float], **flags: Any) -> Path:
    """A run that has ended, with scalars."""
    run_id = f"{number:08x}" * 4
    run = make(home, run_id, started=number, stopped=number, exit_status=0, flags=flags)
    printed = "".join(f"{name}: {value}\\n" for name, value in scalars.items())
    (run / ".guild/output").write_text(printed)
    kept = {
        name: {
            **dict.fromkeys(("last", "first", "min", "max", "mean"), value),
            "count": 1,
            "step": 0,
            "time": 1,
            "min_step": 0,
            "max_step": 0,
        }
        for name, value in scalars.items()
    }
    (run / ".guild/SCALARS").write_text(json.dumps(kept))
    return run


@pytest.mark.parametrize(
    ("argv", "what", "hint"),
    [
        (["--min", "los"], "no run has 'los'", "Did you mean 'loss'? There are lr, loss."),
        (["--sort", "-x"], "no run has 'x'", "There are lr, loss."),
        (["--min", "a", "--max", "b"], "--min and --max exclude each other", None),
        (["--csv", "-", "--json"], "--csv and --json exclude each other", None),
        (["-w", "--json"], "--json and --watch exclude each other", None),
        (["--top", "x"], "--top takes a whole number, not 'x'", None),
        (["--tool", "hiplot"], "guild compare has no --tool", None),
        (["--print-scalars"], "guild compare has no --print-scalars", None),
        (["--csv", "/nowhere/x"], "cannot write '/nowhere/x': No such file or directory", None),
        (["--csv", "."], "cannot write '.': Is a directory", None),
        (["9"], "could not find a run matching '9' (there are 2)", None),
    ],
)
def test_bad_input_gets_one_line(two: Guild, argv: list[str], what: str, hint: str | None) -> None:
    done = two("compare", *argv)
    assert done.code == 1 and done.out == ""
    first, *others = done.err.splitlines()
    assert first == f"guild: {what}"
    assert hint is None or others == [hint]


def test_a_file_is_written_whole_or_to_where_a_pipe_is(two: Guild) -> None:
    printed = two.ok("compare", "--csv", "-").out
    assert two.ok("compare", "--csv", "runs.csv").lines == ["Wrote runs.csv"]
    assert (two.folder / "runs.csv").read_text() == printed
    assert two.ok("compare", "--csv", "/dev/stdout").out == printed
    assert two("compare", "--csv", "").code == 1  # as of a variable that is not set


def test_a_column_that_no_run_has_is_warned_of(two: Guild) -> None:
    done = two("compare", "--cols", "los,=lr")
    assert done.code == 0
    hint = "Did you mean 'loss'? There are lr, loss."
    assert done.err.splitlines() == ["guild: no run has 'los'", hint]
    assert cells(done.lines[0])[:4] == ["run", "los", "lr", "loss"]


def test_the_names_of_guild_ais_options_are_known(two: Guild) -> None:
    expected = two.ok("compare", "--columns", "=lr", "--csv", "-").out
    for words in (["-cc", "=lr"], ["--strict-cols", "=lr"], ["--strict-cols==lr"]):
        assert two.ok("compare", *words, "--csv", "-").out == expected
    words = ["-t", "-c", "=lr", "-p", "-u", "-e", "-s", "--include-batch", "--limit", "1"]
    assert len(two.ok("compare", *words).lines) == 2


def test_nothing_of_a_run_is_a_formula_or_moves_the_cursor(guild: Guild) -> None:
    run = numbered(guild.home, 1, {"=x": 1}, **{"@f": "=1+1", "n": -1, "e": "\x1b[2J"})
    (run / ".guild/attrs/label").write_text("=HYPERLINK(1)")
    (row,) = rows(guild.ok("compare", "--csv", "-"))
    assert (row["'@f"], row["n"], row["e"]) == ("'=1+1", "-1", "?[2J")
    assert row["'=x"] == "1" and row["label"] == "'=HYPERLINK(1)"
    assert "\x1b" not in guild.ok("compare").out


SCALAR = {
    **dict.fromkeys(("last", "first", "min", "max", "mean"), 1),
    **dict.fromkeys(("count", "step", "time", "min_step", "max_step"), 0),
}
ODD = "\x1b[2J[red]"


@pytest.mark.parametrize(
    "said",
    [
        {"flags": [ODD], "label": {ODD: [ODD]}, "started": ODD, "stopped": [1]},
        {"flags": {ODD: {ODD: None}}, "started": 10**30, "stopped": -1},
        {"scalars": {ODD: {**SCALAR, "last": "nan"}}, "objective": ODD},
        {"scalars": {"": SCALAR}, "objective": "-"},
        {"scalars": {"loss": {**SCALAR, "last": "-inf"}}, "objective": "-loss"},
        {"objective": "min loss step as x, y"},
        {"compare": [{"heading": ODD, "value": {ODD: [ODD]}}, {"heading": "", "value": 1e999}]},
        {"cells": []},
        {"cells": [{"heading": "duration", "value": 1e300}]},
        {"cells": [{"heading": "duration", "value": "soon"}] * 9},
    ],
)
def test_a_remote_that_says_odd_things_is_shown_them_cleaned(
    guild: Guild, liar: Liar, said: dict[str, Any]
) -> None:
    run = {**RUN, "scalars": {}, "objective": "", "compare": [], "cells": [], **said}
    other = {**run, "id": "c" * 32, "started": 5, "stopped": 7}
    liar.says({"runs": [run, other], "total": 2})
    for words in ([], ["--csv", "-"], ["--json"], ["-a", "-s"], ["--columns", "x,y"]):
        done = guild("compare", *words, "-r", "liar")
        assert done.code == 0, done
        assert "\x1b" not in done.out + done.err
    done = guild("compare", "--sort", "x", "-r", "liar")
    assert done.err.startswith("guild: no run has 'x'")


@pytest.mark.parametrize(
    "said",
    [{"scalars": {"x": {**SCALAR, "last": "x"}}}, {"scalars": 3}, {"cells": [3]}, {"cells": {}}],
)
def test_a_remote_whose_answer_makes_no_sense_is_told_in_a_line(
    guild: Guild, liar: Liar, said: dict[str, Any]
) -> None:
    run = {**RUN, "scalars": {}, "objective": "", "compare": [], "cells": [], **said}
    liar.says({"runs": [run], "total": 1})
    complained(guild("compare", "-r", "liar"))


# Several remotes.


def test_runs_of_several_remotes_are_in_one_table(fleet: Fleet) -> None:
    for home in fleet.homes.values():
        for run in (home / "runs").iterdir():
            loss = {"ab0": 0.3, "cd1": 0.1, "ab2": 0.2, "ef3": 0.4}[run.name[:3]]
            scalar = dict.fromkeys(("last", "first", "min", "max", "mean"), loss)
            others = {"count": 1, "step": 0, "time": 1, "min_step": 0, "max_step": 0}
            (run / ".guild/SCALARS").write_text(json.dumps({"loss": {**scalar, **others}}))
    lines = fleet.ok("compare", "-r", "gpu1,gpu2", "--min", "loss", "--top", "3").lines
    assert [cells(line)[:4] for line in lines] == [
        ["run", "remote", "rate", "loss"],
        ["[1:cd111111]", "gpu2", "0.1", "*0.1"],
        ["[1:ab222222]", "gpu1", "0.2", "0.2"],
        ["[2:ab000000]", "gpu1", "0.3", "0.3"],
    ]
    done = fleet("compare", "-r", "all", "--json", "gpu1:2", "cd")
    assert is_down(done)
    found = json.loads(done.out)
    assert {(run["on_remote"], run["id"][:2], run["index"]) for run in found["runs"]} == {
        *(("gpu1", "ab", None), ("gpu2", "cd", None))
    }
    down = fleet("compare", "-r", "down,down")
    assert down.code == 3 and down.out == ""


# Again and again.


SLOW = """
import os, time
print("loss: 0.5", flush=True)
while not os.path.exists("go"):
    time.sleep(0.02)
print("loss: 0.25", flush=True)
while not os.path.exists("end"):
    time.sleep(0.02)
"""


def test_a_pipe_gets_the_table_anew_until_no_run_goes_on(place: Place) -> None:
    project(place.guild.folder, "slow: {main: slow}", slow=SLOW)
    run_id = place.started(*(["--no-track"] if place.remote else []), op="slow")
    place.wait_for_output(run_id, "0.5")
    words = ("--interval", "1", "--columns", "loss,status", *place.args)
    with watched(place.guild, *words) as watching:
        assert watching.stdout is not None
        shown = iter(watching.stdout.readline, b"")
        wait_for(shown, r"0\.5 .*running")
        (place.run_dir(run_id) / "go").touch()
        wait_for(shown, r"0\.25 .*running")
        (place.run_dir(run_id) / "end").touch()
        wait_for(shown, r"0\.25 .*completed")
        assert watching.wait(60) == 0


@contextmanager
def watched(guild: Guild, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A `guild compare -w` that outlives no test."""
    with guild.popen("compare", "-w", *words) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def wait_for(lines: Iterator[bytes], pattern: str) -> None:
    seen = []
    for line in lines:
        seen.append(line.decode())
        if re.search(pattern, seen[-1]):
            return
    raise AssertionError((pattern, seen))


def test_ctrl_c_ends_the_watching(guild: Guild) -> None:
    project(guild.folder, "slow: {main: slow}", slow=SLOW)
    guild.started(op="slow")
    with watched(guild) as watching:
        assert watching.stdout is not None
        watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == 130


# On a terminal.


def test_on_a_terminal_the_table_fits_and_is_coloured(two: Guild) -> None:
    argv = two.argv("compare", "-t", "--min", "loss")
    code, shown = on_terminal(argv, two.env, two.folder, 60)
    assert code == 0
    assert "\x1b[32m*0.25\x1b[0m" in shown
    plain = re.sub(r"\x1b\[[0-9]+m", "", shown)
    assert "No room for: " in plain
    assert all(len(line) <= 60 for line in plain.splitlines())


def test_on_a_terminal_it_is_a_table_to_move_through(two: Guild) -> None:
    with Terminal(two.argv("compare"), two.env, two.folder) as terminal:
        wait_until(lambda: "0.25" in terminal.shown, "the table")
        terminal.type("\r")
        wait_until(lambda: "scalars" in terminal.shown, "the page of a run")
        terminal.type("qq")
        assert terminal.end() == 0
        assert terminal.shown.rpartition("\x1b[?1049l")[1], "the screen is as it was before"
        assert "Traceback" not in terminal.shown


def test_on_a_terminal_no_run_is_a_line(guild: Guild) -> None:
    code, shown = on_terminal(guild.argv("compare"), guild.env, guild.folder)
    assert (code, shown) == (0, "There is no run to compare.\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(two: Guild, number: int) -> None:
    with Terminal(two.argv("compare"), two.env, two.folder) as terminal:
        wait_until(lambda: "0.25" in terminal.shown, "the table")
        terminal.send(number)
        assert terminal.end() == 128 + number
        assert "\x1b[?1049l" in terminal.shown and "\x1b[?25h" in terminal.shown


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_is_drawn_over_gives_the_cursor_back(two: Guild, number: int) -> None:
    make(two.home, "f" * 32, {"LOCK.remote": "gpu"})
    with Terminal(two.argv("compare", "--table", "-w"), two.env, two.folder) as terminal:
        wait_until(lambda: "0.25" in terminal.shown, "the table")
        terminal.send(number)
        assert terminal.end() == 128 + number
        assert terminal.shown.rfind("\x1b[?25h") > terminal.shown.rfind("\x1b[?25l")


def test_a_terminal_that_cannot_draw_over_gets_the_table_too(two: Guild) -> None:
    make(two.home, "f" * 32, {"LOCK.remote": "gpu"})
    env = {**two.env, "TERM": "dumb"}
    with Terminal(two.argv("compare", "-w"), env, two.folder) as terminal:
        wait_until(lambda: "0.25" in terminal.shown, "the table")
        assert "\x1b" not in terminal.shown


def test_without_the_library_the_table_is_printed_and_one_line_names_the_extra(two: Guild) -> None:
    code = "import sys; sys.modules['textual'] = None; import guild_sync.main as guild; "
    argv = [sys.executable, "-c", f"{code}sys.exit(guild.main(['compare']))"]
    status, shown = on_terminal(argv, two.env, two.folder)
    assert status == 0
    plain = re.sub(r"\x1b\[[0-9]+m", "", shown)
    assert len(re.findall("guild-sync\\[report\\]", plain)) == 1
    assert "tables to move through need textual" in plain
    assert re.search(r"0\.25 ", plain)


# Beside Guild AI.


def test_guild_ai_tells_the_same_of_the_same_operation(guild: Guild, guild_ai: GuildAi) -> None:
    project(guild.folder, GUILDFILE, train=TRAIN)
    flags = ("lr=0.1", "lr=0.4", "lr=0.25")
    theirs = [guild_ai.run("plain", flag) for flag in flags]
    listed = "\n".join(guild_ai.ok("compare", "--csv", "-", *theirs))
    for flag in flags:
        guild.ok("run", "plain", flag, "-y", "--label", "ours")
    ours = rows(guild.ok("compare", "--csv", "-", "-Fl", "ours"))
    expected = [*csv.DictReader(io.StringIO(listed))]
    # What is the same in all is shown with -a; `step` is to them a column of its own.
    assert {*expected[0]} - {*ours[0]} == {"bs", "step"}
    by_rate = {row["lr"]: row for row in ours}
    for row in expected:
        own = by_rate[row["lr"]]
        assert own["status"] == row["status"] and own["operation"] == row["operation"]
        for name in ("loss", "acc"):  # theirs went through 32 bits
            assert float(own[name]) == pytest.approx(float(row[name]), rel=1e-6)
    of_theirs = {row["run"]: row for row in rows(guild.ok("compare", "--csv", "-", *theirs))}
    for row in expected:  # the very same runs, read here
        for name in ("lr", "loss", "acc"):
            read = float(of_theirs[row["run"]][name])
            assert read == pytest.approx(float(row[name]), rel=1e-6)
        for name in ("status", "operation", "started", "label"):
            assert of_theirs[row["run"]][name] == row[name]
    best = guild_ai.ok("compare", "--csv", "-", "--min", "loss", "--top", "1", *theirs)
    (best_of_theirs,) = csv.DictReader(io.StringIO("\n".join(best)))
    (best_of_ours,) = rows(
        guild.ok(*["compare", "--csv", "-", "--min", "loss", "--top", "1", "-Fl", "ours"])
    )
    assert best_of_ours["lr"] == best_of_theirs["lr"]
