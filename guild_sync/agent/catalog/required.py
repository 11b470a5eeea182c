"""The runs that operations require of others: which one is meant, and by whom it is waited for."""

from __future__ import annotations

from typing import Iterator, Mapping, Optional, Sequence, Set, Tuple

from .. import protocol
from ..errors import AgentError
from ..protocol import Job, RequirementForm, Value
from ..store import rundir
from ..store.job import read_job
from . import filters, find


def flag_of(requirement: RequirementForm) -> str:
    return requirement.get("flag") or requirement["name"]


def is_shared(flag: str, requires: Sequence[RequirementForm]) -> bool:
    """Whether several operations are required whose runs one flag says."""
    return sum(r["kind"] == "operation" and flag_of(r) == flag for r in requires) > 1


def required_run(
    home: str, requirement: RequirementForm, wanted: Value, is_shared: bool = False
) -> str:
    """The id of the run that the flag names, or else of the latest completed one.

    Of a flag that is shared the run counts for the requirement that it meets.
    """
    if wanted not in (None, ""):
        run_id = find.one(home, str(wanted))
        directory = rundir.run_dir(home, run_id)
        state = rundir.status(directory)
        if state.text not in protocol.FINAL:
            raise AgentError("it requires run %s, which is %s" % (run_id, state.text))
        if not is_shared or rank_of(requirement, directory) is not None:
            return run_id
    latest = _latest(home, requirement)
    if latest is None:
        raise AgentError(
            "it requires a completed run of %s, and there is none"
            % rundir.shown(requirement["source"])
        )
    return latest


def _latest(home: str, requirement: RequirementForm) -> Optional[str]:
    """The latest completed run of the operation: of the model's own, if there is one."""
    best: Optional[Tuple[int, str]] = None
    for run_id in find.run_ids(home):
        directory = rundir.run_dir(home, run_id)
        rank = rank_of(requirement, directory)
        is_better = rank is not None and (best is None or rank < best[0])
        if rank is not None and is_better and rundir.status(directory).text == "completed":
            best = (rank, run_id)
            if rank == 0:
                break
    return best[1] if best else None


def rank_of(requirement: RequirementForm, directory: str) -> Optional[int]:
    # `MODEL:NAME` behind the package's name, which a change of the project changes.
    name = filters.operation_name(directory).rpartition("/")[2]
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


def _taken(home: str, job: Job, flags: Mapping[str, Value]) -> Iterator[str]:
    requires = job.get("requires", [])
    for requirement in requires:
        if requirement["kind"] == "operation":
            name = flag_of(requirement)
            try:
                yield required_run(home, requirement, flags.get(name), is_shared(name, requires))
            except AgentError:
                pass  # it is not there, or not yet
    for child in job.get("children", []):
        attributes = child.get("attributes", {})
        yield from _taken(home, child.get("job", {}), rundir.mapping(attributes.get("flags")))
