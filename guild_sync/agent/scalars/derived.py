"""Scalars that were read from files of a run later, kept below the guild home and never in the run.

A copy has to stay as its run is, and what was read may be lost: it is read again. By run there
is a file of summaries, which a listing reads, and one of points. Of each file that was read they
say what it was then, by its inode, size and times: where it is another by now nothing is told of
it, unless its run goes on and it has only grown.
"""

from __future__ import annotations

import json
import os
import re
import stat as modes
from typing import Callable, Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple, TypeVar

from ..errors import refuse_exhaustion
from ..protocol import NotedFile, Outline, Points, RunId, ScalarForm, number
from ..store import inside, rundir
from . import files
from .reading import clean_name
from .series import ScalarSeries

_VERSION = 1
_FOLDER = "cache/scalars-%d"  # the user: each trusts what they have written themselves
_MOST = 1 << 23  # bytes of a file of summaries that are read
_MOST_NAMES = 1000  # of a file of a run
_MOST_OF_ALL = 5000  # of all files of a run
_MOST_SOURCES = 200  # files of a run, but for its output
_MOST_LOOKED = 20_000  # folders and files of a run that are looked at for event files
OUTPUT = ".guild/" + rundir.OUTPUT
_EVENTS = re.compile(r"events\.out\.tfevents\.")

Line = TypeVar("Line", files.SeriesLine, files.OutlineLine)


class Reading(NamedTuple):
    """What was read of a file of a run, when it had this stamp; `is_partial`: not all of it."""

    stamp: str
    found: Dict[str, ScalarSeries]
    is_partial: bool


class ReadFile(NamedTuple):
    """A file of a run: what it was when it was read, and which scalars it had."""

    stamp: str
    scalars: Dict[str, ScalarForm]


# ---- event files of TensorBoard, which somebody else reads


class EventFiles(NamedTuple):
    """The event files of a run, each with its stamp, and the folders that may have some.

    No folders: there are so many that not all were looked at.
    """

    stamps: Dict[str, str]
    folders: List[str]


def unnoted_of(directory: str, files: EventFiles) -> Dict[str, str]:
    """The event files that were not read as they are now: path in the run, and stamp.

    With each go the others of its folder, as all of a folder are one series.
    """
    known = _sources(directory) if files.stamps else {}
    new = {
        os.path.dirname(path)
        for path, stamp in files.stamps.items()
        if path not in known or known[path].stamp != stamp
    }
    return {path: stamp for path, stamp in files.stamps.items() if os.path.dirname(path) in new}


def note_scalars(home: str, run: RunId, files: Dict[str, NotedFile]) -> None:
    """Keep the points that were read from files of a run, by their paths in it.

    They take the place of those that were read from these before. Nothing where they cannot be
    kept: they are unnoted then.
    """
    read = {
        path: Reading(noted["stamp"], _series_of(noted["found"]), noted["partial"])
        for path, noted in files.items()
    }
    keep(rundir.run_dir(home, run), read)


def _series_of(found: Dict[str, Points]) -> Dict[str, ScalarSeries]:
    series: Dict[str, ScalarSeries] = {}
    for text, points in list(found.items())[:_MOST_NAMES]:
        name = clean_name(text)
        if name:
            one = series[name] = ScalarSeries()
            for time, step, value in zip(points["time"], points["step"], points["value"]):
                one.add(number(value), max(time, 0), step)
    return series


def event_files(directory: str) -> EventFiles:
    """The event files of a run; in `.guild`, too, where Guild AI has them."""
    looked = 0
    stamps: Dict[str, str] = {}
    seen = ["."]
    above = len(directory) + 1
    for folder, folders, names in inside.walk(directory):
        below = folder[above:] or "."
        if below == ".guild":
            folders.clear()
        seen += [os.path.normpath(os.path.join(below, name)) for name in folders]
        looked += 1 + len(names)
        for name in sorted(filter(_EVENTS.match, names)):
            path = os.path.normpath(os.path.join(below, name))
            stamp = stamp_of(directory, path)
            if stamp and len(stamps) < _MOST_SOURCES:
                stamps[path] = stamp
        if looked > _MOST_LOOKED:
            return EventFiles(stamps, [])
    return EventFiles(stamps, seen)


# ---- what is kept


