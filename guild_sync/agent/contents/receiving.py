"""Contents that were sent for a run, kept and given names among what the run brings along."""

from __future__ import annotations

import os
from typing import Dict, List

from ..errors import AgentError
from ..protocol import FILES, ContentForm
from ..store import inside, rundir
from ..store.job import read_job
from . import inputs, kept, placed


def wanting(home: str, run_id: str, contents: Dict[str, int]) -> List[str]:
    """Those of the contents, digest -> size, that are to be sent for a run; to where is there."""
    missing = kept.missing(home, contents)
    if missing:
        kept.make_incoming(home, run_id)
    return missing


def put_incoming(home: str, run_id: str, sent: Dict[str, str]) -> None:
    """Have contents, digest -> base64, come for a run, as if they had been copied there."""
    import base64  # what is larger comes otherwise

    kept.make_incoming(home, run_id)
    for digest, text in sent.items():
        if not kept.is_digest(digest):
            raise AgentError("there is no content %r" % digest[:80])
        handle = inside.create(kept.incoming(home, run_id), digest)
        with os.fdopen(handle, "wb") as f:
            f.write(base64.b64decode(text))


def receive(home: str, run_id: str, contents: Dict[str, ContentForm]) -> List[str]:
    """Give the run's job-packages these contents, by their paths there; or else what is missing.

    What was sent is kept, and whatever was kept for an earlier run is not asked for. The run
    names what it has need of before that is looked for, so that nothing of it is removed.
    """
    directory = rundir.run_dir(home, run_id)
    guild, files = rundir.guild_dir(directory), FILES + "/"
    sizes = {content["digest"]: content["size"] for content in contents.values()}
    job = read_job(directory)
    if job.get("requires") or job.get("children"):
        inputs.begin(
            directory,
            {
                name[len(files) :]: inputs.Content(c["digest"], c["size"], c["is_program"])
                for name, c in contents.items()
                if name.startswith(files)
            },
        )
    if kept.take(home, run_id, sizes):
        return wanting(home, run_id, sizes)
    inside.make(guild, rundir.JOB_PACKAGES)
    for name, content in contents.items():
        path = kept.path_of(home, content["digest"])
        try:
            placed.keep_name(path, guild, os.path.join(rundir.JOB_PACKAGES, name))
        except FileNotFoundError:  # it was removed at this moment
            return wanting(home, run_id, sizes)
    return []
