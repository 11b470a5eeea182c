"""Run directories: where they are, what their attributes and status are, which are meant."""

from __future__ import annotations

import os
import re
import shlex
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from . import attrs, locks
from .errors import AgentError

RUN_ID = re.compile(r"[0-9a-f]{32}\Z")
_RUN_PREFIX = re.compile(r"[0-9a-f]{1,32}\Z")
_INDEX = re.compile(r"[0-9]{1,7}\Z")
_RANGE = re.compile(r"([0-9]{0,7}):([0-9]{0,7})\Z")
_ATTR_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")

PENDING = "PENDING"
STAGED = "STAGED"
LOCK_REMOTE = "LOCK.remote"
# What LOCK.remote holds while another machine pushes the run here, before its name. No
# remote can be meant: a run with it is of no concern to sync.
PUSH = "push from "
# When this machine last had a remote's word for the run, which remote, and the stamp of what
# was copied (agent/survey.py); as LOCK* it is never copied.
LOCK_CONFIRMED = "LOCK.confirmed"
# In place of LOCK.remote, of a run that its remote says it has no more: the remote's name.
LOCK_LOST = "LOCK.lost"
# Folders of what is being removed, which no listing shows.
DELETING = ".deleting-"
OUTPUT = "output"

# A run whose status is one of these changes no more by itself.
FINAL = ("completed", "terminated", "error")

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
    remote = _read(os.path.join(guild, LOCK_REMOTE))
    waits = _waiting(guild)
    if remote is not None:
        return Status(waits or "running", remote.strip())
    if waits:
        return Status(waits)
    lost = _read(os.path.join(guild, LOCK_LOST))
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
    text = _read(os.path.join(guild, "attrs", "exit_status"))
    if text is None:
        return None
    try:
        code = int(text)
    except ValueError:
        return "error"
    return "completed" if code == 0 else "terminated" if code < 0 else "error"


def read_attr(directory: str, name: str) -> Any:
    """The value of an attribute, None where there is none or where it cannot be read."""
    text = _read(os.path.join(guild_dir(directory), "attrs", name))
    if text is None:
        return None
    try:
        return attrs.decode(text)
    except attrs.AttrError:
        return None


def write_attr(directory: str, name: str, value: Any) -> None:
    """Write an attribute, whole or not at all."""
    if not is_attr_name(name):
        raise AgentError("%s is not an attribute's name" % shown(name))
    path = os.path.join(guild_dir(directory), "attrs", name)
    locks.write_atomically(path, attrs.encode(value))


def remove_attr(directory: str, name: str) -> None:
    try:
        os.unlink(os.path.join(guild_dir(directory), "attrs", name))
    except FileNotFoundError:
        pass


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
    locks.write_atomically(os.path.join(guild_dir(directory), name), "")


def unmark(directory: str, name: str) -> None:
    try:
        os.unlink(os.path.join(guild_dir(directory), name))
    except FileNotFoundError:
        pass


def _read(path: str) -> Optional[str]:
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


def opref(directory: str) -> Dict[str, str]:
    """What the run's operation is, from `.guild/opref`: type, package, version, model, name."""
    text = _read(os.path.join(guild_dir(directory), "opref")) or ""
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


def run_ids(home: str, deleted: bool = False) -> List[str]:
    """The ids of all runs of this guild home, the latest first.

    The order is by the time at which a run started, or else was initialized.
    """
    top = runs_dir(home, deleted)
    try:
        names = os.listdir(top)
    except OSError:
        return []
    # Newest first, and by id where two began in the same microsecond.
    keyed = [(time_of(top + "/" + name), name) for name in names if RUN_ID.match(name)]
    keyed = [pair for pair in keyed if pair[0] is not None]
    keyed.sort(reverse=True)
    return [name for _, name in keyed]


def time_of(directory: str) -> Optional[int]:
    """When the run started (microseconds since 1970); None where this is no run."""
    for name in ("started", "initialized"):
        text = _read(directory + "/.guild/attrs/" + name)
        if text is not None:
            try:
                return int(text)
            except ValueError:
                pass
    guild = guild_dir(directory)
    if _read(os.path.join(guild, "opref")) is None and _read(guild + "/" + LOCK_REMOTE) is None:
        return None
    return 0


def select(
    home: str,
    specs: Sequence[str],
    filters: Optional[Dict[str, Any]] = None,
    deleted: bool = False,
) -> List[str]:
    """The ids that `specs` name, in their order: an index, a range `1:5`, an id or a prefix.

    Without specs: all. `filters` (agent/filters.py) count before indexes do.
    Raises AgentError (kind "not-found") where a spec names no run, or several.
    """
    if all(RUN_ID.match(spec) for spec in specs) and specs and not filters and not deleted:
        known = [spec for spec in specs if time_of(run_dir(home, spec)) is not None]
        if len(known) == len(specs):
            return _unique(known)
    ids = _filtered(home, run_ids(home, deleted), filters, deleted)
    if not specs:
        return ids
    hint = "Show runs with 'guild runs%s'." % (" --deleted" if deleted else "")
    if filters and not ids:
        raise AgentError("no run meets the filters", hint, "not-found")
    return _unique([run_id for spec in specs for run_id in _named(spec, ids, hint)])


def _filtered(
    home: str, ids: List[str], filters: Optional[Dict[str, Any]], deleted: bool
) -> List[str]:
    if not filters:
        return ids
    from .filters import matches

    top = runs_dir(home, deleted)
    return [run_id for run_id in ids if matches(os.path.join(top, run_id), filters)]


