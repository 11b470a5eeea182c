"""A job that is to be one of Slurm: what sbatch is told, and what its answer means."""

from __future__ import annotations

import re
from typing import List, Tuple

from ..machine.children import Said
from . import options
from .calling import one_line
from .face import Refused, SchedulerDown, Submission, Unsure

_OPTIONS = ("time", *options.WORDS, "cpus", "tasks")
_CONTROL = re.compile("[\0-\x1f\x7f]")
_SUBMITTED = re.compile(r"([0-9]{1,18})(?:;\S*)?\Z")  # ID, or ID;CLUSTER
_COMPLAINT = re.compile(r"\w+: (?:error|fatal): (.*)")
_NOT_TAKEN = re.compile(r"^allocation failure: (.*)", re.M)
_FAILED = "Batch job submission failed: "
# Whoever says this has had no answer of slurmctld, or was not content with the first: what it has
# sent may be done. No connection at all (`connect failure`) is not among these.
DOUBT = re.compile(
    r"timed out|zero bytes|(?:send|receive|shutdown|connection) failure|\bconnection\b|broken pipe"
    r"|standby|temporarily|retrying|interrupted|unexpected|protocol|authentication|credential"
    r"|munge|header length",
    re.I,
)


def submit_words(job: Submission, clusters: str) -> List[str]:
    """How a job is submitted whose script comes on stdin.

    Each value is a part of the word that names its option, so none is an option of its own.
    """
    if clusters and not options.is_cluster(clusters):
        raise Refused("a remote is one cluster, not %r" % clusters)
    asked = job.options
    words = ["sbatch", *of_clusters(clusters), "--parsable"]
    words.append("--job-name=" + job.name)
    words.append("--chdir=" + job.folder)
    # A name that has a backslash is no pattern, and none of them is a part of it. (A `%` that is
    # written twice is one only where there is none.)
    output = re.sub(r"[%\\]", r"\\\g<0>", job.output)
    words += ["--output=" + output, "--error=" + output, "--open-mode=append"]
    # Whatever a site's SBATCH_EXPORT says: a job's environment is ours, without what means the
    # login node, and what its `bash -l` adds. All else has `su` make one, in minutes at worst.
    words.append("--export=ALL")
    words.append("--requeue" if asked.get("requeue") is True else "--no-requeue")
    words.append("--signal=B:USR2@%d" % options.notice(asked))
    if job.tasks is not None:
        limit = asked.get("array-limit")
        words.append("--array=0-%d%s" % (job.tasks - 1, "%%%s" % limit if limit else ""))
    if job.after:
        words += ["--dependency=afterok:" + ":".join(job.after), "--kill-on-invalid-dep=yes"]
    for key in _OPTIONS:
        if asked.get(key) is not None:
            words.append("--%s=%s" % (options.OWN_NAMES.get(key, key), asked[key]))
    more = asked.get("options")
    words += [str(word) for word in (more if isinstance(more, list) else [])]
    for word in words:
        if _CONTROL.search(word):
            raise Refused("a job has no option with control characters: %r" % word[:80])
    return words


def of_clusters(clusters: str) -> Tuple[str, ...]:
    """How a command is told of another cluster than its own."""
    return ("--clusters=" + clusters,) if clusters else ()


def submitted(said: Said) -> str:
    """The id of the job that sbatch tells of. Raises Refused, Unsure.

    Sites' wrappers and plugins say more, before it and behind it.
    """
    found = [m for m in map(_SUBMITTED.match, said.out.split("\n")) if m]
    if found and said.code == 0:
        return found[-1].group(1)
    if found:  # whatever has failed then, a job may be there
        raise Unsure("sbatch failed, and names a job: %s" % one_line(said.out + said.err))
    if said.code == 0:
        raise Unsure("sbatch names no job: %s" % one_line(said.out + said.err))
    lines = complaints(said)
    refused = [line for line in lines if line.startswith(_FAILED)]
    if said.code < 0 or not lines or any(DOUBT.search(line) for line in said.err.split("\n")):
        raise Unsure("sbatch: %s" % complaint(said))
    # A site says why in lines of its own, of which slurmctld only knows that there was an error.
    why = [line[len(_FAILED) :] for line in refused if "Unspecified error" not in line]
    other = [line for line in lines if line not in refused]
    first, rest = (why, other) if why else (other or lines, [])
    raise Refused("sbatch: %s" % one_line("; ".join(first)), one_line("; ".join(rest)))


def refusal_of(said: Said) -> str:
    """Why sbatch would not take a job that it was only to test; empty: it would.

    Raises SchedulerDown.
    """
    if said.code == 0:
        return ""
    lines = [*complaints(said), *_NOT_TAKEN.findall(said.err)]
    is_down = any(DOUBT.search(line) or "contact" in line for line in lines)
    if said.code < 0 or not lines or is_down:
        raise SchedulerDown(one_line("; ".join(lines)) or complaint(said))
    return "sbatch: %s" % one_line("; ".join(lines))


def complaints(said: Said) -> List[str]:
    """What a command says that went wrong, a line each, without its own name."""
    lines = (line.strip() for line in said.err.splitlines())
    found = (_COMPLAINT.match(line) or re.match(r"\w+: (unrecognized .*)", line) for line in lines)
    return [match.group(1) for match in found if match]


def complaint(said: Said) -> str:
    """Why a command has failed, in a line."""
    text = "; ".join(complaints(said)) or said.err.strip() or said.out.strip()
    return one_line(text) or "it failed (exit status %d)" % said.code
