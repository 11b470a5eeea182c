"""A project's package, unpacked or installed for one run."""

from __future__ import annotations

import os
import subprocess
from typing import Dict

from ..contents import receiving
from ..errors import AgentError
from ..machine.environment import Environment
from ..protocol import ContentForm, Wanting
from ..store import rundir
from ..store.job import read_job
from .source import copy_source, files_below


def install(
    home: str,
    run_id: str,
    wheel: str,
    folder: str,
    with_dependencies: bool,
    contents: Dict[str, ContentForm],
) -> Wanting:
    """Give the run's job-packages the `contents`, and install the wheel that is one of them.

    Where some of them are not here, nothing is installed: the answer has those that are to be sent.
    The project's files, which lie in `folder` of the wheel, are copied into the run.
    Without dependencies it is unpacked here; with them, the environment's uv or pip
    does it, whose words are the error's where it fails.
    """
    missing = receiving.receive(home, run_id, contents)
    if missing:
        return {"missing": missing}
    packages = os.path.join(rundir.guild_dir(rundir.run_dir(home, run_id)), rundir.JOB_PACKAGES)
    path = os.path.join(packages, os.path.basename(wheel))
    if not with_dependencies:
        unpack(path, packages)
    else:
        job = read_job(rundir.run_dir(home, run_id))
        environment = Environment.load(job.get("environment") or {})
        _pip_install(path, packages, environment)
    os.unlink(path)
    root = os.path.join(packages, folder)
    copy_source(home, run_id, root, files_below(root))
    return {"missing": []}


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
