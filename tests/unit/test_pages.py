"""The pages for people: README and docs/. Their links lead somewhere, their commands are ones."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from guild_sync.cli import arguments
from guild_sync.cli.table import COMMANDS, SUBCOMMANDS, meant, module_of
from guild_sync.errors import GuildError

TOP = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(TOP)) for path in [TOP / "README.md", *(TOP / "docs").glob("*.md")]
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PROGRAM = re.compile(r"guild(-sync|-pull)?\Z")
# A line of a shell ends where another command begins.
_BEHIND = {"|", "&&", "||", ";", ">", ">>", "2>", "&"}


def text_of(page: str) -> str:
    return (TOP / page).read_text(encoding="utf-8")


def anchors_of(text: str) -> set[str]:
    """What links to a page's headings are called, as GitHub and mkdocs call them."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", prose, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links_of(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.startswith("    "):
            yield from _LINK.findall(re.sub(r"`[^`]*`", "", line))


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_a_page_and_a_heading_of_it(page: str) -> None:
    lost = []
    for link in links_of(text_of(page)):
        path, _, anchor = link.partition("#")
        target = (TOP / page).parent / path if path else TOP / page
        if "://" in link:
            continue
        is_there = target.exists()
        if not is_there or (anchor and anchor not in anchors_of(target.read_text("utf-8"))):
            lost.append(link)
    assert lost == []


def command_lines(text: str) -> Iterator[tuple[str, bool]]:
    """The lines of guild that a page shows; whether as one that is typed, not as what is meant."""
    for line in re.sub(r" \\\n\s*", " ", text).splitlines():
        if line.startswith("    "):
            shown = line.strip().removeprefix("$ ")
            if _PROGRAM.match(shown.partition(" ")[0]) and not re.match(r"guild {3}", shown):
                yield shown, True
        else:
            meant = re.findall(r"`(guild(?:-sync|-pull)? [^`]+)`", line.replace(r"\|", "|"))
            yield from ((text, False) for text in meant)


def words_of(line: str) -> list[str]:
    """The words of the guild that a line starts, without what a shell does with the rest."""
    lexer = shlex.shlex(line.replace("'\\''", ""), posix=True, punctuation_chars="|&;>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for word in lexer:
        if word in _BEHIND or word.startswith("#"):
            break
        words.append(word)
    return words


def fault_of(line: str) -> str:
    """Why guild would not take this line; empty where it would."""
    try:
        program, *words = words_of(line)
    except ValueError as e:
        return str(e)
    command = {"guild-sync": "sync", "guild-pull": "pull"}.get(program) or words.pop(0)
    if command.startswith("-") or command.isupper() or command == "help":
        return ""
    if command == "runs" and words and words[0] in SUBCOMMANDS:
        command = SUBCOMMANDS[words.pop(0)]
    command, *words = meant([command, *words])
    if command not in COMMANDS:
        return f"there is no command {command}"
    module = importlib.import_module(f"guild_sync.commands.{module_of(command)}")
    if "--" not in words and "--help" in words:
        return ""
    try:
        arguments.parse(module.__doc__ or "", [command, *words])
    except GuildError as e:
        return f"{e.message} ({e.hint})"
    except SystemExit:
        return ""
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_a_command_line_that_a_page_shows_is_one_that_guild_takes(page: str) -> None:
    text = text_of(page)
    faults = {}
    for line, is_typed in command_lines(text):
        fault = "" if re.search("…|[.]{3}", line) else fault_of(line)
        if fault and (is_typed or not re.search("is missing|requires argument", fault)):
            faults[line] = fault
    assert faults == {}


def test_what_n_means_is_told_of_each_command_that_takes_it() -> None:
    paragraphs = text_of("docs/daily-use.md").split("\n\n")
    (told,) = [text for text in paragraphs if text.startswith("`-n` is what it is")]
    modules = {
        name: importlib.import_module(f"guild_sync.commands.{module_of(name)}") for name in COMMANDS
    }
    takes = {name for name, module in modules.items() if "  -n, " in (module.__doc__ or "")}
    named = {name.split()[0] for name in re.findall(r"`([a-z][^`]*)`", told)}
    assert takes == named


def test_the_start_page_is_short() -> None:
    lines = text_of("README.md").splitlines()
    assert len(lines) <= 150
    assert max(len(line) for line in lines) <= 100
    assert len(text_of("README.md").split()) <= 1300
