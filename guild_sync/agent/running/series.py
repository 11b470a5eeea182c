"""The operation of a run that consists of others: the steps of a pipeline, a batch's trials.

Each is a run of its own, linked from this one, and has what this one was given: source
code, packages, environment. They run one after the other under runners of their own, which
end with this process. Told to end, it tells the one that runs, and starts no other.
"""

from __future__ import annotations

import os
import signal
import subprocess
from types import FrameType
from typing import Dict, Iterator, List, Optional, Tuple

from .. import protocol
from ..catalog import describe, filters
from ..errors import AgentError
from ..machine.processes import ENDING
from ..protocol import Child, Job, RequirementForm, Value
from ..staging import requirements, spawn, stage
from ..staging.source import adopt_source
from ..store import rundir
from ..store.job import read_job
from . import checks
from .saying import say

CHECK_FAILED = 3  # Source: Guild AI 0.9 ends a pipeline with it


def main(home: str, directory: str) -> int:
    """Run the children of this run that have not completed yet; the exit status."""
    return Series(home, directory, read_job(directory)).run()


class Series:
    """A run's children, in their order, and which of them have run."""

    def __init__(self, home: str, directory: str, job: Job) -> None:
        self._home = home
        self._directory = directory
        self._children: List[Child] = job["children"]
        self._is_pipeline = bool(job.get("is_pipeline"))
        self._stops = bool(job.get("stops"))  # at the first that fails
        self._needed = bool(job.get("needed"))  # run only what has not run elsewhere either
        self._environment = job.get("environment") or {}
        self._runner: Optional["subprocess.Popen[bytes]"] = None
        self._ending = 0
        self._earlier: Dict[str, str] = {}  # the runs of earlier starts: link -> id
        # Operation -> id of its run, for those after it.
        self._done: Dict[str, str] = dict(job.get("done") or {})
        self._within: Dict[str, str] = {}  # likewise, of the steps and trials of steps
        self._isolated = job.get("isolated")
        self._sources = job.get("sources") or []

    def run(self) -> int:
        for signum in ENDING:
            signal.signal(signum, self._end)
        self._earlier = _linked(self._directory)
        failed: List[Tuple[str, int]] = []
        for number, child in enumerate(self._children, 1):
            title = self._title(number, child)
            run_id = self._completed_before(child)
            if run_id:
                say("%s has completed: %s" % (title, run_id))
                try:
                    self._link(child, run_id)
                except OSError as e:
                    say("%s: there can be no link to it: %s" % (title, e.strerror))
                self._remember(run_id)
                continue
            code = self._run_child(title, child)
            if self._ending:
                return 128 + self._ending
            if code != 0:
                failed.append((title, code))
                if self._stops:
                    self._tell_rest(number)
                    break
        if failed and not self._is_pipeline:
            say("%d of %d trials failed" % (len(failed), len(self._children)))
        return 0 if not failed else failed[0][1] if 0 < failed[0][1] < 256 else 1

    def _title(self, number: int, child: Child) -> str:
        if self._is_pipeline:
            return "Step %d of %d, %s" % (number, len(self._children), child["name"])
        return "Trial %d of %d" % (number, len(self._children))

    def _tell_rest(self, number: int) -> None:
        rest = len(self._children) - number
        if rest:
            what = "step" if self._is_pipeline else "trial"
            say("%d %s%s not run" % (rest, what, "s were" if rest > 1 else " was"))

    def _run_child(self, title: str, child: Child) -> int:
        run_id = protocol.new_run_id()
        directory = rundir.run_dir(self._home, run_id)
        link = os.path.join(self._directory, child["name"] or run_id)
        try:
            self._make(run_id, child)
            self._link(child, run_id)
            say("%s: starting %s" % (title, run_id))
            self._runner = spawn.start_runner(directory, echo=True, wait_free=True)
        except (AgentError, OSError) as e:
            stage.discard(self._home, run_id)
            if os.path.islink(link):
                os.unlink(link)
            hint = "; %s" % e.hint if isinstance(e, AgentError) and e.hint else ""
            say("%s failed: %s%s" % (title, e, hint))
            return 1
        if self._ending:  # while it was being started
            self._runner.send_signal(self._ending)
        self._runner.wait()
        self._runner = None
        state = rundir.status(directory).text
        code = rundir.read_attr(directory, "exit_status")
        if state == "completed":
            problem = checks.failed(directory, child.get("expect") or (), self._directory)
            if problem:
                say("%s failed: %s, in run %s" % (title, problem, run_id))
                return CHECK_FAILED
            self._remember(run_id)
            return 0
        say("%s failed: run %s ended with %s (exit status %s)" % (title, run_id, state, code))
        return code if isinstance(code, int) and code > 0 else 1

    def _link(self, child: Child, run_id: str) -> None:
        """Have the run that is the child's among the files of this one."""
        link = os.path.join(self._directory, child["name"] or run_id)
        target = os.path.relpath(rundir.run_dir(self._home, run_id), self._directory)
        if os.path.islink(link):  # of an earlier start
            if os.readlink(link) == target:
                return
            os.unlink(link)
        os.symlink(target, link)

    def _make(self, run_id: str, child: Child) -> None:
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
        stage.stage(self._home, run_id, child["opref"], attributes, job)
        adopt_source(self._home, run_id, os.path.basename(self._directory), part=part)
        for line in requirements.add_files(self._home, run_id, job.get("requires", ())):
            say("%s: %s" % (child["operation"], line))

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

    def _remember(self, run_id: str) -> None:
        """Have the steps after it find the run, or else the runs that it consists of."""
        for inner, name in _completed(self._home, run_id):
            self._within.pop(name, None)  # it is the last of them now
            self._within[name] = inner
        name = _operation(self._home, run_id)
        self._done.pop(name, None)
        self._done[name] = run_id

    def _completed_before(self, child: Child) -> str:
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

    def _end(self, signum: int, _frame: Optional[FrameType]) -> None:
        self._ending = signum
        if self._runner is not None:
            self._runner.send_signal(signum)


def _linked(directory: str) -> Dict[str, str]:
    """The runs that a series has started: link -> id."""
    found = {}
    for entry in os.scandir(directory):
        if entry.is_symlink():
            run_id = os.path.basename(os.readlink(entry.path))
            if protocol.RUN_ID.match(run_id):
                found[entry.name] = run_id
    return found


def _completed(home: str, series: str) -> Iterator[Tuple[str, str]]:
    """The runs, and operations, of which a run consists, and which have completed: last ones last.

    Those that a run of them consists of come before it.
    """
    directory = rundir.run_dir(home, series)
    if not read_job(directory).get("children"):
        return
    runs = {run_id: rundir.run_dir(home, run_id) for run_id in _linked(directory).values()}
    for run_id in sorted(runs, key=lambda run_id: str(rundir.read_attr(runs[run_id], "started"))):
        if rundir.status(runs[run_id]).text == "completed":
            yield from _completed(home, run_id)
            yield run_id, _operation(home, run_id)


def _operation(home: str, run_id: str) -> str:
    """What the run's operation is called in its project."""
    return filters.operation_name(rundir.run_dir(home, run_id)).rpartition("/")[2]
