"""A run directory: where it is, its attributes, its marks, its status."""

from __future__ import annotations

import os
import re
import shlex
from functools import lru_cache
from typing import (
    TYPE_CHECKING,
    Collection,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from ..errors import AgentError, refuse_exhaustion
from ..protocol import (
    ENDED_BY,
    NAME_LENGTH,
    NOTES,
    RUN_ID,
    Confirmed,
    Notes,
    Opref,
    Starter,
    State,
    Value,
    now,
)
from . import atomic, attrs, inside, locks

if TYPE_CHECKING:
    from ..protocol import Plain

_ATTR_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")

PENDING = "PENDING"
STAGED = "STAGED"
LOCK_REMOTE = "LOCK.remote"
# When this machine last had a remote's word for the run, which remote, and the stamp of what
# was copied (agent/copies/marks.py); as LOCK* it is never copied.
LOCK_CONFIRMED = "LOCK.confirmed"
LOCK_ATTEMPTS = "LOCK.attempts"  # of a copy: agent/store/attempts.py has what is in it
# In place of LOCK.remote, of a run that its remote says it has no more: the remote's name.
LOCK_LOST = "LOCK.lost"
# Of a copy: the paths that its remote may not read, a JSON list.
LOCK_UNREADABLE = "LOCK.unreadable"
# Of a copy: the remote that it was removed from once it was verified, as nobody misses it there.
LOCK_CLEANED = "LOCK.cleaned"
# Of a staged run that came out of an archive: no queue starts it, for its command is that of
# whoever made the archive.
LOCK_IMPORTED = "LOCK.imported"
# Of a pending run that has its runner: what that waits for.
LOCK_WAITS = "LOCK.waits"
# Of a trial of a batch over several remotes that none of these is known to have; what is in it is
# agent/catalog/trials.py's.
LOCK_TRIAL = "LOCK.trial"
JOB_RECORD = locks.JOB_RECORD
# Of a run that is a batch: it runs trials and nothing of its own.
BATCH = "BATCH"
# Folders of what is being removed, which no listing shows.
DELETING = ".deleting-"
OUTPUT = "output"
ATTEMPTS = "attempts"  # agent/store/attempts.py has what is in it
JOB_PACKAGES = "job-packages"  # the project and what was installed for it
# The attributes that a run has once it has ended.
END = ("exit_status", "stopped")
# All that an end writes.
WHOLE_END = (*END, ENDED_BY)
_MARKING = ("exit_status", "started", "stopped")
# What most runs do not have: in such a one it is looked for where there is one of these.
RARE = (BATCH, JOB_RECORD, LOCK_UNREADABLE, ATTEMPTS)

# Attributes in this file are read whole; a larger one is not one of ours.
_MAX_ATTR = attrs.MAX_BYTES
# So long that what is cut has too many characters, of up to 4 bytes, to pass for the whole.
_MOST_READ = 4 * _MAX_ATTR
OF_BATCH = "+"  # as the name of an operation
_MAX_OPREF = 1 << 14  # characters: twice two paths; the time that shlex takes is quadratic
_BLOCK = 4096
_LOOKS = 100  # at a run that is being started and ended meanwhile


class Status(NamedTuple):
    """A run's status, and for a run on a remote, or lost there, that remote's name."""

    text: str
    remote: Optional[str] = None


def runs_dir(home: str, deleted: bool = False) -> str:
    return os.path.join(home, "trash", "runs") if deleted else os.path.join(home, "runs")


def names(top: str) -> List[str]:
    """The ids of what is in a folder of runs, in no order; none where it is not there.

    Raises AgentError where it cannot be read: it may have any.
    """
    try:
        return [name for name in os.listdir(top) if RUN_ID.match(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as e:
        refuse_exhaustion(e)
        raise AgentError("cannot read %s: %s" % (shown(top), e.strerror)) from None


def run_dir(home: str, run_id: str, deleted: bool = False) -> str:
    """The directory of the run `run_id`; AgentError where that is not a run id."""
    if not isinstance(run_id, str) or not RUN_ID.match(run_id):
        raise AgentError("%s is not a run id" % shown(run_id))
    return os.path.join(runs_dir(home, deleted), run_id)


def guild_dir(directory: str) -> str:
    return os.path.join(directory, ".guild")


def status(directory: str) -> Status:
    """The run's status; the first match wins (docs/design.md, "The run directory").

    Marks are read in the order in which a runner writes them, so that a run that
    starts or ends while it is looked at is seen on one side of the change.
    """
    guild = guild_dir(directory)
    try:
        handle = inside.opened(guild)
    except OSError:
        return Status("error")
    try:
        remote, waits = _read_at(handle, LOCK_REMOTE), _waiting(handle)
        (ended,) = _read_attrs(handle, END[:1])
        return _status(guild, handle, _Marks(remote, waits, ended))
    finally:
        os.close(handle)


class _Marks(NamedTuple):
    """What says whether it is the same start, and the same end, of a run as a moment ago.

    Each start has a time of its own, and a run that is about to be started has a mark.
    """

    remote: Optional[str]
    waits: Optional[str]
    exit_status: Optional[str]
    started: Optional[str] = None
    stopped: Optional[str] = None


def _look(handle: int, names: Sequence[str] = ()) -> Tuple[_Marks, List[Optional[str]]]:
    """The marks of a run, and the texts of these attributes, as `read_text`."""
    remote, waits = _read_at(handle, LOCK_REMOTE), _waiting(handle)
    texts = _read_attrs(handle, (*_MARKING, *names))
    return _Marks(remote, waits, *texts[: len(_MARKING)]), texts[len(_MARKING) :]


def _status(guild: str, handle: int, marks: _Marks) -> Status:
    """The status of a run, of whose `.guild` there is a handle, with these marks."""
    if marks.remote is not None:
        remote = marks.remote.strip() or _remote_of_copy(handle)
        return Status(marks.waits or "running", remote)
    if marks.waits:
        is_lost = marks.waits == "pending" and _is_forsaken(guild, handle)
        return Status("error" if is_lost else marks.waits)
    lost = _read_at(handle, LOCK_LOST)
    if lost is not None:
        return Status("lost", lost.strip() or _remote_of_copy(handle))
    ended = _ended(marks.exit_status)
    if ended is None and locks.holder(guild) is not None:
        return Status("running")
    # The runner may have ended between the two looks: it writes its exit status first.
    return Status(ended or _ended(_read_attrs(handle, END[:1])[0]) or "error")


def _is_forsaken(guild: str, handle: int) -> bool:
    """Whether the runner of a pending run has been killed while it waited."""
    if not os.access(LOCK_WAITS, os.F_OK, dir_fd=handle) or locks.holder(guild) is not None:
        return False
    # It may have started its operation between these looks: it removes the one mark first.
    return os.access(LOCK_WAITS, os.F_OK, dir_fd=handle)


def waits_for(directory: str) -> Optional[str]:
    """What the runner of a pending run waits for; None where it has none, or does not wait."""
    guild = guild_dir(directory)
    text = read_text(guild, LOCK_WAITS)
    return text if text is not None and locks.holder(guild) is not None else None


def write_waits(directory: str, text: str) -> None:
    """Write down what the runner of a pending run waits for."""
    atomic.write_in(guild_dir(directory), LOCK_WAITS, text, flushed=False)


def is_job(directory: str) -> bool:
    """Whether the run is a job of a scheduler, or was, also where it cannot be read which."""
    return inside.exists(guild_dir(directory), JOB_RECORD)


def is_queued(directory: str) -> bool:
    """Whether the run is a job that has not begun, or is just being submitted as one."""
    return is_job(directory) and status(directory) == Status("pending")


def is_indexed(directory: str) -> bool:
    """Whether the run has an index: a batch that has ended well has none."""
    above, name = os.path.split(directory)
    return bool(indexed(above, [name]))


def indexed(top: str, ids: Iterable[str]) -> List[str]:
    """Those of the runs in the folder `top` that have an index."""
    # One system call for all but batches: a listing asks it of 10,000.
    mark, access, exists = "/.guild/" + BATCH, os.access, os.F_OK
    return [
        run_id
        for run_id in ids
        if not access(top + "/" + run_id + mark, exists)
        or status(os.path.join(top, run_id)).text != "completed"
    ]


def machine(directory: str) -> Optional[str]:
    """Where a run of this guild home runs, if another machine on its disk runs it."""
    if status(directory) != Status("running"):
        return None
    holder = locks.held_by(guild_dir(directory))
    return holder.machine if holder else None


def _remote_of_copy(handle: int) -> str:
    """Whose copy a run is whose mark is empty, as a power cut may leave it."""
    known = _confirmed(_read_at(handle, LOCK_CONFIRMED))
    return known["remote"] if known else ""


def _waiting(handle: int) -> Optional[str]:
    for name, text in ((PENDING, "pending"), (STAGED, "staged")):
        if os.access(name, os.F_OK, dir_fd=handle):
            return text
    return None


def status_at_exit(text: str) -> str:
    """The status of a run that has ended, from the text of its exit status."""
    try:
        return status_of(int(text))
    except ValueError:
        return "error"


def _ended(text: Optional[str]) -> Optional[str]:
    return None if text is None else status_at_exit(text)


def status_of(exit_status: Value) -> str:
    """The status of a run that has ended with this; a runner that was killed left None."""
    if not isinstance(exit_status, int):
        return "error"
    return "completed" if exit_status == 0 else "terminated" if exit_status < 0 else "error"


class View(NamedTuple):
    """A run's status, and the exit status and the times that belong to it."""

    status: Status
    exit_status: Value
    started: Value
    stopped: Value


_NOTHING = View(Status("error"), None, None, None)


class Whole(NamedTuple):
    """A run as it is at one moment, and what else a listing shows of it."""

    view: View
    attrs: Dict[str, Value]  # by name
    opref: Opref
    has: Collection[str]  # which of RARE


def view(directory: str) -> View:
    """The run as it is at one moment: a run may be started again between two looks.

    One that changes as often as it is looked at is running, as far as can be told.
    """
    guild = guild_dir(directory)
    try:
        handle = inside.opened(guild)
    except OSError:
        return _NOTHING
    try:
        return _view(guild, handle, ())[0]
    finally:
        os.close(handle)


def whole(directory: str, names: Sequence[str]) -> Whole:
    """As `view`, `read_attrs` and `opref`, at the cost of fewer system calls."""
    guild = directory + "/.guild"
    try:
        handle = inside.opened(guild)
    except OSError:
        return Whole(_NOTHING, dict.fromkeys(names), parsed_opref(""), ())
    try:
        seen, texts = _view(guild, handle, names)
        found = parsed_opref(_read_at(handle, "opref") or "")
        has = [name for name in RARE if os.access(name, os.F_OK, dir_fd=handle)]
    finally:
        os.close(handle)
    if found["name"] == OF_BATCH:
        found = opref(directory)
    return Whole(seen, dict(zip(names, map(decoded, texts))), found, has)


def _view(guild: str, handle: int, names: Sequence[str]) -> Tuple[View, List[Optional[str]]]:
    before, _ = _look(handle)
    for _ in range(_LOOKS):
        seen = _status(guild, handle, before)
        after, texts = _look(handle, names)
        if after == before:
            break
        before = after
    else:
        seen = Status("running")
    times = map(decoded, (after.exit_status, after.started, after.stopped))
    return View(seen, *times), texts


def read_attr(directory: str, name: str) -> Value:
    """The value of an attribute, None where there is none or where it cannot be read."""
    return read_attrs(directory, [name])[name]


def read_attrs(directory: str, names: Sequence[str]) -> Dict[str, Value]:
    """The values of several attributes, by name; as `read_attr`."""
    return dict(zip(names, map(decoded, attr_texts(directory, names))))


def attr_texts(directory: str, names: Sequence[str]) -> List[Optional[str]]:
    """The texts of attributes, as `read_text`; the folder that they are in is opened once."""
    try:
        handle = inside.opened(directory + "/.guild")
    except OSError:
        return [None] * len(names)
    try:
        return _read_attrs(handle, names)
    finally:
        os.close(handle)


def _read_attrs(guild: int, names: Sequence[str]) -> List[Optional[str]]:
    try:
        handle = inside.opened("attrs", guild)
    except OSError:
        return [None] * len(names)
    try:
        return [_read_at(handle, name) for name in names]
    finally:
        os.close(handle)


def decoded(text: Optional[str]) -> Value:
    """The value of an attribute that has this text; None where it has none."""
    if text is None:
        return None
    try:
        return attrs.decode(text)
    except attrs.AttrError:
        return None


def notes(directory: str) -> Notes:
    """What people wrote of the run, None where nothing; without what is there and unreadable."""
    found: Notes = {}
    try:
        with inside.holding(guild_dir(directory), "attrs/.") as (handle, _):
            for name in NOTES:
                text = _read_at(handle, name)
                if text is None and not _is_there(handle, name):
                    found[name] = None
                elif text and text.strip():
                    try:
                        found[name] = attrs.decode(text)
                    except attrs.AttrError:
                        pass
    except inside.Linked:
        return {}
    except OSError:
        return dict.fromkeys(NOTES)
    return found


def _is_there(handle: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=handle, follow_symlinks=False)
    except OSError:
        return False
    return True


def mapping(value: Value) -> Dict[str, Value]:
    """The value of an attribute that is to be a mapping; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def starter(value: Value) -> Optional[Starter]:
    """Who started a run, as its attribute STARTED_BY says it; None where that is no such thing."""
    found = mapping(value)
    user, client, home = (found.get(name) for name in ("user", "client", "home"))
    if not (isinstance(user, str) and isinstance(client, str) and isinstance(home, str)):
        return None
    if max(len(user), len(client), len(home)) > NAME_LENGTH:
        return None
    return {"user": user, "client": client, "home": home}


def note_attempt(directory: str, stopped: int, exit_status: int, ended_by: str) -> None:
    """Write down how the run's last attempt ended, which another is to follow."""
    from . import attempts  # most runs have but one

    started = read_attr(directory, "started")
    ended = attempts.AttemptEnd(started, stopped, exit_status, ended_by or None)
    attempts.note_end(guild_dir(directory), ended)


def put_attempt_aside(directory: str, again: bool = False) -> None:
    """Keep how the run's last attempt ended, and its output, as another is about to begin.

    `again`: its own runner begins it.
    """
    found = read_attrs(directory, ("started", "stopped", "exit_status", ENDED_BY))
    if found["started"] is not None:
        from . import attempts  # most runs have but one

        attempts.put_aside(guild_dir(directory), attempts.AttemptEnd(*found.values()), again)


def forget_attempts(directory: str) -> None:
    """Remove the attempts of what is to be another run."""
    from .. import trees  # no other start has a use for it

    trees.remove_tree(os.path.join(guild_dir(directory), ATTEMPTS))


def write_attr(directory: str, name: str, value: Plain, flushed: bool = True) -> None:
    """Write an attribute, whole or not at all; on the disk then, or after `inside.flush`."""
    if not is_attr_name(name):
        raise AgentError("%s is not an attribute's name" % shown(name))
    atomic.write_in(guild_dir(directory), "attrs/" + name, attrs.encode(value), flushed)


def write_attrs(directory: str, values: Mapping[str, Plain]) -> None:
    """Write several attributes, which are on the disk then; at the cost of one."""
    for name, value in values.items():
        write_attr(directory, name, value, flushed=False)
    inside.flush([directory])


def remove_attrs(directory: str, names: Iterable[str]) -> None:
    """Remove attributes, of those that there are."""
    for name in names:
        inside.remove(guild_dir(directory), "attrs/" + name)


def is_attr_name(name: str) -> bool:
    """Whether `name` can be an attribute's: nothing that leaves the attributes' folder."""
    return bool(_ATTR_NAME.match(name))


def attr_names(directory: str) -> List[str]:
    try:
        names = inside.names(guild_dir(directory), "attrs")
    except OSError:
        return []
    return sorted(name for name in names if is_attr_name(name))


def mark(directory: str, name: str, flushed: bool = True) -> None:
    atomic.write_in(guild_dir(directory), name, "", flushed)


def unmark(directory: str, name: str) -> None:
    inside.remove(guild_dir(directory), name)


def was_ready(directory: str) -> bool:
    """Whether the run, pending now, was staged or even started before."""
    return any(value is not None for value in read_attrs(directory, ("staged", "started")).values())


def mark_staged(directory: str) -> None:
    """Have a pending run wait to be started."""
    write_attr(directory, "staged", now())
    unmark(directory, LOCK_IMPORTED)  # its command is what was meant here
    mark(directory, STAGED)
    unmark(directory, PENDING)


def why_linked(directory: str) -> str:
    """That a folder which guild writes to is a link, as a remote may send it; else nothing."""
    guild = guild_dir(directory)
    for name, path in ((".guild", guild), (".guild/attrs", os.path.join(guild, "attrs"))):
        if os.path.islink(path):
            return "its %s is a link, and guild follows no link in a run" % name
    return ""


def why_not_followed(home: str, link: str) -> str:
    """Why a link in a run's place is none that its user made to have the run on another disk."""
    target = os.path.realpath(link)
    tops = (os.path.realpath(runs_dir(home, deleted)) for deleted in (False, True))
    if (target + os.sep).startswith(tuple(top + os.sep for top in tops)):
        return "in its place is a link to another run, which guild does not follow"
    if os.lstat(link).st_uid != os.geteuid():
        return "in its place is a link of another user's, which guild does not follow"
    if not os.path.isdir(target):
        return "its directory is a link to %s, which is not there" % shown(target)
    return ""


def is_there(directory: str) -> bool:
    """Whether there is a run that guild may write to: its folders are no links."""
    return inside.is_folder(guild_dir(directory)) and not why_linked(directory)


def read_text(guild: str, name: str) -> Optional[str]:
    """The text of a small file in a run's `.guild`, None where there is none."""
    try:
        with inside.holding(guild, name) as (handle, base):
            return _read_at(handle, base)
    except OSError:
        return None


def _read_at(handle: int, name: str) -> Optional[str]:
    """The text of a small file in an open folder. Bare system calls: this is what a listing
    of 10,000 runs spends its time on."""
    try:
        fd = os.open(name, inside.READ, dir_fd=handle)
    except FileNotFoundError:
        return None
    except OSError as e:
        refuse_exhaustion(e)
        return None
    try:
        data = os.read(fd, _BLOCK)
        if len(data) == _BLOCK:  # rare: a large read costs a large buffer each time
            data += os.read(fd, _MOST_READ)
        return data.decode("utf-8", "replace")
    except OSError:
        return None
    finally:
        os.close(fd)


def opref(directory: str) -> Opref:
    """What the run's operation is, from `.guild/opref`: type, package, version, model, name."""
    return _opref(guild_dir(directory), "")


def _opref(guild: str, below: str) -> Opref:
    found = parsed_opref(read_text(guild, below + "opref") or "")
    if found["name"] == OF_BATCH:  # it is called after the operation that it has trials of
        found["name"] = _opref(guild, below + "proto/.guild/")["name"] + "+"
    return found


def parsed_opref(text: str) -> Opref:
    """What the text of a run's `opref` says that its operation is."""
    is_long = len(text) > _MAX_OPREF
    kind, package, version, model, name = (_split_opref if is_long else _opref_parts)(text)
    return {"type": kind, "package": package, "version": version, "model": model, "name": name}


def _split_opref(text: str) -> Tuple[str, ...]:
    kind, _, rest = text.partition(":")
    try:
        parts = shlex.split(rest) if len(rest) <= _MAX_OPREF else []
    except ValueError:
        parts = []
    return (kind, *parts[:4], *[""] * (4 - len(parts)))


# Many runs are of few operations, and shlex takes longer than all else that a listing does.
_opref_parts = lru_cache(maxsize=256)(_split_opref)


def time_of(directory: str) -> Optional[int]:
    """When the run started (microseconds since 1970); None where this is no run."""
    attributes = guild = -1
    try:
        guild = inside.opened(directory + "/.guild")
        attributes = inside.opened("attrs", guild)
        for name in ("started", "initialized"):
            text = _read_at(attributes, name)
            if text is not None:
                try:
                    return int(text)
                except ValueError:
                    pass
    except OSError:
        pass
    finally:
        for handle in (attributes, guild):
            if handle >= 0:
                os.close(handle)
    marks = (read_text(guild_dir(directory), name) for name in ("opref", LOCK_REMOTE))
    return None if all(text is None for text in marks) else 0


def note_unreadable(directory: str, paths: Sequence[str]) -> None:
    """Write down in a copy what its remote may not read of the run; nothing where it can all."""
    if paths:
        import json  # rarely needed

        text = json.dumps(list(paths))
        atomic.write_in(guild_dir(directory), LOCK_UNREADABLE, text, flushed=False)
    else:
        unmark(directory, LOCK_UNREADABLE)


def unreadable(directory: str) -> List[str]:
    """What a copy is without because its remote may not read it; nothing where that is unknown."""
    guild = guild_dir(directory)
    if not os.access(guild + "/" + LOCK_UNREADABLE, os.F_OK):  # as of most runs
        return []
    found = inside.read_json(guild, LOCK_UNREADABLE, _MAX_ATTR)
    return [path for path in found if isinstance(path, str)] if isinstance(found, list) else []


def confirm(directory: str, remote: str, at: int, stamp: str = "") -> None:
    """Write down that at the time `at` the remote gave its word for what is here of the run."""
    text = "%d %s\n%s\n" % (at, remote, stamp)
    # Not flushed: torn it is no word, and then the run is copied once more.
    atomic.write_in(guild_dir(directory), LOCK_CONFIRMED, text, flushed=False)


def confirm_again(directory: str, remote: str, at: int, known: Confirmed) -> None:
    """As `confirm`, where the remote's last word, which is `known`, was the same."""
    digits = "%d" % at
    if remote == known["remote"] and len(digits) == len("%d" % known["time"]):
        # In its place: of 10,000 runs that have not changed, files that are made anew and renamed
        # take seconds. The first bytes of a file are written whole or not at all.
        try:
            fd = inside.open_file(guild_dir(directory), LOCK_CONFIRMED, os.O_WRONLY)
        except OSError as e:
            refuse_exhaustion(e)
        else:
            try:
                os.pwrite(fd, digits.encode(), 0)
            finally:
                os.close(fd)
            return
    confirm(directory, remote, at, known["stamp"])


def confirmed(directory: str) -> Optional[Confirmed]:
    """When a remote last gave its word for the run, and which: `time`, `remote`.

    `stamp` is what tells whether the run has changed there since it was copied; empty where
    that is not known.
    """
    return _confirmed(read_text(guild_dir(directory), LOCK_CONFIRMED))


def _confirmed(text: Optional[str]) -> Optional[Confirmed]:
    first, _, rest = (text or "").partition("\n")
    time, _, remote = first.strip().partition(" ")
    if not re.fullmatch("[0-9]{1,18}", time):
        return None
    return {"time": int(time), "remote": remote, "stamp": rest.strip()}


def is_torn(directory: str) -> bool:
    """Whether an attribute of the run's end is there and empty, which no guild writes."""
    texts = attr_texts(directory, [*END, "started"])
    return any(text is not None and not text.strip() for text in texts)


def has_empty_attr(directory: str) -> bool:
    """Whether any attribute is empty, as a power cut may leave it; `encode` writes none so."""
    try:
        with inside.holding(guild_dir(directory), "attrs/.") as (handle, _):
            sizes = [inside.status_at(handle, name) for name in attr_names(directory)]
    except OSError as e:
        refuse_exhaustion(e)
        return False
    return any(found is not None and found.st_size == 0 for found in sizes)


def is_empty_attr(directory: str, name: str) -> bool:
    found = inside.status(guild_dir(directory), "attrs/" + name)
    return found is not None and found.st_size == 0


def states(home: str, ids: Sequence[str]) -> Dict[str, State]:
    """For each id: its status and when it stopped, or `{"status": None}` where it is not there.

    One that is just being copied there, and of which nothing has come yet, runs on the remote
    that its mark names, and has not started.
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
        "inputs": [],
        "links": [],
        "notes": {},
        "unreadable": [],
        "children": [],
        "bytes": None,
        "retries": 0,
        "stalls": 0,
        "sample": (0, 0),
        "large": [],
        "sparse": True,
    }
    if inside.exists(guild_dir(directory), "opref"):
        seen = view(directory)
        found["status"], found["remote"] = seen.status
        found["exit_status"] = seen.exit_status
        found["started"], found["stopped"] = seen.started, seen.stopped
        found["notes"] = notes(directory)
        found["retries"], found["stalls"] = attempt_counts(directory, seen.started)
    elif inside.exists(guild_dir(directory), LOCK_REMOTE):
        found["status"], found["remote"] = "running", status(directory).remote
    return found


def attempt(directory: str, started: Value) -> int:
    """Which start of its operation the run's last one is, which was then."""
    if not os.access(directory + "/.guild/" + ATTEMPTS, os.F_OK):
        return 1
    from . import attempts  # most runs have but one

    return attempts.current(guild_dir(directory), started)


def attempt_counts(directory: str, started: Value) -> Tuple[int, int]:
    """How often the run, started last then, was begun again by its runner, and has stalled.

    Of a copy: when it was settled last. Its files may be those of a later moment.
    """
    guild = guild_dir(directory)
    is_copy = inside.exists(guild, LOCK_REMOTE) or inside.exists(guild, LOCK_CONFIRMED)
    ended_by = None if is_copy else read_attr(directory, ENDED_BY)
    if ended_by is None and not inside.exists(guild, LOCK_ATTEMPTS if is_copy else ATTEMPTS):
        return 0, 0
    from . import attempts  # most runs have but one

    if is_copy:
        return attempts.settled_counts(guild)
    return attempts.counts(guild, started, ended_by)


def shown(value: object) -> str:
    """`value` as part of a message: short, quoted, and on one line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


_GONE = "it is not there any more"


def existing(directory: str) -> str:
    if os.path.islink(guild_dir(directory)):
        raise AgentError("its .guild is a link, and guild follows no link in a run")
    if not inside.is_folder(guild_dir(directory)):
        raise AgentError(_GONE)
    return directory


def opref_text(directory: str) -> str:
    try:
        return inside.read(guild_dir(directory), "opref", 1 << 16).decode("utf-8", "replace")
    except OSError:
        return ""
