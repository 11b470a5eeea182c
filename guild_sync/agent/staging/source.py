"""Source code of a project or of an earlier run, copied into a run."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import stat
from typing import List, Optional, Sequence, Tuple

from .. import trees
from ..protocol import ENVIRONMENT, SourcePart
from ..store import inside, manifest, revision, rundir
from ..store.job import read_job
from ..store.manifest import SOURCE_FOLDER, write_manifest


def adopt_source(
    home: str,
    run_id: str,
    source: str,
    run_dir: str = "",
    part: Optional[SourcePart] = None,
    project: str = "",
) -> None:
    """Give a pending run the source code, or a part of it, and the packages of the run `source`.

    And what that was given, or of a copy without that what the folder `project` has of it.
    """
    directory = run_dir or rundir.run_dir(home, run_id)
    origin = rundir.existing(rundir.run_dir(home, source))
    packages = os.path.join(rundir.guild_dir(origin), rundir.JOB_PACKAGES)
    if os.path.isdir(packages):
        target = os.path.join(rundir.guild_dir(directory), rundir.JOB_PACKAGES)
        trees.remove_tree(target)
        trees.copy_tree(packages, target, symlinks=True, copy_function=_link)
    root, names = _source(origin)
    if part is not None:
        root, names = _part_of(root, names, part)
    copy_source(home, run_id, root, names, run_dir)
    revision.adopt(origin, directory)
    environment = rundir.read_attr(origin, ENVIRONMENT)
    if environment is not None:
        rundir.write_attr(directory, ENVIRONMENT, environment)
    from . import given  # a new run does not need it

    given.adopt_files(origin, directory, project)


def _link(source: str, target: str) -> None:
    """A second name for an installed file, which nobody changes; a copy where that can't be."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _source(directory: str) -> Tuple[str, List[str]]:
    """Where the run's source code is, and its files, of those that are in the run."""
    folder, names = manifest.source_files(directory)
    if folder.startswith(("/", "../")):
        return directory, []
    root = os.path.join(directory, folder)
    names = [name for name in names if not name.startswith((".guild", "/", ".."))]
    return root, [name for name in names if os.path.isfile(os.path.join(root, name))]


def _part_of(root: str, names: List[str], part: SourcePart) -> Tuple[str, List[str]]:
    """Where a part of the source code is, and its files, of those that there are."""
    known, folder = set(names), part["root"]
    above = "" if folder == "." else folder + "/"
    return os.path.join(root, folder), [name for name in part["files"] if above + name in known]


# Of a digest of source code, as Guild AI 0.9 writes it; nothing rests on its strength.
_DIGEST_DIGITS = 32


def copy_source(home: str, run_id: str, root: str, files: Sequence[str], run_dir: str = "") -> str:
    """Copy the project's files from `root` into the run, list them in its manifest; their digest.

    They come to where the run's job says.

    Source: Guild AI 0.9's manifest, `s PATH SHA1 SOURCE`, a line a file, quoted as for sh.
    """
    directory = run_dir or rundir.run_dir(home, run_id)
    # The directory of a run that consists of others has links to these, and nothing else.
    top = os.path.realpath(directory)
    job = read_job(directory)
    dest = job.get("source_dest")
    below = SOURCE_FOLDER if job.get("children") else dest + "/" if dest else ""
    lines = []
    digest = hashlib.sha256()  # not MD5, which a machine in FIPS mode refuses
    for name in sorted(files):
        with open(os.path.join(root, name), "rb") as f:
            content = f.read()
            mode = stat.S_IMODE(os.fstat(f.fileno()).st_mode)
        with os.fdopen(inside.create(top, below + name), "wb") as f:
            f.write(content)
            os.fchmod(f.fileno(), (mode & 0o755) | 0o600)
        sha1 = hashlib.sha1(content).hexdigest()
        lines.append(" ".join(("s", shlex.quote(below + name), sha1, shlex.quote(name))))
        digest.update(os.fsencode(name) + b"\0" + content)
    write_manifest(directory, lines)
    found = digest.hexdigest()[:_DIGEST_DIGITS]
    rundir.write_attr(directory, "sourcecode_digest", found)
    return found


def files_below(root: str) -> List[str]:
    found = []
    for folder, _, names in inside.walk(root):
        for name in names:
            if not name.endswith(".pyc"):
                found.append(os.path.relpath(os.path.join(folder, name), root))
    return found
