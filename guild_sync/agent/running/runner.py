"""One operation under its lock, from its start to its exit status.

The runner is the process that a run is: it holds the lock as long as it lives, and the
operation does not outlive it. It writes `exit_status` last, so that a run with one is
whole.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .. import protocol
from ..errors import AgentError, is_exhaustion
from ..machine import processes
from ..machine.children import agent_argv, shared_handles
from ..machine.environment import Environment, user_name, variables_of
from ..protocol import WAITING, Job, Plain, now
from ..store import inside, locks, rundir
from ..store.job import read_job
from .operation import Ended, Output, Told, operate

if TYPE_CHECKING:
    from ..capacity.taking import Possession
    from ..scalars.collecting import Collector
    from ..scheduling.claims import Allocation
    from .limits import Limits
    from .retries import Retries

# Operations that are the agent itself, by the name of its argument (__main__.py).
BUILTINS = ("queue", "series")
_PATIENCE = 600.0  # seconds in which a run's end is to be written where that cannot be done at once
_PAUSE = 0.5
_GRACE = 0.5  # seconds for a signal that others have by now


def main(directory: str, report_fd: int, only: str = "", echo: str = "", waits: str = "") -> int:
    """Run a run's operation to its end; `report_fd` is told "started", or what went wrong.

    `only` is the status that it must have, where one of WAITING is not enough. With
    `echo` the output goes to stdout too, and what is typed comes to the operation. Where it
    `waits` for what it needs of its host, `report_fd` is told "waiting" when that begins.
    """

    reports = [report_fd]

    def report(text: str) -> None:
        while reports:  # only the first counts: nobody waits for another
            fd = reports.pop()
            try:
                os.write(fd, text.encode("utf-8", "replace"))
            except BrokenPipeError:
                pass  # who has started it was killed: whoever asks again finds it at work
            finally:
                os.close(fd)

    try:
        to_stdout, stdin = (1, 0) if echo else (None, None)
        run(
            directory,
            to_stdout,
            on_start=lambda: report("started"),
            only=only,
            stdin=stdin,
            on_wait=(lambda: report("waiting")) if waits else None,
        )
    except AgentError as e:
        report("\n".join([e.kind, e.message] + ([e.hint] if e.hint else [])))
        return 1
    except OSError as e:
        report("error\n%s: %s" % (e.strerror, e.filename or directory))
        return 1
    return 0


def run(
    directory: str,
    echo: Optional[int] = None,
    on_start: Callable[[], None] = lambda: None,
    only: str = "",
    stdin: Optional[int] = None,
    on_wait: Optional[Callable[[], None]] = None,
    allocation: Optional[Allocation] = None,
) -> int:
    """Run the operation of a pending or staged run; returns its exit status.

    Its output goes to `.guild/output`, and to the descriptor `echo` too if there is one. It
    reads from the descriptor `stdin`, or finds nothing to be read. With `on_wait`, which is
    called then, it waits where what it needs of its host is not free.
    A negative exit status is the signal that ended it (subprocess, returncode).
    Raises AgentError where it cannot be started; the run is then left as it was, unless
    only the command was missing, which ends it with status 127. With an `allocation`, the job of a
    scheduler that this process is, nobody hears of that: it ends the run, with status 1.
    """
    guild = rundir.guild_dir(directory)
    lock = allocation.hold(guild) if allocation else locks.hold(guild)
    if lock is None:
        raise AgentError("run %s runs already" % os.path.basename(directory), kind="busy")
    try:
        # Only under the lock is it certain that nobody else has started, or run, it meanwhile.
        if allocation:
            allocation.enter(directory)
        state = rundir.status(directory).text
        if state != only if only else state not in WAITING:
            raise AgentError("run %s was started already" % _id(directory), kind="busy")
        if state == "staged" and rundir.is_job(directory):
            _be_no_job(directory)
        wait = _Wait(directory, echo, on_wait) if on_wait else None
        try:
            if allocation:
                allocation.await_required(directory)
            planned = _planned(directory)
            share = _share_of(planned, wait)
            try:
                work = _prepared(planned, share)._replace(allocation=allocation)
                with Told() as told:
                    return _attempts(work, told, echo, on_start, stdin)
            finally:
                if share:
                    share.release(not planned.job.get("builtin"))
        except AgentError as e:
            if allocation is None and (wait is None or not wait.has_begun):
                raise
            return _end_unstarted(directory, e, wait.signal if wait else 0, echo)
    finally:
        locks.release(guild, lock)


def _join(directory: str) -> None:
    """Have a run that begins within the job of another be looked at as a part of that."""
    run_id = os.environ.get(protocol.IN_JOB_OF, "")
    if run_id in ("", os.path.basename(directory)):
        return
    from ..scheduling import claims  # most runs are in no job

    try:
        claims.join(_home_of(directory), directory, run_id)
    except OSError:  # as on a full disk: it is not looked at
        pass


def _be_no_job(directory: str) -> None:
    """Have a run be none of a scheduler that it was elsewhere, as what an archive has brought."""
    from ..scheduling import records  # most runs are no jobs

    records.put_aside(_home_of(directory), directory)


class _Wait:
    """The wait for what a run needs of its host, of which its starter hears no more."""

    def __init__(self, directory: str, echo: Optional[int], on_begin: Callable[[], None]) -> None:
        self.has_begun = False
        self.signal = 0  # which has ended it
        self._directory = directory
        self._echo = echo
        self._on_begin = on_begin

    def tell(self, text: str) -> None:
        """Write down what the run waits for."""
        rundir.write_waits(self._directory, text)
        if not self.has_begun:
            if self._echo is not None:
                os.write(self._echo, b"guild: waiting for %s\n" % text.encode())
            self.has_begun = True
            self._on_begin()


def _needs_a_share(job: Job) -> bool:
    """Whether a run with this job needs anything of its host for itself, or says what it sees.

    In a job of a scheduler that has given it what it has.
    """
    if os.environ.get(protocol.IN_JOB):
        return False
    devices = (job.get("env") or {}).get(protocol.DEVICES)
    return bool(job.get("needs") or devices or shared_handles())


def _share_of(planned: _Planned, wait: Optional[_Wait]) -> Optional[Possession]:
    """What the run needs of its host, waited for with `wait`; None where it needs nothing.

    Raises AgentError where it cannot be had, or where the run is told to end while it waits.
    """
    if not _needs_a_share(planned.job):
        return None
    from ..capacity import taking  # most runs need nothing for themselves

    args = planned.directory, planned.job, planned.environment
    if wait is None:
        return taking.take(*args, waiting=None)
    with Told() as told:

        def pause(seconds: float) -> bool:
            told.wait(seconds)
            wait.signal = told.signal
            return not told.signal

        return taking.take(*args, waiting=taking.Waiting(wait.tell, pause))


def _end_unstarted(directory: str, why: AgentError, signum: int, echo: Optional[int]) -> int:
    """Write down the end of a run of which nobody hears, and whose operation was not started."""
    guild = rundir.guild_dir(directory)
    with _unstoppable(), os.fdopen(inside.create(guild, rundir.OUTPUT), "wb") as output:
        pass_on = Output(output, echo)
        pass_on.line(why.message)
        code = -signum if signum else 1
        _write_end(directory, Ended(code), now())
        _unmark(directory)
    return code


def _unmark(directory: str) -> None:
    """Remove the marks of a run that is to be started: the last one says that it has a runner."""
    for mark in (rundir.STAGED, rundir.PENDING, rundir.LOCK_IMPORTED, rundir.LOCK_WAITS):
        rundir.unmark(directory, mark)


class _Work(NamedTuple):
    """What is run, and what was said when it was made ready."""

    directory: str
    job: Job
    argv: List[str]
    variables: Dict[str, str]
    said: List[str]
    handles: Tuple[int, ...]  # that its operation inherits
    allocation: Optional[Allocation] = None  # the job of a scheduler that the run is


class _Planned(NamedTuple):
    """What is to be run, and where."""

    directory: str
    job: Job
    environment: Environment
    variables: Dict[str, str]
    facts: Dict[str, Plain]
    said: List[str]


def _planned(directory: str) -> _Planned:
    """What the run's job is. Raises AgentError where it cannot run here."""
    job = read_job(directory)
    environment = Environment.load(job.get("environment") or {})
    said: List[str] = []
    home = job.get("guild_home") or _home_of(directory)
    if not job.get("builtin") and rundir.read_attr(directory, protocol.ENVIRONMENT) is not None:
        from ..environments import provide  # most projects require no packages

        said += provide.enter(home, directory, environment)
    variables = variables_of_operation(directory, job, environment)
    facts = _facts(directory, job, environment, variables)
    return _Planned(directory, job, environment, variables, facts, said)


