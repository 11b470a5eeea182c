"""rsync: its argv, what its exit codes mean, and its progress."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from guild_sync import process, ssh
from guild_sync.board import Figures, OnProgress
from guild_sync.config import Remote
from guild_sync.errors import GuildError, Incomplete, RemoteError, Unreachable

# rsyncs that take a partial copy apart, to find the one run in thousands that it is about.
_MOST_PARTS = 32

LEAST_VERSION = (3, 1)  # --info=progress2

# Exit codes, rsync(1) "EXIT VALUES".
PROTOCOL = 2  # "is your shell clean?": something printed into the connection
FILE_IO = 11
STREAM_ERROR = 12
PARTIAL = 23
VANISHED = 24  # normal for a run that is running
COMMAND_NOT_FOUND = 127
_CONNECTION = (STREAM_ERROR, 10, 30, 35, ssh.CONNECTION_FAILED)
_INTERRUPTED = (19, 20)

IO_TIMEOUT = 60  # seconds without a byte after which rsync gives up

# What a copy takes from a run, and how: no owner, no device, no setuid or sticky bit,
# nothing that its owner could not read or change, no link out of the runs.
_COPY_OPTIONS = (
    "--recursive",
    "--links",
    "--safe-links",
    "--times",
    # Whole seconds are too coarse: a run may start twice in one, and a time is as long as another.
    "--modify-window=-1",
    "--perms",
    "--chmod=Du+rwx,Fu+rw,ug-s,o-wt",
    # Bytes, and names: without those it does not tell which links lead out of the runs.
    "--info=stats1,name1,symsafe1",
    "--no-human-readable",  # its figures as plain numbers
)
# Marks say what a run is on its own host; what it is here, `transfer` writes.
_NOT_COPIED = ("/*/.guild/LOCK*", "/*/.guild/PENDING", "/*/.guild/STAGED", "/*/.guild/job-packages")

LeftOut = Mapping[str, Sequence[str]]  # run id -> paths in it


class Copied(NamedTuple):
    """What became of a copy: why for each run that is not whole, and bytes on the wire."""

    faults: dict[str, str]
    bytes: int = 0
    links: Mapping[str, list[list[str]]] = {}  # run id -> path and target of each not copied


_RUN_ID = re.compile(r"\b[0-9a-f]{32}\b")
# What is done with a file, its size, its name: `>f+++++++++ 12 RUN/model`.
_OUT_FORMAT = "%i %l %n"
_PLANNED = re.compile(r"[<>]f\S* (?P<size>\d+) (?P<run>[0-9a-f]{32})/")
_UNSAFE = re.compile(
    r'^ignoring unsafe symlink "(?P<run>[0-9a-f]{32})/(?P<path>.*)" '
    r'-> "(?P<target>.*)"$',
    re.M,
)
_TOLD = (b"sent ", b"ignoring unsafe symlink ")
_MOST_LINKS = 1000  # of a run
_TRAFFIC = re.compile(rb"^sent (\d+) bytes  received (\d+) bytes", re.M)
# What --info=progress2 shows; its separators are those of the locale.
_PROGRESS = re.compile(rb"\s*([\d,.]+)\s+(\d+)%\s+(\S+)\s+(\S+)")


def base_argv(remote: Remote) -> tuple[str, ...]:
    """What every rsync of ours has in common."""
    argv = [
        "rsync",
        f"--timeout={remote.timeout or IO_TIMEOUT}",
        "-s",
    ]  # -s: remote paths are not for a shell
    argv += ["-e", ssh.rsync_shell(remote)]
    if remote.bwlimit:
        argv.append(f"--bwlimit={remote.bwlimit}")
    if remote.compress:
        argv.append("--compress")
    return tuple(argv)


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
) -> tuple[str, ...]:
    """The argv that copies the runs whose ids are on its stdin from there to here.

    Files that are not whole yet are in the folder `temporary`, within `runs_here`.
    With `delete` it removes what else is in those runs here, last of all. `left_out` is a
    file with patterns of what is not copied, and not removed. With `copy_links` the file or
    folder that a link out of the runs leads to comes in its place.
    """
    source, target = place(remote, runs_there), str(runs_here)
    within = os.path.relpath(temporary, runs_here)
    argv = _copy_argv(remote, source, target, within, delete, left_out)
    swapped = {"--safe-links": "--copy-unsafe-links"} if copy_links else {}
    return tuple(swapped.get(word, word) for word in argv)


def push_argv(
    remote: Remote, runs_here: Path, runs_there: str, temporary: str, delete: bool = False
) -> tuple[str, ...]:
    """As `pull_argv`, from here to there."""
    source, target = str(runs_here), place(remote, runs_there)
    return _copy_argv(remote, source, target, os.path.relpath(temporary, runs_there), delete)


def _copy_argv(
    remote: Remote,
    source: str,
    target: str,
    temporary: str,
    delete: bool,
    left_out: Path | None = None,
) -> tuple[str, ...]:
    return (
        *base_argv(remote),
        *_COPY_OPTIONS,
        # With --files-from it looks into the folders that are named there alone: not at
        # other runs, nor at one that the source has no more. What is excluded stays.
        *(["--delete-delay"] if delete else []),
        "--files-from=-",
        "--from0",
        *(f"--exclude={pattern}" for pattern in _NOT_COPIED),
        *([f"--exclude-from={left_out}"] if left_out else []),
        # Relative: of an absolute one rsync 3.5 opens each folder anew, for each file.
        f"--temp-dir={temporary}",
        "--",
        f"{source}/",
        f"{target}/",
    )


def pull(
    remote: Remote,
    runs_there: str,
    ids: Sequence[str],
    runs_here: Path,
    temporary: Path,
    on_progress: OnProgress | None = None,
    delete: bool = False,
    left_out: LeftOut | None = None,
    copy_links: bool = False,
) -> Copied:
    """Copy the runs; a run that makes rsync call the copy partial keeps no other from it.

    `on_progress` is told how far it is.
    Raises Unreachable where the connection fails, RemoteError and GuildError for what
    stops all of them.
    """
    with _listed(left_out or {}) as file:
        argv = pull_argv(remote, runs_there, runs_here, temporary, delete, file, copy_links)
        return _copy(remote, argv, ids, on_progress, sending=False)


@contextmanager
def _listed(left_out: LeftOut) -> Iterator[Path | None]:
    """A file with what is left out, as patterns of rsync's for these paths and no others."""
    patterns = [
        _pattern(f"/{run_id}/{path}") for run_id, paths in left_out.items() for path in paths
    ]
    if not patterns:
        yield None
        return
    with tempfile.NamedTemporaryFile(prefix="guild-") as file:
        file.write(b"".join(os.fsencode(pattern) + b"\0" for pattern in patterns))
        file.flush()
        yield Path(file.name)


