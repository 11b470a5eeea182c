"""Runs that are deleted: to the trash, back from it, and for good.

A run is moved by one rename and so is wholly in one place at any time. What is deleted
for good is moved first into a folder that no listing looks into, Guild AI's neither.
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from typing import Callable, Dict, Sequence

from .. import protocol, trees
from ..errors import AgentError
from ..protocol import Changed, Deleted
from ..store import inside, rundir
from ..store.home import HOME_ID
from ..store.rest import AtRest
from . import changes


def delete(
    home: str,
    ids: Sequence[str],
    permanent: bool = False,
    copies: Sequence[str] = (),
    force: bool = False,
) -> Changed:
    """Move runs to the trash, or remove them for good.

    A run that runs here is refused, and, unless `force`, one that another machine on this disk
    runs, as far as it has said. `copies` are the ids of those known to be copies of a
    remote's running run; another one with that mark is just being copied, and refused too.
    """
    if permanent:
        return _removed(home, ids, copies, force)
    return delete_checked(home, ids, lambda run_id: None, copies, force)


def delete_checked(
    home: str,
    ids: Sequence[str],
    check: Callable[[str], None],
    copies: Sequence[str] = (),
    force: bool = False,
) -> Changed:
    """Move runs to the trash of which `check` raises no AgentError while they are held.

    `copies` and `force` are those of `delete`.
    """
    trash = rundir.runs_dir(home, deleted=True)
    os.makedirs(trash, exist_ok=True)

    def act(run_id: str, dump: str) -> None:
        target = os.path.join(trash, run_id)
        directory = rundir.existing(rundir.run_dir(home, run_id))
        with _at_rest(directory, run_id in copies, force) as run:
            _refuse_queued(directory, force)
            check(run_id)
            before = os.path.join(dump, run_id)
            if os.path.lexists(target):  # deleted before, and copied here again
                os.rename(target, before)
            try:
                run.move(target)
            except OSError:
                if os.path.lexists(before):
                    os.rename(before, target)
                raise

    return _with_dump(home, trash, ids, act)


def in_trash(home: str, ids: Sequence[str]) -> Dict[str, Deleted]:
    """When runs were deleted, and their bytes, also where one lies elsewhere and is a link here."""
    found: Dict[str, Deleted] = {}
    for run_id in ids:
        directory = rundir.run_dir(home, run_id, deleted=True)
        deleted = os.lstat(directory).st_ctime_ns // 1000  # a move changes nothing of it but this
        found[run_id] = {"time": deleted, "bytes": inside.bytes_of(directory)}
    return found


def purge(home: str, ids: Sequence[str]) -> Changed:
    """Remove deleted runs for good."""
    return _removed(home, ids, copies=ids, deleted=True)


def withdraw(home: str, ids: Sequence[str]) -> Changed:
    """Remove runs for good that wait to be started, and refuse all others."""

    def check(directory: str) -> None:
        state = rundir.status(directory)
        if state.text not in protocol.WAITING or state.remote is not None:
            raise AgentError(protocol.said_of(state.text))

    return _removed(home, ids, copies=(), check=check)


def restore(home: str, ids: Sequence[str]) -> Changed:
    """Move deleted runs back to where they were."""

    def act(run_id: str) -> None:
        source = rundir.existing(rundir.run_dir(home, run_id, deleted=True))
        target = rundir.run_dir(home, run_id)
        if os.path.lexists(target):
            raise AgentError("a run with its id is there already")
        make_wait_no_more(source)
        os.rename(source, target)

    os.makedirs(rundir.runs_dir(home), exist_ok=True)
    with changes.changing(home):
        return changes.each(ids, act)


def make_wait_no_more(directory: str) -> None:
    """Let a run that was deleted while it was being made, or made again, be what it can be now.

    Whoever made it has given up: it is staged where it was before, and else an error. What
    is a copy waits on its remote.
    """
    is_copy = rundir.confirmed(directory) is not None
    if is_copy or rundir.status(directory) != rundir.Status("pending"):
        return
    if rundir.was_ready(directory):
        rundir.mark_staged(directory)
    else:
        rundir.unmark(directory, rundir.PENDING)


def _removed(
    home: str,
    ids: Sequence[str],
    copies: Sequence[str],
    force: bool = False,
    deleted: bool = False,
    check: Callable[[str], None] = lambda directory: None,
) -> Changed:
    def act(run_id: str, dump: str) -> None:
        directory = rundir.existing(rundir.run_dir(home, run_id, deleted))
        with _at_rest(directory, run_id in copies, force) as run:
            _refuse_queued(directory, force or deleted)
            check(directory)
            run.move(os.path.join(dump, run_id))

    return _with_dump(home, rundir.runs_dir(home, deleted), ids, act)


def _with_dump(home: str, top: str, ids: Sequence[str], act: Callable[[str, str], None]) -> Changed:
    """Act on each run, with a folder in `top` for what is to be removed; then remove it.

    What killed deletes left there is removed too.
    """
    with changes.changing(home):
        left = [
            os.path.join(top, name) for name in os.listdir(top) if name.startswith(rundir.DELETING)
        ]
        dump = tempfile.mkdtemp(prefix=rundir.DELETING, dir=top)
        result = changes.each(ids, lambda run_id: act(run_id, dump))
    kept: Dict[str, str] = {}
    for path in left:
        kept.update(_removed_elsewhere(home, path))
        trees.remove_tree(path)
    kept.update(_removed_elsewhere(home, dump))
    if not trees.remove_tree(dump):
        raise AgentError(
            "could not remove all of %s" % dump,
            "Its runs are deleted, and shown nowhere. Remove what is left of them yourself.",
        )
    if kept:
        result["left"] = kept
    return result


def _removed_elsewhere(home: str, dump: str) -> Dict[str, str]:
    """Remove the runs that links in `dump` lead to, where those are their users' own.

    What is left of which run, and why. The links stay, for what a kill leaves to be found.
    """
    kept = {}
    for run_id in [] if os.path.islink(dump) else os.listdir(dump):
        link = os.path.join(dump, run_id)
        target = os.path.realpath(link)
        if not os.path.islink(link) or not os.path.lexists(target):
            continue
        why = rundir.why_not_followed(home, link) or _why_another(home, run_id, target)
        if not why:
            why = "" if _remove_run(target) else "not all of it can be removed"
        if why:
            kept[run_id] = "%s is left: %s" % (target, why)
    return kept


def _why_another(home: str, run_id: str, target: str) -> str:
    """Why a directory elsewhere is not the run itself, which nobody else needs."""
    if rundir.why_linked(target) or rundir.read_attr(target, "id") != run_id:
        return "no run of this id is there"
    if os.path.lexists(os.path.join(os.path.dirname(target), HOME_ID)):
        return "it is a run of another guild home"
    places = (rundir.run_dir(home, run_id, deleted) for deleted in (False, True))
    if target in map(os.path.realpath, places):
        return "another link leads there"
    return ""


def _remove_run(directory: str) -> bool:
    """Remove a run, what tells that it is this one last: a kill may come meanwhile."""
    for name in os.listdir(trees.opened(directory)):
        path = os.path.join(directory, name)
        if name != ".guild" and os.path.isdir(path) and not os.path.islink(path):
            trees.remove_tree(path)
    return trees.remove_tree(directory)


def _at_rest(directory: str, is_copy: bool, force: bool = False) -> AtRest:
    """The run, held; AgentError where somebody runs or copies it."""
    if not is_copy and inside.exists(rundir.guild_dir(directory), rundir.LOCK_REMOTE):
        raise AgentError("it is just being copied here")
    return AtRest(directory, partial(_held, directory), or_unwritable=True, force=force)


def _refuse_queued(directory: str, force: bool) -> None:
    """Raise AgentError for a run whose job waits: that would run it from the trash, or fail."""
    if not force and rundir.is_queued(directory):
        raise AgentError(protocol.TO_START + "its job to begin")


def _held(directory: str, where: str) -> AgentError:
    waits = None if where else rundir.waits_for(directory)
    return AgentError(protocol.RUNNING + where if waits is None else protocol.TO_START + waits)
