"""A project's package, unpacked for one run."""

from __future__ import annotations

import os

from ..environments.wheels import unpack
from ..store import rundir
from .source import copy_source, files_below


def install(home: str, run_id: str, wheel: str, folder: str) -> None:
    """Unpack the wheel that was put into the run's job-packages.

    The project's files, which lie in `folder` of the wheel, are copied into the run.
    """
    packages = os.path.join(rundir.guild_dir(rundir.run_dir(home, run_id)), rundir.JOB_PACKAGES)
    path = os.path.join(packages, os.path.basename(wheel))
    unpack(path, packages)
    os.unlink(path)
    root = os.path.join(packages, folder)
    copy_source(home, run_id, root, files_below(root))
