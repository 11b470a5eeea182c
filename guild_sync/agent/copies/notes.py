"""What people wrote of a run here and on a remote, merged: label, tags, comments, mark.

Both sides are compared with what was copied last, which is kept with the copy, for each remote
that it is exchanged with. What one side alone has changed counts. A label that both have changed
stays as it is where the copy goes. Each tag and each comment is one thing by itself, so of these
what either side has added is kept. Where nothing was copied yet, nothing is what was.
"""

from __future__ import annotations

import json
from typing import Dict, List, Optional, Sequence, Tuple

from .. import protocol
from ..catalog.changes import changing, write
from ..protocol import Notes, SentNotes, Value
from ..store import atomic, attrs, inside, rundir

BASE = "LOCK.base"  # of each remote: what was copied last, and which conflicts were told of
_MAX_BASE = 1 << 24
_SAID = "said"


def merge_notes(home: str, theirs: Dict[str, Notes], remote: str) -> Dict[str, List[str]]:
    """Merge what `remote` has of runs into what is here; which of it both sides have changed.

    The same two values are told of once.
    """
    sent: Dict[str, SentNotes] = {}
    for run_id, notes in theirs.items():
        directory = rundir.run_dir(home, run_id)
        known = _known(directory, remote) or _as_copied(directory, remote)
        sent[run_id] = {"notes": notes, "base": known}
    found = take_notes(home, sent)
    told = {}
    bases: Dict[str, Notes] = {}
    for run_id, parts in sent.items():
        notes, known = parts["notes"], parts["base"]
        conflicts = found.get(run_id, [])
        mine = rundir.notes(rundir.run_dir(home, run_id)) if conflicts else {}
        pairs: Dict[str, Value] = {name: [mine.get(name), notes[name]] for name in conflicts}
        said = rundir.mapping(known.get(_SAID))
        new = [name for name in conflicts if said.get(name) != pairs[name]]
        if new:
            told[run_id] = new
        bases[run_id] = dict(_base(known, notes, conflicts), **{_SAID: pairs})
    _keep(home, bases, remote)
    return told


def notes_to_send(home: str, ids: Sequence[str], remote: str) -> Dict[str, SentNotes]:
    """What is written here of runs (`notes`), and what `remote` is known to have had (`base`)."""
    directories = {run_id: rundir.run_dir(home, run_id) for run_id in ids}
    return {
        run_id: {"notes": rundir.notes(directory), "base": _known(directory, remote)}
        for run_id, directory in directories.items()
    }


def take_notes(home: str, sent: Dict[str, SentNotes]) -> Dict[str, List[str]]:
    """Merge what was sent into what is here; which of each run's both sides have changed.

    It is on the disk then: a base that told of more than is here would undo it on both sides.
    """
    found: Dict[str, List[str]] = {}
    # Most have nothing new, and many remotes are synced at once: nobody waits for a look.
    due = {i: parts for i, parts in sent.items() if _looked(home, i, parts, found)[1]}
    if not due:
        return found
    changed = []
    with changing(home):
        for run_id, parts in due.items():
            directory, values = _looked(home, run_id, parts, found)
            if values:
                changed.append(directory)
            for name, value in values.items():
                write(directory, name, None if value == [] else value)
        inside.flush(changed)
    return found


def _looked(
    home: str, run_id: str, parts: SentNotes, found: Dict[str, List[str]]
) -> Tuple[str, Notes]:
    """The run's directory, and what is to be written there; `found` is told of conflicts."""
    directory = rundir.run_dir(home, run_id)
    found.pop(run_id, None)
    if not rundir.is_there(directory):
        return directory, {}
    conflicts, values = _taken(directory, parts["notes"], parts["base"])
    if conflicts:
        found[run_id] = conflicts
    return directory, values


def keep_sent(
    home: str, sent: Dict[str, SentNotes], conflicts: Dict[str, List[str]], remote: str
) -> None:
    """Write down what `remote` has taken: all that was sent, but for the conflicts."""
    found: Dict[str, Notes] = {}
    for run_id, parts in sent.items():
        known = parts["base"]
        base = _base(known, parts["notes"], conflicts.get(run_id, ()))
        found[run_id] = dict(base, **{_SAID: known.get(_SAID) or {}})
    _keep(home, found, remote)


