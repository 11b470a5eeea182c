"""What a sync would do, without doing it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from guild_sync.agent.protocol import Filters, State
from guild_sync.errors import GuildError
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.sync import engine, request
from guild_sync.sync.awaited import Awaited


class Planned(NamedTuple):
    """What would be copied of one run: its status here and there, files, and their bytes."""

    run: str
    before: str | None
    after: str
    files: int
    bytes: int
    is_expected: bool = False  # whether it was started from here, and is not here yet


class Plan(NamedTuple):
    """What would be done with one remote. Runs that have not changed are not in it."""

    remote: str
    runs: Sequence[Planned] = ()
    missing: Sequence[str] = ()  # runs that it has no more
    error: GuildError | None = None

    @property
    def files(self) -> int:
        return sum(run.files for run in self.runs)

    @property
    def bytes(self) -> int:
        return sum(run.bytes for run in self.runs)


def plans(visit: request.Visit, runs: Sequence[str], filters: Filters, jobs: int) -> list[Plan]:
    """What a sync of these runs would do with each remote; nothing is changed, here or there."""
    asked = request.wanted(visit.here, runs, filters).of
    work = [partial(_plan, visit, name, wanted) for name, wanted in asked.items()]
    return engine.side_by_side(work, jobs)


def free_bytes(home: Path) -> int:
    """The room that there is for runs in this guild home, in bytes, for who is no root."""
    runs = home / "runs"
    found = os.statvfs(runs if runs.exists() else home.parent)
    return found.f_bavail * found.f_frsize


def _plan(visit: request.Visit, name: str, wanted: request.Wanted) -> Plan:
    from guild_sync.config import remotes
    from guild_sync.transfer import survey

    here = visit.here
    awaited = Awaited(here, name, wanted)
    try:
        host = remote_host(remotes.remote(name), make_home=False)
        selection = visit.selected(host.remote.pull)
        asked = [*wanted.ids, *awaited.ids]
        states = survey.with_children(host, here, asked, selection, look_only=True)[0].states
        found = {run_id: state for run_id, state in states.items() if state}
        same = here.unchanged(states=found, remote=name)
        changed = {run_id: state for run_id, state in found.items() if run_id not in same}
        planned = copies(host, here, changed)
    except GuildError as e:
        return Plan(name, error=e)
    known = [*wanted.ids, *awaited.begun]
    return Plan(name, planned, [run_id for run_id in known if run_id not in found])


def copies(host: RemoteHost, here: LocalHost, states: Mapping[str, State]) -> list[Planned]:
    """What a copy of these runs, whose states there were just read, would bring."""
    from guild_sync.rsync import copies
    from guild_sync.transfer import survey

    if not states:
        return []
    left_out = {run_id: survey.paths_left_out(state) for run_id, state in states.items()}
    folder = Path(here.home, "runs")
    amounts = copies.plan(host.remote, f"{host.home}/runs", list(states), folder, left_out)
    before = here.states(ids=list(states))
    expected = {run["run"] for run in here.expected()}
    return [
        Planned(
            *(i, before[i]["status"], state["status"] or "", amounts[i].files, amounts[i].bytes),
            is_expected=i in expected,
        )
        for i, state in states.items()
    ]
