"""What a listing shows of a run, and all that is known of one."""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Optional, Sequence, Set, TypeVar

from ..protocol import (
    ENDED_BY,
    NAME_LENGTH,
    STARTED_BY,
    Attempt,
    Deal,
    DetailedListing,
    Details,
    Filters,
    Info,
    JobForm,
    Known,
    Listing,
    MaybeRun,
    Run,
    RunLine,
    Value,
    WaitedFor,
)
from ..store import identity, inside, locks, rundir
from . import find

# What a line shows of a run's attributes, beside what its view has.
_IN_LINE = ("initialized", "label", "tags")
# And one on a terminal, for its short label; then all that a listing shows.
_IN_SHORT_LINE = (*_IN_LINE, "flags")
_SHOWN = (*_IN_SHORT_LINE, "marked", "comments", "cmd", STARTED_BY, ENDED_BY)
_BY_TWO = 1000  # runs, of fewer of which two processes read no sooner than one

Told = TypeVar("Told")


def summary(home: str, run_id: str, deleted: bool = False, short: bool = False) -> Run:
    """What a listing shows of a run; `short`: its label as in `short_labels`."""
    directory = rundir.run_dir(home, run_id, deleted)
    found = rundir.whole(directory, _SHOWN)
    job, attributes = _job(directory, found), found.attrs
    return {
        **_line(directory, found, job, deleted, short),
        "run_dir": directory,
        "exit_status": found.view.exit_status,
        "flags": attributes["flags"],
        "marked": attributes["marked"],
        "comments": attributes["comments"],
        "cmd": attributes["cmd"],
        "started_by": rundir.starter(attributes[STARTED_BY]),
        "attempt": rundir.attempt(directory, found.view.started)
        if rundir.ATTEMPTS in found.has
        else 1,
        "ended_by": _text(attributes[ENDED_BY]),
        "job": job,
    }


def lines(
    home: str, ids: Sequence[str], deleted: bool = False, short: bool = False
) -> List[RunLine]:
    """What the line of each of these runs is made of; `short`: as `summary`.

    Nothing else of them is read: there may be 100,000.
    """
    names = _IN_SHORT_LINE if short else _IN_LINE

    def line(run_id: str) -> RunLine:
        directory = rundir.run_dir(home, run_id, deleted)
        whole = rundir.whole(directory, names)
        return _line(directory, whole, _job(directory, whole), deleted, short)

    return _of_each(line, ids)


def _of_each(tell: Callable[[str], Told], ids: Sequence[str]) -> List[Told]:
    """What is told of each of these runs: of half of many by another process."""

    def told(some: Sequence[str]) -> List[Told]:
        return [tell(run_id) for run_id in some]

    if len(ids) < _BY_TWO:
        return told(ids)
    from ..remembering import beside  # most listings are of fewer

    return beside.by_halves(told, ids) if beside.is_sooner() else told(ids)


def _line(
    directory: str, found: rundir.Whole, job: Optional[JobForm], deleted: bool, short: bool
) -> RunLine:
    now, label = found.view.status, found.attrs["label"]
    if short:
        from .short_labels import short_label  # what no person looks at has no use for it

        label = short_label(directory, label, found.attrs["flags"])
    is_here = now == rundir.Status("running") and not job
    return {
        "id": os.path.basename(directory),
        "opref": found.opref,
        "status": now.text,
        "indexed": deleted or now.text != "completed" or rundir.BATCH not in found.has,
        "remote": now.remote,
        "machine": rundir.machine(directory) if is_here else None,
        "unreadable": rundir.unreadable(directory) if rundir.LOCK_UNREADABLE in found.has else [],
        "initialized": found.attrs["initialized"],
        "started": found.view.started,
        "stopped": found.view.stopped,
        "label": label,
        "tags": found.attrs["tags"],
        "waits": _waits(directory, job) if now.text == "pending" else None,
        "deal": _deal(directory) if now.text == "staged" and now.remote is None else None,
    }


def _job(directory: str, found: rundir.Whole) -> Optional[JobForm]:
    """The job that a run is, as its scheduler's last word has it."""
    if rundir.JOB_RECORD not in found.has:
        return None
    from ..judging import shown

    return shown.form(directory, found.view.status.text)


def _waits(directory: str, job: Optional[JobForm]) -> Optional[str]:
    """What a pending run waits for; None where it waits for nothing that is known."""
    if job is None:
        return _text(rundir.waits_for(directory))
    if job["nodes"]:  # it has them: it is about to begin, or has ended before it did
        return "word of its job on %s" % job["nodes"]
    return "the queue: %s" % job["reason"] if job["reason"] else "the queue"


def _deal(directory: str) -> Optional[Deal]:
    if not inside.exists(rundir.guild_dir(directory), rundir.LOCK_TRIAL):
        return None
    from .trials import deal_of  # most listings have no trial

    return deal_of(directory)


