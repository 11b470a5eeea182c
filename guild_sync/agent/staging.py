"""A run before its operation starts: made, given its source code, and started."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from typing import Any, Dict, List, Sequence

from . import locks, runs, survey
from .children import die_with_parent
from .environment import Environment
from .errors import AgentError
from .listing import SOURCE_FOLDER

# Of a digest of source code, as Guild AI 0.9 writes it; nothing rests on its strength.
_DIGEST_DIGITS = 32
JOB = "job.json"
JOB_PACKAGES = "job-packages"


def now() -> int:
    """Microseconds since 1970, the unit of all times in a run."""
    return time.time_ns() // 1000


def stage(
    home: str, run_id: str, opref: str, attributes: Dict[str, Any], job: Dict[str, Any]
) -> Dict[str, str]:
    """Make the run, pending, with its attributes and the job that it is to do.

    It appears whole or not at all. Asked again for a run that is still pending, as
    after a lost answer, it makes it anew.
    """
    directory = runs.run_dir(home, run_id)
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    if os.path.exists(directory):
        is_held = locks.holder(runs.guild_dir(directory)) is not None
        if is_held or runs.status(directory) != runs.Status("pending"):
            raise AgentError("run %s is there already" % run_id, kind="refused")
        _remove(directory)
    temporary = os.path.join(os.path.dirname(directory), ".stage-" + run_id)
    shutil.rmtree(temporary, ignore_errors=True)
    os.makedirs(os.path.join(runs.guild_dir(temporary), "attrs"))
    try:
        runs.mark(temporary, runs.PENDING)
        fill(temporary, run_id, opref, attributes, job)
        os.rename(temporary, directory)
        survey.home_id(home, make=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return {"run_dir": directory}


def fill(
    directory: str, run_id: str, opref: str, attributes: Dict[str, Any], job: Dict[str, Any]
) -> None:
    """Write what a run is: its operation, its job, its attributes."""
    guild = runs.guild_dir(directory)
    locks.write_atomically(os.path.join(guild, "opref"), opref)
    write_job(directory, job)
    runs.write_attr(directory, "id", run_id)
    runs.write_attr(directory, "initialized", now())
    for name, value in attributes.items():
        runs.write_attr(directory, name, value)
    os.makedirs(os.path.join(guild, JOB_PACKAGES), exist_ok=True)


def mark_staged(home: str, run_id: str) -> None:
    """Have a pending run wait to be started."""
    directory = runs.run_dir(home, run_id)
    if runs.status(directory) == runs.Status("pending"):
        runs.write_attr(directory, "staged", now())
        runs.mark(directory, runs.STAGED)
        runs.unmark(directory, runs.PENDING)


def was_ready(directory: str) -> bool:
    """Whether the run, pending now, was staged or even started before."""
    return any(runs.read_attr(directory, name) is not None for name in ("staged", "started"))


def discard(home: str, run_id: str) -> None:
    """Remove a pending run that never was anything else; one that was is staged from now on."""
    directory = runs.run_dir(home, run_id)
    if not os.path.isdir(directory) or runs.status(directory) != runs.Status("pending"):
        return
    if locks.holder(runs.guild_dir(directory)) is not None:
        return
    if was_ready(directory):
        mark_staged(home, run_id)
    else:
        _remove(directory)


def _remove(directory: str) -> None:
    """Remove a run, which at no moment is there in part; a later delete mends an end in between."""
    folder, name = os.path.split(directory)
    aside = os.path.join(folder, runs.DELETING + name)
    shutil.rmtree(aside, ignore_errors=True)
    os.rename(directory, aside)
    shutil.rmtree(aside)


def install(home: str, run_id: str, wheel: str, folder: str, with_dependencies: bool) -> None:
    """Install the wheel that was put into the run's job-packages.

    The project's files, which lie in `folder` of the wheel, are copied into the run.
    Without dependencies it is unpacked here; with them, the environment's uv or pip
    does it, whose words are the error's where it fails.
    """
    packages = os.path.join(runs.guild_dir(runs.run_dir(home, run_id)), JOB_PACKAGES)
    path = os.path.join(packages, os.path.basename(wheel))
    if not with_dependencies:
        unpack(path, packages)
    else:
        environment = Environment.load(_job(home, run_id).get("environment") or {})
        _pip_install(path, packages, environment)
    os.unlink(path)
    root = os.path.join(packages, folder)
    copy_source(home, run_id, root, _files_below(root))


def unpack(wheel: str, target: str) -> None:
    """Unpack a wheel of pure Python: its files go below `target` and nowhere else."""
    import zipfile  # a quarter of an agent's start, and needed once a run

    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            parts = member.filename.split("/")
            if member.filename.startswith("/") or ".." in parts:
                raise AgentError("the package has a file outside itself: %r" % member.filename)
            path = archive.extract(member, target)
            mode = (member.external_attr >> 16) & 0o777
            if mode and os.path.isfile(path):
                os.chmod(path, mode | 0o600)


def _pip_install(wheel: str, target: str, environment: Environment) -> None:
    failures = []
    for installer in environment.installers():
        argv = [*installer, "--target", target, "--quiet", wheel]
        try:
            done = subprocess.run(
                argv,
                env=environment.variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as e:
            failures.append("%s: %s" % (installer[0], e.strerror))
            continue
        if done.returncode == 0:
            return
        failures.append(done.stdout.decode("utf-8", "replace").strip())
        if b"No module named pip" not in done.stdout:
            break
    raise AgentError(
        "cannot install the package's requirements",
        "\n".join(failures) + "\nThe remote's environment needs pip or uv "
        "(keys venv-path, conda-env, python in the config file).",
    )


def copy_source(home: str, run_id: str, root: str, files: Sequence[str], run_dir: str = "") -> str:
    """Copy the project's files from `root` into the run, list them in its manifest; their digest.

    Source: Guild AI 0.9's manifest, `s PATH SHA1 SOURCE`, a line a file, quoted as for sh.
    """
    directory = run_dir or runs.run_dir(home, run_id)
    # The directory of a run that consists of others has links to these, and nothing else.
    folder = SOURCE_FOLDER if read_job(directory).get("children") else ""
    manifest = []
    digest = hashlib.sha256()  # not MD5, which a machine in FIPS mode refuses
    for name in sorted(files):
        with open(os.path.join(root, name), "rb") as f:
            content = f.read()
            mode = stat.S_IMODE(os.fstat(f.fileno()).st_mode)
        target = os.path.join(directory, folder + name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as f:
            f.write(content)
        os.chmod(target, (mode & 0o755) | 0o600)
        sha1 = hashlib.sha1(content).hexdigest()
        manifest.append(" ".join(("s", shlex.quote(folder + name), sha1, shlex.quote(name))))
        digest.update(os.fsencode(name) + b"\0" + content)
    text = "".join(line + "\n" for line in manifest)
    locks.write_atomically(os.path.join(runs.guild_dir(directory), "manifest"), text)
    found = digest.hexdigest()[:_DIGEST_DIGITS]
    runs.write_attr(directory, "sourcecode_digest", found)
    return found


def _files_below(root: str) -> List[str]:
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            if not name.endswith(".pyc"):
                found.append(os.path.relpath(os.path.join(folder, name), root))
    return found


def start(home: str, run_id: str, run_dir: str = "") -> Dict[str, Any]:
    """Start the run's operation under a runner that outlives this process; its pid.

    Returns once the operation runs. Asked again for a run that runs already, as after
    a lost answer, it says so rather than starting it twice.
    """
    directory = run_dir or runs.run_dir(home, run_id)
    state, remote = runs.status(directory)
    if remote is not None:
        raise AgentError("run %s is a copy of one on %s" % (run_id, remote), kind="refused")
    if state == "running" or (state in runs.FINAL and runs.read_attr(directory, "started")):
        return {"pid": locks.holder(runs.guild_dir(directory)), "status": state}
    if state not in ("pending", "staged"):
        raise AgentError("run %s is %s" % (run_id, state), kind="refused")
    return {"pid": start_runner(directory).pid, "status": "running"}


def start_runner(directory: str, only: str = "", echo: bool = False) -> "subprocess.Popen[bytes]":
    """A runner of the run, whose operation runs. `only`: the status that the run must have.

    With `echo` the output comes to our stdout too, and the runner kills the operation and
    ends where we die.
    """
    read_end, write_end = os.pipe()
    # The runner keeps no handle of ours, so that ssh returns when this process ends.
    runner = subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-S",
            os.path.dirname(__file__),
            "runner",
            directory,
            str(write_end),
            only,
            "echo" if echo else "",
        ],
        stdin=subprocess.DEVNULL,
        stdout=None if echo else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGQUIT) if echo else None,
        pass_fds=(write_end,),
        cwd=directory,
    )
    os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8") as report:
        said = report.read()
    if said != "started":
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


def _job(home: str, run_id: str) -> Dict[str, Any]:
    return read_job(runs.run_dir(home, run_id))


def write_job(directory: str, job: Dict[str, Any]) -> None:
    path = os.path.join(runs.guild_dir(directory), JOB)
    locks.write_atomically(path, json.dumps(job, indent=1))


def read_job(directory: str) -> Dict[str, Any]:
    """What the run is to do, as `stage` wrote it."""
    try:
        with open(os.path.join(runs.guild_dir(directory), JOB), encoding="utf-8") as f:
            job = json.load(f)
    except FileNotFoundError:
        raise AgentError("the run has no job: another program made it", kind="refused") from None
    except (OSError, ValueError) as e:
        raise AgentError("cannot read the run's job: %s" % e) from None
    if not isinstance(job, dict):
        raise AgentError("the run's job is not one")
    return job
