"""What Guild AI's users type: options before the command, `ops`, and those of `guild run`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from guild_ai import GuildAi
from support import Guild, Place, project

from guild_sync.cli.arguments import LONG_NAMES
from guild_sync.starting.left_out import INSTEAD

PROJECT = """
- model: net
  description: A network
  operations:
    train:
      description: Train the network
      main: train
      flags-import: all
      flags:
        lr: {description: Learning rate, min: 0}
      requires: {file: data.txt}
    echo: {exec: 'echo ${x}', flags: {x: {default: 3, choices: [1, 2, 3]}}}
    _hidden: {exec: 'true'}
"""
TRAIN = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--layers", type=int, default=3)
args = parser.parse_args()
print("loss: 0.5")
print("files:", *sorted(name for name in os.listdir(".") if name.endswith(".txt")))
"""


@pytest.fixture
def net(guild: Guild) -> Guild:
    project(guild.folder, PROJECT)
    (guild.folder / "train.py").write_text(TRAIN)
    (guild.folder / "data.txt").write_text("data\n")
    return guild


# `guild -C DIR`, `guild -H DIR`.


def test_with_a_folder_a_command_works_there(net: Guild, tmp_path: Path) -> None:
    there = net.ok("operations").out
    (tmp_path / "elsewhere").mkdir()
    at, outside = str(net.folder), tmp_path / "elsewhere"
    assert net.ok("-C", at, "operations", cwd=outside).out == there
    assert net.ok(f"-C{at}", "operations", cwd=outside).out == there
    assert net.ok("-C", "x", "-C", at, "operations", cwd=outside).out == there  # the last counts
    net.ok("-C", at, "run", "net:echo", "x=1", "-y", cwd=outside)
    assert "net:echo" in net.ok("runs").out


def test_with_a_guild_home_a_command_has_its_runs_there(net: Guild) -> None:
    (net.folder / "sub").mkdir()
    other = net.folder / "other"
    other.mkdir()
    net.ok("-C", "sub", "-H", "other", "-C", ".", "run", "net:echo", "-y")  # from where it is typed
    assert net.ok("runs").out == ""
    assert "net:echo" in net.ok("-H", "other", "runs").out
    assert [path.name for path in other.iterdir() if path.name == "runs"] == ["runs"]


def test_what_the_environment_names_is_meant_from_where_guild_is_typed(net: Guild) -> None:
    net.ok("run", "net:echo", "-y")
    run_id = net.ok("select").out
    (net.folder / "sub").mkdir()
    net.env["GUILD_HOME"] = os.path.relpath(net.home, net.folder)
    assert net.ok("-C", "sub", "select").out == run_id


@pytest.mark.parametrize("option", ["-C", "-H"])
def test_a_folder_that_is_not_there_is_one_line_and_is_not_made(net: Guild, option: str) -> None:
    done = net(option, "nothere", "runs")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"guild: {option}: there is no folder {net.folder}/nothere",
        "Make it, or name another.",
    ]
    assert not (net.folder / "nothere").exists()
    for words in ([option], [option, "", "runs"]):  # as of a variable that is not set
        assert net(*words).err.splitlines()[0] == f"guild: {option} takes a folder"


def test_tab_completes_behind_them(net: Guild, tmp_path: Path) -> None:
    def completed(*words: str) -> list[str]:
        return net.ok("__complete", "zsh", "guild", *words, cwd=tmp_path).lines

    assert any(line.startswith("runs") for line in completed("-C", str(net.folder), "ru"))
    found = completed("-C", str(net.folder), "run", "")
    assert any("train" in line for line in found)
    assert completed("-C", "") == completed("-H", "") != []


# `guild ops`.


def test_ops_is_operations(net: Guild) -> None:
    assert net.ok("ops").out == net.ok("operations").out
    assert net.ok("ops", "--help").out == net.ok("operations", "--help").out
    assert net.ok("help", "ops").out == net.ok("operations", "--help").out
    assert net.ok("help", "--man", "ops").out == net.ok("help", "--man", "operations").out


