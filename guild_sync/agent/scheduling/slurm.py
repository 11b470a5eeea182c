"""Slurm: what its commands are told, and what their answers mean. Seen with 20.11 to 24.11."""

from __future__ import annotations

import os
import re
import time
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..machine.children import NotStarted, Said, Unanswered
from . import face, records
from .calling import MOST_TASKS, SECONDS, SUBMIT_SECONDS, Programs, one_line, tasks_of
from .face import JobName, JobState, Refused, SchedulerDown, Site, Submission, Unsure
from .sbatch import (
    DOUBT,
    complaint,
    complaints,
    of_clusters,
    refusal_of,
    submit_words,
    submitted,
)

FOLDERS = ("/opt/slurm/bin", "/usr/local/slurm/bin")

# Whatever commands are asked for: words in English, times in seconds since 1970, the numbers of an
# array's tasks whole (else they end in `...` behind 64 bytes).
_SETTINGS = {"LC_ALL": "C", "SLURM_TIME_FORMAT": "%s", "SLURM_BITSTR_LEN": "0"}
# Variables of a profile are options to Slurm's commands, and those of a job that we may be in are
# taken for the new one's. What is kept says where the site's Slurm is.
_NOT_KEPT = ("SLURM", "SBATCH_", "SRUN_", "SALLOC_", "SQUEUE_", "SCANCEL_", "SACCT_", "SCONTROL_")
_KEPT = re.compile(r"SLURM_(CONF|CONF_SERVER|JWT|ROOT|HOME|PREFIX|PATH|DIR|BIN|LIB)\Z")
# What sbatch has its job has, too: these mean the login node, and the connection to it.
_OF_SESSION = re.compile(r"SSH_|XDG_|DBUS_|DISPLAY\Z|XAUTHORITY\Z|(TMPDIR|TMP|TEMP)\Z")

_ROW = "%i|%F|%K|%T|%S|%N|%V|%r|%j"
_FIELDS = 9
_ACCOUNTED = "JobIDRaw,JobID,State,ExitCode,NodeList,Submit"

_ID = re.compile(r"[0-9]{1,18}(?:_[0-9]{1,9})?\Z")
_FAILS = re.compile(r"slurm_load_jobs error|squeue: fatal")
_NOT_CANCELLED = "Kill job error on job id"
# Of a job that is over, or that nobody knows: there is nothing to be ended.
_OVER = re.compile(r"Invalid job id|already complet", re.I)

_ENDED = {
    "COMPLETED": face.OK,
    "FAILED": face.FAILED,
    "CANCELLED": face.CANCELLED,
    "TIMEOUT": face.TIMEOUT,
    "OUT_OF_MEMORY": face.MEMORY,
    "NODE_FAIL": face.NODE,
    "BOOT_FAIL": face.NODE,
    "DEADLINE": face.DEADLINE,
    "PREEMPTED": face.PREEMPTED,
}
_WAITING = ("PENDING", "REQUEUED", "REQUEUE_FED")
_STUCK = ("REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD")
# Reasons that no other job's end changes: held, refused, more than a job may have, or than is left
# of a budget. (`AssocGrpJobsLimit`, `JobArrayTaskLimit` and the like end by themselves.)
_HELD = re.compile(
    r"(?i:held)|JobHold|Invalid|NotAllowed|BadConstraints|NeverSatisfied|ReservationDeleted"
    r"|Partition(?:Down|Inactive|NodeLimit|TimeLimit)|PerJob|PerNode|QOSMin|WallLimit"
    r"|(?<!Run)Minutes|UsageThreshold"
)


