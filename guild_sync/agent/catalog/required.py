"""The runs that operations require of others: which one is meant, and by whom it is waited for."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from .. import protocol
from ..errors import AgentError
from ..protocol import Child, Job, RequirementForm, SchedulerForm, Value, moment_of
from ..store import inside, rundir
from ..store.job import read_job
from . import find, values


def flag_of(requirement: RequirementForm) -> str:
    return requirement.get("flag") or requirement["name"]


def is_shared(flag: str, requires: Sequence[RequirementForm]) -> bool:
    """Whether several operations are required whose runs one flag says."""
    return sum(r["kind"] == "operation" and flag_of(r) == flag for r in requires) > 1


def required_run(
    home: str,
    requirement: RequirementForm,
    wanted: Value,
    is_shared: bool = False,
    scheduler: Optional[SchedulerForm] = None,
) -> str:
    """The id of the run that the flag names, or else of the latest completed one.

    Of a flag that is shared the run counts for the requirement that it meets. For a run that will
    be a job of a `scheduler`, a job of it counts that is not over: it is waited for there.
    """
    if wanted not in (None, ""):
        run_id = find.one(home, str(wanted))
        directory = rundir.run_dir(home, run_id)
        state = rundir.status(directory)
        if state.text not in protocol.FINAL and not _job_of(directory, scheduler):
            raise AgentError("it requires run %s, which is %s" % (run_id, state.text))
        if not is_shared or rank_of(requirement, directory) is not None:
            return run_id
    latest = _latest(home, requirement, scheduler)
    if latest is None:
        raise AgentError(
            "it requires a completed run of %s, and there is none"
            % rundir.shown(requirement["source"])
        )
    return latest


def _latest(
    home: str, requirement: RequirementForm, scheduler: Optional[SchedulerForm]
) -> Optional[str]:
    """The latest run of the operation that counts: of the model's own, if there is one."""
    best: Optional[Tuple[int, str]] = None
    for run_id in find.run_ids(home):
        directory = rundir.run_dir(home, run_id)
        rank = rank_of(requirement, directory)
        is_better = rank is not None and (best is None or rank < best[0])
        if rank is not None and is_better and _counts(directory, scheduler):
            best = (rank, run_id)
            if rank == 0:
                break
    return best[1] if best else None


def _counts(directory: str, scheduler: Optional[SchedulerForm]) -> bool:
    """Whether a run has completed, or is a job that may."""
    # In this order: a job may be over at any moment.
    return bool(_job_of(directory, scheduler)) or rundir.status(directory).text == "completed"


def _job_of(directory: str, scheduler: Optional[SchedulerForm]) -> str:
    """The id of the job of that scheduler that a run is which is not over; empty where it is none.

    One that guild was told to end does not come to a good one.
    """
    if scheduler is None or not rundir.is_job(directory):
        return ""
    state = rundir.status(directory)
    if state.remote is not None or state.text not in ("pending", "running"):
        return ""
    from ..scheduling import records

    record = records.read(directory)
    where = (scheduler["type"], scheduler["clusters"])
    if record is None or record.within or (record.scheduler, record.site.clusters) != where:
        return ""
    is_told = inside.exists(rundir.guild_dir(directory), records.STOP)
    return "" if is_told else record.id


def rank_of(requirement: RequirementForm, directory: str) -> Optional[int]:
    # `MODEL:NAME` behind the package's name, which a change of the project changes.
    name = values.operation_name(directory).rpartition("/")[2]
    return protocol.rank_of(requirement["source"], requirement.get("model", ""), name)


def awaited(home: str, run_id: str) -> Set[str]:
    """The runs that one which is not over would take, were it started now.

    And those that the runs which it consists of would.
    """
    directory = rundir.run_dir(home, run_id)
    if rundir.status(directory).text in protocol.FINAL:
        return set()
    try:
        job = read_job(directory)
    except AgentError:
        return set()  # another program's, or it is being made
    flags = rundir.mapping(rundir.read_attr(directory, "flags"))
    return {*_taken(home, job, flags)}


def jobs_before(home: str, directory: str, scheduler: SchedulerForm) -> Dict[str, str]:
    """The jobs that are to end well before a run of that scheduler begins, by their runs.

    Raises AgentError (kind "unmet") where one has failed since the run was made for it.
    """
    flags = rundir.mapping(rundir.read_attr(directory, "flags"))
    found: Dict[str, str] = {}
    for run_id in _taken(home, read_job(directory), flags, scheduler, made=[]):
        other = rundir.run_dir(home, run_id)
        job = _job_of(other, scheduler)
        if job:
            found[run_id] = job
        elif rundir.is_job(other) and _has_failed_since(directory, other):
            raise AgentError("it requires run %s, which has just failed" % run_id, kind="unmet")
    return found


def _has_failed_since(directory: str, other: str) -> bool:
    """Whether another run has failed since this one was made, or made anew."""
    made, stopped = inside.status(rundir.guild_dir(directory), rundir.PENDING), _stopped(other)
    has_failed = rundir.status(other).text in ("error", "terminated")
    return has_failed and made is not None and stopped > made.st_mtime


def _stopped(directory: str) -> float:
    return (moment_of(rundir.read_attr(directory, "stopped")) or 0) / 1e6


def _taken(
    home: str,
    job: Job,
    flags: Mapping[str, Value],
    scheduler: Optional[SchedulerForm] = None,
    made: Optional[List[str]] = None,
) -> Iterator[str]:
    """The runs that a run with this job would take, and those that it consists of would.

    But for those that may be of an operation which is `made` before; the ones that it consists of
    are added to these.
    """
    requires = job.get("requires", [])
    for requirement in requires:
        name = flag_of(requirement)
        is_made = not flags.get(name) and _is_met(requirement, made or ())
        if requirement["kind"] != "operation" or is_made:
            continue
        is_one_of_many = is_shared(name, requires)
        try:
            yield required_run(home, requirement, flags.get(name), is_one_of_many, scheduler)
        except AgentError:
            pass  # it is not there, or not yet
    for child in job.get("children", []):
        of_child = rundir.mapping(child.get("attributes", {}).get("flags"))
        yield from _taken(home, child.get("job", {}), of_child, scheduler, made)
        if made is not None:
            made.append(_operation_of(child))


def _is_met(requirement: RequirementForm, made: Sequence[str]) -> bool:
    source, model = requirement["source"], requirement.get("model", "")
    return any(protocol.rank_of(source, model, name) is not None for name in made)


def _operation_of(child: Child) -> str:
    model, name = child.get("model", ""), child.get("operation", "")
    return "%s:%s" % (model, name) if model else name
