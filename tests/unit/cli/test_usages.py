"""What is read from the usage of a command, beside docopt: sections, options, words."""

from __future__ import annotations

from pathlib import Path

import pytest

import guild_sync
from guild_sync import main
from guild_sync.cli import table, usages
from guild_sync.cli.arguments import FILE_OPTIONS, FILTER_OPTIONS, FILTERS_NAMED, usage_of, whole
from guild_sync.cli.usages import Item, Option

USAGE = """List the tags of runs.

Usage:
  guild tags [options] [-m...] [--add TAG]... REMOTE [list] [RUN]...
  guild runs (tags|labels) [RUN [RUN]]
  guild tags --help

RUN is an index, or:

    the beginning of an id

What to do:
  -a, --add TAG  Add TAG,
                 which is a word.
  -m

Options:
  --help         Show this help and exit.

Exit status: 0 if all went well.
"""


def files() -> list[Path]:
    folder = Path(guild_sync.__file__).parent / "commands"
    return [folder / f"{module}.py" for module, _ in table.COMMANDS.values()]


def test_a_usage_has_sections_with_and_without_a_heading() -> None:
    found = [section.heading for section in usages.sections(USAGE)]
    assert found == ["", "Usage", "", "What to do", "Options", ""]


def test_no_line_of_a_usage_is_lost() -> None:
    for usage in (USAGE, table.usage(), *map(usage_of, map(str, files()))):
        found = [line for section in usages.sections(usage) for line in section.lines]
        headings = [f"{section.heading}:" for section in usages.sections(usage) if section.heading]
        for line in usage.splitlines():
            assert line in found or line in headings or not line


def test_a_list_has_items_that_may_take_several_lines() -> None:
    (todo,) = [section for section in usages.sections(USAGE) if section.heading == "What to do"]
    assert todo.items == [Item("-a, --add TAG", "Add TAG, which is a word."), Item("-m", "")]


def test_plain_text_is_no_list() -> None:
    assert [section.items for section in usages.sections(USAGE) if not section.heading] == [[]] * 3


def test_options_have_names_a_value_and_a_meaning() -> None:
    assert [*usages.options(USAGE)] == [
        Option(("-a", "--add"), "TAG", "Add TAG, which is a word."),
        Option(("-m",), "", ""),
        Option(("--help",), "", "Show this help and exit."),
    ]


@pytest.mark.parametrize("name", table.COMMANDS)
def test_the_usage_that_is_read_is_the_one_that_help_shows(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([name, "--help"]) == 0
    read = usage_of(table.file_of(name)).replace(FILTER_OPTIONS.strip(), FILTERS_NAMED.strip())
    assert capsys.readouterr().out.strip() == read


# Options that several commands have.


def test_a_line_stands_for_the_options_that_several_commands_have() -> None:
    assert whole("Usage: x\n\n[files]\n\n[filters]\n") == (
        f"Usage: x\n\n{FILE_OPTIONS}\n{FILTER_OPTIONS}"
    )
    assert whole("Usage: x [filters]\n") == "Usage: x [filters]\n"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_no_usage_shows_the_line_itself(path: Path) -> None:
    shown = usage_of(str(path))
    assert "[filters]" not in shown
    assert "[files]" not in shown
    assert shown.count("Only some runs:") == ("[filters]" in path.read_text(encoding="utf-8"))
