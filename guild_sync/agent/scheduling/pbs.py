"""OpenPBS and PBS Professional: what their commands are told, and what their answers mean.

By their manual and sources (18.1 to 23.06) and answers that others have recorded; it has not been
run against a real one. Torque has no JSON, and is another.
"""

from __future__ import annotations

import os
import pwd
import re
import time
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .. import json_text
from ..machine.children import NotStarted, Said, Unanswered
from ..protocol import PBS, Value
from ..store import atomic, rundir
from . import face, options, qsub, records
from .calling import SECONDS, SUBMIT_SECONDS, Programs, one_line, tasks_of
from .face import JobName, JobState, Refused, SchedulerDown, Site, Submission, Unsure
from .qsub import ID, NO_CONNECTION, complaint, is_in_doubt

FOLDERS = ("/opt/pbs/bin", "/opt/pbs/default/bin")
_AT_ONCE = 1000  # ids on one command line
_SETTINGS = {"LC_ALL": "C"}
_SCRIPT = "job.sh"  # beside what a job says

# A letter that a later one adds means that it runs: it is neither over by a guess nor waits.
_PHASES = {
    **dict.fromkeys("QWTM", face.WAITS),  # queued, for a time or files, on the way, with another
    "H": face.HELD,
    **dict.fromkeys("RBESU", face.RUNS),  # also: an array that has begun, ending, suspended twice
    **dict.fromkeys("FX", face.ENDED),  # finished; of a task of an array: expired
}
# What PBS gives as exit status where it has ended a job, or could not begin it: JOB_EXEC_... in
# its job.h. All others below 0 are faults before the job's own program ran.
_HOWS = {
    **dict.fromkeys((-28, -29), face.TIMEOUT),  # of CPUs, of the clock
    **dict.fromkeys((-26, -27), face.MEMORY),
    # A node that was started anew, that its server does not reach, that knows nothing of the job.
    **dict.fromkeys((-4, -5, -6, -14, -20, -32), face.NODE),
}
_BY_SIGNAL = 256  # and the number of the signal that has ended the job's shell
_TERMINATED, _FINISHED, _FAILED = 91, 92, 93  # substates: deleted, and of those that came to an end
_FOR_ANOTHER = 22  # substate: held until another job is over

_TIME = "%a %b %d %H:%M:%S %Y"
_RAN = re.compile(r"Job run at .* and (.+)\Z")
_WAITS = re.compile(r"(?:Not Running|Can Never Run): ")
# What is said of a job that is over by now, or as good as.
_GONE = re.compile(
    r"q\w+: (?:\S+ )?(?:Unknown Job Id|Job has finished|Request invalid for state of job)\b"
)
_NO_HISTORY = "not configured to maintain job history"


class Pbs(face.Scheduler):
    """OpenPBS, or PBS Professional."""

    task_variable = "PBS_ARRAY_INDEX"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        # A job has none of our variables, and none of them is an option of what we call.
        self._programs = Programs(site, FOLDERS, lambda _: True)

    def submit(self, job: Submission) -> str:
        faults = options.checked(job.options, PBS)
        if faults:
            raise Refused("job: %s" % faults[0])
        folder = os.path.dirname(job.output)
        file = os.path.join(folder, _SCRIPT)
        words = qsub.submit_words(job, file, options.seconds(job.options.get("time")))
        try:
            atomic.write_in(folder, _SCRIPT, qsub.script(job))
            said = self._programs.call(words, _SETTINGS, SUBMIT_SECONDS, None, job.handles)
        except NotStarted as e:
            raise Refused(str(e)) from None
        except OSError as e:
            raise Refused("%s: %s" % (file, e.strerror)) from None
        except Unanswered as e:
            raise Unsure("qsub %s" % e) from None
        return qsub.submitted_id(said)

    def query(self) -> Dict[JobName, List[JobState]]:
        """Two calls, or one where nothing waits or runs: qstat has no way to ask for one's own.

        It would tell of all jobs of a site, in full.
        """
        said = self._said("qselect", "-u", _login())
        # A site's wrapper may end well though qselect has failed.
        if said.code != 0 or NO_CONNECTION.search(said.err):
            raise SchedulerDown(complaint(said))
        ids = [line.strip() for line in said.out.splitlines() if ID.match(line.strip())]
        return by_name(self._jobs(ids))

    def history(self, ids: Sequence[str]) -> Dict[str, JobState]:
        asked = [id for id in ids if ID.match(id)]
        found = self._jobs(asked, "-x")
        return {id: state_of(id, found[id]) for id in asked if id in found}

    def cancel(self, ids: Sequence[str], signal: str = "") -> None:
        """With a signal all processes of a job get it, and not its runner alone."""
        asked = [id for id in ids if ID.match(id)]
        if asked:
            cancelled(self._said(*cancel_words(asked, signal)))

    def refusal(self, job: Submission) -> Optional[str]:
        return None  # qsub has no such test

    def task_id(self, id: str, task: int) -> str:
        return id.replace("[]", "[%d]" % task)

    def array_id(self, id: str) -> str:
        return re.sub(r"\[[0-9]+\]", "[]", id)

    def most_tasks(self) -> Optional[int]:
        return None  # a server's max_array_size is shown to its managers alone

    def explain(self) -> List[Tuple[str, str]]:
        return explained(self._said("qstat", "-B", "-f", "-F", "json"))

    def _jobs(self, ids: Sequence[str], *flags: str) -> Dict[str, Dict[str, Value]]:
        found: Dict[str, Dict[str, Value]] = {}
        for first in range(0, len(ids), _AT_ONCE):
            found.update(jobs_in(self._said(*stat_words(ids[first : first + _AT_ONCE], *flags))))
        return found

    def _said(self, *words: str) -> Said:
        try:
            return self._programs.call(words, _SETTINGS, SECONDS)
        except (NotStarted, Unanswered) as e:
            raise SchedulerDown("%s: %s" % (words[0], e)) from None