def test_logs_is_the_output_of_a_run(net: Guild) -> None:
    net.ok("run", "net:echo", "x=1", "-y")
    net.ok("run", "net:echo", "x=2", "-y")
    assert net.ok("logs").out == net.ok("cat", "--output").out
    assert net.ok("logs", "2").out == net.ok("cat", "2", "--output").out != net.ok("logs").out
    assert net.ok("logs", "--help").out == net.ok("help", "logs").out == net.ok("help", "cat").out
    refused = net("logs", "-p", "file")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("guild: give either --path or --output\n")


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        ("tensorboard", "guild export --tensorboard DIR"),
        ("view", "guild report"),
        ("merge", "guild select --path"),
        ("install", "pip"),
    ],
)
def test_a_command_that_is_left_out_says_what_to_do_instead(
    net: Guild, command: str, instead: str
) -> None:
    done = net(command, "1")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"guild: there is no command '{command}'\n")
    assert instead in done.err


@pytest.mark.parametrize("words", [(), ("tr",), ("net", "tr"), ("echo", "tr"), ("-a",), ("zzz",)])
def test_ops_lists_what_guild_ai_lists(
    net: Guild, guild_ai: GuildAi, words: tuple[str, ...]
) -> None:
    ours, theirs = net.ok("ops", *words).lines, guild_ai("ops", *words).lines
    assert sorted(map(str.split, ours)) == sorted(map(str.split, theirs))


# `guild run --run-id`.

ID = "0123456789abcdef0123456789abcdef"


def test_a_run_has_the_id_that_it_is_given(net: Guild, place: Place) -> None:
    place.ok("run", "net:echo", "--run-id", ID, "-y")
    assert place.ok("select").lines == [ID]


def test_an_id_that_a_run_has_is_refused_and_the_run_stays(net: Guild, place: Place) -> None:
    """Guild AI 0.9 runs in the earlier run's directory, over what that has written."""
    place.ok("run", "net:echo", "x=1", "--run-id", ID, "-y")
    again = place("run", "net:echo", "x=2", "--run-id", ID, "-y")
    assert (again.code, again.out) == (1, "")
    assert again.err.splitlines()[0] == f"guild: --run-id: there is run {ID} already{place.on}"
    assert "x=1" in place.ok("runs").out
    place.ok("rm", ID, "-y")
    deleted = place("run", "net:echo", "--run-id", ID, "-y").err.splitlines()[0]
    assert deleted == f"guild: --run-id: there is a deleted run {ID} already{place.on}"


def test_of_several_that_give_one_id_at_once_one_makes_the_run(net: Guild, place: Place) -> None:
    """Each would take back what another has just staged, and nobody could make it any more."""
    words = ("run", "net:echo", "--run-id", ID, "-y", *place.args)
    several = {x: net.popen(*words, f"x={x}") for x in (1, 2, 3)}
    said = {x: one.communicate()[0].decode() for x, one in several.items()}
    made = [x for x, one in several.items() if one.returncode == 0]
    assert len(made) == 1, said
    assert f"x={made[0]}" in place.ok("runs").out
    assert place.ok("select", "--completed").lines == [ID]
    refused = re.compile(f"guild: .*(there is|another guild makes) run {ID}")
    assert all(x in made or refused.match(text) for x, text in said.items()), said
    assert [each.name for each in (net.home / "locks").glob("run-*")] == ["run-ids.lock"]


def test_of_two_workstations_that_give_one_id_for_a_remote_at_once_one_makes_the_run(
    net: Guild, remote: str, there: Path, tmp_path: Path
) -> None:
    other = Guild(net.folder, {**net.env, "GUILD_HOME": str(tmp_path / "other")})
    words = ("run", "net:echo", "--run-id", ID, "-y", "-r", remote)
    both = {x: one.popen(*words, f"x={x}") for x, one in ((1, net), (2, other))}
    said = {x: one.communicate()[0].decode() for x, one in both.items()}
    codes = {x: one.returncode for x, one in both.items()}
    assert sorted(codes.values()) == [0, 1], said
    made = min(codes, key=lambda x: codes[x])
    assert (there / "runs" / ID / ".guild" / "output").read_text() == f"{made}\n"
    assert (there / "runs" / ID / ".guild" / "attrs" / "exit_status").read_text() == "0\n"
    refused = re.compile(f"guild: .*(there is|another guild home has made a) run {ID}")
    assert refused.search(said[3 - made]), said
    loser = (net, other)[2 - made]
    assert not loser.ok("sync").out
    assert loser("select").code == 1, "it has none"


def test_an_id_that_a_run_here_has_is_refused_for_a_remote(net: Guild, remote: str) -> None:
    net.ok("run", "net:echo", "--run-id", ID, "-y")
    done = net("run", "net:echo", "--run-id", ID, "-r", remote, "-y")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"guild: --run-id: there is run {ID} already\n")


