"""A small job that tells what it finds on its node, for `guild check --job`."""

from __future__ import annotations

import json
import os
import platform
import secrets
import tempfile
import time
from typing import Mapping, Optional, Tuple

from .errors import AgentError
from .machine.children import agent_argv
from .protocol import NodeForm, ProbeForm, SchedulerForm, Value
from .scheduling import face, jobscript, options, records
from .scheduling.calling import one_line
from .scheduling.face import JobState, Refused, Scheduler, SchedulerDown, Site, Submission, Unsure
from .store import atomic, inside
from .trees import remove_tree

_PREFIX = "check-"
_ANSWER, _OUTPUT = "answer", "job.out"
_MOST = 4096
# A run's own time would only have the job wait longer.
_ASKED: Mapping[str, Value] = {"time": 5, "notice": None, "requeue": None, "array-limit": None}
_SECONDS = 60.0
_ASK = 5.0
_LOOK = 0.2
_ARRIVES = 15.0  # seconds in which what a node has written is seen on the login node, or never
_DAY = 86400.0


def refusal(home: str, form: SchedulerForm) -> Optional[str]:
    """Why a job that asks for what those of a site do would not be taken; empty: it would.

    None: its scheduler does not tell. Raises SchedulerDown, AgentError.
    """
    return _scheduler(form).refusal(_job(home, form, {}))


def probe(home: str, scheduler: SchedulerForm) -> ProbeForm:
    """What a job that asks for what those of a site do finds on its node, if it begins in a minute.

    Else it is cancelled. Raises AgentError.
    """
    os.makedirs(home, exist_ok=True)
    _remove_left(home)
    folder = tempfile.mkdtemp(prefix=_PREFIX, dir=home)
    try:
        return _probed(folder, scheduler)
    finally:
        remove_tree(folder)


def main(folder: str) -> int:
    """Be the job: write what is found into its folder."""
    found: NodeForm = {"host": platform.node(), "python": platform.python_version()}
    atomic.write_atomically(os.path.join(folder, _ANSWER), json.dumps(found))
    return 0


def _scheduler(form: SchedulerForm) -> Scheduler:
    return records.scheduler(form["type"], Site(form["path"], form["clusters"]))


def _job(folder: str, form: SchedulerForm, asked: Mapping[str, Value]) -> Submission:
    """A job that looks at its node, by a name that no run has. Raises AgentError."""
    faults = options.checked(form["options"], form["type"])
    if faults:
        raise AgentError("job: %s" % faults[0], kind="refused")
    wanted = options.merged(form["options"], asked)
    script = jobscript.text(agent_argv("node", folder), options.setup(wanted))
    name = records.name_of(secrets.token_hex(16))
    return Submission(script, name, folder, os.path.join(folder, _OUTPUT), wanted)


def _probed(folder: str, form: SchedulerForm) -> ProbeForm:
    scheduler, job = _scheduler(form), _job(folder, form, _ASKED)
    try:
        job_id = scheduler.submit(job)
    except Unsure as e:
        raise AgentError(str(e), kind="scheduler") from None
    node, last = None, None
    try:
        node, last = _awaited(folder, scheduler, job.name)
    finally:
        if node is None and not _is_over(last):
            _cancel(scheduler, job_id)
    return {
        "job": job_id,
        "is_over": node is not None or _is_over(last),
        "is_held": last is not None and last.phase == face.HELD,
        "state": last.word if last else "",
        "reason": last.reason if last else "",
        "nodes": last.nodes if last else "",
        "node": node,
        "said": _last_line(folder),
    }


def _awaited(
    folder: str, scheduler: Scheduler, name: str
) -> Tuple[Optional[NodeForm], Optional[JobState]]:
    """What the job has found, and how it was when last asked for.

    A minute is waited for that, unless it waits for what only a person can do.
    """
    last: Optional[JobState] = None
    until = time.monotonic() + _SECONDS
    ask_at = time.monotonic() + _LOOK
    while True:
        node = _answer(folder)
        if node is not None or time.monotonic() >= until:
            return node, last
        if time.monotonic() >= ask_at and not _is_over(last):
            last = _asked(scheduler, name) or last
            ask_at = time.monotonic() + _ASK
            if last is not None and last.phase == face.HELD:
                return None, last
            if _is_over(last):
                until = min(until, time.monotonic() + _ARRIVES)
        time.sleep(_LOOK)


def _asked(scheduler: Scheduler, name: str) -> Optional[JobState]:
    try:
        found = scheduler.query().get((name, None))
    except SchedulerDown:  # it has just answered, and will again
        return None
    return found[-1] if found else None


def _is_over(state: Optional[JobState]) -> bool:
    return state is not None and state.phase == face.ENDED


def _answer(folder: str) -> Optional[NodeForm]:
    # A folder of another machine's is read anew: what is not in it yet would not be looked for.
    if _ANSWER not in os.listdir(folder):
        return None
    found = inside.read_mapping(folder, _ANSWER, _MOST)
    host, python = found.get("host"), found.get("python")
    if not (isinstance(host, str) and isinstance(python, str)):
        return None
    return {"host": host, "python": python}


def _cancel(scheduler: Scheduler, job_id: str) -> None:
    try:
        scheduler.cancel([job_id])
    except (SchedulerDown, Refused):
        pass  # it ends by itself: its folder is gone


def _last_line(folder: str) -> str:
    """The last line that the job has printed."""
    try:
        fd = inside.open_file(folder, _OUTPUT)
    except OSError:
        return ""
    with os.fdopen(fd, "rb") as file:
        file.seek(max(0, os.fstat(fd).st_size - _MOST))
        lines = file.read(_MOST).decode("utf-8", "replace").splitlines()
    return one_line(([line for line in lines if line.strip()] or [""])[-1])


def _remove_left(home: str) -> None:
    """Remove the folders of those that were killed: nobody waits so long for a job."""
    with os.scandir(home) as entries:
        old = [entry.path for entry in entries if _is_left(entry)]
    for path in old:
        remove_tree(path)


def _is_left(entry: "os.DirEntry[str]") -> bool:
    is_ours = entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False)
    return is_ours and entry.stat(follow_symlinks=False).st_mtime < time.time() - _DAY
