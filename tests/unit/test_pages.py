"""The pages for people: README and docs/. Their links lead somewhere, their commands are ones."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

import pytest
from pages import PAGES, TOP, Snippet, Typed, fault_of, parts_of, text_of

from guild_sync.cli.table import COMMANDS, module_of

_LINK = re.compile(r"\]\(([^)\s]+)\)")


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


@pytest.mark.parametrize("page", PAGES)
def test_a_command_line_that_a_page_shows_is_one_that_guild_takes(page: str) -> None:
    """Those that can be typed are, in tests/integration/test_page_commands.py."""
    faults = {}
    for part in parts_of(page):
        if isinstance(part, Snippet) or not part.command.startswith("guild"):
            continue
        fault = "" if re.search("…|[.]{3}", part.command) else fault_of(part.command)
        is_typed = isinstance(part, Typed)
        if fault and (is_typed or not re.search("is missing|requires argument", fault)):
            faults[part.command] = fault
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
