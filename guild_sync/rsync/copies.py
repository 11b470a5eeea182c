"""Runs copied by rsync, here or away; one that makes a copy partial keeps no other from it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from guild_sync.config.remotes import Remote
from guild_sync.errors import Incomplete
from guild_sync.rsync import channels, running
from guild_sync.rsync.argv import OUT_FORMAT, pull_argv, push_argv
from guild_sync.rsync.failures import (
    PARTIAL,
    VANISHED,
    blamed,
    failure,
    had_no_channel,
    reason_of,
    unreadable,
)
from guild_sync.rsync.lanes import Lane, Large, beside, dealt, folders_of, with_lanes
from guild_sync.rsync.output import TOLD, KeptLines, OnProgress, Sum, came, links_of, traffic_of
from guild_sync.rsync.parts import LeftOut, Part, listed, names_of, parts, rules
from guild_sync.transport import question
from guild_sync.transport.process import Completed

T = TypeVar("T")

# rsyncs that take a partial copy apart, to find the one run in thousands that it is about.
_MOST_PARTS = 32
_MOST_TRIES, _MOMENT = 5, 0.2  # to get a channel that others leave, and the seconds between two


class Copied(NamedTuple):
    """What became of a copy: why for each run that is not whole, and bytes on the wire."""

    faults: dict[str, str]
    bytes: int = 0
    links: Mapping[str, list[tuple[str, str]]] = {}  # run id -> path and target of each not copied
    files: Mapping[str, list[str]] = {}  # run id -> paths of the files that came, of a pull
    unreadable: Mapping[str, list[str]] = {}  # run id -> paths that their host may not read


_PLANNED = r"[<>]f\S* (?P<size>\d+) (?P<name>.*)"


class _NoChannel(Exception):
    """The connection that is open took no rsync more."""


class _Way(NamedTuple):
    """The runs that one rsync copies, one way or the other, or several side by side.

    `whole` makes the words of the one that brings all, or all that no lane does, and removes what
    is to go; `lane` those of a lane. `more` are further words of each. `folders` are those of the
    runs, there and here. `is_full` says that there is no room for more.
    """

    remote: Remote
    part: Part
    whole: Callable[..., tuple[str, ...]]
    lane: Callable[..., tuple[str, ...]]
    folders: Sequence[str]
    on_progress: OnProgress | None = None
    more: Sequence[str] = ()
    is_full: Callable[[], bool] | None = None
    sending: bool = False


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
    large: Large | None = None,
    lanes: int = 1,
    sparse: bool = True,
) -> Copied:
    """Copy the runs; a run that makes rsync call the copy partial keeps no other from it.

    Where `removable` has paths of a run, these are removed that it has no more there.
    `on_progress` is told how far it is. `moved` has where a run lies that is a link here. Of runs
    that are `bare` metadata and output come, and nothing else. With `reading`, their bytes, what
    differs comes though its size and time do not. The copy is ended once `is_full` says that
    there is no room here for more. With several `lanes`, so many rsyncs copy side by side, to
    which the `large` files are dealt out. `sparse`: there may be files with holes among them.
    Raises Unreachable where the connection fails, Incomplete where there is no room, RemoteError
    and GuildError for what stops all of them.
    """
    # What is replaced is of runs that have ended: no mark says that they are not whole.
    flushed = ["--fsync"] if reading is not None and _can_flush() else []
    more = (*flushed, f"--out-format={OUT_FORMAT}")
    done = []
    for part in parts(ids, moved, str(runs_here)):
        with rules(removable or {}, part) as may_go:
            lane = partial(
                pull_argv,
                remote,
                runs_there,
                Path(part.target),
                temporary,
                copy_links=copy_links,
                is_moved=part.is_moved,
                reading=reading,
                sparse=sparse,
            )
            whole = partial(lane, delete=delete, rules=may_go)
            folders = (runs_there, part.target)
            way = _Way(remote, part, whole, lane, folders, on_progress, more, is_full)
            done.append(_copied(way, left_out or {}, bare, dealt(part, large or {}, bare, lanes)))
    return _together(done)


def _can_flush() -> bool:
    """Whether rsync here can have a file on the disk before it gets its name: from 3.2.4 on."""
    return b"--fsync" in question.run(("rsync", "--help")).stdout


def _together(copies: Sequence[Copied]) -> Copied:
    faults = {run_id: why for part in copies for run_id, why in part.faults.items()}
    links = {run_id: found for part in copies for run_id, found in part.links.items()}
    files = {run_id: found for part in copies for run_id, found in part.files.items()}
    unread = {run_id: found for part in copies for run_id, found in part.unreadable.items()}
    return Copied(faults, sum(part.bytes for part in copies), links, files, unread)


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
            argv = _with(("--dry-run", f"--out-format={OUT_FORMAT}"), argv)
            done = _tried(argv, names_of(part.ids, is_moved), None, kept=(b"<f", b">f"))
        if done.code not in (0, VANISHED, PARTIAL):
            raise failure(remote, done)
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        planned = [match for line in lines if (match := re.match(_PLANNED, line))]
        sizes = {match["name"]: int(match["size"]) for match in planned}  # a second try: as now
        for name, size in sizes.items():
            run_id, path = part.found(name)
            if run_id in found:
                before = found[run_id]
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
    large: Large | None = None,
    lanes: int = 1,
    sparse: bool = True,
) -> Copied:
    """As `pull`, from here to there; `moved` has where runs lie that are links there."""
    done = []
    for part in parts(ids, moved, runs_there):
        words = partial(push_argv, is_moved=part.is_moved, sparse=sparse)
        lane = partial(words, remote, runs_here, part.target, temporary)
        whole = partial(lane, delete=delete)
        folders = (part.target, str(runs_here))
        way = _Way(remote, part, whole, lane, folders, on_progress, sending=True)
        done.append(_copied(way, left_out or {}, (), dealt(part, large or {}, (), lanes)))
    return _together(done)


def _copied(way: _Way, left_out: LeftOut, bare: Collection[str], shares: Sequence[Lane]) -> Copied:
    """Have the runs copied, side by side where there are `shares` of lanes.

    Whatever a lane could not bring, the last rsync does, alone, and says what is not whole.
    """
    first, is_whole = _side_by_side(way, left_out, bare, shares) if shares else (Copied({}), False)
    if is_whole:
        return first
    with listed(left_out, way.part, bare) as file:
        last = _last(way, file)
    return last._replace(bytes=first.bytes + last.bytes, files=_joined(first.files, last.files))


def _last(way: _Way, left_out: Path | None) -> Copied:
    """What became of the one rsync that works alone."""
    # Lanes that were ended may hold their channels for a moment: no other login for that.
    for _ in range(_MOST_TRIES if channels.are_few(way.remote) else 0):
        with suppress(_NoChannel):
            return _copy(way, left_out, way.on_progress, beside=0)
        time.sleep(_MOMENT)
    return _copy(way, left_out, way.on_progress)


def _side_by_side(
    way: _Way, left_out: LeftOut, bare: Collection[str], shares: Sequence[Lane]
) -> tuple[Copied, bool]:
    """What came by the lanes and the one rsync beside them, and whether that is all."""
    part, others, folders = way.part, len(shares), folders_of(shares)
    total = Sum(way.on_progress) if way.on_progress else None
    progress = {lane: total.part(lane.bytes) for lane in shares} if total else {}

    def bring(lane: Lane, is_over: Callable[[], bool]) -> Completed:
        return _tried(
            _with(way.more, way.lane(left_out=no_links, beside=others)),
            part.names_of_files(lane.files),
            progress.get(lane),
            is_full=lambda: is_over() or bool(way.is_full and way.is_full()),
            sending=way.sending,
        )

    first, is_whole = Copied({}), False
    with (
        listed({}, part, folders=folders) as no_links,
        listed(with_lanes(left_out, shares), part, bare, folders) as file,
        beside(way.remote, shares, bring) as lanes,
    ):
        try:
            first = _copy(way, file, total.part() if total else None, others)
            is_whole = lanes.have_all()
        except _NoChannel:
            channels.refused(way.remote, 1)
    stdout = b"\n".join(lanes.told)
    files = _joined(first.files, _files_of(stdout, part))
    links = _joined(first.links, links_of(stdout, part))
    count = first.bytes + traffic_of(stdout)
    return first._replace(bytes=count, files=files, links=links), is_whole


def _files_of(stdout: bytes, part: Part) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for run_id, path in dict.fromkeys(came(stdout, part)):  # a second try may bring it again
        files.setdefault(run_id, []).append(path)
    return files


def _joined(one: Mapping[str, list[T]], other: Mapping[str, list[T]]) -> dict[str, list[T]]:
    return {i: [*one.get(i, ()), *other.get(i, ())] for i in (*one, *other)}


def _with(more: Sequence[str], argv: Sequence[str]) -> tuple[str, ...]:
    return (argv[0], *more, *argv[1:])


def _copy(
    way: _Way, left_out: Path | None, on_progress: OnProgress | None, beside: int | None = None
) -> Copied:
    """What became of one rsync for all of the runs, with so many lanes beside it.

    Raises _NoChannel where it was to join the connection that is open, and could not.
    """
    remote, part, folders = way.remote, way.part, way.folders
    argv = _with(way.more, way.whole(left_out=left_out, beside=beside))
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
        names = names_of(group, part.is_moved)
        done = _tried(argv, names, on_progress, is_full=way.is_full, sending=way.sending)
        if done.was_forbidden:
            raise Incomplete(
                f"no room: a copy from {remote.name} was ended before the disk here was full",
                "What has come is kept, and the next sync goes on. Free some of the disk, or have "
                "less of it\nstay free (keep-free in the config file).",
            )
        traffic += traffic_of(done.stdout)
        links.update(links_of(done.stdout, part))
        files = _joined(files, _files_of(done.stdout, part))
        if done.code in (0, VANISHED):
            continue
        if done.code != PARTIAL:
            if beside is not None and had_no_channel(done):
                raise _NoChannel
            raise failure(remote, done, sending=way.sending)
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


def _tried(
    argv: Sequence[str],
    names: bytes,
    on_progress: OnProgress | None,
    kept: tuple[bytes, ...] = TOLD,
    is_full: Callable[[], bool] | None = None,
    sending: bool = False,
) -> Completed:
    """How rsync ended for these names; of its stdout, the lines that begin with one of `kept`."""
    if on_progress:
        argv = _with(("--info=progress2", "--no-inc-recursive"), argv)
    told: list[bytes] = []
    for _ in range(2):
        lines = KeptLines(kept, on_progress)
        done = running.run(argv, lines.feed, stdin=names, forbidden=is_full, sending=sending)
        told += lines.kept
        if done.code != VANISHED:  # what vanished is looked for once more
            break
    return done._replace(stdout=b"\n".join(told))
