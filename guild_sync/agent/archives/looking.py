"""What an archive of runs has, as a guild home in which its runs are listed and shown."""

from __future__ import annotations

import errno
import os
from typing import Optional

from ..errors import AgentError
from ..protocol import Contents
from ..store import attempts, rundir
from . import members, unpacking
from .exporting import NOTES, is_of_host
from .members import Member

# What a listing needs to know of a run; each file of it is small, or no file of guild's.
_ATTRIBUTES = ".guild/attrs"
_MARKS = {
    ".guild/" + name
    for name in ("opref", "manifest", rundir.STAGED, rundir.BATCH, *attempts.SCALARS, *NOTES)
}
_MOST_SMALL = 1 << 20
_MOST_MEMBERS = 5_000_000


def look(home: str, file: str) -> Contents:
    """Have a guild home be what a listing of an archive's runs is made of; which there are."""
    found: Contents = {"runs": {}, "strange": 0}
    top = rundir.runs_dir(home)
    os.makedirs(top, exist_ok=True)
    with members.making_sense(file):
        for number, member in enumerate(members.of_runs(file)):
            if number > _MOST_MEMBERS:
                raise AgentError("%s has too many members" % rundir.shown(file))
            run_id, path = members.of_run(member)
            if not run_id:
                found["strange"] += _is_strange(member)
                continue
            run = found["runs"].setdefault(run_id, {"files": 0, "bytes": 0})
            run["files"] += member.kind == members.FILE
            run["bytes"] += member.size
            if _is_listed(member, path):
                _put_if_possible(top, member)
            elif member.kind == members.FILE and _part(path) == attempts.OUTPUT:
                _put_if_possible(top, member, hollow=True)
    return found


def _is_strange(member: Member) -> bool:
    """Whether a member is none that guild or Guild AI puts beside runs."""
    return bool(member.path) and not os.path.basename(member.path).startswith(".guild-")


def _is_listed(member: Member, path: str) -> bool:
    above, _, name = path.rpartition("/")
    if member.kind == members.FOLDER:
        return path in ("", ".guild", _ATTRIBUTES)
    is_attribute = above == _ATTRIBUTES and rundir.is_attr_name(name)
    is_small = member.kind == members.FILE and member.size <= _MOST_SMALL
    return is_small and (path in _MARKS or is_attribute or _part(path) == attempts.RECORD)


def _part(path: str) -> str:
    folder, _, rest = path.partition("/")
    return attempts.part(rest) if folder == ".guild" else ""


def fill(home: str, file: str, run: str, below: Optional[str] = None) -> None:
    """Have such a guild home tell of all files of one run: what they are called, how large.

    Those in the folder `below` have their contents too; in all folders, where it is empty.
    """
    directory = rundir.existing(rundir.run_dir(home, run))
    with members.making_sense(file):
        for member in members.of_runs(file):
            run_id, path = members.of_run(member)
            if run_id != run or not path or is_of_host(path):
                continue
            is_file = member.kind == members.FILE
            if is_file and (below is None or (below and not path.startswith(below + "/"))):
                if not _is_listed(member, path):  # else its content is there
                    _put_if_possible(directory, member, path, hollow=True)
            elif member.kind in (members.FILE, members.FOLDER) or unpacking.is_within(member):
                _put_if_possible(directory, member, path)


def _put_if_possible(top: str, member: Member, path: str = "", hollow: bool = False) -> None:
    """Put a member where it is only looked at: one that cannot be there is not shown."""
    try:
        unpacking.put(top, member, path, replace=True, hollow=hollow)
    except OSError as e:
        if e.errno not in unpacking.OF_MEMBER and e.errno != errno.EFBIG:
            raise