def _prepared(planned: _Planned, share: Optional[Possession]) -> _Work:
    """What is run, once all that it requires is there; its start is written down."""
    directory, job, environment, variables, facts, said = planned
    if share:
        variables.update(share.variables)
        job["env"] = {**(job.get("env") or {}), **share.variables}
        facts = {**facts, protocol.RESOURCES: share.record} if share.record else facts
        if job.get("builtin"):  # the runs that it starts have it with it
            variables.update(share.shared)
    if job.get("requires") and not job.get("builtin"):  # a batch's trials resolve theirs
        from ..staging import meeting  # most operations require nothing

        home = job.get("guild_home") or _home_of(directory)
        said += meeting.meet(home, directory, job["requires"], environment.python, variables)
        of_flags = meeting.variables(directory, job["requires"])
        variables.update(of_flags)
        job["env"] = {**(job.get("env") or {}), **of_flags}
    if job.get("config") or job.get("paths"):
        from . import flag_files  # most operations have neither

        flag_files.prepare(directory, job)
    argv = _argv(directory, job, environment)
    if protocol.RESOURCES not in facts:
        rundir.remove_attrs(directory, [protocol.RESOURCES])  # of an earlier start
    _write_start(directory, argv, job, facts)
    rundir.remove_attrs(directory, rundir.WHOLE_END)  # of an earlier end: the mark hides it
    _join(directory)  # before it is said to run: its machine may be lost at once
    _unmark(directory)
    return _Work(directory, job, argv, variables, said, share.handles if share else ())


