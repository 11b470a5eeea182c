"""A job that is to be one of PBS: what qsub is told, and what its answer means."""

from __future__ import annotations

import re
import shlex
from typing import Iterator, List, Mapping, Optional

from ..machine.children import Said
from ..protocol import Value
from .calling import one_line
from .face import Refused, Submission, Unsure

# `123.host`, `123[].host` for a whole array, `123[4].host` for a task of it.
ID = re.compile(r"([0-9]{1,18})(\[[0-9]{0,9}\])?(?:\.[A-Za-z0-9._-]+)?\Z")
_MEMORY = re.compile(r"([1-9][0-9]{0,8})([KMGT]?)B?\Z", re.I)
_OPTION = re.compile(r"-([A-Za-z])(\S.*)?\Z")

# Keys of `job` that PBS has nothing for, or says in another place.
_MEANS_NOTHING = {
    "qos": "PBS has none",
    "constraint": "PBS has none: say -lselect=... in options",
    "gres": "PBS has none: say -lselect=... in options",
    "exclude": "PBS has none: say -lselect=... in options",
    "nodelist": "PBS has none: say -lselect=...:host=NAME in options",
    "reservation": "is a queue in PBS: say its name as partition",
    "notice": "PBS gives none before its time limit",
    "clusters": "PBS has none",
}
_CHUNK = ("cpus", "tasks", "mem", "gpus", "nodes")
_HAVE_KEYS = {"q": "partition", "A": "account", "r": "requeue", "J": "array-limit"}
_GUILDS = "CefIjkNoRSX"
_OF_W = {
    "depend": "is what guild sets itself",
    "block": "waits for the job",
    "interactive": "waits",
}
_IN_DOUBT = re.compile(
    "protocol error|system error|internal error|end of file|timed out|connection|broken pipe", re.I
)
NO_CONNECTION = re.compile(r"(?:\bq[a-z]+: cannot|Couldn't) connect to (?:server|cluster)\b")


def faults(options: Mapping[str, Value]) -> Iterator[str]:
    """What of a job's options PBS cannot be told, a line each, which begins with the key.

    Each is otherwise what options.py wants of it.
    """
    for key in options:
        if key in _MEANS_NOTHING and options[key] is not None:
            yield "%s: %s" % (key, _MEANS_NOTHING[key])
    if str(options.get("time")).lower() in ("unlimited", "infinite"):
        yield "time: PBS takes none without end"
    if options.get("requeue") is True:  # and so no runner could claim its run once more
        yield "requeue: PBS does not tell a job that it was started again"
    yield from _faults_of_chunk(options)
    for option in _texts(options.get("options")):
        why = why_no_option(option, [key for key in _CHUNK if options.get(key) is not None])
        if why:
            yield "options: %s" % why


def _faults_of_chunk(options: Mapping[str, Value]) -> Iterator[str]:
    for key in ("gpus", "nodes"):
        if options.get(key) is not None and not _whole(options[key]):
            yield "%s: PBS takes a whole number, at least 1, not %.80r" % (key, options[key])
    if options.get("mem") is not None and _memory(options["mem"]) is None:
        yield "mem: must be a number with K, M, G or T, not %.80r" % (options["mem"],)
    nodes = _whole(options.get("nodes")) or 1
    for key in ("gpus", "tasks"):
        if _whole(options.get(key)) % nodes:
            yield "%s: %s on %d nodes cannot be the same on each" % (key, options[key], nodes)


def why_no_option(option: str, chunk: List[str]) -> str:
    """Why qsub is not given an option by its user; empty where it is.

    `chunk` has the keys that are said beside it and are in what `select` means.
    """
    match = _OPTION.match(option)
    if match is None:
        return "%.80r must be written -lNAME=VALUE, its letter and its value in one" % option
    letter, value = match[1], match[2] or ""
    if letter in _HAVE_KEYS:
        return "-%s has a key of its own: %s" % (letter, _HAVE_KEYS[letter])
    if letter in _GUILDS:
        return "-%s is what guild sets itself" % letter
    if letter == "V":
        return "with -V qstat's answers cannot be read: say -vNAME"
    if letter == "z":
        return "with -z nobody is told the job's id"
    for name in (part.split("=")[0].strip() for part in value.split(",")):
        if letter == "l" and name == "walltime":
            return "-lwalltime has a key of its own: time"
        if letter == "l" and name == "select" and chunk:
            return "-lselect says what %s says" % ", ".join(chunk)
        if letter == "W" and name in _OF_W:
            return "-W%s %s" % (name, _OF_W[name])
    return ""


