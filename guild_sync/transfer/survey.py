"""A remote's word of its runs, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from guild_sync.agent.forms import Misread, read
from guild_sync.agent.protocol import (
    MOST,
    MOST_LARGE,
    Filters,
    Notes,
    Run,
    State,
    SurveyForm,
    Value,
)
from guild_sync.agent.store.attrs import is_encodable
from guild_sync.config.selection import Selection, is_pattern
from guild_sync.errors import GuildError, RemoteError
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.rsync.packing import may_pack

_MOST_NESTED = 10  # pipelines in pipelines
_NAME = re.compile(r"[0-9a-f]{32}\Z")  # of a stamp, and of a guild home

_LONGEST_INDEX = 7  # digits: a spec of more is an id (agent/catalog/find.py)
_ID_DIGITS = 32


class Survey(NamedTuple):
    """A remote's word: how runs are there, None for those it has not, and which home it has."""

    states: Mapping[str, State | None]
    home_id: str | None


def another_home(host: RemoteHost, how: str, hint: str) -> RemoteError:
    """The guild home there is not the one that is known: its word counts for nothing.

    `how`: what it is instead.
    """
    return RemoteError(f"the guild home of remote {host.name!r} ({host.home}) is {how}", hint)


def survey(
    host: RemoteHost,
    here: LocalHost,
    ids: Sequence[str],
    selection: Selection,
    stamps: bool,
    look_only: bool = False,
    room: int | None = None,
    reading: bool = False,
    copying: bool = False,
    just_looked: bool = False,
) -> Survey:
    """What the remote says of the runs: of these, and nothing that is not of its type.

    A state has `left_out`, the paths and sizes of what `selection` leaves out of a copy, and
    `inputs`, those of what the run was given and a copy is without.
    With `look_only`, nothing is written there. With `room`, the bytes that are free here, it has
    `bytes` where it may take more; with `reading`, always, and `unreadable`. Where a copy follows
    (`copying`), it has `large`, what of it is worth a lane of its own. `just_looked`: what consists
    of them was asked for just before.

    Raises Unreachable and the like, RemoteError where the answer makes no sense, and
    GuildError where the guild home there is this machine's own: nothing can be copied then.
    """
    answer = host.survey(
        ids=list(ids),
        stamps=stamps,
        look_only=look_only,
        selection=selection.as_request(),
        room=room,
        reading=reading,
        packing=not (look_only or reading) and may_pack(host.remote, often=stamps),
        large=copying and host.remote.lanes != 1,
        just_looked=just_looked,
    )
    return _checked(host, here, ids, answer)


def with_children(
    host: RemoteHost,
    here: LocalHost,
    ids: Sequence[str],
    selection: Selection,
    look_only: bool = False,
    room: int | None = None,
) -> tuple[Survey, list[str]]:
    """As `survey` with stamps, and with the runs that these consist of, as `and_children`."""
    found = survey(host, here, ids, selection, True, look_only, room, copying=not look_only)
    return and_children(host, here, found, selection, True, look_only, room)


def and_children(
    host: RemoteHost,
    here: LocalHost,
    found: Survey,
    selection: Selection,
    stamps: bool,
    look_only: bool = False,
    room: int | None = None,
) -> tuple[Survey, list[str]]:
    """What is found, and of the runs that these consist of, those that are not here; their ids.

    They are trials and steps that were not copied with their batch or pipeline. What was deleted
    here is none of them.
    """
    states = dict(found.states)
    latest: Mapping[str, State | None] = found.states
    children: list[str] = []
    for _ in range(_MOST_NESTED):
        told = dict.fromkeys(c for state in latest.values() if state for c in state["children"])
        unknown = [run_id for run_id in told if run_id not in states]
        new = here.absent(unknown)[: MOST - len(children)] if unknown else []
        if not new:
            break
        told_of = survey(
            host,
            here,
            new,
            selection,
            stamps,
            look_only,
            room,
            copying=not look_only,
            just_looked=True,
        )
        latest = told_of.states
        there = [run_id for run_id in new if latest[run_id]]
        states.update({run_id: latest[run_id] for run_id in there})
        children += there
    return Survey(states, found.home_id), children


def consisting(ids: Iterable[str], states: Mapping[str, State | None]) -> set[str]:
    """These runs, and those that they consist of, as far as their states tell."""
    found: set[str] = set()
    latest = set(ids)
    while latest:
        found |= latest
        told = [states.get(run_id) for run_id in latest]
        latest = {child for state in told if state for child in state["children"]} - found
    return found


