"""Runs that are removed where they were made, as they are somewhere else by now."""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, Sequence, Set

from .. import protocol
from ..catalog import required, trash
from ..errors import AgentError
from ..protocol import Changed
from ..store import atomic, inside, rundir
from ..store.home import home_id
from .stamps import seal


def seals(home: str, ids: Sequence[str]) -> Dict[str, str]:
    """Of each run that is here and over: what changes where anything of it does."""
    found = {}
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        if rundir.state(directory)["status"] in protocol.FINAL:
            found[run_id] = seal(directory)
    return found


def linking(home: str, ids: Sequence[str]) -> Dict[str, List[str]]:
    """The other runs here that need each of these: they have links into it, or wait to be given it.

    It is part of them, or required.
    """
    home = os.path.abspath(home)
    top = rundir.runs_dir(home)
    places: Dict[str, str] = {}
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        through = os.path.join(os.path.realpath(top), run_id)
        places.update(dict.fromkeys((directory, through, os.path.realpath(directory)), run_id))
    found = linked(top, places) if ids else {}
    for name in rundir.names(top) if ids else ():
        for run_id in required.awaited(home, name):
            found.setdefault(run_id, set()).add(name)
    return {run_id: sorted(found.get(run_id, set()) - {run_id}) for run_id in ids}


def linked(top: str, places: Dict[str, str]) -> Dict[str, Set[str]]:
    """The runs in a folder of runs with links into places, by the names that those have here."""
    top = os.path.abspath(top)
    found: Dict[str, Set[str]] = {}
    for name in rundir.names(top):
        for target in _targets(os.path.join(top, name)):
            place = _place_of(target, places)
            if place:
                found.setdefault(place, set()).add(name)
    return found


def clean(home: str, verified: Dict[str, str], home_name: str) -> Changed:
    """Move runs to the trash that still have the seals they had.

    Each is held meanwhile, so that it is not started. One that another run here needs, as
    `linking` has it, stays, unless that one goes too. One that is in the trash already, as an
    earlier call whose answer was lost has left it, is done. Raises AgentError where the guild
    home has another name.
    """
    if not home_name or home_id(home, make=False) != home_name:
        raise AgentError("the guild home is another than the one that was verified")
    gone = [run_id for run_id, sealed in verified.items() if _is_in_trash(home, run_id, sealed)]
    linked = linking(home, [run_id for run_id in verified if run_id not in gone])

    def check(run_id: str) -> None:
        directory = rundir.run_dir(home, run_id)
        now = rundir.status(directory)
        # One that is held here, and was over, is no other's: it has ended without an exit status.
        if now.text not in (*protocol.FINAL, "running"):
            raise AgentError("it is %s" % now.text)
        if not verified[run_id] or seal(directory) != verified[run_id]:
            raise AgentError("it changed after it was verified")
        for name in linked[run_id]:
            if os.path.lexists(rundir.run_dir(home, name)):
                raise AgentError("run %s has a link into it, or requires it" % name)

    changed = trash.delete_checked(home, _linking_first(linked), check)
    return {**changed, "done": [*gone, *changed["done"]]}


def note_cleaned(home: str, ids: Sequence[str], remote: str) -> None:
    """Write down in copies that their runs were removed from `remote`."""
    for run_id in ids:
        guild = rundir.guild_dir(rundir.run_dir(home, run_id))
        if inside.is_folder(guild):
            atomic.write_in(guild, rundir.LOCK_CLEANED, remote + "\n", flushed=False)


def _is_in_trash(home: str, run_id: str, sealed: str) -> bool:
    """Whether a run is in the trash alone, with the seal that it had before."""
    directory = rundir.run_dir(home, run_id, deleted=True)
    is_there = os.path.lexists(directory) and not os.path.lexists(rundir.run_dir(home, run_id))
    return is_there and sealed == seal(directory)


def _linking_first(linked: Dict[str, List[str]]) -> List[str]:
    """The runs, each behind those that have links into it."""
    ordered: Dict[str, None] = {}
    waiting = [*linked]
    while waiting:
        ready = [i for i in waiting if all(n in ordered or n not in linked for n in linked[i])]
        ordered.update(dict.fromkeys(ready or waiting))  # those that go round stay all
        waiting = [run_id for run_id in waiting if run_id not in ordered]
    return [*ordered]


def _targets(directory: str) -> Iterator[str]:
    """The paths that the links of a run lead to: at once, and in the end."""
    top = os.path.realpath(directory)
    for folder, folders, files in inside.walk(top):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                try:
                    told = os.readlink(path)
                except OSError:
                    continue  # it went while we looked
                yield os.path.normpath(os.path.join(folder, told))
                # One that was made before its run was moved to another disk.
                before = os.path.join(directory, os.path.relpath(folder, top))
                yield os.path.normpath(os.path.join(before, told))
                yield os.path.realpath(path)


def _place_of(path: str, places: Dict[str, str]) -> str:
    """Whose of these places a path is in; empty for none's."""
    while path not in places:
        above = os.path.dirname(path)
        if above == path:
            return ""
        path = above
    return places[path]
