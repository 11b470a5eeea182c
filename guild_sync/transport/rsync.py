"""rsync: its argv, what its exit codes mean, and its progress."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from guild_sync.config.remotes import Remote
from guild_sync.errors import GuildError, Incomplete
from guild_sync.transport import process
from guild_sync.transport.rsync_argv import (
    OUT_FORMAT,
    base_argv,
    environment,
    place,
    pull_argv,
    push_argv,
)
from guild_sync.transport.rsync_failures import (
    PARTIAL,
    VANISHED,
    blamed,
    failure,
    reason_of,
    unreadable,
)

# rsyncs that take a partial copy apart, to find the one run in thousands that it is about.
_MOST_PARTS = 32

LEAST_VERSION = (3, 1)  # --info=progress2

LeftOut = Mapping[str, Sequence[str]]  # run id -> paths in it


class Copied(NamedTuple):
    """What became of a copy: why for each run that is not whole, and bytes on the wire."""

    faults: dict[str, str]
    bytes: int = 0
    links: Mapping[str, list[tuple[str, str]]] = {}  # run id -> path and target of each not copied
    files: Mapping[str, list[str]] = {}  # run id -> paths of the files that came, of a pull
    unreadable: Mapping[str, list[str]] = {}  # run id -> paths that their host may not read


_PLANNED = r"[<>]f\S* (?P<size>\d+) (?P<name>.*)"
_UNSAFE = r'(?m)^ignoring unsafe symlink "(?P<name>.*)" -> "(?P<target>.*)"$'
# What comes: files, further names of them, links.
_CAME = re.compile(rb"^(?:>f|hf|cL)\S* \d+ (?P<name>.*)$", re.M)
_TOLD = (b"sent ", b"ignoring unsafe symlink ", b">f", b"hf", b"cL")
_MOST_LINKS = 1000  # of a run
_TRAFFIC = re.compile(rb"^sent (\d+) bytes  received (\d+) bytes", re.M)
# What --info=progress2 shows; its separators are those of the locale.
_PROGRESS = rb"\s*([\d,.]+)\s+(\d+)%\s+(\S+)\s+(\S+)"


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
    removable: Mapping[str, Sequence[str]] | None = None,
    moved: Mapping[str, str] = {},
    bare: Collection[str] = (),
    is_full: Callable[[], bool] | None = None,
    reading: int | None = None,
) -> Copied:
    """Copy the runs; a run that makes rsync call the copy partial keeps no other from it.

    Where `removable` has paths of a run, these are removed that it has no more there.
    `on_progress` is told how far it is. `moved` has where a run lies that is a link here. Of runs
    that are `bare` metadata and output come, and nothing else. With `reading`, their bytes, what
    differs comes though its size and time do not. The copy is ended once `is_full` says that
    there is no room here for more.
    Raises Unreachable where the connection fails, Incomplete where there is no room, RemoteError
    and GuildError for what stops all of them.
    """
    done = []
    for part in parts(ids, moved, str(runs_here)):
        with listed(left_out or {}, part, bare) as file, _rules(removable or {}, part) as rules:
            argv = pull_argv(
                remote,
                runs_there,
                Path(part.target),
                temporary,
                delete,
                file,
                copy_links,
                rules,
                part.is_moved,
                reading,
            )
            # What is replaced is of runs that have ended: no mark says that they are not whole.
            flushed = ["--fsync"] if reading is not None and _can_flush() else []
            argv = (argv[0], *flushed, f"--out-format={OUT_FORMAT}", *argv[1:])
            folders = (runs_there, part.target)
            done.append(_copy(remote, argv, part, folders, on_progress, is_full))
    return _together(done)


def _can_flush() -> bool:
    """Whether rsync here can have a file on the disk before it gets its name: from 3.2.4 on."""
    return b"--fsync" in process.run(("rsync", "--help")).stdout


class Part(NamedTuple):
    """The runs that one rsync copies, and where to: the runs' folder, or that of a moved one."""

    ids: Sequence[str]
    target: str
    is_moved: bool = False

    def top(self, run_id: str) -> str:
        """What the paths of a run begin with, as rsync's rules have them."""
        return "" if self.is_moved else f"/{run_id}"

    def found(self, name: str) -> tuple[str, str]:
        """The run that a file is in which rsync names, and its path there."""
        if self.is_moved:
            return self.ids[0], name
        run_id, _, path = name.partition("/")
        return run_id, path


def parts(ids: Sequence[str], moved: Mapping[str, str], target: str) -> Iterator[Part]:
    """What one rsync each copies of these runs: those in `target`, and each that was moved."""
    if others := [run_id for run_id in ids if run_id not in moved]:
        yield Part(others, target)
    for run_id in ids:
        if run_id in moved:
            yield Part([run_id], moved[run_id], is_moved=True)


def _together(parts: Sequence[Copied]) -> Copied:
    faults = {run_id: why for part in parts for run_id, why in part.faults.items()}
    links = {run_id: found for part in parts for run_id, found in part.links.items()}
    files = {run_id: found for part in parts for run_id, found in part.files.items()}
    unread = {run_id: found for part in parts for run_id, found in part.unreadable.items()}
    return Copied(faults, sum(part.bytes for part in parts), links, files, unread)