def _login() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise SchedulerDown("the login %d has no name" % os.geteuid()) from None


def stat_words(ids: Sequence[str], *flags: str) -> List[str]:
    """qstat's words for some jobs, and all tasks of arrays among them.

    With -E it asks for all at once, and tells of those that there are.
    """
    return ["qstat", *flags, "-f", "-t", "-F", "json", "-E", *ids]


def cancel_words(ids: Sequence[str], signal: str = "") -> List[str]:
    return ["qsig", "-s", signal, *ids] if signal else ["qdel", *ids]


def cancelled(said: Said) -> None:
    """What qdel or qsig could not do. Raises SchedulerDown, Refused."""
    why = _why_not(said)
    if why and (said.code < 0 or NO_CONNECTION.search(said.err) or is_in_doubt(said)):
        raise SchedulerDown(why)
    if why:
        raise Refused(why)


def jobs_in(said: Said) -> Dict[str, Dict[str, Value]]:
    """What qstat tells of jobs, by their ids. Raises SchedulerDown."""
    why = _why_not(said)
    if why and _NO_HISTORY not in why:
        raise SchedulerDown(why)
    answer = _answer(said)
    return {id: rundir.mapping(job) for id, job in rundir.mapping(answer.get("Jobs")).items()}


def _answer(said: Said) -> Dict[str, Value]:
    try:
        found = rundir.mapping(json_text.read(said.out.encode("utf-8", "surrogatepass")))
    except ValueError:
        found = {}
    if "pbs_server" not in found:
        raise SchedulerDown("qstat has answered what cannot be read: %s" % one_line(said.out)[:80])
    return found


def by_name(jobs: Mapping[str, Mapping[str, Value]]) -> Dict[JobName, List[JobState]]:
    """How guild's own jobs stand, of several with one name the newest last."""
    found: Dict[JobName, List[Tuple[int, JobState]]] = {}
    for id, job in jobs.items():
        match, name = ID.match(id), job.get("Job_Name")
        if match is None or not isinstance(name, str) or not records.is_ours(name):
            continue
        index = (match[2] or "").strip("[]")
        states = [(int(index) if index else None, state_of(id, job))]
        if match[2] and not index:
            states = _tasks_that_wait(id, job, jobs)
        for task, state in states:
            found.setdefault((name, task), []).append((int(match[1]), state))
    return {
        name: [state for _, state in sorted(states, key=_age)] for name, states in found.items()
    }


def _age(of: Tuple[int, JobState]) -> Tuple[int, int]:
    number, state = of
    return state.submitted or 0, number


def _tasks_that_wait(
    id: str, job: Mapping[str, Value], jobs: Mapping[str, Mapping[str, Value]]
) -> List[Tuple[Optional[int], JobState]]:
    """The tasks of an array that is told of as one: those which have not begun."""
    found: List[Tuple[Optional[int], JobState]] = []
    whole = state_of(id, job)
    phase = face.WAITS if whole.phase == face.RUNS else whole.phase
    for task in indices(str(job.get("array_indices_remaining", ""))):
        own = id.replace("[]", "[%d]" % task)
        if own not in jobs:
            found.append((task, whole._replace(id=own, phase=phase, nodes="", restarts=0)))
    return found


