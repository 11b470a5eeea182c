"""What flags need of a run's files: a config file with their values in it, paths that are there."""

from __future__ import annotations

import hashlib
import os
import shlex

from ..errors import AgentError
from ..protocol import ConfigForm, Job
from ..staging.placing import is_inside
from ..store import inside, manifest, rundir


def prepare(directory: str, job: Job) -> None:
    """Give the run its config file, anew at each start. Raises AgentError for a path that is not
    there, and where there can be no such file."""
    for flag, path in job.get("paths", {}).items():
        if "\0" in path or not os.path.exists(os.path.join(directory, os.path.expanduser(path))):
            text = "flag %s: there is no %s" % (rundir.shown(flag), rundir.shown(path))
            raise AgentError(text, kind="refused")
    form = job.get("config")
    if form is not None:
        if form["problem"]:
            raise AgentError(form["problem"], kind="refused")
        _write(directory, form)


def _write(directory: str, form: ConfigForm) -> None:
    name, data = form["path"], form["text"].encode("utf-8", "surrogatepass")
    if not is_inside(directory, name) or "\n" in name:
        raise AgentError("the config file %s would be outside the run" % rundir.shown(name))
    try:
        # What was there, source code or an earlier start's file, is replaced; a link, not followed.
        with os.fdopen(inside.create(os.path.realpath(directory), name), "wb") as f:
            f.write(data)
    except OSError as e:
        why = e.strerror or "it cannot be written"
        raise AgentError("the config file %s: %s" % (rundir.shown(name), why)) from None
    lines = [line for line in manifest.manifest_lines(directory) if _path(line) != name]
    digest, source = hashlib.sha1(data).hexdigest(), "config:" + form["source"]
    lines.append(" ".join(("d", shlex.quote(name), digest, shlex.quote(source))))
    manifest.write_manifest(directory, lines)


def _path(line: str) -> str:
    words = manifest.fields(line)
    return words[1] if len(words) > 1 else ""
