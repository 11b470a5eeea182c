"""The manual: made from what `--help` shows, kept in man/, and read by man without a warning."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from guild_sync import main
from guild_sync.cli import table
from guild_sync.config import schema, sections
from guild_sync.guildfile import keys
from guild_sync.manual import config_keys
from guild_sync.manual.of_commands import page
from guild_sync.manual.pages import TOPICS, pages

MAN = Path(__file__).parents[3] / "man"

USAGE = """Do it.

Usage:
  guild do [options] [-t TAG]... [RUN]...

.It is done 'here', in ~/runs:

    with a \\ in it

Options:
  -t, --tag TAG  Tag it.
  --help         Show this help and exit.

Exit status: 0 if all went well, as always.
"""


def test_the_pages_in_the_folder_are_those_of_the_usages() -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in MAN.glob("*")}
    stale = {name for name, text in pages().items() if kept.get(name) != text}
    stale |= kept.keys() - pages().keys()
    assert not stale, "run `make man`"


def test_there_is_a_page_for_guild_and_for_each_command() -> None:
    files = {"guild.1", "guild.yml.5", "guild-config.5"}
    assert pages().keys() == {*files, *(f"guild-{n}.1" for n in table.COMMANDS)}


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("name", pages())
def test_groff_has_no_warning_for_a_page(name: str) -> None:
    text = pages()[name]
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z"], input=text, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_page_of_guild_yml_has_each_key_of_the_table() -> None:
    text = pages()["guild.yml.5"]
    for group, known in keys.GROUPS.items():
        of_group = text.partition(f".SH KEYS OF {group.upper()}\n")[2].partition("\n.SH ")[0]
        shown = re.findall(r"^\.TP\n\\fB(.*)\\fR$", of_group, re.M)
        assert [name.replace(r"\-", "-") for name in shown] == list(known)


def test_the_page_of_guild_yml_promises_nothing_of_a_key_that_is_not_read() -> None:
    text = pages()["guild.yml.5"].partition(".SH KEYS OF AN OPERATION\n")[2].partition("\n.SH ")[0]
    said = {
        name.replace(r"\-", "-"): " ".join(about.split())
        for name, about in re.findall(r"^\.TP\n\\fB(.*)\\fR\n((?:[^.].*\n?)+)", text, re.M)
    }
    assert said.keys() == keys.OPERATION.keys()
    for name, key in keys.OPERATION.items():
        if not key.means:
            assert "Passed over, with a warning." in said[name] or "Nothing to" in said[name]
        else:
            assert "Passed over" not in said[name]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_a_page_shows_the_words_of_the_usage() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-P-cbou", "-rLL=80n"],
        input=page("guild-do", "do it", USAGE),
        capture_output=True,
        text=True,
    )
    shown = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    assert shown[1:-1] == [
        *("NAME", "guild-do - do it"),
        *("SYNOPSIS", "guild do [options] [-t TAG]... [RUN]..."),
        *("DESCRIPTION", "Do it.", ".It is done 'here', in ~/runs:", "with a \\ in it"),
        *("OPTIONS", "-t, --tag TAG", "Tag it.", "--help Show this help and exit."),
        *("EXIT STATUS", "0 if all went well, as always."),
        *("SEE ALSO", "guild(1)"),
    ]


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        ([], "guild.1"),
        (["help"], "guild.1"),
        (["runs"], "guild-runs.1"),
        (["guild.yml"], "guild.yml.5"),
        (["guild-config"], "guild-config.5"),
        (["config"], "guild-config.5"),
    ],
)
def test_help_prints_a_page(argv: list[str], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["help", "--man", *argv], ["help", *argv, "--man"]):
        assert main.main(words) == 0
        assert capsys.readouterr().out == pages()[name]


def test_a_command_that_is_none_has_no_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["help", "--man", "snyc"]) == 1
    assert capsys.readouterr().err.startswith("guild: there is no command 'snyc'\n")


def test_the_page_of_the_config_file_has_every_key_that_it_takes() -> None:
    wanted = {
        "the file": {*sections.SECTIONS},
        "a remote": {"type", "extends", *schema.REMOTE_KEYS},
        "pull": {*schema.PULL_KEYS},
        "clean": {*schema.CLEAN_KEYS},
    }
    assert {group: {*keys} for group, keys in config_keys.GROUPS.items()} == wanted


def test_the_table_of_the_page_of_remotes_has_every_key_of_a_remote() -> None:
    page = (Path(__file__).parents[3] / "docs" / "remotes.md").read_text(encoding="utf-8")
    table = page[page.index("| key | meaning |") :].partition("\n\n")[0]
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", table, re.M))
    assert rows == {*config_keys.REMOTE}


def test_guild_help_has_each_command_once_by_what_one_wants_and_fits_a_screen() -> None:
    named = [
        name for group in table.GROUPS.values() for names in group for name in names.split(", ")
    ]
    assert sorted(named) == sorted(table.COMMANDS)
    assert len(table.usage().splitlines()) <= 60


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_of_help_is_shown(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["help", topic]) == 0
    shown = capsys.readouterr().out
    wanted = {"filters": "--started RANGE", "config": "keep-open", "guild.yml": "flags-dest"}
    assert wanted[topic] in shown
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_a_file_is_told_of_by_each_of_its_names(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for name in ("config", "guild-config"):
        assert main.main(["help", name]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] != ""