def list_runs(
    home: str,
    specs: Sequence[str] = (),
    limit: Optional[int] = None,
    filters: Optional[Filters] = None,
    deleted: bool = False,
    whole: bool = False,
    with_others: bool = False,
    counted: bool = True,
    short: bool = False,
) -> Listing:
    """Summaries of the first `limit` runs that are meant, and how many there are in all.

    Where they need not be `counted`, there may be more, which takes less time.

    `with_others` has those counted that the filter `mine` alone leaves out. `short`: as `summary`.
    """
    ids = find.select(home, specs, filters, deleted, whole, None if counted else limit)
    others: Set[str] = set()
    if with_others:
        of_all = {name: wanted for name, wanted in (filters or {}).items() if name != "mine"}
        others = {*find.select(home, specs, of_all, deleted, whole)[:limit]} - {*ids}
    runs = summaries(home, ids[:limit], deleted, short)
    return {"runs": runs, "total": len(ids), "others": len(others)}


def summaries(
    home: str, ids: Sequence[str], deleted: bool = False, short: bool = False
) -> List[Run]:
    """What a listing shows of each of these runs."""
    return _of_each(lambda run_id: summary(home, run_id, deleted, short), ids)


def list_details(
    home: str,
    specs: Sequence[str] = (),
    limit: Optional[int] = None,
    filters: Optional[Filters] = None,
    deleted: bool = False,
    whole: bool = False,
) -> DetailedListing:
    """As `list_runs`, with more of each run."""
    ids = find.select(home, specs, filters, deleted, whole)
    return {"runs": [detailed(home, i, deleted) for i in ids[:limit]], "total": len(ids)}


def beginning(home: str, prefix: str, short: int, limit: int, deleted: bool = False) -> List[Known]:
    """Summaries of the latest runs whose ids begin so; `unique`: `short` digits name it alone."""
    ids = find.run_ids(home, deleted)
    begins = [run_id[:short] for run_id in ids]
    found = [run_id for run_id in ids if run_id.startswith(prefix)][:limit]
    return [
        {**summary(home, run_id, deleted), "unique": begins.count(run_id[:short]) == 1}
        for run_id in found
    ]


def detailed(home: str, run_id: str, deleted: bool = False) -> Details:
    """What a listing shows of a run, and what takes a longer look."""
    directory = rundir.run_dir(home, run_id, deleted)
    return {
        **summary(home, run_id, deleted),
        "pid": locks.holder(rundir.guild_dir(directory)) or None,
        "waits_for": waits_for(directory),
        "confirmed": rundir.confirmed(directory),
        "sourcecode_digest": rundir.read_attr(directory, "sourcecode_digest"),
        "host": rundir.read_attr(directory, "host"),
    }


def info(home: str, spec: str, filters: Optional[Filters] = None) -> Info:
    """All that is known of one run: its details, every attribute, its scalars."""
    from ..scalars import kept  # a listing has no use for them

    run_id = find.one(home, spec, filters)
    directory = rundir.run_dir(home, run_id)
    guild = rundir.guild_dir(directory)
    manifest = rundir.read_text(guild, "manifest")
    found = detailed(home, run_id)
    return {
        **found,
        "attempts": _earlier_attempts(guild, found["started"], found["stopped"]),
        "attrs": rundir.read_attrs(directory, rundir.attr_names(directory)),
        "manifest": (manifest or "").splitlines(),
        "scalars": kept.summaries(directory),
    }


def _earlier_attempts(guild: str, started: Value, stopped: Value) -> List[Attempt]:
    from ..store import attempts  # a listing has no use for it

    return [
        {
            "number": number,
            "status": rundir.status_of(ended.exit_status),
            "started": ended.started,
            "stopped": ended.stopped,
            "exit_status": ended.exit_status,
            "ended_by": _text(ended.ended_by),
            "retried": is_retried,
        }
        for number, ended, is_retried in attempts.earlier(guild, started, stopped)
    ]


def _text(value: Value) -> Optional[str]:
    """A text of guild's own in an attribute; None where it is none."""
    return value if isinstance(value, str) and len(value) <= NAME_LENGTH else None


def waits_for(directory: str) -> List[WaitedFor]:
    """What a run waits for whose operation has ended itself: `pid` and `command` of each.

    That is what the operation started, and what is in its session or holds its output.
    """
    from ..machine import operation_process, processes  # most listings have no use for them

    guild = rundir.guild_dir(directory)
    runner, operation = locks.holder(guild), operation_process.of_run(guild)
    if not runner or operation is None or identity.may_live(operation.who):
        return []
    return [
        {"pid": who.pid, "command": processes.command_of(who.pid)}
        for who in operation_process.living(operation)
        if who.pid != runner
    ]


def matching(home: str, opref: str, flags: Dict[str, Value], statuses: Sequence[str]) -> MaybeRun:
    """The latest run of exactly this operation with these flags and one of the statuses."""
    for run_id in find.run_ids(home):
        directory = rundir.run_dir(home, run_id)
        if rundir.opref_text(directory).strip() == opref.strip():
            same = rundir.read_attr(directory, "flags") == flags
            if same and rundir.status(directory).text in statuses:
                return {"run": summary(home, run_id)}
    return {"run": None}
