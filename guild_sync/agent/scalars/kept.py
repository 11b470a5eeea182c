"""What a run keeps of its scalars: their summaries, `SCALARS`, and their points beside these."""

from __future__ import annotations

import json
from typing import Dict, List, Mapping, Sequence, Tuple

from .. import forms
from ..protocol import Points, RunId, ScalarForm, Value
from ..store import atomic, inside, rundir
from .series import ScalarSeries

SUMMARIES, SERIES = "SCALARS", "SCALARS.series"
_MOST = 1 << 24  # bytes of a file of these that is read


def write(directory: str, found: Mapping[str, ScalarSeries]) -> None:
    """Write down what a run's scalars are."""
    guild = rundir.guild_dir(directory)
    points = "".join(
        json.dumps({"name": name, **series.points()}, separators=(",", ":")) + "\n"
        for name, series in found.items()
    )
    summaries = {name: series.summary() for name, series in found.items()}
    atomic.write_in(guild, SERIES, points, flushed=False)
    atomic.write_in(guild, SUMMARIES, json.dumps(summaries) + "\n", flushed=False)


def summaries(directory: str) -> Dict[str, ScalarForm]:
    """The scalars of a run, each in a few numbers; none where it has none, or they are torn."""
    found = inside.read_mapping(rundir.guild_dir(directory), SUMMARIES, _MOST)
    return dict(_read(found))


def _read(found: Mapping[str, Value]) -> List[Tuple[str, ScalarForm]]:
    read: List[Tuple[str, ScalarForm]] = []
    for name, value in found.items():
        try:
            read.append((name, forms.read(ScalarForm, value)))
        except forms.Misread:
            pass
    return read


def points_of(
    home: str, ids: Sequence[RunId], names: Sequence[str] = ()
) -> Dict[str, Dict[str, Points]]:
    """By run and name, the points of these scalars; of all where no name is asked for."""
    return {run_id: points(rundir.run_dir(home, run_id), names) for run_id in ids}


def points(directory: str, names: Sequence[str] = ()) -> Dict[str, Points]:
    """By name, the points of a run's scalars."""
    try:
        text = inside.read(rundir.guild_dir(directory), SERIES, _MOST).decode("utf-8", "replace")
    except OSError:
        return {}
    found: Dict[str, Points] = {}
    for line in text.splitlines():
        try:
            value = json.loads(line)
            name = value.pop("name")
            if not names or name in names:
                found[name] = forms.read(Points, value)
        except (ValueError, KeyError, AttributeError, RecursionError):
            continue
    return found