class Slurm(face.Scheduler):
    """Slurm, as sbatch, squeue, sacct, scancel and scontrol speak with it."""

    task_variable = "SLURM_ARRAY_TASK_ID"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._programs = Programs(site, FOLDERS, is_kept)

    def submit(self, job: Submission) -> str:
        # The job gets what sbatch has in its environment, so nothing is set there.
        programs = Programs(self.site, FOLDERS, is_for_jobs)
        words = submit_words(job, self.site.clusters)
        try:
            said = programs.call(words, {}, SUBMIT_SECONDS, job.script, job.handles)
        except NotStarted as e:
            raise Refused("sbatch: %s" % e) from None
        except Unanswered as e:
            raise Unsure("sbatch %s" % e) from None
        return submitted(said)

    def query(self) -> Dict[JobName, List[JobState]]:
        said = self._ask(query_words(os.getuid(), self.site.clusters))
        if said.code != 0 or is_no_answer(said):
            raise SchedulerDown(complaint(said))
        return jobs_of(said.out)

    def history(self, ids: Sequence[str]) -> Dict[str, JobState]:
        asked = [job for job in ids if _ID.match(job)]
        if not asked:
            return {}
        try:
            said = self._ask(history_words(asked, self.site.clusters))
            found = accounted(said.out) if said.code == 0 else {}
        except SchedulerDown:
            return {}
        # Tasks that never began are told of together, in some versions by the array's number.
        states = ((job, found.get(job) or found.get(job.partition("_")[0])) for job in asked)
        return {job: state._replace(id=job) for job, state in states if state}

    def cancel(self, ids: Sequence[str], signal: str = "") -> None:
        asked = [job for job in ids if _ID.match(job)]
        if asked:
            cancelled(self._ask(cancel_words(asked, signal, self.site.clusters)))

    def refusal(self, job: Submission) -> Optional[str]:
        words = [*submit_words(job, self.site.clusters), "--test-only"]
        return refusal_of(self._ask(words, job.script))

    def task_id(self, id: str, task: int) -> str:
        return "%s_%d" % (id, task)

    def array_id(self, id: str) -> str:
        return id.partition("_")[0]

    def most_tasks(self) -> Optional[int]:
        return _number(self.settings().get("MaxArraySize", ""))

    def settings(self) -> Dict[str, str]:
        """How the site has set Slurm up, by the names of slurm.conf. Raises SchedulerDown."""
        said = self._ask(("scontrol", *of_clusters(self.site.clusters), "show", "config"))
        if said.code != 0:
            raise SchedulerDown(complaint(said))
        return settings_of(said.out)

    def explain(self) -> List[Tuple[str, str]]:
        began = time.monotonic()
        settings = self.settings()
        return explanation(settings, time.monotonic() - began, os.environ)

    def _ask(self, words: Sequence[str], stdin: Optional[str] = None) -> Said:
        try:
            return self._programs.call(words, _SETTINGS, SECONDS, stdin)
        except NotStarted as e:
            raise SchedulerDown(str(e)) from None
        except Unanswered as e:
            raise SchedulerDown("%s %s" % (words[0], e)) from None


# What commands are told.


def is_kept(name: str) -> bool:
    """Whether commands get a variable of ours."""
    return not name.startswith(_NOT_KEPT) or bool(_KEPT.match(name))


def is_for_jobs(name: str) -> bool:
    """Whether sbatch gets a variable of ours, and hence its job."""
    return is_kept(name) and not _OF_SESSION.match(name)


def query_words(user: int, clusters: str) -> List[str]:
    """How all jobs of a user are asked for that Slurm still knows, those that are over, too."""
    words = ["--noheader", "--all", "--states=all", "--user=%d" % user, "--format=" + _ROW]
    return ["squeue", *of_clusters(clusters), *words]


def history_words(ids: Iterable[str], clusters: str) -> List[str]:
    """How accounting is asked of jobs: of an array of all its tasks at once."""
    jobs = sorted({job.partition("_")[0] for job in ids}, key=int)
    words = ["--allocations", "--parsable2", "--noheader", "--format=" + _ACCOUNTED]
    return ["sacct", *of_clusters(clusters), *words, "--jobs=" + ",".join(jobs)]


def cancel_words(ids: Sequence[str], signal: str, clusters: str) -> List[str]:
    """How jobs are ended, or the shells of their scripts sent a signal."""
    # A signal for a job that waits scancel sends again and again, for minutes.
    how = ["--batch", "--signal=" + signal, "--state=RUNNING"] if signal else []
    return ["scancel", *of_clusters(clusters), *how, *_together(ids)]


def _together(ids: Sequence[str]) -> List[str]:
    """Jobs as scancel is told of them: tasks of an array together, `12_[0-4,7]`, by one request."""
    tasks: Dict[str, Set[int]] = {}
    for array, _, task in (job.partition("_") for job in ids):
        if task:
            tasks.setdefault(array, set()).add(int(task))
    whole = [job for job in ids if "_" not in job]
    of_arrays = {array: _ranges(numbers) for array, numbers in tasks.items()}
    return whole + [
        "%s_%s" % (array, text if text.isdigit() else "[%s]" % text)
        for array, text in of_arrays.items()
    ]


def _ranges(numbers: Set[int]) -> str:
    ends: List[List[int]] = []
    for number in sorted(numbers):
        if ends and number == ends[-1][1] + 1:
            ends[-1][1] = number
        else:
            ends.append([number, number])
    return ",".join("%d-%d" % (a, b) if a != b else "%d" % a for a, b in ends)


# What they answer.


def cancelled(said: Said) -> None:
    """What scancel could not do. Raises SchedulerDown, Refused.

    Of jobs that were over it says so, or only has an exit status.
    """
    left = [line for line in complaints(said) if not _OVER.search(line)]
    if said.code == 0 or not (left or said.code < 0):
        return
    if said.code < 0 or not all(line.startswith(_NOT_CANCELLED) for line in left):
        raise SchedulerDown(complaint(said))
    if any(DOUBT.search(line) or "contact" in line for line in left):
        raise SchedulerDown("; ".join(left))
    raise Refused("scancel: %s" % one_line("; ".join(left)))


