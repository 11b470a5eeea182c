"""Pages of the manual as roff: what `--help` shows, and what each key of guild.yml is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from textwrap import wrap

from guild_sync import __version__
from guild_sync.cli import usages
from guild_sync.cli.table import COMMANDS, file_of, usage
from guild_sync.cli.usages import Section
from guild_sync.guildfile import keys

WIDTH = 66  # of a line of text, before it has escapes
_ESCAPES = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
# What a usage leaves to the user: NAME, but not the letter of an option.
_PLACEHOLDER = re.compile(r"(?<![-\w])[A-Z]+\b")
# A paragraph such as `Exit status: 0 if all went well` is a section of its own.
_LABELLED = re.compile(r"([A-Z][a-z]+(?: [a-z]+)?): (.*)")


def page(name: str, about: str, usage: str, commands: Iterable[str] = ()) -> str:
    """The page called `name`, `guild` or `guild-COMMAND`; it sends the reader to `commands`."""
    others = [f"guild-{command}" for command in commands] or ["guild"]
    lines = [
        '.\\" Made from what --help shows (make man): do not edit.',
        f'.TH "{name.upper()}" "1" "" "guild {__version__}" "guild"',
        ".SH NAME",
        f"{_text(name)} \\- {_text(about)}",
        *_body(usages.sections(usage)),
        ".SH SEE ALSO",
        ",\n".join(f"\\fB{_text(other)}\\fR(1)" for other in others),
    ]
    return "\n".join(lines) + "\n"


_GUILDFILE = """
The file says what a project offers: either a mapping of names to operations, or a list of
entries. An entry is a package, a model with operations, a config that models extend, or an
include of other files. An operation whose keys have a fault is listed with it; the others run.

In the keys of a model, {{NAME}} is the value of its parameter NAME. In flags, operations and
resources, the key $include names a CONFIG, a CONFIG:OPERATION or CONFIG#NAME,NAME whose own
are put in; those that are there already win.
"""


def guildfile_page() -> str:
    """The page of guild.yml: every key of the table, with what it takes."""
    lines = [
        '.\\" Made from the table of keys in guild_sync/guildfile/keys.py (make man): do not edit.',
        f'.TH "GUILD.YML" "5" "" "guild {__version__}" "guild"',
        ".SH NAME",
        f"guild.yml \\- {_text('what a project offers to guild')}",
        ".SH DESCRIPTION",
        *_plain(Section("", tuple(_GUILDFILE.splitlines()))),
    ]
    for group, known in keys.GROUPS.items():
        lines.append(f".SH KEYS OF {group.upper()}")
        for name, key in known.items():
            takes = ", ".join(key.values) if key.values else ", ".join(key.takes)
            about = f"{keys.about(group, name).rstrip('.')}. Takes {takes}. Since {key.since}."
            lines += [".TP", rf"\fB{_text(name)}\fR", *_wrapped(about)]
    lines += [".SH SEE ALSO", r"\fBguild\-operations\fR(1),", r"\fBguild\-run\fR(1)"]
    return "\n".join(lines) + "\n"


def _body(sections: Sequence[Section]) -> Iterator[str]:
    """The synopsis, the description, which stands around it in a usage, then the rest."""
    (synopsis,) = [section for section in sections if section.heading == "Usage"]
    yield from (".SH SYNOPSIS", ".nf", *map(_synopsis, _filled(synopsis.lines)), ".fi")
    first, *others = [section for section in sections if section is not synopsis]
    described = [first]
    while others and not others[0].heading:
        described.append(others.pop(0))
    yield ".SH DESCRIPTION"
    yield from _plain(Section("", tuple(chain.from_iterable(s.lines for s in described))))
    for section in others:
        if not section.heading:
            section = _labelled(section)
        yield f".SH {section.heading.upper()}"
        yield from _items(section) if section.items else _plain(section)


def _labelled(section: Section) -> Section:
    """A section whose heading is the label that its text begins with."""
    first, *rest = _filled(section.lines)
    match = _LABELLED.match(first)
    return Section(match[1], (match[2], *rest)) if match else Section("Notes", section.lines)


def _filled(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.strip()]


def _items(section: Section) -> Iterator[str]:
    for name, about in section.items:
        yield from (".TP", _synopsis(name), *_wrapped(about))


def _plain(section: Section) -> Iterator[str]:
    """Paragraphs; what is indented, as an example is, line by line."""
    groups = groupby(section.lines, key=lambda line: bool(line.strip()))
    blocks = [list(lines) for is_text, lines in groups if is_text]
    for number, lines in enumerate(blocks):
        if number:
            yield ".PP"
        if all(line.startswith(" ") for line in lines):
            yield from (".RS", ".nf", *map(_text, lines), ".fi", ".RE")
        else:
            yield from _wrapped(" ".join(lines))


def _wrapped(text: str) -> list[str]:
    return [*map(_text, wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))]


def _synopsis(text: str) -> str:
    """A usage line or an option's names: to be typed as it is, but for the placeholders."""
    parts, at = [], 0
    text = text.strip()
    for found in _PLACEHOLDER.finditer(text):
        parts += [(r"\fB", text[at : found.start()]), (r"\fI", found[0])]
        at = found.end()
    parts.append((r"\fB", text[at:]))
    return "".join(f"{font}{_text(part)}" for font, part in parts if part) + r"\fR"


def _text(text: str) -> str:
    """Text that roff shows as it is."""
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    return rf"\&{escaped}" if escaped[:1] == "." else escaped


def pages() -> dict[str, str]:
    """Every page of the manual: its file's name, and its text as roff."""
    from guild_sync.cli.arguments import usage_of

    pages = {"guild.1": page("guild", "start operations and sync runs", usage(), COMMANDS)}
    for name, (_, about) in COMMANDS.items():
        pages[f"guild-{name}.1"] = page(f"guild-{name}", about, usage_of(file_of(name)))
    pages["guild.yml.5"] = guildfile_page()
    return pages
