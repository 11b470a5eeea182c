"""Trials of a batch over several remotes: each waits here until it is given to one of these.

The mark LOCK.trial says so, from when the trial is made until its remote is known to have it. With
LOCK.remote beside it the trial is that remote's own, which may not have it yet: it alone can tell.
"""

from __future__ import annotations

import json
from typing import Dict, List, Optional, Sequence

from .. import forms
from ..errors import AgentError
from ..protocol import COMMIT_DIFF, RUNNING, Deal, Trial, TrialWork
from ..store import atomic, inside, rundir
from ..store.job import read_job
from ..store.rest import AtRest
from .changes import changing

_MOST = 1 << 20  # bytes of a mark, and of what differed from a commit
_LONGEST_WHY = 1000  # of a refusal: the remote's own words, and a mark with more is none
# What a run gets where it is made; all else a trial has from here.
_OF_PLACE = ("id", "initialized", "staged")


def deal_of(directory: str) -> Optional[Deal]:
    """The deal that a trial waits in here; None for any other run."""
    found = inside.read_mapping(rundir.guild_dir(directory), rundir.LOCK_TRIAL, _MOST)
    try:
        return forms.read(Deal, found) if found else None
    except forms.Misread:
        return None


def note_trial(home: str, run_id: str, deal: Deal) -> None:
    """Have a run that was made here be a trial, which no queue and no person starts here."""
    _write(rundir.run_dir(home, run_id), deal)


def _write(directory: str, deal: Deal) -> None:
    atomic.write_in(rundir.guild_dir(directory), rundir.LOCK_TRIAL, json.dumps(deal))


def trials(home: str, ids: Sequence[str]) -> List[Trial]:
    """How these trials stand here, in their order."""
    return [_trial(home, run_id) for run_id in ids]


def _trial(home: str, run_id: str) -> Trial:
    directory = rundir.run_dir(home, run_id)
    is_here = inside.is_folder(rundir.guild_dir(directory))
    deal = deal_of(directory if is_here else rundir.run_dir(home, run_id, deleted=True))
    seen = rundir.view(directory) if is_here else None
    # One that has come home waits no more, whatever mark a kill has left it.
    is_home = bool(seen and seen.status.remote is None and seen.status.text != "staged")
    return {
        "run": run_id,
        "status": seen.status.text if seen else None,
        "remote": seen.status.remote if seen else None,
        "exit_status": seen.exit_status if seen else None,
        "waits": deal is not None and not is_home,
        "refused": deal["refused"] if deal else {},
    }


def trial_work(home: str, run_id: str) -> TrialWork:
    """What it takes to make a trial on its remote."""
    directory = rundir.existing(rundir.run_dir(home, run_id))
    names = [name for name in rundir.attr_names(directory) if name not in _OF_PLACE]
    try:
        diff = inside.read(rundir.guild_dir(directory), COMMIT_DIFF, 2 * _MOST)
    except OSError:
        diff = b""
    return {
        "opref": rundir.opref_text(directory),
        "attributes": rundir.read_attrs(directory, names),
        "job": read_job(directory),
        "diff": diff.decode("utf-8", "surrogateescape"),
    }


def give_trial(home: str, run_id: str, remote: str) -> bool:
    """Have a trial that waits here be the remote's own; False where it waits no more.

    Who gives it holds the run meanwhile, as who deletes it does: so it is given once.
    """
    directory = rundir.run_dir(home, run_id)
    try:
        with AtRest(directory, lambda where: AgentError(RUNNING + where)):
            if rundir.status(directory) != rundir.Status("staged") or deal_of(directory) is None:
                return False
            atomic.write_in(rundir.guild_dir(directory), rundir.LOCK_REMOTE, remote + "\n")
    except (AgentError, OSError):  # somebody else has it, or it was deleted
        return False
    return True


def take_trial_back(home: str, run_id: str, remote: str, why: str = "") -> None:
    """Have a trial wait here again which the remote has not; `why`: it has refused it."""
    directory = rundir.run_dir(home, run_id)
    if rundir.status(directory).remote != remote or deal_of(directory) is None:
        return
    if why:
        note_refused(home, [run_id], remote, why)
    rundir.mark(directory, rundir.STAGED)
    rundir.unmark(directory, rundir.LOCK_REMOTE)


def note_refused(home: str, ids: Sequence[str], remote: str, why: str) -> None:
    """Keep why the remote does not take these trials, which it is asked for no more."""
    with changing(home):  # remotes are dealt to side by side, and each may refuse one
        for run_id in ids:
            directory = rundir.run_dir(home, run_id)
            deal = deal_of(directory)
            if deal is not None:
                refused: Dict[str, str] = {**deal["refused"], remote: why[:_LONGEST_WHY]}
                _write(directory, {**deal, "refused": refused})


def note_trial_there(home: str, run_id: str) -> None:
    """Keep that the remote has the trial: from now on it is a copy of a run there as any other."""
    rundir.unmark(rundir.run_dir(home, run_id), rundir.LOCK_TRIAL)
