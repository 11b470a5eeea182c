"""A run as people see it: its row in a listing, its operation, status, comments."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

from guild_sync.agent.protocol import (
    NAME_LENGTH,
    Details,
    JobForm,
    Run,
    RunLine,
    name_in_project,
    tags_of,
)
from guild_sync.output.formats import date, span
from guild_sync.output.terminal import Styled, clean

_STATUS_STYLES = {
    "running": "cyan",
    "completed": "green",
    "error": "red",
    "terminated": "yellow",
    "pending": "blue",
    "staged": "blue",
    "lost": "red",
}
# The package of a project that has none: its place and content, in 8 digits.
_ANONYMOUS = re.compile("gpkg[.]anonymous-[0-9a-f]{8}/")


def mapping(title: str, values: object) -> list[str]:
    """Lines that show a mapping of names to values."""
    items = sorted(values.items(), key=str) if isinstance(values, dict) else []
    return [f"{title}:", *(clean(f"  {name}: {value}") for name, value in items)]


def comments(run: Run) -> Iterator[str]:
    """Lines that show a run's comments, each with who wrote it and when."""
    found = run["comments"] if isinstance(run["comments"], list) else []
    for comment in found:
        if isinstance(comment, dict):
            author = f"{comment.get('user') or ''}@{comment.get('host') or ''}"
            yield clean(f"  {author} {date(comment.get('time'))}".rstrip())
            yield ""
            yield from (f"    {clean(line)}" for line in str(comment.get("body")).splitlines())
            yield ""


def confirmed(run: Details) -> str:
    """When a remote last gave its word for the run, and which: `2026-11-23 23:01:02 (gpu1)`."""
    found = run["confirmed"]
    return f"{date(found['time'])} ({found['remote']})" if found else ""


def starter(run: Run) -> str:
    """Who started the run, and from which machine: `ann@laptop`; empty where that is not known."""
    who = run["started_by"]
    return f"{who['user']}@{who['client']}"[:NAME_LENGTH] if who else ""


def job(run: Run) -> str:
    """The job that a run is: `4711 PENDING, Priority, starts about 14:05`, `4711 on n1`.

    What it waits for is marked by a `!` where only a person can end that.
    """
    found = run["job"]
    if not found:
        return ""
    words = " ".join(filter(None, [found["id"] or "not submitted yet", found["state"]]))
    words += f" on {found['nodes']}" if found["nodes"] else ""
    parts = [words, _reason(found), _expected(found)]
    parts += [f"restarts: {found['restarts']}"] if found["restarts"] else []
    return ", ".join(filter(None, parts))


def waits(run: Run) -> str:
    """What a run waits for: `the queue: Priority, starts about 14:05`; empty where for nothing."""
    found = run["job"]
    if not found or found["nodes"] or run["waits"] is None:
        return run["waits"] or ""
    why = ", ".join(filter(None, [_reason(found), _expected(found)]))
    return f"the queue: {why}" if why else "the queue"


def _reason(found: JobForm) -> str:
    return found["reason"] + ("!" if found["held"] and found["reason"] else "")


def _expected(found: JobForm) -> str:
    """When a job is expected to begin, where that is yet to come."""
    starts = found["starts"]
    if starts is None or starts <= time.time():
        return ""
    when = date(starts * 1_000_000)
    today = date(int(time.time() * 1_000_000))[:10]
    return f"starts about {when[11:16] if when.startswith(today) else when[:16]}"


def operation(run: RunLine) -> str:
    """An operation's name in a listing: `gpkg.hello/op`, `op`, `op (~/other/project)`."""
    opref = run["opref"]
    name = name_in_project(opref)
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


def status(run: RunLine) -> str:
    """A run's status, with the remote, or the other machine on its disk, that it is running on.

    A trial that waits for one of several remotes is `staged (gpu1,gpu2)`.
    """
    where = run["remote"] or (f"on {run['machine']}" if run["machine"] else "")
    if run["deal"]:
        where = ",".join(run["deal"]["remotes"])
    text = clean(f"{run['status']} ({where})" if where else run["status"])
    if not where and run["waits"]:
        text = f"{text}, waits for {clean(run['waits'].partition(':')[0])}"
    if not where and (paths := run["unreadable"]):
        files = "1 file" if len(paths) == 1 else f"{len(paths)} files"
        text = f"{text}, {files} not readable there"
    return Styled.of(text, style_of(run))


def style_of(run: RunLine) -> str:
    """The style of a run's status, where there are colours."""
    return _STATUS_STYLES.get(run["status"], "")


def run_row(index: int, run: RunLine) -> tuple[str, str, str, str, str]:
    """A run's cells in a listing."""
    return (
        f"[{index}:{run['id'][:8]}]",
        operation(run),
        date(run["started"] or run["initialized"]),
        status(run),
        clean(run["label"] if run["label"] is not None else ""),
    )


def row_without_index(run: RunLine) -> tuple[str, str, str, str, str]:
    """A run's cells without its index, which in a choice of runs would mean another."""
    return (f"[{run['id'][:8]}]", *run_row(1, run)[1:])


def short_operation(run: RunLine) -> str:
    """An operation's name for a person who has seen its project, which may have no package."""
    return clean(_ANONYMOUS.sub("", operation(run)))


AT_END = ("duration", "tags")  # of `row_on_terminal`, behind the label


def row_on_terminal(index: int | None, run: RunLine) -> tuple[str, ...]:
    """A run's cells in a listing that a person reads, who has seen its project: it is shorter.

    The last ones go first where there is not room for all: how long it took, and its tags.
    """
    first, _, started, shown_status, label = (
        row_without_index(run) if index is None else run_row(index, run)
    )
    return (
        first,
        short_operation(run),
        started[:-3],  # without its seconds
        shown_status,
        label,
        span(run["started"], run["stopped"]),
        clean(" ".join(f"#{tag}" for tag in tags_of(run))),
    )