def _attempts(
    work: _Work,
    told: Told,
    echo: Optional[int],
    on_start: Callable[[], None],
    stdin: Optional[int],
) -> int:
    """Run the operation until it has done its work, or is not to be tried again.

    The exit status of the run is that of the last attempt.
    """
    directory = work.directory
    guild = rundir.guild_dir(directory)
    retries: Optional[Retries] = None
    if "retry" in work.job:
        from .retries import Retries  # most operations have none

        retries = Retries(guild, work.job["retry"], told)
    while True:
        with os.fdopen(inside.create(guild, rundir.OUTPUT), "wb") as output:
            scalars = _collector(work)
            pass_on = Output(output, echo, scalars)
            ended = _attempt(work, told, pass_on, on_start, stdin)
            if os.environ.get(protocol.IN_JOB):
                ended = _end_in_job(work.allocation, ended, told)
            stopped = now()
            if scalars:
                pass_on.lines(scalars.end())
            if retries and not told.signal and retries.is_due(ended, pass_on):
                # On the disk is what the next one goes on from.
                _flush(output.fileno(), directory, pass_on)
                if _is_begun_again(directory, ended, stopped, told, retries.delay, pass_on):
                    continue
                if told.signal:
                    ended, stopped = _end_told(work.allocation, told), now()
            with _unstoppable():
                _flush(output.fileno(), directory, pass_on)
                if _is_left_to_scheduler(work, ended):
                    rundir.mark(directory, rundir.PENDING)
                else:
                    _write_end(directory, ended, stopped)
            return ended.code


def _end_in_job(allocation: Optional[Allocation], ended: Ended, told: Told) -> Ended:
    """How an operation has ended in a job: a signal to that goes to all of its processes, one by
    one, and ours may be on its way."""
    if ended.code != 0 and not ended.is_told:
        told.wait(_GRACE)
        if told.signal:
            return _end_told(allocation, told)
    if allocation and allocation.ended_by:
        return ended._replace(ended_by=allocation.ended_by)
    return ended


def _end_told(allocation: Optional[Allocation], told: Told) -> Ended:
    """The end of a run that was told to end while no operation was there to be told."""
    return Ended(-told.signal, True, allocation.ended_by if allocation else "")


def _is_left_to_scheduler(work: _Work, ended: Ended) -> bool:
    """Whether the run is to have no end yet, as its job may be started again."""
    is_cut_off = ended.is_told and ended.code != 0
    return is_cut_off and work.allocation is not None and work.allocation.is_left(work.directory)


