"""Sync again and again, and show meanwhile what the runs print."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from guild_sync.agent.protocol import Filters
from guild_sync.errors import Exit
from guild_sync.hooks import delivery
from guild_sync.hosts.local import LocalHost
from guild_sync.output import console, terminal
from guild_sync.runs.follow import Outputs
from guild_sync.sync import engine, request
from guild_sync.sync.outcomes import Outcome
from guild_sync.transport.background import begun

_MOST_ENDS = 1 << 16  # that are taken for one: as much as a pipe holds
_COLOURS = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")


def watch(
    visit: request.Visit,
    runs: Sequence[str],
    filters: Filters,
    jobs: int,
    interval: float,
    until_done: bool,
    on_round: Callable[[list[Outcome]], None],
) -> list[Outcome]:
    """Sync every `interval` seconds, and at once where a run that is followed has ended.

    `runs` are ids: indexes would mean other runs in a later round. `on_round` gets what became
    of each remote. Returns what it got last, with `until_done`, once no run is left that is not
    over; else it goes on until Ctrl-C. Raises BrokenPipeError once nobody reads stdout.
    """
    here = visit.here
    wake, ended = os.pipe()  # written to by threads that follow runs, and open as long as they
    os.set_blocking(wake, False)
    os.set_blocking(ended, False)
    told: Future[Exit] = Future()  # hooks take their time beside the next rounds
    told.set_result(Exit.OK)
    outputs = Outputs(here, _show, partial(_tell, ended), visit.warn)
    while True:
        with suppress(BlockingIOError):  # none has ended since
            os.read(wake, _MOST_ENDS)
        outcomes = engine.sync(visit, runs, filters, jobs)
        on_round(outcomes)
        if told.done():
            told = begun(partial(delivery.deliver, here, visit.warn))
        grouped = request.wanted(here, runs, filters).of
        if until_done and not grouped and not engine.has_trials(here):
            told.result()
            delivery.deliver(here, visit.warn)
            return outcomes
        outputs.follow(_running(here, grouped), console.say)
        console.rest(interval, wake)
        visit = visit._replace(patient=True)  # one that is down is not asked every time


def _tell(ended: int) -> None:
    with suppress(BlockingIOError):  # as many as a pipe holds have been told
        os.write(ended, b".")


def _running(here: LocalHost, grouped: Mapping[str, request.Wanted]) -> dict[str, list[str]]:
    ids = [run_id for wanted in grouped.values() for run_id in wanted.ids]
    states = here.states(ids=ids)
    return {
        remote: [run_id for run_id in wanted.ids if states[run_id]["status"] == "running"]
        for remote, wanted in grouped.items()
    }


def _show(run_id: str, line: bytes) -> None:
    # Of a line that was drawn over, what was to be seen last; and none of its colours.
    last = line.rstrip(b"\r").rpartition(b"\r")[2]
    text = _COLOURS.sub(b"", last).decode("utf-8", "replace")
    console.say(f"[{run_id[:8]}] {terminal.clean(text)}")