def listed(
    left_out: LeftOut, part: Part, bare: Collection[str] = ()
) -> AbstractContextManager[Path | None]:
    """A file with what is left out, as patterns of rsync's for these paths and no others."""
    patterns = [_pattern(f"{part.top(i)}/{path}") for i in part.ids for path in left_out.get(i, ())]
    for run_id in part.ids:
        if run_id in bare:
            patterns += [f"+ {part.top(run_id)}/.guild", f"- {part.top(run_id)}/*"]
    for pattern in patterns:  # another NUL in one would make two rules of it (--from0)
        if "\0" in pattern:
            raise GuildError(f"a file cannot be left out of a copy: its name is {pattern!r}")
    return _written(patterns)


def _rules(
    removable: Mapping[str, Sequence[str]], part: Part
) -> AbstractContextManager[Path | None]:
    """A file of rules by which --delete removes these paths, and nothing else."""
    risks = []
    for run_id in part.ids:
        top = part.top(run_id)
        paths = [f"{top}/{path}" for path in removable.get(run_id, ())]
        # A folder can go only where what is in it may: it stays while anything else is there.
        begin = len(top) + 1
        folders = {path[:at] for path in paths for at in range(begin, len(path)) if path[at] == "/"}
        risks += [f"R {_pattern(path)}" for path in (*paths, *sorted(folders))]
    return _written([*risks, "P *"] if risks else [])


@contextmanager
def _written(patterns: Sequence[str]) -> Iterator[Path | None]:
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
    """Files that a copy would bring, and their sizes together, in bytes.

    `own`: of these, what is neither metadata nor output.
    """

    files: int = 0
    bytes: int = 0
    own: int = 0


def plan(
    remote: Remote,
    runs_there: str,
    ids: Sequence[str],
    runs_here: Path,
    left_out: LeftOut | None = None,
    reading: int | None = None,
) -> dict[str, Amount]:
    """What `pull` would bring of each of the runs; nothing is changed.

    Raises as `pull` does, and GuildError where rsync cannot look at all of it.
    """
    moved = {i: os.path.realpath(runs_here / i) for i in ids if (runs_here / i).is_symlink()}
    found = dict.fromkeys(ids, Amount())
    for part in parts(ids, moved, str(runs_here)):
        with listed(left_out or {}, part) as file:
            here, is_moved = Path(part.target), part.is_moved
            argv = pull_argv(
                *(remote, runs_there, here, here),
                left_out=file,
                is_moved=is_moved,
                reading=reading,
            )
            argv = (argv[0], "--dry-run", f"--out-format={OUT_FORMAT}", *argv[1:])
            done = _tried(argv, part.ids, None, is_moved, kept=(b"<f", b">f"))
        if done.code not in (0, VANISHED, PARTIAL):
            raise failure(remote, done)
        for line in done.stdout.decode("utf-8", "replace").splitlines():
            match = re.match(_PLANNED, line)
            run_id, path = part.found(match["name"]) if match else ("", "")
            if match and run_id in found:
                before, size = found[run_id], int(match["size"])
                own = 0 if path.startswith(".guild/") else size
                found[run_id] = Amount(before.files + 1, before.bytes + size, before.own + own)
    return found


def push(
    remote: Remote,
    runs_here: Path,
    ids: Sequence[str],
    runs_there: str,
    temporary: str,
    on_progress: OnProgress | None = None,
    delete: bool = False,
    moved: Mapping[str, str] = {},
    left_out: LeftOut | None = None,
) -> Copied:
    """As `pull`, from here to there; `moved` has where runs lie that are links there."""
    done = []
    for part in parts(ids, moved, runs_there):
        with listed(left_out or {}, part) as file:
            argv = push_argv(remote, runs_here, part.target, temporary, delete, part.is_moved, file)
            folders = (part.target, str(runs_here))
            done.append(_copy(remote, argv, part, folders, on_progress, sending=True))
    return _together(done)


def _copy(
    remote: Remote,
    argv: Sequence[str],
    part: Part,
    folders: Sequence[str],
    on_progress: OnProgress | None,
    is_full: Callable[[], bool] | None = None,
    *,
    sending: bool = False,
) -> Copied:
    faults: dict[str, str] = {}
    links: dict[str, list[tuple[str, str]]] = {}
    files: dict[str, list[str]] = {}
    unread: dict[str, list[str]] = {}
    traffic = 0
    groups = [list(part.ids)]
    for _ in range(_MOST_PARTS):
        if not groups:
            break
        group = groups.pop()
        done = _tried(argv, group, on_progress, part.is_moved, is_full=is_full)
        if done.was_forbidden:
            raise Incomplete(
                f"no room: a copy from {remote.name} was ended before the disk here was full",
                "What has come is kept, and the next sync goes on. Free some of the disk, or have "
                "less of it\nstay free (keep-free in the config file).",
            )
        traffic += _traffic(done.stdout)
        links.update(_links(done.stdout, part))
        for run_id, path in _came(done.stdout, part):
            files.setdefault(run_id, []).append(path)
        if done.code in (0, VANISHED):
            continue
        if done.code != PARTIAL:
            raise failure(remote, done, sending=sending)
        found, complaints = unreadable(done.stderr, group, folders)
        unread.update(found)
        if found and "rsync: " not in complaints:
            continue  # that is all that is missing
        named, suspects = blamed(complaints, group, folders)
        faults.update(named)
        if len(group) == 1 and suspects:
            faults[group[0]] = reason_of(complaints)
        elif suspects:  # rsync does not say which: each half by itself, down to one run
            middle = len(suspects) // 2
            groups += [half for half in (suspects[middle:], suspects[:middle]) if half]
    for run_id in (run_id for group in groups for run_id in group):
        faults[run_id] = reason_of(done.stderr)
    unread = {run_id: paths for run_id, paths in unread.items() if run_id not in faults}
    return Copied(faults, traffic, links, files, unread)