@pytest.mark.parametrize("text", ["abc", ID.upper(), f"{ID}0", "../x", ""])
def test_an_id_that_no_run_can_have_is_refused(net: Guild, text: str) -> None:
    done = net("run", "net:echo", "--run-id", text, "-y")
    assert done.code == 1
    assert done.err.startswith("guild: --run-id takes 32 hex digits in lower case, not ")
    assert net.ok("runs", "-a").out == ""


# What is shown of an operation and of a run, and not made.

SHOWING = ("--help-op", "--print-env", "--test-flags", "--test-sourcecode", "--print-cmd")


def words_of(lines: Sequence[str]) -> list[list[str]]:
    return [line.split() for line in lines if line.strip()]


@pytest.mark.parametrize("option", [*SHOWING, "--print-trials"])
def test_what_only_shows_makes_no_run(net: Guild, option: str) -> None:
    flags = ["lr=[0.1,0.2]"] if option == "--print-trials" else []
    assert net.ok("run", "train", *flags, option).out
    assert net.ok("runs", "-a").out == ""


def test_help_of_an_operation_tells_of_it_and_its_flags(net: Guild, guild_ai: GuildAi) -> None:
    ours = net.ok("run", "train", "--help-op")
    assert ours == net.ok("run", "train", "-h")
    assert ours.lines == [
        "Usage: guild run [options] net:train [FLAG=VALUE]...",
        "",
        "Train the network",
        "",
        "Flags:",
        "  lr      Learning rate  (default: 0.1, at least 0)",
        "  layers  (default: 3)",
        "",
        "Requires:",
        "  file: data.txt",
        "",
        "'guild run --help' tells the options.",
    ]
    theirs = guild_ai("run", "train", "--help-op").out
    for told in ("net:train", "Train the network", "Flags:", "lr", "Learning rate", "layers"):
        assert told in theirs


def test_without_an_operation_h_is_help_of_run(net: Guild) -> None:
    assert net.ok("run", "-h").out == net.ok("run", "--help").out
    assert net("run", "--help-op").err.startswith("guild: which operation?")
    assert net("run", "nothing", "-h").err.startswith("guild: operation 'nothing' is not defined")


def test_help_of_the_queue_tells_of_wait_for_running(net: Guild, place: Place) -> None:
    said = place.ok("run", "queue", "--help-op").out
    assert "wait-for-running  Start none while other runs run there" in said


@pytest.mark.parametrize("operation", ["echo", "train"])
def test_the_variables_of_flags_are_those_of_guild_ai(
    net: Guild, guild_ai: GuildAi, operation: str
) -> None:
    ours = net.ok("run", operation, "--print-env", "--env", "MINE=a b").lines
    theirs = guild_ai("run", operation, "--print-env", "-y").lines
    of_flags = [line for line in theirs if line.startswith("FLAG_")]
    assert of_flags and [line for line in ours if line.startswith("FLAG_")] == of_flags
    assert "MINE=a b" in ours


def test_variables_are_shown_for_each_run_of_a_batch_and_secrets_are_not(net: Guild) -> None:
    text = "x: {exec: 'true', flags: {a: 1}, env: {ONE: o}, env-secrets: [TOKEN]}"
    project(net.folder, text)
    net.env["TOKEN"] = "very-secret"
    shown = net.ok("run", "x", "a=[1,2]", "--print-env").out
    assert [block.splitlines()[0] for block in shown.split("\n\n")] == ["FLAG_A=1", "FLAG_A=2"]
    assert shown.count("ONE=o") == 2
    assert "secret" not in shown


def test_trials_are_shown_as_by_guild_ai(net: Guild, guild_ai: GuildAi) -> None:
    argv = ("run", "train", "lr=[0.1,0.2]", "layers=[1,2]", "--print-trials")
    tables = [words_of(net.ok(*argv).lines), words_of(guild_ai(*argv, "-y").lines)]
    ours, theirs = (
        [dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[1:]] for rows in tables
    )
    assert sorted(map(sorted, map(dict.items, ours))) == sorted(
        map(sorted, map(dict.items, theirs))
    )
    assert ours[0] == {"lr": "0.1", "layers": "1"}