def _named(spec: str, ids: Sequence[str], hint: str) -> Sequence[str]:
    # An index first: `1` is the latest run, not a run whose id begins with 1.
    if _INDEX.match(spec) and int(spec) <= max(len(ids), 999):
        index = int(spec)
        if 1 <= index <= len(ids):
            return ids[index - 1 : index]
        raise _no_such_run(spec, hint, "there are %d" % len(ids) if ids else "there are none")
    match = _RANGE.match(spec)
    if match:
        first = int(match.group(1) or 1)
        found = ids[max(first - 1, 0) : int(match.group(2) or len(ids))]
        if not found:
            raise _no_such_run(spec, hint, "there are %d" % len(ids) if ids else "there are none")
        return found
    matching = [i for i in ids if i.startswith(spec)] if _RUN_PREFIX.match(spec) else []
    if len(matching) > 1:
        raise AgentError(
            "%s is the beginning of %d run ids" % (shown(spec), len(matching)),
            "It could be %s. Give more of it." % ", ".join(i[:12] for i in matching[:5]),
            "not-found",
        )
    if not matching:
        raise _no_such_run(spec, hint)
    return matching


def _no_such_run(spec: str, hint: str, why: str = "") -> AgentError:
    return AgentError(
        "could not find a run matching %s" % shown(spec) + (" (%s)" % why if why else ""),
        hint,
        "not-found",
    )


def _unique(ids: Sequence[str]) -> List[str]:
    return list(dict.fromkeys(ids))


def summary(home: str, run_id: str, deleted: bool = False) -> Dict[str, Any]:
    """What a listing shows of a run."""
    directory = os.path.join(runs_dir(home, deleted), run_id)
    now = status(directory)
    return {
        "id": run_id,
        "run_dir": directory,
        "opref": opref(directory),
        "status": now.text,
        "remote": now.remote,
        "exit_status": read_attr(directory, "exit_status"),
        "initialized": read_attr(directory, "initialized"),
        "started": read_attr(directory, "started"),
        "stopped": read_attr(directory, "stopped"),
        "label": read_attr(directory, "label"),
        "flags": read_attr(directory, "flags"),
        "tags": read_attr(directory, "tags"),
        "marked": read_attr(directory, "marked"),
        "comments": read_attr(directory, "comments"),
        "cmd": read_attr(directory, "cmd"),
    }


def list_runs(
    home: str,
    specs: Sequence[str] = (),
    limit: Optional[int] = None,
    filters: Optional[Dict[str, Any]] = None,
    deleted: bool = False,
    details: bool = False,
) -> Dict[str, Any]:
    """Summaries of the first `limit` runs that are meant, and how many there are in all."""
    ids = select(home, specs, filters, deleted)
    shown_ids = ids if limit is None else ids[:limit]
    of_run = detailed if details else summary
    return {"runs": [of_run(home, i, deleted) for i in shown_ids], "total": len(ids)}


def detailed(home: str, run_id: str, deleted: bool = False) -> Dict[str, Any]:
    """What a listing shows of a run, and what takes a longer look."""
    directory = os.path.join(runs_dir(home, deleted), run_id)
    return dict(
        summary(home, run_id, deleted),
        pid=locks.holder(guild_dir(directory)) or None,
        confirmed=confirmed(directory),
        sourcecode_digest=read_attr(directory, "sourcecode_digest"),
        host=read_attr(directory, "host"),
    )


def info(home: str, spec: str, filters: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    """All that is known of one run: its details and every attribute."""
    run_id = one(home, spec, filters)
    directory = run_dir(home, run_id)
    return dict(
        detailed(home, run_id),
        attrs={name: read_attr(directory, name) for name in attr_names(directory)},
        manifest=(_read(os.path.join(guild_dir(directory), "manifest")) or "").splitlines(),
    )


def confirm(directory: str, remote: str, at: int, stamp: str = "") -> None:
    """Write down that at the time `at` the remote gave its word for what is here of the run."""
    path = os.path.join(guild_dir(directory), LOCK_CONFIRMED)
    locks.write_atomically(path, "%d %s\n%s\n" % (at, remote, stamp))


def confirmed(directory: str) -> Optional[Dict[str, Any]]:
    """When a remote last gave its word for the run, and which: `time`, `remote`.

    `stamp` is what tells whether the run has changed there since it was copied; empty where
    that is not known.
    """
    text = _read(os.path.join(guild_dir(directory), LOCK_CONFIRMED)) or ""
    first, _, rest = text.partition("\n")
    time, _, remote = first.strip().partition(" ")
    if not re.fullmatch("[0-9]{1,18}", time):
        return None
    return {"time": int(time), "remote": remote, "stamp": rest.strip()}


def one(home: str, spec: str, filters: Optional[Dict[str, Any]] = None) -> str:
    """The id of the one run that `spec` names."""
    found = select(home, [spec], filters)
    if len(found) != 1:
        raise AgentError("%s names %d runs" % (shown(spec), len(found)), "Name one.", "not-found")
    return found[0]


def states(home: str, ids: Sequence[str]) -> Dict[str, Dict[str, Any]]:
    """For each id: its status and when it stopped, or `{"status": None}` where it is not there.

    A run whose directory has no attributes yet, as another pull would leave it, counts as
    there only once it can be told.
    """
    return {run_id: state(run_dir(home, run_id)) for run_id in ids}


def state(directory: str) -> Dict[str, Any]:
    """One run's part of `states`."""
    if not os.path.exists(os.path.join(guild_dir(directory), "opref")):
        return {"status": None}
    now = status(directory)
    return {
        "status": now.text,
        "remote": now.remote,
        "exit_status": read_attr(directory, "exit_status"),
        "started": read_attr(directory, "started"),
        "stopped": read_attr(directory, "stopped"),
    }


def shown(value: Any) -> str:
    """`value` as part of a message: short, quoted, and on one line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
