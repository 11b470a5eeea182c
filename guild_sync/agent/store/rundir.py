"""A run directory: where it is, its attributes, its marks, its status."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, Dict, Iterable, List, NamedTuple, Optional, Sequence

from ..errors import AgentError
from ..protocol import NOTES, RUN_ID, Confirmed, Notes, Opref, State, Value
from . import atomic, attrs, locks

if TYPE_CHECKING:
    from ..protocol import Plain

_ATTR_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")

PENDING = "PENDING"
STAGED = "STAGED"
LOCK_REMOTE = "LOCK.remote"
# When this machine last had a remote's word for the run, which remote, and the stamp of what
# was copied (agent/survey.py); as LOCK* it is never copied.
LOCK_CONFIRMED = "LOCK.confirmed"
# In place of LOCK.remote, of a run that its remote says it has no more: the remote's name.
LOCK_LOST = "LOCK.lost"
# Folders of what is being removed, which no listing shows.
DELETING = ".deleting-"
OUTPUT = "output"
# The attributes that a run has once it has ended.
END = ("exit_status", "stopped")

# Attributes in this file are read whole; a larger one is not one of ours.
_MAX_ATTR = attrs.MAX_BYTES
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_BLOCK = 4096


class Status(NamedTuple):
    """A run's status, and for a run on a remote, or lost there, that remote's name."""

    text: str
    remote: Optional[str] = None


def runs_dir(home: str, deleted: bool = False) -> str:
    return os.path.join(home, "trash", "runs") if deleted else os.path.join(home, "runs")


def names(top: str) -> List[str]:
    """The ids of what is in a folder of runs, in no order; none where it cannot be read."""
    try:
        return [name for name in os.listdir(top) if RUN_ID.match(name)]
    except OSError:
        return []


def run_dir(home: str, run_id: str) -> str:
    """The directory of the run `run_id`; AgentError where that is not a run id."""
    if not isinstance(run_id, str) or not RUN_ID.match(run_id):
        raise AgentError("%s is not a run id" % shown(run_id))
    return os.path.join(home, "runs", run_id)


def guild_dir(directory: str) -> str:
    return os.path.join(directory, ".guild")


def status(directory: str) -> Status:
    """The run's status; the first match wins (docs/design.md, "The run directory").

    Marks are read in the order in which a runner writes them, so that a run that
    starts or ends while it is looked at is seen on one side of the change.
    """
    guild = guild_dir(directory)
    remote = read_text(os.path.join(guild, LOCK_REMOTE))
    waits = _waiting(guild)
    if remote is not None:
        return Status(waits or "running", remote.strip())
    if waits:
        return Status(waits)
    lost = read_text(os.path.join(guild, LOCK_LOST))
    if lost is not None:
        return Status("lost", lost.strip())
    ended = _status_at_exit(guild)
    if ended is None and locks.holder(guild) is not None:
        return Status("running")
    # The runner may have ended between the two looks: it writes its exit status first.
    return Status(ended or _status_at_exit(guild) or "error")


def _waiting(guild: str) -> Optional[str]:
    for name, text in ((PENDING, "pending"), (STAGED, "staged")):
        if os.access(os.path.join(guild, name), os.F_OK):
            return text
    return None


def _status_at_exit(guild: str) -> Optional[str]:
    text = read_text(os.path.join(guild, "attrs", "exit_status"))
    if text is None:
        return None
    try:
        code = int(text)
    except ValueError:
        return "error"
    return "completed" if code == 0 else "terminated" if code < 0 else "error"


def read_attr(directory: str, name: str) -> Value:
    """The value of an attribute, None where there is none or where it cannot be read."""
    text = read_text(os.path.join(guild_dir(directory), "attrs", name))
    if text is None:
        return None
    try:
        return attrs.decode(text)
    except attrs.AttrError:
        return None


def notes(directory: str) -> Notes:
    """What people wrote of the run, None where nothing; without what is there and unreadable."""
    found: Notes = {}
    for name in NOTES:
        path = os.path.join(guild_dir(directory), "attrs", name)
        text = read_text(path)
        if text is None and not os.path.lexists(path):
            found[name] = None
        elif text and text.strip():
            try:
                found[name] = attrs.decode(text)
            except attrs.AttrError:
                pass
    return found


def mapping(value: Value) -> Dict[str, Value]:
    """The value of an attribute that is to be a mapping; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def write_attr(directory: str, name: str, value: Plain) -> None:
    """Write an attribute, whole or not at all."""
    if not is_attr_name(name):
        raise AgentError("%s is not an attribute's name" % shown(name))
    path = os.path.join(guild_dir(directory), "attrs", name)
    atomic.write_atomically(path, attrs.encode(value))


