"""What is different where a person looks: colours, and lines that fit. Never in a pipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from support import Guild, Place, project
from terminal import on_terminal

from guild_sync.cli import table

STYLE = re.compile(r"\x1b\[(?:1|3[0-7]|0)m")  # all that guild may send to a terminal
WIDE = "日本語のとても長いラベルです"


def shown(guild: Guild, *argv: str, columns: int = 80) -> str:
    """What a guild command shows on a terminal."""
    return on_terminal(guild.argv(*argv), guild.env, guild.folder, columns)[1]


def made_run(home: Path, number: int, label: str, **attrs: int) -> None:
    """A run of the given label and attributes, as a listing reads it."""
    folder = home / "runs" / f"{number:032x}" / ".guild" / "attrs"
    folder.mkdir(parents=True)
    for name, value in {"started": number, **attrs}.items():
        (folder / name).write_text(f"{value}\n")
    (folder / "label").write_text(yaml.safe_dump(label, allow_unicode=True))
    (folder.parent / "opref").write_text("package:gpkg.demo 1.0 '' op")


@pytest.fixture
def runs(guild: Guild) -> Guild:
    """Runs that have ended in each way, and one that waits."""
    made_run(guild.home, 4, "four", exit_status=0)
    made_run(guild.home, 3, "three", exit_status=1)
    made_run(guild.home, 2, "two", exit_status=-15)
    made_run(guild.home, 1, "one")
    (guild.home / "runs" / f"{1:032x}" / ".guild" / "STAGED").touch()
    return guild


# Colours.


def test_a_status_has_its_colour_on_a_terminal(runs: Guild) -> None:
    text = shown(runs, "runs")
    for code, status in [(32, "completed"), (31, "error"), (33, "terminated"), (34, "staged")]:
        assert f"  \x1b[{code}m{status}\x1b[0m  " in text


def test_colours_do_not_move_a_column(runs: Guild) -> None:
    coloured = shown(runs, "runs")
    assert STYLE.search(coloured)
    runs.env["NO_COLOR"] = "1"
    assert STYLE.sub("", coloured) == shown(runs, "runs")
    assert shown(runs, "runs", "--simple") == runs.ok("runs", "--simple").out


def test_a_running_run_has_the_colour_of_running_with_its_remote(guild: Guild) -> None:
    made_run(guild.home, 1, "one")
    (guild.home / "runs" / f"{1:032x}" / ".guild" / "LOCK.remote").write_text("gpu1\n")
    assert "\x1b[36mrunning (gpu1)\x1b[0m" in shown(guild, "runs")


@pytest.mark.parametrize(
    "variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "x", "FORCE_COLOR": "1"}]
)
def test_who_wants_no_colours_gets_none(runs: Guild, variables: dict[str, str]) -> None:
    runs.env.update(variables)
    for argv in (["runs"], ["runs", "--help"], ["xyzzy"]):
        assert "\x1b" not in shown(runs, *argv)


def test_an_empty_no_color_changes_nothing(runs: Guild) -> None:
    runs.env["NO_COLOR"] = ""
    assert "\x1b[32mcompleted" in shown(runs, "runs")


def test_force_color_colours_a_pipe_too(runs: Guild) -> None:
    runs.env["FORCE_COLOR"] = "1"
    assert "\x1b[32mcompleted" in runs("runs").out
    assert runs("xyzzy").err.startswith("\x1b[31mguild:\x1b[0m ")
    assert "\x1b" not in runs("runs", "--json").out


def test_errors_and_warnings_stand_out_on_a_terminal(guild: Guild) -> None:
    assert shown(guild, "xyzzy").startswith("\x1b[31mguild:\x1b[0m there is no command")
    (guild.folder / "guild.yml").write_text("op: {exec: 'true', surprise: 1}")
    assert "\x1b[33mguild:\x1b[0m warning: op: surprise" in shown(guild, "run", "--print-cmd")


@pytest.mark.parametrize("argv", [("--help",), ("runs", "--help"), ("help", "runs")])
def test_headings_of_help_stand_out_on_a_terminal(guild: Guild, argv: tuple[str, ...]) -> None:
    text = shown(guild, *argv)
    assert "\n\x1b[1mUsage:\x1b[0m\n" in text
    assert "\n\x1b[1mOptions:\x1b[0m\n" in text
    assert STYLE.sub("", text) == guild.ok(*argv).out


def test_a_label_from_elsewhere_colours_nothing(guild: Guild) -> None:
    made_run(guild.home, 1, "\x1b[31mred\x1b[2J\x9b1m", exit_status=0)
    for argv in (["runs"], ["runs", "-v"], ["info"]):
        assert not re.search("[\x1b\x9b]", STYLE.sub("", shown(guild, *argv, "--completed")))
        assert "?[31mred?[2J?1m" in shown(guild, *argv, "--completed")


PRINTING = [
    ("--help",), ("--version",), ("help", "run"), ("help", "--man"), ("xyzzy",), ("cat", "-O"),
    ("check", "--offline"), ("clean", "-y"), ("comment", "-l"), ("compare",),
    ("completion", "bash"),
    ("diff", "2", "1"),
    ("export", "out.zip", "-y"), ("fleet",),
    ("forward", "1", "80"), ("hooks",), ("import", "no.zip", "-y"),
    ("info",), ("init", "--print"),
    ("label", "-s", "x", "-y"), ("ls",), ("mark", "-y"), ("models", "-v"),
    ("open", "-c", "echo"), ("operations", "-v"), ("plot", "loss"),
    ("pull", "nobody"),
    ("purge", "-y"), ("push", "nobody"), ("remote", "status", "sandbox"), ("remotes",), ("report",),
    ("restore", "-y"), ("rm", "4", "-y"), ("run", "op", "sleep=0", "-y"), ("runs", "-v", "-c"),
    ("select",), ("shell", "--", "true"), ("status",), ("stop", "-y"), ("sync",),
    ("tag", "-a", "x", "-y"), ("verify",), ("watch", "1"),
]  # fmt: skip


def test_the_list_of_what_prints_names_every_command() -> None:
    assert {*table.COMMANDS} <= {argv[0] for argv in PRINTING}


@pytest.mark.parametrize("argv", PRINTING, ids=" ".join)
def test_a_pipe_gets_no_escape(runs: Guild, argv: tuple[str, ...]) -> None:
    done = runs(*argv)
    assert "\x1b" not in done.out + done.err
    assert "internal error" not in done.err


@pytest.mark.parametrize("command", table.COMMANDS)
def test_the_help_of_a_command_has_no_escape_in_a_pipe(guild: Guild, command: str) -> None:
    assert "\x1b" not in guild.ok(command, "--help").out


# Lines that fit.


def columns_of(line: str) -> int:
    return sum(2 if "\u3000" <= character <= "\u9fff" else 1 for character in line)


@pytest.fixture
def long_labels(guild: Guild) -> Guild:
    made_run(guild.home, 2, "a long label " * 20, exit_status=0)
    made_run(guild.home, 1, WIDE * 10, exit_status=1)
    guild.configure(gpu1={"type": "sandbox", "description": "a long description " * 20})
    operation = {"exec": "true", "description": "a long description " * 20}
    (guild.folder / "guild.yml").write_text(yaml.safe_dump({"op": operation}))
    return guild


@pytest.mark.parametrize("command", ["runs", "remotes", "operations"])
@pytest.mark.parametrize("columns", [24, 69, 100])
def test_a_listing_is_cut_at_the_edge_of_the_terminal(
    long_labels: Guild, command: str, columns: int
) -> None:
    lines = STYLE.sub("", shown(long_labels, command, columns=columns)).splitlines()
    assert len(lines) == (1 if command == "operations" else 2)
    for line in lines:
        assert columns_of(line) <= columns
    assert any(line.endswith("…") for line in lines)
    assert any(columns - 2 <= columns_of(line) for line in lines)


def test_only_the_label_is_cut_where_there_is_room(long_labels: Guild) -> None:
    first, second = STYLE.sub("", shown(long_labels, "runs", columns=69)).splitlines()
    assert first.endswith("completed  a long labe…")
    assert second.endswith("error      日本語のと…")


def test_columns_says_how_wide_the_terminal_is(long_labels: Guild) -> None:
    long_labels.env["COLUMNS"] = "30"
    lines = STYLE.sub("", shown(long_labels, "runs", columns=100)).splitlines()
    assert [columns_of(line) for line in lines] == [30, 30]


@pytest.mark.parametrize("command", ["runs", "remotes", "operations"])
def test_nothing_is_cut_in_a_pipe(long_labels: Guild, command: str) -> None:
    long_labels.env["COLUMNS"] = "20"
    assert "…" not in long_labels.ok(command).out


def test_a_terminal_that_does_not_tell_its_width_cuts_nothing(long_labels: Guild) -> None:
    assert "…" not in shown(long_labels, "runs", columns=0)


DEFAULTS = """
op: {exec: 'true', flags: {lr: 0.1, epochs: 3, name: {default: a b}, on: yes}}
own: {exec: 'true', flags: {lr: 0.1}, label: 'lr=${lr}'}
one: {exec: 'true', flags: {lr: 0.1}}
"""


def test_a_listing_for_a_person_has_no_flag_at_its_default(place: Place, guild: Guild) -> None:
    project(guild.folder, DEFAULTS)

    def label(*options: str) -> str:
        lines = STYLE.sub("", shown(guild, "runs", "-n", "1", *options, *place.args, columns=160))
        return lines.splitlines()[-1].split("completed")[1].rpartition("  ")[0].strip()

    place.ok("run", "op", "name=x", "epochs=5", "-y")
    of_pipe = place.ok("runs", "-n", "1").lines[0]
    assert of_pipe.endswith("completed  epochs=5 lr=0.1 name=x on=yes")
    assert label() == "epochs=5 name=x"
    assert label("-a") == "epochs=5 name=x"
    with_column = shown(guild, "runs", "-n", "1", "--columns", "epochs", *place.args, columns=160)
    assert with_column.rstrip().endswith("  epochs=5 name=x")
    for whole in ("-v", "--json"):
        assert "epochs=5 lr=0.1 name=x on=yes" in shown(
            guild, "runs", "-n", "1", whole, *place.args
        )
    place.ok("run", "op", "name=x", "-l", "lr=0.1 on=yes", "-y")
    assert label() == "lr=0.1 on=yes", "a person has written it"
    place.ok("run", "one", "-l", "lr=0.3", "-y")
    assert label() == "lr=0.3", "it says something else than its flag"
    written = "epochs=7 lr=0.1 name=x on=yes"
    place.ok("run", "op", "name=x", "-l", written, "-y")
    assert label() == written, "a word of it is no flag's"
    place.ok("run", "own", "-y")
    assert label() == "lr=0.1", "guild.yml says so"


def test_labels_are_shortened_by_what_a_run_says_of_itself_and_no_more(guild: Guild) -> None:
    """A job that is none, as of another program or a hostile remote, has the label as it is."""
    project(guild.folder, DEFAULTS)
    guild.ok("run", "op", "name=x", "-y")
    (job,) = guild.home.glob("runs/*/.guild/job.json")
    for text in (
        "{",
        "[]",
        '{"operation": 3}',
        '{"operation": {"flags": [1]}}',
        '{"operation": {"flags": {"lr": 1}}}',
        "[" * 100_000,
    ):
        job.write_text(text)
        assert "epochs=3 lr=0.1 name=x on=yes" in shown(guild, "runs", columns=160)
    job.unlink()
    assert "epochs=3 lr=0.1 name=x on=yes" in shown(guild, "runs", columns=160)