def test_what_is_no_batch_has_no_trials_to_show(net: Guild, guild_ai: GuildAi) -> None:
    done, theirs = net("run", "train", "--print-trials"), guild_ai("run", "train", "--print-trials")
    assert (done.code, theirs.code) == (1, 1)
    assert done.err.splitlines() == [
        "guild: net:train with these flags is no batch: it has no trials",
        "Give a flag several values: FLAG=[1,2,3]. Or a batch file: @FILE",
    ]


def test_what_is_known_of_flags_is_shown_as_guild_yml_says_it(net: Guild) -> None:
    assert yaml.safe_load(net.ok("run", "train", "--test-flags").out) == {
        "flags-dest": "args",
        "flags": {
            "lr": {"description": "Learning rate", "default": 0.1, "type": "float", "min": 0},
            "layers": {"default": 3, "type": "int"},
        },
    }
    shown = yaml.safe_load(net.ok("run", "echo", "--test-flags").out)
    assert shown["flags"] == {"x": {"default": 3, "choices": [1, 2, 3]}}


def test_what_is_source_code_is_shown_and_what_is_not(net: Guild) -> None:
    (net.folder / "weights.bin").write_bytes(b"\0" * 2_000_000)
    (net.folder / "data").mkdir()
    (net.folder / "data" / "a.csv").write_text("1\n")
    (net.folder / "lib").mkdir()
    (net.folder / "lib" / "own.py").write_text("")
    (net.folder / "lib" / "notes.md").write_text("")
    keys = "{exec: 'true', sourcecode: ['*.py', 'guild.yml']}"
    project(net.folder, f"x: {keys}\n")
    lines = net.ok("run", "x", "--test-sourcecode").lines
    at = lines.index("Not source code:")
    taken, others = lines[1 : at - 1], lines[at + 1 :]
    assert {"  train.py", "  lib/own.py", "  guild.yml"} <= {*taken}
    assert {"  data/", "  weights.bin", "  lib/notes.md"} <= {*others}
    net.ok("run", "x", "-y")
    kept = {line.strip() for line in net.ok("ls", "-n", "-s").lines}
    assert kept == {line.strip() for line in taken}


OUTPUT = """loss: 1
foo bar
acc: 0.3
loss: 0.5 (step 7)
loss:
"""


@pytest.mark.parametrize("patterns", ["", r"'(\key): (\value)'", r"{best: 'acc: (\value)'}"])
def test_scalars_of_an_output_are_those_that_guild_ai_finds(
    net: Guild, guild_ai: GuildAi, patterns: str
) -> None:
    keys = f", output-scalars: {patterns}" if patterns else ""
    project(net.folder, "x: {exec: 'true'" + keys + "}")
    (net.folder / "out.txt").write_text(OUTPUT)
    argv = ("run", "x", "--test-output-scalars")
    ours = net.ok(*argv, "out.txt").out
    assert ours == net.ok(*argv, "-", stdin=OUTPUT).out
    found = re.findall(r"^  (\S+)=(\S+?)(?:  \(step \d+\))?$", ours, re.M)
    theirs = re.findall(r"\((\w+)=([\d.]+)\)$", guild_ai(*argv, "out.txt").out, re.M)
    assert found == [pair for pair in theirs if pair[0] != "step"]
    assert [line for line in ours.splitlines() if not line.startswith("  ")] == OUTPUT.splitlines()


def test_a_step_is_told_with_its_scalar(net: Guild) -> None:
    said = net.ok("run", "net:echo", "--test-output-scalars", "-", stdin=OUTPUT).out
    assert said.endswith("loss: 0.5 (step 7)\n  loss=0.5  (step 7)\nloss:\n")


def test_an_output_that_cannot_be_read_is_told(net: Guild) -> None:
    for path in ("nothere", ".", ""):
        done = net("run", "net:echo", "--test-output-scalars", path)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"guild: --test-output-scalars: cannot read {path!r}: ")


def test_what_shows_one_thing_shows_one_thing(net: Guild) -> None:
    done = net("run", "train", "--print-env", "--print-cmd")
    assert done.err.startswith("guild: --print-cmd and --print-env exclude each other")


def test_what_is_shown_of_hostile_names_moves_no_cursor(net: Guild) -> None:
    flags = {"a": {"default": "\x1b[2J", "description": "\x1b[31m"}, "b": 1}
    operation = {"exec": "true", "flags": flags, "env": {"B": "\x1b[2J"}}
    (net.folder / "guild.yml").write_text(json.dumps({"op": operation}))
    for option in SHOWING:
        assert "\x1b" not in net.ok("run", "op", option).out
    assert "\x1b" not in net.ok("run", "op", "b=[1,2]", "--print-trials").out