def _attempt(
    work: _Work,
    told: Told,
    pass_on: Output,
    on_start: Callable[[], None],
    stdin: Optional[int],
) -> Ended:
    """Run the operation once, after what is to be done before it; how it has ended."""
    directory, requires = work.directory, work.job.get("requires")
    is_own = bool(work.job.get("builtin"))
    for line in work.said:
        pass_on.line(line)
    if requires and not is_own:
        from ..staging import meeting

        before = meeting.commands(directory, requires)
        for name, words in before:
            ended = operate(directory, words, work.variables, pass_on, on_start)
            if ended.code != 0:
                pass_on.line("post-process of %s failed (exit status %d)" % (name, ended.code))
                return ended
        if before:
            meeting.note_done(directory, requires)
    if told.signal:
        on_start()
        return Ended(-told.signal, True)
    return operate(
        directory,
        work.argv,
        work.variables,
        pass_on,
        on_start,
        subprocess.DEVNULL if stdin is None else stdin,
        ends_its_own=is_own,
        is_stoppable=bool(work.job.get("stoppable")),
        limits=_limits(work),
        handles=work.handles,
    )


def _collector(work: _Work) -> Optional[Collector]:
    """Who reads the output for scalars; None where that of others is passed on."""
    if work.job.get("builtin"):
        return None
    from ..scalars.collecting import Collector  # a starter has no use for it

    return Collector(work.directory, work.job)


def _limits(work: _Work) -> Optional[Limits]:
    """The limits of an attempt that begins now; None where there are none."""
    time_limit, stall = work.job.get("time_limit", 0), work.job.get("stall", 0)
    if not time_limit and not stall:
        return None
    from .limits import Limits  # most operations have none

    return Limits(work.directory, time_limit, stall)


def _is_begun_again(
    directory: str, ended: Ended, stopped: int, told: Told, delay: float, pass_on: Output
) -> bool:
    """Keep how an attempt ended, wait, and begin the next one; not where this is told to end.

    What is kept is there before the wait, and the output stays in its place until it is over.
    """
    guild = rundir.guild_dir(directory)
    try:
        if not locks.is_taken_over(guild):
            rundir.note_attempt(directory, stopped, ended.code, ended.ended_by)
            told.wait(delay)
        if told.signal:
            pass_on.line("told to end: not tried again")
        elif not locks.is_taken_over(guild):  # else another runner has begun it
            rundir.put_attempt_aside(directory, again=True)
            rundir.write_attrs(directory, {"started": now()})
            return True
    except (AgentError, OSError) as e:
        pass_on.line("not tried again: %s" % e)
    return False


@contextmanager
def _unstoppable() -> Iterator[None]:
    """Have no signal that tells a run to end keep its end, which has come, from being kept."""
    ending = (*processes.ENDING, signal.SIGQUIT)
    handlers = {s: signal.signal(s, signal.SIG_IGN) for s in ending}
    try:
        yield
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)


def _flush(handle: int, directory: str, pass_on: Output) -> None:
    """Have what the run has written be on the disk: its end says that all of it is there."""
    try:
        inside.flush_disk(handle, directory)
    except OSError as e:  # of whichever file: it is no reason to call the operation failed
        pass_on.line("the disk may not have all that this run has written: %s" % e.strerror)


