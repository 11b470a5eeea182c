"""What people see: lines, tables, times, questions."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from guild_sync.errors import GuildError

_SURROGATE = re.compile("[\ud800-\udfff]")  # a byte that was not UTF-8
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_STYLES = {
    "bold": "1", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36",
}  # fmt: skip
_STATUS_STYLES = {
    "running": "cyan",
    "completed": "green",
    "error": "red",
    "terminated": "yellow",
    "pending": "blue",
    "staged": "blue",
    "lost": "red",
}
_HEADING = re.compile(r"^[A-Z][\w ,]*:$", re.M)


class Styled(str):
    """Text of a cell that `table` shows in a style where there are colours."""

    style: str = ""

    @classmethod
    def of(cls, text: str, style: str) -> Styled:
        made = cls(text)
        made.style = style
        return made


def clean(value: object) -> str:
    """`value` as text that can neither move the cursor nor end the line.

    Labels and names come from remotes: what a terminal would obey is shown as `?`.
    """
    text = _SURROGATE.sub("\ufffd", str(value))
    return _CONTROL.sub("?", text)


def has_colours(stream: TextIO) -> bool:
    """Whether `stream` gets colours: a terminal that can show them, and nobody against it.

    NO_COLOR, when it is not empty, is against them (no-color.org); else FORCE_COLOR, when it
    is not empty, asks for them even where there is no terminal.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return _is_terminal(stream) and os.environ.get("TERM", "dumb") != "dumb"


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()  # None: it was closed before we began


def styled(text: str, style: str, stream: TextIO) -> str:
    """`text` as `stream` is to get it: in the style where that gets colours."""
    if not text or not style or not has_colours(stream):
        return text
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def help_text(text: str) -> str:
    """A usage as stdout is to get it: its headings stand out on a terminal."""
    return _HEADING.sub(lambda found: styled(found[0], "bold", sys.stdout), text)


def say(text: str) -> None:
    """Print a line at once, so that it is seen while what follows takes its time."""
    sys.stdout.write(f"{text}\n")  # at one go: threads that say something must not mix it
    sys.stdout.flush()


def to_stdout(data: bytes) -> None:
    """Write output of a run, as it is, at once."""
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


def complain(text: str, style: str = "red", hint: str = "") -> None:
    """Print `guild: TEXT` on stderr, then the lines of `hint`.

    What a remote said may be part of them: they are cleaned.
    """
    lines = [f"{styled('guild:', style, sys.stderr)} {clean(text)}"]
    lines += map(clean, hint.split("\n") if hint else ())
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def warn(error: GuildError) -> None:
    """Print an error as `guild: WHAT`, then what to do."""
    sys.stdout.flush()
    complain(error.message, hint=error.hint)


def confirm(question: str = "Continue?", default: bool = True) -> bool:
    """Ask; a bare return answers `default`. Raises GuildError where nobody can answer."""
    print(f"{question} ({'Y/n' if default else 'y/N'}) ", end="", flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print()
        raise GuildError("nobody answered the question", "Use -y to go on without being asked.")
    return default if not answer.strip() else answer.strip().lower() in ("y", "yes")


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with aligned columns, two spaces between them.

    On a terminal no line is wider than it: what is behind its edge, most often the end of
    the last column, is cut. Elsewhere, as in a pipe, nothing is.
    """
    widths = [max(map(_width, column), default=0) for column in zip(*rows, strict=True)]
    edge = terminal_width()
    return [_line(row, widths, edge) for row in rows]


def _line(row: Sequence[str], widths: Sequence[int], edge: int | None) -> str:
    line, at, gap = "", 0, 0  # `gap` columns are to be left before the next text
    for cell, width in zip(row, widths, strict=True):
        shown = cell if edge is None else cut(cell, edge - at - gap)
        if shown:
            style = cell.style if isinstance(cell, Styled) else ""
            line += " " * gap + styled(shown, style, sys.stdout)
            at, gap = at + gap + _width(shown), 0
        gap += width - _width(shown) + 2
    return line.rstrip()


def cut(text: str, width: int) -> str:
    """`text` in no more than `width` columns; where some of it is left out, `…` is its end."""
    if _width(text) <= width:
        return text
    kept, room = "", width - 1
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        kept += character
    return f"{kept.rstrip()}…" if width > 0 else ""


def terminal_width() -> int | None:
    """The columns of the terminal that stdout is; None where it is none, or does not tell."""
    try:
        if not _is_terminal(sys.stdout):
            return None
        named = os.environ.get("COLUMNS", "")
        columns = int(named) if named.isdecimal() else 0
        return columns or os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _width(text: str) -> int:
    """The columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 0 if combining(c) else 1 for c in text)