def _came(stdout: bytes, part: Part) -> Iterator[tuple[str, str]]:
    """Run and path of each file that rsync says it has brought."""
    ids = frozenset(part.ids)  # a pull of thousands of runs names each of them many times
    for match in _CAME.finditer(stdout):
        run_id, path = part.found(name_of(match["name"]))
        if run_id in ids:
            yield run_id, path


def names_of(ids: Sequence[str], is_moved: bool) -> bytes:
    """The runs that are meant, as rsync is told of them."""
    # With the slash, the sender goes through a link of its own in a run's place; what comes
    # before `/./` is none of the path at the receiver's end.
    end = "/./" if is_moved else "/"
    return "".join(f"{run_id}{end}\0" for run_id in ids).encode()


def name_of(shown: bytes) -> str:
    """The name of a file that rsync shows."""
    # What is no printable character is `\#012`, its number in octal.
    return os.fsdecode(re.sub(rb"\\#([0-7]{3})", lambda found: bytes([int(found[1], 8)]), shown))


def _links(stdout: bytes, part: Part) -> dict[str, list[tuple[str, str]]]:
    """The links that rsync says it has left out, as they lead out of the runs."""
    ids = frozenset(part.ids)
    found: dict[str, list[tuple[str, str]]] = {}
    if b"ignoring unsafe symlink " not in stdout:  # as most say nothing of them
        return found
    for match in re.finditer(_UNSAFE, stdout.decode("utf-8", "replace")):
        run_id, path = part.found(match["name"])
        if run_id in ids and len(of_run := found.setdefault(run_id, [])) < _MOST_LINKS:
            of_run.append((path, match["target"]))
    return found


def _tried(
    argv: Sequence[str],
    ids: Sequence[str],
    on_progress: OnProgress | None,
    is_moved: bool,
    kept: tuple[bytes, ...] = _TOLD,
    is_full: Callable[[], bool] | None = None,
) -> process.Completed:
    """How rsync ended for these runs; of its stdout, the lines that begin with one of `kept`."""
    names = names_of(ids, is_moved)
    if on_progress:
        argv = (argv[0], "--info=progress2", "--no-inc-recursive", *argv[1:])
    for _ in range(2):
        lines = _Lines(kept, on_progress)
        done = process.run(
            argv, stdin=names, env=environment(), on_output=lines.feed, forbidden=is_full
        )
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
            elif self._on_progress and (match := re.match(_PROGRESS, line)):
                self._on_progress(_figures(match))


def _traffic(stdout: bytes) -> int:
    """The bytes that rsync says it has sent and received."""
    return sum(int(number) for found in _TRAFFIC.findall(stdout) for number in found)


def _figures(match: re.Match[bytes]) -> Figures:
    count, percent, speed, left = (group.decode("ascii", "replace") for group in match.groups())
    return Figures(int(re.sub("[,.]", "", count)), int(percent) / 100, speed, left)


def send_folder(remote: Remote, folder: Path, target: str) -> None:
    """Copy the files of `folder` into the folder `target` there, which is made."""
    _send(remote, "--recursive", "--times", "--exclude=__pycache__", f"{folder}/", target=target)


def send_named(remote: Remote, files: Mapping[str, Path], target: str) -> None:
    """Copy files into the folder `target` there, which is there, each under its new name."""
    with tempfile.TemporaryDirectory(prefix="guild-") as folder:
        for name, path in files.items():
            os.symlink(path.absolute(), os.path.join(folder, name))
        _send(remote, "--recursive", "--copy-links", f"{folder}/", target=target)


def _send(remote: Remote, *argv: str, target: str) -> None:
    *options, source = argv
    command = (*base_argv(remote), *options, "--", source, place(remote, target) + "/")
    done = process.run(command, env=environment())
    if done.code not in (0, VANISHED):
        raise failure(remote, done, sending=True)


class Figures(NamedTuple):
    """How far a copy is, in rsync's own figures."""

    bytes: int
    part: float  # of the bytes that are known by now, from 0 to 1
    speed: str  # such as `1.05MB/s`
    left: str  # the time that is left, such as `0:00:12`


OnProgress = Callable[[Figures], None]
