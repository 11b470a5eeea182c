"""What people see: lines, tables, times, questions."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from guild_sync.errors import GuildError

_SURROGATE = re.compile("[\ud800-\udfff]")  # a byte that was not UTF-8
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean(value: object) -> str:
    """`value` as text that can neither move the cursor nor end the line.

    Labels and names come from remotes: what a terminal would obey is shown as `?`.
    """
    text = _SURROGATE.sub("\ufffd", str(value))
    return _CONTROL.sub("?", text)


def say(text: str) -> None:
    """Print a line at once, so that it is seen while what follows takes its time."""
    print(text, flush=True)


def to_stdout(data: bytes) -> None:
    """Write output of a run, as it is, at once."""
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


def warn(error: GuildError) -> None:
    """Print an error as `guild: WHAT`, then what to do."""
    sys.stdout.flush()
    # What a remote said is part of it: it must not reach the terminal as it is.
    print(f"guild: {clean(error.message)}", file=sys.stderr)
    for line in error.hint.split("\n") if error.hint else ():
        print(clean(line), file=sys.stderr)


@contextmanager
def progress(text: str) -> Iterator[Callable[[int, float], None] | None]:
    """A callback that draws how far a copy is, where a person watches; None elsewhere.

    It takes the bytes that were copied and the part that is done, from 0 to 1.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.filesize import decimal
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[bytes]}"))
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(text, total=1.0, bytes="")
        yield lambda count, part: bar.update(task, completed=part, bytes=decimal(count))


def confirm(question: str = "Continue?", default: bool = True) -> bool:
    """Ask; a bare return answers `default`. Raises GuildError where nobody can answer."""
    print(f"{question} ({'Y/n' if default else 'y/N'}) ", end="", flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print()
        raise GuildError("nobody answered the question", "Use -y to go on without being asked.")
    return default if not answer.strip() else answer.strip().lower() in ("y", "yes")


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with aligned columns, two spaces between them."""
    widths = [max(map(_width, column), default=0) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


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
    return clean(f"{run['status']} ({run['remote']})" if run.get("remote") else run["status"])


def run_row(index: int, run: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """A run's cells in a listing."""
    return (
        f"[{index}:{run['id'][:8]}]",
        operation(run),
        date(run["started"] or run["initialized"]),
        status(run),
        clean(run["label"] if run["label"] is not None else ""),
    )