def _taken(directory: str, theirs: Notes, base: Notes) -> Tuple[List[str], Notes]:
    """What both sides have changed, and what is to be written here."""
    mine = rundir.notes(directory)
    conflicts = []
    values: Notes = {}
    for name in protocol.NOTES:
        if name in theirs and name not in mine and rundir.is_empty_attr(directory, name):
            if attrs.is_encodable(theirs[name]):
                values[name] = theirs[name]  # a power cut has left it so
        if name not in mine or name not in theirs:
            continue  # it cannot be read, which says nothing of what was written
        value, is_conflict = _merged(name, mine[name], theirs[name], base.get(name))
        # What both have together may be too long for an attribute: then it is as it was.
        if is_conflict or (value != mine[name] and not attrs.is_encodable(value)):
            conflicts.append(name)
        elif value != mine[name]:
            values[name] = value
    return conflicts, values


def _merged(name: str, mine: Value, theirs: Value, base: Value) -> Tuple[Value, bool]:
    """What is to be here, and whether both sides have changed it to different values."""
    if name in ("tags", "comments"):
        one, other = mine or [], theirs or []
        if isinstance(one, list) and isinstance(other, list):
            return _merged_lists(one, other, base if isinstance(base, list) else []), False
    if (mine or None) == (theirs or None) or (theirs or None) == (base or None):
        return mine, False
    return (theirs, False) if (mine or None) == (base or None) else (mine, True)


def _merged_lists(
    mine: List[Value], theirs: List[Value], base: List[Value]
) -> Optional[List[Value]]:
    """Each item by itself: what was added on either side, without what was removed on one."""
    here, there, before = ({_key(item) for item in items} for items in (mine, theirs, base))
    found = [item for item in mine if (key := _key(item)) in there or key not in before]
    new = [item for item in theirs if (key := _key(item)) not in here and key not in before]
    if new:
        # As they are kept: tags by name, comments by the time at which they were made.
        found = sorted(found + new, key=_order)
    return found if found or mine else None


def _key(item: Value) -> str:
    return json.dumps(item, sort_keys=True, default=str)


def _order(item: Value) -> Tuple[int, str]:
    time = item.get("time") if isinstance(item, dict) else None
    return (time, "") if isinstance(time, int) else (0, "" if isinstance(item, dict) else str(item))


def _base(known: Notes, sent: Notes, conflicts: Sequence[str]) -> Notes:
    """What both sides know by now: where they differ, that is what it was before."""
    taken = {name: value for name, value in sent.items() if name not in conflicts}
    return dict(known, **taken)


def _known(directory: str, remote: str) -> Notes:
    return rundir.mapping(_bases(directory).get(remote))


def _as_copied(directory: str, remote: str) -> Notes:
    """What came with a copy that an earlier version made, which kept no bases."""
    copied = rundir.confirmed(directory)
    if copied is None or copied["remote"] != remote:
        return {}
    guild = rundir.guild_dir(directory)
    found = {}
    for name, value in rundir.notes(directory).items():
        status = inside.status(guild, "attrs/" + name)
        if status is not None and status.st_mtime_ns // 1000 <= copied["time"]:
            found[name] = value  # not written since: what is copied keeps its times
    return found


def _bases(directory: str) -> Dict[str, Value]:
    return inside.read_mapping(rundir.guild_dir(directory), BASE, _MAX_BASE)


def _keep(home: str, found: Dict[str, Notes], remote: str) -> None:
    """Keep with each run what `remote` and it have in common."""
    due = [run_id for run_id, base in found.items() if _is_other(home, run_id, base, remote)]
    if not due:
        return
    with changing(home):  # the bases of all remotes are in one file
        for run_id in due:
            if _is_other(home, run_id, found[run_id], remote):
                directory = rundir.run_dir(home, run_id)
                text = json.dumps(dict(_bases(directory), **{remote: found[run_id]}))
                # Not flushed: torn it is none, and then nothing counts as removed.
                atomic.write_in(rundir.guild_dir(directory), BASE, text, flushed=False)


def _is_other(home: str, run_id: str, base: Notes, remote: str) -> bool:
    """Whether a run that is here has another base, or none."""
    directory = rundir.run_dir(home, run_id)
    return rundir.is_there(directory) and _bases(directory).get(remote) != base
