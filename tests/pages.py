"""What a page for people has in it: lines that are typed, with what they show, and snippets."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guild_sync.cli import arguments
from guild_sync.cli.table import COMMANDS, SUBCOMMANDS, meant, module_of
from guild_sync.errors import GuildError

TOP = Path(__file__).parents[1]
PAGES = sorted(
    str(path.relative_to(TOP)) for path in [TOP / "README.md", *(TOP / "docs").glob("*.md")]
)
# What a line without `$ ` begins with, where it is typed.
_PROGRAMS = re.compile(
    r"(\(crontab|guild(-sync|-pull)?|sudo|pipx|uv|python3|pip|make|git|tensorboard|tools/\S+)"
    r"(?= |$)"
)
_SECTION = re.compile(r"(remotes|groups|hooks|notify|heartbeat|keep-free):")
_INLINE = re.compile(r"`(guild(?:-sync|-pull)? [^`]+)`")
# A line of a shell ends where another command begins.
_BEHIND = {"|", "&&", "||", ";", ">", ">>", "2>", "&"}
# Something to be put in by whoever types it: RUN, NAME, ...
_PLACEHOLDER = re.compile(r"(?<![\w.$\-])\[?[A-Z]{2,}\b|[A-Z]{2,}\Z|…|[.]{3}")


@dataclass(frozen=True)
class Snippet:
    """Lines that are shown as they are: a part of a file, or of an output."""

    line: int
    text: str

    @property
    def is_config(self) -> bool:
        return _SECTION.match(re.sub(r"^#.*\n", "", self.text)) is not None

    @property
    def is_output(self) -> bool:
        """Whether it is neither guild.yml nor config, but what a program has printed or is."""
        return re.match(r"(?:- )?[\w-]+:(?:\n|$)", self.text) is None and not (
            self.text.startswith("- ")
        )


@dataclass(frozen=True)
class Typed:
    """A command line, and what the page shows of its output; `""`: nothing."""

    line: int
    command: str
    shown: str = ""


@dataclass(frozen=True)
class Mentioned:
    """A command line in the text; `is_row`: in a table, as what is to be typed."""

    line: int
    command: str
    is_row: bool

    @property
    def is_whole(self) -> bool:
        """Whether it can be typed as it is; the mere name of a command in a sentence is none."""
        words = self.command.split()
        is_name = len(words) == 1 or (len(words) == 2 and not self.is_row)
        return not (is_name or _PLACEHOLDER.search(self.command) or fault_of(self.command))


Part = Snippet | Typed | Mentioned


def text_of(page: str) -> str:
    return (TOP / page).read_text(encoding="utf-8")


def parts_of(page: str) -> list[Part]:
    """All of a page that is typed or shown, in its order."""
    return list(_parts(text_of(page).splitlines()))


def _parts(lines: Sequence[str]) -> Iterator[Part]:
    at = 0
    table = ""  # the heading of the one that we are in
    while at < len(lines):
        if lines[at].startswith("    "):
            end = at
            while end < len(lines) and (not lines[end].strip() or lines[end].startswith("    ")):
                end += 1
            yield from _chunk(at + 1, [line[4:] for line in lines[at:end]])
        elif lines[at].startswith("|"):
            end = at + 1
            table = table or lines[at]
            is_typed = re.match(r"\| (to|you want to|command) \|", table) is not None
            row = lines[at].replace(r"\|", "|")
            yield from (Mentioned(end, text, is_typed) for text in _INLINE.findall(row))
        else:
            end = at
            while end < len(lines) and lines[end] and not lines[end].startswith(("    ", "|")):
                end += 1
            text = re.sub(r"\s*\n\s*", " ", "\n".join(lines[at:end]))
            yield from (Mentioned(at + 1, text, False) for text in _INLINE.findall(text))
            table = ""
            end = max(end, at + 1)
        at = end


def _chunk(first: int, lines: list[str]) -> Iterator[Part]:
    """The parts of lines that are set off from the text."""
    if _PROGRAMS.match(lines[0].strip()):
        for number, line in enumerate(lines, first):
            if line.strip():
                yield Typed(number, line.strip())
        return
    begins = [
        number
        for number, line in enumerate(lines)
        if number == 0
        or line.lstrip().startswith("$ ")
        or (_SECTION.match(line) and not lines[number - 1].strip())
    ]
    for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        head = lines[begin].strip()
        if head.startswith("$ "):
            indent = len(lines[begin]) - len(lines[begin].lstrip())
            shown = "\n".join(line[indent:].rstrip() for line in lines[begin + 1 : end]).strip("\n")
            yield Typed(first + begin, head[2:], shown)
        else:
            yield Snippet(first + begin, "\n".join(lines[begin:end]).strip("\n"))


def words_of(line: str) -> list[str]:
    """The words of the first command of a line, without what a shell does with the rest."""
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


# What is another one each time, as a page has it, and what may stand there instead.
_DIFFERS = (
    (r"\.\.\.|…", r".*"),
    (r"\b[0-9a-f]{32}\b", r"[0-9a-f]{32}"),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{8}\b", r"[0-9a-f]{8}"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", r"\d{4}-\d\d-\d\d \d\d:\d\d"),
    (r"(?<=port )\d+|(?<=pid )\d+", r"\d+"),
    (r"\d[\d.]*[KMGT]\b", r"[\d.]+[KMGT]?"),
    (r"\b(?:\d+h)?(?:\d+m)?\d+s\b|\b(?:\d+h)?\d+m\b", r"[\dhm.]+s?"),
    (r"SHA256:\S+", r"SHA256:\S+"),
    (r"/home/\w+/", r"/\S*/"),
    (r" {2,}", r" +"),
)


def looks_like(shown: str, differs: Sequence[tuple[str, str]] = ()) -> re.Pattern[str]:
    """What an output has to be that a page shows.

    A line `...` are any lines; ids, times, sizes and places are others each time. `differs` are
    expressions of what else is, each with the expression that it stands for.
    """
    known = [*differs, *_DIFFERS]
    either = re.compile("|".join(f"(?P<d{n}>{shape})" for n, (shape, _) in enumerate(known)))
    lines = []
    for line in shown.splitlines():
        if line.strip() == "...":
            lines.append("(?:.*\n)*")
            continue
        made, at = "", 0
        for found in either.finditer(line):
            made += re.escape(line[at : found.start()])
            made += known[int(str(found.lastgroup)[1:])][1]
            at = found.end()
        lines.append(made + re.escape(line[at:]) + " *\n")
    return re.compile("".join(lines))
