"""The scalars of a run: those that its runner has kept, and what was read of its files since."""

from __future__ import annotations

import json
from typing import Dict, Mapping, NamedTuple, Optional, Sequence

from ..protocol import Outline, Points, RunId, ScalarForm
from ..store import atomic, attempts, inside, rundir
from . import files
from .series import ScalarSeries

SUMMARIES, SERIES = attempts.SCALARS
_MOST = 1 << 22  # bytes of the summaries that are read
_MOST_PIECES = 1000
_OF_ALL = ""  # among the summaries, what there is to say of all of them: no scalar has no name


class Own(NamedTuple):
    """What the runner has kept; `is_over`: it has read all that it ever will."""

    scalars: Dict[str, ScalarForm]
    is_over: bool


def write(
    directory: str,
    found: Mapping[str, ScalarSeries],
    is_over: bool = True,
    is_partial: bool = False,
) -> None:
    """Write down what a run's scalars are; `is_partial`: some of its output was not read."""
    guild = rundir.guild_dir(directory)
    points = files.points_text(found)
    summaries: Dict[str, object] = dict(files.summaries_from(found, is_partial))
    summaries[_OF_ALL] = {"over": is_over}
    atomic.write_in(guild, SERIES, points, flushed=False)
    atomic.write_in(guild, SUMMARIES, json.dumps(summaries) + "\n", flushed=False)


def own(directory: str) -> Optional[Own]:
    """What the run's own files have; None where there are none, or they are torn."""
    found = inside.read_mapping(rundir.guild_dir(directory), SUMMARIES, _MOST)
    if not found:
        return None
    of_all = found.get(_OF_ALL)
    # A run whose runner was another version's says nothing: that is taken for all.
    is_over = of_all.get("over") is not False if isinstance(of_all, dict) else True
    return Own(files.summaries_of(found), is_over)


class ToldScalars(NamedTuple):
    """The scalars of a run, each in a few numbers, and what these come from.

    `has_own`: its own file of summaries; `has_later`: what is kept of its files that were read
    later. `lasts`: they are the same for as long as these two are, and, where there is no such file
    of its own or something was read later, the run's output is.
    """

    scalars: Dict[str, ScalarForm]
    has_own: bool
    has_later: bool
    lasts: bool


def summaries(directory: str) -> Dict[str, ScalarForm]:
    """The scalars of a run, each in a few numbers; none where it has none, or they are torn."""
    return told(directory).scalars


def told(directory: str) -> ToldScalars:
    """As `summaries`, and what they come from."""
    from . import derived  # a runner has no use for it

    kept = own(directory)
    mine = kept.scalars if kept else {}
    has_all = is_whole(directory, kept)  # it may read the output
    later = derived.told(directory)
    if has_all:
        scalars = {**later.scalars, **mine}
    else:
        for form in mine.values():
            form["partial"] = True  # what came behind is not there, or was not read for now
        scalars = {**mine, **later.scalars}
    # How a run stands that is not over may change, and these files do not.
    is_settled = kept is None or kept.is_over
    lasts = is_settled and (later.is_of_output or (kept is not None and not later.has_read))
    return ToldScalars(scalars, kept is not None, later.has_read, lasts)


def points_of(
    home: str, ids: Sequence[RunId], names: Sequence[str] = ()
) -> Dict[str, Dict[str, Points]]:
    """By run and name, the points of these scalars; of all where no name is asked for."""
    return {run_id: points(rundir.run_dir(home, run_id), names) for run_id in ids}


def points(directory: str, names: Sequence[str] = ()) -> Dict[str, Points]:
    """By name, the points of a run's scalars."""
    from . import derived

    has_all = is_whole(directory, own(directory))
    lines = files.series_lines(rundir.guild_dir(directory), SERIES, names)
    mine = {line.name: line.points for line in lines}
    others = derived.points(directory, names)
    return {**others, **mine} if has_all else {**mine, **others}


def outlines(home: str, run_id: RunId, pieces: int) -> Dict[str, Outline]:
    """By name, the outlines of the points of a run's scalars, of so many pieces each."""
    from . import derived

    directory = rundir.run_dir(home, run_id)
    pieces = max(1, min(pieces, _MOST_PIECES))
    has_all = is_whole(directory, own(directory))
    lines = files.outline_lines(rundir.guild_dir(directory), SERIES, pieces)
    mine = {line.name: line.outline for line in lines}
    others = derived.outlines(directory, pieces)
    return {**others, **mine} if has_all else {**mine, **others}


def is_whole(directory: str, kept: Optional[Own]) -> bool:
    """Whether what a runner has kept is all that there is; else the output is read.

    What it has kept of a run that goes on is as much as is known.
    """
    if kept and (kept.is_over or rundir.status(directory).text == "running"):
        return True
    from . import rereading  # seldom needed

    rereading.read(directory, is_cut=kept is not None)
    return False
