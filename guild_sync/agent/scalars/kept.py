"""The scalars of a run: those that its runner has kept, and what was read of its files since."""

from __future__ import annotations

import json
from typing import Dict, Mapping, NamedTuple, Optional, Sequence

from ..protocol import Points, RunId, ScalarForm
from ..store import atomic, inside, rundir
from . import derived, files
from .series import ScalarSeries

SUMMARIES, SERIES = "SCALARS", "SCALARS.series"
_MOST = 1 << 22  # bytes of the summaries that are read
_OF_ALL = ""  # among the summaries, what there is to say of all of them: no scalar has no name


class Own(NamedTuple):
    """What the runner has kept, and how much of the output it had read by then."""

    scalars: Dict[str, ScalarForm]
    read: int  # bytes


def write(directory: str, found: Mapping[str, ScalarSeries], read: int = -1) -> None:
    """Write down what a run's scalars are, after so many bytes of its output."""
    guild = rundir.guild_dir(directory)
    points = files.points_text(found)
    summaries: Dict[str, object] = {name: series.summary() for name, series in found.items()}
    summaries[_OF_ALL] = {"read": read}
    atomic.write_in(guild, SERIES, points, flushed=False)
    atomic.write_in(guild, SUMMARIES, json.dumps(summaries) + "\n", flushed=False)


def own(directory: str) -> Optional[Own]:
    """What the run's own files have; None where there are none, or they are torn."""
    found = inside.read_mapping(rundir.guild_dir(directory), SUMMARIES, _MOST)
    if not found:
        return None
    of_all = found.get(_OF_ALL)
    read = of_all.get("read") if isinstance(of_all, dict) else None
    return Own(files.summaries_of(found), read if isinstance(read, int) else -1)


def summaries(directory: str) -> Dict[str, ScalarForm]:
    """The scalars of a run, each in a few numbers; none where it has none, or they are torn."""
    kept = own(directory)
    return {**derived.summaries(directory), **(kept.scalars if kept else {})}


def points_of(
    home: str, ids: Sequence[RunId], names: Sequence[str] = ()
) -> Dict[str, Dict[str, Points]]:
    """By run and name, the points of these scalars; of all where no name is asked for."""
    return {run_id: points(rundir.run_dir(home, run_id), names) for run_id in ids}


def points(directory: str, names: Sequence[str] = ()) -> Dict[str, Points]:
    """By name, the points of a run's scalars."""
    kept = files.series_lines(rundir.guild_dir(directory), SERIES, names)
    return {**derived.points(directory, names), **{line.name: line.points for line in kept}}
