"""A person's shell, or a command of theirs, in a run's directory with its operation's environment.

The process that is asked becomes it: nothing of guild's stays beside it.
"""

from __future__ import annotations

import os
import pwd
import re
import signal
import sys
from typing import Dict, Sequence

from .environments import provide
from .errors import AgentError
from .machine.environment import Environment
from .protocol import Job
from .running.operation import COMMAND_NOT_FOUND, NUL
from .running.runner import variables_of_operation
from .staging import meeting
from .store import inside, rundir
from .store.job import JOB, read_job

# What each run has for its programs, whoever made it.
_FLAG = re.compile(r"FLAG_[A-Za-z0-9_]+\Z")
# Of what came from elsewhere: a remote, or an archive, which is as hostile.
_MARKS_OF_COPY = (
    rundir.LOCK_CONFIRMED,
    rundir.LOCK_REMOTE,
    rundir.LOCK_LOST,
    rundir.LOCK_IMPORTED,
)


def main(home: str, run_id: str, command: Sequence[str]) -> int:
    """As `enter`; where there can be none, that is said on stderr, and the exit status is 1."""
    try:
        return enter(os.path.realpath(home), run_id, command)
    except AgentError as e:
        _say("\n".join(filter(None, (e.message, e.hint))))
        return 1


def enter(home: str, run_id: str, command: Sequence[str]) -> int:
    """Become the user's shell in a run's directory, or `command`; without one to become, 127.

    Raises AgentError where the run is gone, or its environment is.
    """
    try:
        directory = rundir.existing(rundir.run_dir(home, run_id))
    except AgentError as e:
        raise AgentError("there is no shell in run %s: %s" % (run_id, e.message)) from None
    variables = _variables(home, directory)
    argv = list(command) or [variables.get("SHELL") or _login_shell()]
    try:
        os.chdir(directory)
    except OSError as e:
        raise AgentError("cannot go to %s: %s" % (directory, e.strerror)) from None
    variables["PWD"] = directory
    sys.stdout.flush()
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and hands that on
    try:
        os.execvpe(argv[0], argv, variables)
    except (OSError, ValueError) as e:
        signal.signal(signal.SIGPIPE, before)
        why = e.strerror if isinstance(e, OSError) else NUL
        _say("cannot run %s: %s" % (rundir.shown(argv[0]), why))
    return COMMAND_NOT_FOUND


def _variables(home: str, directory: str) -> Dict[str, str]:
    """The environment of the run's operation, as it would be were it started now."""
    job = _job(directory)
    is_copy = any(inside.exists(rundir.guild_dir(directory), mark) for mark in _MARKS_OF_COPY)
    if is_copy:
        job = _of_copy(job)
    environment = Environment.load(job["environment"])
    if not is_copy:
        provide.look_into(home, directory, environment)
    variables = variables_of_operation(directory, job, environment)
    variables.update(meeting.variables(directory, job.get("requires") or ()))
    secrets = [name for name in job.get("secrets", ()) if name not in variables]
    if secrets:
        _say("not set here, for guild keeps no value of env-secrets: %s" % ", ".join(secrets))
    return variables


def _job(directory: str) -> Job:
    """What the run is to do, as one program: also where it consists of others, or has no job."""
    job: Job = {}
    if inside.exists(rundir.guild_dir(directory), JOB):
        job = read_job(directory)
    job.pop("builtin", None)
    job["environment"] = job.get("environment") or {}
    return job


def _of_copy(job: Job) -> Job:
    """What counts of a job that came from elsewhere: values of flags, nothing that chooses code.

    The environment that it names is another machine's, and is not here.
    """
    given = job.get("env") or {}
    flags = {name: str(value) for name, value in given.items() if _FLAG.match(name)}
    return {"env": flags, "environment": {}, "op": str(job.get("op", ""))}


def _login_shell() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
    except KeyError:  # a uid that has no name
        return "/bin/sh"


def _say(text: str) -> None:
    sys.stderr.write("guild: %s\n" % text)
    sys.stderr.flush()
