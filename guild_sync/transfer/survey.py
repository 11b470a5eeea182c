"""A remote's word of its runs, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from guild_sync.agent.protocol import FINAL, MOST
from guild_sync.config.selection import Selection, is_pattern
from guild_sync.errors import RemoteError
from guild_sync.hosts.remote import RemoteHost

State = Mapping[str, Any]

# What a remote may say of a run's status; another word of its would only confuse.
_STATUSES = ("running", "pending", "staged", "lost", *FINAL)
_NAME = re.compile(r"[0-9a-f]{32}\Z")  # of a stamp, and of a guild home


class Survey(NamedTuple):
    """A remote's word: how runs are there, None for those it has not, and which home it has."""

    states: Mapping[str, State | None]
    home_id: str | None


def survey(
    host: RemoteHost,
    ids: Sequence[str],
    selection: Selection,
    stamps: bool,
    look_only: bool = False,
) -> Survey:
    """What the remote says of the runs: of these, and nothing that is not of its type.

    A state has `left_out`, the paths and sizes of what `selection` leaves out of a copy.
    With `look_only`, nothing is written there.

    Raises Unreachable and the like, and RemoteError where the answer makes no sense.
    """
    answer = host.call(
        "survey",
        ids=list(ids),
        stamps=stamps,
        look_only=look_only,
        selection=selection.as_request(),
    )
    home_id = answer.get("home_id")
    states = {run_id: _state(host, run_id, answer["states"].get(run_id)) for run_id in ids}
    return Survey(states, home_id if _is_name(home_id) else None)


def _state(host: RemoteHost, run_id: str, told: object) -> State | None:
    if not isinstance(told, dict) or told.get("status", "") not in (None, *_STATUSES):
        raise RemoteError(f"remote {host.name!r} makes no sense about run {run_id}")
    if told["status"] is None:
        return None
    state: dict[str, Any] = {"status": told["status"], "remote": None}
    if isinstance(remote := told.get("remote"), str):
        state["remote"] = remote
    for name in ("exit_status", "started", "stopped"):
        state[name] = told.get(name)
    state["stamp"] = told["stamp"] if _is_name(told.get("stamp")) else ""
    state["left_out"] = _left_out(host, run_id, told.get("left_out"))
    return state


def _left_out(host: RemoteHost, run_id: str, told: object) -> list[list[Any]]:
    if told is None:
        return []
    if not isinstance(told, list) or len(told) > MOST or not all(map(_is_left_out, told)):
        raise RemoteError(f"remote {host.name!r} makes no sense about run {run_id}")
    return told


def _is_left_out(told: object) -> bool:
    if not isinstance(told, list) or len(told) != 2:
        return False
    path, size = told
    return is_pattern(path) and path[0] != "/" and isinstance(size, int) and size >= 0


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(_NAME.match(value))


def paths_left_out(state: State) -> list[str]:
    """The paths that the copy of a run is made without."""
    return [path for path, _ in state.get("left_out", ())]
