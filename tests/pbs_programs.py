"""The programs of PBS, as far as guild uses them: scripts in a folder, which run jobs here.

They are no PBS. What they say has the form of what others have recorded (tests/unit/agent/
scheduling/outputs/pbs), and a job is begun as pbs_mom does it: a program is started in a session of
its own, with a `-` before its name, and with none of the variables of who has submitted it.
"""

from __future__ import annotations

import sys
from pathlib import Path

NAMES = ("qsub", "qselect", "qstat", "qdel", "qsig")

_PROGRAM = '''#!{python} -I
import glob, json, os, signal, subprocess, sys, time

FOLDER = {folder!r}
NAME, WORDS = os.path.basename(sys.argv[0]), sys.argv[1:]
with open(os.path.join(FOLDER, "calls"), "a") as calls:
    calls.write(NAME + "\\n")


def jobs():
    found = {{}}
    for path in glob.glob(os.path.join(FOLDER, "*.job")):
        with open(path) as file:
            job = json.load(file)
        found[job["id"]] = job
    return found


def write(job):
    path = os.path.join(FOLDER, job["id"] + ".job")
    with open(path + ".new", "w") as file:
        json.dump(job, file)
    os.rename(path + ".new", path)


def look(job):
    """The job as it stands now: where its shell has left an exit status it is over."""
    try:
        with open(os.path.join(FOLDER, job["id"] + ".exit")) as file:
            code = int(file.read())
    except FileNotFoundError:
        return job
    job.update(job_state="F", substate=92, Exit_status=code if code >= 0 else 256 - code)
    job["comment"] += " and finished"
    return job


def begin(job):
    started = time.asctime()
    job.update(job_state="R", substate=42, exec_host="n1/0", run_count=1)
    job["comment"] = "Job run at %s on (n1:ncpus=1)" % started
    write(job)
    kept = ("HOME", "USER", "LOGNAME", "LANG")
    variables = {{name: os.environ[name] for name in kept if name in os.environ}}
    variables.update(PBS_JOBID=job["id"], PBS_ENVIRONMENT="PBS_BATCH", PATH="/usr/bin:/bin")
    if os.fork():
        return
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(null, handle)
    program, *words = job["words"][job["words"].index("--") + 1 :]
    top = subprocess.Popen(
        ["-" + os.path.basename(program), *words], executable=program, env=variables,
        cwd=os.environ["HOME"], start_new_session=True,
    )
    with open(os.path.join(FOLDER, job["id"] + ".sid"), "w") as file:
        file.write(str(top.pid))
    top.wait()
    with open(os.path.join(FOLDER, job["id"] + ".exit.new"), "w") as file:
        file.write(str(top.returncode))
    os.rename(file.name, file.name[:-4])
    os._exit(0)


def qsub():
    if "nonsense" in WORDS:
        sys.exit("qsub: Unknown queue")
    id = "%d.pbs" % (len(jobs()) + 1)
    job = dict(id=id, Job_Name=WORDS[WORDS.index("-N") + 1], words=WORDS)
    job.update(job_state="Q", substate=10, ctime=time.asctime(), comment="Not Running: No node")
    write(job)
    print(id, flush=True)
    if not os.path.exists(os.path.join(FOLDER, "full")):
        begin(job)


def qselect():
    for id, job in jobs().items():
        if look(job)["job_state"] != "F":
            print(id)


def qstat():
    ids = WORDS[WORDS.index("-E") + 1 :]
    known = {{id: look(job) for id, job in jobs().items()}}
    found = {{}}
    for id in ids:
        if id not in known:
            print("qstat: Unknown Job Id", id, file=sys.stderr)
        elif known[id]["job_state"] == "F" and "-x" not in WORDS:
            sys.stderr.write("qstat: %s Job has finished, use -x or -H to obtain" % id)
            sys.stderr.write(" historical job information\\n")
        else:
            found[id] = known[id]
    answer = dict(timestamp=int(time.time()), pbs_version="23.06.06", pbs_server="pbs")
    print(json.dumps(dict(answer, Jobs=found) if found else answer, indent=4))
    sys.exit(0 if found else 153)


def session(job):
    with open(os.path.join(FOLDER, job["id"] + ".sid")) as file:
        leader = int(file.read())
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            yield int(path.split("/")[2])


def tell(job, number):
    for pid in [*session(job)]:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def qsig():
    number = getattr(signal, "SIG" + WORDS[1])
    for id in WORDS[2:]:
        job = look(jobs()[id])
        if job["job_state"] == "R":
            tell(job, number)
        else:
            sys.exit("qsig: Request invalid for state of job %s" % id)


def qdel():
    for id in WORDS:
        job = look(jobs()[id])
        if job["job_state"] == "R":
            tell(job, signal.SIGTERM)
        elif job["job_state"] == "Q":
            job.update(job_state="F", substate=91, comment=job["comment"] + " and terminated")
            write(job)
        else:
            sys.exit("qdel: Job has finished %s" % id)


globals()[NAME]()
'''


class Pbs:
    """A folder with these programs, which a remote's `path` is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        text = _PROGRAM.format(python=sys.executable, folder=str(folder))
        for name in NAMES:
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def is_full(self, full: bool) -> None:
        """Whether jobs that are submitted from now on wait."""
        (self.folder / "full").touch() if full else (self.folder / "full").unlink()

    def calls(self) -> list[str]:
        """The programs that were called since this was asked last, in their order."""
        file = self.folder / "calls"
        found = file.read_text().split() if file.exists() else []
        file.unlink(missing_ok=True)
        return found