def _pattern(path: str) -> str:
    # A backslash stands for itself where there is nothing that it could escape: rsync(1).
    return re.sub(r"([\\*?[])", r"\\\1", path) if re.search(r"[*?[]", path) else path


class Amount(NamedTuple):
    """Files that a copy would bring, and their sizes together, in bytes."""

    files: int = 0
    bytes: int = 0


def plan(
    remote: Remote,
    runs_there: str,
    ids: Sequence[str],
    runs_here: Path,
    left_out: LeftOut | None = None,
) -> dict[str, Amount]:
    """What `pull` would bring of each of the runs; nothing is changed.

    Raises as `pull` does, and GuildError where rsync cannot look at all of it.
    """
    with _listed(left_out or {}) as file:
        argv = pull_argv(remote, runs_there, runs_here, runs_here, left_out=file)
        argv = (argv[0], "--dry-run", f"--out-format={_OUT_FORMAT}", *argv[1:])
        done = _tried(argv, ids, None, kept=(b"<f", b">f"))
    if done.code not in (0, VANISHED, PARTIAL):
        raise failure(remote, done)
    found = dict.fromkeys(ids, Amount())
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        match = _PLANNED.match(line)
        if match and match["run"] in found:
            before = found[match["run"]]
            found[match["run"]] = Amount(before.files + 1, before.bytes + int(match["size"]))
    return found


def push(
    remote: Remote,
    runs_here: Path,
    ids: Sequence[str],
    runs_there: str,
    temporary: str,
    on_progress: OnProgress | None = None,
    delete: bool = False,
) -> Copied:
    """As `pull`, from here to there."""
    argv = push_argv(remote, runs_here, runs_there, temporary, delete)
    return _copy(remote, argv, ids, on_progress, sending=True)


def _copy(
    remote: Remote,
    argv: Sequence[str],
    ids: Sequence[str],
    on_progress: OnProgress | None,
    *,
    sending: bool,
) -> Copied:
    faults: dict[str, str] = {}
    links: dict[str, list[list[str]]] = {}
    traffic = 0
    groups = [list(ids)]
    for _ in range(_MOST_PARTS):
        if not groups:
            break
        group = groups.pop()
        done = _tried(argv, group, on_progress)
        traffic += _traffic(done.stdout)
        links.update(_links(done.stdout))
        if done.code in (0, VANISHED):
            continue
        if done.code != PARTIAL:
            raise failure(remote, done, sending=sending)
        blamed, suspects = _blamed(done.stderr, group)
        faults.update(blamed)
        if len(suspects) == 1:
            faults[suspects[0]] = _reason(done.stderr)
        elif suspects:  # rsync does not say which: each half by itself, down to one run
            middle = len(suspects) // 2
            groups += [suspects[middle:], suspects[:middle]]
    for run_id in (run_id for group in groups for run_id in group):
        faults[run_id] = _reason(done.stderr)
    return Copied(faults, traffic, links)


def _links(stdout: bytes) -> dict[str, list[list[str]]]:
    """The links that rsync says it has left out, as they lead out of the runs."""
    found: dict[str, list[list[str]]] = {}
    for match in _UNSAFE.finditer(stdout.decode("utf-8", "replace")):
        of_run = found.setdefault(match["run"], [])
        if len(of_run) < _MOST_LINKS:
            of_run.append([match["path"], match["target"]])
    return found