# -q, --stop-after, --stage-trials, --dep, --keep-batch.


def test_quiet_shows_no_output_and_keeps_it(net: Guild, place: Place) -> None:
    shown = place.ok("run", "net:echo", "x=2", "-q", "-y")
    assert "2" not in shown.lines
    assert place.ok("cat", "--output").lines == ["2"]


def test_the_status_of_a_quiet_run_is_guilds(net: Guild) -> None:
    project(net.folder, "x: {exec: sh -c 'echo out; echo err >&2; exit 5'}")
    done = net("run", "x", "--quiet", "-y")
    assert (done.code, done.out, done.err) == (5, "", "")


def test_a_run_is_stopped_after_so_many_minutes(
    net: Guild, place: Place, guild_ai_there: GuildAi
) -> None:
    project(net.folder, "x: {exec: sleep 600}")
    done = place("run", "x", "--stop-after", "0.01", "-y")
    assert done.code != 0
    assert "  terminated" in place.ok("runs").out
    assert "terminated" in guild_ai_there("runs").out  # as it has those that it stops itself


@pytest.mark.parametrize("minutes", ["0", "-1", "soon", "nan", "inf", "1e99"])
def test_what_is_no_number_of_minutes_is_refused(net: Guild, minutes: str) -> None:
    done = net("run", "net:echo", f"--stop-after={minutes}", "-y")
    said = f"--stop-after takes minutes, such as 30 or 0.5, not {minutes!r}"
    assert (done.code, done.err) == (1, f"guild: {said}\n")


def test_trials_are_staged_each_by_itself(net: Guild, place: Place) -> None:
    said = place.ok("run", "net:echo", "x=[2,1,3]", "--stage-trials", "-y").out
    where = f" -r {place.remote}" if place.remote else ""
    assert said.endswith(f"use 'guild run queue{where}'\n")
    listed = place.ok("runs", "-a").lines
    assert [words_of([line])[0][4:] for line in listed] == [["staged", f"x={x}"] for x in (3, 1, 2)]
    place.ok("run", "queue", "run-once=yes", "-y")
    done = [line for line in place.ok("runs").lines if "echo" in line]
    assert [line.split()[-1] for line in done if "completed" in line] == ["x=3", "x=1", "x=2"]
    assert [place.ok("cat", "--output", "--operation", "echo", str(n)).out for n in (1, 2, 3)] == [
        "3\n", "1\n", "2\n"
    ]  # fmt: skip


def test_trials_that_have_run_are_not_staged_where_that_is_not_needed(net: Guild) -> None:
    net.ok("run", "net:echo", "x=1", "-y")
    said = net.ok("run", "net:echo", "x=[1,2]", "--stage-trials", "--needed", "-y").lines
    assert said[0] == "Trial 1 of 2 has run before"
    assert sorted(line.split()[-1] for line in net.ok("runs").lines) == ["x=1", "x=2"]


def test_one_run_has_no_trials_to_stage(net: Guild) -> None:
    done = net("run", "net:echo", "--stage-trials", "-y")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("guild: --stage-trials belongs to a batch, and net:echo here is")


def test_staged_trials_of_pipelines_find_the_source_code_of_their_steps(net: Guild) -> None:
    (net.folder / "m.py").write_text("print('made')\n")
    project(net.folder, "m: {main: m}\np: {steps: ['m'], flags: {z: 1}}\n")
    net.ok("run", "p", "z=[1,2]", "--stage-trials", "-y")
    staged = net.ok("select", "-A").lines
    assert len(staged) == 2
    net.ok("run", "--start", staged[0], "-y")
    assert net.ok("runs", staged[0]).out.split()[4] == "completed"


def test_a_file_of_here_is_given_to_a_run(net: Guild, place: Place) -> None:
    beside = net.folder.parent / "beside"
    (beside / "more").mkdir(parents=True)
    (beside / "extra.csv").write_text("extra\n")
    (beside / "more" / "deep.csv").write_text("deep\n")
    project(net.folder, "x: {exec: cat extra.csv more/deep.csv, sourcecode: no}")
    done = place.ok("run", "x", "--dep", str(beside / "extra.csv"), "-D", "../beside/more", "-y")
    assert [line for line in done.lines if line in ("extra", "deep")] == ["extra", "deep"]


