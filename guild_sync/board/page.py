"""A board as rows of text: the remotes, their runs, and why some could not be asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guild_sync.agent.protocol import (
    FINAL,
    WAITING,
    Free,
    GlancedRun,
    moment_of,
    name_in_project,
    number,
)
from guild_sync.board import states
from guild_sync.board.progress import progress
from guild_sync.board.states import RemoteState
from guild_sync.output import formats, runs, tables
from guild_sync.output.formats import age
from guild_sync.output.terminal import Styled, clean

REMOTES = ("REMOTE", "STATE", "RUNS", "GPUS", "CORES", "LOAD", "MEMORY", "ROOM", "HEARD")
RUNS = ("RUN", "OPERATION", "LABEL", "STATUS", "AGE", "PROGRESS", "SCALARS", "LAST LINE")
_STYLES = {
    states.ANSWERS: "green",
    states.SILENT: "yellow",
    states.DOWN: "red",
    states.FAILS: "red",
}
_SCALARS = 3  # of a run
_LONGEST_NAME, _LONGEST_LABEL, _LONGEST_STATUS, _LONGEST_LINE = 24, 28, 40, 160  # characters


class BoardRun(NamedTuple):
    """A run of a board, and its cells under the headings RUNS."""

    remote: str
    run: GlancedRun
    cells: tuple[str, ...]

    @property
    def place(self) -> str:
        """How the run is meant behind `-r all`."""
        return f"{self.remote}:{self.run['id'][:8]}"


def remote_row(state: RemoteState, now: float) -> tuple[str, ...]:
    """A remote's cells under the headings REMOTES."""
    text = _state(state, now)
    return (
        clean(state.name),
        Styled.of(text, _STYLES.get(state.state, "")),
        _counts(state),
        *_room(state.free),
        f"{age(now - state.heard)} ago" if state.heard is not None else "never",
    )


def run_rows(remotes: Sequence[RemoteState], now: float, text: str = "") -> list[BoardRun]:
    """The runs of all remotes: those that run, that wait, that have ended, the latest first.

    With a `text`, those alone in whose row it is, in any case.
    """
    found = [
        BoardRun(state.name, run, run_row(state, run, now))
        for state in remotes
        for run in state.runs
    ]
    if text:
        found = [one for one in found if text.lower() in "  ".join(one.cells).lower()]
    return sorted(found, key=_order)


def run_row(state: RemoteState, run: GlancedRun, now: float) -> tuple[str, ...]:
    """A run's cells under the headings RUNS."""
    reached = progress(run)
    label = "" if run["label"] is None else str(run["label"])
    return (
        clean(f"{state.name}:{run['id'][:8]}"),
        clean(_operation(run)),
        clean(label[:_LONGEST_LABEL]),
        _status(state, run, now),
        _age(run, now - state.clock),
        reached.text if reached else "",
        _scalars(run),
        clean(run["said"].strip()[:_LONGEST_LINE]),
    )


def faults(remotes: Sequence[RemoteState]) -> Iterator[str]:
    """Why remotes could not be asked: a line each, and what to do."""
    for state in remotes:
        if state.error is not None and state.state in (states.DOWN, states.FAILS):
            yield clean(f"{state.name}: {state.error.message}")


def lines(remotes: Sequence[RemoteState], now: float) -> list[str]:
    """The whole board, as wide as the terminal."""
    rows = [REMOTES, *(remote_row(state, now) for state in remotes)]
    shown = [*tables.table(_without_empty(rows))]
    if told := [*faults(remotes)]:
        shown += ["", *(line for text in told for line in tables.table([(text,)]))]
    if of_runs := run_rows(remotes, now):
        table = _without_empty([RUNS, *(one.cells for one in of_runs)])
        shown += ["", *tables.table(table)]
    more = sum(max(0, _open(state) - len(state.open_ids)) for state in remotes if state.is_live)
    if more:
        shown += ["", f"{formats.counted(more)} more: 'guild runs -r all --running' lists them"]
    return shown


def _operation(run: GlancedRun) -> str:
    """An operation's name; that of its package, a digest most often, would only take room."""
    return name_in_project(run["opref"])[:_LONGEST_NAME]


def _state(state: RemoteState, now: float) -> str:
    if state.state == states.SILENT and state.since is not None:
        return f"silent for {age(now - state.since)}"
    if state.state in (states.DOWN, states.FAILS) and state.since is not None:
        return f"{state.state} for {age(now - state.since)}"
    return state.state


def _counts(state: RemoteState) -> str:
    return ", ".join(f"{count} {clean(status)}" for status, count in state.counts.items() if count)


def _open(state: RemoteState) -> int:
    return sum(count for status, count in state.counts.items() if status != states.FAILED)


def _room(free: Free | None) -> tuple[str, str, str, str, str]:
    """What is free of what: GPUs, cores, load, memory, disk; empty where it is not known."""
    if free is None:
        return ("", "", "", "", "")
    idle = sum(card["free"] for card in free["cards"])
    gpus = f"{idle}/{len(free['cards'])}" if free["cards"] else ("?" if free["problem"] else "")
    memory = [free["free_memory"], free["memory"]]
    known = [formats.size(size) for size in memory if size is not None]
    return (
        gpus,
        f"{free['free_cores']}/{free['cores']}",
        f"{free['load']:.1f}",
        "/".join(known) if len(known) == len(memory) else "?",
        formats.size(free["room"]),
    )


def _status(state: RemoteState, run: GlancedRun, now: float) -> str:
    """A run's status, for what it waits, and how old that is where it is not its remote's word."""
    words = run["status"]
    if waits := runs.waits(run):
        words += f", waits for {waits.partition(':')[0][:_LONGEST_STATUS]}"
    if not state.is_live and run["id"] in state.confirmed:
        words += f", {age(now - state.confirmed[run['id']])} ago"
    elif state.is_live and state.state != states.ANSWERS and state.heard is not None:
        words += f", {age(now - state.heard)} ago"
    return Styled.of(clean(words), runs.style_of(run))


def _age(run: GlancedRun, now: float) -> str:
    """How long a run runs, or waits, by its remote's clock `now`; when it has ended."""
    if run["status"] in FINAL:
        stopped = moment_of(run["stopped"])
        return f"ended {age(now - stopped / 1e6, 1)} ago" if stopped is not None else ""
    begun = moment_of(run["initialized"] if run["status"] in WAITING else run["started"])
    return age(now - begun / 1e6) if begun is not None else ""


def _scalars(run: GlancedRun) -> str:
    found = [(name[:_LONGEST_NAME], number(one["last"])) for name, one in run["scalars"].items()]
    return clean("  ".join(f"{name}={last:.4g}" for name, last in found[:_SCALARS]))


def _order(one: BoardRun) -> tuple[int, int, str, str]:
    status = one.run["status"]
    rank = 0 if status == "running" else 2 if status in FINAL else 1
    at = one.run["stopped"] if rank == 2 else one.run["started"] or one.run["initialized"]
    return rank, -at if isinstance(at, int) else 0, one.remote, one.run["id"]


def _without_empty(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows without columns that have nothing below their heading."""
    kept = [at for at in range(len(rows[0])) if any(row[at] for row in rows[1:])]
    return [[row[at] for at in kept] for row in rows]
