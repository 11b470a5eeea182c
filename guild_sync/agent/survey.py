"""What a sync asks: here, which runs are to be asked for; on a remote, how they are."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from . import locks, runs
from .selection import MOST, left_out

# In the runs' own folder, which may be a disk of its own: where it is gone, the disk is.
HOME_ID = ".home-id"
_HOME_ID_BYTES = 16

# A run that nobody is making any more: longer than the largest package takes to install.
ABANDONED_SECONDS = 24 * 3600

_STAMP_DIGITS = 32
STAMP_SECONDS = 5.0  # for all stamps of one request; runs beyond them count as changed
# What a copy leaves out does not change a stamp either (rsync.py).
_NOT_STAMPED = ("job-packages", runs.PENDING, runs.STAGED)


class Tracked(NamedTuple):
    """A run here whose status a remote knows; an empty name where it is not known which."""

    run_id: str
    remote: str


def survey(
    home: str,
    ids: Sequence[str],
    stamps: bool = True,
    look_only: bool = False,
    selection: Optional[Dict[str, Any]] = None,
) -> Dict[str, Any]:
    """How the runs are here, where they were made: `states`, as runs.states, and `home_id`.

    `home_id` tells this guild home from any other, and from the empty folder that is left
    where its disk is not mounted; None where it has none and none can be made. A state has
    `stamp` where the run may still change: the same stamp means that nothing of it has. With
    no `stamps`, none has. `look_only`: nothing is written.
    With a `selection` (agent/selection.py) a state has `left_out`, what that leaves out.
    """
    until = time.monotonic() + STAMP_SECONDS
    states = {}
    room = MOST
    for run_id in ids:
        directory = runs.run_dir(home, run_id)
        if not look_only:
            _end_if_abandoned(directory)
        found = runs.state(directory)
        if stamps and found["status"] not in (None, *runs.FINAL):
            found["stamp"] = stamp(directory, until, json.dumps(selection))
        if selection and found["status"] is not None:
            is_over = found["status"] in runs.FINAL
            found["left_out"] = left_out(directory, selection, is_over, room)
            room -= len(found["left_out"])
        states[run_id] = found
    is_home = any(found["status"] is not None for found in states.values())
    return {"states": states, "home_id": home_id(home, make=is_home and not look_only)}


def home_id(home: str, make: bool) -> Optional[str]:
    """The guild home's own name, made once where `make`; None where there is none."""
    path = os.path.join(runs.runs_dir(home), HOME_ID)
    for _ in range(2):
        try:
            with open(path, encoding="ascii", errors="replace") as f:
                return f.readline().strip() or None
        except OSError:
            if not make or not _give_id(path):
                return None
    return None


def _give_id(path: str) -> bool:
    """Write a new name whole, unless somebody else just has."""
    temporary = "%s.%d" % (path, os.getpid())
    try:
        with open(temporary, "w", encoding="ascii") as f:
            f.write(os.urandom(_HOME_ID_BYTES).hex() + "\n")
        try:
            os.link(temporary, path)
        finally:
            os.unlink(temporary)
    except FileExistsError:
        return True
    except OSError:
        return False  # a home that is only read, or a file system without links
    return True


def _end_if_abandoned(directory: str) -> None:
    """Let a pending run whose guild was killed be an error, so that it does not wait for ever."""
    guild = runs.guild_dir(directory)
    try:
        age = time.time() - os.stat(os.path.join(guild, runs.PENDING)).st_mtime
    except OSError:
        return
    if age < ABANDONED_SECONDS or runs.status(directory) != runs.Status("pending"):
        return
    try:
        held = locks.hold(guild)
    except OSError:
        return
    if held is not None:  # else it starts at this moment
        runs.unmark(directory, runs.PENDING)
        locks.release(guild, held)


def stamp(directory: str, until: float, salt: str = "") -> str:
    """A digest that changes where any file of the run does, by its path, size or time.

    It is what rsync compares. Empty where the time `until` (monotonic seconds) came first.
    With another `salt` it is another one.
    """
    digest = hashlib.sha256(salt.encode())  # not MD5, which a machine in FIPS mode refuses
    for count, (path, status) in enumerate(_files(directory)):
        if count % 256 == 0 and time.monotonic() > until:
            return ""
        known = "%d %d %o" % (status.st_size, status.st_mtime_ns, status.st_mode)
        digest.update(os.fsencode(path) + b"\0" + known.encode() + b"\n")
    return digest.hexdigest()[:_STAMP_DIGITS]


