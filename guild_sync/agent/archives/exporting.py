"""Runs put into an archive, with all that makes them the same run where they are taken out."""

from __future__ import annotations

import os
import stat
from typing import (
    BinaryIO,
    Dict,
    FrozenSet,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from .. import protocol
from ..catalog import trash
from ..copies import stamps
from ..errors import AgentError, refuse_exhaustion
from ..files import left_out
from ..protocol import CHUNK, Exported
from ..store import inside, locks, rundir
from ..store.inside import READ
from . import members
from .members import Member
from .writing import Piece, Writer, clear, writing

# What says of a copy that it is not all of its run. Other marks are of this machine and its
# remotes, and an archive is not believed in them.
NOTES = (left_out.LEFT_OUT, left_out.INPUTS, left_out.LINKS, rundir.LOCK_UNREADABLE)
_WAITS = (rundir.PENDING, rundir.STAGED)
MOST_COPIES = 1_000_000  # files and folders that links lead to: a few can lead to any number


def export(
    home: str,
    file: str,
    ids: Sequence[str],
    move: bool = False,
    copy_resources: bool = False,
    room: Optional[int] = None,
) -> Exported:
    """Put runs into an archive: a folder, a .zip, a .tar or a .tar.zst.

    Those that are in it already are left as they are there. With `move` runs are removed here
    once the archive is on its disk, for good, and so are those that are in it already as they
    are here: a kill may have left them. With `copy_resources` each link goes as what it leads to.
    Where they need more than `room` bytes nothing is written: then they do not fit.
    """
    kind = members.kind_of(file)
    _refuse_own(home, file)
    found: Exported = {
        "done": [], "refused": {}, "there": [], "running": {}, "inputs": {}, "others": {},
        "bytes": 0, "fits": True,
    }  # fmt: skip
    there = ids_in(file)
    packed: Dict[str, List[Piece]] = {}
    before: Dict[str, str] = {}
    for run_id in ids:
        if run_id in there and not move:
            found["there"].append(run_id)
            continue
        try:
            before[run_id] = _begun(home, run_id, move, found)
            if move and _is_in_itself(home, run_id, file):
                raise AgentError("the archive is that run itself, or is in it")
            packed[run_id] = _items(home, run_id, kind, copy_resources, found["others"])
            if lacking := left_out.inputs_of(rundir.run_dir(home, run_id)):
                found["inputs"][run_id] = sum(size for _, size in lacking)
        except AgentError as e:
            found["refused"][run_id] = e.message
    again = {run_id: packed.pop(run_id) for run_id in there & packed.keys()}
    same = _same(home, file, again, copy_resources)
    found["there"] += [run_id for run_id in ids if run_id in again and run_id not in same]
    found["bytes"] = sum(_bytes(items) for items in packed.values())
    # What is packed may need less; where that is too much, the disk is full and nothing written.
    if room is not None and kind in (members.PLAIN, members.TAR) and found["bytes"] > room:
        found["fits"] = False
        return found
    if packed:
        with members.making_sense(file, "write"), writing(file, kind, set(packed)) as writer:
            for run_id, items in packed.items():
                _write(writer, rundir.run_dir(home, run_id), run_id, items, copy_resources)
    elif there:
        clear(file, kind)
    found["done"] = [run_id for run_id in ids if run_id in packed or run_id in same]
    if move:
        _remove(home, before, found)
    return found


def _refuse_own(home: str, file: str) -> None:
    """Raise AgentError where an archive is the folder of runs itself, or that of deleted ones."""
    for deleted in (False, True):
        try:
            is_own = os.path.samefile(file, rundir.runs_dir(home, deleted))
        except OSError:  # one of them is not there
            continue
        if is_own:
            raise AgentError("%s has the runs of this guild home" % rundir.shown(file))


def _is_in_itself(home: str, run_id: str, file: str) -> bool:
    """Whether an archive has a run of this guild home itself, and no copy of it, or is in it.

    The run may lie elsewhere, and its folder have several paths.
    """
    own = os.stat(rundir.run_dir(home, run_id))
    place = os.path.join(os.path.realpath(file), run_id)
    while True:
        try:
            if os.path.samestat(os.stat(place), own):
                return True
        except OSError:  # it is not there yet
            pass
        place, below = os.path.dirname(place), place
        if place == below:
            return False


def ids_in(file: str) -> Set[str]:
    """The runs that an archive has; none where it is not there."""
    if not os.path.lexists(file):
        return set()
    with members.making_sense(file):
        found = {members.of_run(member)[0] for member in members.of_runs(file)}
    return found - {""}


def _begun(home: str, run_id: str, move: bool, found: Exported) -> str:
    """The seal of a run that may be exported; where that is not over, `found` says so."""
    directory = rundir.existing(rundir.run_dir(home, run_id))
    linked = rundir.why_linked(directory)
    if linked:
        raise AgentError(linked)
    now = rundir.status(directory)
    if now == rundir.Status("pending"):
        raise AgentError("it is just being made")
    is_elsewhere = now.remote is not None and now.text != "lost"
    if is_elsewhere or now.text not in (*protocol.FINAL, "staged", "lost"):
        where = " (%s)" % now.remote if now.remote else ""
        if move:
            raise AgentError("it is %s%s" % (now.text, where))
        found["running"][run_id] = now.text + where
    return stamps.seal(directory)


def _items(
    home: str, run_id: str, kind: str, copy_resources: bool, others: Dict[str, List[str]]
) -> List[Piece]:
    """What of a run is put into an archive; AgentError where not all of it can be read.

    What is no file, folder or link is added to `others`.
    """
    directory = rundir.run_dir(home, run_id)
    is_copy = inside.exists(rundir.guild_dir(directory), rundir.LOCK_REMOTE)
    items = []
    for item in _walk(os.path.realpath(directory), run_id, copy_resources):
        path = item.path[len(run_id) + 1 :]
        if _is_left_out(path, is_copy):
            continue
        if kind == members.ZIP and not _is_text(item.path):
            raise AgentError("a .zip cannot have the name of its file %s" % rundir.shown(path))
        if item.kind == members.OTHER:
            others.setdefault(run_id, []).append(path)
            continue
        items.append(item)
    return items


def _is_left_out(path: str, is_copy: bool) -> bool:
    """Whether it is a mark, which says what a run is on its own host; a copy waits elsewhere."""
    folder, _, name = path.partition("/")
    waits = _WAITS if is_copy else (rundir.PENDING,)
    return is_of_host(path) or (folder == ".guild" and name in waits)


def is_of_host(path: str) -> bool:
    """Whether a path of a run is that of a mark which says how the run is on a host, or a remote.

    An archive is no host: a run out of it is this machine's own, and at rest.
    """
    folder, _, name = path.partition("/")
    return folder == ".guild" and name.startswith(locks.LOCK) and name not in NOTES


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _walk(top: str, run_id: str, follow: bool) -> Iterator[Piece]:
    """All that is in a run, folders before what is in them; with `follow` through its links."""
    count = 0
    own = os.stat(top)
    yield Piece(run_id, own)
    numbers = frozenset([(own.st_dev, own.st_ino)])
    waiting: List[Tuple[str, str, FrozenSet[Tuple[int, int]]]] = [(top, run_id, numbers)]
    while waiting:
        folder, path, above = waiting.pop()
        try:
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as e:
            refuse_exhaustion(e)
            raise AgentError("cannot read its folder %s" % rundir.shown(folder)) from None
        for entry in entries:
            item = _item(entry, "%s/%s" % (path, entry.name), follow)
            if item is None:
                continue
            if item.kind == members.FOLDER:
                number = item.status.st_dev, item.status.st_ino
                if number in above:  # a link that goes round
                    continue
                # Without links none goes round, and folders may be deep.
                waiting.append((entry.path, item.path, above | {number} if follow else above))
            elif item.kind == members.FILE and not os.access(entry.path, os.R_OK):
                raise AgentError("cannot read its file %s" % rundir.shown(entry.path))
            count += 1
            if follow and count > MOST_COPIES:
                raise AgentError("links lead to more than %d files" % MOST_COPIES)
            yield item


def _item(entry: os.DirEntry[str], path: str, follow: bool) -> Optional[Piece]:
    try:
        if entry.is_symlink():
            if follow:
                try:
                    return Piece(path, entry.stat())
                except OSError:
                    pass  # it leads nowhere: the link itself is all that there is
            return Piece(path, entry.stat(follow_symlinks=False), os.readlink(entry.path))
        return Piece(path, entry.stat(follow_symlinks=False))
    except FileNotFoundError:
        return None  # it went while we looked
    except OSError as e:
        refuse_exhaustion(e)
        raise AgentError("cannot read its file %s" % rundir.shown(entry.path)) from None


def _bytes(items: Sequence[Piece]) -> int:
    return sum(item.status.st_size for item in items if item.kind == members.FILE)


def _write(
    writer: Writer, directory: str, run_id: str, items: Sequence[Piece], follow: bool
) -> None:
    for item in items:
        if item.kind != members.FILE:
            writer.add(item)
            continue
        path = directory + item.path[len(run_id) :]
        try:
            f = _opened(path, follow)
        except FileNotFoundError:  # it went while the run was read
            continue
        with f:
            if stat.S_ISREG(os.fstat(f.fileno()).st_mode):
                writer.add(item, f)


def same_in(home: str, file: str, ids: Sequence[str]) -> Set[str]:
    """Those of the runs here that an archive has a copy of, byte for byte, marks of hosts aside."""
    runs: Dict[str, List[Piece]] = {}
    for run_id in ids:
        try:
            rundir.existing(rundir.run_dir(home, run_id))
            if not _is_in_itself(home, run_id, file):
                runs[run_id] = _items(home, run_id, members.PLAIN, False, {})
        except AgentError:  # it cannot be read, or is on a disk that is not mounted
            pass
    return _same(home, file, runs, follow=False)


def _same(home: str, file: str, runs: Mapping[str, Sequence[Piece]], follow: bool) -> Set[str]:
    """Those of the runs that an archive has byte for byte as they are here."""
    if not runs:
        return set()
    left = {piece.path: piece for pieces in runs.values() for piece in pieces}
    differ = set()
    with members.making_sense(file):
        for member in members.of_runs(file):
            run_id, path = members.of_run(member)
            if run_id not in runs or _is_left_out(path, is_copy=False):
                continue
            piece = left.pop(member.path, None)
            if piece is None or not _is_same(rundir.runs_dir(home), piece, member, follow):
                differ.add(run_id)
    return set(runs) - differ - {path.partition("/")[0] for path in left}


def _is_same(top: str, piece: Piece, member: Member, follow: bool) -> bool:
    if (piece.kind, piece.target) != (member.kind, member.target):
        return False
    if piece.kind != members.FILE:
        return True
    if piece.status.st_size != member.size:
        return False
    try:
        f = _opened(os.path.join(top, piece.path), follow)
    except OSError:
        return False
    with f, member.content() as content:
        while True:
            there = content.read(CHUNK)
            if f.read(len(there) or 1) != there:
                return False
            if not there:
                return True


def _opened(path: str, follow: bool) -> BinaryIO:
    return os.fdopen(os.open(path, READ & ~os.O_NOFOLLOW if follow else READ), "rb")


def _remove(home: str, before: Dict[str, str], found: Exported) -> None:
    """Remove the runs that are in the archive now, but for those that have changed meanwhile."""
    same = []
    for run_id in found["done"]:
        if stamps.seal(rundir.run_dir(home, run_id)) == before[run_id]:
            same.append(run_id)
        else:
            found["refused"][run_id] = "it changed while it was exported, and stays here too"
    removed = trash.delete(home, same, permanent=True)
    for run_id, why in removed["refused"].items():
        found["refused"][run_id] = "it was exported, and stays here too: %s" % why
