"""The runs that a run is to consist of: each made when its turn comes, or found if it has run."""

from __future__ import annotations

import os
from typing import Dict, List, Optional

from .. import protocol
from ..catalog import describe
from ..errors import AgentError
from ..protocol import Child, Job, RequirementForm, Value
from ..staging import requirements, stage
from ..staging.source import adopt_source
from ..store import rundir
from . import checks, links


class Children:
    """A run's children: what they have of it and of each other, and which of them have run."""

    def __init__(self, home: str, directory: str, job: Job) -> None:
        self._home = home
        self._directory = directory
        self.all: List[Child] = job["children"]
        self.is_pipeline = bool(job.get("is_pipeline"))
        self._needed = bool(job.get("needed"))  # run only what has not run elsewhere either
        self._environment = job.get("environment") or {}
        self._earlier = links.linked(directory)  # the runs of earlier starts: link -> id
        # Operation -> id of its run, for those after it.
        self._done: Dict[str, str] = dict(job.get("done") or {})
        self._within: Dict[str, str] = {}  # likewise, of the steps and trials of steps
        self._isolated = job.get("isolated")
        self._sources = job.get("sources") or []

    def title(self, number: int) -> str:
        """What the child of this number, counted from 1, is called: `Trial 1 of 5`."""
        if self.is_pipeline:
            return "Step %d of %d, %s" % (number, len(self.all), self.all[number - 1]["name"])
        return "Trial %d of %d" % (number, len(self.all))

    def make(self, run_id: str, child: Child) -> List[str]:
        """Make the run, pending, that is the child's; what is to be said of that.

        Raises AgentError for an isolated one that requires a run of no step before it.
        """
        job: Job = {**child["job"], "environment": self._environment}
        part = self._sources[child["source"]] if "source" in child else None
        if job.get("children"):
            job["done"] = {**self._within, **self._done}
            if not job.get("is_pipeline"):
                job["isolated"] = self._is_isolated(child)
            if self._sources and part is None:
                job["sources"] = self._sources
        attributes = {**child["attributes"], "flags": self._flags_of(child)}
        whose = rundir.read_attr(self._directory, protocol.STARTED_BY)
        if whose is not None:  # read now: somebody else may have started the series again
            attributes[protocol.STARTED_BY] = whose
        stage.make(self._home, run_id, child["opref"], attributes, job)
        adopt_source(self._home, run_id, os.path.basename(self._directory), part=part)
        said = requirements.add_files(self._home, run_id, job.get("requires", ()))
        return ["%s: %s" % (child["operation"], line) for line in said]

    def _earlier_step(self, requirement: RequirementForm) -> str:
        """The run of the last step before whose operation is required; empty where none is."""
        source, model = requirement["source"], requirement.get("model", "")
        for done in (self._done, self._within):
            ranks = {name: protocol.rank_of(source, model, name) for name in reversed(done)}
            met = [(rank, name) for name, rank in ranks.items() if rank is not None]
            if met:
                return done[min(met, key=lambda pair: pair[0])[1]]
        return ""

    def _flags_of(self, child: Child) -> Dict[str, Value]:
        """The child's flags, with the runs before it that it requires.

        Raises AgentError for an isolated one that requires a run of no step before it.
        """
        flags = dict(rundir.mapping(child["attributes"].get("flags")))
        isolated = self._is_isolated(child)
        for requirement in child["job"].get("requires", ()):
            flag = requirement.get("flag") or requirement["name"]
            if requirement["kind"] != "operation" or flags.get(flag):
                continue
            earlier = self._earlier_step(requirement)
            if earlier and isolated is not False:
                flags[flag] = earlier
            elif isolated:
                source = requirement["source"]
                raise AgentError("it requires %s, which no step before it runs" % source)
        return flags

    def _is_isolated(self, child: Child) -> Optional[bool]:
        """Whether the child takes runs of its pipeline alone; None: where there is one."""
        own = child.get("isolated")
        return self._isolated if own is None else own

    def remember(self, run_id: str) -> None:
        """Have the steps after it find the run, or else the runs that it consists of."""
        for inner, name in links.completed(self._home, run_id):
            self._within.pop(name, None)  # it is the last of them now
            self._within[name] = inner
        name = links.operation(self._home, run_id)
        self._done.pop(name, None)
        self._done[name] = run_id

    def completed_before(self, child: Child) -> str:
        """The id of a run that did this already: in an earlier start, or, if so asked, ever."""
        wanted = rundir.mapping(child["attributes"].get("flags"))
        expect = child.get("expect") or ()
        for name, run_id in self._earlier.items():
            if child["name"] and child["name"] != name:
                continue
            directory = rundir.run_dir(self._home, run_id)
            flags = rundir.mapping(rundir.read_attr(directory, "flags"))
            given = {name: value for name, value in wanted.items() if value is not None}
            same = all(flags.get(name) == value for name, value in given.items())
            same = same and rundir.status(directory).text == "completed"
            if same and not checks.failed(directory, expect, self._directory):
                del self._earlier[name]  # it stands for one trial: others may be like it
                return run_id
        if self._needed or child.get("needed"):
            return self._done_elsewhere(child)
        return ""

    def _done_elsewhere(self, child: Child) -> str:
        """The id of a run of no series, or of another, that did what the child is to do."""
        try:
            wanted = self._flags_of(child)
        except AgentError:
            return ""
        found = describe.matching(self._home, child["opref"], wanted, ["completed"])["run"]
        expect = child.get("expect") or ()
        if found is None or checks.failed(found["run_dir"], expect, self._directory):
            return ""
        return found["id"]