def _files(top: str) -> Iterator[Tuple[str, os.stat_result]]:
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as found:
                items = sorted(found, key=lambda item: item.name)
        except OSError:
            continue  # it went while we looked: its own folder's time tells
        in_guild = folder == runs.guild_dir(top)
        for item in items:
            if in_guild and (item.name in _NOT_STAMPED or item.name.startswith(locks.LOCK)):
                continue
            try:
                status = item.stat(follow_symlinks=False)
                if item.is_dir(follow_symlinks=False):
                    folders.append(item.path)
                    if item.path == runs.guild_dir(top):
                        continue  # marks come and go in it
            except OSError:
                continue
            yield item.path[len(top) :], status


def tracked(home: str) -> List[Tracked]:
    """The runs here that a sync asks their remotes for, the latest first.

    They are the copies of runs that are not over, by their mark; and those that only look as
    if they waited here, because another program or a kill left them a mark. For these no
    remote is named where the copy does not say of whom it is one.
    """
    top = runs.runs_dir(home)
    try:
        names = os.listdir(top)
    except OSError:
        return []
    keyed = []
    for name in names:
        if runs.RUN_ID.match(name):
            remote = _remote_to_ask(top + "/" + name)
            if remote is not None:
                keyed.append((runs.time_of(top + "/" + name) or 0, name, remote))
    return [Tracked(name, remote) for _, name, remote in sorted(keyed, reverse=True)]


def _remote_to_ask(directory: str) -> Optional[str]:
    # Three looks a run, and 10,000 runs: nothing is read before it is known to be there.
    guild = directory + "/.guild/"
    if os.access(guild + runs.LOCK_REMOTE, os.F_OK):
        remote = runs.status(directory).remote
        return None if remote is None or remote.startswith(runs.PUSH) else remote
    for name in (runs.PENDING, runs.STAGED):
        if os.access(guild + name, os.F_OK):
            return _remote_of_waiting(directory, guild + name)
    return None


def _remote_of_waiting(directory: str, mark: str) -> Optional[str]:
    """The remote of a copy that has a mark of a run that waits; None for this machine's own."""
    copied = runs.confirmed(directory)
    if copied is not None:
        return str(copied["remote"])
    host = runs.read_attr(directory, "host")
    is_ours = host is None or host == os.uname().nodename
    if is_ours or locks.holder(runs.guild_dir(directory)) is not None:
        return None
    return ""


def overview(home: str) -> Dict[str, Dict[str, Any]]:
    """Of each remote that runs here came from: how many have which status, and the open ones.

    `open` has those that are not over: id, status, and when the remote last gave its word
    for them, in microseconds since 1970.
    """
    top = runs.runs_dir(home)
    try:
        names = os.listdir(top)
    except OSError:
        return {}
    found: Dict[str, Dict[str, Any]] = {}
    for name in sorted(names):
        if not runs.RUN_ID.match(name):
            continue
        directory = top + "/" + name
        remote, confirmed = _origin(directory)
        if remote is None:
            continue
        text = runs.status(directory).text
        of_remote = found.setdefault(remote, {"runs": {}, "open": []})
        of_remote["runs"][text] = of_remote["runs"].get(text, 0) + 1
        if text not in (*runs.FINAL, "lost"):
            of_remote["open"].append([name, text, confirmed])
    return found


def _origin(directory: str) -> Tuple[Optional[str], int]:
    """The remote that a run is a copy from, and the time of its last word; None for no copy."""
    guild = directory + "/.guild/"
    marks = (runs.LOCK_CONFIRMED, runs.LOCK_REMOTE, runs.LOCK_LOST)
    mark = next((name for name in marks if os.access(guild + name, os.F_OK)), None)
    if mark is None:
        return None, 0
    copied = runs.confirmed(directory)
    remote = runs.status(directory).remote or (copied["remote"] if copied else None)
    if remote is None or remote.startswith(runs.PUSH):
        return None, 0
    if copied is not None:
        return remote, copied["time"]
    try:  # a copy that was begun, and not confirmed yet
        return remote, os.stat(guild + mark).st_mtime_ns // 1000
    except OSError:
        return remote, 0


def mend(home: str, ids: Sequence[str]) -> List[str]:
    """Remove marks of waiting that are older than the end of their run; the ids of such runs.

    Source: Guild AI 0.9's pull copies such marks, and removes none once the run has ended.
    """
    mended = []
    for run_id in ids:
        directory = runs.run_dir(home, run_id)
        if _has_ended_since(directory):
            for name in (runs.PENDING, runs.STAGED):
                runs.unmark(directory, name)
            mended.append(run_id)
    return mended


def _has_ended_since(directory: str) -> bool:
    stopped = runs.read_attr(directory, "stopped")
    if runs.read_attr(directory, "exit_status") is None or not isinstance(stopped, int):
        return False
    for name in (runs.PENDING, runs.STAGED):
        try:
            if os.stat(os.path.join(runs.guild_dir(directory), name)).st_mtime > stopped / 1e6:
                return False
        except OSError:
            pass
    return True