def test_a_file_of_here_is_linked_to_here_as_by_guild_ai(net: Guild, guild_ai: GuildAi) -> None:
    (net.folder / "sub").mkdir()
    (net.folder / "sub" / "big.bin").write_text("big\n")
    argv = ("run", "net:echo", "-D", "sub/big.bin", "-y")
    for program in (net, guild_ai):
        assert program(*argv).code == 0
        kept = Path(net.ok("select", "--path").out.strip(), "big.bin")
        assert kept.is_symlink()
        assert kept.samefile(net.folder / "sub" / "big.bin")


def test_steps_are_given_a_file_of_here_too(net: Guild) -> None:
    (net.folder / "own.csv").write_text("own\n")
    project(net.folder, "x: {exec: cat own.csv, sourcecode: no}\np: {steps: [x]}\n")
    assert "own" in net.ok("run", "p", "--dep", "own.csv", "-y").lines


def test_a_file_of_here_that_is_not_there_is_told_before_anything_is_made(net: Guild) -> None:
    done = net("run", "net:echo", "--dep", "nothere", "-y")
    said = f"guild: --dep: there is no file or folder {net.folder}/nothere\n"
    assert (done.code, done.err) == (1, said)
    assert net("run", "queue", "--dep", ".", "-y").err.startswith("guild: --dep is for operations")
    assert net.ok("runs", "-a").out == ""


def test_the_run_of_a_batch_is_kept_anyway(net: Guild) -> None:
    for words in ((), ("--keep-batch",)):
        net.ok("run", "net:echo", "x=[1,2]", *words, "-y")
    assert sum("net:echo+" in line for line in net.ok("runs", "-a").lines) == 2


# What is left out.


@pytest.mark.parametrize("names", INSTEAD)
def test_what_is_left_out_says_what_to_do_instead_in_a_line(
    net: Guild, names: tuple[str, ...]
) -> None:
    for name in names:
        done = net("run", "net:echo", name, "x")
        (line,) = done.err.splitlines()
        assert (done.code, done.out) == (1, "")
        assert line == f"guild: {name} is left out here: {INSTEAD[names]}"


def test_guild_ai_has_what_is_left_out(guild_ai: GuildAi) -> None:
    usage = guild_ai("run", "--help").out
    known = {word.rstrip(",") for word in usage.split() if word.startswith("-")}
    assert {name for names in INSTEAD for name in names} - known == set()


# `guild select -a NAME`, `-A`.


@pytest.mark.parametrize(
    "words", [("-a", "label"), ("-A",), ("-A", "-s"), ("-a", "exit_status"), ("--attr", "label")]
)
def test_select_takes_a_and_a_as_guild_ai_does(
    net: Guild, guild_ai: GuildAi, words: tuple[str, ...]
) -> None:
    for x in ("1", "2"):
        net.ok("run", "net:echo", f"x={x}", "-y")
    assert net.ok("select", *words).out == guild_ai("select", *words).out


def test_select_a_without_a_name_says_what_it_takes(net: Guild) -> None:
    assert net("select", "-a").err.startswith("guild: -a requires argument")


# `guild models`, `guild open`.

MODELS = """
- {model: _hidden, description: Hidden, operations: {a: {exec: 'true'}}}
- model: net
  description: "A network\\nof two lines\\x1b[2J"
  operations: {a: {exec: 'true'}, _c: {exec: 'true'}}
- {model: base, operations: {}}
- operations: {x: {exec: 'true'}}
"""


@pytest.mark.parametrize("words", [(), ("-a",), ("et",), ("net", "zz"), ("ne", "et")])
def test_models_lists_what_guild_ai_lists(
    net: Guild, guild_ai: GuildAi, words: tuple[str, ...]
) -> None:
    project(net.folder, MODELS.replace("\\x1b[2J", ""))
    ours, theirs = net.ok("models", *words).lines, guild_ai("models", *words).lines
    assert sorted(map(str.split, ours)) == sorted(map(str.split, theirs))