def submit_words(job: Submission, file: str, seconds: Optional[int]) -> List[str]:
    """qsub's words for a job without faults whose script is in a file; `seconds`: its limit.

    A script on qsub's stdin is a child of a shell, which a signal for the job ends: PBS takes the
    job for over then, though its runner has not ended. So it is told of the program to run.
    """
    said = {key: value for key, value in job.options.items() if value is not None}
    return [
        "qsub",
        "-f",  # else a process of it stays for a while, and holds our pipes
        # 230 characters and more since qstat has JSON (PBS_MAXJOBNAME); once it was 15.
        *("-N", job.name),
        *("-j", "oe", "-o", "/dev/null"),  # the script says where to
        # Of an array PBS takes no other: the claim of a run keeps it from running twice.
        *("-r", "n" if job.tasks is None else "y"),
        *_asked_for(said, seconds),
        *(("-W", "depend=afterok:" + ":".join(job.after)) if job.after else ()),
        *(("-J", _numbers(job.tasks, said.get("array-limit"))) if job.tasks is not None else ()),
        *_texts(said.get("options")),
        *("--", "/bin/bash", "-l", file),
    ]


def _asked_for(said: Mapping[str, Value], seconds: Optional[int]) -> Iterator[str]:
    for key, option in (("partition", "-q"), ("account", "-A")):
        if key in said:
            yield from (option, str(said[key]))
    if seconds is not None:
        minutes = seconds // 60
        yield from ("-l", "walltime=%d:%02d:%02d" % (minutes // 60, minutes % 60, seconds % 60))
    if any(key in said for key in _CHUNK):
        yield from ("-l", "select=" + _select(said))
    if (_whole(said.get("nodes")) or 1) > 1:
        yield from ("-l", "place=scatter")


def _select(said: Mapping[str, Value]) -> str:
    """The chunks of a job, one a node: Slurm counts GPUs and tasks of the whole job, PBS of one."""
    nodes = _whole(said.get("nodes")) or 1
    tasks = (_whole(said.get("tasks")) or nodes) // nodes
    chunk = [str(nodes), "ncpus=%d" % ((_whole(said.get("cpus")) or 1) * tasks)]
    if "tasks" in said:
        chunk.append("mpiprocs=%d" % tasks)
    if "gpus" in said:
        chunk.append("ngpus=%d" % (_whole(said["gpus"]) // nodes))
    if "mem" in said:
        chunk.append("mem=%s" % _memory(said["mem"]))
    return ":".join(chunk)


def _numbers(count: int, limit: Value) -> str:
    # A range has two ends, whose first is the lower: that of one has a step beyond the other.
    numbers = "0-%d" % (count - 1) if count > 1 else "0-1:2"
    return numbers + ("%%%d" % limit if isinstance(limit, int) and count > 1 else "")


def script(job: Submission) -> str:
    """A job's script, which goes to the folder and says where its output goes, as qsub cannot.

    It would have that brought there when the job is over, in place of what is there.
    """
    first, _, rest = job.script.partition("\n")
    here = "cd %s || exit\nexec >>%s 2>&1\n" % (shlex.quote(job.folder), shlex.quote(job.output))
    return "%s\n%s%s" % (first, here, rest)


def submitted_id(said: Said) -> str:
    """The id in an answer of qsub. Raises Refused, Unsure."""
    found = [line.strip() for line in said.out.splitlines() if ID.match(line.strip())]
    if found and said.code == 0:
        return found[-1]
    why = complaint(said)
    # Whoever wraps qsub may fail when a job is there.
    if found or said.code <= 0 or not said.err.strip() or is_in_doubt(said):
        raise Unsure(why)
    raise Refused(why)


def is_in_doubt(said: Said) -> bool:
    """Whether the server, or the line to it, has failed when it may have done what it was told."""
    return not NO_CONNECTION.search(said.err) and bool(_IN_DOUBT.search(said.err))


def complaint(said: Said) -> str:
    """The line of a command's answer that says what is wrong."""
    lines = [line for line in said.err.splitlines() if line.strip()]
    own = [line for line in lines if re.match(r"q[a-z]+: ", line)]
    text = one_line((own or lines or [""])[0])
    return text or ("exit status %d" if said.code >= 0 else "signal %d") % abs(said.code)


def _memory(value: Value) -> Optional[str]:
    """An amount of memory in PBS's words; None where it is none. A number alone is in MB."""
    match = _MEMORY.match(str(value))
    return "%s%sb" % (match[1], match[2].lower() or "m") if match else None


def _whole(value: Value) -> int:
    """A whole number that may be given as a text; 0 where it is none."""
    text = str(value)
    return int(text) if re.match(r"[1-9][0-9]{0,8}\Z", text) else 0


def _texts(value: Value) -> List[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