def _write_end(directory: str, ended: Ended, stopped: int) -> None:
    """Write down how the run ended: where nothing can be opened for now, once something can.

    So where the guild home is away, as while it is moved, or its disk is not mounted.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            if _may_end(directory):
                if ended.ended_by:
                    rundir.write_attr(directory, protocol.ENDED_BY, ended.ended_by)
                rundir.write_attr(directory, "stopped", stopped)
                rundir.write_attr(directory, "exit_status", ended.code)
            return
        except (AgentError, OSError) as e:
            # Where the run alone is gone somebody has removed it.
            is_away = not os.path.isdir(os.path.dirname(directory))
            if not (is_exhaustion(e) or is_away) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)


def _may_end(directory: str) -> bool:
    """Whether the end is this runner's to write.

    Else it is another start's, or that of a look which has found that its job was over.
    """
    guild = rundir.guild_dir(directory)
    if locks.is_taken_over(guild):
        return False
    if not rundir.is_job(directory):
        return True
    from ..judging import verdicts  # most runs are no jobs

    return verdicts.may_end(directory)


def _facts(
    directory: str, job: Job, environment: Environment, variables: Dict[str, str]
) -> Dict[str, Plain]:
    """What the run keeps of where it runs. Raises AgentError where it cannot run there."""
    for name in job.get("secrets", ()):
        if name not in variables:
            raise AgentError(
                "run %s needs %s, which is not set where it starts: guild keeps no value of "
                "env-secrets" % (_id(directory), name),
                "Set it there; or here, in the project's folder, and start the run from here: "
                "guild run --start %s" % _id(directory),
                "refused",
            )
    wanted = job.get("python_requires")
    if not wanted and not job.get("pip_freeze"):
        return {}
    from ..machine import python  # most operations ask for none

    if wanted:
        python.check_version(environment.python, variables, wanted)
    if job.get("pip_freeze"):
        return {"pip_freeze": python.packages(environment.python, variables)}
    return {}


def _write_start(directory: str, argv: List[str], job: Job, facts: Dict[str, Plain]) -> None:
    attributes: Dict[str, Plain] = {
        **facts,
        "cmd": argv,
        "env": {**(job.get("env") or {}), **_given(job)},
        "host": socket.gethostname(),
        "user": user_name(),
        "started": now(),
    }
    rundir.write_attrs(directory, attributes)


def command(home: str, job: Job) -> List[str]:
    """The command that a run with this job would run."""
    return _argv(
        os.path.join(rundir.runs_dir(home), "RUN"),
        job,
        Environment.load(job.get("environment") or {}),
    )


def _argv(directory: str, job: Job, environment: Environment) -> List[str]:
    here = os.path.dirname(os.path.abspath(__file__))
    if job.get("builtin"):
        if job["builtin"] not in BUILTINS:
            raise AgentError("guild has no operation %s" % rundir.shown(job["builtin"]))
        own = [directory] if job["builtin"] == "series" else job.get("args", ())
        return agent_argv(job["builtin"], _home_of(directory), *own)
    if job.get("module"):
        main_program = os.path.join(here, "op_main.py")
        return [environment.python, "-u", main_program, job["module"], *job.get("args", ())]
    if not job.get("argv"):
        raise AgentError("the run's job has no command")
    return list(job["argv"])


def variables_of_operation(directory: str, job: Job, environment: Environment) -> Dict[str, str]:
    """The operation's environment: the host's, the activated one's, then the run's own."""
    variables = dict(environment.variables)
    own = {str(k): str(v) for k, v in (job.get("env") or {}).items()}
    if job.get("builtin"):  # what it starts gets the same as if it were started by itself
        return {**variables, **own}
    packages = os.path.join(rundir.guild_dir(directory), rundir.JOB_PACKAGES)
    base = os.path.join(directory, job.get("source_dest") or "")
    path = [environment.start, base if job.get("source_dest") else ""]
    path += [os.path.join(base, folder) for folder in job.get("python_path", ())]
    path += [own.pop("PYTHONPATH", ""), packages, variables.get("PYTHONPATH", "")]
    variables.update(
        PYTHONPATH=os.pathsep.join(filter(None, path)),
        RUN_DIR=directory,
        RUN_ID=_id(directory),
        GUILD_HOME=job.get("guild_home") or _home_of(directory),
        GUILD_OP=str(job.get("op", "")),
    )
    # A run may be linked into others, and what their Pythons cache is none of its output.
    # Caches elsewhere (PYTHONPYCACHEPREFIX) would hide those that the libraries have already.
    if "PYTHONPYCACHEPREFIX" not in variables:
        variables.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    variables.update(own)
    variables.update(_given(job))
    variables.pop(protocol.SHARED, None)  # it is for runs that this one is, not for its operation
    return variables


def _given(job: Job) -> Dict[str, str]:
    """The variables that this run was given, and no other."""
    return variables_of(job.get("environment") or {}, protocol.RUN_ENV)


def _id(directory: str) -> str:
    return str(rundir.read_attr(directory, "id") or os.path.basename(directory))


def _home_of(directory: str) -> str:
    return os.path.dirname(os.path.dirname(directory))