def indices(text: str) -> Iterator[int]:
    """The numbers of tasks in a list of ranges: `1,3,5-9`, `0-8:2`, or `-`, which is none."""
    return tasks_of("qstat", text.replace(" ", "")) if text.strip(" -") else iter(())


def state_of(id: str, job: Mapping[str, Value]) -> JobState:
    """How a job stands, by its attributes."""
    letter = _text(job.get("job_state"))
    phase = _PHASES.get(letter, face.RUNS)
    comment = _text(job.get("comment"))
    if phase == face.HELD and job.get("substate") == _FOR_ANOTHER:
        phase = face.WAITS
    elif phase == face.WAITS and comment.startswith("Can Never Run"):
        phase = face.HELD
    return JobState(
        id,
        phase,
        letter,
        how_of(job) if phase == face.ENDED else "",
        _reason(phase, comment, job),
        _nodes(_text(job.get("exec_host"))),
        _moment(rundir.mapping(job.get("estimated")).get("start_time"))
        if phase in (face.WAITS, face.HELD)
        else None,
        _moment(job.get("ctime")),
        max(0, (_whole(job.get("run_count")) or 1) - 1),
    )


def how_of(job: Mapping[str, Value]) -> str:
    """How a job that is over has ended; empty where that is not told."""
    code, substate = _whole(job.get("Exit_status")), _whole(job.get("substate"))
    if code in _HOWS:
        return _HOWS[code]
    if substate == _TERMINATED or code == _BY_SIGNAL + 15:
        return face.CANCELLED  # qdel, whoever called it
    if code is None:
        return {_FINISHED: face.OK, _FAILED: face.FAILED}.get(substate or 0, "")
    return face.OK if code == 0 else face.FAILED


def _reason(phase: str, comment: str, job: Mapping[str, Value]) -> str:
    if phase == face.RUNS:
        return ""
    if phase == face.ENDED:
        match = _RAN.match(comment)
        return match[1] if match else comment
    if not comment and phase == face.WAITS and job.get("substate") == _FOR_ANOTHER:
        return "depends on %s" % _text(job.get("depend"))
    if not comment and phase == face.HELD:
        return "held (%s)" % _text(job.get("Hold_Types"))
    return _WAITS.sub("", comment, count=1)


def _nodes(hosts: str) -> str:
    """The nodes of `n1/0*4+n2/1`, each once."""
    return ",".join(dict.fromkeys(each.split("/")[0] for each in hosts.split("+") if each))


def _moment(value: Value) -> Optional[int]:
    """Seconds since 1970 of a time as qstat shows it, which is that of the place."""
    number = _whole(value)
    if number is not None or not isinstance(value, str):
        return number
    try:
        return int(time.mktime(time.strptime(value, _TIME)))
    except (ValueError, OverflowError):
        return None


def explained(said: Said) -> List[Tuple[str, str]]:
    """What `guild check` shows, by `qstat -B`. Raises SchedulerDown."""
    if said.code != 0:
        raise SchedulerDown(complaint(said))
    answer = _answer(said)
    servers = rundir.mapping(answer.get("Server"))
    name, server = next(((name, rundir.mapping(it)) for name, it in servers.items()), ("", {}))
    version = "PBS %s, server %s, %s"
    kept = server.get("job_history_enable") == "True"
    most = _whole(server.get("max_array_size"))
    return [
        (
            "pbs",
            version % (_text(answer.get("pbs_version")), name, _text(server.get("server_state"))),
        ),
        (
            "accounting",
            "the server keeps a history of jobs" if kept else "none: what is over is forgotten",
        ),
        *([("limits", "max_array_size %d" % most)] if most is not None else []),
    ]


def _why_not(said: Said) -> str:
    """Why a command has failed, but for jobs that are over by now; empty where it has not."""
    left = [line for line in said.err.splitlines() if line.strip() and not _GONE.match(line)]
    if said.code == 0 or (said.err.strip() and not left):
        return ""
    return complaint(said._replace(err="\n".join(left)))


def _text(value: Value) -> str:
    return one_line(value) if isinstance(value, str) else ""


def _whole(value: Value) -> Optional[int]:
    """A whole number, which PBS writes as a text, too."""
    if isinstance(value, str) and re.match(r" *-?[0-9]{1,15} *\Z", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