def is_no_answer(said: Said) -> bool:
    """Whether squeue has failed and ends well: of a user whom the name service does not know for
    now it tells no jobs and complains; and a site's wrapper may lose its exit status."""
    has_failed = any(map(_FAILS.search, said.err.splitlines()))
    return has_failed or (bool(complaints(said)) and "|" not in said.out)


def jobs_of(text: str) -> Dict[JobName, List[JobState]]:
    """What squeue tells of guild's jobs, by their names, of those with one the newest last.

    Raises SchedulerDown where a line of them cannot be read: no job is taken to be gone for that.
    """
    found: Dict[JobName, List[JobState]] = {}
    room = MOST_TASKS
    if text and not text.endswith("\n"):
        raise SchedulerDown("squeue has answered in part: %r" % text[-80:])
    for line in text.splitlines():
        fields = line.split("|")
        name = fields[-1].strip()
        if len(fields) < _FIELDS or not records.is_ours(name):
            continue
        job, array, tasks, word, starts, nodes, submitted_at = fields[: _FIELDS - 2]
        reason = "|".join(fields[_FIELDS - 2 : -1])
        state = _state(job, word, reason, nodes, starts, submitted_at)
        numbers = list(_numbers(tasks, room)) if array != job else [None]
        room -= len(numbers)
        for number in numbers:
            of_task = state if number is None else state._replace(id="%s_%d" % (array, number))
            found.setdefault((name, number), []).append(of_task)
    for states in found.values():
        states.sort(key=lambda state: (state.submitted or 0, int(state.id.partition("_")[0])))
    return found


def _numbers(tasks: str, most: int) -> Iterator[Optional[int]]:
    """The tasks of an array, written as `0,3-9,20-30:2%4`."""
    return tasks_of("squeue", tasks.partition("%")[0], most)


def _state(job: str, word: str, reason: str, nodes: str, starts: str, at: str) -> JobState:
    reason = "" if reason == "None" else one_line(reason)
    phase, how = phase_of(word, reason)
    expected = _number(starts) if phase == face.WAITS else None
    return JobState(job, phase, word, how, reason, _text(nodes), expected, _number(at))


def phase_of(word: str, reason: str) -> Tuple[str, str]:
    """How far a job is, and how it has ended, by Slurm's word.

    A word of a later Slurm means that it runs: so it is neither taken to be over nor to wait.
    """
    if word in _ENDED:
        return face.ENDED, _ENDED[word]
    if word in _STUCK:
        return face.HELD, ""
    if word in _WAITING:
        return (face.HELD if _HELD.search(reason) else face.WAITS), ""
    return face.RUNS, ""


def accounted(text: str) -> Dict[str, JobState]:
    """What sacct tells of jobs, by their ids as people type them."""
    found: Dict[str, JobState] = {}
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) != len(_ACCOUNTED.split(",")):
            continue
        _, job, words, _, nodes, at = fields
        word = (words.split() or [""])[0]  # `CANCELLED by 1000`
        state = _state(job, word, "", nodes, "", at)
        array, _, tasks = job.partition("_[")  # 12_[3-9%2]
        for number in _numbers(tasks.rstrip("]"), MOST_TASKS) if tasks else [None]:
            name = job if number is None else "%s_%d" % (array, number)
            found[name] = state._replace(id=name)
    return found


def settings_of(text: str) -> Dict[str, str]:
    """What `scontrol show config` shows."""
    found = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip():
            found[key.strip()] = value.strip()
    return found


def explanation(
    settings: Mapping[str, str], seconds: float, variables: Mapping[str, str]
) -> List[Tuple[str, str]]:
    """What `guild check` shows of a Slurm that is set up like this."""
    version = settings.get("SLURM_VERSION", "of unknown version")
    cluster = settings.get("ClusterName", "")
    lines = [("slurm", "Slurm %s, cluster %s, answers in %.2f s" % (version, cluster, seconds))]
    has_accounting = settings.get("AccountingStorageType", "").endswith("slurmdbd")
    lines.append(
        ("accounting", "slurmdbd" if has_accounting else "none: what is over is soon forgotten")
    )
    limits = [
        "%s %s" % (key, settings[key])
        for key in ("MinJobAge", "MaxArraySize", "KillWait", "MessageTimeout")
        if key in settings
    ]
    lines.append(("limits", ", ".join(limits)))
    passed_over = variables.get("SLURM_CLUSTERS", "")
    if passed_over:
        lines.append(
            ("clusters", "SLURM_CLUSTERS=%s does not count: 'clusters' does" % passed_over)
        )
    return lines


def _text(field: str) -> str:
    return "" if field in ("(null)", "N/A", "None assigned") else field


def _number(field: str) -> Optional[int]:
    return int(field) if field.isdigit() and len(field) < 16 else None
