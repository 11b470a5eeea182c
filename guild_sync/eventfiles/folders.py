"""Runs as folders that TensorBoard shows: an event file for each, written where it has changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from guild_sync.agent.protocol import RUN_ID, ComparedRun, Points, RunId
from guild_sync.errors import GuildError, refused
from guild_sync.eventfiles import writing
from guild_sync.eventfiles.noting import OWN, is_event_file
from guild_sync.output import extra
from guild_sync.output.runs import operation
from guild_sync.output.terminal import clean

_UNFINISHED = ".guild-unfinished-"
_LONGEST = 120  # bytes of a folder's name
_AT_A_TIME = 100  # runs whose points are held at once
_METADATA = ".guild"
_FILE = re.compile(rf"events\.out\.tfevents\.\d+\.([0-9a-f]{{32}})\.([0-9a-f]{{16}}){OWN}\Z")


# By run and name, the points of the scalars of some runs.
PointsOf = Callable[[Sequence[RunId]], Mapping[RunId, dict[str, Points]]]


class Written(NamedTuple):
    """Which runs were written, which are there as they are, and which have nothing."""

    done: list[RunId]
    unchanged: list[RunId]
    without: list[RunId]


def write_all(runs: Sequence[ComparedRun], points_of: PointsOf, folder: Path) -> Written:
    """Have a folder with an event file for each of these runs that has scalars.

    Where a folder of a run's whole id is there, as in the runs of a guild home, its file goes into
    the `.guild` in it, in which Guild AI looks; not beside another that is there, as in its own
    runs. Raises GuildError where it cannot be written.
    """
    extra.need("event files", "tensorboard", "tensorboard")
    found = Written([], [], [])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            places = dict(_places(folder))
            for first in range(0, len(runs), _AT_A_TIME):
                some = runs[first : first + _AT_A_TIME]
                points = points_of([run["id"] for run in some])
                for run in some:
                    _write(folder, places, run, points.get(run["id"], {}), found)
    except OSError as e:
        raise refused(e) from None
    return found


def _write(
    folder: Path,
    places: dict[RunId, Path],
    run: ComparedRun,
    points: dict[str, Points],
    found: Written,
) -> None:
    run_id = run["id"]
    if not points:
        found.without.append(run_id)
        return
    place = _place(folder, places, run)
    name = _file_name(run, points)
    if (place / name).is_file() or any(map(is_event_file, os.listdir(place))):
        found.unchanged.append(run_id)
    else:
        temporary = place / (_UNFINISHED + os.urandom(8).hex())
        try:
            temporary.write_bytes(writing.event_file(run, points))
            os.replace(temporary, place / name)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
        found.done.append(run_id)
    for other in place.iterdir():
        match = _FILE.match(other.name)
        if match and match[1] == run_id and other.name != name:
            other.unlink()


def _place(folder: Path, places: dict[RunId, Path], run: ComparedRun) -> Path:
    """The folder of a run's event file; one that was named by an earlier label is renamed."""
    whole = folder / run["id"]
    if whole.is_dir() and not whole.is_symlink():
        place = whole / _METADATA
        if place.is_symlink():
            raise GuildError(f"{clean(place)} is a link", "guild follows no link in a run.")
        place.mkdir(exist_ok=True)
        _remove_unfinished(place)
        return place
    wanted = folder / folder_name(run)
    if any(place == wanted and other != run["id"] for other, place in places.items()):
        wanted = folder / run["id"]  # of two whose ids begin alike
    before = places.get(run["id"])
    if before is not None and before != wanted and not wanted.exists():
        os.rename(before, wanted)
    wanted.mkdir(exist_ok=True)
    places[run["id"]] = wanted
    return wanted


def folder_name(run: ComparedRun) -> str:
    """`1a2b3c4d train lr=0.1`: as TensorBoard names the run, and safe as a file's name."""
    label = str(run["label"]) if run["label"] is not None else ""
    text = clean(" ".join(filter(None, (run["id"][:8], operation(run), label))))
    text = re.sub(r'[/\\:*?"<>|]', "_", text)
    return text.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore").strip(" .")


def _file_name(run: ComparedRun, points: dict[str, Points]) -> str:
    """A name that is another wherever anything that is written is another.

    TensorBoard reads on where a file has grown, and anew where one has another name.
    """
    said = json.dumps([writing.VERSION, points, run["flags"], run["started"]], sort_keys=True)
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"events.out.tfevents.{writing.begun(run):010.0f}.{run['id']}.{digest}{OWN}"


def _places(folder: Path) -> Iterator[tuple[RunId, Path]]:
    """The runs whose event files are in the folders of a folder; what was left by a kill goes."""
    for place in folder.iterdir():
        if RUN_ID.match(place.name) or place.is_symlink() or not place.is_dir():
            continue
        _remove_unfinished(place)
        for file in place.iterdir():
            if match := _FILE.match(file.name):
                yield match[1], place


def _remove_unfinished(place: Path) -> None:
    for file in place.iterdir():
        if file.name.startswith(_UNFINISHED):
            file.unlink()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only guild that writes into a folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GuildError(
                f"another guild is writing into {clean(folder)!r}", "Try again when it is done."
            ) from None
        except OSError:  # a file system without flock
            pass
        yield
    finally:
        os.close(handle)