def remove_attrs(directory: str, names: Iterable[str]) -> None:
    """Remove attributes, of those that there are."""
    for name in names:
        _unlink(os.path.join(guild_dir(directory), "attrs", name))


def is_attr_name(name: str) -> bool:
    """Whether `name` can be an attribute's: nothing that leaves the attributes' folder."""
    return bool(_ATTR_NAME.match(name))


def attr_names(directory: str) -> List[str]:
    try:
        names = os.listdir(os.path.join(guild_dir(directory), "attrs"))
    except OSError:
        return []
    return sorted(name for name in names if is_attr_name(name))


def mark(directory: str, name: str) -> None:
    atomic.write_atomically(os.path.join(guild_dir(directory), name), "")


def unmark(directory: str, name: str) -> None:
    _unlink(os.path.join(guild_dir(directory), name))


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def read_text(path: str) -> Optional[str]:
    """The text of a small file, None where there is none. Bare system calls: this is
    what a listing of 10,000 runs spends its time on."""
    try:
        fd = os.open(path, _OPEN)
    except OSError:
        return None
    try:
        data = os.read(fd, _BLOCK)
        if len(data) == _BLOCK:  # rare: a large read costs a large buffer each time
            data += os.read(fd, _MAX_ATTR)
        return data.decode("utf-8", "replace")
    except OSError:
        return None
    finally:
        os.close(fd)


def opref(directory: str) -> Opref:
    """What the run's operation is, from `.guild/opref`: type, package, version, model, name."""
    text = read_text(os.path.join(guild_dir(directory), "opref")) or ""
    kind, _, rest = text.partition(":")
    try:
        parts = shlex.split(rest)
    except ValueError:
        parts = []
    parts += [""] * (4 - len(parts))
    name = parts[3]
    if name == "+":  # a batch: it is called after the operation that it has trials of
        name = opref(os.path.join(guild_dir(directory), "proto"))["name"] + "+"
    return {
        "type": kind,
        "package": parts[0],
        "version": parts[1],
        "model": parts[2],
        "name": name,
    }


def time_of(directory: str) -> Optional[int]:
    """When the run started (microseconds since 1970); None where this is no run."""
    for name in ("started", "initialized"):
        text = read_text(directory + "/.guild/attrs/" + name)
        if text is not None:
            try:
                return int(text)
            except ValueError:
                pass
    guild = guild_dir(directory)
    if (
        read_text(os.path.join(guild, "opref")) is None
        and read_text(guild + "/" + LOCK_REMOTE) is None
    ):
        return None
    return 0


def confirm(directory: str, remote: str, at: int, stamp: str = "") -> None:
    """Write down that at the time `at` the remote gave its word for what is here of the run."""
    path = os.path.join(guild_dir(directory), LOCK_CONFIRMED)
    atomic.write_atomically(path, "%d %s\n%s\n" % (at, remote, stamp))


def confirmed(directory: str) -> Optional[Confirmed]:
    """When a remote last gave its word for the run, and which: `time`, `remote`.

    `stamp` is what tells whether the run has changed there since it was copied; empty where
    that is not known.
    """
    text = read_text(os.path.join(guild_dir(directory), LOCK_CONFIRMED)) or ""
    first, _, rest = text.partition("\n")
    time, _, remote = first.strip().partition(" ")
    if not re.fullmatch("[0-9]{1,18}", time):
        return None
    return {"time": int(time), "remote": remote, "stamp": rest.strip()}


def states(home: str, ids: Sequence[str]) -> Dict[str, State]:
    """For each id: its status and when it stopped, or `{"status": None}` where it is not there.

    A run whose directory has no attributes yet, as another pull would leave it, counts as
    there only once it can be told.
    """
    return {run_id: state(run_dir(home, run_id)) for run_id in ids}


def state(directory: str) -> State:
    """One run's part of `states`."""
    found: State = {
        "status": None,
        "remote": None,
        "exit_status": None,
        "started": None,
        "stopped": None,
        "stamp": "",
        "left_out": [],
        "links": [],
        "notes": {},
    }
    if os.path.exists(os.path.join(guild_dir(directory), "opref")):
        now = status(directory)
        found["status"], found["remote"] = now.text, now.remote
        found["exit_status"] = read_attr(directory, "exit_status")
        found["started"] = read_attr(directory, "started")
        found["stopped"] = read_attr(directory, "stopped")
        found["notes"] = notes(directory)
    return found


def shown(value: object) -> str:
    """`value` as part of a message: short, quoted, and on one line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


_GONE = "it is not there any more"


def existing(directory: str) -> str:
    if not os.path.isdir(guild_dir(directory)):
        raise AgentError(_GONE)
    return directory


def opref_text(directory: str) -> str:
    path = os.path.join(guild_dir(directory), "opref")
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read(1 << 16)
    except OSError:
        return ""


JOB_PACKAGES = "job-packages"
