"""The operation of a run that consists of others: the steps of a pipeline, a batch's trials.

Each is a run of its own, linked from this one, and has what this one was given: source
code, packages, environment. They run one after the other under runners of their own, which
end with this process. Told to end, it tells the one that runs, and starts no other.
"""

from __future__ import annotations

import signal
import subprocess
from types import FrameType
from typing import List, Optional, Tuple

from .. import protocol
from ..batches import checks, links
from ..batches.children import Children
from ..errors import AgentError
from ..machine.processes import ENDING
from ..protocol import Child, Job
from ..staging import spawn, stage
from ..store import rundir
from ..store.job import read_job
from .saying import say

CHECK_FAILED = 3  # Source: Guild AI 0.9 ends a pipeline with it


def main(home: str, directory: str) -> int:
    """Run the children of this run that have not completed yet; the exit status."""
    return Series(home, directory, read_job(directory)).run()


class Series:
    """A run's children, run in their order."""

    def __init__(self, home: str, directory: str, job: Job) -> None:
        self._home = home
        self._directory = directory
        self._children = Children(home, directory, job)
        self._stops = bool(job.get("stops"))  # at the first that fails
        self._runner: Optional["subprocess.Popen[bytes]"] = None
        self._ending = 0

    def run(self) -> int:
        for signum in ENDING:
            signal.signal(signum, self._end)
        children = self._children
        failed: List[Tuple[str, int]] = []
        for number, child in enumerate(children.all, 1):
            title = children.title(number)
            run_id = children.completed_before(child)
            if run_id:
                say("%s has completed: %s" % (title, run_id))
                try:
                    links.link(self._home, self._directory, child["name"], run_id)
                except OSError as e:
                    say("%s: there can be no link to it: %s" % (title, e.strerror))
                children.remember(run_id)
                continue
            code = self._run_child(title, child)
            if self._ending:
                return 128 + self._ending
            if code != 0:
                failed.append((title, code))
                if self._stops:
                    self._tell_rest(number)
                    break
        if failed and not children.is_pipeline:
            say("%d of %d trials failed" % (len(failed), len(children.all)))
        return 0 if not failed else failed[0][1] if 0 < failed[0][1] < 256 else 1

    def _tell_rest(self, number: int) -> None:
        rest = len(self._children.all) - number
        if rest:
            what = "step" if self._children.is_pipeline else "trial"
            say("%d %s%s not run" % (rest, what, "s were" if rest > 1 else " was"))

    def _run_child(self, title: str, child: Child) -> int:
        run_id = protocol.new_run_id()
        directory = rundir.run_dir(self._home, run_id)
        try:
            for line in self._children.make(run_id, child):
                say(line)
            links.link(self._home, self._directory, child["name"], run_id)
            say("%s: starting %s" % (title, run_id))
            self._runner = spawn.start_runner(directory, echo=True, wait_free=True)
        except (AgentError, OSError) as e:
            stage.discard(self._home, run_id)
            links.unlink(self._directory, child["name"], run_id)
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
            self._children.remember(run_id)
            return 0
        say("%s failed: run %s ended with %s (exit status %s)" % (title, run_id, state, code))
        return code if isinstance(code, int) and code > 0 else 1

    def _end(self, signum: int, _frame: Optional[FrameType]) -> None:
        self._ending = signum
        if self._runner is not None:
            self._runner.send_signal(signum)