def offer(
    host: RemoteHost,
    here: LocalHost,
    specs: Sequence[str],
    filters: Filters,
    selection: Selection,
    room: int | None = None,
    look_only: bool = False,
) -> tuple[list[Run], Survey]:
    """The runs that are meant there, and what the remote says of them, as `survey`."""
    large = not look_only and host.remote.lanes != 1
    packing = not look_only and may_pack(host.remote)
    answer = host.offer(specs, filters, selection.as_request(), room, look_only, packing, large)
    ids = [run["id"] for run in answer["runs"]]
    _check_asked_for(host, ids, specs)
    return answer["runs"], _checked(host, here, ids, answer)


def is_id_of(spec: str, run_id: str) -> bool:
    """Whether the user named this very run, and not a place in a list of the remote's making."""
    return run_id.startswith(spec) and _is_id(spec)


def _is_id(spec: str) -> bool:
    return ":" not in spec and (len(spec) > _LONGEST_INDEX or not spec.isdecimal())


def _check_asked_for(host: RemoteHost, ids: Sequence[str], specs: Sequence[str]) -> None:
    """Raise RemoteError where a run is offered that the user cannot have meant.

    One that is named by the beginning of its id is the only one there that begins so: else
    the remote could have any run here replaced that does.
    """
    whole = {spec for spec in specs if len(spec) == _ID_DIGITS}
    begun = {spec: 0 for spec in specs if _is_id(spec) and spec not in whole}
    may_be_any = not specs or not all(map(_is_id, specs))
    for run_id in dict.fromkeys(ids):
        beginnings = [spec for spec in begun if run_id.startswith(spec)]
        for spec in beginnings:
            begun[spec] += 1
        if not (may_be_any or beginnings or run_id in whole) or any(
            begun[s] > 1 for s in beginnings
        ):
            raise RemoteError(f"remote {host.name!r} offers run {run_id}, which was not asked for")


def _checked(host: RemoteHost, here: LocalHost, ids: Sequence[str], answer: SurveyForm) -> Survey:
    told = answer["home_id"]
    if _is_name(told) and told == here.home_name(make=False):
        raise GuildError(
            f"the guild home of remote {host.name!r} ({host.home}) is this machine's own",
            "Its runs are here already. If it is only a copy of it, remove the file runs/.home-id "
            "in one of the two.",
        )
    states = {run_id: _state(host, run_id, answer["states"].get(run_id)) for run_id in ids}
    most = MOST_LARGE  # of all runs together
    for run_id, state in states.items():
        most -= len(state["large"]) if state else 0
        if most < 0:
            raise _nonsense(host, run_id)
    return Survey(states, told if _is_name(told) else None)


def _state(host: RemoteHost, run_id: str, told: object) -> State | None:
    try:
        state = read(State, told)
    except Misread:
        raise _nonsense(host, run_id) from None
    not_coming = [*state["left_out"], *state["inputs"]]
    if max(len(not_coming), len(state["children"])) > MOST or not all(
        is_pattern(path) and path[0] != "/" for path, _ in not_coming
    ):
        raise _nonsense(host, run_id)
    if not all(_is_file(path) for path, _ in state["large"]):
        raise _nonsense(host, run_id)
    if not _is_name(state["stamp"]):
        state["stamp"] = ""
    state["notes"] = _likely(state["notes"])
    return state if state["status"] is not None else None


def _is_file(path: str) -> bool:
    """Whether it can be a file of a run's, and none of guild's own, by a path without detours."""
    parts = path.split("/")
    return is_pattern(path) and not {"", ".", ".."}.intersection(parts) and parts[0] != ".guild"


def _nonsense(host: RemoteHost, run_id: str) -> RemoteError:
    return RemoteError(f"remote {host.name!r} makes no sense about run {run_id}")


def _likely(told: Notes) -> Notes:
    """What people wrote there, but for what nobody can have written."""
    return {
        name: told[name]
        for name, check in _NOTES.items()
        if name in told and check(told[name]) and is_encodable(told[name])
    }


def _is_scalar(value: Value) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (str, int))


def _is_list(value: Value) -> bool:
    return value is None or (isinstance(value, list) and all(map(_is_scalar, value)))


def _are_comments(value: Value) -> bool:
    return value is None or (
        isinstance(value, list)
        and all(isinstance(c, dict) and all(map(_is_scalar, c.values())) for c in value)
    )


_NOTES: Mapping[str, Callable[[Value], bool]] = {
    "label": _is_scalar,
    "tags": _is_list,
    "comments": _are_comments,
    "marked": _is_scalar,
}


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(_NAME.match(value))


def paths_left_out(state: State) -> list[str]:
    """The paths that the copy of a run is made without."""
    return [path for path, _ in (*state["left_out"], *state["inputs"])]