def _tried(
    argv: Sequence[str],
    ids: Sequence[str],
    on_progress: OnProgress | None,
    kept: tuple[bytes, ...] = _TOLD,
) -> process.Completed:
    """How rsync ended for these runs; of its stdout, the lines that begin with one of `kept`."""
    names = "".join(f"{run_id}\0" for run_id in ids).encode()
    if on_progress:
        argv = (argv[0], "--info=progress2", "--no-inc-recursive", *argv[1:])
    for _ in range(2):
        lines = _Lines(kept, on_progress)
        done = process.run(argv, stdin=names, on_output=lines.feed)
        if done.code != VANISHED:  # what vanished is looked for once more
            break
    return done._replace(stdout=b"\n".join(lines.kept))


class _Lines:
    """Takes rsync's stdout as it comes: it names each file, and there may be millions."""

    def __init__(self, kept: tuple[bytes, ...], on_progress: OnProgress | None) -> None:
        self.kept: list[bytes] = []
        self._wanted = kept
        self._on_progress = on_progress
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        *lines, self._rest = re.split(b"[\r\n]", self._rest + chunk)
        for line in lines:
            if line.startswith(self._wanted):
                self.kept.append(line)
            elif self._on_progress and (match := _PROGRESS.match(line)):
                self._on_progress(_figures(match))


def _traffic(stdout: bytes) -> int:
    """The bytes that rsync says it has sent and received."""
    return sum(int(number) for found in _TRAFFIC.findall(stdout) for number in found)


def _figures(match: re.Match[bytes]) -> Figures:
    count, percent, speed, left = (group.decode("ascii", "replace") for group in match.groups())
    return Figures(int(re.sub("[,.]", "", count)), int(percent) / 100, speed, left)


def _blamed(stderr: str, ids: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The runs that rsync's words are about, with the words; and those that they may be about.

    The latter are none where every complaint names its run.
    """
    ids = list(ids)
    faults: dict[str, str] = {}
    vague = False
    for line in stderr.splitlines():
        named = [run_id for run_id in _RUN_ID.findall(line) if run_id in ids]
        vague = vague or (line.startswith("rsync:") and not named)
        for run_id in named:
            faults.setdefault(run_id, line.strip())
    if faults and not vague:
        return faults, []
    return faults, [run_id for run_id in ids if run_id not in faults]


def send_folder(remote: Remote, folder: Path, target: str) -> None:
    """Copy the files of `folder` into the folder `target` there, which is made."""
    _send(remote, "--recursive", "--times", "--exclude=__pycache__", f"{folder}/", target=target)


def send_file(remote: Remote, file: Path, target: str) -> None:
    """Copy one file into the folder `target` there."""
    _send(remote, "--times", str(file), target=target)


def _send(remote: Remote, *argv: str, target: str) -> None:
    *options, source = argv
    command = (*base_argv(remote), *options, "--", source, place(remote, target) + "/")
    done = process.run(command)
    if done.code not in (0, VANISHED):
        raise failure(remote, done, sending=True)


def failure(remote: Remote, done: process.Completed, *, sending: bool = False) -> GuildError:
    """What a failed rsync means for the user, and what to do.

    The receiver, whose disk can be full, is there when `sending`, and here otherwise.
    """
    where = f"remote {remote.name!r}"
    said = done.stderr
    if done.code == COMMAND_NOT_FOUND or re.search(r"rsync: (command )?not found", said):
        return RemoteError(
            f"there is no rsync on {where}",
            "Install it there, for example: apt install rsync",
        )
    if "No space left on device" in said or "Disk quota exceeded" in said:
        side = f"on {where}" if sending else "here"
        return GuildError(f"the disk {side} is full: {_reason(said)}", "Make room, and try again.")
    if done.code == PROTOCOL and "is your shell clean" in said:
        return RemoteError(
            f"the login shell on {where} prints text where no person is watching",
            "Have its start-up files (.bashrc and the like) print only where [ -t 1 ].",
        )
    if done.code == ssh.CONNECTION_FAILED:
        # What rsync says then only follows from what ssh has said.
        of_ssh = [line for line in said.splitlines() if not line.startswith("rsync")]
        return ssh.failure(remote, "\n".join(of_ssh) or said)
    if done.code in _CONNECTION:
        return Unreachable(f"the connection to {where} was lost: {_reason(said)}")
    if done.code == PARTIAL:
        return Incomplete(f"not everything was copied: {_reason(said)}")
    if done.code in _INTERRUPTED or done.code < 0:
        return Incomplete(f"the copying was interrupted (rsync ended with {done.code})")
    return GuildError(f"rsync failed with {where} (exit status {done.code}): {_reason(said)}")


def _reason(stderr: str) -> str:
    """The line that says why: the first of rsync's, which its later ones only sum up."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("rsync:")]
    return (told or lines or ["it gave no reason"])[0]
