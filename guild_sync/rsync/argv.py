"""The words of an rsync command, for each way that files go."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from guild_sync.agent.protocol import CACHE, NOTES
from guild_sync.config.remotes import FAST, YES, Remote
from guild_sync.transport import ssh_config

LEAST_VERSION = (3, 1)  # --info=progress2
IO_TIMEOUT = 60  # seconds without a byte after which rsync gives up
# Where files are compared rsync sends nothing while it reads them: at so many bytes a second at
# least, and for so many seconds at most, as it is the remote that says how much there is.
SLOWEST_READ = 10_000_000
LONGEST_READ = 24 * 3600
_TIMEOUT = "--timeout="
# Bytes that a sender may read, and find to be here already, before it says a word of it: some
# thousand of the largest blocks that rsync has, behind each of which comes a word of four bytes.
UNSAID = 1 << 30
OUT_FORMAT = "%i %l %n"  # what is done with a file, its size, its name: `>f+++++++++ 12 RUN/model`

# What a copy takes from a run, and how: no owner, no device, no setuid or sticky bit,
# nothing that its owner could not read or change, no link out of the runs.
_COPY_OPTIONS = (
    "--recursive",
    "--links",
    "--safe-links",
    "--hard-links",  # two names of one file stay that
    "--times",
    # Whole seconds are too coarse: a run may start twice in one, and a time is as long as another.
    "--modify-window=-1",
    "--perms",
    "--chmod=Du+rwx,Fu+rw,ug-s,o-wt",
    # Bytes, and names: without those it does not tell which links lead out of the runs.
    "--info=stats1,name1,symsafe1",
    "--no-human-readable",  # its figures as plain numbers
)
# Holes stay holes, so that a file takes no more room than it does there. Of a file without any it
# costs a quarter of the copy over a fast line: rsync then writes 1 KB at a time.
_SPARSE = "--sparse"
# Marks say what a run is on its own host; what it is here, `transfer` writes. Caches are no
# output. What is left out here, stamps must leave out too (agent/copies/stamps.py).
_NOT_COPIED = (
    *(".guild/LOCK*", ".guild/PENDING", ".guild/STAGED", ".guild/job-packages"),
    # What people wrote is merged (agent/copies/notes.py), and never written over.
    *(f".guild/attrs/{name}" for name in NOTES),
)


def silence_of(argv: Sequence[str]) -> float:
    """The seconds for which an rsync with these words, which gets files, may read and do nothing.

    Its `--timeout` does not end it: that its own words go out is enough for it.
    """
    (told,) = [word for word in argv if word.startswith(_TIMEOUT)]
    return float(told[len(_TIMEOUT) :]) + UNSAID / SLOWEST_READ


def environment() -> dict[str, str]:
    """The environment for every rsync of ours: what it reads as options of its own is not in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RSYNC_")}


