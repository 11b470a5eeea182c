"""rsync where it compares runs here with those there, byte for byte, and copies nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from guild_sync.config.remotes import Remote
from guild_sync.rsync import running
from guild_sync.rsync.argv import compare_argv
from guild_sync.rsync.failures import (
    PARTIAL,
    VANISHED,
    blamed,
    failure,
    in_the_way,
    reason_of,
    unreadable,
)
from guild_sync.rsync.output import Figures, OnProgress, name_of
from guild_sync.rsync.parts import LeftOut, Part, listed, names_of, parts

# What rsync would do with which kind of thing, what of it differs, its size, its name.
_TOLD = re.compile(
    rb"(?P<act>[<>ch.])(?P<kind>[fdL])(?P<what>.{9}) (?P<size>\d{1,20}) (?P<name>.+)"
)


class Compared:
    """What rsync has told of one run: how much it has compared, and what is not the same here."""

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        self.differing: list[str] = []  # paths of what is here, and is another
        self.lacking: list[str] = []  # of what is not here; a folder's ends in a slash


class Comparison(NamedTuple):
    """What became of it: of each run that rsync has looked at, and why it could not, of all it has.

    `unreadable`: of each run the paths that its host may not read, as far as rsync says so.
    """

    runs: Mapping[str, Compared]
    faults: Mapping[str, str]
    unreadable: Mapping[str, Sequence[str]]


def compare(
    remote: Remote,
    runs_there: str,
    ids: Sequence[str],
    runs_here: Path,
    reading: int,
    left_out: LeftOut,
    on_progress: OnProgress | None = None,
) -> Comparison:
    """Hold the files of the runs here against those there; `reading` has the bytes of all.

    Both ends read all that both have, and nothing is written. Raises as `rsync.pull`.
    """
    read = 0

    def tell(size: int) -> None:
        nonlocal read
        read += size
        if on_progress:
            on_progress(Figures(read, min(1.0, read / reading) if reading else 1.0, "", ""))

    moved = {i: os.path.realpath(runs_here / i) for i in ids if (runs_here / i).is_symlink()}
    found: dict[str, Compared] = {}
    faults: dict[str, str] = {}
    unread: dict[str, list[str]] = {}
    for part in parts(ids, moved, str(runs_here)):
        reader = _Reader(part, found, tell)
        with listed(left_out, part) as file:
            here = Path(part.target)
            argv = compare_argv(remote, runs_there, here, reading, file, part.is_moved)
            names = names_of(part.ids, part.is_moved)
            done = running.run(argv, reader.feed, stdin=names)
        if done.code not in (0, PARTIAL, VANISHED):
            raise failure(remote, done)
        if done.code:
            folders = (runs_there, part.target)
            of_part, complaints = unreadable(done.stderr, part.ids, folders)
            unread.update(of_part)
            blocked, complaints = in_the_way(complaints)
            reader.take_blocked(blocked)
            is_known = bool(of_part or blocked)
            if not is_known or "rsync: " in complaints:  # else that is all that it could not do
                named, suspects = blamed(complaints, part.ids, folders)
                faults.update(dict.fromkeys(suspects, reason_of(complaints)))
                faults.update(named)
    return Comparison(found, faults, unread)


class _Reader:
    """Takes rsync's stdout as it comes, a line for each file, of which there may be millions."""

    def __init__(
        self, part: Part, found: dict[str, Compared], on_read: Callable[[int], None]
    ) -> None:
        self._part = part
        self._ids = frozenset(part.ids)
        self._found = found
        self._on_read = on_read
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        told = [match for line in lines if (match := _TOLD.fullmatch(line))]
        for match in told:
            self._take(match)
        self._on_read(sum(int(match["size"]) for match in told if match["kind"] == b"f"))

    def take_blocked(self, names: Sequence[str]) -> None:
        """Take the names of what has a folder in its place here: no line of stdout tells of it."""
        for name in names:
            run_id, path = self._part.found(name_of(name.encode()))
            if run_id in self._ids:
                self._found.setdefault(run_id, Compared()).differing.append(path)

    def _take(self, told: re.Match[bytes]) -> None:
        run_id, path = self._part.found(name_of(told["name"]))
        if run_id not in self._ids:
            return
        compared = self._found.setdefault(run_id, Compared())
        if told["kind"] == b"f":
            compared.files += 1
            compared.bytes += int(told["size"])
        if told["act"] == b".":  # its time or its mode differs at most
            return
        is_new = told["what"].startswith(b"+")
        (compared.lacking if is_new else compared.differing).append(path)
