"""A project's package, unpacked for one run."""

from __future__ import annotations

import os
from typing import Dict, Optional

from ..contents import receiving
from ..environments.wheels import unpack
from ..protocol import FINAL, ContentForm, Wanting
from ..store import rundir
from .source import copy_source, files_below


def install(
    home: str,
    run_id: str,
    wheel: str,
    folder: str,
    contents: Dict[str, ContentForm],
    sent: Optional[Dict[str, str]] = None,
) -> Wanting:
    """Give the run's job-packages the `contents`, and unpack the wheel that is one of them.

    `sent` has small ones that were missing, digest -> base64; others came into the run's incoming.
    Where some of them are not here, nothing is installed: the answer has those that are to be sent.
    The project's files, which lie in `folder` of the wheel, are copied into the run. Asked again
    for one that has begun since, as after a lost answer, it leaves all as it is.
    """
    directory = rundir.run_dir(home, run_id)
    has_begun = rundir.read_attr(directory, "started") is not None
    if has_begun and rundir.status(directory).text in ("running", *FINAL):
        return {"missing": []}
    if sent:
        receiving.put_incoming(home, run_id, sent)
    missing = receiving.receive(home, run_id, contents)
    if missing:
        return {"missing": missing}
    packages = os.path.join(rundir.guild_dir(directory), rundir.JOB_PACKAGES)
    path = os.path.join(packages, os.path.basename(wheel))
    unpack(path, packages)
    os.unlink(path)
    root = os.path.join(packages, folder)
    copy_source(home, run_id, root, files_below(root))
    return {"missing": []}
