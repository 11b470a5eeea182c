"""A runner started, which outlives its starter, or a job submitted that will be one."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Dict, Optional

from .. import protocol
from ..errors import AgentError
from ..facts.dying import die_with_parent
from ..machine import folder
from ..machine.children import agent_argv, shared_handles
from ..store import locks, rundir


def start(
    home: str,
    run_id: str,
    run_dir: str = "",
    secrets: Optional[Dict[str, str]] = None,
    wait_free: bool = False,
) -> protocol.Started:
    """Start the run's operation under a runner that outlives this process; its pid.

    `secrets` are variables for it that are in no file: its environment alone has them.
    Returns once the operation runs; with `wait_free` also where it waits, pending, for what it
    needs of this host. Asked again for a run that runs already, as after
    a lost answer, it says so rather than starting it twice.
    """
    directory = run_dir or rundir.run_dir(home, run_id)
    begun = already_begun(directory, run_id)
    if begun is not None:
        return begun
    if rundir.is_queued(directory):
        return _started(directory, "pending")
    runner = start_runner(directory, secrets=secrets, wait_free=wait_free)
    waits = rundir.waits_for(directory) is not None
    return {"pid": runner.pid, "status": "pending" if waits else "running", "job": ""}


def submit(
    home: str,
    run_id: str,
    scheduler: protocol.SchedulerForm,
    secrets: Optional[Dict[str, str]] = None,
) -> protocol.Started:
    """As `start`, where runs are jobs of a scheduler: returns once that has taken the run."""
    directory = rundir.run_dir(home, run_id)
    begun = already_begun(directory, run_id)
    if begun is not None:
        return begun
    from ..catalog import required
    from ..scheduling import submitting  # most hosts have no scheduler

    after = required.jobs_before(home, directory, scheduler)
    submitting.submit(home, directory, scheduler, bool(secrets), after)
    return _started(directory, rundir.status(directory).text)


def already_begun(directory: str, run_id: str) -> Optional[protocol.Started]:
    """The run where it was started already; None where it waits for that.

    Raises AgentError where it cannot be started.
    """
    state, remote = rundir.status(directory)
    if remote is not None:
        raise AgentError("run %s is a copy of one on %s" % (run_id, remote), kind="refused")
    if state == "running" or (state in protocol.FINAL and rundir.read_attr(directory, "started")):
        return _started(directory, state)
    if state == "pending" and rundir.waits_for(directory) is not None:
        return _started(directory, state)
    if state not in ("pending", "staged"):
        raise AgentError("run %s is %s" % (run_id, state), kind="refused")
    if not folder.is_whole():
        # Before it begins: what a damaged agent makes of a run would be taken for its end.
        raise RuntimeError("the agent's folder is not what was sent")
    return None


def _started(directory: str, state: str) -> protocol.Started:
    pid, job = locks.holder(rundir.guild_dir(directory)), ""
    if rundir.is_job(directory):
        from ..scheduling import records  # most hosts have no scheduler

        record = records.read(directory)
        job = record.id if record else ""
    return {"pid": pid, "status": state, "job": job}


def start_runner(
    directory: str,
    only: str = "",
    echo: bool = False,
    secrets: Optional[Dict[str, str]] = None,
    wait_free: bool = False,
) -> "subprocess.Popen[bytes]":
    """A runner of the run, whose operation runs; with `wait_free` it may wait for that (`start`).

    `only`: the status that the run must have.

    With `echo` the output comes to our stdout too, our stdin is its own, and the runner kills
    the operation and ends where we die.
    """
    read_end, write_end = os.pipe()
    # The runner keeps no handle of ours, so that ssh returns when this process ends.
    runner = subprocess.Popen(
        agent_argv(
            "runner",
            directory,
            str(write_end),
            only,
            "echo" if echo else "",
            "waits" if wait_free else "",
        ),
        stdin=None if echo else subprocess.DEVNULL,
        stdout=None if echo else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGQUIT) if echo else None,
        pass_fds=(write_end, *shared_handles()),
        cwd=directory,
        env={**os.environ, **secrets} if secrets else None,
    )
    os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8") as report:
        said = report.read()
    if said not in ("started", "waiting"):
        runner.wait()
        kind, _, text = said.partition("\n")
        message, _, hint = text.partition("\n")
        ended = "the runner of %s ended at once (exit status %d)"
        raise AgentError(
            message or ended % (os.path.basename(directory), runner.returncode),
            hint,
            kind or "refused",
        )
    return runner
