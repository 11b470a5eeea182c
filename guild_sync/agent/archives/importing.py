"""Runs taken out of an archive whose maker is not trusted: each comes whole, or not at all."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from typing import Dict, List, NamedTuple, Sequence, Set, Tuple

from .. import trees
from ..catalog import changes, trash
from ..copies import expected, marks, stamps
from ..errors import AgentError, refuse_exhaustion
from ..files import left_out
from ..protocol import Imported
from ..store import inside, rundir
from ..store.rest import AtRest
from . import members, unpacking, writing
from .exporting import MOST_COPIES, is_of_host, same_in
from .members import Member


def import_runs(
    home: str,
    file: str,
    ids: Sequence[str],
    most: int,
    room: int,
    copy_resources: bool = False,
    move: bool = False,
) -> Imported:
    """Take runs out of an archive; those that are here already are left as they are.

    Nothing is there of a run before all is. `most`: the bytes that they have by what the archive
    said before; `room`: those that there is room for. With `copy_resources` there is a copy of
    what a link between runs leads to, in its place. With `move`, which takes a folder, they are
    removed there, and so are those that were here already, and are the same: a kill may have left
    them.
    """
    if move and members.kind_of(file) != members.PLAIN:
        raise AgentError("--move takes an archive that is a folder")
    found: Imported = {
        "done": [], "refused": {}, "there": [], "open": [], "links": {}, "others": {}, "kept": {},
    }  # fmt: skip
    awaited = {run["run"]: run["remote"] for run in expected.expected(home)}
    wanted = []
    for run_id in ids:
        if os.path.lexists(rundir.run_dir(home, run_id)):
            found["there"].append(run_id)
        elif run_id in awaited:
            found["refused"][run_id] = "it is to come from %s ('guild sync')" % awaited[run_id]
        else:
            wanted.append(run_id)
    if move:
        writing.clear(file, members.PLAIN)
    before = {i: stamps.seal(os.path.join(file, i)) for i in ids} if move else {}
    top = rundir.runs_dir(home)
    os.makedirs(top, exist_ok=True)
    incoming = marks.incoming_folder(top)
    try:
        brought = _Brought(incoming, set(wanted), min(most, room), found)
        with members.making_sense(file):
            for member in members.of_runs(file):
                brought.take(member)
        for run_id in wanted:
            try:
                _finish(brought, run_id)
            except OSError as e:  # a mark that is a folder, say
                refuse_exhaustion(e)
                found["refused"][run_id] = "it is no run: %s" % e.strerror
        if copy_resources:
            _copy_resources(top, brought, room - most)
        inside.flush([incoming])
        _settle(home, incoming, wanted, found)
    finally:
        trees.remove_tree(incoming)
    if move:
        same = same_in(home, file, found["there"])
        found["there"] = [i for i in found["there"] if i not in same]
        found["done"] += sorted(same)
        _remove(file, before, found)
    return found


class _Link(NamedTuple):
    path: str
    target: str


class _Brought:
    """What is unpacked of an archive, run by run, beside the runs that are here."""

    def __init__(self, folder: str, wanted: Set[str], most: int, found: Imported) -> None:
        self.folder = folder
        self.found = found
        self.links: Dict[str, List[Tuple[str, str]]] = {}  # those that were not made
        self.made: Dict[str, List[_Link]] = {}  # those that were
        self._wanted = wanted
        self._left = most

    def take(self, member: Member) -> None:
        """Unpack a member of a run that is wanted, and against which nothing has been found."""
        run_id, path = members.of_run(member)
        if run_id not in self._wanted or run_id in self.found["refused"] or is_of_host(path):
            return
        self._left -= member.size
        if self._left < 0:
            raise EOFError("it has more than it said")
        if not path and member.kind != members.FOLDER:
            self.found["refused"][run_id] = "it is no run: it is a %s" % member.kind
            return
        try:
            self._put(member, run_id, path)
        except OSError as e:
            refuse_exhaustion(e)
            if e.errno not in unpacking.OF_MEMBER:
                raise
            self.found["refused"][run_id] = unpacking.OF_MEMBER[e.errno] % rundir.shown(path)

    def _put(self, member: Member, run_id: str, path: str) -> None:
        if member.kind == members.OTHER:
            self.found["others"].setdefault(run_id, []).append(path)
        elif member.kind == members.HARD_LINK:
            self._put_hard_link(member, run_id, path)
        elif member.kind == members.LINK and not unpacking.is_within(member):
            self.links.setdefault(run_id, []).append((path, member.target))
        else:
            unpacking.put(self.folder, member)
            if member.kind == members.LINK:
                self.made.setdefault(run_id, []).append(_Link(path, member.target))

    def _put_hard_link(self, member: Member, run_id: str, path: str) -> None:
        """Have a file of a run by another name too: one that has come already, of the same run."""
        source = members.checked(member.target)
        known = inside.status(self.folder, source)
        # A link by another name could lead elsewhere.
        is_file = known is not None and stat.S_ISREG(known.st_mode)
        if not source.startswith(run_id + "/") or not is_file:
            raise OSError(errno.ENOENT, "")
        with inside.holding(self.folder, source) as (above, name):
            self._link(above, name, member.path)

    def _link(self, above: int, name: str, path: str) -> None:
        with inside.holding(self.folder, path, make=True) as (folder, base):
            os.link(name, base, src_dir_fd=above, dst_dir_fd=folder, follow_symlinks=False)


def _finish(brought: _Brought, run_id: str) -> None:
    """Make what has come of a run be one that is at rest here, or refuse it."""
    found = brought.found
    if run_id in found["refused"]:
        return
    directory = os.path.join(brought.folder, run_id)
    guild = rundir.guild_dir(directory)
    linked = rundir.why_linked(directory)
    (named,) = rundir.attr_texts(directory, ["id"])  # as text: one of digits may be a number there
    if linked or not inside.is_folder(guild) or not inside.exists(guild, "opref"):
        found["refused"][run_id] = linked or "it is no run: it has no .guild/opref"
    elif named is not None and run_id not in named:
        found["refused"][run_id] = "by its attribute id it is another one"
    else:
        trash.make_wait_no_more(directory)
        rundir.mark(directory, rundir.LOCK_IMPORTED, flushed=False)
        if rundir.status(directory).text == "error" and not _has_ended(directory):
            found["open"].append(run_id)
        out = [*left_out.links_of(directory), *brought.links.get(run_id, [])]
        left_out.write_note(directory, left_out.LINKS, out)
        if run_id in brought.links:
            found["links"][run_id] = len(brought.links[run_id])


def _copy_resources(top: str, brought: _Brought, room: int) -> None:
    """Have files and folders in place of links to other runs, or to other places in a run."""
    count = 0
    for run_id, links in brought.made.items():
        if run_id in brought.found["refused"]:
            continue
        for link in links:
            copied = _linked(top, brought.folder, run_id, link)
            room -= sum(member.size for _, member in copied)
            count += len(copied)
            if count > MOST_COPIES:
                raise AgentError("links lead to more than %d files" % MOST_COPIES)
            if room < 0:
                raise AgentError("there is no room for copies of what links lead to")
            directory = os.path.join(brought.folder, run_id)
            if copied:
                inside.remove(directory, link.path)
            for path, member in copied:
                unpacking.put(directory, member, path)


def _linked(top: str, incoming: str, run_id: str, link: _Link) -> List[Tuple[str, Member]]:
    """What a link leads to, each with the path that it gets; nothing where links are in it."""
    place = os.path.normpath(os.path.join(run_id, os.path.dirname(link.path), link.target))
    owner = place.partition("/")[0]
    folder = incoming if os.path.lexists(os.path.join(incoming, owner)) else top
    try:
        # One that was copied has them too: a few links can lead to any number of files.
        found = list(itertools.islice(members.at(folder, place), MOST_COPIES + 1))
    except OSError:
        return []
    if any(member.kind not in (members.FILE, members.FOLDER) for member in found):
        return []
    return [(link.path + member.path[len(place) :], member) for member in found]


def _has_ended(directory: str) -> bool:
    return rundir.read_attr(directory, rundir.END[0]) is not None


def _settle(home: str, incoming: str, ids: Sequence[str], found: Imported) -> None:
    """Put the runs in their places, each by one rename."""
    with changes.changing(home):
        for run_id in ids:
            if run_id in found["refused"]:
                continue
            target = rundir.run_dir(home, run_id)
            if os.path.lexists(target):  # it has come meanwhile
                found["there"].append(run_id)
                continue
            os.rename(os.path.join(incoming, run_id), target)
            found["done"].append(run_id)
        inside.flush_folder(rundir.runs_dir(home))


def _remove(file: str, before: Dict[str, str], found: Imported) -> None:
    """Remove the runs that are here now from the folder that they came from.

    Not one that has changed since it had its seal of `before`; nobody can start it meanwhile.
    """
    for run_id in found["done"]:
        try:
            _remove_there(os.path.join(file, run_id), before[run_id], run_id, found)
        except AgentError as e:
            found["kept"][run_id] = e.message
        except OSError as e:
            refuse_exhaustion(e)
            found["kept"][run_id] = e.strerror or str(e)


def _remove_there(directory: str, before: str, run_id: str, found: Imported) -> None:
    if run_id in found["links"] or run_id in found["others"]:
        raise AgentError("not all of it could be brought")
    with AtRest(directory, lambda where: AgentError("it is running there" + where), True) as run:
        now = rundir.status(directory)
        # One that is held here, and has no end, has ended without one.
        if now.remote is not None and now.text != "lost":
            raise AgentError("it is %s there (%s)" % (now.text, now.remote))
        if stamps.seal(directory) != before:
            raise AgentError("it changed while it was imported")
        gone = writing.unfinished(os.path.dirname(directory))
        run.move(gone)  # whole: of what a kill leaves nobody takes a part for the run
        if not trees.remove_tree(gone):
            raise AgentError("not all of %s could be removed there" % rundir.shown(gone))
