"""A run made from an earlier one: started again in its place, or anew as it was.

What an earlier end left is put aside under the run's lock and after its mark PENDING, so
that a kill at any moment leaves a pending or a staged run, never one with a wrong end.
"""

from __future__ import annotations

import os
from typing import Dict, Optional

from .. import trees
from ..catalog import describe, find
from ..catalog.trials import deal_of
from ..environments.kept import requirements_of
from ..errors import AgentError
from ..protocol import ENVIRONMENT, Job, Made, Recipe, Value
from ..store import atomic, attempts, inside, revision, rundir
from ..store.job import JOB, read_job, write_job
from ..store.rest import AtRest
from . import given, stage


def recipe(home: str, run: str) -> Recipe:
    """What it takes to make the run again: its summary, `opref_text`, `work`, `random_seed`.

    The work is None for a run of another guild. `confirmed` says of which remote it is a copy.
    Raises AgentError for a trial that no remote has yet: its source code is not in it.
    """
    run_id = find.one(home, run)
    directory = rundir.run_dir(home, run_id)
    _refuse_trial(directory, run_id)
    has_job = inside.exists(rundir.guild_dir(directory), JOB)
    return {
        **describe.summary(home, run_id),
        "requires": requirements_of(directory),
        "opref_text": rundir.opref_text(directory),
        "work": read_job(directory) if has_job else None,
        "random_seed": rundir.read_attr(directory, "random_seed"),
        "confirmed": rundir.confirmed(directory),
    }


def _refuse_trial(directory: str, name: str) -> None:
    deal = deal_of(directory)
    if deal is not None and {*deal["remotes"]} <= deal["refused"].keys():
        raise AgentError(
            "run %s is a trial that %s refused: see 'guild info %s'"
            % (name, " and ".join(deal["remotes"]), name),
            "Mend that, and run the batch again with --needed: it runs what has not completed.",
            "refused",
        )
    if deal is not None:
        raise AgentError(
            "run %s is a trial that waits for one of %s" % (name, ", ".join(deal["remotes"])),
            "'guild sync' deals it to the first that has a place; of a batch that was stopped it "
            "deals none.",
            "refused",
        )


def restage(
    home: str,
    run_id: str,
    attributes: Dict[str, Value],
    job: Job,
    opref: Optional[str] = None,
    new_source: bool = False,
    force: bool = False,
    diff: str = "",
    contents: Optional[Dict[str, int]] = None,
) -> Made:
    """Make a run that ended, or that was never started, pending, with these attributes and job.

    With `new_source` its packages are removed, as others are about to be installed; `contents`
    and the answer are as `stage.stage` has them. Asked again with the same `restart` in the job
    for one that has been started since, as after a lost answer, it leaves all as it is.
    Raises AgentError for one that runs, and for the copy of a remote's; with `force` not for
    one that only another machine on this disk has said to run.
    """
    directory = rundir.existing(rundir.run_dir(home, run_id))
    if _was_made(directory, job):
        return {"run_dir": directory, "missing": []}
    with _at_rest(directory, run_id, force):
        _refuse_trial(directory, run_id)
        # We hold it: what waited for its turn there does so no more.
        is_forsaken = inside.exists(rundir.guild_dir(directory), rundir.LOCK_WAITS)
        is_pending = rundir.status(directory).text == "pending" and not is_forsaken
        if is_pending and rundir.is_job(directory) and not force:
            raise AgentError(
                "run %s waits in the queue of its scheduler" % run_id,
                "Stop it first: guild stop %s" % run_id,
                "refused",
            )
        if is_pending and not rundir.was_ready(directory):
            raise AgentError(
                "run %s is being made, or the guild that made it was killed" % run_id,
                "In that case: guild runs rm %s, and run its operation again" % run_id,
                "refused",
            )
        rundir.mark(directory, rundir.PENDING)
        rundir.unmark(directory, rundir.LOCK_WAITS)  # of a runner that was killed
        _be_no_job(home, directory)
        rundir.put_attempt_aside(directory)
        _forget_end(directory)
        guild = rundir.guild_dir(directory)
        write_job(directory, job)
        if opref is not None:
            atomic.write_in(guild, "opref", opref, flushed=False)
        if new_source:
            revision.forget(directory)
            rundir.remove_attrs(directory, [ENVIRONMENT])
            revision.write_diff(directory, diff)
        rundir.write_attrs(directory, attributes)
        packages = os.path.join(guild, rundir.JOB_PACKAGES)
        if new_source:
            trees.remove_tree(packages)
            given.forget_all(directory)
        inside.make(guild, rundir.JOB_PACKAGES)
    return {"run_dir": directory, "missing": stage.wanting(home, run_id, contents)}


def _was_made(directory: str, job: Job) -> bool:
    """Whether this very request has been done before, and the run waits for it no more."""
    if not job.get("restart") or not inside.exists(rundir.guild_dir(directory), JOB):
        return False
    is_pending = rundir.status(directory) == rundir.Status("pending")
    if is_pending and rundir.waits_for(directory) is None:
        return False
    try:
        return read_job(directory).get("restart") == job["restart"]
    except AgentError:  # it is to be made again, whatever it is
        return False


def _at_rest(directory: str, name: str, force: bool = False) -> AtRest:
    """The run, held; AgentError where somebody runs it, and for the copy of a remote's."""
    copied = rundir.confirmed(directory)
    remote = rundir.status(directory).remote or (copied and copied["remote"])
    if remote:
        raise AgentError(
            "run %s is a copy of one on %s" % (name, remote),
            "Start it there: guild run -r %s --restart %s\n"
            "Or make a new run here: guild run --proto %s" % (remote, name, name),
            "refused",
        )

    def refusal(where: str) -> AgentError:
        hint = "Stop it first: guild stop %s" % name
        if where:
            hint = "Stop it there. If that machine is gone, add --force."
        return AgentError("run %s is running%s" % (name, where), hint, "refused")

    return AtRest(directory, refusal, force=force)


def _be_no_job(home: str, directory: str) -> None:
    if rundir.is_job(directory):
        from ..scheduling import records  # most hosts have no scheduler

        records.put_aside(home, directory)


def _forget_end(directory: str) -> None:
    rundir.remove_attrs(directory, rundir.WHOLE_END)
    for name in (*attempts.SCALARS, rundir.OUTPUT):
        rundir.unmark(directory, name)


def stage_in(
    _home: str,
    run_id: str,
    run_dir: str,
    opref: str,
    attributes: Dict[str, Value],
    job: Job,
    diff: str = "",
) -> Made:
    """Make the run in a directory of the user's, which no listing shows.

    It is empty, new, or that of an earlier run, which is replaced but for the files that it made.
    """
    guild = rundir.guild_dir(run_dir)
    if os.path.isdir(run_dir) and os.listdir(run_dir) and not os.path.isdir(guild):
        raise AgentError(
            "%s is not empty, and not the directory of a run" % run_dir,
            "Give a new or an empty one.",
            "refused",
        )
    os.makedirs(guild, exist_ok=True)
    inside.make(guild, "attrs")
    with _at_rest(run_dir, run_dir):
        rundir.mark(run_dir, rundir.PENDING)
        _forget_end(run_dir)
        given.forget_all(run_dir)
        rundir.forget_attempts(run_dir)
        rundir.remove_attrs(run_dir, rundir.attr_names(run_dir))
        revision.forget(run_dir)
        stage.fill(run_dir, run_id, opref, attributes, job, diff)
    return {"run_dir": run_dir, "missing": []}