def stamp_of(directory: str, path: str) -> str:
    """What tells a file from what it was before; empty where there is no such file."""
    found = inside.status(directory, path)
    if found is None or not modes.S_ISREG(found.st_mode):
        return ""
    return "%d %d %d %d" % (found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def has_read(directory: str, path: str, stamp: str) -> bool:
    """Whether what is kept of a file was read from it as it was then."""
    known = _sources(directory).get(path)
    return known is not None and known.stamp == stamp


class ToldLater(NamedTuple):
    """What is told of files of a run; `has_read`: something is kept of them.

    `is_of_output`: it comes from the output alone, all of which was read as it is now, or which has
    nothing.
    """

    scalars: Dict[str, ScalarForm]
    has_read: bool
    is_of_output: bool


def told(directory: str) -> ToldLater:
    """The scalars that were read from files of the run which are as they were then."""
    sources = _sources(directory)
    found: Dict[str, ScalarForm] = {}
    for _, source in _in_order(_current_of(directory, sources)):
        found.update(source.scalars)
    is_of_output = False
    if sources.keys() <= {OUTPUT}:
        stamp = stamp_of(directory, OUTPUT)
        known = sources.get(OUTPUT)
        is_of_output = known.stamp == stamp if known else not stamp or stamp.startswith("0 ")
    return ToldLater(found, bool(sources), is_of_output)


def points(directory: str, names: Sequence[str] = ()) -> Dict[str, Points]:
    """By name, their points."""
    lines = _current_lines(directory, lambda home, path: files.series_lines(home, path, names))
    return {line.name: line.points for line in lines}


def outlines(directory: str, pieces: int) -> Dict[str, Outline]:
    """By name, the outlines of their points, of so many pieces each."""
    lines = _current_lines(directory, lambda home, path: files.outline_lines(home, path, pieces))
    return {line.name: line.outline for line in lines}


def _current_lines(directory: str, read: Callable[[str, str], List[Line]]) -> Iterator[Line]:
    """The lines that were read from files which are as they were then; what counts more is last."""
    current = _current(directory)
    if not current:
        return
    home, name = _place(directory)
    by_source: Dict[str, List[Line]] = {}
    for line in read(home, name + ".series"):
        by_source.setdefault(line.source, []).append(line)
    for path, source in _in_order(current):
        yield from by_source.get(_mark(path, source.stamp), ())


def keep(directory: str, read: Dict[str, Reading]) -> None:
    """Keep what was read from files of a run, by their paths, beside what is kept of its others.

    Where there is no room for all of it, it is partial: what was read is not read again.
    """
    home, name = _place(directory)
    sources = {
        known: source
        for known, source in _sources(directory).items()
        if known not in read and stamp_of(directory, known)
    }
    marks = {_mark(known, source.stamp) for known, source in sources.items()}
    lines = [
        files.series_line(line)
        for line in files.series_lines(home, name + ".series")
        if line.source in marks
    ]
    room = 2 * files.MOST_BYTES - sum(map(len, lines))
    names = _MOST_OF_ALL - sum(len(source.scalars) for source in sources.values())
    for left, (path, (stamp, found, is_partial)) in zip(range(len(read), 0, -1), read.items()):
        kept = dict(list(found.items())[: max(names, 0)])
        text = files.points_text(kept, _mark(path, stamp), min(files.MOST_BYTES, room // left))
        if len(text) <= room:
            lines.append(text)
            room -= len(text)
        names -= len(kept)
        is_cut = len(kept) < len(found)
        sources[path] = ReadFile(stamp, files.summaries_from(kept, is_partial or is_cut))
    written = {
        "version": _VERSION,
        "sources": {known: list(source) for known, source in sources.items()},
    }
    try:
        inside.make(home, _folder())
        with inside.holding(home, name) as (handle, base):
            inside.write(handle, base + ".series", "".join(lines), flushed=False, mode=0o600)
            inside.write(handle, base, json.dumps(written), flushed=False, mode=0o600)
    except OSError:
        pass  # nobody may write here, or there is no room


def _in_order(sources: Dict[str, ReadFile]) -> List[Tuple[str, ReadFile]]:
    """What counts more comes later: the output has numbers as they were printed."""
    return sorted(sources.items(), key=lambda item: (item[0] == OUTPUT, item[0]))


def _mark(path: str, stamp: str) -> str:
    """By which points say what they were read from, and when: the two files are written apart."""
    return "%s %s" % (stamp, path)


def _current(directory: str) -> Dict[str, ReadFile]:
    """What was read from files that are as they were then."""
    return _current_of(directory, _sources(directory))


def _current_of(directory: str, sources: Dict[str, ReadFile]) -> Dict[str, ReadFile]:
    return {
        path: source
        for path, source in sources.items()
        if _is_current(directory, path, source.stamp)
    }


def _is_current(directory: str, path: str, stamp: str) -> bool:
    now = stamp_of(directory, path)
    if not now or now == stamp:
        return bool(now)
    # What has been read of a file that grows is as true as what a listing shows of a run that goes
    # on; of one that has ended the rest is missing.
    grows = int(now.split(" ")[0]) > int(re.split(r"\D", stamp)[0] or 0)
    return grows and rundir.read_attr(directory, "exit_status") is None


def _sources(directory: str) -> Dict[str, ReadFile]:
    home, name = _place(directory)
    try:
        with os.fdopen(inside.open_file(home, name), "rb") as f:
            if os.fstat(f.fileno()).st_uid != os.geteuid():
                return {}
            found = json.loads(f.read(_MOST))
        if found["version"] != _VERSION:
            return {}
        return {
            path: ReadFile(str(stamp), files.summaries_of(scalars))
            for path, (stamp, scalars) in found["sources"].items()
        }
    except OSError as e:
        refuse_exhaustion(e)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass  # it is damaged, or none of ours
    return {}


def names_kept(home: str) -> Set[str]:
    """The runs of which something is kept."""
    try:
        return {*os.listdir(os.path.join(home, _folder()))}
    except OSError as e:
        refuse_exhaustion(e)
        return set()


def place_in(home: str, run_id: RunId) -> str:
    """The file of what was read of a run, which not every one has."""
    return os.path.join(home, _folder(), run_id)


def _place(directory: str) -> Tuple[str, str]:
    """The guild home of a run, and in that the file of what was read of it."""
    runs, run_id = os.path.split(os.path.abspath(directory))
    home = os.path.dirname(runs)
    above = os.path.dirname(home)
    if runs == rundir.runs_dir(above, deleted=True) and os.path.isdir(rundir.runs_dir(above)):
        home = above
    return home, "%s/%s" % (_folder(), run_id)


def _folder() -> str:
    return _FOLDER % os.geteuid()


def remembered(home: str) -> List[str]:
    """The files of this kind that there are: what is asked for again is read again."""
    folder = os.path.join(home, _folder())
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    except OSError:
        return []