def date(microseconds: object) -> str:
    """Local time, to the second, of a run's time; empty where there is none."""
    if not isinstance(microseconds, int):
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(microseconds // 1_000_000))
    except (OverflowError, ValueError, OSError):
        return "?"


def size(count: int) -> str:
    """A number of bytes for people: `812`, `4.9K`, `3.2G` (powers of 1024)."""
    number = float(count)
    for unit in ("", "K", "M", "G", "T"):
        if number < 1023.95:
            return f"{number:.1f}{unit}" if unit else str(count)
        number /= 1024
    return f"{number:.1f}P"


def mapping(title: str, values: object) -> list[str]:
    """Lines that show a mapping of names to values."""
    items = sorted(values.items(), key=str) if isinstance(values, dict) else []
    return [f"{title}:", *(clean(f"  {name}: {value}") for name, value in items)]


def comments(run: Mapping[str, Any]) -> Iterator[str]:
    """Lines that show a run's comments, each with who wrote it and when."""
    found = run["comments"] if isinstance(run["comments"], list) else []
    for comment in found:
        if isinstance(comment, dict):
            author = f"{comment.get('user') or ''}@{comment.get('host') or ''}"
            yield clean(f"  {author} {date(comment.get('time'))}".rstrip())
            yield ""
            yield from (f"    {clean(line)}" for line in str(comment.get("body")).splitlines())
            yield ""


def confirmed(run: Mapping[str, Any]) -> str:
    """When a remote last gave its word for the run, and which: `2026-11-23 23:01:02 (gpu1)`."""
    found = run.get("confirmed")
    return f"{date(found['time'])} ({found['remote']})" if found else ""


def operation(run: Mapping[str, Any]) -> str:
    """An operation's name in a listing: `gpkg.hello/op`, `op`, `op (~/other/project)`."""
    opref = run["opref"]
    name = f"{opref['model']}:{opref['name']}" if opref["model"] else opref["name"]
    if opref["type"] == "package":
        return clean(f"{opref['package']}/{name}")
    if opref["type"] in ("guildfile", "script"):
        folder = os.path.dirname(opref["package"])
        if folder and not _is_here(folder):
            return clean(f"{name} ({_short_path(folder)})")
    return clean(name or "?")


def _is_here(folder: str) -> bool:
    return os.path.realpath(folder) == os.path.realpath(os.getcwd())


def _short_path(path: str) -> str:
    home = os.path.expanduser("~")
    return "~" + path[len(home) :] if path.startswith(home + os.sep) else path


def status(run: Mapping[str, Any]) -> str:
    """A run's status, with the remote that it is running on."""
    text = clean(f"{run['status']} ({run['remote']})" if run.get("remote") else run["status"])
    return Styled.of(text, _STATUS_STYLES.get(run["status"], ""))


def run_row(index: int, run: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """A run's cells in a listing."""
    return (
        f"[{index}:{run['id'][:8]}]",
        operation(run),
        date(run["started"] or run["initialized"]),
        status(run),
        clean(run["label"] if run["label"] is not None else ""),
    )