def base_argv(remote: Remote, reading: int = 0, beside: int | None = None) -> tuple[str, ...]:
    """What every rsync of ours has in common; `reading` has the bytes that it reads to compare.

    Where it has to join the connection that is open, `beside` has how many others work for the
    same copy.
    """
    silent = (remote.timeout or IO_TIMEOUT) + min(reading // SLOWEST_READ, LONGEST_READ)
    argv = [
        "rsync",
        f"{_TIMEOUT}{silent}",
        "-s",
    ]  # -s: remote paths are not for a shell
    argv += ["-e", ssh_config.rsync_shell(remote, joins=beside is not None)]
    if remote.bwlimit:
        argv.append(f"--bwlimit={_share(remote.bwlimit, (beside or 0) + 1)}")
    if remote.rsync_path:
        argv.append(f"--rsync-path={remote.rsync_path}")
    if remote.compress in (YES, FAST):
        argv.append("--compress")
    if remote.compress == FAST:
        argv.append("--compress-level=1")  # of zstd, on which the two rsyncs agree by themselves
    return tuple(argv)


def _share(rate: str, of: int) -> str:
    """An equal part of a rate, in rsync's words."""
    number, unit = re.split(r"(?<=[\d])(?![\d.])", rate, maxsplit=1)
    return rate if of == 1 else f"{float(number) / of:.4f}{unit}"


def place(remote: Remote, path: str) -> str:
    """`path` on `remote`, as rsync names it."""
    host = f"[{remote.host}]" if ":" in remote.host else remote.host
    return f"{host}:{path}"


def pull_argv(
    remote: Remote,
    runs_there: str,
    runs_here: Path,
    temporary: Path,
    delete: bool = False,
    left_out: Path | None = None,
    copy_links: bool = False,
    rules: Path | None = None,
    is_moved: bool = False,
    reading: int | None = None,
    beside: int | None = None,
    sparse: bool = True,
) -> tuple[str, ...]:
    """The argv that copies the runs whose ids are on its stdin from there to here.

    Files that are not whole yet are in the folder `temporary`, within `runs_here`.
    With `delete` it removes what else is in those runs here, last of all. `left_out` is a
    file with patterns of what is not copied, and not removed. With `copy_links` the file or
    folder that a link out of the runs leads to comes in its place. `rules` is a file with
    those by which it removes some of what else is in those runs here. With `is_moved`,
    `runs_here` is the directory of the one run that is copied. With `reading`, the bytes of
    those runs, what is in their files is compared, rather than their sizes and times. With
    `beside`, it joins the connection that is open, and so many others work for the same copy.
    Without `sparse`, no file of them has holes.
    """
    source, target = place(remote, runs_there), str(runs_here)
    within = _within(str(temporary), target, is_moved)
    argv = _copy_argv(
        *(remote, source, target, within, delete, left_out, rules, is_moved, reading, beside),
        sparse=sparse,
    )
    # Beside --safe-links, which is what the receiver goes by: a sender may send what it likes.
    return (argv[0], "--copy-unsafe-links", *argv[1:]) if copy_links else argv


def compare_argv(
    remote: Remote,
    runs_there: str,
    runs_here: Path,
    reading: int,
    left_out: Path | None = None,
    is_moved: bool = False,
) -> tuple[str, ...]:
    """The argv that names each file of those runs, and whether it is here as it is there.

    As `pull_argv`, and it writes nothing.
    """
    program, *words = pull_argv(
        remote,
        runs_there,
        runs_here,
        runs_here,
        left_out=left_out,
        is_moved=is_moved,
        reading=reading,
    )
    words.remove("--hard-links")  # of several names of one file it would compare the first alone
    every = ("--itemize-changes", "--itemize-changes")  # twice: what is the same, too
    return (program, "--dry-run", *every, f"--out-format={OUT_FORMAT}", *words)


def push_argv(
    remote: Remote,
    runs_here: Path,
    runs_there: str,
    temporary: str,
    delete: bool = False,
    is_moved: bool = False,
    left_out: Path | None = None,
    beside: int | None = None,
    sparse: bool = True,
) -> tuple[str, ...]:
    """As `pull_argv`, from here to there."""
    source, target = str(runs_here), place(remote, runs_there)
    within = _within(temporary, runs_there, is_moved)
    return _copy_argv(
        *(remote, source, target, within, delete, left_out),
        is_moved=is_moved,
        beside=beside,
        sparse=sparse,
    )


def _within(temporary: str, target: str, is_moved: bool) -> str:
    """The folder for unfinished files, as rsync is to have it."""
    # Relative: of an absolute one rsync 3.5 opens each folder anew, for each file. But it
    # refuses a relative one that leaves the target.
    return temporary if is_moved else os.path.relpath(temporary, target)


def _copy_argv(
    remote: Remote,
    source: str,
    target: str,
    temporary: str,
    delete: bool,
    left_out: Path | None = None,
    rules: Path | None = None,
    is_moved: bool = False,
    reading: int | None = None,
    beside: int | None = None,
    sparse: bool = True,
) -> tuple[str, ...]:
    top = "/" if is_moved else "/*/"
    return (
        *base_argv(remote, reading or 0, beside),
        *_COPY_OPTIONS,
        *([_SPARSE] if sparse else []),
        *(["--checksum"] if reading is not None else []),
        # With --files-from it looks into the folders that are named there alone: not at
        # other runs, nor at one that the source has no more. What is excluded stays.
        *(["--delete-delay"] if delete or rules else []),
        "--files-from=-",
        "--from0",
        *(f"--exclude={top}{pattern}" for pattern in _NOT_COPIED),
        f"--exclude={CACHE}",
        *([f"--exclude-from={left_out}"] if left_out else []),
        *([f"--filter=merge {rules}"] if rules else []),
        f"--temp-dir={temporary}",
        "--",
        f"{source}/",
        f"{target}/",
    )