def test_models_tells_of_operations_too(net: Guild) -> None:
    project(net.folder, MODELS)
    assert net.ok("models", "-v").lines == [
        "net   A network",
        "  of two lines?[2J",
        "  operations: a, _c",
        "base",
        "  operations: none",
    ]
    listed = json.loads(net.ok("models", "--json").out)
    assert [(m["name"], m["operations"]) for m in listed] == [
        ("_hidden", ["a"]), ("net", ["a", "_c"]), ("base", [])
    ]  # fmt: skip


def test_models_outside_a_project_says_so(net: Guild, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "there is no guild.yml" in net("models", cwd=tmp_path / "empty").err


@pytest.fixture
def ran(net: Guild) -> Guild:
    net.ok("run", "net:echo", "x=2", "-y")
    return net


@pytest.mark.parametrize(
    ("words", "behind"), [((), ""), (("--sourcecode",), ""), (("-p", "train.py"), "/train.py")]
)
def test_open_hands_the_path_to_a_program(
    ran: Guild, guild_ai: GuildAi, words: tuple[str, ...], behind: str
) -> None:
    directory = ran.ok("select", "--path").out.strip()
    command = "echo -n '[a b]'"
    done = ran.ok("open", "1", *words, "--cmd", command)
    assert done.out == f"[a b] {directory}{behind}"
    assert guild_ai("open", "1", *words, "--cmd", "echo").out.strip().rstrip("/") == (
        f"{directory}{behind}"
    )


def test_open_shows_the_output(ran: Guild, guild_ai: GuildAi) -> None:
    assert ran.ok("open", "-O", "-c", "cat").out == "2\n"
    assert guild_ai("open", "-O", "-c", "cat").out == "2\n"


def test_open_ends_with_the_status_of_the_program(ran: Guild) -> None:
    assert ran("open", "-c", "sh -c 'exit 7'").code == 7


def test_open_asks_the_desktop_for_a_program(ran: Guild, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "xdg-open"
    program.write_text("#!/bin/sh\necho opened $1\n")
    program.chmod(0o755)
    ran.env["PATH"] = f"{program.parent}:{ran.env['PATH']}"
    assert ran.ok("open").out.startswith("opened /")


def test_open_without_a_program_says_what_to_do(ran: Guild, tmp_path: Path) -> None:
    ran.env["PATH"] = str(tmp_path)
    assert ran("open").err.splitlines() == [
        "guild: xdg-open is not installed, which finds the program for a file",
        "Install xdg-utils, or name the program: --cmd CMD",
    ]
    assert "nothere" in ran("open", "--cmd", "nothere").err


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "nothere"])
def test_open_opens_nothing_that_the_run_does_not_have(ran: Guild, path: str) -> None:
    done = ran("open", "-p", path, "-c", "echo")
    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) <= 2 and done.err.startswith("guild: ")


def test_open_can_open_a_shell(ran: Guild) -> None:
    ran.env["SHELL"] = "/bin/sh"
    assert ran("open", "--shell", stdin="pwd\n").out == ran.ok("select", "--path").out


# All of Guild AI's options. The table of what is otherwise: test_differences.py.

TABLE = Path(__file__).parents[2] / "docs" / "from-guild-ai.md"
# That differ in spelling alone: those of filters, and of what asks for help.
SPELLED = {"-h", "--label", "--tag", "--comment", "--started"}


def options_in(usage: str) -> set[str]:
    """The options that a list of options names, Guild AI's or ours."""
    lines = [line for line in usage.splitlines() if re.match(r" {2,6}-", line)]
    return {
        name
        for line in lines
        for name in re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", re.split(r" {2,}", line.strip())[0])
    }


@pytest.mark.parametrize("command", ["run", "operations", "models", "open", "select"])
def test_each_option_of_guild_ai_is_taken_or_is_told_of(
    net: Guild, guild_ai: GuildAi, command: str
) -> None:
    theirs = options_in(guild_ai(command, "--help").out)
    assert len(theirs) > 3
    ours = options_in(net.ok(command, "--help").out)
    if "-Fo" in ours:  # filters, which are told of once
        ours |= options_in(net.ok("help", "filters").out)
    ours |= {short for short, name in LONG_NAMES.items() if name in ours}
    told = {*re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", TABLE.read_text(encoding="utf-8"))}
    left_out = {name for names in INSTEAD for name in names} if command == "run" else set()
    assert theirs - ours - left_out - told - SPELLED == set()
    assert {name for names in INSTEAD for name in names if name.startswith("--")} <= told | {
        "--optimize", "--minimize", "--maximize", "--opt-flag"
    }  # fmt: skip
