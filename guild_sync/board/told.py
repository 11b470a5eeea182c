"""A board as records: what `guild fleet --json` prints."""

from __future__ import annotations

from guild_sync.agent.protocol import FINAL, GlancedRun
from guild_sync.board.progress import progress
from guild_sync.board.states import FAILED, RemoteState
from guild_sync.output import records


def remote_record(state: RemoteState) -> records.FleetRemote:
    """A remote and its runs, as they stand."""
    counts = {status: count for status, count in state.counts.items() if status != FAILED}
    return {
        "remote": state.name,
        "state": state.state,
        "since": state.since,
        "heard": state.heard,
        "live": state.is_live,
        "message": state.error.message if state.error else None,
        "hint": (state.error.hint or None) if state.error else None,
        "open": counts,
        "failed": state.counts.get(FAILED, 0) if state.is_live else None,
        "free": state.free,
        "runs": [_run_record(state, run) for run in state.runs],
    }


def _run_record(state: RemoteState, run: GlancedRun) -> records.FleetRun:
    reached = progress(run)
    return {
        **run,
        "progress": reached.text if reached else None,
        "part": reached.part if reached else None,
        "confirmed": state.confirmed.get(run["id"]) if not state.is_live else state.heard,
        "is_over": run["status"] in FINAL,
    }
